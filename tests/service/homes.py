"""A home to ask about: the facts of the story, and no others."""

HOME = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800, "crime_rate": 5000, "population": 30000}
