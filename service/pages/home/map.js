// The sold homes as a map without tiles: every home a dot, coloured by what it cost for its size. The dots are written
// into an image pixel by pixel, which draws tens of thousands of them many times a second without a graphics card.

import { css, ranks, scale } from "./colours.js";
import { el, reducedMotion, svg } from "./dom.js";
import { MINUS, factText, label, monthOf, number, shortDate } from "./words.js";

const KM_PER_DEGREE = 111.32; // along a meridian, and along the equator
const CLICK_PX = 5; // a pointer that moved less has clicked
const NEAR_PX = 14; // how near to a dot or a marker the pointer has to be
const ZOOM_STEP = 1.6;
const MOST_ZOOM = 400; // times the whole map: some hundred metres across
// What the map shows around a valued home on every side, at least: where it stands, not just who is next door.
const LEAST_KM = 1.5;
const LEAST_SHARE = 1 / 12; // of a small town
const MOST_HOMES = 20_000; // whose dots are finest; fewer homes have larger ones
const PAN_SHARE = 0.2; // of the map, for an arrow key
const LONELY = 0.004; // share of homes on each side that the first view leaves out: a lone farm would make the city small
const LABEL_SHARES = [0.05, 0.25, 0.5, 0.75, 0.95];

export class SalesMap {
  /**
   * @param host the section to fill
   * @param model the answer of GET /model
   * @param sales the answer of GET /sales, at least one home
   * @param onPlace called with latitude and longitude where someone puts the home
   */
  constructor(host, model, sales, money, { onPlace }) {
    this.sales = sales;
    this.money = money;
    this.onPlace = onPlace;
    this.size = model.features.find(({ name }) => name === sales.size_name);
    this.subject = null;
    this.comparables = [];
    this.pointers = new Map();
    this.untouched = true; // nobody has moved the map yet: it follows its own size
    this.finest = 1.15 * Math.min(Math.max((MOST_HOMES / sales.count) ** 0.3, 1), 2.6);
    this.#project();
    this.#rank();
    this.#build(host);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.#recolour());
    new ResizeObserver(() => this.#resize()).observe(this.stage);
    this.#resize();
    this.#recolour();
  }

  /** Mark the home that is valued. */
  setSubject(latitude, longitude) {
    const there = Number.isFinite(latitude) && Number.isFinite(longitude);
    this.subject = there ? this.#kilometres(latitude, longitude) : null;
    if (this.subject && this.view && !this.#isInside(this.subject)) Object.assign(this.view, { x: this.subject[0], y: this.subject[1] });
    this.#draw();
  }

  /** Mark the comparables, the heaviest first, and show all of them and the home. */
  setComparables(used, coordinates, { move = false } = {}) {
    this.comparables = used.map((sale, row) => ({
      sale, row, at: this.#kilometres(sale.facts[coordinates[0]], sale.facts[coordinates[1]]),
    }));
    if (move && this.subject && this.view) this.#show([this.subject, ...this.comparables.map(({ at }) => at)]);
    this.#draw();
  }

  /** Point at one comparable, or at none. */
  highlight(row) {
    this.lit = row;
    this.#drawMarkers();
  }

  #project() {
    const { latitude, longitude } = this.sales;
    const middle = (values) => Float64Array.from(values).sort()[values.length >> 1];
    this.origin = [middle(latitude), middle(longitude)];
    this.shrink = Math.cos((this.origin[0] * Math.PI) / 180);
    this.x = Float32Array.from(longitude, (value) => (value - this.origin[1]) * KM_PER_DEGREE * this.shrink);
    this.y = Float32Array.from(latitude, (value) => (this.origin[0] - value) * KM_PER_DEGREE);
    const ends = (values, share) => {
      const sorted = Float32Array.from(values).sort();
      const cut = Math.floor(share * (sorted.length - 1));
      return [sorted[cut], sorted[sorted.length - 1 - cut]];
    };
    this.extent = { x: ends(this.x, 0), y: ends(this.y, 0) };
    this.most = { x: ends(this.x, LONELY), y: ends(this.y, LONELY) };
  }

  #kilometres(latitude, longitude) {
    return [(longitude - this.origin[1]) * KM_PER_DEGREE * this.shrink, (this.origin[0] - latitude) * KM_PER_DEGREE];
  }

  #degrees([x, y]) {
    return [this.origin[0] - y / KM_PER_DEGREE, this.origin[1] + x / (KM_PER_DEGREE * this.shrink)];
  }

  #rank() {
    const { price, size } = this.sales;
    this.perSize = this.size !== undefined && size.some((value) => value > 0);
    this.worth = Float64Array.from(price, (amount, row) => (this.perSize ? amount / (size[row] ?? NaN) : amount));
    this.ranked = ranks(this.worth);
  }

  #build(host) {
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.overlay = svg("svg", { class: "markers", "aria-hidden": "true" });
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.cross = svg("path", { class: "cross", d: "M-14 0H14M0-14V14" });
    const count = this.sales.count;
    this.stage = el("div", {
      class: "stage",
      tabindex: "0",
      role: "application",
      "aria-label": `Map of ${number(count)} sold homes. Arrow keys move it, plus and minus zoom, Enter puts your home at the cross in the middle.`,
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
    const button = (text, name, act) => el("button", { type: "button", "aria-label": name, title: name, onclick: act }, text);
    this.buttons = el("div", { class: "zoom" },
      button("+", "Zoom in", () => this.#zoomBy(ZOOM_STEP)),
      button(MINUS, "Zoom out", () => this.#zoomBy(1 / ZOOM_STEP)),
      button("⤢", "Show all homes", () => this.#fit(true)));
    this.gradient = svg("linearGradient", { id: "map-scale" });
    const dates = this.sales.date.filter(Boolean).sort();
    const when = dates.length ? `, ${monthOf(dates[0])} to ${monthOf(dates.at(-1))}` : "";
    this.metres = el("span", { class: "metres" });
    this.bar = el("span", { class: "rule" });
    host.append(
      el("div", { class: "frame" }, this.stage, this.buttons,
        el("div", { class: "ruler", "aria-hidden": "true" }, this.metres, this.bar)),
      el("div", { class: "under" },
        el("p", { class: "help" }, `${number(count)} sold homes${when}. Click to place yours; drag and scroll to look around.`),
        this.#legend()));
    host.hidden = false;
  }

  #legend() {
    const per = this.perSize ? `Price per ${this.size.unit || label(this.size.name).toLowerCase()}` : "Price";
    const ticks = LABEL_SHARES.map((share) => this.money.brief(this.ranked.at(share)));
    return el("figure", { class: "legend" },
      el("figcaption", {}, per),
      svg("svg", { role: "img", "aria-label": `${per}, from ${ticks[0]} to ${ticks.at(-1)}`, viewBox: "0 0 100 4", preserveAspectRatio: "none" },
        svg("defs", {}, this.gradient),
        svg("rect", { width: 100, height: 4, fill: "url(#map-scale)" })),
      el("div", { class: "ticks", "aria-hidden": "true" }, ticks.map((text, place) => {
        const tick = el("span", {}, text);
        tick.style.left = `${100 * LABEL_SHARES[place]}%`;
        return tick;
      })));
  }

  #recolour() {
    const colours = scale(this.dark.matches);
    this.packed = Uint32Array.from(colours, ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
    const back = getComputedStyle(this.stage).backgroundColor.match(/\d+/g).map(Number);
    this.back = ((255 << 24) | (back[2] << 16) | (back[1] << 8) | back[0]) >>> 0;
    const unknown = this.dark.matches ? 0xff777777 : 0xff999999;
    this.colour = Uint32Array.from(this.ranked.place, (rank) => (rank >= 0 ? this.packed[Math.round(rank * 255)] : unknown));
    this.gradient.replaceChildren(...[0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map((share) =>
      svg("stop", { offset: share, "stop-color": css(colours[Math.round(255 * share)]) })));
    this.#draw();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height || (width === this.width && height === this.height)) return;
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const fit = ({ x, y }) => 0.94 * Math.min(width / (x[1] - x[0] || 1), height / (y[1] - y[0] || 1));
    this.fitted = fit(this.most);
    this.least = fit(this.extent);
    if (this.untouched) this.#fit(false);
    this.#draw();
  }

  // The view: kilometres at the middle, pixels per kilometre.
  #fit(smooth) {
    const middle = ([low, high]) => (low + high) / 2;
    this.#go({ x: middle(this.most.x), y: middle(this.most.y), scale: this.fitted }, smooth);
    this.untouched = true;
  }

  #show(places) {
    const span = ([low, high]) => high - low;
    const least = Math.min(LEAST_KM, LEAST_SHARE * Math.max(span(this.most.x), span(this.most.y)));
    const far = (axis) => Math.max(...places.map((place) => Math.abs(place[axis] - this.subject[axis])), least);
    const scaled = Math.min(this.width / 2.8 / far(0), this.height / 2.8 / far(1));
    this.#go({ x: this.subject[0], y: this.subject[1], scale: this.#bounded(scaled) }, true);
  }

  #go(target, smooth) {
    cancelAnimationFrame(this.flight);
    this.untouched = false;
    if (!smooth || !this.view || reducedMotion()) {
      this.view = target;
      this.#draw();
      return;
    }
    const from = { ...this.view };
    const start = performance.now();
    const step = (now) => {
      const time = Math.min(Math.max((now - start) / 450, 0), 1);
      const eased = time * time * (3 - 2 * time);
      const scaled = from.scale * (target.scale / from.scale) ** eased;
      // The middle moves so that the way looks straight while the scale changes.
      const share = Math.abs(target.scale - from.scale) < 1e-9 ? eased : (1 / from.scale - 1 / scaled) / (1 / from.scale - 1 / target.scale);
      this.view = { x: from.x + share * (target.x - from.x), y: from.y + share * (target.y - from.y), scale: scaled };
      this.#paint();
      if (time < 1) this.flight = requestAnimationFrame(step);
    };
    this.flight = requestAnimationFrame(step);
  }

  #bounded(scaled) {
    return Math.min(Math.max(scaled, this.least), this.fitted * MOST_ZOOM);
  }

  #zoomBy(factor, [px, py] = [this.width / 2, this.height / 2], smooth = true) {
    const scaled = this.#bounded(this.view.scale * factor);
    const [x, y] = this.#at(px, py);
    this.#go({ x: x - (px - this.width / 2) / scaled, y: y - (py - this.height / 2) / scaled, scale: scaled }, smooth);
  }

  #panBy(dx, dy) {
    cancelAnimationFrame(this.flight);
    this.untouched = false;
    const { x, y, scale: scaled } = this.view;
    // Some of the homes' land stays in sight.
    const within = (value, [low, high], half) => Math.min(Math.max(value, low - half), high + half);
    this.view = {
      x: within(x - dx / scaled, this.extent.x, this.width / 2.5 / scaled),
      y: within(y - dy / scaled, this.extent.y, this.height / 2.5 / scaled),
      scale: scaled,
    };
    this.#draw();
  }

  #at(px, py) {
    return [this.view.x + (px - this.width / 2) / this.view.scale, this.view.y + (py - this.height / 2) / this.view.scale];
  }

  #pixel([x, y]) {
    return [(x - this.view.x) * this.view.scale + this.width / 2, (y - this.view.y) * this.view.scale + this.height / 2];
  }

  #isInside(place) {
    const [px, py] = this.#pixel(place);
    return px > 0 && py > 0 && px < this.width && py < this.height;
  }

  #draw() {
    if (this.waiting || !this.view || !this.colour) return;
    this.waiting = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    this.#paintHomes();
    this.#drawMarkers();
    this.stage.classList.toggle("whole", this.view.scale <= this.fitted * 1.001);
  }

  #paintHomes() {
    const { pixels, x, y, colour, view, ratio } = this;
    const { width, height } = this.canvas;
    pixels.fill(this.back);
    const radius = Math.min(this.finest * (view.scale / this.fitted) ** 0.42, 6.5) * ratio;
    const stamp = this.#stamp(radius);
    const scaled = view.scale * ratio;
    const left = width / 2 - view.x * scaled;
    const top = height / 2 - view.y * scaled;
    const rim = Math.ceil(radius);
    for (let home = 0; home < x.length; home++) {
      const px = Math.round(left + x[home] * scaled);
      const py = Math.round(top + y[home] * scaled);
      if (px < rim || py < rim || px >= width - rim || py >= height - rim) continue;
      const ink = colour[home];
      const corner = py * width + px;
      for (let part = 0; part < stamp.length; part += 3) {
        const at = corner + stamp[part + 1] * width + stamp[part];
        const cover = stamp[part + 2];
        pixels[at] = cover === 256 ? ink : mixed(pixels[at], ink, cover);
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  // Pixels of a dot as [dx, dy, cover of 256] after one another.
  #stamp(radius) {
    if (this.stamped?.radius === radius) return this.stamped.parts;
    const parts = [];
    const reach = Math.ceil(radius);
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const cover = Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1);
        if (cover > 0.04) parts.push(dx, dy, Math.round(256 * cover));
      }
    }
    this.stamped = { radius, parts: Int16Array.from(parts) };
    return this.stamped.parts;
  }

  #drawMarkers() {
    if (!this.view) return;
    const numbered = [];
    const comparables = this.comparables.map(({ at, row }) => {
      const [px, py] = this.#pixel(at);
      const lit = row === this.lit;
      const free = lit || numbered.every(([qx, qy]) => Math.hypot(px - qx, py - qy) > 19);
      if (free) numbered.push([px, py]);
      return svg("g", { transform: `translate(${px} ${py})`, class: lit ? "comparable lit" : "comparable" },
        svg("circle", { r: free ? 9.5 : 5 }), free ? svg("text", { dy: "3.6" }, String(row + 1)) : null);
    }).reverse();
    const pin = [];
    if (this.subject) {
      const [px, py] = this.#pixel(this.subject);
      pin.push(svg("g", { transform: `translate(${px} ${py})`, class: "subject" },
        svg("path", { d: "M0 0C-3-8-11-13-11-21A11 11 0 0 1 11-21C11-13 3-8 0 0Z" }), svg("circle", { cy: -21, r: 4 })));
    }
    const cross = this.stage.matches(":focus-visible")
      ? [svg("g", { transform: `translate(${this.width / 2} ${this.height / 2})` }, this.cross)] : [];
    this.overlay.replaceChildren(...comparables, ...pin, ...cross);
    this.#measure();
  }

  #measure() {
    const widest = 110 / this.view.scale;
    const power = 10 ** Math.floor(Math.log10(widest));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= widest) ?? power;
    this.metres.textContent = length >= 1 ? `${number(length)} km` : `${number(1000 * length)} m`;
    this.bar.style.width = `${length * this.view.scale}px`;
  }

  #place([x, y]) {
    const [latitude, longitude] = this.#degrees([x, y]);
    // Five digits are about a metre.
    this.onPlace(Number(latitude.toFixed(5)), Number(longitude.toFixed(5)));
  }

  #key(event) {
    const far = [PAN_SHARE * this.width, PAN_SHARE * this.height];
    const acts = {
      ArrowLeft: () => this.#panBy(far[0], 0),
      ArrowRight: () => this.#panBy(-far[0], 0),
      ArrowUp: () => this.#panBy(0, far[1]),
      ArrowDown: () => this.#panBy(0, -far[1]),
      "+": () => this.#zoomBy(ZOOM_STEP),
      "=": () => this.#zoomBy(ZOOM_STEP),
      "-": () => this.#zoomBy(1 / ZOOM_STEP),
      0: () => this.#fit(true),
      Home: () => this.#fit(true),
      Enter: () => this.#place([this.view.x, this.view.y]),
      " ": () => this.#place([this.view.x, this.view.y]),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  #wheel(event) {
    // With nearly all homes in view there is little to zoom out of: then the wheel scrolls the page.
    if (event.deltaY > 0 && this.view.scale <= this.fitted * 1.001) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.#zoomBy(Math.exp(-event.deltaY * lines * 0.0022), this.#offset(event), false);
  }

  #offset(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #press(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { now: this.#offset(event), start: this.#offset(event), moved: this.pointers.size > 0 });
    this.#hideTip();
  }

  #move(event) {
    const pointer = this.pointers.get(event.pointerId);
    const now = this.#offset(event);
    if (!pointer) {
      this.#hover(now);
      return;
    }
    const [dx, dy] = [now[0] - pointer.now[0], now[1] - pointer.now[1]];
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      other.moved = true;
      const apart = (at) => Math.hypot(at[0] - other.now[0], at[1] - other.now[1]);
      const middle = [(now[0] + other.now[0]) / 2, (now[1] + other.now[1]) / 2];
      this.#zoomBy(apart(now) / Math.max(apart(pointer.now), 1), middle, false);
      this.#panBy(dx / 2, dy / 2);
      pointer.moved = true;
    } else if (pointer.moved || Math.hypot(now[0] - pointer.start[0], now[1] - pointer.start[1]) > CLICK_PX) {
      if (!pointer.moved) this.stage.classList.add("dragged");
      pointer.moved = true;
      this.#panBy(dx, dy);
    } else return;
    pointer.now = now;
  }

  #release(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    this.stage.classList.remove("dragged");
    if (pointer && !pointer.moved) this.#place(this.#at(...this.#offset(event)));
  }

  #hover([px, py]) {
    const marked = this.comparables
      .map(({ at, sale, row }) => ({ far: Math.hypot(this.#pixel(at)[0] - px, this.#pixel(at)[1] - py), sale, row }))
      .filter(({ far }) => far < NEAR_PX).sort((one, other) => one.far - other.far)[0];
    if (marked) {
      const { sale, row } = marked;
      this.#tip([`Comparable ${row + 1}`, this.money.full(sale.price), sale.date && shortDate(sale.date)], px, py);
      return;
    }
    const home = this.#nearest(px, py);
    if (home < 0) {
      this.#hideTip();
      return;
    }
    const { price, size, date } = this.sales;
    const per = this.perSize && Number.isFinite(this.worth[home]) ? `${this.money.full(this.worth[home])} per ${this.size.unit || this.size.name}` : null;
    this.#tip([this.money.full(price[home]), this.perSize && size[home] !== null ? factText(this.size, size[home]) : null, per, date[home] && shortDate(date[home])], px, py);
  }

  #nearest(px, py) {
    const [x, y] = this.#at(px, py);
    let best = -1;
    let least = (NEAR_PX / 2 / this.view.scale) ** 2;
    for (let home = 0; home < this.x.length; home++) {
      const far = (this.x[home] - x) ** 2 + (this.y[home] - y) ** 2;
      if (far < least) [best, least] = [home, far];
    }
    return best;
  }

  #tip(lines, px, py) {
    const [first, ...rest] = lines.filter(Boolean);
    this.tip.replaceChildren(el("strong", {}, first), rest.length ? el("span", {}, rest.join(" · ")) : "");
    this.tip.hidden = false;
    const left = Math.min(Math.max(px - this.tip.offsetWidth / 2, 6), this.width - this.tip.offsetWidth - 6);
    const above = py - this.tip.offsetHeight - 14;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${above < 6 ? py + 18 : above}px`;
  }

  #hideTip() {
    this.tip.hidden = true;
  }
}

// Two colours mixed, `cover` of 256 being the second one; two channels of a pixel at a time.
function mixed(under, ink, cover) {
  const left = 256 - cover;
  const outer = (((under & 0xff00ff) * left + (ink & 0xff00ff) * cover) >>> 8) & 0xff00ff;
  const inner = (((under & 0xff00) * left + (ink & 0xff00) * cover) >>> 8) & 0xff00;
  return (0xff000000 | outer | inner) >>> 0;
}
