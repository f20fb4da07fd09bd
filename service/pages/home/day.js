// A banner where values are as of a day long past: what it means, and the value as of today, or of the last day that
// prices are forecast for, with the forecast of the price index.

import { getIndex } from "./api.js";
import { el } from "./dom.js";
import { longDate, percent, plural } from "./format.js";

const LONG_AGO_DAYS = 60; // a market that is refreshed every month is never this old
const DAY_MS = 86_400_000;

const today = () => new Date(Date.now()).toISOString().slice(0, 10);

/**
 * Make the banner; null where the sales have no dates or are recent.
 * @param model the answer of GET /model
 * @param onDay called with the day that the user wants to value the home for
 */
export function dayBanner(model, onDay) {
  if (!model.sale_dates) return null;
  const newest = model.sale_dates[1];
  const days = (Date.parse(today()) - Date.parse(newest)) / DAY_MS;
  if (days < LONG_AGO_DAYS) return null;
  const last = today() < model.last_valuation_date ? today() : model.last_valuation_date;
  const isToday = last === today();
  const forecast = el("span");
  const ask = el("button", { type: "button", class: "plain small", onclick: async () => {
    onDay(last);
    forecast.textContent = await forecastText(last).catch(() => "");
  } }, isToday ? "Value as of today" : `Value as of ${longDate(last)}, the last day with a forecast`);
  return el("aside", { class: "notice day", "aria-label": "The day of the values" },
    el("p", {}, el("strong", {}, `Prices as of ${longDate(newest)}, ${ago(days)} ago. `),
      "The newest sale is of that day; how prices have moved since is not known. ",
      isToday ? "" : "Today is beyond the forecast of prices. "),
    el("p", { role: "status" }, forecast), ask);
}

const ago = (days) => (days >= 700 ? plural(Math.round(days / 365.25), "year", "years") : plural(Math.round(days / 30.4), "month", "months"));

// Say what the price index forecasts for the month of a day.
async function forecastText(day) {
  const { month, index, low, high, confidence, newest_month: newest } = await getIndex();
  const at = month.indexOf(day.slice(0, 7));
  if (at < 0) return "";
  const change = (factor) => `${factor < 1 ? "" : "+"}${percent(factor - 1, 0)}`;
  return `From ${newest} to ${month[at]} the price index forecasts ${change(index[at])}; with ${percent(confidence)} probability between ${change(low[at])} and ${change(high[at])}.`;
}
