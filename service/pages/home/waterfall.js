// What each fact adds: from the price of the market's usual home, step by step, to this home's. A table, so that it can
// be read aloud; the bars are pictures of its amounts.

import { el, svg } from "./dom.js";
import { label, plural } from "./words.js";

const MOST = 10; // steps shown at first: the rest are small

const NAMES = { place: "Where it stands", valuation_date: "The day" };

/** Make the section; `told` is the member `contributions` of an answer. */
export function waterfallSection(told, price, money) {
  const parts = Object.entries(told.parts).map(([name, amount]) => ({ name: NAMES[name] ?? label(name), amount }));
  const body = el("tbody");
  const draw = (all) => {
    const rest = all ? [] : parts.slice(MOST);
    const steps = rest.length > 1 ? parts.slice(0, MOST) : parts;
    const shown = rest.length > 1
      ? [...steps, { name: plural(rest.length, "smaller one", "smaller ones"), amount: rest.reduce((sum, { amount }) => sum + amount, 0), rest: true }] : steps;
    body.replaceChildren(...rows(shown, told.reference_price, price, money, () => draw(true)));
  };
  draw(false);
  return el("section", { class: "card", "aria-labelledby": "waterfall-heading" },
    el("h2", { id: "waterfall-heading" }, "Why this price"),
    el("p", { class: "help" }, "From the market’s usual home to this one: what each fact adds or takes away."),
    el("table", { class: "waterfall" },
      el("thead", { class: "unseen" }, el("tr", {}, el("th", { scope: "col" }, "Fact"), el("td", {}), el("th", { scope: "col" }, "Adds"))),
      body));
}

function rows(steps, start, end, money, onAll) {
  const totals = [start];
  for (const { amount } of steps) totals.push(totals.at(-1) + amount);
  const low = Math.min(...totals, end);
  const span = Math.max(...totals, end) - low || 1;
  const at = (amount) => 3 + (94 * (amount - low)) / span;
  const point = (amount) => picture(svg("rect", { class: "point", x: at(amount) - 0.5, y: 2, width: 1, height: 20 }));
  const line = (kind, name, drawing, amount) => el("tr", { class: kind },
    el("th", { scope: "row" }, name), el("td", { class: "drawing" }, drawing), el("td", { class: "amount" }, amount));
  return [
    line("total", "The usual home", point(start), money.full(start)),
    ...steps.map(({ name, amount, rest }, step) => {
      const [from, to] = [at(totals[step]), at(totals[step + 1])];
      const bar = picture(
        svg("path", { class: "thread", d: `M${from} 0V12`, "vector-effect": "non-scaling-stroke" }),
        svg("path", { class: "thread", d: `M${to} 12V24`, "vector-effect": "non-scaling-stroke" }),
        svg("rect", { x: Math.min(from, to), y: 5, width: Math.max(Math.abs(to - from), 0.4), height: 14 }));
      return line(amount < 0 ? "down" : "up", rest ? el("button", { type: "button", class: "link", onclick: onAll }, name) : name, bar, money.signed(amount));
    }),
    line("total", "This home", point(end), money.full(end)),
  ];
}

const picture = (...children) => svg("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, children);
