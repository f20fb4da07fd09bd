// The filters of the table of deals: by label, price, chance, place and any fact.

import { LABELS, READINGS, isDeal, nameOf, outcomeOf } from "./deals.js";
import { readingsOf } from "./deals_columns.js";
import { el } from "./dom.js";
import { label, readNumber } from "./format.js";
import { factText, unitIsShort, widgetOf } from "./widgets.js";

const MAX_CHOICES = 500; // labels or areas in a list: more cannot be looked through

export class DealsFilter {
  /**
   * @param model the answer of GET /model
   * @param isInView function of a deal: whether the map shows it; null without a map
   * @param onChange called when other deals may match
   */
  constructor(model, answer, { isInView, onChange }) {
    Object.assign(this, { model, answer, isInView, onChange });
    this.tests = new Map(); // field → function of its text that returns a test of deals
    this.facts = el("div", { class: "fact-filters" });
    this.count = el("span", { class: "count" });
    this.node = el("details", { class: "filters", oninput: () => this.#changed() },
      el("summary", {}, "Filter ", this.count),
      el("div", { class: "fields" }, this.#fields()),
      this.facts,
      el("div", { class: "actions" }, this.#factChoice(),
        isInView ? this.#inView() : null,
        el("button", { type: "button", class: "plain", onclick: () => this.clear() }, "Clear filters")));
    this.#changed({ silent: true });
  }

  /** Return whether a deal passes all filters. */
  matches(deal) {
    return this.active.every((test) => test(deal));
  }

  get isActive() {
    return this.active.length > 0;
  }

  /** Follow the map when its view is a filter. */
  viewMoved() {
    if (this.inViewBox.checked) this.onChange();
  }

  clear() {
    this.facts.replaceChildren();
    for (const input of [...this.tests.keys()]) {
      if (!input.isConnected) this.tests.delete(input);
      else if (input.type === "checkbox") input.checked = false;
      else input.value = "";
    }
    this.#changed();
  }

  #changed({ silent = false } = {}) {
    this.active = [...this.tests].filter(([input]) => (input.type === "checkbox" ? input.checked : input.value.trim() !== ""))
      .map(([input, testOf]) => testOf(input.value.trim()));
    this.count.textContent = this.active.length ? String(this.active.length) : "";
    this.count.hidden = !this.active.length;
    if (!silent) this.onChange();
  }

  #fields() {
    const { currency } = this.model;
    const [first] = readingsOf(this.answer);
    const reading = el("select", { id: "filter-reading", "aria-label": "Reading of the list price" },
      readingsOf(this.answer).map((name) => el("option", { value: name ?? "" }, READINGS[name] ?? "")));
    const chance = this.#input("filter-chance", (text) => {
      const least = readNumber(text) / 100;
      return (deal) => !(outcomeOf(deal, reading.value || null).probability < least);
    });
    const area = this.model.features.find(({ widget }) => widget === "code");
    return [
      this.#field("filter-text", "Name or text", this.#input("filter-text", (text) => hasText(text.toLowerCase()))),
      this.#field("filter-pays", "Pays", this.#select("filter-pays", this.#labels(), (choice) => (deal) => (choice === "deals" ? isDeal(deal) : deal.pays === choice))),
      this.#range("filter-price", "List price", currency, (deal) => deal.list_price),
      el("div", { class: "field" }, el("label", { for: "filter-chance" }, "Chance of profit at least"),
        el("span", { class: "entry" }, chance, el("span", { class: "unit", "aria-hidden": "true" }, "%")), first ? el("span", { class: "entry" }, reading) : null),
      area ? this.#field("filter-area", label(area.name), this.#select("filter-area", this.#valuesOf(area), (value) => (deal) => String(deal.listing[area.name]) === value)) : null,
    ];
  }

  #labels() {
    const present = Object.keys(LABELS).filter((text) => this.answer.deals.some(({ pays }) => pays === text));
    return [["deals", "deals only"], ...present.map((text) => [text, text])];
  }

  #valuesOf(feature) {
    const values = new Set(this.answer.deals.map(({ listing }) => listing[feature.name]).filter((value) => value !== undefined));
    return [...values].map((value) => [String(value), factText(feature, value)])
      .sort(([first], [second]) => first.localeCompare(second, "en", { numeric: true })).slice(0, MAX_CHOICES);
  }

  #factChoice() {
    const { features } = this.model;
    const select = el("select", { "aria-label": "Filter by another fact", oninput: (event) => {
      event.stopPropagation(); // it is no filter itself
      if (select.value) this.#addFact(features.find(({ name }) => name === select.value));
      select.value = "";
    } },
    el("option", { value: "" }, "Add a fact …"),
    features.filter(({ name, widget }) => widget !== "degrees" && widget !== "code" && this.answer.deals.some(({ listing }) => name in listing))
      .map(({ name }) => el("option", { value: name }, label(name))));
    return el("span", { class: "entry" }, select);
  }

  #addFact(feature) {
    const id = `filter-fact-${feature.name.replace(/[^\w-]/g, "-")}`;
    if (this.facts.querySelector(`[data-fact="${id}"]`)) return;
    const { position, control } = widgetOf(feature);
    const valueOf = ({ listing }) => listing[feature.name];
    const field = position && control === "input"
      ? this.#range(id, label(feature.name), unitIsShort(feature) ? feature.unit : "", valueOf)
      : this.#field(id, label(feature.name), this.#select(id, this.#valuesOf(feature), (value) => (deal) => String(valueOf(deal)) === value));
    field.dataset.fact = id;
    this.facts.append(field);
    field.querySelector("input, select").focus();
  }

  #inView() {
    this.inViewBox = el("input", { type: "checkbox" });
    this.tests.set(this.inViewBox, () => this.isInView);
    return el("label", { class: "checkbox" }, this.inViewBox, " Only what the map shows");
  }

  #field(id, text, ...inputs) {
    return el("div", { class: "field" }, el("label", { for: id }, text), el("span", { class: "entry" }, inputs));
  }

  #range(id, text, unit, valueOf) {
    // A value that is not known passes no bound. Text that is not a number bounds nothing.
    const least = this.#input(`${id}-from`, (bound) => (deal) => !(valueOf(deal) < readNumber(bound)) && valueOf(deal) !== undefined, "from", `${text} from`);
    const most = this.#input(`${id}-to`, (bound) => (deal) => !(valueOf(deal) > readNumber(bound)) && valueOf(deal) !== undefined, "to", `${text} to`);
    return el("div", { class: "field", role: "group", "aria-label": text }, el("span", { class: "name", "aria-hidden": "true" }, text),
      el("span", { class: "entry" }, least, most, unit ? el("span", { class: "unit", "aria-hidden": "true" }, unit) : null));
  }

  #input(id, testOf, placeholder = "", name = null) {
    const input = el("input", { id, type: "text", autocomplete: "off", placeholder, "aria-label": name });
    this.tests.set(input, testOf);
    return input;
  }

  #select(id, options, testOf) {
    const select = el("select", { id }, el("option", { value: "" }, "any"), options.map(([value, text]) => el("option", { value }, text)));
    this.tests.set(select, testOf);
    return select;
  }
}

// Cells of digits alone are not searched: nearly every text of two digits is part of a coordinate.
const hasText = (text) => (deal) =>
  [nameOf(deal), ...Object.values(deal.cells ?? {}).filter((cell) => /\p{L}/u.test(cell))].some((cell) => cell.toLowerCase().includes(text));
