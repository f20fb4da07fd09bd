"""Listings that resell for more than they cost: list prices, screening, backtest."""
