// The listings of an answer of POST /screen as the table shows them: with their edits, ranked again, and as CSV.

export const READINGS = {
  if_ask_informed: "if the asking price is informed",
  if_value_right: "if our value is right",
  as_past_resales: "as past resales",
};

/** What a listing pays under → how it is shown: `deal`, and the name of its colour. */
export const LABELS = {
  "pays under both": { deal: true, colour: "pays-both" },
  pays: { deal: true, colour: "pays-both" },
  "pays only if our value is right": { deal: true, colour: "pays-value" },
  "pays under neither": { deal: false, colour: "pays-neither" },
  "does not pay": { deal: false, colour: "pays-neither" },
};

export const isDeal = ({ pays }) => LABELS[pays].deal;

/** How far the list price is below the value, in percent of the value; negative above it. */
export const belowValue = ({ list_price: price, valuation }) => 100 * (1 - price / valuation.price);

/** Return the outcome under a reading; without one, the only outcome there is. */
export const outcomeOf = (deal, reading) => (reading ? deal.readings[reading] : deal);

const FIRST_CSV_ROW = 2; // as spreadsheets count: the header is row 1

export const rowText = (row) => `Row ${row + FIRST_CSV_ROW}`;
export const nameOf = ({ listing_id: id, row }) => id ?? rowText(row);

/**
 * Merge the answer about a file with the answers about its edited listings.
 * @param edits row → {changes, deal}; `deal` takes the place of the file's one
 * @returns the answer, its deals ranked and counted again
 */
export function withEdits(answer, edits) {
  const edited = new Map([...edits].filter(([, { deal }]) => deal).map(([row, { deal }]) => [row, deal]));
  const score = answer.ranking === "expected_margin" ? "margin_percent" : "naive_percent";
  // The sort is stable: equal scores, which are rounded, keep the order of the server, which ranks by the exact ones.
  const deals = [...answer.deals.filter(({ row }) => !edited.has(row)), ...edited.values()]
    .sort((first, second) => second[score] - first[score])
    .map((deal, index) => ({ ...deal, rank: index + 1 }));
  const paying = (label) => deals.filter(({ pays }) => pays === label).length;
  const found = deals.filter(isDeal).length;
  const byValue = paying("pays only if our value is right");
  return {
    ...answer,
    deals,
    refused: answer.refused.filter(({ row }) => !edited.has(row)),
    counts: { deals: found, pay: found - byValue, pay_only_if_value_right: byValue },
  };
}

/** Return the listing to send: as it was read, with changes; a change to null takes a value away. */
export function changed(listing, changes) {
  return Object.fromEntries(Object.entries({ ...listing, ...changes }).filter(([, value]) => value !== null));
}

/** Write listings as CSV: the cells of the file as they came, then what was found, as the commands name it. */
export function toCsv(deals, refused, edits) {
  const rows = [...deals.map((deal) => ({ ...deal.cells, ...figures(deal), ...editText(edits, deal) })),
    ...refused.map((listing) => ({ ...listing.cells, error: errorText(listing), ...editText(edits, listing) }))];
  const names = [...new Set(rows.flatMap(Object.keys))].filter((name) => name !== "error" && name !== "edited");
  names.push("error", ...(edits.size ? ["edited"] : []));
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((cells) => cells.map(csvCell).join(",")).join("\n") + "\n";
}

export const errorsOf = ({ error }) => (error.errors?.length ? error.errors : [{ field: "", message: error.detail }]);

const errorText = (listing) => errorsOf(listing).map(({ field, message }) => (field ? `${field}: ${message}` : message)).join("; ");

function figures(deal) {
  const { valuation } = deal;
  const columns = {
    valuation_price: valuation.price, valuation_low: valuation.price_low, valuation_high: valuation.price_high,
    valuation_fsd: valuation.fsd, valuation_probability_within_10: valuation.probability_within_10,
    valuation_date: valuation.valuation_date, looked_up: valuation.looked_up.join("; "), unknown: valuation.unknown.join("; "),
    warnings: [...valuation.warnings, ...deal.warnings].join("; "), comparables_median: valuation.comparables_median,
  };
  const isFigure = (value) => value === null || typeof value !== "object";
  for (const [name, value] of Object.entries(deal)) {
    if (isFigure(value) && name !== "row" && name !== "listing_id" && name !== "list_price") columns[`screen_${name}`] = value;
  }
  for (const [reading, outcome] of Object.entries(deal.readings)) {
    for (const [name, value] of Object.entries(outcome)) if (name !== "pays") columns[`screen_${reading}_${name}`] = value;
  }
  return columns;
}

function editText(edits, { row }) {
  const changes = Object.entries(edits.get(row)?.changes ?? {});
  return changes.length ? { edited: changes.map(([name, value]) => `${name}=${value ?? ""}`).join("; ") } : {};
}

/** Write a value as a cell of CSV; true and false as the commands write them. */
export function csvCell(value) {
  const text = typeof value === "boolean" ? (value ? "True" : "False") : String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
