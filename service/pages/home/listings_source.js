// Where listings come from: a file that is chosen or dropped, or rows pasted from a spreadsheet. The server reads them.

import { csvCell } from "./deals.js";
import { el } from "./dom.js";
import { save } from "./download.js";

const EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const TEXT = "text/csv"; // also with semicolons or tabs: the server finds out

/**
 * Make the card that takes listings.
 * @param model the answer of GET /model
 * @param onSource called with `{name, body, mediaType}`
 */
export function listingsSource(model, onSource) {
  const take = async (file) => {
    if (!file) return;
    // Read now: a file that changes on the disk cannot be sent again with other terms.
    const body = new Blob([await file.arrayBuffer()]);
    onSource({ name: file.name, body, mediaType: /\.xlsx$/i.test(file.name) ? EXCEL : TEXT });
  };
  const input = el("input", { id: "listings-file", type: "file", accept: `.csv,.tsv,.txt,.xlsx,text/csv,${EXCEL}`, onchange: () => take(input.files[0]) });
  const required = model.features.filter((feature) => feature.required).map(({ name }) => name).join(", ");
  const card = el("div", {
    class: "card drop",
    ondragover: (event) => {
      event.preventDefault();
      card.classList.add("dragging");
    },
    ondragleave: () => card.classList.remove("dragging"),
    ondrop: (event) => {
      event.preventDefault();
      card.classList.remove("dragging");
      input.files = event.dataTransfer.files;
      take(input.files[0]);
    },
  },
  el("label", { for: "listings-file" }, el("strong", {}, "Choose a CSV or Excel file"), el("span", {}, " or drop it here")),
  input,
  pasteField(onSource),
  el("p", { class: "help" }, `A header row, then one row per home. Required columns: list_price, ${required}. Add any other facts you know, and what a repair will change as after_condition and the like. `,
    el("button", { type: "button", class: "link", onclick: () => save(template(model), "listings.csv") }, "Download a template")));
  return card;
}

function pasteField(onSource) {
  const area = el("textarea", { id: "listings-paste", rows: 4, spellcheck: "false", "aria-describedby": "paste-help" });
  return el("details", { class: "paste" },
    el("summary", {}, "Paste rows from a spreadsheet"),
    el("label", { for: "listings-paste" }, "Rows with their header"),
    area,
    el("p", { class: "help", id: "paste-help" }, "Select the cells in the spreadsheet, the header row too, copy them and paste them here."),
    el("button", { type: "button", class: "plain", onclick: () => {
      if (area.value.trim()) onSource({ name: "pasted rows", body: new Blob([area.value]), mediaType: TEXT });
      else area.focus();
    } }, "Screen these rows"));
}

function template({ example: { request, answer } }) {
  const names = Object.keys(request);
  const rows = [["listing_id", "list_price", ...names], ["example", Math.round(answer.price), ...names.map((name) => request[name])]];
  return rows.map((cells) => cells.map(csvCell).join(",")).join("\n") + "\n";
}
