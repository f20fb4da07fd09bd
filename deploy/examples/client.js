// Value a home with JavaScript: node client.js [URL] (Node 18 or later; in a browser, list the page's origin in ESTIMATOR_CORS_ORIGINS)
const url = globalThis.process?.argv[2] ?? "http://localhost:8000";
const home = { latitude: 47.6, longitude: -122.3, square_footage: 1800 };
fetch(`${url}/predict?include=contributions`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(home),
})
  .then(async (response) => {
    const answer = await response.json();
    if (!response.ok) throw new Error(`${answer.title}: ${answer.detail}`);
    console.log(answer.price, answer.contributions.parts);
  });
