// The page's beginning: asks for the market, makes the parts, and takes the facts from the form to the answer.

import { PriceCard, invitation, refusal } from "./answer.js";
import { Problem, getModel, getSales, hasKey, predict, useKey } from "./api.js";
import { comparablesSection } from "./comparables.js";
import { bringIntoView, el, reducedMotion } from "./dom.js";
import { FactsForm } from "./form.js";
import { Listings } from "./listings.js";
import { SalesMap } from "./map.js";
import { waterfallSection } from "./waterfall.js";
import { WhatIf } from "./what_if.js";
import { label, longDate, moneyOf, monthOf, number, title } from "./words.js";

const WIDEST = 0.99; // the greatest confidence that may be asked for: the ends of the range's bar
const USUAL = 0.9; // the confidence of a first answer
const RETRY_MS = 1000; // a model takes about this long to load
const CONFIDENCE = "confidence"; // in the address, beside the facts

const $ = (id) => document.getElementById(id);

class ValuePage {
  constructor(model) {
    this.model = model;
    this.money = moneyOf(model.currency);
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    this.sizeName = model.size ?? model.features[0].name;
    this.confidence = USUAL;
    this.form = new FactsForm($("form"), model, {
      onValue: (byHand) => (byHand || this.asked ? this.value({ byHand }) : null),
      onPlace: () => this.#showPlace(),
      onClear: () => this.#forget(),
    });
    this.coordinates = this.form.place;
    this.card = new PriceCard({
      money: this.money,
      model,
      onConfidence: (share) => this.#askRange(share),
      onUnknown: (name) => this.form.focus(name),
      onShare: (told) => this.#copyLink(told),
    });
    this.whatIf = new WhatIf({
      model,
      money: this.money,
      start: this.sizeName,
      onFact: () => this.#askCurve(),
      onUse: (name, value) => {
        this.form.set(name, value);
        if (this.coordinates.includes(name)) this.#showPlace();
        this.value({ byHand: true });
      },
    });
    this.why = el("div", { class: "why" });
    this.evidence = el("div");
    this.result = $("answer");
    this.result.append(invitation());
    this.form.more.addEventListener("toggle", () => this.#suggest(), { once: true });
  }

  /** Show the map, once the sales have come; a market without places has none. */
  showMap(sales) {
    if (!sales.count || !this.coordinates.length) return;
    $("view-value").classList.add("mapped");
    $("map").hidden = false;
    this.map = new SalesMap($("map"), this.model, sales, this.money, {
      onPlace: (latitude, longitude) => {
        this.form.set(this.coordinates[0], latitude);
        this.form.set(this.coordinates[1], longitude);
        this.#showPlace();
        const missing = this.model.features.find(({ name, required }) => required && !(name in this.form.facts()));
        if (!missing) this.value({ byHand: true, stay: true });
        else $("status").textContent = `Placed at ${latitude}, ${longitude}.`;
      },
    });
    this.#showPlace();
    if (this.answer?.comparables) this.map.setComparables(this.answer.comparables.used, this.coordinates, { move: true });
  }

  /** Value the home in the form; `byHand`: someone asked for it, and is led to the answer or to what is wrong. */
  async value({ byHand = false, stay = false } = {}) {
    this.asked = true; // from now on, a change is valued by itself
    this.pending?.abort();
    const { signal } = (this.pending = new AbortController());
    const facts = this.form.facts();
    this.result.setAttribute("aria-busy", "true");
    try {
      const include = ["comparables", "contributions", `what_if:${this.whatIf.fact}`];
      const [answer, widest] = await Promise.all([
        predict(facts, { confidence: this.confidence, include, signal }),
        predict(facts, { confidence: WIDEST, signal }),
      ]);
      this.#show(answer, widest, facts);
      if (byHand && !stay) bringIntoView(this.result);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#fail(error, byHand);
    }
    this.result.removeAttribute("aria-busy");
  }

  /** Value what an address says, or show an empty form. */
  open(fragment) {
    const told = new URLSearchParams(fragment);
    const share = Number(told.get(CONFIDENCE));
    if (!this.features.has(CONFIDENCE)) told.delete(CONFIDENCE);
    this.confidence = share >= 0.5 && share <= WIDEST ? share : USUAL;
    const strange = this.form.fill(Object.fromEntries(told));
    this.#showPlace();
    trouble(strange.length ? `The link names what this market does not know: ${strange.join(", ")}.` : "");
    if ([...told].length > strange.length) this.value();
  }

  #show(answer, widest, facts) {
    Object.assign(this, { answer, facts });
    trouble("");
    this.form.clearErrors();
    const given = Object.keys(facts).filter((name) => this.features.has(name));
    this.card.show(answer, widest, given);
    this.why.replaceChildren(waterfallSection(answer.contributions, answer.price, this.money), this.whatIf.node);
    this.evidence.replaceChildren(answer.comparables
      ? comparablesSection(answer.comparables, {
        features: this.features, facts, money: this.money, sizeName: this.sizeName, onPoint: (row) => this.map?.highlight(row),
      }) : "");
    this.#reveal(this.card.node, this.why, this.evidence);
    this.whatIf.show(answer.what_if[this.whatIf.fact], this.facts[this.whatIf.fact], answer.price);
    this.map?.setComparables(answer.comparables?.used ?? [], this.coordinates, { move: true });
    $("status").textContent = `Estimated price ${this.money.full(answer.price)}, range ${this.money.full(answer.price_low)} to ${this.money.full(answer.price_high)}.`;
    this.#remember();
  }

  #fail(error, byHand) {
    if (!(error instanceof Problem)) throw error;
    this.answer = null;
    const others = this.form.showErrors(error.errors, { focus: byHand });
    this.map?.setComparables([], this.coordinates);
    const besideFields = error.errors.length > 0 && others.length === 0 && !error.refused;
    this.#reveal(besideFields ? invitation() : refusal(error, others, this.features, (name) => this.form.focus(name)));
    $("status").textContent = error.errors.length ? `No price: ${error.errors.map(({ message }) => message).join("; ")}` : error.message;
  }

  #reveal(...nodes) {
    this.result.replaceChildren($("answer-heading"), ...nodes);
  }

  async #askRange(share) {
    this.confidence = share;
    if (!this.answer) return;
    const { answer } = this;
    try {
      const again = await predict(this.facts, { confidence: share, include: [`what_if:${this.whatIf.fact}`] });
      if (answer !== this.answer || share !== this.confidence) return; // another home or share was asked for meanwhile
      this.card.showRange(again);
      this.whatIf.show(again.what_if[this.whatIf.fact], this.facts[this.whatIf.fact], again.price);
      this.#remember();
    } catch (error) {
      this.#fail(error, false);
    }
  }

  async #askCurve() {
    const { answer } = this;
    const { fact } = this.whatIf;
    try {
      const again = await predict(this.facts, { confidence: this.confidence, include: [`what_if:${fact}`] });
      if (answer !== this.answer || fact !== this.whatIf.fact) return;
      this.whatIf.show(again.what_if[fact], this.facts[fact], again.price);
    } catch (error) {
      this.#fail(error, false);
    }
  }

  // The commonest labels of a fact are the points of its what-if: asked for once, when the fields are unfolded.
  async #suggest() {
    const names = this.form.labelNames;
    if (!names.length) return;
    const answer = await predict(this.model.example.request, { include: names.map((name) => `what_if:${name}`) }).catch(() => null);
    for (const [name, points] of Object.entries(answer?.what_if ?? {})) this.form.suggest(name, points.map(({ value }) => value));
  }

  #showPlace() {
    if (!this.map) return;
    const [latitude, longitude] = this.coordinates.map((name) => this.form.facts()[name]);
    this.map.setSubject(latitude, longitude);
  }

  #remember() {
    const told = new URLSearchParams(this.facts);
    if (this.confidence !== USUAL && !this.features.has(CONFIDENCE)) told.set(CONFIDENCE, this.confidence);
    history.replaceState(null, "", `#${told}`);
    $("to-value").href = `#${told}`;
  }

  #forget() {
    this.pending?.abort();
    this.asked = false;
    this.answer = null;
    this.#reveal(invitation());
    this.#showPlace();
    this.map?.setComparables([], this.coordinates);
    trouble("");
    history.replaceState(null, "", "#value");
    $("to-value").href = "#value";
  }

  async #copyLink(told) {
    try {
      await navigator.clipboard.writeText(location.href);
      told.textContent = "Copied.";
    } catch {
      told.textContent = "Copy it from the address bar.";
    }
    setTimeout(() => (told.textContent = ""), 3000);
  }
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

function describe(model) {
  $("market").textContent = title(model.market);
  document.title = `What is this home worth? ${title(model.market)}`;
  const { all_facts: figures } = model.error_figures;
  $("about").textContent = [
    figures ? `Of ${number(figures.n)} sales that the model had not seen, half were valued within ${figures.mdape.toFixed(1)}% of the price.` : "",
    model.sale_dates ? `Sales from ${monthOf(model.sale_dates[0])} to ${monthOf(model.sale_dates[1])}.` : "",
    `Trained ${longDate(model.created)}; version ${model.model_version}.`,
  ].filter(Boolean).join(" ");
  $("report").href = model.report?.slice(1) ?? "";
  $("report").hidden = !model.report || hasKey(); // a link sends no key
}

async function whenReady() {
  for (;;) {
    try {
      return await getModel();
    } catch (error) {
      if (error.status === 401) {
        await askForKey(error.detail);
        continue;
      }
      if (error.status !== 503) throw error;
      trouble("The model is being loaded …");
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

/** Ask for a key, and wait for one. */
function askForKey(why) {
  return new Promise((done) => {
    const input = el("input", { id: "key", type: "password", autocomplete: "off", "aria-describedby": "key-help" });
    const form = el("form", { class: "card key", onsubmit: (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      useKey(input.value.trim());
      form.remove();
      done();
    } },
    el("label", { for: "key" }, "This server asks for a key"),
    el("span", { class: "entry" }, input),
    el("p", { class: "help", id: "key-help" }, `${hasKey() ? label(why) : "Whoever runs it gives them out"}. It is kept until you close this tab.`),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Go on")));
    $("trouble").after(form);
    input.focus();
  });
}

function showView(listings) {
  $("view-listings").hidden = !listings;
  $("view-value").hidden = listings;
  for (const [link, current] of [[$("to-listings"), listings], [$("to-value"), !listings]]) {
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function start() {
  const sales = getSales();
  sales.catch(() => {}); // asked for again below, once the model is there
  const model = await whenReady();
  trouble("");
  describe(model);
  const page = new ValuePage(model);
  const listings = new Listings($("view-listings"), model);
  const follow = () => {
    const fragment = location.hash.slice(1);
    const toListings = fragment === "listings";
    showView(toListings);
    if (toListings) listings.prepare();
    else if (fragment !== "value") page.open(fragment);
    scrollTo({ top: 0, behavior: reducedMotion() ? "auto" : "instant" });
  };
  addEventListener("hashchange", follow);
  follow();
  performance.mark("interactive");
  try {
    page.showMap(await sales.catch(getSales));
  } catch (error) {
    $("no-map").textContent = `There is no map. ${error.message}`;
    $("no-map").hidden = false;
  }
  performance.mark("mapped");
}

start().catch((error) => {
  trouble(error.message);
  throw error;
});
