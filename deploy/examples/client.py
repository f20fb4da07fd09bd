"""Value homes with Python's standard library: `python client.py [URL]`."""

import json
import sys
from urllib.request import Request, urlopen

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
HOMES = [{"latitude": 47.6, "longitude": -122.3, "square_footage": size} for size in (1200, 1800, 2400)]
request = Request(f"{URL}/predict", json.dumps(HOMES).encode(), {"Content-Type": "application/json"})  # noqa: S310
with urlopen(request, timeout=10) as answer:  # noqa: S310
    for valuation in json.load(answer):
        print(valuation["price"], valuation["price_low"], valuation["price_high"])  # noqa: T201
