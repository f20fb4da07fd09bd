"""Draft a market file from sales files: guess which columns hold what, and say how sure the guess is."""
