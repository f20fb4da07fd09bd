// The sold homes as a map without tiles: each home is a dot, coloured by its price per unit of size.

import { colourScale, css, rankValues } from "./colours.js";
import { el, reducedMotion, svg } from "./dom.js";
import { DotPainter, packColour } from "./map_dots.js";
import { Projection, Viewport, interpolateView } from "./map_geometry.js";
import { factText } from "./widgets.js";
import { MINUS, label, monthOf, number, shortDate } from "./format.js";

const CLICK_PX = 5; // a pointer that moved less than this has clicked
const NEAR_PX = 14; // from the pointer to a dot or marker that it points at
const ZOOM_STEP = 1.6;
const PAN_SHARE = 0.2; // of the map, for an arrow key
const FLIGHT_MS = 450;
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
    this.pointers = new Map();
    this.untouched = true; // until the user moves the map, it is fitted again when its size changes
    this.projection = new Projection(sales.latitude, sales.longitude);
    this.viewport = new Viewport(this.projection);
    this.#rankPrices();
    this.#build(host);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.#recolour());
    new ResizeObserver(() => this.#resize()).observe(this.stage);
    this.#resize();
    this.#recolour();
  }

  /** Mark the home that is valued. */
  setSubject(latitude, longitude) {
    const isKnown = Number.isFinite(latitude) && Number.isFinite(longitude);
    this.subject = isKnown ? this.projection.toKm(latitude, longitude) : null;
    const { view } = this.viewport;
    if (this.subject && view && !this.viewport.contains(this.subject)) Object.assign(view, { x: this.subject[0], y: this.subject[1] });
    this.#draw();
  }

  /** Mark the comparables, largest weight first; `move` the view so that it shows them and the home. */
  setComparables(used, coordinates, { move = false } = {}) {
    this.comparables = used.map((sale, row) => ({
      sale, row, location: this.projection.toKm(sale.facts[coordinates[0]], sale.facts[coordinates[1]]),
    }));
    if (move && this.subject && this.viewport.view) {
      this.#moveTo(this.viewport.around(this.subject, this.comparables.map(({ location }) => location)), true);
    }
    this.#draw();
  }

  /** Highlight the comparable of a row; undefined highlights none. */
  highlight(row) {
    this.highlighted = row;
    this.#drawMarkers();
  }

  #rankPrices() {
    const { price, size } = this.sales;
    this.perSize = this.size !== undefined && size.some((value) => value > 0);
    this.unitPrice = Float64Array.from(price, (amount, row) => (this.perSize ? amount / (size[row] ?? NaN) : amount));
    this.ranked = rankValues(this.unitPrice);
  }

  #build(host) {
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.overlay = svg("svg", { class: "markers", "aria-hidden": "true" });
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.painter = new DotPainter(this.canvas, this.sales.count);
    this.crosshair = svg("path", { class: "crosshair", d: "M-14 0H14M0-14V14" });
    const count = this.sales.count;
    this.stage = el("div", {
      class: "stage",
      tabindex: "0",
      role: "application",
      "aria-label": `Map of ${number(count)} sold homes. Arrow keys move the map, plus and minus zoom, Enter places your home at the crosshair in the centre.`,
      onkeydown: (event) => this.#key(event),
      onpointerdown: (event) => this.#press(event),
      onpointermove: (event) => this.#move(event),
      onpointerup: (event) => this.#release(event),
      onpointercancel: (event) => this.pointers.delete(event.pointerId),
      onpointerleave: () => this.#hideTip(),
      onfocus: () => this.#draw(),
      onblur: () => this.#draw(),
    }, this.canvas, this.overlay, this.tip);
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    const button = (text, name, action) => el("button", { type: "button", "aria-label": name, title: name, onclick: action }, text);
    this.buttons = el("div", { class: "zoom" },
      button("+", "Zoom in", () => this.#zoomBy(ZOOM_STEP)),
      button(MINUS, "Zoom out", () => this.#zoomBy(1 / ZOOM_STEP)),
      button("⤢", "Show all homes", () => this.#fit(true)));
    this.gradient = svg("linearGradient", { id: "map-scale" });
    const dates = this.sales.date.filter(Boolean).sort();
    const period = dates.length ? `, ${monthOf(dates[0])} to ${monthOf(dates.at(-1))}` : "";
    this.metres = el("span", { class: "metres" });
    this.bar = el("span", { class: "ruler-bar" });
    host.append(
      el("div", { class: "map-frame" }, this.stage, this.buttons,
        el("div", { class: "ruler", "aria-hidden": "true" }, this.metres, this.bar)),
      el("div", { class: "map-footer" },
        el("p", { class: "help" }, `${number(count)} sold homes${period}. Click where your home is. Drag to move the map, scroll to zoom.`),
        this.#legend()));
    host.hidden = false;
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

  #recolour() {
    const colours = colourScale(this.dark.matches);
    const packed = colours.map(packColour);
    this.background = packColour(getComputedStyle(this.stage).backgroundColor.match(/\d+/g).map(Number));
    const unknown = this.dark.matches ? 0xff777777 : 0xff999999;
    this.colours = Uint32Array.from(this.ranked.rank, (rank) => (rank >= 0 ? packed[Math.round(rank * 255)] : unknown));
    this.gradient.replaceChildren(...[0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map((share) =>
      svg("stop", { offset: share, "stop-color": css(colours[Math.round(255 * share)]) })));
    this.#draw();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height || (width === this.viewport.width && height === this.viewport.height)) return;
    this.viewport.resize(width, height);
    this.painter.resize(width, height, Math.min(devicePixelRatio || 1, 2));
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (this.untouched) this.#fit(false);
    this.#draw();
  }

  #fit(smooth) {
    this.#moveTo(this.viewport.fitted(), smooth);
    this.untouched = true;
  }

  #moveTo(target, smooth) {
    cancelAnimationFrame(this.flight);
    this.untouched = false;
    if (!smooth || !this.viewport.view || reducedMotion()) {
      this.viewport.view = target;
      this.#draw();
      return;
    }
    const from = { ...this.viewport.view };
    const start = performance.now();
    const step = (now) => {
      const time = Math.min(Math.max((now - start) / FLIGHT_MS, 0), 1);
      this.viewport.view = interpolateView(from, target, time * time * (3 - 2 * time)); // slow at both ends
      this.#paint();
      if (time < 1) this.flight = requestAnimationFrame(step);
    };
    this.flight = requestAnimationFrame(step);
  }

  #zoomBy(factor, pixel, smooth = true) {
    this.#moveTo(this.viewport.zoomed(factor, pixel), smooth);
  }

  #panBy(dx, dy) {
    this.#moveTo(this.viewport.panned(dx, dy), false);
  }

  #draw() {
    if (this.nextFrame || !this.viewport.view || !this.colours) return;
    this.nextFrame = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.nextFrame);
    this.nextFrame = 0;
    this.painter.paint(this.projection, this.viewport, this.colours, this.background);
    this.#drawMarkers();
    this.stage.classList.toggle("zoomed-out", this.viewport.showsAll);
  }

  #drawMarkers() {
    if (!this.viewport.view) return;
    const numbered = [];
    const comparables = this.comparables.map(({ location, row }) => {
      const [px, py] = this.viewport.toPixel(location);
      const highlighted = row === this.highlighted;
      const hasRoom = highlighted || numbered.every(([qx, qy]) => Math.hypot(px - qx, py - qy) > 19);
      if (hasRoom) numbered.push([px, py]);
      return svg("g", { transform: `translate(${px} ${py})`, class: highlighted ? "comparable highlighted" : "comparable" },
        svg("circle", { r: hasRoom ? 9.5 : 5 }), hasRoom ? svg("text", { dy: "3.6" }, String(row + 1)) : null);
    }).reverse();
    const pin = [];
    if (this.subject) {
      const [px, py] = this.viewport.toPixel(this.subject);
      pin.push(svg("g", { transform: `translate(${px} ${py})`, class: "subject" },
        svg("path", { d: "M0 0C-3-8-11-13-11-21A11 11 0 0 1 11-21C11-13 3-8 0 0Z" }), svg("circle", { cy: -21, r: 4 })));
    }
    const crosshair = this.stage.matches(":focus-visible")
      ? [svg("g", { transform: `translate(${this.viewport.width / 2} ${this.viewport.height / 2})` }, this.crosshair)] : [];
    this.overlay.replaceChildren(...comparables, ...pin, ...crosshair);
    this.#drawRuler();
  }

  #drawRuler() {
    const { scale } = this.viewport.view;
    const longest = 110 / scale; // in kilometres, for 110 pixels
    const power = 10 ** Math.floor(Math.log10(longest));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= longest) ?? power;
    this.metres.textContent = length >= 1 ? `${number(length)} km` : `${number(1000 * length)} m`;
    this.bar.style.width = `${length * scale}px`;
  }

  #place(location) {
    const [latitude, longitude] = this.projection.toDegrees(location);
    // Five decimals are about a metre.
    this.onPlace(Number(latitude.toFixed(5)), Number(longitude.toFixed(5)));
  }

  #key(event) {
    const { view, width, height } = this.viewport;
    const [dx, dy] = [PAN_SHARE * width, PAN_SHARE * height];
    const actions = {
      ArrowLeft: () => this.#panBy(dx, 0),
      ArrowRight: () => this.#panBy(-dx, 0),
      ArrowUp: () => this.#panBy(0, dy),
      ArrowDown: () => this.#panBy(0, -dy),
      "+": () => this.#zoomBy(ZOOM_STEP),
      "=": () => this.#zoomBy(ZOOM_STEP),
      "-": () => this.#zoomBy(1 / ZOOM_STEP),
      0: () => this.#fit(true),
      Home: () => this.#fit(true),
      Enter: () => this.#place([view.x, view.y]),
      " ": () => this.#place([view.x, view.y]),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  #wheel(event) {
    // When the map already shows all homes, scrolling down scrolls the page instead of zooming out.
    if (event.deltaY > 0 && this.viewport.showsAll) return;
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? 16 : 1; // per unit: a line or a pixel
    this.#zoomBy(Math.exp(-event.deltaY * pixels * 0.0022), this.#offset(event), false);
  }

  #offset(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #press(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { last: this.#offset(event), start: this.#offset(event), moved: this.pointers.size > 0 });
    this.#hideTip();
  }

  #move(event) {
    const pointer = this.pointers.get(event.pointerId);
    const now = this.#offset(event);
    if (!pointer) {
      this.#hover(now);
      return;
    }
    const [dx, dy] = [now[0] - pointer.last[0], now[1] - pointer.last[1]];
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      other.moved = true;
      const distance = ([x, y]) => Math.hypot(x - other.last[0], y - other.last[1]);
      const middle = [(now[0] + other.last[0]) / 2, (now[1] + other.last[1]) / 2];
      this.#zoomBy(distance(now) / Math.max(distance(pointer.last), 1), middle, false);
      this.#panBy(dx / 2, dy / 2);
      pointer.moved = true;
    } else if (pointer.moved || Math.hypot(now[0] - pointer.start[0], now[1] - pointer.start[1]) > CLICK_PX) {
      if (!pointer.moved) this.stage.classList.add("dragging");
      pointer.moved = true;
      this.#panBy(dx, dy);
    } else return;
    pointer.last = now;
  }

  #release(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    this.stage.classList.remove("dragging");
    if (pointer && !pointer.moved) this.#place(this.viewport.toKm(this.#offset(event)));
  }

  #hover([px, py]) {
    const marker = this.comparables
      .map(({ location, sale, row }) => {
        const [x, y] = this.viewport.toPixel(location);
        return { distance: Math.hypot(x - px, y - py), sale, row };
      })
      .filter(({ distance }) => distance < NEAR_PX).sort((first, second) => first.distance - second.distance)[0];
    if (marker) {
      const { sale, row } = marker;
      this.#showTip([`Comparable ${row + 1}`, this.money.full(sale.price), sale.date && shortDate(sale.date)], px, py);
      return;
    }
    const home = this.projection.nearest(this.viewport.toKm([px, py]), NEAR_PX / 2 / this.viewport.view.scale);
    if (home < 0) {
      this.#hideTip();
      return;
    }
    const { price, size, date } = this.sales;
    const unitPrice = this.perSize && Number.isFinite(this.unitPrice[home]) ? `${this.money.full(this.unitPrice[home])} per ${this.size.unit || this.size.name}` : null;
    this.#showTip([this.money.full(price[home]), this.perSize && size[home] !== null ? factText(this.size, size[home]) : null, unitPrice, date[home] && shortDate(date[home])], px, py);
  }

  #showTip(lines, px, py) {
    const [first, ...rest] = lines.filter(Boolean);
    this.tip.replaceChildren(el("strong", {}, first), rest.length ? el("span", {}, rest.join(" · ")) : "");
    this.tip.hidden = false;
    const left = Math.min(Math.max(px - this.tip.offsetWidth / 2, 6), this.viewport.width - this.tip.offsetWidth - 6);
    const above = py - this.tip.offsetHeight - 14;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${above < 6 ? py + 18 : above}px`;
  }

  #hideTip() {
    this.tip.hidden = true;
  }
}
