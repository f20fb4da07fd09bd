"""The OpenAPI document, one module per route or component. Describes the routes; handles no requests."""
