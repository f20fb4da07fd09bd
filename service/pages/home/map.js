// The sold homes as a map: each home is a dot, coloured by its price per unit of size; above them the comparables and
// the home that is valued.

import { colourScale, css, rankValues } from "./colours.js";
import { el, svg } from "./dom.js";
import { lengthsOf } from "./lengths.js";
import { areaLabels, drawLabels } from "./map_labels.js";
import { packColour } from "./map_dots.js";
import { MapView, NEAR_PX } from "./map_view.js";
import { factText } from "./widgets.js";
import { label, monthOf, number, shortDate } from "./format.js";

const AROUND_KM = 3; // on each side of an area that was searched
const LEGEND_SHARES = [0.05, 0.25, 0.5, 0.75, 0.95];

export class SalesMap {
  /**
   * @param host the section to fill
   * @param model the answer of GET /model
   * @param sales the answer of GET /sales, at least one home
   * @param onPlace called with the latitude and longitude that the user chose for the home
   */
  constructor(host, model, sales, money, { onPlace }) {
    this.sales = sales;
    this.money = money;
    this.onPlace = onPlace;
    this.size = model.features.find(({ name }) => name === sales.size_name);
    this.subject = null;
    this.comparables = [];
    this.#rankPrices();
    this.gradient = svg("linearGradient", { id: "map-scale" });
    const count = number(sales.count);
    this.view = new MapView(sales, {
      lengths: lengthsOf(model),
      name: `Map of ${count} sold homes. Arrow keys move the map, plus and minus zoom, Enter places your home at the crosshair in the centre.`,
      colours: (dark) => this.#colours(dark),
      markers: () => this.#markers(),
      tipAt: (pixel) => this.#tipAt(pixel),
      onPick: (location) => this.#place(location),
    });
    this.labels = areaLabels(sales.areas, this.view.projection);
    this.#build(host, count);
  }

  /** Show the surroundings of a place that is no home, some kilometres. */
  showAround(latitude, longitude) {
    const { projection, viewport } = this.view;
    const [x, y] = projection.toKm(latitude, longitude);
    this.view.moveTo(viewport.around([x, y], [[x + AROUND_KM, y + AROUND_KM]]), true);
  }

  /** Mark the home that is valued. */
  setSubject(latitude, longitude) {
    const isKnown = Number.isFinite(latitude) && Number.isFinite(longitude);
    this.subject = isKnown ? this.view.projection.toKm(latitude, longitude) : null;
    const { viewport } = this.view;
    if (this.subject && viewport.view && !viewport.contains(this.subject)) Object.assign(viewport.view, { x: this.subject[0], y: this.subject[1] });
    this.view.draw();
  }

  /** Mark the comparables, largest weight first; `move` the view so that it shows them and the home. */
  setComparables(used, coordinates, { move = false } = {}) {
    const { projection, viewport } = this.view;
    this.comparables = used.map((sale, row) => ({
      sale, row, location: projection.toKm(sale.facts[coordinates[0]], sale.facts[coordinates[1]]),
    }));
    if (move && this.subject && viewport.view) {
      this.view.moveTo(viewport.around(this.subject, this.comparables.map(({ location }) => location)), true);
    }
    this.view.draw();
  }

  /** Highlight the comparable of a row; undefined highlights none. */
  highlight(row) {
    this.highlighted = row;
    this.view.drawMarkers();
  }

  #rankPrices() {
    const { price, size } = this.sales;
    this.perSize = this.size !== undefined && size.some((value) => value > 0);
    this.unitPrice = Float64Array.from(price, (amount, row) => (this.perSize ? amount / (size[row] ?? NaN) : amount));
    this.ranked = rankValues(this.unitPrice);
  }

  #build(host, count) {
    const dates = this.sales.date.filter(Boolean).sort();
    const period = dates.length ? `, ${monthOf(dates[0])} to ${monthOf(dates.at(-1))}` : "";
    host.querySelector(".skeleton")?.remove();
    host.append(this.view.node,
      el("div", { class: "map-footer" },
        el("p", { class: "help" }, `${count} sold homes${period}. Click where your home is. Drag to move the map, scroll to zoom.`),
        this.#legend()));
    host.hidden = false;
    this.view.start();
  }

  #legend() {
    const per = this.perSize ? `Price per ${this.size.unit || label(this.size.name).toLowerCase()}` : "Price";
    const ticks = LEGEND_SHARES.map((share) => this.money.brief(this.ranked.quantile(share)));
    return el("figure", { class: "legend" },
      el("figcaption", {}, per),
      svg("svg", { role: "img", "aria-label": `${per}, from ${ticks[0]} to ${ticks.at(-1)}`, viewBox: "0 0 100 4", preserveAspectRatio: "none" },
        svg("defs", {}, this.gradient),
        svg("rect", { width: 100, height: 4, fill: "url(#map-scale)" })),
      el("div", { class: "ticks", "aria-hidden": "true" }, ticks.map((text, index) => {
        const tick = el("span", {}, text);
        tick.style.left = `${100 * LEGEND_SHARES[index]}%`;
        return tick;
      })));
  }

  #colours(dark) {
    const colours = colourScale(dark);
    const packed = colours.map(packColour);
    const unknown = dark ? 0xff777777 : 0xff999999;
    this.gradient.replaceChildren(...[0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map((share) =>
      svg("stop", { offset: share, "stop-color": css(colours[Math.round(255 * share)]) })));
    return Uint32Array.from(this.ranked.rank, (rank) => (rank >= 0 ? packed[Math.round(rank * 255)] : unknown));
  }

  #markers() {
    const { viewport } = this.view;
    const numbered = [];
    const comparables = this.comparables.map(({ location, row }) => {
      const [px, py] = viewport.toPixel(location);
      const highlighted = row === this.highlighted;
      const hasRoom = highlighted || numbered.every(([qx, qy]) => Math.hypot(px - qx, py - qy) > 19);
      if (hasRoom) numbered.push([px, py]);
      return svg("g", { transform: `translate(${px} ${py})`, class: highlighted ? "comparable highlighted" : "comparable" },
        svg("circle", { r: hasRoom ? 9.5 : 5 }), hasRoom ? svg("text", { dy: "3.6" }, String(row + 1)) : null);
    }).reverse();
    const pin = [];
    if (this.subject) {
      const [px, py] = viewport.toPixel(this.subject);
      pin.push(svg("g", { transform: `translate(${px} ${py})`, class: "subject" },
        svg("path", { d: "M0 0C-3-8-11-13-11-21A11 11 0 0 1 11-21C11-13 3-8 0 0Z" }), svg("circle", { cy: -21, r: 4 })));
    }
    return [...drawLabels(this.labels, viewport), ...comparables, ...pin];
  }

  #place(location) {
    const [latitude, longitude] = this.view.projection.toDegrees(location);
    // Five decimals are about a metre.
    this.onPlace(Number(latitude.toFixed(5)), Number(longitude.toFixed(5)));
  }

  #tipAt([px, py]) {
    const { projection, viewport } = this.view;
    const marker = this.comparables
      .map(({ location, sale, row }) => {
        const [x, y] = viewport.toPixel(location);
        return { distance: Math.hypot(x - px, y - py), sale, row };
      })
      .filter(({ distance }) => distance < NEAR_PX).sort((first, second) => first.distance - second.distance)[0];
    if (marker) {
      const { sale, row } = marker;
      return [`Comparable ${row + 1}`, this.money.full(sale.price), sale.date && shortDate(sale.date)];
    }
    const home = projection.nearest(viewport.toKm([px, py]), NEAR_PX / 2 / viewport.view.scale);
    if (home < 0) return null;
    const { price, size, date } = this.sales;
    const unitPrice = this.perSize && Number.isFinite(this.unitPrice[home]) ? `${this.money.full(this.unitPrice[home])} per ${this.size.unit || this.size.name}` : null;
    return [this.money.full(price[home]), this.perSize && size[home] !== null ? factText(this.size, size[home]) : null, unitPrice, date[home] && shortDate(date[home])];
  }
}
