// The public HTTP API; the page uses nothing else of the server. Addresses are relative, so any URL prefix works.

/** An error of the server or of the connection; `errors` is a list of `{field, message}`. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, type = "about:blank", errors = [] }) {
    super(detail || title);
    Object.assign(this, { title, detail, status, type, errors });
  }

  /** Whether there was no answer at all. */
  get isLost() {
    return this.status === 0;
  }

  get refused() {
    return this.type.endsWith("/out-of-reach");
  }
}

const API_KEY = "estimator-key"; // in session storage: the browser keeps it until the tab is closed

/** Send an API key with every request from now on. */
export const setApiKey = (key) => sessionStorage.setItem(API_KEY, key);
export const hasApiKey = () => sessionStorage.getItem(API_KEY) !== null;

export const getModel = () => send("model");
export const getSales = () => send("sales");
export const getIndex = () => send("index");

/** Find places by a text; `geocode` asks the server's geocoder too. */
export const search = (text, { geocode = false } = {}) => send(`search?${new URLSearchParams({ q: text, geocode })}`);

export const getOpenApi = () => send("openapi.json");

/**
 * Value a home.
 * @param facts its facts by name
 * @param options `confidence` from 0.5 to 0.99, `include` a list of explanations, `priceAbove` a price to ask
 * for the chance of a higher one, `signal` to abort the request
 */
export function predict(facts, { confidence, include = [], priceAbove, signal } = {}) {
  const query = [
    confidence === undefined ? null : `confidence=${confidence}`,
    priceAbove === undefined ? null : `price_above=${priceAbove}`,
    include.length ? `include=${include.map(encodeURIComponent).join(",")}` : null,
  ].filter(Boolean);
  return send(query.length ? `predict?${query.join("&")}` : "predict", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(facts),
    signal,
  });
}

/**
 * Ask what sold homes of the user's choice suggest.
 * @param facts of the home
 * @param choice limits and rows by name; see POST /comparables
 */
export function chosenComparables(facts, choice, signal) {
  return send(`comparables?${new URLSearchParams(choice)}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(facts), signal,
  });
}

/**
 * Screen listings.
 * @param body a table, or JSON
 * @param terms costs and required chance of profit, by name
 */
export function screen(body, terms, { mediaType, include = [] }) {
  const query = new URLSearchParams(terms);
  if (include.length) query.set("include", include.join(","));
  return send(`screen?${query}`, { method: "POST", headers: { "Content-Type": mediaType, Accept: "application/json" }, body });
}

async function send(path, request = {}) {
  const key = sessionStorage.getItem(API_KEY);
  let response;
  try {
    response = await fetch(path, key ? { ...request, headers: { ...request.headers, "X-API-Key": key } } : request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "No connection", detail: "We couldn’t reach the server. Try again in a moment." });
  }
  if (!response.ok) throw await readProblem(response);
  return response.json();
}

async function readProblem(response) {
  try {
    return new Problem(await response.json());
  } catch {
    return new Problem({ title: "Server error", status: response.status, detail: `The server answered with error ${response.status}. Try again in a moment.` });
  }
}
