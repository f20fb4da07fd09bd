// Without a validator the page sends no request to another host.
window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", validatorUrl: null });
