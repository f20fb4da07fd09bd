// The dialog that edits one listing: each change screens it again at once, and the figures below follow.

import { READINGS, errorsOf, nameOf, outcomeOf } from "./deals.js";
import { el } from "./dom.js";
import { label, percent, readNumber } from "./format.js";
import { termLabel } from "./listings_terms.js";
import { unitIsShort, widgetOf } from "./widgets.js";

const AFTER = "after_";
const AMOUNTS = ["list_price", "rehab", "rent"];

export class ListingEditor {
  /**
   * @param model the answer of GET /model
   * @param rescreen function of a listing and its changes; resolves to `{deal}` or `{errors}`
   * @param onClose called when the dialog is closed
   */
  constructor(model, money, { rescreen, onClose }) {
    Object.assign(this, { model, money, rescreen });
    this.heading = el("h2", { id: "edit-heading" });
    this.fields = el("div", { class: "fields" });
    this.figures = el("div", { "aria-live": "polite" });
    this.problem = el("p", { class: "error", hidden: true });
    this.node = el("dialog", { class: "card editor", "aria-labelledby": "edit-heading", onclose: () => onClose(this.listing) },
      this.heading,
      el("form", { novalidate: true, onsubmit: (event) => event.preventDefault(), onchange: (event) => this.#change(event.target) }, this.fields),
      this.problem,
      this.figures,
      el("div", { class: "actions" },
        el("button", { type: "button", class: "primary", onclick: () => this.node.close() }, "Done"),
        el("button", { type: "button", class: "plain", onclick: () => this.#reset() }, "Undo all changes")));
  }

  /**
   * Open the dialog.
   * @param listing a deal or a refused listing, as the file has it
   * @param changes made before
   * @param deal its deal with these changes; undefined while it has none
   * @param terms costs of all listings by name
   */
  open(listing, changes, deal, terms) {
    Object.assign(this, { listing, deal, terms, changes: { ...changes } });
    this.heading.textContent = `Edit listing ${nameOf(listing)}`;
    this.#build();
    this.#showErrors(deal ? [] : errorsOf(listing));
    this.#showFigures();
    this.node.showModal();
  }

  #build() {
    const { currency, features } = this.model;
    // What is looked up belongs to the area: no repair changes it.
    const ofArea = new Set(this.deal?.valuation.looked_up ?? []);
    const repairable = features.filter(({ name, widget }) => widget !== "degrees" && widget !== "code" && !ofArea.has(name));
    const wrong = features.filter(({ name }) => !this.deal && errorsOf(this.listing).some(({ field }) => field === name));
    this.inputs = new Map();
    const amounts = AMOUNTS.map((name) => this.#field(name, { widget: "number", unit: currency, minimum: 0 }, termLabel(name), this.terms[name]));
    this.fields.replaceChildren(...amounts, ...wrong.map((feature) => this.#field(feature.name, feature, label(feature.name))),
      el("h3", {}, "After the repair"),
      ...repairable.map((feature) => this.#field(AFTER + feature.name, feature, label(feature.name), this.listing.listing[feature.name])));
  }

  #field(name, feature, text, otherwise) {
    const id = `edit-${name.replace(/[^\w-]/g, "-")}`;
    const widget = widgetOf(feature);
    const value = name in this.changes ? this.changes[name] : this.listing.listing[name];
    const attributes = { id, name, "aria-describedby": `${id}-error` };
    const input = widget.control === "select"
      ? el("select", attributes, [["", "as it is"], ["true", "Yes"], ["false", "No"]].map(([option, shown]) => el("option", { value: option }, shown)))
      : el("input", {
        ...attributes, type: widget.control === "date" ? "date" : "text", autocomplete: "off",
        inputmode: widget.control === "input" && widget.decimal(feature) ? "decimal" : null, placeholder: otherwise === undefined ? null : String(otherwise),
      });
    if (value !== undefined && value !== null) input.value = widget.write(value);
    const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
    this.inputs.set(name, { input, error, widget });
    return el("div", { class: "field" }, el("label", { for: id }, text),
      el("span", { class: "entry" }, input, unitIsShort(feature) ? el("span", { class: "unit", "aria-hidden": "true" }, feature.unit) : null), error);
  }

  #change({ name }) {
    const { input, widget } = this.inputs.get(name);
    const text = input.value.trim();
    const isAmount = AMOUNTS.includes(name);
    const value = text === "" ? null : isAmount ? readNumber(text.replace(/,/g, "")) : widget.read(text);
    // What the file has needs no change.
    if (value === (this.listing.listing[name] ?? null)) delete this.changes[name];
    else this.changes[name] = value;
    this.#screen();
  }

  #reset() {
    this.changes = {};
    this.#build();
    this.#screen();
  }

  // One change after the other: an answer never overtakes a later one.
  #screen() {
    const { listing } = this;
    const changes = { ...this.changes };
    this.figures.setAttribute("aria-busy", "true");
    const last = (this.pending ?? Promise.resolve()).then(async () => {
      const { deal, errors = [] } = await this.rescreen(listing, changes);
      if (listing !== this.listing) return;
      if (deal) this.deal = deal;
      if (last !== this.pending) return;
      this.figures.removeAttribute("aria-busy");
      this.#showErrors(errors);
      this.#showFigures();
    });
    this.pending = last;
  }

  // Errors stand beside their fields; the figures stay those of the last change without an error.
  #showErrors(errors) {
    for (const { input, error } of this.inputs.values()) {
      error.hidden = true;
      input.removeAttribute("aria-invalid");
    }
    const others = errors.filter(({ field, message }) => {
      const target = this.inputs.get(field);
      if (!target) return true;
      target.error.textContent = message;
      target.error.hidden = false;
      target.input.setAttribute("aria-invalid", "true");
      return false;
    });
    this.problem.textContent = others.map(({ field, message }) => (field ? `${label(field)}: ${message}` : message)).join("; ");
    this.problem.hidden = !others.length;
  }

  #showFigures() {
    const { deal, money } = this;
    if (!deal) {
      this.figures.replaceChildren(el("p", { class: "help" }, "No figures yet: correct the errors above."));
      return;
    }
    const readings = Object.keys(deal.readings);
    const line = (name, ...texts) => el("tr", {}, el("th", { scope: "row" }, name), texts.map((text) => el("td", { class: "amount" }, text)));
    this.figures.replaceChildren(
      el("p", {}, el("strong", {}, deal.pays), ". ", `Value ${money.full(deal.valuation.price)}`,
        deal.arv === null ? "" : `, after the repair ${money.full(deal.arv)} (adds ${money.brief(deal.uplift_low)} to ${money.brief(deal.uplift_high)})`,
        `, 70% offer ${money.full(deal.seventy_percent_offer)}`,
        deal.cap_rate_percent === null ? "" : `, cap rate ${deal.cap_rate_percent.toFixed(1)}%`, "."),
      el("table", {},
        el("thead", {}, el("tr", {}, el("td"), ["Margin", "Chance of profit", "Highest offer"].map((text) => el("th", { scope: "col", class: "amount" }, text)))),
        el("tbody", {}, (readings.length ? readings : [null]).map((reading) => {
          const { margin, probability, highest_offer: offer } = outcomeOf(deal, reading);
          return line(READINGS[reading] ?? "Outcome", money.signed(margin), percent(probability), money.full(offer));
        }))),
      deal.warnings.length ? el("ul", { class: "plain-list" }, deal.warnings.map((text) => el("li", {}, text))) : "");
  }
}
