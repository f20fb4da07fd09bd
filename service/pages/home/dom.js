// Making elements. Text goes in as text, never as markup, so nothing that a user or a file says can become script.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element: attributes by name, listeners as functions under on…, children as nodes, text or lists of them. */
export function el(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** Make an SVG element in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Call a function soon after the last of many calls. */
export function settled(milliseconds, call) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Show a node if it is out of sight. */
export function bringIntoView(node) {
  const { top } = node.getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.72) {
    node.scrollIntoView({ behavior: reducedMotion() ? "auto" : "smooth", block: "start" });
  }
}
