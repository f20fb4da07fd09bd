"""The reasons for a value: comparable sales and contributions of facts."""
