// The form, made from the market table: a field a fact, the required ones open, the rest folded. It judges no value:
// the server does, and what it says stands beside the field.

import { el } from "./dom.js";
import { boundsText, factText, unitIsShort, widgetOf } from "./widgets.js";
import { label, shortDate } from "./words.js";

const DAY = "valuation_date";

export class FactsForm {
  /**
   * @param form the element to fill
   * @param model the answer of GET /model
   * @param onValue called when the home is to be valued; its argument is whether someone asked for it by hand
   * @param onPlace called when the place in the fields has changed
   * @param onClear called when the fields have been emptied
   */
  constructor(form, model, { onValue, onPlace, onClear }) {
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    this.example = model.example.request;
    this.fields = new Map();
    const required = model.features.filter((feature) => feature.required);
    const optional = model.features.filter((feature) => !feature.required);
    this.place = model.coordinates ?? [];
    const extra = model.sale_dates ? [this.#dayFeature(model.sale_dates)] : [];
    this.filled = el("span", { class: "count" });
    this.more = el("details", { class: "more" },
      el("summary", {}, "More facts ", this.filled),
      el("p", { class: "help" }, "All may be left blank. What you leave out is looked up, or stays unknown and widens the range."),
      el("div", { class: "fields" }, [...optional, ...extra].map((feature) => this.#field(feature))));
    form.append(
      el("p", { class: "help" }, this.place.length ? "Click the map, or type the coordinates." : "What has to be known."),
      el("div", { class: "fields required" }, required.map((feature) => this.#field(feature))),
      optional.length + extra.length ? this.more : "",
      el("div", { class: "actions" },
        el("button", { type: "submit", class: "primary" }, "Value this home"),
        el("button", { type: "button", class: "plain", onclick: () => this.#useExample(onValue, onPlace) }, "Try an example"),
        el("button", { type: "button", class: "plain", onclick: () => {
          this.clear();
          onClear();
        } }, "Clear")),
    );
    this.#count();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      onValue(true);
    });
    form.addEventListener("change", (event) => {
      this.#count();
      if (this.place.includes(event.target.name)) onPlace();
      onValue(false);
    });
  }

  /** Return the facts that are given; a number that cannot be read goes as it was typed. */
  facts() {
    const facts = {};
    for (const [name, { feature, input }] of this.fields) {
      const text = input.value.trim();
      if (text === "") continue;
      facts[name] = widgetOf(feature).read(text);
    }
    return facts;
  }

  /** Fill the fields with facts, empty the others; return the names that are no fact of this market. */
  fill(facts) {
    for (const { input } of this.fields.values()) input.value = "";
    const strange = [];
    for (const [name, value] of Object.entries(facts)) {
      if (this.fields.has(name)) this.set(name, value);
      else strange.push(name);
    }
    this.clearErrors();
    this.#count();
    return strange;
  }

  set(name, value) {
    const { feature, input } = this.fields.get(name);
    input.value = widgetOf(feature).write(value);
    this.#count();
  }

  clear() {
    this.fill({});
    this.fields.values().next().value?.input.focus();
  }

  /** Put what is wrong beside the fields; return the messages of fields that the form does not have. */
  showErrors(errors, { focus = false } = {}) {
    this.clearErrors();
    const others = [];
    let first = null;
    for (const { field, message } of errors) {
      const own = this.fields.get(field);
      if (!own) {
        others.push(field ? `${label(field)}: ${message}` : message);
        continue;
      }
      own.error.textContent = own.error.hidden ? message : `${own.error.textContent}; ${message}`;
      own.error.hidden = false;
      own.input.setAttribute("aria-invalid", "true");
      if (!own.feature.required) this.more.open = true;
      first ??= own.input;
    }
    if (focus) first?.focus();
    return others;
  }

  clearErrors() {
    for (const { input, error } of this.fields.values()) {
      error.hidden = true;
      error.textContent = "";
      input.removeAttribute("aria-invalid");
    }
  }

  /** Go to a field, unfolding what hides it. */
  focus(name) {
    const field = this.fields.get(name);
    if (!field) return;
    if (!field.feature.required) this.more.open = true;
    field.input.focus();
    field.row.scrollIntoView({ block: "center" });
  }

  /** Offer the commonest labels of a fact while it is typed. */
  suggest(name, values) {
    const { input } = this.fields.get(name);
    const list = el("datalist", { id: `${input.id}-known` }, values.map((value) => el("option", { value })));
    input.after(list);
    input.setAttribute("list", list.id);
  }

  get labelNames() {
    return [...this.features.values()].filter((feature) => widgetOf(feature).suggest).map(({ name }) => name);
  }

  #count() {
    const folded = [...this.fields.values()].filter(({ feature }) => !feature.required);
    this.filled.textContent = `${folded.filter(({ input }) => input.value.trim()).length} of ${folded.length}`;
    this.filled.title = "given";
  }

  #useExample(onValue, onPlace) {
    this.fill(this.example);
    onPlace();
    onValue(true);
  }

  #dayFeature([oldest, newest]) {
    return {
      name: DAY, widget: "date", required: false, unit: null, minimum: null, maximum: null,
      description: `The day that the price holds for: from ${shortDate(oldest)} to ${shortDate(newest)}, the newest sale's if blank.`,
    };
  }

  #field(feature) {
    const id = `fact-${feature.name.replace(/[^\w-]/g, "-")}`;
    const bounds = boundsText(feature);
    const said = feature.description.replace(/\.$/, "").toLowerCase() === label(feature.name).toLowerCase() ? "" : feature.description;
    const saysUnit = unitIsShort(feature) || said.toLowerCase().includes(feature.unit?.toLowerCase());
    const long = feature.unit && !saysUnit ? `In ${feature.unit}.` : "";
    const help = [said, long, bounds && `${bounds}.`].filter(Boolean).join(" ");
    const input = this.#input(feature, { id, name: feature.name, "aria-describedby": `${id}-help ${id}-error`, required: feature.required });
    const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
    const row = el("div", { class: widgetOf(feature).wide ? "field wide" : "field" },
      el("label", { for: id }, label(feature.name), feature.required ? el("span", { class: "unseen" }, " (required)") : null),
      el("span", { class: "entry" }, input, unitIsShort(feature) ? el("span", { class: "unit", "aria-hidden": "true" }, feature.unit) : null),
      el("p", { class: "help", id: `${id}-help` }, help),
      error);
    this.fields.set(feature.name, { feature, input, error, row });
    return row;
  }

  #input(feature, attributes) {
    const { control, decimal } = widgetOf(feature);
    if (control === "select") {
      const options = [["", "Not known"], ["true", "Yes"], ["false", "No"]];
      return el("select", attributes, options.map(([value, text]) => el("option", { value }, text)));
    }
    if (control === "date") return el("input", { ...attributes, type: "date" });
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
