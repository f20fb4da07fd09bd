// How the value of a fact is entered, shown and placed on an axis: one entry for each `widget` of GET /model.
// Each kind of fact names its widget, so the page does not need to know the kinds.

import { MINUS, readNumber, shortDate } from "./format.js";

const LANGUAGE = "en";
const grouped = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 });
const ungrouped = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2, useGrouping: false });
const exact = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 5, useGrouping: false });
const TRUE = new Set(["true", "yes", "y", "1", "1.0"]); // as files write it
const FALSE = new Set(["false", "no", "n", "0", "0.0"]);

const format = (formatter, value) => formatter.format(value).replace("-", MINUS);

// control: the form's element: "input", "date" or "select".
// read: text of the control → JSON value. write: JSON value → text of the control.
// show: JSON value → text for people.
// position: JSON value → position on an axis; null where values are separate, such as labels.
// logarithmic: whether a wide axis may be logarithmic.
// decimal: whether a phone may show decimal keys, which have no minus.
// suggest: whether to offer the most common values of the sold homes. wide: whether the field takes a whole row.
const NUMBER = {
  control: "input",
  read: readNumber,
  write: String,
  show: (value, feature) => {
    const text = format(numberFormat(feature), value);
    return unitIsShort(feature) ? `${text} ${feature.unit}` : text;
  },
  position: (value) => value,
  logarithmic: true,
  decimal: ({ minimum }) => minimum === null || minimum >= 0,
  suggest: false,
  wide: false,
};
const TEXT = {
  control: "input",
  read: (text) => text,
  write: String,
  show: String,
  position: null,
  logarithmic: false,
  decimal: () => false,
  suggest: true,
  wide: true,
};

export const WIDGETS = {
  number: NUMBER,
  degrees: { ...NUMBER, show: (value) => `${format(exact, value)}°` },
  yes_no: {
    ...TEXT,
    control: "select",
    read: (text) => text === "true",
    write: (value) => {
      const word = String(value).trim().toLowerCase();
      return TRUE.has(word) ? "true" : FALSE.has(word) ? "false" : "";
    },
    show: (value) => (value ? "yes" : "no"),
    suggest: false,
    wide: false,
  },
  text: TEXT,
  code: { ...TEXT, wide: false },
  date: {
    ...TEXT,
    control: "date",
    show: shortDate,
    position: (value) => Date.parse(value),
    suggest: false,
    wide: false,
  },
};

/** Return the entry for a feature of GET /model. */
export function widgetOf(feature) {
  const widget = WIDGETS[feature.widget];
  if (widget === undefined) throw new Error(`${feature.name}: the page has no widget "${feature.widget}"`);
  return widget;
}

/** Format the value of a fact; a long unit appears only in the field's help. */
export function factText(feature, value) {
  if (value === null || value === undefined) return "unknown";
  return feature ? widgetOf(feature).show(value, feature) : String(value);
}

export const unitIsShort = (feature) => Boolean(feature?.unit) && feature.unit.length <= 6;

/** Years are written without a thousands separator: whole numbers without a unit whose maximum is a year. */
const numberFormat = ({ whole, unit, maximum }) => (whole && !unit && maximum >= 1900 && maximum <= 2200 ? ungrouped : grouped);

/** Format the bounds of a fact; empty if it has none. */
export function boundsText(feature) {
  const { minimum, maximum } = feature;
  const write = (value) => format(numberFormat(feature), value);
  if (minimum !== null && maximum !== null) return `${write(minimum)} to ${write(maximum)}`;
  if (minimum !== null) return `${write(minimum)} or more`;
  return maximum === null ? "" : `Up to ${write(maximum)}`;
}
