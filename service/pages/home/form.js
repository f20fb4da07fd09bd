// The form, built from the facts of GET /model: a field for each, in the order in which people think of a home, with most
// of the optional ones folded. It checks no values: the server does, and its messages are shown beside the fields.

import { el } from "./dom.js";
import { label, shortDate } from "./format.js";
import { boundsText, factText, unitIsShort, widgetOf } from "./widgets.js";

// The order of facts where a market has them; others follow as the market file lists them, figures of the area last.
const ORDER = ["bedrooms", "bathrooms", "full_bathrooms", "half_bathrooms", "rooms", "year_built", "year_renovated", "condition", "grade", "lot_size",
  "floors", "basement_area", "view", "waterfront"];
const COMMON = 2; // optional facts that are not folded: nearly everybody knows the bedrooms and bathrooms

export class FactsForm {
  /**
   * @param form the element to fill
   * @param model the answer of GET /model
   * @param find the element of the search field; null without
   * @param onSubmit called when the home should be valued, with whether the user asked for it by a click or Enter
   * @param onLocation called when the location in the fields has changed
   * @param onClear called when the fields have been cleared
   */
  constructor(form, model, { find, onSubmit, onLocation, onClear }) {
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    this.example = model.example.request;
    this.fields = new Map();
    this.coordinates = model.coordinates ?? [];
    const required = inOrder(model.features.filter((feature) => feature.required), [...this.coordinates, model.size]);
    const optional = inOrder(model.features.filter((feature) => !feature.required), ORDER);
    const common = optional.filter(({ name }) => ORDER.indexOf(name) >= 0).slice(0, COMMON);
    const folded = optional.filter((feature) => !common.includes(feature));
    const date = model.sale_dates ? [dateFeature(model.sale_dates, model.last_valuation_date)] : [];
    this.count = el("span", { class: "count" });
    this.more = el("details", { class: "more" },
      el("summary", {}, "More facts ", this.count),
      el("p", { class: "help" }, "All optional. We look up what we can. A fact that stays unknown makes the range wider."),
      el("div", { class: "fields" }, [...folded, ...date].map((feature) => this.#field(feature))));
    const own = [...required, ...common].map((feature) => this.#field(feature));
    // In the order of the page, also for the first field with an error.
    this.fields = new Map([...this.fields].sort(([, first], [, second]) => position(own, first.row) - position(own, second.row)));
    this.foldedFields = [...folded, ...date].map(({ name }) => this.fields.get(name));
    form.removeAttribute("aria-busy");
    form.querySelector(".skeleton")?.remove();
    form.append(
      find ?? "",
      el("p", { class: "help" }, this.coordinates.length ? "Or click the map, or enter the coordinates." : "These facts are required."),
      el("div", { class: "fields required" }, own),
      this.foldedFields.length ? this.more : "",
      el("div", { class: "actions" },
        el("button", { type: "submit", class: "primary" }, "Value this home"),
        el("button", { type: "button", class: "plain", onclick: () => this.#useExample(onSubmit, onLocation) }, "Try an example"),
        el("button", { type: "button", class: "plain", onclick: () => {
          this.clear();
          onClear();
        } }, "Clear")),
    );
    this.#updateCount();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      onSubmit(true);
    });
    form.addEventListener("change", (event) => {
      this.#updateCount();
      if (this.coordinates.includes(event.target.name)) onLocation();
      onSubmit(false);
    });
  }

  /** Return the facts that were entered; text that is not a number stays text, and the server reports it. */
  facts() {
    const facts = {};
    for (const [name, { feature, input }] of this.fields) {
      const text = input.value.trim();
      if (text === "") continue;
      facts[name] = widgetOf(feature).read(text);
    }
    return facts;
  }

  /** Fill the fields with facts and clear the others; return the names that this market does not have. */
  fill(facts) {
    for (const { input } of this.fields.values()) input.value = "";
    const unknown = [];
    for (const [name, value] of Object.entries(facts)) {
      if (this.fields.has(name)) this.set(name, value);
      else unknown.push(name);
    }
    this.clearErrors();
    this.#updateCount();
    return unknown;
  }

  set(name, value) {
    const { feature, input } = this.fields.get(name);
    input.value = widgetOf(feature).write(value);
    this.#updateCount();
  }

  clear() {
    this.fill({});
    this.fields.values().next().value?.input.focus();
  }

  /**
   * Show errors beside their fields; return the messages of fields that the form does not have.
   * @param isExplained whether the messages stand elsewhere, and the fields are only marked
   */
  showErrors(errors, { focus = false, isExplained = false } = {}) {
    this.clearErrors();
    const otherMessages = [];
    let first = null;
    for (const { field, message } of errors) {
      const target = this.fields.get(field);
      if (!target) {
        otherMessages.push(field ? `${label(field)}: ${message}` : message);
        continue;
      }
      if (!isExplained) {
        const said = target.error.hidden ? [] : target.error.textContent.split("; ");
        target.error.textContent = [...new Set([...said, message])].join("; ");
        target.error.hidden = false;
      }
      target.input.setAttribute("aria-invalid", "true");
      if (this.foldedFields.includes(target)) this.more.open = true;
      first ??= target.input;
    }
    if (focus) first?.focus();
    return otherMessages;
  }

  clearErrors() {
    for (const { input, error } of this.fields.values()) {
      error.hidden = true;
      error.textContent = "";
      input.removeAttribute("aria-invalid");
    }
  }

  /** Focus a field; open the section that hides it. */
  focus(name) {
    const field = this.fields.get(name);
    if (!field) return;
    if (this.foldedFields.includes(field)) this.more.open = true;
    field.input.focus();
    field.row.scrollIntoView({ block: "center" });
  }

  /** Offer values for a fact while the user types. */
  suggest(name, values) {
    const { input } = this.fields.get(name);
    const list = el("datalist", { id: `${input.id}-suggestions` }, values.map((value) => el("option", { value })));
    input.after(list);
    input.setAttribute("list", list.id);
  }

  /** Names of the facts for which values can be offered. */
  get suggestible() {
    return [...this.features.values()].filter((feature) => widgetOf(feature).suggest).map(({ name }) => name);
  }

  #updateCount() {
    const entered = this.foldedFields.filter(({ input }) => input.value.trim());
    this.count.textContent = `${entered.length} of ${this.foldedFields.length}`;
    this.count.title = "entered";
  }

  #useExample(onSubmit, onLocation) {
    this.fill(this.example);
    onLocation();
    onSubmit(true);
  }

  #field(feature) {
    const id = `fact-${feature.name.replace(/[^\w-]/g, "-")}`;
    const bounds = boundsText(feature);
    const { unit } = feature;
    const repeatsLabel = feature.description.replace(/\.$/, "").toLowerCase() === label(feature.name).toLowerCase();
    const description = repeatsLabel ? "" : feature.description;
    const namesUnit = !unit || unitIsShort(feature) || description.toLowerCase().includes(unit.toLowerCase());
    const help = [description, namesUnit ? "" : `In ${unit}.`, bounds && `${bounds}.`].filter(Boolean).join(" ");
    const input = this.#input(feature, { id, name: feature.name, "aria-describedby": `${id}-help ${id}-error`, required: feature.required });
    const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
    const row = el("div", { class: widgetOf(feature).wide ? "field wide" : "field" },
      el("label", { for: id }, label(feature.name), feature.required ? el("span", { class: "visually-hidden" }, " (required)") : null),
      el("span", { class: "entry" }, input, unitIsShort(feature) ? el("span", { class: "unit", "aria-hidden": "true" }, feature.unit) : null),
      el("p", { class: "help", id: `${id}-help` }, help),
      error);
    this.fields.set(feature.name, { feature, input, error, row });
    return row;
  }

  #input(feature, attributes) {
    const { control, decimal } = widgetOf(feature);
    if (control === "select") {
      const options = [["", "Unknown"], ["true", "Yes"], ["false", "No"]];
      return el("select", attributes, options.map(([value, text]) => el("option", { value }, text)));
    }
    if (control === "date") return el("input", { ...attributes, type: "date", min: feature.earliest, max: feature.latest });
    const example = this.example[feature.name];
    return el("input", {
      ...attributes,
      type: "text",
      autocomplete: "off",
      inputmode: decimal(feature) ? "decimal" : null,
      placeholder: example === undefined ? null : factText({ ...feature, unit: null }, example).replace("°", ""),
    });
  }
}

// Sort features by a list of names; those that are not in it follow, those of the area last.
function inOrder(features, names) {
  const rank = (feature) => (feature.looked_up ? names.length + 1 : names.includes(feature.name) ? names.indexOf(feature.name) : names.length);
  return [...features].sort((first, second) => rank(first) - rank(second));
}

const position = (rows, row) => (rows.includes(row) ? rows.indexOf(row) : rows.length);

// The field of a valuation's date, in the form of GET /model's features.
const dateFeature = ([oldest, newest], latest) => ({
  name: "valuation_date", widget: "date", required: false, unit: null, minimum: null, maximum: null,
  earliest: oldest, latest,
  description: `The date to value the home for, from ${shortDate(oldest)} to ${shortDate(latest)}. If blank: the date of the newest sale, ${shortDate(newest)}. After it, prices are a forecast.`,
});
