// The comparables as a table: what each sold for, how each fact adjusts it, and the adjusted price.

import { el } from "./dom.js";
import { factText } from "./widgets.js";
import { MINUS, label, number, percent, shortDate } from "./format.js";

/**
 * Make the section of the comparables.
 * @param comparables the member `comparables` of a valuation
 * @param facts the facts that the user entered
 * @param onHover called with the index of the row under the pointer or focus, or with undefined
 */
export function comparablesSection(comparables, { features, facts, money, sizeName, onHover }) {
  const { used, left_out: leftOut } = comparables;
  const columns = tableColumns(used, { size: features.get(sizeName), money });
  const body = el("tbody");
  used.forEach((sale, row) => {
    const id = `comparable-${row}`;
    const detail = el("tr", { class: "detail", id, hidden: true },
      el("td", { colspan: columns.length + 2 }, adjustmentGrid(sale, facts, features, money)));
    const button = el("button", {
      type: "button", class: "plain small", "aria-expanded": "false", "aria-controls": id, "aria-label": `Adjustments of comparable ${row + 1}`,
      onclick: () => {
        detail.hidden = !detail.hidden;
        button.setAttribute("aria-expanded", String(!detail.hidden));
      },
    }, "Adjustments");
    body.append(el("tr", {
      onpointerenter: () => onHover(row), onpointerleave: () => onHover(undefined), onfocusin: () => onHover(row), onfocusout: () => onHover(undefined),
    },
    el("th", { scope: "row" }, el("span", { class: "badge" }, String(row + 1))),
    columns.map(({ cell, style }) => el("td", { class: style }, cell(sale))),
    el("td", {}, button)), detail);
  });
  const head = el("tr", {}, el("td"), columns.map(({ heading, style }) => el("th", { scope: "col", class: style?.split(" ")[0] }, heading)), el("td"));
  return el("section", { class: "card", "aria-labelledby": "comparables-heading" },
    el("h2", { id: "comparables-heading" }, "Comparable sales"),
    used.length
      ? [el("p", { class: "help" }, "Similar homes sold nearby, adjusted to your home. The estimate also uses all other sales."),
        el("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-labelledby": "comparables-heading" },
          el("table", {}, el("thead", {}, head), body))]
      : el("p", { class: "help" }, "Without a location there are no comparable homes."),
    leftOut.length ? leftOutList(leftOut, money) : null);
}

function tableColumns(used, { size, money }) {
  return [
    { heading: "Sold for", style: "amount", cell: (sale) => money.full(sale.price) },
    { heading: "Adjusted price", style: "amount strong", cell: (sale) => money.full(sale.adjusted_price) },
    { heading: "Weight", cell: (sale) => weightBar(sale.weight, used[0].weight) },
    used.some(({ date }) => date) && { heading: "Sold on", cell: (sale) => (sale.date ? shortDate(sale.date) : "") },
    { heading: "Distance", style: "amount", cell: (sale) => distance(sale.distance_km) },
    size && { heading: label(size.name), style: "amount", cell: (sale) => factText(size, sale.facts[size.name]) },
  ].filter(Boolean);
}

function weightBar(weight, largest) {
  const bar = el("span", { class: "weight" });
  bar.style.width = `${(44 * weight) / largest}px`;
  return el("span", { class: "weight-cell" }, bar, percent(weight, 1));
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

function leftOutList(sales, money) {
  return el("details", {},
    el("summary", {}, "Nearby sales with little weight"),
    el("ul", { class: "plain-list" }, sales.map(({ distance_km: km, price, date, reason }) =>
      el("li", {}, el("strong", {}, money.full(price)), `, ${distance(km)} away${date ? `, ${shortDate(date)}` : ""}. ${reason.replace(/_/g, " ")}`))));
}

const distance = (km) => (km < 1 ? `${number(Math.round(1000 * km))} m` : `${number(Number(km.toFixed(1)))} km`).replace("-", MINUS);
