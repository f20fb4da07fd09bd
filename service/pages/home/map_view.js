// A map of dots without tiles, to move by mouse, touch and keyboard. It knows nothing of homes: whoever shows them gives
// the dots' colours, the markers above them, and what happens at a click.

import { el, reducedMotion, svg } from "./dom.js";
import { DotPainter } from "./map_dots.js";
import { Projection, Viewport, interpolateView } from "./map_geometry.js";
import { MINUS } from "./format.js";
import { roundLength } from "./lengths.js";

const CLICK_PX = 5; // a pointer that moved less than this has clicked
const ZOOM_STEP = 1.6;
const PAN_SHARE = 0.2; // of the map, for an arrow key
const FLIGHT_MS = 450;

/** Pixels from the pointer to a dot or marker that it points at. */
export const NEAR_PX = 14;

export class MapView {
  /**
   * @param places `latitude` and `longitude` of each dot, at least one
   * @param lengths units of its ruler, as `lengthsOf` returns them
   * @param name of the map, for screen readers, with what Enter does
   * @param colours function of whether the page is dark; returns a packed colour for each dot, 0 for a hidden one
   * @param markers returns the SVG elements above the dots
   * @param tipAt function of a pixel; returns the lines of its tip, or null
   * @param onPick called with the kilometres of a click, or of the centre at Enter
   * @param onMove called when another part of the map is shown
   */
  constructor({ latitude, longitude }, { lengths, name, radius, colours, markers, tipAt, onPick, onMove = () => {} }) {
    Object.assign(this, { lengths, coloursOf: colours, markers, tipAt, onPick, onMove });
    this.pointers = new Map();
    this.untouched = true; // until the user moves the map, it is fitted again when its size changes
    this.projection = new Projection(latitude, longitude);
    this.viewport = new Viewport(this.projection);
    this.#build(name, latitude.length, radius);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onScheme = () => this.recolour();
    this.dark.addEventListener("change", this.onScheme);
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.stage);
  }

  /** Draw the map at once; to be called when its node is in the page. */
  start() {
    this.#resize();
  }

  /** Stop following the page; for a map that is taken out of it. */
  close() {
    this.observer.disconnect();
    this.dark.removeEventListener("change", this.onScheme);
  }

  /** Colour all dots again. */
  recolour() {
    const [red, green, blue] = getComputedStyle(this.stage).backgroundColor.match(/\d+/g).map(Number);
    this.background = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    this.colours = this.coloursOf(this.dark.matches);
    this.draw();
  }

  /** Draw the map at the next frame. */
  draw() {
    if (this.nextFrame || !this.viewport.view || !this.colours) return;
    this.nextFrame = requestAnimationFrame(() => this.#paint());
  }

  /** Draw the markers again. */
  drawMarkers() {
    if (!this.viewport.view) return;
    const crosshair = this.stage.matches(":focus-visible")
      ? [svg("g", { transform: `translate(${this.viewport.width / 2} ${this.viewport.height / 2})` }, this.crosshair)] : [];
    this.overlay.replaceChildren(...this.markers(), ...crosshair);
    this.#drawRuler();
  }

  /** Show another part of the map. */
  moveTo(target, smooth) {
    cancelAnimationFrame(this.flight);
    this.untouched = false;
    if (!smooth || !this.viewport.view || reducedMotion()) {
      this.viewport.view = target;
      this.draw();
      this.onMove();
      return;
    }
    const from = { ...this.viewport.view };
    const start = performance.now();
    const step = (now) => {
      const time = Math.min(Math.max((now - start) / FLIGHT_MS, 0), 1);
      this.viewport.view = interpolateView(from, target, time * time * (3 - 2 * time)); // slow at both ends
      this.#paint();
      if (time < 1) this.flight = requestAnimationFrame(step);
      else this.onMove();
    };
    this.flight = requestAnimationFrame(step);
  }

  #build(name, count, radius) {
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.overlay = svg("svg", { class: "markers", "aria-hidden": "true" });
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.painter = new DotPainter(this.canvas, count, radius);
    this.crosshair = svg("path", { class: "crosshair", d: "M-14 0H14M0-14V14" });
    this.stage = el("div", {
      class: "stage",
      tabindex: "0",
      role: "application",
      "aria-label": name,
      onkeydown: (event) => this.#key(event),
      onpointerdown: (event) => this.#press(event),
      onpointermove: (event) => this.#move(event),
      onpointerup: (event) => this.#release(event),
      onpointercancel: (event) => this.pointers.delete(event.pointerId),
      onpointerleave: () => this.#hideTip(),
      onfocus: () => this.draw(),
      onblur: () => this.draw(),
    }, this.canvas, this.overlay, this.tip);
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    const button = (text, title, action) => el("button", { type: "button", "aria-label": title, title, onclick: action }, text);
    const buttons = el("div", { class: "zoom" },
      button("+", "Zoom in", () => this.#zoomBy(ZOOM_STEP)),
      button(MINUS, "Zoom out", () => this.#zoomBy(1 / ZOOM_STEP)),
      button("⤢", "Show all homes", () => this.#fit(true)));
    this.metres = el("span", { class: "metres" });
    this.bar = el("span", { class: "ruler-bar" });
    /** The element to put into the page. */
    this.node = el("div", { class: "map-frame" }, this.stage, buttons,
      el("div", { class: "ruler", "aria-hidden": "true" }, this.metres, this.bar));
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height || (width === this.viewport.width && height === this.viewport.height)) return;
    this.viewport.resize(width, height);
    this.painter.resize(width, height, Math.min(devicePixelRatio || 1, 2));
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (this.untouched) this.#fit(false);
    if (this.colours) this.draw();
    else this.recolour(); // the background is known once the map is in the page
  }

  #fit(smooth) {
    this.moveTo(this.viewport.fitted(), smooth);
    this.untouched = true;
  }

  #zoomBy(factor, pixel, smooth = true) {
    this.moveTo(this.viewport.zoomed(factor, pixel), smooth);
  }

  #panBy(dx, dy) {
    this.moveTo(this.viewport.panned(dx, dy), false);
  }

  #paint() {
    cancelAnimationFrame(this.nextFrame);
    this.nextFrame = 0;
    this.painter.paint(this.projection, this.viewport, this.colours, this.background);
    this.drawMarkers();
    this.stage.classList.toggle("zoomed-out", this.viewport.showsAll);
  }

  #drawRuler() {
    const { scale } = this.viewport.view;
    const { km, text } = roundLength(110 / scale, this.lengths); // 110 pixels at most
    this.metres.textContent = text;
    this.bar.style.width = `${km * scale}px`;
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
      Enter: () => this.onPick([view.x, view.y]),
      " ": () => this.onPick([view.x, view.y]),
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
    if (pointer && !pointer.moved) this.onPick(this.viewport.toKm(this.#offset(event)));
  }

  #hover([px, py]) {
    const lines = this.tipAt([px, py]);
    if (lines) this.#showTip(lines, px, py);
    else this.#hideTip();
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
