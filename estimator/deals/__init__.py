"""Finding listings that should resell for more than they cost: list prices, screening, backtest."""
