// The comparables as a table: what each sold for, how it is adjusted fact by fact, what it then suggests.

import { el } from "./dom.js";
import { MINUS, factText, label, number, percent, shortDate } from "./words.js";

/**
 * Make the section of the comparables.
 * @param told the member `comparables` of an answer
 * @param facts what was said of the subject
 * @param onPoint called with a row's number while it is pointed at, and with undefined after
 */
export function comparablesSection(told, { features, facts, money, sizeName, onPoint }) {
  const size = features.get(sizeName);
  const headings = ["", "Sold for", "Adjusted to", "Weight", told.used.some(({ date }) => date) ? "Sold on" : null, "Distance", size ? label(size.name) : null, ""];
  const shown = headings.map((text, place) => text !== null || place === 0);
  const cells = (values) => values.filter((_, place) => shown[place]);
  const body = el("tbody");
  told.used.forEach((sale, row) => {
    const inside = `comparable-${row}`;
    const detail = el("tr", { class: "detail", id: inside, hidden: true }, el("td", { colspan: cells(headings).length }, grid(sale, facts, features, money)));
    const button = el("button", {
      type: "button", class: "plain small", "aria-expanded": "false", "aria-controls": inside, "aria-label": `Adjustments of comparable ${row + 1}`,
      onclick: () => {
        detail.hidden = !detail.hidden;
        button.setAttribute("aria-expanded", String(!detail.hidden));
      },
    }, "Adjustments");
    const weight = el("span", { class: "weight" });
    weight.style.width = `${(44 * sale.weight) / told.used[0].weight}px`;
    body.append(el("tr", {
      onpointerenter: () => onPoint(row), onpointerleave: () => onPoint(undefined), onfocusin: () => onPoint(row), onfocusout: () => onPoint(undefined),
    }, cells([
      el("th", { scope: "row" }, el("span", { class: "badge" }, String(row + 1))),
      el("td", { class: "amount" }, money.full(sale.price)),
      el("td", { class: "amount strong" }, money.full(sale.adjusted_price)),
      el("td", {}, el("span", { class: "weighed" }, weight, percent(sale.weight, 1))),
      el("td", {}, sale.date ? shortDate(sale.date) : ""),
      el("td", { class: "amount" }, distance(sale.distance_km)),
      size ? el("td", { class: "amount" }, factText(size, sale.facts[size.name])) : null,
      el("td", {}, button),
    ])), detail);
  });
  return el("section", { class: "card", "aria-labelledby": "comparables-heading" },
    el("h2", { id: "comparables-heading" }, "Sold homes behind the price"),
    told.used.length
      ? [el("p", { class: "help" }, "The nearest and most alike, adjusted for how your home differs. The model weighs them with everything else it knows."),
        el("div", { class: "scrolled", tabindex: "0", role: "region", "aria-labelledby": "comparables-heading" },
          el("table", {}, el("thead", {}, el("tr", {}, cells(headings.map((text, place) => el(text ? "th" : "td", { scope: text ? "col" : null, class: [1, 2, 5, 6].includes(place) ? "amount" : null }, text ?? ""))))), body))]
      : el("p", { class: "help" }, "Nothing was sold before that day that it could be compared with."),
    told.left_out.length ? leftOut(told.left_out, money) : null);
}

function grid(sale, facts, features, money) {
  const rows = Object.entries(sale.adjustments).sort((one, other) => Math.abs(other[1]) - Math.abs(one[1]));
  const line = (name, theirs, own, amount) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, theirs), el("td", {}, own), el("td", { class: "amount" }, amount));
  return el("table", { class: "grid" },
    el("thead", {}, el("tr", {}, ["Fact", "This sale", "Your home"].map((text) => el("th", { scope: "col" }, text)), el("th", { scope: "col", class: "amount" }, "Adjustment"))),
    el("tbody", {},
      line("Sold for", "", "", money.full(sale.price)),
      rows.map(([name, amount]) => {
        const feature = features.get(name);
        return feature
          ? line(label(name), factText(feature, sale.facts[name]), name in facts ? factText(feature, facts[name]) : "as looked up", money.signed(amount))
          : line("Time since the sale", sale.date ? shortDate(sale.date) : "", "", money.signed(amount));
      }),
      line("Adjusted to", "", "", money.full(sale.adjusted_price))));
}

function leftOut(sales, money) {
  return el("details", {},
    el("summary", {}, "Near, but hardly counted"),
    el("ul", { class: "plainly" }, sales.map(({ distance_km: km, price, date, reason }) =>
      el("li", {}, el("strong", {}, money.full(price)), `, ${distance(km)} away${date ? `, ${shortDate(date)}` : ""}. ${reason.replace(/_/g, " ")}`))));
}

const distance = (km) => (km < 1 ? `${number(Math.round(1000 * km))} m` : `${number(Number(km.toFixed(1)))} km`).replace("-", MINUS);
