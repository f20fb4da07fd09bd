// What each fact adds: from the price of a typical home, step by step, to this home's. A table, so that screen readers
// can read it; the bars only draw its amounts. Facts that were not given share one bar.

import { el, svg } from "./dom.js";
import { label, plural } from "./format.js";
import { factText } from "./widgets.js";

const MAX_STEPS = 10; // shown at first: the others are small

const NAMES = { place: "Location", valuation_date: "Valuation date" }; // parts that are not features

/** Make the section; `features` is name → feature of GET /model. */
export function waterfallSection({ contributions, price, unknown, looked_up_values: lookedUp }, features, money) {
  const parts = Object.entries(contributions.parts).map(([name, amount]) => ({
    name: NAMES[name] ?? label(name), amount,
    note: unknown.includes(name) ? "not given" : name in lookedUp ? `looked up: ${factText(features.get(name), lookedUp[name].value)}` : "",
  }));
  const given = parts.filter(({ note }) => note !== "not given");
  const body = el("tbody");
  const draw = (showSmall, showMissing) => body.replaceChildren(...rows([
    ...folded(given.slice(0, MAX_STEPS), given.slice(MAX_STEPS), showSmall, (count) => plural(count, "other", "others"), () => draw(true, showMissing)),
    ...folded([], parts.filter(({ note }) => note === "not given"), showMissing,
      (count) => plural(count, "fact not given", "facts not given"), () => draw(showSmall, true)),
  ], contributions.reference_price, price, money));
  draw(false, false);
  return el("section", { class: "card", "aria-labelledby": "waterfall-heading" },
    el("h2", { id: "waterfall-heading" }, "Why this price"),
    el("p", { class: "help" }, "What each fact adds or takes away, from the price of a typical home here to this home’s. ",
      unknown.length ? "What you did not give is taken as typical of homes like it." : ""),
    el("table", { class: "waterfall" },
      el("thead", { class: "visually-hidden" }, el("tr", {}, el("th", { scope: "col" }, "Fact"), el("td", {}), el("th", { scope: "col" }, "Effect on the price"))),
      body));
}

// Return steps, the folded ones as one step unless there is only one or they are shown.
function folded(steps, small, isShown, name, onExpand) {
  if (isShown || small.length < 2) return [...steps, ...small];
  return [...steps, { name: name(small.length), amount: small.reduce((sum, { amount }) => sum + amount, 0), onExpand }];
}

function rows(steps, start, end, money) {
  const totals = [start];
  for (const { amount } of steps) totals.push(totals.at(-1) + amount);
  const low = Math.min(...totals, end);
  const span = Math.max(...totals, end) - low || 1;
  const position = (amount) => 3 + (94 * (amount - low)) / span;
  const point = (amount) => drawing(svg("rect", { class: "point", x: position(amount) - 0.5, y: 2, width: 1, height: 20 }));
  const line = (kind, name, bar, amount) => el("tr", { class: kind },
    el("th", { scope: "row" }, name), el("td", { class: "drawing" }, bar), el("td", { class: "amount" }, amount));
  return [
    line("total", "Typical home", point(start), money.full(start)),
    ...steps.map(({ name, amount, note, onExpand }, step) => {
      const [from, to] = [position(totals[step]), position(totals[step + 1])];
      const bar = drawing(
        svg("path", { class: "connector", d: `M${from} 0V12`, "vector-effect": "non-scaling-stroke" }),
        svg("path", { class: "connector", d: `M${to} 12V24`, "vector-effect": "non-scaling-stroke" }),
        svg("rect", { x: Math.min(from, to), y: 5, width: Math.max(Math.abs(to - from), 0.4), height: 14 }));
      const named = onExpand ? el("button", { type: "button", class: "link", onclick: onExpand }, name) : [name, note ? el("span", { class: "note" }, note) : ""];
      return line(`${amount < 0 ? "down" : "up"}${note === "not given" || onExpand ? " missing" : ""}`, named, bar, money.signed(amount));
    }),
    line("total", "This home", point(end), money.full(end)),
  ];
}

const drawing = (...children) => svg("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, children);
