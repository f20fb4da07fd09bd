// Entry point: gets the model, builds the views, and shows the one that the address names.

import { getModel, getSales, hasApiKey, setApiKey } from "./api.js";
import { $, el, reducedMotion, showAlert } from "./dom.js";
import { longDate, monthOf, number, sentence, title } from "./format.js";
import { Listings } from "./listings.js";
import { ValuePage } from "./value_page.js";

const RETRY_MS = 1000; // about as long as a model takes to load
const LOST_RETRY_MS = 4000; // while there is no connection

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
  $("reports").hidden = !model.report || hasApiKey(); // a link cannot send the key
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
      if (error.status !== 503 && !error.isLost) throw error;
      showAlert(error.isLost ? `${error.message} This page tries again by itself.` : "The model is loading …");
      await new Promise((done) => setTimeout(done, error.isLost ? LOST_RETRY_MS : RETRY_MS));
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
  $("map").hidden = !model.coordinates;
  $("view-value").classList.toggle("mapped", Boolean(model.coordinates));
  const listings = new Listings($("view-listings"), model);
  const page = new ValuePage(model, { listingsOf: (text) => listings.find(text) });
  let scrolled = 0; // of the listings, to show them again as they were left
  history.scrollRestoration = "manual";
  const showFragment = () => {
    const fragment = location.hash.slice(1);
    const isListings = fragment === "listings";
    if (!$("view-listings").hidden) scrolled = scrollY;
    showView(isListings);
    if (isListings) listings.prepare();
    else page.open(fragment === "value" ? "" : fragment);
    scrollTo({ top: isListings ? scrolled : 0, behavior: reducedMotion() ? "auto" : "instant" });
  };
  addEventListener("hashchange", showFragment);
  showFragment();
  performance.mark("interactive");
  if (model.coordinates) await showMap(page, sales.catch(getSales));
  performance.mark("mapped");
}

async function showMap(page, sales) {
  try {
    page.showMap(await sales);
    $("map-error").hidden = true;
  } catch (error) {
    const retry = el("button", { type: "button", class: "link", onclick: () => showMap(page, getSales()) }, "Try again");
    $("map-error").replaceChildren(`We couldn’t load the map. ${error.message} `, retry);
    $("map-error").hidden = false;
    $("map").hidden = true;
  }
}

start().catch((error) => {
  showAlert(error.message);
  throw error;
});
