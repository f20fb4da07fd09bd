// An opened listing: its link holds its facts and the table's figures, which are shown above its valuation.

import { READINGS, nameOf, outcomeOf } from "./deals.js";
import { readingsOf } from "./deals_columns.js";
import { el } from "./dom.js";

const NAME = "listing";
const PRICE = "list_price";
const PAYS = "pays";
const MARGIN = "margin"; // or margin.READING

/** Return the link to a deal's valuation. */
export function linkTo(deal, model) {
  const names = new Set(model.features.map(({ name }) => name));
  const parameters = new URLSearchParams(Object.entries(deal.listing).filter(([name]) => names.has(name)));
  const date = deal.valuation.valuation_date;
  if (date && date !== model.sale_dates[1]) parameters.set("valuation_date", date);
  const said = { [NAME]: nameOf(deal), [PRICE]: deal.list_price, [PAYS]: deal.pays };
  for (const reading of readingsOf({ deals: [deal] })) {
    said[reading ? `${MARGIN}.${reading}` : MARGIN] = Math.round(outcomeOf(deal, reading).margin);
  }
  for (const [name, value] of Object.entries(said)) if (!names.has(name)) parameters.set(name, value);
  return `#${parameters}`;
}

/** Take what the table said out of a link's parameters; null if it is no listing's link. */
export function takeListing(parameters, features) {
  if (!parameters.has(NAME) || features.has(NAME)) return null;
  const said = [...parameters].filter(([name]) => !features.has(name) && ([NAME, PRICE, PAYS].includes(name) || name.split(".")[0] === MARGIN));
  for (const [name] of said) parameters.delete(name);
  return Object.fromEntries(said);
}

/** Make the card of a listing, from what `takeListing` returned; with the way back to the table. */
export function listingCard(said, money) {
  const margins = Object.entries(said).filter(([name, text]) => name.split(".")[0] === MARGIN && Number.isFinite(Number(text)));
  const figure = (name, text) => el("div", {}, el("dt", {}, name), el("dd", {}, text));
  return el("section", { class: "card opened", "aria-labelledby": "opened-heading" },
    el("div", { class: "headline" },
      el("h2", { id: "opened-heading" }, `Listing ${said[NAME]}`),
      el("a", { href: "#listings", class: "back" }, "← Back to the listings")),
    el("dl", { class: "figures" },
      Number.isFinite(Number(said[PRICE])) && said[PRICE] ? figure("List price", money.full(Number(said[PRICE]))) : null,
      margins.map(([name, text]) => figure(`Margin ${READINGS[name.split(".")[1]] ?? ""}`.trim(), money.signed(Number(text)))),
      said[PAYS] ? figure("Verdict", said[PAYS]) : null));
}
