// The form of what applies to all listings: costs, and the chance of profit that a deal must have.

import { el } from "./dom.js";
import { label, number } from "./format.js";

const NOT_TERMS = new Set(["include", "confidence"]); // parameters of /screen that are not terms of a deal
const LABELS = {
  probability: "Required chance of profit", rehab: "Repair cost", holding: "Holding cost", holding_months: "Months until resale",
  monthly_cost: "Cost a month", rent: "Rent a month", rent_costs: "Rent’s costs",
};
const UNITS = { holding_months: "months" };

/** Return how people call a term or a fact. */
export const termLabel = (name) => LABELS[name] ?? label(name);

export class TermsForm {
  /**
   * @param parameters of POST /screen, as the API's document describes them
   * @param onSubmit called when the user asks for deals
   */
  constructor(parameters, currency, onSubmit) {
    this.fields = new Map();
    const terms = parameters.filter(({ name }) => !NOT_TERMS.has(name));
    this.node = el("form", { class: "card terms", novalidate: true, "aria-labelledby": "terms-heading", onsubmit: (event) => {
      event.preventDefault();
      onSubmit();
    } },
    el("h2", { id: "terms-heading" }, "Your costs and target"),
    el("div", { class: "fields" }, terms.map((term) => this.#field(term, currency))),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Find deals")));
  }

  /** Return the terms that were entered, by name. */
  read() {
    const terms = {};
    for (const [name, { input, isShare }] of this.fields) {
      const text = input.value.trim().replace(/,/g, "");
      if (text === "") continue;
      const value = Number(text);
      // Text that is not a number is sent unchanged: the server reports it.
      terms[name] = isShare && Number.isFinite(value) ? Number((value / 100).toFixed(6)) : text;
    }
    return terms;
  }

  /** Show the error of a term beside it; return whether the problem is one of a term. */
  showProblem(problem) {
    // A problem with one query parameter starts its detail with the parameter's name.
    const name = problem.errors.length ? null : [...this.fields.keys()].find((term) => problem.detail?.startsWith(`${term}:`) || problem.detail?.startsWith(`${term} `));
    if (!name) return false;
    const { input, error, isShare } = this.fields.get(name);
    const message = problem.detail.slice(name.length + 1).trim();
    error.textContent = isShare ? message.replace(/\d+(\.\d+)?/g, (share) => `${number(100 * Number(share))}%`) : message;
    error.hidden = false;
    input.setAttribute("aria-invalid", "true");
    input.focus();
    return true;
  }

  clearErrors() {
    for (const { input, error } of this.fields.values()) {
      error.hidden = true;
      input.removeAttribute("aria-invalid");
    }
  }

  #field({ name, description, schema }, currency) {
    const isShare = schema.maximum <= 1; // written in percent
    const id = `term-${name}`;
    const value = isShare ? number(100 * schema.default) : String(schema.default);
    const input = el("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", value, "aria-describedby": `${id}-help ${id}-error` });
    const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
    this.fields.set(name, { input, error, isShare });
    return el("div", { class: "field" },
      el("label", { for: id }, termLabel(name)),
      el("span", { class: "entry" }, input, el("span", { class: "unit", "aria-hidden": "true" }, isShare ? "%" : UNITS[name] ?? currency)),
      el("p", { class: "help", id: `${id}-help` }, description), error);
  }
}
