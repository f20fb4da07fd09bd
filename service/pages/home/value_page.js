// The view that values a home: takes the facts from the form to the valuation, and keeps them in the address.

import { Problem, predict } from "./api.js";
import { ChosenComparables } from "./chosen_comparables.js";
import { dayBanner } from "./day.js";
import { $, bringIntoView, el, isNarrow, showAlert } from "./dom.js";
import { Find } from "./find.js";
import { FactsForm } from "./form.js";
import { moneyOf, rangeText } from "./format.js";
import { lengthsOf } from "./lengths.js";
import { SalesMap } from "./map.js";
import { listingCard, takeListing } from "./opened_listing.js";
import { printedFacts } from "./printed.js";
import { PriceCard, placeholder, refusalCard } from "./valuation.js";
import { waterfallSection } from "./waterfall.js";
import { WhatIf } from "./what_if.js";

const MAX_CONFIDENCE = 0.99; // its range gives the ends of the bar
const DEFAULT_CONFIDENCE = 0.9;
const CONFIDENCE = "confidence"; // in links, beside the facts
const DATE = "valuation_date";
const REASONS = ["comparables", "contributions", "own_sales", "looked_up_values"];

export class ValuePage {
  /**
   * @param model the answer of GET /model
   * @param listingsOf function of a text; returns the listings of this tab that have this number
   */
  constructor(model, { listingsOf }) {
    this.model = model;
    this.money = moneyOf(model.currency);
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    this.confidence = DEFAULT_CONFIDENCE;
    const placeholder = model.coordinates?.map((name) => model.example.request[name]).join(", ");
    this.find = model.coordinates ? new Find({ placeholder, listingsOf, onChoose: (place) => this.#choose(place) }) : null;
    this.form = new FactsForm($("form"), model, {
      find: this.find?.node,
      onSubmit: (byUser) => (byUser || this.autoUpdate ? this.value({ byUser }) : null),
      onLocation: () => this.#showLocation(),
      onClear: () => this.#clear(),
    });
    this.coordinates = this.form.coordinates;
    this.#build();
    this.form.more.addEventListener("toggle", () => this.#suggest(), { once: true });
    addEventListener("online", () => this.lost && this.value({ byUser: true }));
  }

  #build() {
    const { model, money } = this;
    this.card = new PriceCard({
      money,
      features: this.features,
      onConfidence: (confidence) => this.#updateRange(confidence),
      onPriceAbove: () => this.#updateRange(this.confidence),
      onMissingFact: (name) => this.form.focus(name),
      onCopyLink: (outcome) => this.#copyLink(outcome),
    });
    this.whatIf = new WhatIf({
      model,
      money,
      onFact: () => this.#updateCurve(),
      onUse: (name, value) => {
        this.form.set(name, value);
        this.value({ byUser: true });
      },
    });
    this.comparables = new ChosenComparables({
      model, money, lengths: lengthsOf(model),
      onHover: (row) => this.map?.highlight(row),
      onShown: (sales, move) => this.map?.setComparables(sales, this.coordinates, { move }),
    });
    this.explanation = el("div", { class: "explanation" });
    this.printed = el("div", { class: "printed" });
    this.result = $("valuation");
    this.result.append(placeholder());
    const banner = dayBanner(model, (day) => {
      this.form.set(DATE, day);
      this.value({ byUser: true });
    });
    if (banner) $("opened").before(banner);
    this.jump = el("a", { class: "jump", href: "#valuation", hidden: true, onclick: (event) => {
      event.preventDefault();
      bringIntoView(this.result);
    } });
    $("view-value").append(this.jump);
    new IntersectionObserver(([{ isIntersecting }]) => (this.jump.hidden = isIntersecting || !this.answer)).observe(this.result);
  }

  /** Show the map of the sales; a market without locations has none. */
  showMap(sales) {
    if (!sales.count) return;
    this.map = new SalesMap($("map"), this.model, sales, this.money, {
      onPlace: (latitude, longitude) => this.place(latitude, longitude, { scroll: isNarrow() }),
    });
    this.#showLocation();
    if (this.answer?.comparables) this.map.setComparables(this.answer.comparables.used, this.coordinates, { move: true });
  }

  // Go to a place that was searched. Returns what the user should know.
  #choose({ found_by: by, label, latitude, longitude, facts, link }) {
    if (link) {
      location.hash = link;
      return "";
    }
    if (by === "postal_code" || by === "city") {
      if (!this.map) return "The map is not there yet. Paste coordinates instead.";
      this.map.showAround(latitude, longitude);
      if (isNarrow()) $("map").scrollIntoView({ block: "start" });
      return `The map shows ${label}. Click where the home is.`;
    }
    if (Object.keys(facts).length) {
      this.form.fill(facts);
      this.#showLocation();
      this.value({ byUser: true });
      return `The facts are those of the newest sale of ${label}. Correct what has changed since.`;
    }
    this.place(latitude, longitude, { scroll: isNarrow() });
    return `The home is at ${label}.`;
  }

  /** Put the home at a location, and value it if all required facts are there. */
  place(latitude, longitude, { scroll }) {
    this.form.set(this.coordinates[0], latitude);
    this.form.set(this.coordinates[1], longitude);
    this.#showLocation();
    const missing = this.model.features.find(({ name, required }) => required && !(name in this.form.facts()));
    if (!missing) this.value({ byUser: true, scroll });
    else $("status").textContent = `Location set to ${latitude}, ${longitude}.`;
  }

  /** Value the home in the form. If `byUser` asked for it, show them the answer, or the first field with an error. */
  async value({ byUser = false, scroll = byUser } = {}) {
    this.autoUpdate = true; // from now on, every change is valued
    this.lost = false;
    this.pending?.abort();
    const { signal } = (this.pending = new AbortController());
    const facts = this.form.facts();
    this.result.setAttribute("aria-busy", "true");
    try {
      const include = [...REASONS, ...this.#curve];
      const [answer, widest] = await Promise.all([
        predict(facts, { confidence: this.confidence, include, priceAbove: this.card.priceAbove, signal }),
        predict(facts, { confidence: MAX_CONFIDENCE, signal }),
      ]);
      this.#show(answer, widest, facts, byUser);
      if (scroll) bringIntoView(this.result);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#fail(error, byUser);
    }
    this.result.removeAttribute("aria-busy");
  }

  /** Value the facts of a link, or show an empty form. */
  open(fragment) {
    const parameters = new URLSearchParams(fragment);
    const confidence = Number(parameters.get(CONFIDENCE));
    if (!this.features.has(CONFIDENCE)) parameters.delete(CONFIDENCE);
    this.#showListing(takeListing(parameters, this.features));
    this.confidence = confidence >= 0.5 && confidence <= MAX_CONFIDENCE ? confidence : DEFAULT_CONFIDENCE;
    const unknown = this.form.fill(Object.fromEntries(parameters));
    this.#showLocation();
    showAlert(unknown.length ? `This market does not have these facts, so they were ignored: ${unknown.join(", ")}.` : "");
    if ([...parameters].length > unknown.length) this.value({ scroll: isNarrow() });
    else this.#reset();
  }

  // The includes of the what-if curve.
  get #curve() {
    return this.whatIf.fact ? [`what_if:${this.whatIf.fact}`] : [];
  }

  // Show the listing whose home this is, null for none.
  #showListing(listing) {
    this.listing = listing;
    $("opened").replaceChildren(...(listing ? [listingCard(listing, this.money)] : []));
  }

  #show(answer, widest, facts, byUser) {
    Object.assign(this, { answer, facts });
    showAlert("");
    this.form.clearErrors();
    this.card.show(answer, widest, Object.keys(facts).filter((name) => this.features.has(name)));
    this.explanation.replaceChildren(waterfallSection(answer, this.features, this.money), ...(this.whatIf.fact ? [this.whatIf.node] : []));
    this.comparables.show(answer, facts);
    this.printed.replaceChildren(printedFacts(answer, facts, this.model));
    this.#reveal(this.card.node, this.printed, this.explanation, this.comparables.node);
    this.#showCurve(answer);
    this.jump.textContent = `${this.money.full(answer.price)} ↓`;
    $("status").textContent = `Estimated price ${this.money.full(answer.price)}${rangeText(answer, this.money, ", range ")}.`;
    this.#updateLink(byUser);
  }

  #showCurve(answer) {
    const { fact } = this.whatIf;
    if (fact) this.whatIf.show(answer.what_if[fact], this.facts[fact] ?? answer.looked_up_values?.[fact]?.value, answer.price);
  }

  #fail(error, byUser) {
    if (!(error instanceof Problem)) throw error;
    this.answer = null;
    this.lost = error.isLost;
    const otherMessages = this.form.showErrors(error.errors, { focus: byUser, isExplained: error.refused });
    this.map?.setComparables([], this.coordinates);
    const shownInForm = error.errors.length > 0 && otherMessages.length === 0 && !error.refused;
    this.#reveal(shownInForm ? placeholder() : refusalCard(error, otherMessages, this.features, {
      onField: (name) => this.form.focus(name), onRetry: () => this.value({ byUser: true }),
    }));
    // A card is an alert, which is read out by itself.
    $("status").textContent = shownInForm ? `No price: ${error.errors.map(({ message }) => message).join("; ")}` : "";
  }

  #reveal(...nodes) {
    this.result.replaceChildren($("valuation-heading"), ...nodes);
  }

  async #updateRange(confidence) {
    this.confidence = confidence;
    if (!this.answer) return;
    const { answer } = this;
    try {
      const { priceAbove } = this.card;
      const updated = await predict(this.facts, { confidence, include: this.#curve, priceAbove });
      if (answer !== this.answer || confidence !== this.confidence || priceAbove !== this.card.priceAbove) return; // superseded by a later request
      this.card.showRange(updated);
      this.#showCurve(updated);
      this.#updateLink(false);
    } catch (error) {
      this.#fail(error, false);
    }
  }

  async #updateCurve() {
    const { answer } = this;
    const { fact } = this.whatIf;
    try {
      const updated = await predict(this.facts, { confidence: this.confidence, include: [...this.#curve] });
      if (answer === this.answer && fact === this.whatIf.fact) this.#showCurve(updated);
    } catch (error) {
      this.#fail(error, false);
    }
  }

  // The most common labels of a fact are the points of its what-if. Requested once, when the optional fields are opened.
  async #suggest() {
    const names = this.form.suggestible;
    if (!names.length) return;
    const answer = await predict(this.model.example.request, { include: names.map((name) => `what_if:${name}`) }).catch(() => null);
    for (const [name, points] of Object.entries(answer?.what_if ?? {})) this.form.suggest(name, points.map(({ value }) => value));
  }

  #showLocation() {
    if (!this.map) return;
    const [latitude, longitude] = this.coordinates.map((name) => this.form.facts()[name]);
    this.map.setSubject(latitude, longitude);
  }

  // Keep the home in the address. One that the user asked for is a step of the history, to go back from.
  #updateLink(byUser) {
    const parameters = new URLSearchParams(this.facts);
    if (this.confidence !== DEFAULT_CONFIDENCE && !this.features.has(CONFIDENCE)) parameters.set(CONFIDENCE, this.confidence);
    for (const [name, value] of Object.entries(this.listing ?? {})) parameters.set(name, value);
    const link = `#${parameters}`;
    if (byUser && link !== location.hash) history.pushState(null, "", link);
    else history.replaceState(null, "", link);
    $("to-value").href = link;
  }

  #clear() {
    this.#reset();
    history.pushState(null, "", "#value");
  }

  // Show no home.
  #reset() {
    this.pending?.abort();
    this.result.removeAttribute("aria-busy");
    this.autoUpdate = false;
    this.answer = null;
    this.jump.hidden = true;
    this.#reveal(placeholder());
    this.#showListing(null);
    this.#showLocation();
    this.map?.setComparables([], this.coordinates);
    $("to-value").href = "#value";
  }

  async #copyLink(outcome) {
    try {
      await navigator.clipboard.writeText(location.href);
      outcome.textContent = "Copied.";
    } catch {
      outcome.textContent = "Copy the link from the address bar.";
    }
    setTimeout(() => (outcome.textContent = ""), 3000);
  }
}
