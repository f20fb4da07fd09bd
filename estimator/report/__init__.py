"""The training report: what an owner should check before publishing a model.

`collect` computes every number of the report right after a training was evaluated. `page` turns these numbers into
an HTML page. Both are saved with the version, and `files` reads the numbers back. The server imports no more of
all this than the files' names.
"""

NUMBERS, PAGE = "report.json", "report.html"
"""Names of the report's files in the folder of a version."""
