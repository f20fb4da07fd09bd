"""Coordinates as people paste them: with signs, letters, degrees, minutes and seconds, and from links of maps."""

import re

Location = tuple[float, float]
"""Latitude and longitude, WGS 84, in degrees."""

MAX_LENGTH = 500
"""Characters of text that is read: the longest links of maps have fewer."""

_NUMBER = r"([-+]?[0-9]{1,3}(?:\.[0-9]+)?)"
_LINKS = (
    rf"!3d{_NUMBER}!4d{_NUMBER}",  # the place, where a link of Google Maps has one; @ is the middle of the map
    rf"mlat={_NUMBER}&mlon={_NUMBER}",
    rf"[?&](?:q|ll|sll|query|center|destination|daddr)=(?:loc:)?{_NUMBER},{_NUMBER}",
    rf"@{_NUMBER},{_NUMBER}",
    rf"map=[0-9.]+/{_NUMBER}/{_NUMBER}",
)
_WELL_KNOWN_TEXT = re.compile(rf"(?:SRID=4326;)?POINT ?\( ?{_NUMBER} {_NUMBER} ?\)", re.IGNORECASE)
_WORDS = re.compile(
    r"\b(geo|lat|latitude|lon|long|lng|longitude|wgs ?84|deg|degrees|min|sec)\b[:=]?", re.IGNORECASE
)
_TOKEN = re.compile(r"[NSEWO]|[-+]?[0-9]+(?:\.[0-9]+)?")
_BETWEEN = re.compile(r"[\s,;:/()\[\]°º˚'’′\"”″]*")
_COMMA_DECIMALS = re.compile(r"([-+]?[0-9]+),([0-9]+)[°º]?\s*[;\s]\s*([-+]?[0-9]+),([0-9]+)[°º]?")


def read_coordinates(text: str) -> Location | None:
    """Return the location that a text states, or None if it states none.

    Without letters the latitude comes first, unless only the second number can be one.
    """
    text = text[:MAX_LENGTH].strip().replace("−", "-").replace("%2C", ",").replace("%2c", ",")
    for pattern in _LINKS:
        found = re.search(pattern, text)
        if found:
            return _checked(float(found[1]), float(found[2]))
    found = _WELL_KNOWN_TEXT.fullmatch(text)
    if found:
        return _checked(float(found[2]), float(found[1]))
    return _read_angles(text)


def _read_angles(text: str) -> Location | None:
    """Return the location of two angles, each of degrees, or with minutes, or with seconds too."""
    text = _WORDS.sub(" ", text)
    text = _COMMA_DECIMALS.sub(r"\1.\2 \3.\4", text.strip()).upper()
    if _BETWEEN.fullmatch(_TOKEN.sub("", text)) is None:
        return None
    tokens = _TOKEN.findall(text)
    letters = [token for token in tokens if token.isalpha()]
    numbers = [token for token in tokens if not token.isalpha()]
    if len(numbers) not in {2, 4, 6} or len(letters) not in {0, 2}:
        return None
    half = len(numbers) // 2
    first, second = _degrees(numbers[:half]), _degrees(numbers[half:])
    if first is None or second is None:
        return None
    if not letters:
        return _checked(first, second) or _checked(second, first)
    signed = dict(_signed(*pair) for pair in zip(letters, (first, second), strict=True))
    return _checked(signed["N"], signed["E"]) if signed.keys() == {"N", "E"} else None


def _degrees(parts: list[str]) -> float | None:
    """Return degrees, minutes and seconds as degrees; None where minutes or seconds are 60 or more."""
    degrees, *rest = (float(part) for part in parts)
    if any(not 0 <= part < 60 for part in rest):
        return None
    size = abs(degrees) + sum((part / 60.0**power for power, part in enumerate(rest, 1)), 0.0)
    return -size if parts[0].startswith("-") else size


def _signed(letter: str, degrees: float) -> tuple[str, float]:
    """Return the positive direction of a letter, and the degrees in it; O is west, as in Spanish and French."""
    return {"N": ("N", degrees), "S": ("N", -degrees), "E": ("E", degrees)}.get(letter, ("E", -degrees))


def _checked(latitude: float, longitude: float) -> Location | None:
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
