"""Homes to value in King County."""

HOME = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800, "crime_rate": 5000, "population": 30000}
"""A home with the four basic facts: location, size, crime rate, population."""
MANSION = HOME | {"square_footage": 13_000, "bathrooms": 1}
"""A home with a combination of facts that no sold home has."""
FAR = HOME | {"latitude": 47.05, "longitude": -121.05}
"""A home far from all sold homes."""
