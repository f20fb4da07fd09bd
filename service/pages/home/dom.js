// Making elements. Text is always added as text, never as markup: nothing a user or a file contains can become script.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with an id. */
export const $ = (id) => document.getElementById(id);

/** Show a message at the top of the page; an empty one hides it. */
export function showAlert(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

/** Make an HTML element. Attributes go by name, listeners as functions under on…, children as nodes, text or lists of them. */
export function el(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** Make an SVG element in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Return a function that calls `callback` once its own calls have paused for some milliseconds. */
export function debounce(milliseconds, callback) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => callback(...values), milliseconds);
  };
}

/** Whether the form and the valuation are one above the other, as on a phone. */
export const isNarrow = () => matchMedia("(max-width: 899px)").matches;

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Scroll to a node unless it is already well in view. */
export function bringIntoView(node) {
  const { top } = node.getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.72) {
    node.scrollIntoView({ behavior: reducedMotion() ? "auto" : "smooth", block: "start" });
  }
}
