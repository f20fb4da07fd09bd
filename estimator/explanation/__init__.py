"""Why a home is worth its value: comparable sales and contributions of facts."""
