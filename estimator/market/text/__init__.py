"""How people write values as text: words for missing, numbers, dates, separators, names of columns."""
