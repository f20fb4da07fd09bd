// The comparables under the user's hand: limits of distance, time and size, homes pinned and dropped, and the price that
// the chosen ones suggest by themselves, beside the estimate. All figures come from POST /comparables.

import { chosenComparables } from "./api.js";
import { comparablesTable, leftOutList } from "./comparables.js";
import { el } from "./dom.js";
import { number, percent, plural } from "./format.js";

const FEW = 12; // rows shown at first
const RADII = [0.25, 0.5, 1, 2, 5, 10, 20]; // miles or km
const MONTHS = [3, 6, 12, 24, 36, 60];
const SIZES = [5, 10, 20, 30, 50]; // percent

export class ChosenComparables {
  /**
   * @param lengths units of `lengthsOf`
   * @param onHover called with the index of the row under the pointer or focus, or with undefined
   * @param onShown called with the sales that are shown, and whether the map should move to them
   */
  constructor({ model, money, lengths, onHover, onShown }) {
    Object.assign(this, { model, money, lengths, onHover, onShown });
    this.node = el("div");
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    const select = (id, values, textOf) => el("select", { id, onchange: () => this.#choose() },
      el("option", { value: "" }, "Any"), values.map((value) => el("option", { value }, textOf(value))));
    this.radius = select("choice-radius", RADII.map((length) => length / lengths.far.perKm), (km) => `${number(km * lengths.far.perKm)} ${lengths.far.unit}`);
    this.months = select("choice-months", MONTHS, (months) => `${months} months`);
    this.size = select("choice-size", SIZES, (share) => `±${share}%`);
  }

  /** Show the comparables of a valuation of some facts. */
  show(answer, facts) {
    this.pending?.abort();
    Object.assign(this, { answer, facts, pinned: new Set(), dropped: new Set(), all: false });
    for (const input of [this.radius, this.months, this.size]) input.value = "";
    const { comparables } = answer;
    this.node.replaceChildren();
    if (!comparables) return;
    this.summary = el("p", { class: "suggested", role: "status" });
    this.table = el("div");
    this.actions = el("div", { class: "actions" });
    this.node.append(el("section", { class: "card comparables", "aria-labelledby": "comparables-heading" },
      el("h2", { id: "comparables-heading" }, "Comparable sales"),
      el("p", { class: "help" }, comparables.used.length
        ? "Similar homes sold nearby, adjusted to your home. The estimate also uses all other sales."
        : "Without a location there are no comparable homes."),
      comparables.used.length ? [this.#controls(), this.summary, this.table, this.actions] : null,
      comparables.left_out.length ? leftOutList(comparables.left_out, this.money, this.lengths) : null));
    this.#showSales(comparables.used, { move: true });
  }

  #controls() {
    const field = (input, text) => el("div", { class: "choice" }, el("label", { for: input.id }, text), input);
    return el("div", { class: "choices", role: "group", "aria-label": "Choose the comparables" },
      field(this.radius, "Within"),
      this.model.sale_dates ? field(this.months, "Sold within") : null,
      this.features.has(this.model.size) ? field(this.size, "Size") : null);
  }

  get #choice() {
    const choice = { radius_km: this.radius.value, months: this.months.value, size_percent: this.size.value,
      pinned: [...this.pinned].join(","), dropped: [...this.dropped].join(",") };
    return Object.fromEntries(Object.entries(choice).filter(([, value]) => value));
  }

  async #choose() {
    this.pending?.abort();
    const { signal } = (this.pending = new AbortController());
    const choice = this.#choice;
    if (!Object.keys(choice).length) {
      this.summary.replaceChildren();
      this.#showSales(this.answer.comparables.used, { move: true });
      return;
    }
    try {
      const chosen = await chosenComparables(this.facts, choice, signal);
      this.#summarize(chosen);
      this.#showSales(chosen.sales, { move: true });
    } catch (error) {
      if (error.name !== "AbortError") this.summary.textContent = error.message;
    }
  }

  #summarize({ price, count, found, weight_share: share }) {
    const { money, answer } = this;
    if (price === null) {
      this.summary.textContent = "No sold home is within these limits.";
      return;
    }
    const change = price / answer.price - 1;
    this.summary.replaceChildren(
      `${count < found ? `The ${number(count)} nearest of ${number(found)} sales` : `${count === 1 ? "This sale" : `These ${number(count)} sales`}`} alone ${count === 1 ? "suggests" : "suggest"} `,
      el("strong", { "data-price": price }, money.full(price)),
      `, ${percent(Math.abs(change))} ${change < 0 ? "below" : "above"} the estimate of ${money.full(answer.price)}. They have ${percent(share)} of the weight of the model’s own comparables.`);
  }

  #showSales(sales, { move }) {
    const shown = this.all ? sales : sales.slice(0, FEW);
    this.table.replaceChildren(sales.length ? comparablesTable(shown, {
      features: this.features, size: this.features.get(this.model.size), facts: this.facts, money: this.money, lengths: this.lengths,
      onHover: this.onHover, pinned: this.pinned,
      onPin: ({ row }) => {
        if (!this.pinned.delete(row)) this.pinned.add(row);
        this.#choose();
      },
      onDrop: ({ row }) => {
        this.pinned.delete(row);
        this.dropped.add(row);
        this.#choose();
      },
    }) : "");
    const button = (text, onclick) => el("button", { type: "button", class: "plain small", onclick }, text);
    this.actions.replaceChildren(
      sales.length > shown.length ? button(`Show all ${sales.length}`, () => {
        this.all = true;
        this.#showSales(sales, { move });
      }) : "",
      this.dropped.size ? button(`Take back ${plural(this.dropped.size, "dropped sale", "dropped sales")}`, () => {
        this.dropped.clear();
        this.#choose();
      }) : "",
      Object.keys(this.#choice).length ? button("The model’s own comparables", () => this.show(this.answer, this.facts)) : "");
    this.onShown(shown, move);
  }
}
