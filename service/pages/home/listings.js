// Listings: a CSV file goes to POST /screen, its deals come back as a table to sort and to keep.

import { Problem, getDocument, screen } from "./api.js";
import { parseCsv } from "./csv.js";
import { el } from "./dom.js";
import { MINUS, label, moneyOf, number, percent, plural } from "./words.js";

const AT_FIRST = 100; // rows shown at once: a table of thousands would be slow to lay out
const NO_COST = new Set(["include", "confidence"]); // parameters of /screen that are no terms of a deal

/** The view, which asks the interface's document what may be set when it is first shown. */
export class Listings {
  constructor(host, model) {
    this.model = model;
    this.money = moneyOf(model.currency);
    this.order = { key: "rank", down: false };
    this.dealsOnly = false;
    this.shown = AT_FIRST;
    this.result = el("div", { class: "result", "aria-live": "polite" });
    host.append(
      el("div", { class: "intro" },
        el("h1", {}, "Which listings are deals?"),
        el("p", {}, "Give a file of homes on offer. Each is valued, and set against its asking price and your costs.")),
      this.#upload(),
      this.result);
    this.costs = {};
  }

  /** Make the fields of the costs, once. */
  async prepare() {
    if (this.prepared) return;
    this.prepared = true;
    try {
      const { paths } = await getDocument();
      const { parameters } = paths["/screen"].post;
      this.drop.after(this.#costs(parameters.filter(({ name }) => !NO_COST.has(name))));
    } catch (error) {
      this.prepared = false;
      if (!(error instanceof Problem)) throw error;
      this.#fail(error);
    }
  }

  #upload() {
    this.input = el("input", { id: "listings-file", type: "file", accept: ".csv,text/csv", onchange: () => this.#take(this.input.files[0]) });
    this.drop = el("div", {
      class: "card drop",
      ondragover: (event) => {
        event.preventDefault();
        this.drop.classList.add("over");
      },
      ondragleave: () => this.drop.classList.remove("over"),
      ondrop: (event) => {
        event.preventDefault();
        this.drop.classList.remove("over");
        this.input.files = event.dataTransfer.files;
        this.#take(this.input.files[0]);
      },
    },
    el("label", { for: "listings-file" }, el("strong", {}, "Choose a CSV file"), el("span", {}, " or drop it here")),
    this.input,
    el("p", { class: "help" }, `A header and a row per home: list_price, ${this.#required().join(", ")}, and whatever else is known. `,
      el("button", { type: "button", class: "link", onclick: () => save(new Blob([this.#template()], { type: "text/csv" }), "listings.csv") }, "Download a template")));
    return this.drop;
  }

  #costs(parameters) {
    const { currency } = this.model;
    const field = ({ name, description, schema }) => {
      const share = schema.maximum <= 1; // written in percent
      const id = `cost-${name}`;
      const value = share ? number(100 * schema.default) : String(schema.default);
      const input = el("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", value, "aria-describedby": `${id}-help ${id}-error` });
      const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
      this.costs[name] = { input, error, share };
      return el("div", { class: "field" },
        el("label", { for: id }, label(name)),
        el("span", { class: "entry" }, input, el("span", { class: "unit", "aria-hidden": "true" }, share ? "%" : currency)),
        el("p", { class: "help", id: `${id}-help` }, description), error);
    };
    return el("form", { class: "card costs", novalidate: true, "aria-labelledby": "costs-heading", onsubmit: (event) => {
      event.preventDefault();
      this.#screen();
    } },
    el("h2", { id: "costs-heading" }, "What makes a deal"),
    el("div", { class: "fields" }, parameters.map(field)),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Screen the listings")));
  }

  #required() {
    return this.model.features.filter(({ required }) => required).map(({ name }) => name);
  }

  #template() {
    const { request, answer } = this.model.example;
    const names = Object.keys(request);
    const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replace(/"/g, '""')}"` : String(value));
    return `${["listing_id", "list_price", ...names].map(quoted).join(",")}\n${["example", Math.round(answer.price), ...names.map((name) => request[name])].map(quoted).join(",")}\n`;
  }

  async #take(file) {
    if (!file) return;
    // Read at once: a file that is changed on the disk later could not be sent again with other costs.
    this.name = file.name;
    this.file = new Blob([await file.arrayBuffer()], { type: "text/csv" });
    this.facts = this.#factsOf(await this.file.text());
    this.#screen();
  }

  // Row → the facts that its columns name, as an address has them.
  #factsOf(text) {
    const [header = [], ...rows] = parseCsv(text);
    const known = new Map(this.model.features.flatMap(({ name, aliases }) => [name, ...aliases].map((alias) => [alias, name])));
    const facts = header.map((column) => known.get(column.trim()));
    return rows.map((cells) => {
      const told = new URLSearchParams();
      cells.forEach((cell, place) => {
        if (facts[place] && cell.trim()) told.set(facts[place], cell.trim());
      });
      return told;
    });
  }

  /** Return the address of a listing's valuation; a file may name the day in a column that is no fact. */
  #linkOf({ row, valuation: { valuation_date: day } }) {
    const told = new URLSearchParams(this.facts[row]);
    if (day && day !== this.model.sale_dates[1]) told.set("valuation_date", day);
    return `#${told}`;
  }

  #asked() {
    const asked = {};
    for (const [name, { input, error, share }] of Object.entries(this.costs)) {
      error.hidden = true;
      input.removeAttribute("aria-invalid");
      const text = input.value.trim().replace(/,/g, "");
      if (text === "") continue;
      const value = Number(text);
      // What is no number goes as it stands, for the server to judge.
      asked[name] = share && Number.isFinite(value) ? Number((value / 100).toFixed(6)) : text;
    }
    return asked;
  }

  async #screen() {
    if (!this.file) {
      this.result.replaceChildren(el("p", { class: "notice" }, "Choose a file of listings first."));
      return;
    }
    const turn = (this.turn = {});
    this.result.setAttribute("aria-busy", "true");
    try {
      const answer = await screen(this.file, this.#asked());
      if (turn !== this.turn) return;
      this.answer = answer;
      this.shown = AT_FIRST;
      this.order = { key: "rank", down: false };
      this.#show();
    } catch (error) {
      if (turn !== this.turn) return;
      if (!(error instanceof Problem)) throw error;
      this.#fail(error);
    } finally {
      this.result.removeAttribute("aria-busy");
    }
  }

  #fail(problem) {
    const others = [];
    let first = null;
    for (const { row, field, message } of problem.errors) {
      const own = row === undefined ? this.costs[field] : undefined;
      if (own) {
        own.error.textContent = message;
        own.error.hidden = false;
        own.input.setAttribute("aria-invalid", "true");
        first ??= own.input;
      } else others.push([row === undefined ? "" : `Row ${row + 2}, `, field ? `${field}: ` : "", message].join(""));
    }
    first?.focus();
    // A problem with one parameter names it at the beginning of its detail.
    const named = problem.errors.length ? null : Object.keys(this.costs).find((name) => problem.detail?.startsWith(`${name}:`));
    if (named) {
      const { input, error } = this.costs[named];
      error.textContent = problem.detail.slice(named.length + 1).trim();
      error.hidden = false;
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
    this.result.replaceChildren(el("div", { class: "card refused" },
      el("p", { class: "over" }, "No deals"),
      el("p", { class: "verdict" }, problem.title ?? "The file cannot be screened"),
      el("p", { class: "help" }, problem.detail),
      others.length ? el("ul", {}, others.map((text) => el("li", {}, text))) : null));
  }

  #show() {
    const { deals, refused, probability } = this.answer;
    const good = deals.filter(({ deal }) => deal).length;
    this.body = el("tbody");
    this.heads = el("tr");
    this.more = el("button", { type: "button", class: "plain", onclick: () => {
      this.shown += AT_FIRST * 5;
      this.#fill();
    } }, "Show more");
    this.result.replaceChildren(...[
      el("section", { class: "card", "aria-labelledby": "deals-heading" },
        el("div", { class: "headline" },
          el("div", {},
            el("h2", { id: "deals-heading" }, good ? `${plural(good, "deal", "deals")} among ${plural(deals.length, "listing", "listings")}` : `No deal among ${plural(deals.length, "listing", "listings")}`),
            el("p", { class: "help" }, `A deal gains with a probability of ${percent(probability)} or more, after all costs. Open a listing to see why it is worth that.`)),
          el("div", { class: "actions" },
            el("label", { class: "check" }, el("input", { type: "checkbox", checked: this.dealsOnly, onchange: (event) => {
              this.dealsOnly = event.target.checked;
              this.#fill();
            } }), " Deals only"),
            el("button", { type: "button", class: "plain", onclick: (event) => this.#download(event.currentTarget) }, "Download as CSV"))),
        el("div", { class: "scrolled", tabindex: "0", role: "region", "aria-labelledby": "deals-heading" },
          el("table", { class: "deals" }, el("thead", {}, this.heads), this.body)),
        this.more),
      refused.length ? this.#refused(refused) : null,
      this.#asks(),
    ].filter(Boolean));
    this.#fill();
  }

  #columns() {
    const { money } = this;
    const amount = (key) => ({ key, value: (deal) => deal[key], text: (deal) => money.full(deal[key]) });
    const named = this.answer.deals.some(({ listing_id: id }) => id !== null);
    return [
      { key: "rank", name: "Rank", value: ({ rank }) => rank, text: ({ rank }) => number(rank) },
      { key: "row", name: "Listing", value: ({ listing_id: id, row }) => (named ? id ?? "" : row), text: ({ listing_id: id, row }) => id ?? `row ${row + 2}`, words: true },
      { ...amount("list_price"), name: "Asked" },
      { key: "price", name: "Worth", value: ({ valuation }) => valuation.price, text: ({ valuation }) => money.full(valuation.price) },
      { ...amount("resale_price"), name: "Resale" },
      { ...amount("break_even"), name: "Break-even" },
      { key: "margin", name: "Margin", value: ({ margin }) => margin, text: ({ margin }) => money.signed(margin), strong: true },
      { key: "margin_low", name: "Margin, 10th to 90th percentile", value: (deal) => deal.margin_low, text: (deal) => `${money.brief(deal.margin_low)} to ${money.brief(deal.margin_high)}` },
      { key: "margin_percent", name: "Of the outlay", value: (deal) => deal.margin_percent, text: (deal) => `${deal.margin_percent.toFixed(1).replace("-", MINUS)}%` },
      { key: "probability", name: "Gain probable", value: (deal) => deal.probability, text: (deal) => percent(deal.probability), bar: true },
      { ...amount("highest_offer"), name: "Offer up to" },
    ];
  }

  #fill() {
    const columns = this.#columns();
    const column = columns.find(({ key }) => key === this.order.key) ?? columns[0];
    const sign = this.order.down ? -1 : 1;
    const compare = (one, other) => (one < other ? -sign : one > other ? sign : 0);
    const deals = this.answer.deals.filter(({ deal }) => deal || !this.dealsOnly)
      .sort((one, other) => compare(column.value(one), column.value(other)) || one.rank - other.rank);
    this.heads.replaceChildren(...columns.map(({ key, name, words }) => el("th", {
      scope: "col", class: words ? null : "amount", "aria-sort": key === column.key ? (this.order.down ? "descending" : "ascending") : null,
    }, el("button", { type: "button", onclick: () => this.#sortBy(key) }, name))));
    this.body.replaceChildren(...deals.slice(0, this.shown).map((deal) => this.#row(deal, columns)));
    if (!deals.length) this.body.append(el("tr", {}, el("td", { colspan: columns.length }, "None.")));
    this.more.hidden = deals.length <= this.shown;
  }

  #row(deal, columns) {
    const cell = ({ text, words, strong, bar }) => {
      const shown = text(deal);
      const link = words ? el("a", { href: this.#linkOf(deal), title: "Why it is worth that" }, shown) : null;
      const node = el("td", { class: [words ? "" : "amount", strong ? (deal.margin < 0 ? "strong loss" : "strong gain") : ""].join(" ").trim() || null }, link ?? (bar ? el("span", { class: deal.deal ? "chance yes" : "chance" }, shown) : shown));
      if (words && deal.warnings.length) node.append(el("details", { class: "warned" }, el("summary", {}, plural(deal.warnings.length, "warning", "warnings")), el("ul", {}, deal.warnings.map((text) => el("li", {}, text)))));
      return node;
    };
    return el("tr", { class: deal.deal ? "deal" : null }, columns.map(cell));
  }

  #sortBy(key) {
    // A first look is for the greatest amounts, but for the first rank, row and name.
    const rising = key === "rank" || key === "row";
    this.order = { key, down: this.order.key === key ? !this.order.down : !rising };
    this.#fill();
    this.heads.querySelector("[aria-sort] button").focus();
  }

  #refused(refused) {
    const messages = ({ error }) => (error.errors?.length ? error.errors.map(({ field, message }) => `${label(field)}: ${message}`) : [error.detail]);
    return el("section", { class: "card", "aria-labelledby": "refused-heading" },
      el("h2", { id: "refused-heading" }, `${plural(refused.length, "listing", "listings")} without a price`),
      el("ul", { class: "plainly" }, refused.slice(0, AT_FIRST).map((listing) =>
        el("li", {}, el("strong", {}, listing.listing_id ?? `Row ${listing.row + 2}`), ` ${messages(listing).join("; ")}`))),
      refused.length > AT_FIRST ? el("p", { class: "help" }, `and ${number(refused.length - AT_FIRST)} more`) : null);
  }

  #asks() {
    const { fitted, listings } = this.answer.asks;
    const told = fitted
      ? `How far asks tell what a home resells for was learned from ${plural(listings, "closed listing", "closed listings")}.`
      : "How far asks tell what a home resells for is assumed: the model has seen no closed listings.";
    return el("p", { class: "help" }, `${told} A home that looks cheap may have faults that no record tells: see it before you buy.`);
  }

  async #download(button) {
    button.disabled = true;
    try {
      save(await screen(this.file, this.#asked(), "text/csv"), this.name.replace(/(\.csv)?$/i, "-deals.csv"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#fail(error);
    }
    button.disabled = false;
  }
}

function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = el("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
