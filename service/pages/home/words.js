// How names, amounts and days are written. Everything follows the market table of GET /model.

const LANGUAGE = "en";
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 });
const exact = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 5, useGrouping: false });
const ungrouped = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2, useGrouping: false });
const day = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(LANGUAGE, { month: "short", year: "numeric", timeZone: "UTC" });

export const MINUS = "−";

/** `square_footage` → `Square footage`. */
export function label(name) {
  const text = name.replace(/[_.]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `king_county` → `King County`. */
export const title = (name) => name.split(/[_.\s]+/).map(label).join(" ");

export const number = (value) => whole.format(value).replace("-", MINUS);
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits).replace("-", MINUS)}%`;
export const longDate = (text) => day.format(new Date(text));
export const shortDate = (text) => shortDay.format(new Date(text));
export const monthOf = (text) => month.format(new Date(text));
export const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

/** Ways to write amounts of a currency. */
export function moneyOf(currency) {
  const form = (more) => new Intl.NumberFormat(LANGUAGE, { style: "currency", currency, ...more });
  const full = form({ maximumFractionDigits: 0 });
  const brief = form({ notation: "compact", maximumSignificantDigits: 3 });
  return {
    full: (amount) => full.format(amount).replace("-", MINUS),
    brief: (amount) => brief.format(amount).replace("-", MINUS),
    signed: (amount) => (amount < 0 ? MINUS : "+") + full.format(Math.abs(amount)),
  };
}

/** A year is a number that nobody writes with a comma: a whole one without a unit whose bound is of our age. */
const isYear = (feature) =>
  feature.kind === "integer" && !feature.unit && feature.maximum >= 1900 && feature.maximum <= 2200;

/** Write a fact's value; a unit that is a whole sentence is left to the field's help. */
export function factText(feature, value) {
  if (value === null || value === undefined) return "not known";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (feature?.kind === "date") return shortDate(value);
  if (typeof value !== "number") return String(value);
  if (feature?.kind === "latitude" || feature?.kind === "longitude") return `${exact.format(value).replace("-", MINUS)}°`;
  const text = (feature && isYear(feature) ? ungrouped : whole).format(value).replace("-", MINUS);
  return unitIsShort(feature) ? `${text} ${feature.unit}` : text;
}

export const unitIsShort = (feature) => Boolean(feature?.unit) && feature.unit.length <= 6;

/** Say which values a fact may take, or nothing. */
export function boundsText(feature) {
  const { minimum, maximum } = feature;
  const form = isYear(feature) ? ungrouped : whole;
  const write = (value) => form.format(value).replace("-", MINUS);
  if (minimum !== null && maximum !== null) return `${write(minimum)} to ${write(maximum)}`;
  if (minimum !== null) return `${write(minimum)} or more`;
  return maximum === null ? "" : `${write(maximum)} at most`;
}

/** Read what someone typed for a number: "2,000" and "2 000" are 2000; what is none stays text, for the server to judge. */
export function readNumber(text) {
  const plain = text.trim().replace(MINUS, "-");
  const joined = /^-?\d{1,3}([,\u00a0\u202f ]\d{3})+(\.\d+)?$/.test(plain) ? plain.replace(/[,\u00a0\u202f ]/g, "") : plain;
  return /^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(joined) && Number.isFinite(Number(joined)) ? Number(joined) : text.trim();
}
