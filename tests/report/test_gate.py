"""The section of the page about the gate before publishing."""

from typing import Any

import pytest

from estimator.assessment.gate import CHECKS
from estimator.report.page import _GATE_CHECKS, render
from tests.report.page_parser import Page, Report, check_numbers

REASON = "hit rate 85.0%, below 90%: 3 of 20 homes are refused"


def gated(report: Report, reason: str | None, *, publish_anyway: bool) -> Report:
    check = {"name": "hit_rate", "value": 85.0, "low": 62.1, "high": 96.8, "least": 90.0, "most": None}
    bare: dict[str, Any] = dict.fromkeys(("value", "low", "high", "least", "most", "reason"))
    gate = {
        "passed": reason is None,
        "publish_anyway": publish_anyway,
        "judged": "new sales",
        "sales": 20,
        "checks": [check | {"reason": reason}, bare | {"name": "ranges"}],
    }
    return report | {"gate": gate}


@pytest.mark.parametrize(
    ("reason", "publish_anyway", "text"),
    [
        (None, False, "This version passes the gate."),
        (REASON, False, "does not pass the gate, so it was saved and not published."),
        (REASON, True, "does not pass the gate; it was published all the same, with --publish-anyway."),
    ],
)
def test_the_page_says_what_became_of_the_version_and_why(
    report: Report, reason: str | None, publish_anyway: bool, text: str
) -> None:
    changed = gated(report, reason, publish_anyway=publish_anyway)
    page = Page(render(changed))
    check_numbers(page, {"this": changed})
    shown = " ".join(page.text.split())
    assert text in shown
    assert (f"failed: {REASON}" in shown) == (reason is not None)
    assert "at least 90.0%" in shown
    assert "20 new sales, each valued before it was known" in shown


def test_every_check_has_a_label() -> None:
    assert set(_GATE_CHECKS) == set(CHECKS)
