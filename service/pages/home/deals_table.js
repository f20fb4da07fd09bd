// The deals as a table to sort, with a link to each listing's valuation and a button to edit it.

import { LABELS, READINGS, isDeal, nameOf } from "./deals.js";
import { dealColumns } from "./deals_columns.js";
import { el } from "./dom.js";
import { plural } from "./format.js";

const PAGE_ROWS = 100; // shown at first: a table of thousands of rows is slow to lay out
const names = new Intl.Collator("en", { numeric: true });

export class DealsTable {
  /**
   * @param linkOf function of a deal; returns the link to its valuation
   * @param isEdited function of a deal
   * @param onEdit called with the deal to edit
   * @param onHover called with the row under the pointer or focus, or with undefined
   */
  constructor(money, { linkOf, isEdited, onEdit, onHover }) {
    Object.assign(this, { money, linkOf, isEdited, onEdit, onHover });
    this.order = { key: "rank", down: false };
    this.all = false;
    this.maxRows = PAGE_ROWS;
    this.groups = el("tr");
    this.head = el("tr");
    this.body = el("tbody");
    this.more = el("button", { type: "button", class: "plain", onclick: () => {
      this.maxRows += PAGE_ROWS * 5;
      this.#fill();
    } }, "Show more");
    this.node = el("div", {},
      el("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Listings" },
        el("table", { class: "deals" }, el("thead", {}, this.groups, this.head), this.body)),
      this.more);
  }

  /** Show the deals of an answer that pass a test. */
  show(answer, isShown) {
    this.columns = dealColumns(answer, this.money, this.all);
    this.shown = answer.deals.filter(isShown);
    this.#sort();
    this.#fill();
  }

  /** Begin anew, for another file. */
  reset() {
    this.order = { key: "rank", down: false };
    this.maxRows = PAGE_ROWS;
  }

  /** Focus the button of a row, or the table if the row is not shown. */
  focus(row) {
    (this.body.querySelector(`[data-row="${row}"] .name-line button`) ?? this.node.firstElementChild).focus();
  }

  #sort() {
    const { down } = this.order;
    const { value } = this.columns.find(({ key }) => key === this.order.key) ?? this.columns[0];
    const sign = down ? -1 : 1;
    const compare = (first, second) => {
      if (first === null || second === null) return (first === null) - (second === null); // what is not known is last
      return sign * (typeof first === "number" && typeof second === "number" ? first - second : names.compare(first, second));
    };
    this.shown.sort((first, second) => compare(value(first), value(second)) || first.rank - second.rank);
  }

  #fill() {
    const { columns } = this;
    this.groups.replaceChildren(...groupsOf(columns));
    this.groups.hidden = columns.every(({ group }) => !group);
    this.head.replaceChildren(...columns.map((column) => this.#heading(column)));
    this.body.replaceChildren(...this.shown.slice(0, this.maxRows).map((deal) => this.#row(deal)));
    if (!this.shown.length) this.body.append(el("tr", {}, el("td", { colspan: columns.length }, "No listing passes the filters.")));
    this.more.hidden = this.shown.length <= this.maxRows;
  }

  #heading({ key, name, title, group, isName, isLabel, starts }) {
    const sorted = key === this.order.key ? (this.order.down ? "descending" : "ascending") : null;
    return el("th", { scope: "col", "data-key": key, class: classes(!isName && !isLabel && "amount", isName && "name", starts && "starts"), "aria-sort": sorted, title },
      el("button", { type: "button", onclick: () => this.#sortBy(key) }, name, group ? el("span", { class: "visually-hidden" }, ` ${READINGS[group]}`) : null));
  }

  #row(deal) {
    const cell = ({ key, text, isName, isLabel, style, starts }) => {
      if (isName) return this.#nameCell(deal, text(deal));
      if (isLabel) return el("td", { "data-key": key }, el("span", { class: `pays ${LABELS[deal.pays].colour}` }, text(deal)));
      return el("td", { "data-key": key, class: classes("amount", style?.(deal), starts && "starts") }, text(deal));
    };
    const hover = (row) => () => this.onHover(row);
    return el("tr", {
      class: isDeal(deal) ? "deal" : null, "data-row": deal.row,
      onpointerenter: hover(deal.row), onpointerleave: hover(undefined), onfocusin: hover(deal.row), onfocusout: hover(undefined),
    }, this.columns.map(cell));
  }

  #nameCell(deal, text) {
    const warnings = deal.warnings.length
      ? el("details", { class: "warnings" }, el("summary", {}, plural(deal.warnings.length, "warning", "warnings")), el("ul", {}, deal.warnings.map((warning) => el("li", {}, warning)))) : null;
    return el("th", { scope: "row", class: "name", "data-key": "listing" },
      el("span", { class: "name-line" },
        el("a", { href: this.linkOf(deal), title: "See how it was valued" }, text),
        el("button", { type: "button", class: "link", "aria-label": `Edit ${nameOf(deal)}`, onclick: () => this.onEdit(deal) }, this.isEdited(deal) ? "Edited" : "Edit")),
      warnings);
  }

  #sortBy(key) {
    // The first click sorts amounts from the largest, but ranks, labels and names from the first.
    const { ascending = false } = this.columns.find((column) => column.key === key);
    this.order = { key, down: this.order.key === key ? !this.order.down : !ascending };
    this.#sort();
    this.#fill();
    this.head.querySelector("[aria-sort] button").focus();
  }
}

// Return the upper row of the head: what each group of columns assumes. Marks the first column of each.
function groupsOf(columns) {
  const cells = [];
  columns.forEach((column, index) => {
    const { group } = column;
    column.starts = Boolean(group) && columns[index - 1]?.group !== group;
    if (index && columns[index - 1].group === group) return;
    const span = columns.filter((other) => other.group === group).length;
    cells.push(group ? el("th", { scope: "colgroup", colspan: span, class: "starts" }, READINGS[group]) : el("td", { colspan: span }));
  });
  return cells;
}

const classes = (...names) => names.filter(Boolean).join(" ") || null;
