// The search field: a home by its coordinates, postal code, city, address, or number in the sales or in the listings of
// this tab. The server finds all but the listings.

import { search } from "./api.js";
import { debounce, el } from "./dom.js";

const PAUSE_MS = 200; // of typing, before a search
const HINTS = { postal_code: "postal code", city: "city", coordinates: "coordinates", sale: "sold home", address: "sold home", geocoder: "address", listing: "listing" };

export class Find {
  /**
   * @param placeholder an example
   * @param listingsOf function of a text; returns the listings with this number, as `{found_by, label, link}`
   * @param onChoose called with the place that was chosen
   */
  constructor({ placeholder, listingsOf, onChoose }) {
    Object.assign(this, { listingsOf, onChoose });
    const later = debounce(PAUSE_MS, () => this.#search(false));
    this.input = el("input", {
      id: "find", type: "search", autocomplete: "off", spellcheck: "false", "aria-describedby": "find-help",
      placeholder,
      oninput: later,
      onchange: (event) => event.stopPropagation(), // it is no fact
      onkeydown: (event) => this.#key(event),
    });
    this.list = el("ul", { class: "found-places" });
    this.message = el("p", { class: "help", role: "status" });
    this.node = el("div", { class: "find" },
      el("label", { for: "find" }, "Find the home"),
      el("span", { class: "entry" }, this.input),
      el("p", { class: "help", id: "find-help" }, "Postal code, city, coordinates, a link from a map, or the number of a sold home."),
      this.list, this.message);
  }

  #key(event) {
    if (event.key === "Escape") this.#show([]);
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.#search(true);
  }

  async #search(byEnter) {
    const text = this.input.value.trim();
    const request = (this.request = {}); // a later one replaces this one
    if (!text) {
      this.#show([]);
      return;
    }
    try {
      const answer = await search(text);
      if (request !== this.request) return;
      const places = [...this.listingsOf(text), ...answer.places];
      if (byEnter && places.length) this.#choose(places[0]);
      else if (byEnter && answer.geocoder) await this.#geocode(text, request);
      else this.#show(places, text, answer.geocoder);
    } catch (error) {
      if (request === this.request) this.#show([], "", false, error.message);
    }
  }

  // Ask the server's geocoder: only when the user wants it, because the address goes to another server.
  async #geocode(text, request = (this.request = {})) {
    this.message.textContent = "Searching addresses …";
    try {
      const { places } = await search(text, { geocode: true });
      if (request === this.request) this.#show(places, text);
    } catch (error) {
      if (request === this.request) this.#show([], "", false, error.message);
    }
  }

  #show(places, text = "", canGeocode = false, message = "") {
    this.list.replaceChildren(...places.map((place) => el("li", {},
      el("button", { type: "button", onclick: () => this.#choose(place) }, place.label, el("span", { class: "help" }, HINTS[place.found_by])))),
    ...(canGeocode ? [el("li", {}, el("button", { type: "button", onclick: () => this.#geocode(text) }, `Search addresses for “${text}”`))] : []));
    this.message.textContent = message || (text && !places.length && !canGeocode ? "Nothing found. Click the map instead, or paste coordinates." : "");
  }

  #choose(place) {
    this.#show([]);
    this.input.value = "";
    this.message.textContent = this.onChoose(place) ?? "";
  }
}
