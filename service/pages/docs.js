// No `validatorUrl`: the page asks no other host.
window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#interface", validatorUrl: null });
