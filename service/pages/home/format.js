// Formats names, numbers, dates and amounts of money.

const LANGUAGE = "en";
const rounded = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 });
const longDay = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(LANGUAGE, { month: "short", year: "numeric", timeZone: "UTC" });

export const MINUS = "−";

/** `square_footage` → `Square footage`. */
export function label(name) {
  const text = name.replace(/[_.]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Make a sentence of a message of the server. */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;

/** `king_county` → `King County`. */
export const title = (name) => name.split(/[_.\s]+/).map(label).join(" ");

export const number = (value) => rounded.format(value).replace("-", MINUS);
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits).replace("-", MINUS)}%`;
export const longDate = (text) => longDay.format(new Date(text));
export const shortDate = (text) => shortDay.format(new Date(text));
export const monthOf = (text) => month.format(new Date(text));
export const plural = (count, singular, several) => `${number(count)} ${count === 1 ? singular : several}`;

/** Return functions that format amounts of a currency. */
export function moneyOf(currency) {
  const formatter = (options) => new Intl.NumberFormat(LANGUAGE, { style: "currency", currency, ...options });
  const full = formatter({ maximumFractionDigits: 0 });
  const brief = formatter({ notation: "compact", maximumSignificantDigits: 3 });
  return {
    full: (amount) => full.format(amount).replace("-", MINUS),
    brief: (amount) => brief.format(amount).replace("-", MINUS),
    signed: (amount) => (amount < 0 ? MINUS : "+") + full.format(Math.abs(amount)),
  };
}

/** Return a range after some words; nothing where the market has too few sales for ranges. */
export const rangeText = ({ price_low: low, price_high: high }, money, words) => (low === null ? "" : `${words}${money.full(low)} to ${money.full(high)}`);

/** Parse a typed number: "2,000" and "2 000" are 2000. Other text is returned unchanged, and the server reports it. */
export function readNumber(text) {
  const plain = text.trim().replace(MINUS, "-");
  const joined = /^-?\d{1,3}([,\u00a0\u202f ]\d{3})+(\.\d+)?$/.test(plain) ? plain.replace(/[,\u00a0\u202f ]/g, "") : plain;
  return /^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(joined) && Number.isFinite(Number(joined)) ? Number(joined) : text.trim();
}
