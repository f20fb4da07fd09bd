// Lengths in the market's units: kilometres and metres, or miles and feet where homes are measured in square feet.

import { number } from "./format.js";

const METRIC = { far: { unit: "km", perKm: 1 }, near: { unit: "m", perKm: 1000, step: 10 }, nearBelowKm: 1 };
const IMPERIAL = { far: { unit: "mi", perKm: 1 / 1.609344 }, near: { unit: "ft", perKm: 1000 / 0.3048, step: 50 }, nearBelowKm: 0.16 };

/** Return the units of lengths of a market; `model` is the answer of GET /model. */
export function lengthsOf(model) {
  const size = model.features.find(({ name }) => name === model.size);
  return /^(ft|sq\.? ?f|square f)/i.test(size?.unit ?? "") ? IMPERIAL : METRIC;
}

/** Format a length in km. */
export function lengthText(km, { far, near, nearBelowKm }) {
  if (km < nearBelowKm) return `${number(near.step * Math.round((km * near.perKm) / near.step))} ${near.unit}`;
  const length = km * far.perKm;
  return `${number(Number(length.toFixed(length < 10 ? 1 : 0)))} ${far.unit}`;
}

/** Return the longest round length up to some km, as `{km, text}`. */
export function roundLength(longestKm, { far, near }) {
  const { unit, perKm } = longestKm * far.perKm >= 1 ? far : near;
  const longest = longestKm * perKm;
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((step) => step * power).find((step) => step <= longest) ?? power;
  return { km: length / perKm, text: `${number(length)} ${unit}` };
}
