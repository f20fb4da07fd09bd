// What only the printed valuation shows: the facts of the home, and the model that valued it.

import { el } from "./dom.js";
import { label, longDate } from "./format.js";
import { factText } from "./widgets.js";

/** Make the table of a home's facts, as given and as looked up. */
export function printedFacts(answer, facts, model) {
  const values = model.features.flatMap((feature) => {
    const found = answer.looked_up_values[feature.name];
    if (feature.name in facts) return [[feature, facts[feature.name], ""]];
    return found ? [[feature, found.value, " (looked up)"]] : [];
  });
  return el("section", { class: "card" },
    el("h2", {}, "The home"),
    el("dl", { class: "figures" }, values.map(([feature, value, source]) =>
      el("div", {}, el("dt", {}, label(feature.name)), el("dd", {}, factText(feature, value) + source)))),
    answer.unknown.length ? el("p", { class: "help" }, `Not given: ${answer.unknown.map((name) => label(name).toLowerCase()).join(", ")}.`) : null,
    el("p", { class: "help" }, `Printed on ${longDate(new Date().toISOString())}. Model ${answer.model_version}, SHA-256 ${model.sha256}.`));
}
