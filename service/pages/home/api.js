// The public interface, and nothing else of the server. Addresses are relative, so the page works under any prefix.

/** What the server, or the way to it, said instead of an answer; `errors` are `{field, message}`. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, type = "about:blank", errors = [] }) {
    super(detail || title);
    Object.assign(this, { title, detail, status, type, errors });
  }

  get refused() {
    return this.type.endsWith("/out-of-reach");
  }
}

const KEY = "estimator-key"; // kept by the browser until the tab is closed

/** Send a key with every request from now on: a server may ask for one. */
export const useKey = (key) => sessionStorage.setItem(KEY, key);
export const hasKey = () => sessionStorage.getItem(KEY) !== null;

export const getModel = () => ask("model");
export const getSales = () => ask("sales");
export const getDocument = () => ask("openapi.json");

/**
 * Value a home.
 * @param facts its facts by name
 * @param asked `confidence` from 0.5 to 0.99, `include` a list of reasons, `signal` to give up
 */
export function predict(facts, { confidence, include = [], signal } = {}) {
  const query = [
    confidence === undefined ? null : `confidence=${confidence}`,
    include.length ? `include=${include.map(encodeURIComponent).join(",")}` : null,
  ].filter(Boolean);
  return ask(query.length ? `predict?${query.join("&")}` : "predict", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(facts),
    signal,
  });
}

/** Screen a CSV file of listings; `as` is the media type of the answer. */
export async function screen(file, costs, as = "application/json") {
  const query = new URLSearchParams(Object.entries(costs).filter(([, value]) => value !== null));
  return ask(`screen?${query}`, {
    method: "POST",
    headers: { "Content-Type": "text/csv", Accept: as },
    body: file,
  }, as);
}

async function ask(path, request = {}, as = "application/json") {
  const key = sessionStorage.getItem(KEY);
  let answer;
  try {
    answer = await fetch(path, key ? { ...request, headers: { ...request.headers, "X-API-Key": key } } : request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "No connection", detail: "The server cannot be reached. Try again in a moment." });
  }
  if (!answer.ok) throw await problemOf(answer);
  return as === "application/json" ? answer.json() : answer.blob();
}

async function problemOf(answer) {
  try {
    return new Problem(await answer.json());
  } catch {
    return new Problem({ title: "The server failed", status: answer.status, detail: `The server answered ${answer.status}.` });
  }
}
