// Entry point: gets the model, builds the page's parts, and takes the facts from the form to the valuation.

import { Problem, getModel, getSales, hasApiKey, predict, setApiKey } from "./api.js";
import { comparablesSection } from "./comparables.js";
import { bringIntoView, el, reducedMotion } from "./dom.js";
import { FactsForm } from "./form.js";
import { longDate, moneyOf, monthOf, number, rangeText, sentence, title } from "./format.js";
import { Listings } from "./listings.js";
import { SalesMap } from "./map.js";
import { listingCard, takeListing } from "./opened_listing.js";
import { PriceCard, placeholder, refusalCard } from "./valuation.js";
import { waterfallSection } from "./waterfall.js";
import { WhatIf } from "./what_if.js";

const MAX_CONFIDENCE = 0.99; // its range gives the ends of the bar
const DEFAULT_CONFIDENCE = 0.9;
const RETRY_MS = 1000; // about as long as a model takes to load
const CONFIDENCE = "confidence"; // in links, beside the facts

const $ = (id) => document.getElementById(id);

class ValuePage {
  constructor(model) {
    this.model = model;
    this.money = moneyOf(model.currency);
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    this.sizeName = model.size ?? model.features[0].name;
    this.confidence = DEFAULT_CONFIDENCE;
    this.form = new FactsForm($("form"), model, {
      onSubmit: (byUser) => (byUser || this.autoUpdate ? this.value({ byUser }) : null),
      onLocation: () => this.#showLocation(),
      onClear: () => this.#clear(),
    });
    this.coordinates = this.form.coordinates;
    this.card = new PriceCard({
      money: this.money,
      onConfidence: (confidence) => this.#updateRange(confidence),
      onPriceAbove: () => this.#updateRange(this.confidence),
      onMissingFact: (name) => this.form.focus(name),
      onCopyLink: (outcome) => this.#copyLink(outcome),
    });
    this.whatIf = new WhatIf({
      model,
      money: this.money,
      start: this.sizeName,
      onFact: () => this.#updateCurve(),
      onUse: (name, value) => {
        this.form.set(name, value);
        if (this.coordinates.includes(name)) this.#showLocation();
        this.value({ byUser: true });
      },
    });
    this.explanation = el("div", { class: "explanation" });
    this.comparables = el("div");
    this.result = $("valuation");
    this.result.append(placeholder());
    this.form.more.addEventListener("toggle", () => this.#suggest(), { once: true });
  }

  /** Show the map of the sales; a market without locations has none. */
  showMap(sales) {
    if (!sales.count || !this.coordinates.length) return;
    $("view-value").classList.add("mapped");
    $("map").hidden = false;
    this.map = new SalesMap($("map"), this.model, sales, this.money, {
      onPlace: (latitude, longitude) => {
        this.form.set(this.coordinates[0], latitude);
        this.form.set(this.coordinates[1], longitude);
        this.#showLocation();
        const missing = this.model.features.find(({ name, required }) => required && !(name in this.form.facts()));
        if (!missing) this.value({ byUser: true, scroll: false });
        else $("status").textContent = `Location set to ${latitude}, ${longitude}.`;
      },
    });
    this.#showLocation();
    if (this.answer?.comparables) this.map.setComparables(this.answer.comparables.used, this.coordinates, { move: true });
  }

  /** Value the home in the form. If `byUser` asked for it, show them the answer, or the first field with an error. */
  async value({ byUser = false, scroll = true } = {}) {
    this.autoUpdate = true; // from now on, every change is valued
    this.pending?.abort();
    const { signal } = (this.pending = new AbortController());
    const facts = this.form.facts();
    this.result.setAttribute("aria-busy", "true");
    try {
      const include = ["comparables", "contributions", `what_if:${this.whatIf.fact}`];
      const [answer, widest] = await Promise.all([
        predict(facts, { confidence: this.confidence, include, priceAbove: this.card.priceAbove, signal }),
        predict(facts, { confidence: MAX_CONFIDENCE, signal }),
      ]);
      this.#show(answer, widest, facts);
      if (byUser && scroll) bringIntoView(this.result);
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
    if ([...parameters].length > unknown.length) this.value();
  }

  // Show the listing whose home this is, null for none.
  #showListing(listing) {
    this.listing = listing;
    $("opened").replaceChildren(...(listing ? [listingCard(listing, this.money)] : []));
  }

  #show(answer, widest, facts) {
    Object.assign(this, { answer, facts });
    showAlert("");
    this.form.clearErrors();
    const entered = Object.keys(facts).filter((name) => this.features.has(name));
    this.card.show(answer, widest, entered);
    this.explanation.replaceChildren(waterfallSection(answer.contributions, answer.price, this.money), this.whatIf.node);
    this.comparables.replaceChildren(answer.comparables
      ? comparablesSection(answer.comparables, {
        features: this.features, facts, money: this.money, sizeName: this.sizeName, onHover: (row) => this.map?.highlight(row),
      }) : "");
    this.#reveal(this.card.node, this.explanation, this.comparables);
    this.whatIf.show(answer.what_if[this.whatIf.fact], this.facts[this.whatIf.fact], answer.price);
    this.map?.setComparables(answer.comparables?.used ?? [], this.coordinates, { move: true });
    $("status").textContent = `Estimated price ${this.money.full(answer.price)}${rangeText(answer, this.money, ", range ")}.`;
    this.#updateLink();
  }

  #fail(error, byUser) {
    if (!(error instanceof Problem)) throw error;
    this.answer = null;
    const otherMessages = this.form.showErrors(error.errors, { focus: byUser });
    this.map?.setComparables([], this.coordinates);
    const shownInForm = error.errors.length > 0 && otherMessages.length === 0 && !error.refused;
    this.#reveal(shownInForm ? placeholder() : refusalCard(error, otherMessages, this.features, (name) => this.form.focus(name)));
    $("status").textContent = error.errors.length ? `No price: ${error.errors.map(({ message }) => message).join("; ")}` : error.message;
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
      const updated = await predict(this.facts, { confidence, include: [`what_if:${this.whatIf.fact}`], priceAbove });
      if (answer !== this.answer || confidence !== this.confidence || priceAbove !== this.card.priceAbove) return; // superseded by a later request
      this.card.showRange(updated);
      this.whatIf.show(updated.what_if[this.whatIf.fact], this.facts[this.whatIf.fact], updated.price);
      this.#updateLink();
    } catch (error) {
      this.#fail(error, false);
    }
  }

  async #updateCurve() {
    const { answer } = this;
    const { fact } = this.whatIf;
    try {
      const updated = await predict(this.facts, { confidence: this.confidence, include: [`what_if:${fact}`] });
      if (answer !== this.answer || fact !== this.whatIf.fact) return;
      this.whatIf.show(updated.what_if[fact], this.facts[fact], updated.price);
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

  #updateLink() {
    const parameters = new URLSearchParams(this.facts);
    if (this.confidence !== DEFAULT_CONFIDENCE && !this.features.has(CONFIDENCE)) parameters.set(CONFIDENCE, this.confidence);
    for (const [name, value] of Object.entries(this.listing ?? {})) parameters.set(name, value);
    history.replaceState(null, "", `#${parameters}`);
    $("to-value").href = `#${parameters}`;
  }

  #clear() {
    this.pending?.abort();
    this.autoUpdate = false;
    this.answer = null;
    this.#reveal(placeholder());
    this.#showListing(null);
    this.#showLocation();
    this.map?.setComparables([], this.coordinates);
    showAlert("");
    history.replaceState(null, "", "#value");
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

function showAlert(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

function describe(model) {
  $("market").textContent = title(model.market);
  document.title = `What is this home worth? ${title(model.market)}`;
  const { all_facts: figures } = model.error_figures;
  $("model-info").textContent = [
    figures ? `Tested on ${number(figures.n)} sales not used in training: half of the valuations are within ${figures.mdape.toFixed(1)}% of the sale price.` : "",
    model.sale_dates ? `Sales from ${monthOf(model.sale_dates[0])} to ${monthOf(model.sale_dates[1])}.` : "",
    `Trained on ${longDate(model.created)} (version ${model.model_version}).`,
  ].filter(Boolean).join(" ");
  $("report").href = model.report?.slice(1) ?? "";
  $("report").hidden = !model.report || hasApiKey(); // a link cannot send the key
}

async function whenReady() {
  for (;;) {
    try {
      return await getModel();
    } catch (error) {
      if (error.status === 401) {
        await requestApiKey(error.detail);
        continue;
      }
      if (error.status !== 503) throw error;
      showAlert("The model is loading …");
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

/** Show a form for the API key; resolve once a key was entered. */
function requestApiKey(errorDetail) {
  return new Promise((done) => {
    const input = el("input", { id: "key", type: "password", autocomplete: "off", "aria-describedby": "key-help" });
    const form = el("form", { class: "card key", onsubmit: (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      setApiKey(input.value.trim());
      form.remove();
      done();
    } },
    el("label", { for: "key" }, "API key"),
    el("span", { class: "entry" }, input),
    el("p", { class: "help", id: "key-help" }, `${hasApiKey() ? sentence(errorDetail) : "This server needs an API key. Ask its operator for one."} Your browser keeps the key until you close this tab.`),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Continue")));
    $("alert").after(form);
    input.focus();
  });
}

function showView(isListings) {
  $("view-listings").hidden = !isListings;
  $("view-value").hidden = isListings;
  for (const [link, current] of [[$("to-listings"), isListings], [$("to-value"), !isListings]]) {
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function start() {
  const sales = getSales();
  sales.catch(() => {}); // requested again below, once the model is loaded
  const model = await whenReady();
  showAlert("");
  describe(model);
  const page = new ValuePage(model);
  const listings = new Listings($("view-listings"), model);
  let scrolled = 0; // of the listings, to show them again as they were left
  history.scrollRestoration = "manual";
  const showFragment = () => {
    const fragment = location.hash.slice(1);
    const isListings = fragment === "listings";
    if (!$("view-listings").hidden) scrolled = scrollY;
    showView(isListings);
    if (isListings) listings.prepare();
    else if (fragment !== "value") page.open(fragment);
    scrollTo({ top: isListings ? scrolled : 0, behavior: reducedMotion() ? "auto" : "instant" });
  };
  addEventListener("hashchange", showFragment);
  showFragment();
  performance.mark("interactive");
  try {
    page.showMap(await sales.catch(getSales));
  } catch (error) {
    $("map-error").textContent = `We couldn’t load the map. ${error.message}`;
    $("map-error").hidden = false;
  }
  performance.mark("mapped");
}

start().catch((error) => {
  showAlert(error.message);
  throw error;
});
