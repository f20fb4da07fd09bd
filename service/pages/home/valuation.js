// The valuation: price, range and the facts used, exactly as the server returned them. Or why there is no price.

import { debounce, el } from "./dom.js";
import { label, longDate, percent, plural, readNumber, shortDate } from "./format.js";
import { factText } from "./widgets.js";

const MIN_CONFIDENCE = 50; // percent
const MAX_CONFIDENCE = 99;

/** Make the card that is shown before the first valuation. */
export function placeholder() {
  const item = (heading, text) => el("li", {}, el("strong", {}, heading), el("span", {}, text));
  return el("div", { class: "card placeholder" },
    el("ul", {},
      item("A price and a range", "At the confidence level you choose."),
      item("Comparable sales", "Similar homes sold nearby, adjusted for how yours differs."),
      item("Why this price", "What each fact adds, and what changes if the fact changes.")));
}

export class PriceCard {
  /**
   * @param features name → feature of GET /model
   * @param onConfidence called with the confidence, 0.5 to 0.99, shortly after the slider stops
   * @param onPriceAbove called shortly after the user typed a price to ask for the chance of a higher one
   * @param onMissingFact called with the name of a fact that the user wants to enter
   * @param onCopyLink called with the element that shows the outcome
   */
  constructor({ money, features, onConfidence, onPriceAbove, onMissingFact, onCopyLink }) {
    Object.assign(this, { money, features, onMissingFact });
    const changed = debounce(60, onConfidence);
    this.price = el("p", { class: "price" });
    this.date = el("p", { class: "help" });
    this.range = el("p", { class: "range-text" });
    this.fill = el("div", { class: "fill" });
    this.tick = el("div", { class: "tick" });
    this.low = el("span");
    this.high = el("span");
    this.output = el("output", { for: "confidence" });
    this.slider = el("input", {
      id: "confidence", type: "range", min: MIN_CONFIDENCE, max: MAX_CONFIDENCE, step: 1,
      oninput: () => {
        this.output.textContent = `${this.slider.value}%`;
        changed(this.confidence);
      },
    });
    this.meaning = el("p", { class: "help" });
    this.within = el("p", { class: "help" });
    this.above = el("input", { id: "price-above", inputmode: "decimal", autocomplete: "off", oninput: debounce(300, onPriceAbove) });
    this.chance = el("output", { for: "price-above" });
    this.warnings = el("ul", { class: "notice", hidden: true });
    this.ownSales = el("div", { class: "own-sales", hidden: true });
    this.factsUsed = el("div", { class: "facts-used" });
    this.copied = el("span", { class: "help", role: "status" });
    this.node = el("div", { class: "card price-card" },
      el("div", { class: "headline" },
        el("div", {}, el("p", { class: "eyebrow" }, "Estimated price"), this.price, this.date),
        el("div", { class: "actions" }, this.copied, el("button", { type: "button", class: "plain", onclick: () => onCopyLink(this.copied) }, "Copy link"),
          el("button", { type: "button", class: "plain", onclick: () => print() }, "Print"))),
      this.sureness = el("div", {},
        el("div", { class: "range" },
          this.range,
          el("div", { class: "track", "aria-hidden": "true" }, this.fill, this.tick),
          el("div", { class: "ends", "aria-hidden": "true" }, this.low, this.high)),
        el("div", { class: "confidence" },
          el("label", { for: "confidence" }, "Confidence level"), this.slider, this.output),
        this.meaning, this.within,
        el("div", { class: "above" },
          el("label", { for: "price-above" }, "Chance that it sells for more than"), this.above, this.chance)),
      this.ownSales, this.warnings, this.factsUsed);
    this.confidence = 0.9;
  }

  get confidence() {
    return Number(this.slider.value) / 100;
  }

  /** The typed price, or undefined if it is not a positive number. */
  get priceAbove() {
    const price = readNumber(this.above.value);
    return typeof price === "number" && price > 0 ? price : undefined;
  }

  set confidence(confidence) {
    this.slider.value = String(Math.round(100 * confidence));
    this.output.textContent = `${this.slider.value}%`;
  }

  /**
   * Show a valuation.
   * @param widest the same home's valuation at the highest confidence, for the ends of the bar
   * @param entered names of the facts that the user entered
   */
  show(valuation, widest, entered) {
    const { money } = this;
    this.price.textContent = money.full(valuation.price);
    this.price.setAttribute("data-price", valuation.price);
    this.date.textContent = valuation.valuation_date ? `As of ${longDate(valuation.valuation_date)}` : "";
    this.ends = [Math.min(widest.price_low, valuation.price_low), Math.max(widest.price_high, valuation.price_high)];
    this.showRange(valuation);
    this.warnings.replaceChildren(...valuation.warnings.map((text) => el("li", {}, text)));
    this.warnings.hidden = valuation.warnings.length === 0;
    this.#showOwnSales(valuation);
    this.#showFactsUsed(valuation, entered);
  }

  // The home's own earlier sales are the first thing that an owner compares the estimate with.
  #showOwnSales({ own_sales: sales, price, valuation_date: day }) {
    const { money } = this;
    this.ownSales.hidden = !sales.length;
    this.ownSales.replaceChildren(...sales.map(({ date, price: paid, price_now: now }) => {
      const moved = date && Math.abs(now / paid - 1) >= 0.0005
        ? ` Moved to ${shortDate(day)} by the price index, that is ${money.full(now)}.` : "";
      return el("p", {}, el("strong", {}, `This home sold for ${money.full(paid)}${date ? ` on ${shortDate(date)}` : ""}.`),
        `${moved} The estimate is ${percent(Math.abs(price / now - 1))} ${price < now ? "below" : "above"} it, and knows this sale.`);
    }));
  }

  /** Show another range of the home that is shown; a market with too few sales has none, and a warning says so. */
  showRange({ price, price_low: low, price_high: high, confidence, fsd, probability_within_10: within, probability_above: above }) {
    this.sureness.hidden = low === null;
    if (low === null) return;
    this.within.textContent = `Chance that the estimate is within 10% of the sale price: ${percent(within)}.`;
    const help = this.above.value.trim() ? "Enter a price, such as 450000" : "";
    this.chance.textContent = above === undefined ? help : percent(above);
    const [first, last] = this.ends;
    const margin = 0.04 * (last - first);
    const position = (amount) => `${(100 * (amount - first + margin)) / (last - first + 2 * margin)}%`;
    const { money } = this;
    this.range.replaceChildren(el("strong", {}, money.full(low)), " to ", el("strong", {}, money.full(high)));
    this.fill.style.left = position(low);
    this.fill.style.width = `${(100 * (high - low)) / (last - first + 2 * margin)}%`;
    this.tick.style.left = position(price);
    this.low.textContent = money.brief(first);
    this.high.textContent = money.brief(last);
    this.confidence = confidence;
    this.slider.setAttribute("aria-valuetext", `${percent(confidence)}: ${money.full(low)} to ${money.full(high)}`);
    this.meaning.textContent = `About ${Math.round(100 * confidence)} of 100 homes like this sell within such a range. Typical error (forecast standard deviation): ${percent(fsd, 1)}.`;
  }

  #showFactsUsed({ looked_up: lookedUp, unknown: missing, looked_up_values: values }, entered) {
    const group = (heading, names, chip) => (names.length
      ? el("div", {}, el("h3", {}, heading), el("ul", { class: "chips" }, names.map((name) => el("li", {}, chip(name)))))
      : null);
    const fixed = (name) => el("span", { class: "chip" }, label(name));
    const found = (name) => editable(name, `${label(name)}: ${factText(this.features.get(name), values[name].value)}`);
    const editable = (name, text = label(name)) => el("button", { type: "button", class: "chip open", title: `Enter ${label(name).toLowerCase()}`, onclick: () => this.onMissingFact(name) }, text);
    const parts = [
      group("You entered", entered, fixed),
      group(sourceText(values), lookedUp, found),
      group("Missing (entering them can narrow the range)", missing, editable),
    ].filter(Boolean);
    const open = this.factsUsed.querySelector("details")?.open ?? false;
    this.factsUsed.replaceChildren(el("details", { open }, el("summary", {}, factsUsedText(entered.length, lookedUp.length, missing.length)), parts));
  }
}

// Say where the facts were looked up: all of a home are of one area.
function sourceText(values) {
  const [first] = Object.values(values);
  if (!first) return "";
  return `Looked up by postal code ${first.postal_code}${first.by_place ? ", that of the nearest sold home" : ""}`;
}

function factsUsedText(entered, lookedUp, missing) {
  const used = `Based on ${plural(entered, "fact", "facts")} you entered${lookedUp ? ` and ${lookedUp} looked up` : ""}`;
  return missing ? `${used}; ${missing} ${missing === 1 ? "is" : "are"} missing` : used;
}

/** Make the card that says why there is no price. */
export function refusalCard(problem, otherMessages, features, { onField, onRetry }) {
  const firstOfField = ({ field }, index) => problem.errors.findIndex((other) => other.field === field) === index;
  const reasons = problem.errors.filter(firstOfField).map(({ field, message }) => el("li", {},
    features.has(field) ? el("button", { type: "button", class: "link", onclick: () => onField(field) }, label(field)) : label(field || "This home"),
    `: ${message}`));
  return el("div", { class: "card refused", role: "alert" },
    el("p", { class: "eyebrow" }, "No price"),
    el("p", { class: "verdict" }, problem.refused ? "We can’t value this home: nothing similar has sold." : problem.title),
    el("p", { class: "help" }, problem.refused ? "Any price would be a guess. The reasons:" : problem.detail),
    reasons.length ? el("ul", {}, reasons) : null,
    problem.isLost ? el("div", { class: "actions" }, el("button", { type: "button", class: "plain", onclick: onRetry }, "Try again")) : null,
    otherMessages.length && !reasons.length ? el("ul", {}, otherMessages.map((text) => el("li", {}, text))) : null);
}
