// The answer: price, range, what it rests on. Shows what the server said, figure for figure.

import { el, settled } from "./dom.js";
import { label, longDate, percent, plural } from "./words.js";

const LEAST = 50;
const MOST = 99;

/** Before there is an answer: what there will be. */
export function invitation() {
  const step = (heading, text) => el("li", {}, el("strong", {}, heading), el("span", {}, text));
  return el("div", { class: "card empty" },
    el("p", { class: "hollow", "aria-hidden": "true" }, "$ — —"),
    el("ul", {},
      step("A price and its range", "how sure it is, as sure as you ask."),
      step("The sold homes behind it", "each adjusted for what sets it apart."),
      step("What each fact adds", "and what the price would be with another value of it.")));
}

export class PriceCard {
  /** @param onConfidence called with the share asked for, once the slider rests for a moment */
  constructor({ money, model, onConfidence, onUnknown, onShare }) {
    Object.assign(this, { money, model, onUnknown });
    const changed = settled(60, onConfidence);
    this.price = el("p", { class: "price" });
    this.when = el("p", { class: "help" });
    this.range = el("p", { class: "between" });
    this.fill = el("div", { class: "fill" });
    this.tick = el("div", { class: "tick" });
    this.low = el("span");
    this.high = el("span");
    this.share = el("output", { for: "confidence" });
    this.slider = el("input", {
      id: "confidence", type: "range", min: LEAST, max: MOST, step: 1,
      oninput: () => {
        this.share.textContent = `${this.slider.value}%`;
        changed(this.confidence);
      },
    });
    this.meaning = el("p", { class: "help" });
    this.warnings = el("ul", { class: "notice", hidden: true });
    this.knowledge = el("div", { class: "knowledge" });
    this.copied = el("span", { class: "help", role: "status" });
    this.node = el("div", { class: "card worth" },
      el("div", { class: "headline" },
        el("div", {}, el("p", { class: "over" }, "Estimated price"), this.price, this.when),
        el("div", { class: "actions" }, this.copied, el("button", { type: "button", class: "plain", onclick: () => onShare(this.copied) }, "Copy link"))),
      el("div", { class: "range" },
        this.range,
        el("div", { class: "track", "aria-hidden": "true" }, this.fill, this.tick),
        el("div", { class: "ends", "aria-hidden": "true" }, this.low, this.high)),
      el("div", { class: "sureness" },
        el("label", { for: "confidence" }, "How sure the range is to be"), this.slider, this.share),
      this.meaning, this.warnings, this.knowledge);
    this.confidence = 0.9;
  }

  get confidence() {
    return Number(this.slider.value) / 100;
  }

  set confidence(share) {
    this.slider.value = String(Math.round(100 * share));
    this.share.textContent = `${this.slider.value}%`;
  }

  /**
   * Show an answer.
   * @param widest the same home's answer at the greatest confidence: the ends of the bar
   * @param given names of the facts that were given
   */
  show(answer, widest, given) {
    const { money } = this;
    this.price.textContent = money.full(answer.price);
    this.price.setAttribute("data-price", answer.price);
    this.when.textContent = answer.valuation_date ? `On ${longDate(answer.valuation_date)}` : "";
    this.ends = [Math.min(widest.price_low, answer.price_low), Math.max(widest.price_high, answer.price_high)];
    this.showRange(answer);
    this.warnings.replaceChildren(...answer.warnings.map((text) => el("li", {}, text)));
    this.warnings.hidden = answer.warnings.length === 0;
    this.#showKnowledge(answer, given);
  }

  /** Show the range of an answer for the home that is shown. */
  showRange({ price, price_low: low, price_high: high, confidence, fsd }) {
    const [first, last] = this.ends;
    const margin = 0.04 * (last - first);
    const at = (amount) => `${(100 * (amount - first + margin)) / (last - first + 2 * margin)}%`;
    const { money } = this;
    this.range.replaceChildren(el("strong", {}, money.full(low)), " to ", el("strong", {}, money.full(high)));
    this.fill.style.left = at(low);
    this.fill.style.width = `${(100 * (high - low)) / (last - first + 2 * margin)}%`;
    this.tick.style.left = at(price);
    this.low.textContent = money.brief(first);
    this.high.textContent = money.brief(last);
    this.confidence = confidence;
    this.slider.setAttribute("aria-valuetext", `${percent(confidence)}: ${money.full(low)} to ${money.full(high)}`);
    const homes = Math.round(100 * confidence);
    this.meaning.textContent = `Of 100 homes like this, about ${homes} sell inside such a range. Forecast standard deviation: ${percent(fsd, 1)}.`;
  }

  #showKnowledge({ looked_up: lookedUp, unknown }, given) {
    const group = (name, names, chip) => (names.length
      ? el("div", {}, el("h3", {}, name), el("ul", { class: "chips" }, names.map((fact) => el("li", {}, chip(fact)))))
      : null);
    const plain = (fact) => el("span", { class: "chip" }, label(fact));
    const asked = (fact) => el("button", { type: "button", class: "chip open", title: `Tell ${label(fact).toLowerCase()}`, onclick: () => this.onUnknown(fact) }, label(fact));
    const parts = [
      group("You said", given, plain),
      group("Looked up", lookedUp, asked),
      group("Not known, which widens the range", unknown, asked),
    ].filter(Boolean);
    const summary = [plural(given.length, "fact given", "facts given"), `${lookedUp.length} looked up`, `${unknown.length} not known`];
    const open = this.knowledge.querySelector("details")?.open ?? false;
    this.knowledge.replaceChildren(el("details", { open }, el("summary", {}, `What the price rests on: ${summary.join(", ")}`), parts));
  }
}

/** Instead of a price: why there is none. */
export function refusal(problem, others, features, onField) {
  const reasons = problem.errors.map(({ field, message }) => el("li", {},
    features.has(field) ? el("button", { type: "button", class: "link", onclick: () => onField(field) }, label(field)) : label(field || "The home"),
    `: ${message}`));
  return el("div", { class: "card refused", role: "alert" },
    el("p", { class: "over" }, "No price"),
    el("p", { class: "verdict" }, problem.refused ? "This home is like none that was sold." : problem.title),
    el("p", { class: "help" }, problem.refused ? "A price would be a guess, so there is none. What is out of reach:" : problem.detail),
    reasons.length ? el("ul", {}, reasons) : null,
    others.length && !reasons.length ? el("ul", {}, others.map((text) => el("li", {}, text))) : null);
}
