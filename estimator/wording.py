"""Words of messages."""


def plural(count: int, singular: str, several: str | None = None) -> str:
    """Return a number with its noun: `1 home`, `2,000 homes`.

    Parameters
    ----------
    several
        The noun for all numbers but 1; None for the singular with an s.
    """
    return f"{count:,} {singular if count == 1 else several or singular + 's'}"
