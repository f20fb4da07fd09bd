// The columns of the table of deals: what each shows, what it sorts by, and the reading of the list price it belongs to.

import { LABELS, READINGS, belowValue, nameOf, outcomeOf } from "./deals.js";
import { MINUS, number, percent } from "./format.js";

export const signedPercent = (share) => `${share.toFixed(1).replace("-", MINUS)}%`;

const NONE = "–";

/**
 * Return the columns for an answer.
 * @param answer of POST /screen
 * @param all whether to show all figures
 */
export function dealColumns(answer, money, all) {
  const { deals } = answer;
  // A figure that no listing has, such as a rent's, has no column.
  const known = (columns) => columns.filter(({ optional, value }) => !optional || deals.some((deal) => value(deal) !== null));
  return known([
    { key: "rank", name: "Rank", value: ({ rank }) => rank, text: ({ rank }) => number(rank), ascending: true },
    { key: "listing", name: "Listing", value: (deal) => (deal.listing_id === null ? deal.row : deal.listing_id), text: nameOf, ascending: true, isName: true },
    { key: "pays", name: "Pays", value: ({ pays }) => Object.keys(LABELS).indexOf(pays), text: ({ pays }) => pays, ascending: true, isLabel: true },
    amount(money, "list_price", "List price"),
    { ...amount(money, "price", "Value"), value: ({ valuation }) => valuation.price },
    { key: "below_value", name: "Below value", value: belowValue, show: signedPercent, style: () => "strong" },
    { ...amount(money, "arv", "ARV"), title: "Value after the repair", optional: true },
    ...(all ? repairColumns(money) : []),
    { ...amount(money, "seventy_percent_offer", "70% offer"), title: "70% of the value after the repair, less the repair" },
    { ...amount(money, "comparables_median", "Comparables’ median"), value: ({ valuation }) => valuation.comparables_median ?? null, optional: true },
    ...(all ? [amount(money, "break_even", "Break-even")] : []),
    ...readingsOf(answer).flatMap((reading) => outcomeColumns(reading, money, all)),
  ]).map((column) => ({ text: (deal) => (column.value(deal) === null ? NONE : column.show(column.value(deal), deal)), ...column }));
}

/** Return the readings of an answer; one without a name where closed listings decide. */
export function readingsOf({ deals }) {
  const named = Object.keys(READINGS).filter((reading) => deals.some(({ readings }) => reading in readings));
  return named.length ? named : [null];
}

const amount = (money, key, name) => ({ key, name, value: (deal) => deal[key], show: money.full });

function repairColumns(money) {
  return [
    { key: "uplift", name: "Repair adds", value: ({ uplift }) => uplift, show: money.signed, optional: true },
    { key: "uplift_low", name: "80% range of that", value: (deal) => deal.uplift_low, show: (low, { uplift_high: high }) => `${money.brief(low)} to ${money.brief(high)}`, optional: true },
    { key: "cap_rate_percent", name: "Cap rate", value: (deal) => deal.cap_rate_percent, show: signedPercent, optional: true },
  ];
}

function outcomeColumns(reading, money, all) {
  const column = (field, name, show, more = {}) => ({
    key: reading ? `${reading}.${field}` : field, name, group: reading ?? undefined, value: (deal) => outcomeOf(deal, reading)[field], show, ...more,
  });
  const range = (low, deal) => `${money.brief(low)} to ${money.brief(outcomeOf(deal, reading).margin_high)}`;
  return [
    column("resale_price", "Resale", money.full),
    column("margin", "Margin", money.signed, { style: (deal) => (outcomeOf(deal, reading).margin < 0 ? "strong loss" : "strong gain") }),
    column("probability", "Chance of profit", percent),
    column("highest_offer", "Highest offer", money.full),
    ...(all ? [
      column("margin_low", "80% range of margin", range),
      column("margin_percent", "Return on cost", signedPercent),
      column("cash_on_cash_percent", "Cash on cash", signedPercent, { optional: true }),
    ] : []),
  ];
}
