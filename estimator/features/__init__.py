"""Turn facts and sold homes into numbers: encodings, kriging, comparables, and the pipeline of all of them."""
