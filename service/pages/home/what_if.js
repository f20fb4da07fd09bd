// How price and range change with one fact. All points come from the server: the handle moves from one to the next, so
// every price shown is one that the server returned.

import { el, svg } from "./dom.js";
import { label, rangeText } from "./format.js";
import { factText, widgetOf } from "./widgets.js";

const HEIGHT = 250;
const LEFT = 58;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 34;
const MIN_LOG_RATIO = 60; // wide axes with a larger ratio of end to start are logarithmic

export class WhatIf {
  /**
   * @param onFact called with the name of the fact that the user chose
   * @param onUse called with a fact and its value, to copy into the form
   */
  constructor({ model, money, onFact, onUse }) {
    const changeable = model.features.filter((feature) => feature.changeable);
    const start = changeable.find(({ name }) => name === model.size) ?? changeable[0];
    Object.assign(this, { money, fact: start?.name });
    this.features = new Map(changeable.map((feature) => [feature.name, feature]));
    this.choice = el("select", { id: "what-if-fact", onchange: () => {
      this.fact = this.choice.value;
      this.index = undefined;
      onFact(this.fact);
    } }, changeable.map(({ name }) => el("option", { value: name }, label(name))));
    this.choice.value = this.fact;
    this.reading = el("p", { class: "reading", "aria-hidden": "true" });
    this.chart = svg("svg", { class: "chart", height: HEIGHT });
    this.useButton = el("button", { type: "button", class: "plain small", onclick: () => onUse(this.fact, this.points[this.index].value) }, "Use this value");
    this.handle = svg("g", {
      class: "handle", tabindex: "0", role: "slider", "aria-orientation": "horizontal",
      onkeydown: (event) => this.#key(event),
    }, svg("path", { class: "stem" }), svg("circle", { r: 9 }), svg("circle", { r: 20, class: "touch-target" }));
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
      el("p", { class: "help" }, "What an owner can change, at what homes like it sold for. It does not know what the work costs."),
      el("div", { class: "fact-choice" }, el("label", { for: "what-if-fact" }, "Change"), this.choice),
      this.reading,
      this.chart,
      el("div", { class: "chart-footer" },
        el("p", { class: "help" }, "Drag the handle or use the arrow keys. Other facts stay the same. Shaded: the range."), this.useButton));
    new ResizeObserver(() => this.#draw()).observe(this.chart);
  }

  /** Show the points of the chosen fact; `current` is the home's value of it, and `price` its price. */
  show(points, current, price) {
    const selected = this.index === undefined ? undefined : this.points?.[this.index]?.value;
    Object.assign(this, { points, current, price });
    const indexOf = (wanted) => points.findIndex(({ value }) => value === wanted);
    this.home = indexOf(current);
    const closest = indexOfSmallest(points, (point) => Math.abs(point.price - price));
    this.index = [indexOf(selected), this.home, closest].find((index) => index >= 0);
    this.#draw();
  }

  #draw() {
    const width = this.chart.clientWidth;
    if (!this.points?.length || !width) return;
    this.width = width;
    const { points } = this;
    const feature = this.features.get(this.fact);
    this.isDiscrete = widgetOf(feature).position === null;
    this.x = this.#xScale(points, feature);
    const hasRanges = points[0].price_low !== null;
    const [lowest, highest] = hasRanges ? ["price_low", "price_high"] : ["price", "price"];
    const ticks = niceTicks(Math.min(...points.map((point) => point[lowest])), Math.max(...points.map((point) => point[highest])), 4);
    const [low, high] = [ticks[0], ticks.at(-1)];
    this.y = (amount) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - amount)) / (high - low);
    const position = (point, key) => `${this.x(point.value)} ${this.y(point[key])}`;
    const line = (key, ordered = points) => ordered.map((point) => position(point, key)).join("L");
    const curve = this.isDiscrete
      ? points.map((point) => svg("path", { class: "whisker", d: `M${position(point, lowest)}L${position(point, highest)}` }))
      : [svg("path", { class: "band", d: `M${line(lowest)}L${line(highest, [...points].reverse())}Z` }),
        svg("path", { class: "curve", d: `M${line("price")}` })];
    const dots = this.isDiscrete || points.length <= 16 ? points.map((point) => svg("circle", { class: "dot", cx: this.x(point.value), cy: this.y(point.price), r: 3 })) : [];
    const current = this.home >= 0 ? svg("circle", { class: "current", cx: this.x(points[this.home].value), cy: this.y(points[this.home].price), r: 5 }) : null;
    this.chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.chart.replaceChildren(
      svg("g", { "aria-hidden": "true" },
        ticks.map((amount) => [
          svg("path", { class: "gridline", d: `M${LEFT} ${this.y(amount)}H${width - RIGHT}` }),
          svg("text", { class: "axis", x: LEFT - 8, y: this.y(amount) + 4, "text-anchor": "end" }, this.money.brief(amount))]),
        this.#valueLabels(feature), curve, dots, current),
      this.handle);
    this.#drawHandle();
  }

  /** Return a function from a value of the fact to its x coordinate. */
  #xScale(points, feature) {
    const [start, end] = [LEFT + 12, this.width - RIGHT - 12];
    const toX = (share) => start + share * (end - start);
    if (this.isDiscrete) {
      const shares = new Map(points.map(({ value }, index) => [value, (index + 0.5) / points.length]));
      return (value) => toX(shares.get(value));
    }
    const { position, logarithmic } = widgetOf(feature);
    const [min, max] = [position(points[0].value), position(points.at(-1).value)];
    const transform = logarithmic && min > 0 && max / min > MIN_LOG_RATIO ? Math.log : (value) => value;
    return (value) => toX(max === min ? 0.5 : (transform(position(value)) - transform(min)) / (transform(max) - transform(min)));
  }

  #valueLabels(feature) {
    const withoutUnit = { ...feature, unit: null };
    const shorten = (value) => {
      const text = typeof value === "number" && Math.abs(value) >= 1e5 ? new Intl.NumberFormat("en", { notation: "compact" }).format(value) : factText(withoutUnit, value);
      return text.length > 14 ? `${text.slice(0, 13)}…` : text;
    };
    const labels = [];
    let free = -Infinity; // the x coordinate from which there is room
    for (const { value } of this.points) {
      const [x, text] = [this.x(value), shorten(value)];
      const halfWidth = 3.4 * text.length + 6;
      if (x - halfWidth < free) continue;
      free = x + halfWidth;
      const anchor = x + halfWidth > this.width ? "end" : x - halfWidth < 0 ? "start" : "middle";
      labels.push(svg("text", { class: "axis", x: anchor === "end" ? this.width - 2 : x, y: HEIGHT - 12, "text-anchor": anchor }, text));
    }
    return labels;
  }

  #drawHandle() {
    const point = this.points[this.index];
    const feature = this.features.get(this.fact);
    const [x, y] = [this.x(point.value), this.y(point.price)];
    this.handle.setAttribute("transform", `translate(${x} ${y})`);
    this.handle.firstChild.setAttribute("d", `M0 ${TOP - y}V${HEIGHT - BOTTOM - y}`);
    const { money } = this;
    const change = point.price - this.price;
    const valueText = factText(feature, point.value);
    this.reading.replaceChildren(
      el("span", {}, `${label(this.fact)} ${valueText}`),
      el("strong", { "data-price": point.price }, money.full(point.price)),
      el("span", { class: "help" }, `${Math.abs(change) < 0.5 ? "no change" : `${money.signed(change)} compared with now`}${rangeText(point, money, "; ")}`));
    this.useButton.disabled = point.value === this.current;
    for (const [name, value] of Object.entries({
      "aria-label": `${label(this.fact)} of the home`,
      "aria-valuemin": 0,
      "aria-valuemax": this.points.length - 1,
      "aria-valuenow": this.index,
      "aria-valuetext": `${valueText}: ${money.full(point.price)}${rangeText(point, money, ", ")}`,
    })) this.handle.setAttribute(name, value);
  }

  #follow(event) {
    const x = event.clientX - this.chart.getBoundingClientRect().left;
    this.index = indexOfSmallest(this.points, ({ value }) => Math.abs(this.x(value) - x));
    this.#drawHandle();
  }

  #key(event) {
    const last = this.points.length - 1;
    const target = {
      ArrowRight: this.index + 1, ArrowUp: this.index + 1, ArrowLeft: this.index - 1, ArrowDown: this.index - 1,
      PageUp: this.index + 5, PageDown: this.index - 5, Home: 0, End: last,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.index = Math.min(Math.max(target, 0), last);
    this.#drawHandle();
  }
}

const indexOfSmallest = (items, measure) => items.reduce((best, item, index) => (measure(item) < measure(items[best]) ? index : best), 0);

/** Return about `count` round amounts that cover the range from low to high. */
function niceTicks(low, high, count) {
  const rough = (high - low || Math.abs(high) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((size) => size * power).find((size) => size >= rough);
  const first = Math.floor(low / step);
  return Array.from({ length: Math.max(Math.ceil(high / step) - first, 1) + 1 }, (_, index) => (first + index) * step);
}
