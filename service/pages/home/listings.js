// Screening listings: a CSV file goes to POST /screen, and its deals come back as a table to sort and to download.

import { Problem, getOpenApi, screen } from "./api.js";
import { parseCsv } from "./csv.js";
import { el } from "./dom.js";
import { MINUS, label, moneyOf, number, percent, plural } from "./format.js";

const PAGE_ROWS = 100; // shown at first: a table of thousands of rows is slow to lay out
const FIRST_CSV_ROW = 2; // as spreadsheets count: the header is row 1
const NOT_TERMS = new Set(["include", "confidence"]); // parameters of /screen that are not terms of a deal
// What a deal's label starts with; the others are "pays under neither" and "does not pay".
const DEAL_LABELS = new Set(["pays under both", "pays only if our value is right", "pays"]);
const READING_NAMES = { if_ask_informed: "if ask is informed", if_value_right: "if our value is right", as_past_resales: "as past resales" };
const TERM_LABELS = {
  probability: "Required chance of profit", rehab: "Repair cost", holding: "Holding cost", holding_months: "Months until resale",
  monthly_cost: "Cost a month", rent: "Rent a month", rent_costs: "Rent’s costs",
};
const TERM_UNITS = { holding_months: "months" };

/** The view of listings. Its terms are the parameters of /screen, read from the API's document when it is first shown. */
export class Listings {
  constructor(host, model) {
    this.model = model;
    this.money = moneyOf(model.currency);
    this.order = { key: "rank", down: false };
    this.dealsOnly = false;
    this.maxRows = PAGE_ROWS;
    this.result = el("div", { class: "result", "aria-live": "polite" });
    host.append(
      el("div", { class: "intro" },
        el("h1", {}, "Which listings are deals?"),
        el("p", {}, "Upload homes for sale and compare each one’s value with its price and your costs.")),
      this.#upload(),
      this.result);
    this.terms = {};
  }

  /** Make the fields of the terms, once. */
  async prepare() {
    if (this.prepared) return;
    this.prepared = true;
    try {
      const { paths } = await getOpenApi();
      const { parameters } = paths["/screen"].post;
      this.drop.after(this.#termsForm(parameters.filter(({ name }) => !NOT_TERMS.has(name))));
    } catch (error) {
      this.prepared = false;
      if (!(error instanceof Problem)) throw error;
      this.#fail(error);
    }
  }

  #upload() {
    this.input = el("input", { id: "listings-file", type: "file", accept: ".csv,text/csv", onchange: () => this.#load(this.input.files[0]) });
    this.drop = el("div", {
      class: "card drop",
      ondragover: (event) => {
        event.preventDefault();
        this.drop.classList.add("dragging");
      },
      ondragleave: () => this.drop.classList.remove("dragging"),
      ondrop: (event) => {
        event.preventDefault();
        this.drop.classList.remove("dragging");
        this.input.files = event.dataTransfer.files;
        this.#load(this.input.files[0]);
      },
    },
    el("label", { for: "listings-file" }, el("strong", {}, "Choose a CSV file"), el("span", {}, " or drop it here")),
    this.input,
    el("p", { class: "help" }, `A header row, then one row per home. Required columns: list_price, ${this.#requiredColumns().join(", ")}. Add any other facts you know, and what a repair will change as after_condition and the like. `,
      el("button", { type: "button", class: "link", onclick: () => save(new Blob([this.#template()], { type: "text/csv" }), "listings.csv") }, "Download a template")));
    return this.drop;
  }

  #termsForm(parameters) {
    const { currency } = this.model;
    const field = ({ name, description, schema }) => {
      const isShare = schema.maximum <= 1; // written in percent
      const id = `term-${name}`;
      const value = isShare ? number(100 * schema.default) : String(schema.default);
      const input = el("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", value, "aria-describedby": `${id}-help ${id}-error` });
      const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
      this.terms[name] = { input, error, isShare };
      return el("div", { class: "field" },
        el("label", { for: id }, TERM_LABELS[name] ?? label(name)),
        el("span", { class: "entry" }, input, el("span", { class: "unit", "aria-hidden": "true" }, isShare ? "%" : TERM_UNITS[name] ?? currency)),
        el("p", { class: "help", id: `${id}-help` }, description), error);
    };
    return el("form", { class: "card terms", novalidate: true, "aria-labelledby": "terms-heading", onsubmit: (event) => {
      event.preventDefault();
      this.#screen();
    } },
    el("h2", { id: "terms-heading" }, "Your costs and target"),
    el("div", { class: "fields" }, parameters.map(field)),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Find deals")));
  }

  #requiredColumns() {
    return this.model.features.filter(({ required }) => required).map(({ name }) => name);
  }

  #template() {
    const { request, answer } = this.model.example;
    const names = Object.keys(request);
    const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replace(/"/g, '""')}"` : String(value));
    return `${["listing_id", "list_price", ...names].map(quoted).join(",")}\n${["example", Math.round(answer.price), ...names.map((name) => request[name])].map(quoted).join(",")}\n`;
  }

  async #load(file) {
    if (!file) return;
    // Read now: a file that changes on the disk cannot be sent again with other terms.
    this.fileName = file.name;
    this.file = new Blob([await file.arrayBuffer()], { type: "text/csv" });
    this.rowFacts = this.#readFacts(await this.file.text());
    this.#screen();
  }

  // Return the facts of each row, as links to a valuation write them.
  #readFacts(text) {
    const [header = [], ...rows] = parseCsv(text);
    const names = new Map(this.model.features.flatMap(({ name, aliases }) => [name, ...aliases].map((alias) => [alias, name])));
    const columns = header.map((column) => names.get(column.trim()));
    return rows.map((cells) => {
      const facts = new URLSearchParams();
      cells.forEach((cell, index) => {
        if (columns[index] && cell.trim()) facts.set(columns[index], cell.trim());
      });
      return facts;
    });
  }

  /** Return the link to a listing's valuation. The date is added because a file may have it in a column that is not a fact. */
  #linkOf({ row, valuation: { valuation_date: date } }) {
    const facts = new URLSearchParams(this.rowFacts[row]);
    if (date && date !== this.model.sale_dates[1]) facts.set("valuation_date", date);
    return `#${facts}`;
  }

  #readTerms() {
    const terms = {};
    for (const [name, { input, error, isShare }] of Object.entries(this.terms)) {
      error.hidden = true;
      input.removeAttribute("aria-invalid");
      const text = input.value.trim().replace(/,/g, "");
      if (text === "") continue;
      const value = Number(text);
      // Text that is not a number is sent unchanged: the server reports it.
      terms[name] = isShare && Number.isFinite(value) ? Number((value / 100).toFixed(6)) : text;
    }
    return terms;
  }

  async #screen() {
    if (!this.file) {
      this.result.replaceChildren(el("p", { class: "notice" }, "Choose a CSV file first."));
      return;
    }
    const request = (this.request = {}); // a later request replaces this one
    this.result.setAttribute("aria-busy", "true");
    try {
      const answer = await screen(this.file, this.#readTerms());
      if (request !== this.request) return;
      this.answer = answer;
      this.maxRows = PAGE_ROWS;
      this.order = { key: "rank", down: false };
      this.#show();
    } catch (error) {
      if (request !== this.request) return;
      if (!(error instanceof Problem)) throw error;
      this.#fail(error);
    } finally {
      this.result.removeAttribute("aria-busy");
    }
  }

  #fail(problem) {
    const otherMessages = [];
    const invalid = [];
    for (const { row, field, message } of problem.errors) {
      if (row === undefined && this.terms[field]) invalid.push([field, message]);
      else otherMessages.push([row === undefined ? "" : `${rowText(row)}, `, field ? `${field}: ` : "", message].join(""));
    }
    // A problem with one query parameter starts its detail with the parameter's name.
    const parameter = problem.errors.length ? null : Object.keys(this.terms).find((name) => problem.detail?.startsWith(`${name}:`));
    if (parameter) invalid.push([parameter, problem.detail.slice(parameter.length + 1).trim()]);
    for (const [name, message] of invalid) {
      const { input, error } = this.terms[name];
      error.textContent = message;
      error.hidden = false;
      input.setAttribute("aria-invalid", "true");
    }
    if (invalid.length) this.terms[invalid[0][0]].input.focus();
    this.result.replaceChildren(el("div", { class: "card refused" },
      el("p", { class: "eyebrow" }, "No result"),
      el("p", { class: "verdict" }, problem.title ?? "We couldn’t screen this file"),
      el("p", { class: "help" }, problem.detail),
      otherMessages.length ? el("ul", {}, otherMessages.map((text) => el("li", {}, text))) : null));
  }

  #show() {
    const { deals, refused, counts, ranking } = this.answer;
    const listings = plural(deals.length, "listing", "listings");
    this.body = el("tbody");
    this.head = el("tr");
    this.more = el("button", { type: "button", class: "plain", onclick: () => {
      this.maxRows += PAGE_ROWS * 5;
      this.#fill();
    } }, "Show more");
    this.result.replaceChildren(...[
      el("section", { class: "card", "aria-labelledby": "deals-heading" },
        el("div", { class: "headline" },
          el("div", {},
            el("h2", { id: "deals-heading" }, `${counts.deals ? plural(counts.deals, "deal", "deals") : "No deals"} in ${listings}, ${ranking === "expected_margin" ? "by expected profit" : "by value ÷ list price"}`),
            this.#explanation()),
          el("div", { class: "actions" },
            el("label", { class: "checkbox" }, el("input", { type: "checkbox", checked: this.dealsOnly, onchange: (event) => {
              this.dealsOnly = event.target.checked;
              this.#fill();
            } }), " Deals only"),
            el("button", { type: "button", class: "plain", onclick: (event) => this.#download(event.currentTarget) }, "Download as CSV"))),
        el("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-labelledby": "deals-heading" },
          el("table", { class: "deals" }, el("thead", {}, this.head), this.body)),
        this.more),
      refused.length ? this.#refused(refused) : null,
      this.#note(),
    ].filter(Boolean));
    this.#fill();
  }

  // Say what a deal is, and what has to be true for it.
  #explanation() {
    const { counts, probability, ranking } = this.answer;
    const deal = `A deal has a chance of profit of ${percent(probability)} or more after all costs.`;
    const open = "Open a listing to see how it was valued.";
    if (ranking === "expected_margin") return el("p", { class: "help" }, `${deal} ${open}`);
    return el("p", { class: "help" },
      el("strong", {}, `${number(counts.pay)} pay even if the asking price is informed; ${number(counts.pay_only_if_value_right)} pay only if our value is right.`),
      ` ${deal} An informed asking price reflects what the seller knows and no record shows; the home then resells near it. ${open}`);
  }

  #columns() {
    const { money } = this;
    const amount = (key, name) => ({ key, name, value: (deal) => deal[key], text: (deal) => money.full(deal[key]) });
    const hasIds = this.answer.deals.some(({ listing_id: id }) => id !== null);
    return [
      { key: "rank", name: "Rank", value: ({ rank }) => rank, text: ({ rank }) => number(rank) },
      { key: "row", name: "Listing", value: ({ listing_id: id, row }) => (hasIds ? id ?? "" : row), text: ({ listing_id: id, row }) => id ?? rowText(row), isName: true },
      amount("list_price", "List price"),
      { key: "price", name: "Valuation", value: ({ valuation }) => valuation.price, text: ({ valuation }) => money.full(valuation.price) },
      { key: "naive_percent", name: "Value over list price", value: (deal) => deal.naive_percent, text: (deal) => signedPercent(deal.naive_percent) },
      { key: "pays", name: "Pays", value: ({ pays }) => pays, text: ({ pays }) => pays, style: (deal) => (DEAL_LABELS.has(deal.pays) ? "strong" : "") },
      ...this.#repairColumns(),
      amount("seventy_percent_offer", "70% offer"),
      amount("break_even", "Break-even"),
      ...this.#readings().flatMap(([reading, name]) => this.#outcomeColumns(reading, name)),
    ];
  }

  // Return the columns of planned repairs and of rents, where a listing has one.
  #repairColumns() {
    const { money } = this;
    const column = (key, name, text) => ({ key, name, value: (deal) => deal[key] ?? -Infinity, text: (deal) => (deal[key] === null ? "–" : text(deal)) });
    return [
      column("arv", "Value after repair", ({ arv }) => money.full(arv)),
      column("uplift", "Repair adds", ({ uplift }) => money.signed(uplift)),
      column("uplift_low", "80% range of that", ({ uplift_low: low, uplift_high: high }) => `${money.brief(low)} to ${money.brief(high)}`),
      column("cap_rate_percent", "Cap rate", ({ cap_rate_percent: share }) => signedPercent(share)),
    ].filter(({ key }) => this.answer.deals.some((deal) => deal[key] !== null));
  }

  // Return the readings of this answer with what to add to a column's name; a single one without a name where closed listings decide.
  #readings() {
    const named = Object.keys(this.answer.deals[0]?.readings ?? {}).map((reading) => [reading, ` ${READING_NAMES[reading]}`]);
    return named.length ? named : [[null, ""]];
  }

  #outcomeColumns(reading, name) {
    const { money } = this;
    const column = (field, title, text, style) => {
      const of = (deal) => (reading ? deal.readings[reading] : deal);
      return { key: `${reading}.${field}`, name: `${title}${name}`, value: (deal) => of(deal)[field], text: (deal) => text(of(deal)), style: style && ((deal) => style(of(deal))) };
    };
    return [
      column("resale_price", "Resale price", ({ resale_price: price }) => money.full(price)),
      column("margin", "Profit", ({ margin }) => money.signed(margin), ({ margin }) => (margin < 0 ? "strong loss" : "strong gain")),
      column("margin_low", "80% range of profit", ({ margin_low: low, margin_high: high }) => `${money.brief(low)} to ${money.brief(high)}`),
      column("margin_percent", "Return on cost", ({ margin_percent: share }) => signedPercent(share)),
      ...(this.answer.costs.holding_months || this.answer.deals.some((deal) => deal.cash_on_cash_percent !== null)
        ? [column("cash_on_cash_percent", "Cash on cash", ({ cash_on_cash_percent: share }) => (share === null ? "–" : signedPercent(share)))] : []),
      column("probability", "Chance of profit", ({ probability }) => percent(probability)),
      column("highest_offer", "Highest offer", ({ highest_offer: offer }) => money.full(offer)),
    ];
  }

  #fill() {
    const columns = this.#columns();
    const column = columns.find(({ key }) => key === this.order.key) ?? columns[0];
    const sign = this.order.down ? -1 : 1;
    const compare = (first, second) => (first < second ? -sign : first > second ? sign : 0);
    const deals = this.answer.deals.filter(({ pays }) => DEAL_LABELS.has(pays) || !this.dealsOnly)
      .sort((first, second) => compare(column.value(first), column.value(second)) || first.rank - second.rank);
    this.head.replaceChildren(...columns.map(({ key, name, isName }) => el("th", {
      scope: "col", class: isName ? null : "amount", "aria-sort": key === column.key ? (this.order.down ? "descending" : "ascending") : null,
    }, el("button", { type: "button", onclick: () => this.#sortBy(key) }, name))));
    this.body.replaceChildren(...deals.slice(0, this.maxRows).map((deal) => this.#row(deal, columns)));
    if (!deals.length) this.body.append(el("tr", {}, el("td", { colspan: columns.length }, "No deals.")));
    this.more.hidden = deals.length <= this.maxRows;
  }

  #row(deal, columns) {
    const cell = ({ text, isName, style }) => {
      if (!isName) return el("td", { class: `amount ${style?.(deal) ?? ""}` }, text(deal));
      const warnings = deal.warnings.length
        ? el("details", { class: "warnings" }, el("summary", {}, plural(deal.warnings.length, "warning", "warnings")), el("ul", {}, deal.warnings.map((warning) => el("li", {}, warning)))) : null;
      return el("td", {}, el("a", { href: this.#linkOf(deal), title: "See how it was valued" }, text(deal)), warnings);
    };
    return el("tr", { class: DEAL_LABELS.has(deal.pays) ? "deal" : null }, columns.map(cell));
  }

  #sortBy(key) {
    // The first click sorts amounts from the largest, but ranks, rows and names from the first.
    const ascending = key === "rank" || key === "row" || key === "pays";
    this.order = { key, down: this.order.key === key ? !this.order.down : !ascending };
    this.#fill();
    this.head.querySelector("[aria-sort] button").focus();
  }

  #refused(refused) {
    const messages = ({ error }) => (error.errors?.length ? error.errors.map(({ field, message }) => `${label(field)}: ${message}`) : [error.detail]);
    return el("section", { class: "card", "aria-labelledby": "refused-heading" },
      el("h2", { id: "refused-heading" }, `${plural(refused.length, "listing", "listings")} without a valuation`),
      el("ul", { class: "plain-list" }, refused.slice(0, PAGE_ROWS).map((listing) =>
        el("li", {}, el("strong", {}, listing.listing_id ?? rowText(listing.row)), ` ${messages(listing).join("; ")}`))),
      refused.length > PAGE_ROWS ? el("p", { class: "help" }, `and ${number(refused.length - PAGE_ROWS)} more`) : null);
  }

  #note() {
    const { fitted, listings } = this.answer.asks;
    const source = fitted
      ? `How well list prices predict resale prices was estimated from ${plural(listings, "closed listing", "closed listings")}.`
      : "No closed listings say how well list prices predict resale prices here, so each home is judged twice.";
    const { pairs, pairs_needed: needed, share } = this.answer.past_resales;
    const resold = `${number(pairs)} homes here were sold twice within two years`;
    const past = fitted ? "" : share === null
      ? ` ${resold}; to learn how much of a discount comes back takes ${number(needed)}.`
      : ` ${resold}: ${percent(share)} of a discount came back, besides what their owners gained by improving them.`;
    return el("p", { class: "help" }, `${source}${past} A home that looks cheap may have faults that no record shows. Inspect it before you buy.`);
  }

  async #download(button) {
    button.disabled = true;
    try {
      save(await screen(this.file, this.#readTerms(), "text/csv"), this.fileName.replace(/(\.csv)?$/i, "-deals.csv"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#fail(error);
    }
    button.disabled = false;
  }
}

const signedPercent = (share) => `${share.toFixed(1).replace("-", MINUS)}%`;

const rowText = (row) => `Row ${row + FIRST_CSV_ROW}`;

function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = el("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
