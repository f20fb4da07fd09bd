// The view of listings: a table goes to POST /screen, and its deals come back to filter, sort, edit, open and download.

import { Problem, getOpenApi, screen } from "./api.js";
import { READINGS, changed, errorsOf, nameOf, rowText, toCsv, withEdits } from "./deals.js";
import { DealsFilter } from "./deals_filter.js";
import { DealsMap } from "./deals_map.js";
import { DealsTable } from "./deals_table.js";
import { el } from "./dom.js";
import { save } from "./download.js";
import { keepUpload, keptUpload } from "./kept_upload.js";
import { ListingEditor } from "./listing_editor.js";
import { listingsSource } from "./listings_source.js";
import { TermsForm } from "./listings_terms.js";
import { linkTo } from "./opened_listing.js";
import { lengthsOf } from "./lengths.js";
import { label, moneyOf, number, percent, plural } from "./format.js";

const MAX_REFUSED = 100; // shown of the listings without a valuation
const MEDIAN = "comparables_median";
const TOO_MANY = 413; // status where the listings are too many for this reason

/** The view of listings. Its terms are the parameters of /screen, read from the API's document when it is first shown. */
export class Listings {
  constructor(host, model) {
    this.model = model;
    this.money = moneyOf(model.currency);
    this.edits = new Map(); // row → {changes, deal}
    this.problem = el("div", { role: "alert" });
    this.result = el("div", { class: "result" });
    this.table = new DealsTable(this.money, {
      linkOf: (deal) => linkTo(deal, model),
      isEdited: ({ row }) => this.edits.has(row),
      onEdit: (deal) => this.#edit(deal),
      onHover: (row) => this.map?.highlight(row),
    });
    this.editor = new ListingEditor(model, this.money, {
      rescreen: (listing, changes) => this.#rescreen(listing, changes),
      onClose: ({ row }) => {
        this.#update();
        this.table.focus(row);
      },
    });
    this.source = listingsSource(model, (source) => this.#screen(source));
    host.append(
      el("div", { class: "intro" },
        el("h1", {}, "Which listings are deals?"),
        el("p", {}, "Upload homes for sale and compare each one’s value with its price and your costs.")),
      this.source,
      this.problem,
      this.result,
      this.editor.node);
  }

  /** Make the fields of the terms, once. */
  async prepare() {
    if (this.terms) return;
    try {
      const { paths } = await getOpenApi();
      if (this.terms) return;
      this.terms = new TermsForm(paths["/screen"].post.parameters, this.model.currency, () => this.#screen(this.screened));
      this.source.after(this.terms.node);
      const kept = await keptUpload();
      if (kept && !this.answer && !this.request) await this.#screen(kept);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#fail(error, "");
    }
  }

  /** Return the listings of this tab that have a number, with the links to their valuations. */
  find(text) {
    const wanted = text.toLowerCase();
    return (this.current?.deals ?? []).filter((deal) => nameOf(deal).toLowerCase() === wanted)
      .map((deal) => ({ found_by: "listing", label: nameOf(deal), link: linkTo(deal, this.model) }));
  }

  // Screen a table. Until its answer is there, and if there is none, the last table stays as it is.
  async #screen(source) {
    this.problem.replaceChildren();
    if (!source) {
      this.problem.append(el("p", { class: "notice" }, "Choose a file or paste rows first."));
      return;
    }
    this.terms?.clearErrors();
    const request = (this.request = {}); // a later request replaces this one
    this.result.setAttribute("aria-busy", "true");
    try {
      const terms = this.terms?.read() ?? {};
      const isOther = source !== this.screened;
      const answer = await screenTable(source, terms);
      const edits = isOther ? new Map() : await this.#screenEdited(terms);
      if (request !== this.request) return;
      Object.assign(this, { answer, edits, screened: source, answeredTerms: terms });
      if (isOther) {
        this.table.reset();
        keepUpload(source);
      }
      this.#show(isOther);
    } catch (error) {
      if (request !== this.request) return;
      if (!(error instanceof Problem)) throw error;
      this.#fail(error, source.name);
    } finally {
      if (request === this.request) this.result.removeAttribute("aria-busy");
    }
  }

  // Screen the edited listings again, on other terms.
  async #screenEdited(terms) {
    const edits = [...this.edits];
    if (!edits.length) return new Map();
    const answer = await screenListings(edits.map(([row, { changes }]) => changed(this.#original(row).listing, changes)), terms);
    return new Map(edits.map(([row, edit], index) => [row, { ...edit, ...outcomeAt(answer, index, this.#original(row)) }]));
  }

  async #rescreen(listing, changes) {
    const { row } = listing;
    if (!Object.keys(changes).length) {
      this.edits.delete(row);
      this.#update();
      const deal = this.answer.deals.find((other) => other.row === row);
      return deal ? { deal } : { errors: errorsOf(listing) };
    }
    try {
      const { deal, errors } = outcomeAt(await screenListings([changed(listing.listing, changes)], this.answeredTerms), 0, listing);
      if (!deal) return { errors };
      this.edits.set(row, { changes, deal });
      this.#update();
      return { deal };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { errors: [{ field: "", message: error.detail }] };
    }
  }

  #original(row) {
    return [...this.answer.deals, ...this.answer.refused].find((listing) => listing.row === row);
  }

  #edit({ row }) {
    const original = this.#original(row);
    const edit = this.edits.get(row);
    this.editor.open(original, edit?.changes ?? {}, edit?.deal ?? (original.valuation ? original : undefined), this.answer.costs);
  }

  #fail(problem, name) {
    if (this.terms?.showProblem(problem)) {
      if (this.answer) this.problem.append(el("p", { class: "notice" }, "The table below still shows your last settings."));
      return;
    }
    const messages = problem.errors.map(({ row, field, message }) => [row === undefined ? "" : `${rowText(row)}, `, field ? `${field}: ` : "", message].join(""));
    this.problem.append(el("div", { class: "card refused" },
      el("p", { class: "eyebrow" }, name ? `No result for ${name}` : "No result"),
      el("p", { class: "verdict" }, problem.title ?? "We couldn’t screen this file"),
      el("p", { class: "help" }, problem.detail),
      messages.length ? el("ul", {}, messages.map((text) => el("li", {}, text))) : null,
      this.answer ? el("p", { class: "help" }, `The table below is still that of ${this.screened.name}.`) : null));
  }

  // Build the parts of the result; filters stay unless the listings are others.
  #show(isOther) {
    this.current = withEdits(this.answer, this.edits);
    if (isOther || !this.filter) {
      this.filter = new DealsFilter(this.model, this.current, {
        isInView: this.model.coordinates ? (deal) => this.map?.contains(deal) ?? true : null, onChange: () => this.#update(),
      });
    }
    this.place = el("div", { hidden: true }); // of the map
    this.heading = el("h2", { id: "deals-heading" });
    const { warnings } = this.answer;
    this.explanation = el("p", { class: "help" });
    this.count = el("p", { class: "help count-line", role: "status" });
    this.download = el("button", { type: "button", class: "plain", onclick: () => this.#download() });
    this.refused = el("section", { class: "card", "aria-labelledby": "refused-heading" });
    const all = el("input", { type: "checkbox", checked: this.table.all, onchange: () => {
      this.table.all = all.checked;
      this.#update();
    } });
    this.result.replaceChildren(
      el("section", { class: "card found", "aria-labelledby": "deals-heading" },
        this.heading, warnings.length ? el("ul", { class: "notice" }, warnings.map((text) => el("li", {}, text))) : null, this.explanation, this.filter.node),
      this.place,
      el("section", { class: "card", "aria-label": "Table of the listings" },
        el("div", { class: "headline" }, this.count, el("div", { class: "actions" }, el("label", { class: "checkbox" }, all, " All figures"), this.download)),
        this.table.node),
      this.refused,
      this.#note());
    this.#drawMap();
    this.#update();
  }

  // Show the answer with its edits, as the filters have it.
  #update() {
    this.current = withEdits(this.answer, this.edits);
    const { deals, refused } = this.current;
    if (deals.some((deal) => this.#hasPlace(deal) && !this.map?.indexOf.has(deal.row))) this.#drawMap();
    const isShown = (deal) => this.filter.matches(deal);
    this.map?.show(deals.filter((deal) => this.#hasPlace(deal)), isShown);
    this.table.show(this.current, isShown);
    this.#showHeadline(this.table.shown.length);
    this.#showRefused(refused);
  }

  #hasPlace({ listing }) {
    return this.model.coordinates?.every((name) => name in listing);
  }

  #drawMap() {
    const placed = this.current.deals.filter((deal) => this.#hasPlace(deal));
    this.map?.view.close();
    this.place.hidden = !placed.length;
    this.map = placed.length === 0 ? null : new DealsMap(placed, this.model.coordinates, this.money, {
      lengths: lengthsOf(this.model), onOpen: (deal) => (location.hash = linkTo(deal, this.model)), onMove: () => this.filter.viewMoved(),
    });
    this.place.replaceChildren(...(this.map ? [this.map.node] : []));
    this.map?.view.start();
  }

  #showHeadline(shown) {
    const { deals, counts, ranking } = this.current;
    this.heading.textContent = `${counts.deals ? plural(counts.deals, "deal", "deals") : "No deals"} in ${plural(deals.length, "listing", "listings")}, ${ranking === "expected_margin" ? "by expected profit" : "by value ÷ list price"}`;
    this.explanation.replaceChildren(...this.#explanation());
    this.count.textContent = `${shown === deals.length ? "" : `${number(shown)} of `}${plural(deals.length, "listing", "listings")} shown. Click a heading to sort.`;
    this.download.textContent = shown === deals.length ? "Download as CSV" : `Download these ${number(shown)} as CSV`;
  }

  // Say what a deal is, and what has to be true for it.
  #explanation() {
    const { counts, probability, ranking } = this.current;
    const deal = `A deal has a chance of profit of ${percent(probability)} or more after all costs.`;
    const open = "Open a listing to see how it was valued.";
    if (ranking === "expected_margin") return [`${deal} ${open}`];
    return [el("strong", {}, `${plural(counts.pay, "pays", "pay")} even if the asking price is informed; ${plural(counts.pay_only_if_value_right, "pays", "pay")} only if our value is right.`),
      ` ${deal} An informed asking price reflects what the seller knows and no record shows; the home then resells near it. ${open}`];
  }

  #showRefused(refused) {
    this.refused.hidden = !refused.length;
    const text = (listing) => errorsOf(listing).map(({ field, message }) => (field ? `${label(field)}: ${message}` : message)).join("; ");
    this.refused.replaceChildren(
      el("h2", { id: "refused-heading" }, `${plural(refused.length, "listing", "listings")} without a valuation`),
      el("ul", { class: "plain-list" }, refused.slice(0, MAX_REFUSED).map((listing) =>
        el("li", {}, el("strong", {}, nameOf(listing)), ` ${text(listing)} `,
          el("button", { type: "button", class: "link", "aria-label": `Edit ${nameOf(listing)}`, onclick: () => this.#edit(listing) }, "Edit")))),
      refused.length > MAX_REFUSED ? el("p", { class: "help" }, `and ${number(refused.length - MAX_REFUSED)} more`) : "");
  }

  #note() {
    const { fitted, listings } = this.answer.asks;
    const source = fitted
      ? `How well list prices predict resale prices was estimated from ${plural(listings, "closed listing", "closed listings")}.`
      : "No closed listings say how well list prices predict resale prices here, so each home is judged twice.";
    const { pairs, pairs_needed: needed, share } = this.answer.past_resales;
    const resold = `${number(pairs)} homes here were sold twice within two years`;
    const past = fitted ? "" : share === null
      ? ` ${resold}; at least ${number(needed)} are needed to learn how much of a discount comes back.`
      : ` “${READINGS.as_past_resales}”: ${resold}, and ${percent(share)} of a discount came back, besides what their owners gained by improving them.`;
    const median = this.answer.deals.some(({ valuation }) => MEDIAN in valuation) ? "" : " The comparables’ median is left out, because the listings are too many.";
    return el("p", { class: "help" }, `${source}${past}${median} A home that looks cheap may have faults that no record shows. Inspect it before you buy.`);
  }

  #download() {
    const refused = this.filter.isActive ? [] : this.current.refused;
    save(toCsv(this.table.shown, refused, this.edits), `${this.screened.name.replace(/\.\w+$/, "")}-deals.csv`);
  }
}

async function screenTable({ body, mediaType }, terms) {
  try {
    return await screen(body, terms, { mediaType, include: [MEDIAN] });
  } catch (error) {
    if (error.status !== TOO_MANY) throw error;
    return screen(body, terms, { mediaType });
  }
}

const screenListings = (listings, terms) =>
  screen(JSON.stringify({ listings }), terms, { mediaType: "application/json", include: [MEDIAN] });

// Return the deal of one of the listings of an answer, or its errors; row and cells are those of the original.
function outcomeAt({ deals, refused }, index, { row, cells }) {
  const deal = deals.find((other) => other.row === index);
  if (deal) return { deal: { ...deal, row, cells } };
  return { errors: errorsOf(refused.find((other) => other.row === index)) };
}
