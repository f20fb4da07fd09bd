"""Facts and sold homes as numbers: encodings, kriging and comparables."""
