// The comparables as a table: what each sold for, how each fact adjusts it, and the adjusted price.

import { el } from "./dom.js";
import { factText } from "./widgets.js";
import { label, monthOf, percent, shortDate } from "./format.js";
import { lengthText } from "./lengths.js";

// Facts that people compare homes by, in their order; other facts follow where a market lacks these.
const COMPARED = ["bedrooms", "bathrooms", "full_bathrooms", "rooms", "year_built", "grade", "condition"];
const MAX_COMPARED = 4;
const SHORT = { bedrooms: "Beds", bathrooms: "Baths", full_bathrooms: "Baths", year_built: "Built", square_footage: "Size" };

/**
 * Make the table.
 * @param sales as the answers have them, at least one
 * @param facts the facts that the user entered
 * @param pinned rows of GET /sales that are pinned
 * @param onPin, onDrop called with a sale
 * @param onHover called with the index of the row under the pointer or focus, or with undefined
 */
export function comparablesTable(sales, { features, size, facts, money, lengths, pinned, onPin, onDrop, onHover }) {
  const columns = tableColumns(sales, { features, size, money, lengths });
  const body = el("tbody");
  sales.forEach((sale, index) => {
    const id = `comparable-${index}`;
    const detail = el("tr", { class: "detail", id, hidden: true },
      el("td", { colspan: columns.length + 2 }, adjustmentGrid(sale, facts, features, money)));
    const button = el("button", {
      type: "button", class: "link", "aria-expanded": "false", "aria-controls": id, "aria-label": `Adjustments of comparable ${index + 1}`,
      onclick: () => {
        detail.hidden = !detail.hidden;
        button.setAttribute("aria-expanded", String(!detail.hidden));
      },
    }, "Adjustments");
    const isPinned = pinned.has(sale.row);
    body.append(el("tr", {
      onpointerenter: () => onHover(index), onpointerleave: () => onHover(undefined), onfocusin: () => onHover(index), onfocusout: () => onHover(undefined),
    },
    el("th", { scope: "row" }, el("span", { class: "badge" }, String(index + 1))),
    columns.map(({ cell, style }) => el("td", { class: style }, cell(sale))),
    el("td", { class: "row-actions" }, button,
      el("button", { type: "button", class: "link", "aria-pressed": String(isPinned), "aria-label": `Pin comparable ${index + 1}`, title: "Keep it, whatever the limits", onclick: () => onPin(sale) }, isPinned ? "Pinned" : "Pin"),
      el("button", { type: "button", class: "link", "aria-label": `Drop comparable ${index + 1}`, title: "Leave it out", onclick: () => onDrop(sale) }, "Drop"))), detail);
  });
  const head = el("tr", {}, el("td"), columns.map(({ heading, style }) => el("th", { scope: "col", class: style?.split(" ")[0] }, heading)), el("td"));
  return el("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-labelledby": "comparables-heading" },
    el("table", {}, el("thead", {}, head), body));
}

function tableColumns(sales, { features, size, money, lengths }) {
  const compared = [...COMPARED.map((name) => features.get(name)), ...features.values()]
    .filter((feature) => feature && feature !== size && !feature.looked_up && ["number", "yes_no"].includes(feature.widget));
  return [
    { heading: "Sold for", style: "amount", cell: (sale) => money.full(sale.price) },
    { heading: "Adjusted", style: "amount strong", cell: (sale) => money.full(sale.adjusted_price) },
    { heading: "Weight", style: "amount", cell: (sale) => percent(sale.weight, 1) },
    sales.some(({ date }) => date) && { heading: "Sold on", cell: (sale) => (sale.date ? monthOf(sale.date) : "") },
    { heading: "Distance", style: "amount", cell: (sale) => lengthText(sale.distance_km, lengths) },
    ...[size, ...[...new Set(compared)].slice(0, MAX_COMPARED)].filter(Boolean).map((feature) => ({
      heading: SHORT[feature.name] ?? label(feature.name), style: "amount", cell: (sale) => factText(feature, sale.facts[feature.name]),
    })),
  ].filter(Boolean);
}

function adjustmentGrid(sale, facts, features, money) {
  const adjustments = Object.entries(sale.adjustments).sort(([, first], [, second]) => Math.abs(second) - Math.abs(first));
  const line = (name, sold, subject, amount) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, sold), el("td", {}, subject), el("td", { class: "amount" }, amount));
  return el("table", { class: "grid" },
    el("thead", {}, el("tr", {}, ["Fact", "This sale", "Your home"].map((text) => el("th", { scope: "col" }, text)), el("th", { scope: "col", class: "amount" }, "Adjustment"))),
    el("tbody", {},
      line("Sold for", "", "", money.full(sale.price)),
      adjustments.map(([name, amount]) => {
        const feature = features.get(name);
        return feature
          ? line(label(name), factText(feature, sale.facts[name]), name in facts ? factText(feature, facts[name]) : "looked up", money.signed(amount))
          : line("Time since sale", sale.date ? shortDate(sale.date) : "", "", money.signed(amount));
      }),
      line("Adjusted price", "", "", money.full(sale.adjusted_price))));
}

/** Make the list of nearby sales that count little. */
export function leftOutList(sales, money, lengths) {
  return el("details", {},
    el("summary", {}, "Nearby sales with little weight"),
    el("ul", { class: "plain-list" }, sales.map(({ distance_km: km, price, date, reason }) =>
      el("li", {}, el("strong", {}, money.full(price)), `, ${lengthText(km, lengths)} away${date ? `, ${shortDate(date)}` : ""}. ${reasonText(reason, lengths)}`))));
}

const reasonText = (reason, lengths) => reason.replace(/_/g, " ").replace(/^It is ([\d.]+) km away/, (_, km) => `It is ${lengthText(Number(km), lengths)} away`);
