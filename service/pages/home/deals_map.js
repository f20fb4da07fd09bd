// The listings as a map: a dot for each, coloured by what it pays under. A click opens the listing.

import { LABELS, belowValue, nameOf } from "./deals.js";
import { signedPercent } from "./deals_columns.js";
import { el, svg } from "./dom.js";
import { packColour } from "./map_dots.js";
import { MapView, NEAR_PX } from "./map_view.js";
import { plural } from "./format.js";

const RADIUS = 5; // CSS pixels, for some hundreds of listings; more have smaller dots
const LARGEST_DOTS_TO = 400; // listings

export class DealsMap {
  /**
   * @param deals that have a place, at least one
   * @param coordinates names of latitude and longitude
   * @param onOpen called with the deal that was clicked
   * @param onMove called when the map shows another part
   */
  constructor(deals, coordinates, money, { lengths, onOpen, onMove }) {
    this.money = money;
    this.onOpen = onOpen;
    // The best is painted last, above the others.
    this.deals = [...deals].reverse();
    this.indexOf = new Map(this.deals.map(({ row }, index) => [row, index]));
    this.isShown = () => true;
    const [latitude, longitude] = coordinates.map((name) => this.deals.map(({ listing }) => listing[name]));
    this.view = new MapView({ latitude, longitude }, {
      lengths,
      name: `Map of ${plural(deals.length, "listing", "listings")}. Arrow keys move the map, plus and minus zoom, Enter opens the listing nearest to the centre.`,
      radius: RADIUS * Math.min((LARGEST_DOTS_TO / deals.length) ** 0.3, 1),
      colours: () => this.#colours(),
      markers: () => this.#markers(),
      tipAt: (pixel) => this.#tipAt(pixel),
      onPick: (location) => this.#open(location),
      onMove,
    });
    const present = new Map(deals.map(({ pays }) => [LABELS[pays].colour, pays]));
    const legend = Object.entries(LABELS).filter(([text, { colour }]) => present.get(colour) === text);
    this.node = el("section", { class: "card map", "aria-labelledby": "deals-map-heading" },
      el("h2", { id: "deals-map-heading", class: "visually-hidden" }, "Map of the listings"),
      this.view.node,
      el("div", { class: "map-footer" },
        el("p", { class: "help" }, "Click a listing to open it. Drag to move the map, scroll to zoom."),
        el("ul", { class: "labels" }, legend.map(([text, { colour }]) => el("li", { class: `pays ${colour}` }, text)))));
  }

  /** Show those of the deals that pass a test; the deals are those of the same rows. */
  show(deals, isShown) {
    for (const deal of deals) this.deals[this.indexOf.get(deal.row)] = deal;
    this.isShown = isShown;
    this.view.recolour();
  }

  /** Return whether the map's view contains a deal. */
  contains({ row }) {
    const index = this.indexOf.get(row);
    return index !== undefined && this.view.viewport.view !== null && this.view.viewport.contains(this.#place(index));
  }

  /** Mark the deal of a row; undefined marks none. */
  highlight(row) {
    this.highlighted = row;
    this.view.drawMarkers();
  }

  #place(index) {
    const { x, y } = this.view.projection;
    return [x[index], y[index]];
  }

  #colours() {
    const style = getComputedStyle(this.node);
    const colour = Object.fromEntries(["pays-both", "pays-value", "pays-neither"].map((name) => {
      const hex = style.getPropertyValue(`--${name}`).trim().slice(1);
      return [name, packColour([0, 2, 4].map((start) => parseInt(hex.slice(start, start + 2), 16)))];
    }));
    return Uint32Array.from(this.deals, (deal) => (this.isShown(deal) ? colour[LABELS[deal.pays].colour] : 0));
  }

  #markers() {
    const index = this.indexOf.get(this.highlighted);
    if (index === undefined) return [];
    const [px, py] = this.view.viewport.toPixel(this.#place(index));
    return [svg("circle", { class: "highlight", cx: px, cy: py, r: 10 })];
  }

  // Return the deal nearest to a place, null if none is within some pixels.
  #nearest([x, y], pixels) {
    let best = null;
    let smallest = (pixels / this.view.viewport.view.scale) ** 2;
    this.deals.forEach((deal, index) => {
      const [dealX, dealY] = this.#place(index);
      const squared = (dealX - x) ** 2 + (dealY - y) ** 2;
      if (squared <= smallest && this.isShown(deal)) [best, smallest] = [deal, squared];
    });
    return best;
  }

  #tipAt(pixel) {
    const deal = this.#nearest(this.view.viewport.toKm(pixel), NEAR_PX);
    return deal && [nameOf(deal), this.money.full(deal.list_price), `${signedPercent(belowValue(deal))} below value`, deal.pays];
  }

  #open(location) {
    const deal = this.#nearest(location, NEAR_PX);
    if (deal) this.onOpen(deal);
  }
}
