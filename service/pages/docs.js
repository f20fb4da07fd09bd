// The API's page: the OpenAPI document in Swagger UI, with samples in curl and Python for the address of this server.

const API_KEY = "estimator-key"; // kept by the web page until the tab is closed
const base = new URL(".", location.href);

const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", colour);
colour();

function withKey(request) {
  const key = sessionStorage.getItem(API_KEY);
  if (key) request.headers = { "X-API-Key": key, ...request.headers };
  return request;
}

/** Return the request of an operation's examples; null where a part of its path has no example. */
function exampleRequest(path, method, { parameters = [], requestBody }) {
  if (/\{/.test(path)) return null;
  const query = new URLSearchParams(parameters.filter(({ in: place, required, example }) => place === "query" && required && example !== undefined)
    .map(({ name, example }) => [name, example]));
  const url = new URL(path.slice(1), base) + (query.size ? `?${query}` : "");
  const [mediaType, content] = Object.entries(requestBody?.content ?? {}).find(([, { example }]) => example !== undefined) ?? [];
  const body = content && (typeof content.example === "string" ? content.example : JSON.stringify(content.example));
  return requestBody && !content ? null : { method: method.toUpperCase(), url, mediaType, body };
}

function curl({ url, mediaType, body }) {
  const quote = (text) => `'${text.replace(/'/g, "'\\''")}'`;
  return body === undefined ? `curl ${quote(url)}` : `curl ${quote(url)} -H ${quote(`Content-Type: ${mediaType}`)} --data-binary ${quote(body)}`;
}

// Write a value of JSON as Python does.
function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${literal(part)}`).join(", ")}}`;
  return JSON.stringify(value);
}

function python({ url, mediaType, body }) {
  const isJson = mediaType === "application/json";
  const content = isJson ? `json.dumps(${literal(JSON.parse(body))})` : JSON.stringify(body);
  const parts = body === undefined ? JSON.stringify(url)
    : `\n    ${JSON.stringify(url)},\n    ${content}.encode(),\n    {"Content-Type": ${JSON.stringify(mediaType)}},\n`;
  return `${isJson ? "import json\n" : ""}import urllib.request\n\nrequest = urllib.request.Request(${parts})\nprint(urllib.request.urlopen(request).read().decode())`;
}

function addSamples({ paths }) {
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const request = exampleRequest(path, method, operation);
      if (!request) continue;
      operation.description = `${operation.description ?? ""}\n\n**curl**\n\n\`\`\`\n${curl(request)}\n\`\`\`\n\n**Python**\n\n\`\`\`\n${python(request)}\n\`\`\`\n`;
    }
  }
}

async function start() {
  const answer = await fetch("openapi.json", withKey({}));
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const text = document.createElement("p");
    text.className = "problem";
    text.textContent = `${problem.detail ?? `The server answered with error ${answer.status}.`} ${answer.status === 401 ? "Enter the key on the page “Value a home”, then come back." : "Try again in a moment."}`;
    document.getElementById("api").append(text);
    return;
  }
  const spec = await answer.json();
  addSamples(spec);
  // The paths are those of this server, also where a proxy serves it under a prefix.
  spec.paths = Object.fromEntries(Object.entries(spec.paths).map(([path, operations]) => [base.pathname + path.slice(1), operations]));
  // Without a validator the page sends no request to another host.
  window.SwaggerUIBundle({ spec, dom_id: "#api", validatorUrl: null, requestInterceptor: withKey, defaultModelsExpandDepth: 0 });
}

start();
