"""How far valuations are from prices, beside what else a team could take: the same sales, parts, figures for all.

Rooms: `datasets` (sections of the table), `frames` (facts as other libraries take them), `comparables` (of
sold homes nearby), `peers` with `nearest`, `linear`, `boosting`, `networks` and `ours`, `jobs` (one training each,
kept in a cache), `figures`, `report` (the table), `tuning` (settings), `curve` (error against seconds).
"""
