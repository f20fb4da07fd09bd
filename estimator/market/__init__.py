"""What a market is, and reading its files: declaration, facts, sales, areas."""
