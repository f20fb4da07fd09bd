"""From the JSON of a request to valuations: checking subjects, valuing them, answering row by row."""
