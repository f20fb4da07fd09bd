// Parses CSV (RFC 4180) to build the page's own links to listings. The server interprets the file itself.

/** Return the rows of a text, each a list of cells. A blank line is a row, as on the server. */
export function parseCsv(text) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    rows.push(row);
    row = [];
    cell = "";
  };
  const plain = text.replace(/^\uFEFF/, "");
  for (let index = 0; index < plain.length; index++) {
    const character = plain[index];
    if (quoted) {
      if (character !== '"') cell += character;
      else if (plain[index + 1] === '"') cell += plain[index++];
      else quoted = false;
    } else if (character === '"' && !cell) quoted = true; // inside a cell, a quote is an ordinary character: 12" pipes
    else if (character === ",") {
      row.push(cell);
      cell = "";
    } else if (character === "\n") endRow();
    else if (character !== "\r") cell += character;
  }
  if (cell || row.length) endRow();
  return rows;
}
