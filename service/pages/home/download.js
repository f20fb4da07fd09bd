// Saves text as a file of the browser's user.

import { el } from "./dom.js";

const KEEP_MS = 10_000; // until the browser has surely read the text

export function save(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEEP_MS);
}
