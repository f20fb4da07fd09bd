// How price and range move along one fact. The points are the server's; the handle goes from point to point, so every
// price that it shows is one that the server gave.

import { el, svg } from "./dom.js";
import { factText, widgetOf } from "./widgets.js";
import { label } from "./words.js";

const HEIGHT = 250;
const LEFT = 58;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 34;
const LOGARITHMIC = 60; // from this ratio of greatest to least, sizes of land and the like are told apart by their logarithm

export class WhatIf {
  /**
   * @param onFact called with the name of a fact that is chosen
   * @param onUse called with a fact and a value to take over into the form
   */
  constructor({ model, money, start, onFact, onUse }) {
    Object.assign(this, { money, fact: start });
    this.features = new Map(model.features.map((feature) => [feature.name, feature]));
    this.choice = el("select", { id: "what-if-fact", onchange: () => {
      this.fact = this.choice.value;
      this.at = undefined;
      onFact(this.fact);
    } }, model.features.map(({ name }) => el("option", { value: name }, label(name))));
    this.choice.value = start;
    this.told = el("p", { class: "reading", "aria-hidden": "true" });
    this.chart = svg("svg", { class: "chart", height: HEIGHT });
    this.use = el("button", { type: "button", class: "plain small", onclick: () => onUse(this.fact, this.points[this.at].value) }, "Use this value");
    this.handle = svg("g", {
      class: "handle", tabindex: "0", role: "slider", "aria-orientation": "horizontal",
      onkeydown: (event) => this.#key(event),
    }, svg("path", { class: "stem" }), svg("circle", { r: 9 }), svg("circle", { r: 20, class: "grip" }));
    this.chart.addEventListener("pointerdown", (event) => {
      this.chart.setPointerCapture(event.pointerId);
      this.#follow(event);
      this.handle.focus({ preventScroll: true });
    });
    this.chart.addEventListener("pointermove", (event) => {
      if (event.buttons) this.#follow(event);
    });
    this.node = el("section", { class: "card", "aria-labelledby": "what-if-heading" },
      el("h2", { id: "what-if-heading" }, "What if"),
      el("div", { class: "choose" }, el("label", { for: "what-if-fact" }, "with another"), this.choice),
      this.told,
      this.chart,
      el("div", { class: "below" },
        el("p", { class: "help" }, "Drag the handle, or use the arrow keys. All else stays; the band is the range."), this.use));
    new ResizeObserver(() => this.#draw()).observe(this.chart);
  }

  /** Show the points of the chosen fact; `own` is the home's value and `price` its price. */
  show(points, own, price) {
    const kept = this.points && this.at !== undefined ? this.points[this.at]?.value : undefined;
    Object.assign(this, { points, own, price });
    const here = points.findIndex(({ value }) => value === own);
    const before = points.findIndex(({ value }) => value === kept);
    const nearest = points.reduce((best, point, place) => (Math.abs(point.price - price) < Math.abs(points[best].price - price) ? place : best), 0);
    this.at = before >= 0 ? before : here >= 0 ? here : nearest;
    this.home = here;
    this.#draw();
  }

  #draw() {
    const width = this.chart.clientWidth;
    if (!this.points?.length || !width) return;
    this.width = width;
    const { points } = this;
    const feature = this.features.get(this.fact);
    this.labels = widgetOf(feature).position === null;
    this.x = this.#across(points, feature);
    const ticks = niceTicks(Math.min(...points.map((point) => point.price_low)), Math.max(...points.map((point) => point.price_high)), 4);
    const [low, high] = [ticks[0], ticks.at(-1)];
    this.y = (amount) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - amount)) / (high - low);
    const spot = (point, key) => `${this.x(point.value)} ${this.y(point[key])}`;
    const line = (key, some = points) => some.map((point) => spot(point, key)).join("L");
    const picture = this.labels
      ? points.map((point) => svg("path", { class: "whisker", d: `M${spot(point, "price_low")}L${spot(point, "price_high")}` }))
      : [svg("path", { class: "band", d: `M${line("price_low")}L${line("price_high", [...points].reverse())}Z` }),
        svg("path", { class: "curve", d: `M${line("price")}` })];
    const dots = this.labels || points.length <= 16 ? points.map((point) => svg("circle", { class: "dot", cx: this.x(point.value), cy: this.y(point.price), r: 3 })) : [];
    const own = this.home >= 0 ? svg("circle", { class: "own", cx: this.x(points[this.home].value), cy: this.y(points[this.home].price), r: 5 }) : null;
    this.chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.chart.replaceChildren(
      svg("g", { "aria-hidden": "true" },
        ticks.map((amount) => [
          svg("path", { class: "gridline", d: `M${LEFT} ${this.y(amount)}H${width - RIGHT}` }),
          svg("text", { class: "axis", x: LEFT - 8, y: this.y(amount) + 4, "text-anchor": "end" }, this.money.brief(amount))]),
        this.#valueTicks(feature), picture, dots, own),
      this.handle);
    this.#point();
  }

  #across(points, feature) {
    const inner = [LEFT + 12, this.width - RIGHT - 12];
    const put = (share) => inner[0] + share * (inner[1] - inner[0]);
    if (this.labels) {
      const place = new Map(points.map(({ value }, at) => [value, (at + 0.5) / points.length]));
      return (value) => put(place.get(value));
    }
    const { position, logarithmic } = widgetOf(feature);
    const [least, most] = [position(points[0].value), position(points.at(-1).value)];
    const scaled = logarithmic && least > 0 && most / least > LOGARITHMIC ? Math.log : (value) => value;
    return (value) => put(most === least ? 0.5 : (scaled(position(value)) - scaled(least)) / (scaled(most) - scaled(least)));
  }

  #valueTicks(feature) {
    const bare = { ...feature, unit: null };
    const brief = (value) => {
      const text = typeof value === "number" && Math.abs(value) >= 1e5 ? new Intl.NumberFormat("en", { notation: "compact" }).format(value) : factText(bare, value);
      return text.length > 14 ? `${text.slice(0, 13)}…` : text;
    };
    const shown = [];
    let free = -Infinity;
    const write = (value, x, text) => {
      const half = 3.4 * text.length + 6;
      if (x - half < free) return;
      free = x + half;
      const over = x + half > this.width ? "end" : x - half < 0 ? "start" : "middle";
      shown.push(svg("text", { class: "axis", x: over === "end" ? this.width - 2 : x, y: HEIGHT - 12, "text-anchor": over }, text));
    };
    for (const { value } of this.points) write(value, this.x(value), brief(value));
    return shown;
  }

  #point() {
    const point = this.points[this.at];
    const feature = this.features.get(this.fact);
    const [x, y] = [this.x(point.value), this.y(point.price)];
    this.handle.setAttribute("transform", `translate(${x} ${y})`);
    this.handle.firstChild.setAttribute("d", `M0 ${TOP - y}V${HEIGHT - BOTTOM - y}`);
    const { money } = this;
    const change = point.price - this.price;
    const value = factText(feature, point.value);
    this.told.replaceChildren(
      el("span", {}, `${label(this.fact)} ${value}`),
      el("strong", { "data-price": point.price }, money.full(point.price)),
      el("span", { class: "help" }, `${Math.abs(change) < 0.5 ? "as now" : `${money.signed(change)} against now`}; ${money.full(point.price_low)} to ${money.full(point.price_high)}`));
    this.use.disabled = point.value === this.own;
    for (const [name, is] of Object.entries({
      "aria-label": `${label(this.fact)} of the home`,
      "aria-valuemin": 0,
      "aria-valuemax": this.points.length - 1,
      "aria-valuenow": this.at,
      "aria-valuetext": `${value}: ${money.full(point.price)}, ${money.full(point.price_low)} to ${money.full(point.price_high)}`,
    })) this.handle.setAttribute(name, is);
  }

  #follow(event) {
    const across = event.clientX - this.chart.getBoundingClientRect().left;
    const far = ({ value }) => Math.abs(this.x(value) - across);
    this.at = this.points.reduce((best, point, place) => (far(point) < far(this.points[best]) ? place : best), 0);
    this.#point();
  }

  #key(event) {
    const last = this.points.length - 1;
    const to = {
      ArrowRight: this.at + 1, ArrowUp: this.at + 1, ArrowLeft: this.at - 1, ArrowDown: this.at - 1,
      PageUp: this.at + 5, PageDown: this.at - 5, Home: 0, End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.at = Math.min(Math.max(to, 0), last);
    this.#point();
  }
}

/** Round amounts, some `count` of them, that hold everything from low to high. */
function niceTicks(low, high, count) {
  const rough = (high - low || Math.abs(high) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((size) => size * power).find((size) => size >= rough);
  const first = Math.floor(low / step);
  return Array.from({ length: Math.max(Math.ceil(high / step) - first, 1) + 1 }, (_, place) => (first + place) * step);
}
