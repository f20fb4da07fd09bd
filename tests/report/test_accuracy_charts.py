"""Charts draw names and large numbers of areas correctly."""

import re

from estimator.report.accuracy_charts import areas
from estimator.report.numbers import measure_name


def level(ratio: float) -> dict[str, float]:
    """A level of 40 sales and its interval."""
    return {"n": 40, "median_ratio": ratio, "median_ratio_low": 0.5, "median_ratio_high": 1.5}


def test_names_from_sales_are_escaped_in_charts() -> None:
    name = '<b>$a$ & "co"</b> 東'
    drawn = areas([{"area": name, "study": level(1.0)}], name)
    assert "<b>" not in drawn
    assert "&lt;b&gt;$a$ &amp; " in drawn


def test_with_many_areas_only_the_extremes_are_drawn() -> None:
    entries = [{"area": f"area {index}", "study": level(0.5 + index / 1000)} for index in range(1000)]
    drawn = set(re.findall(r"area \d+", areas(entries, "areas")))
    assert drawn == {f"area {index}" for index in (*range(40), *range(960, 1000))}


def test_names_of_measures_are_written_as_people_write_them() -> None:
    names = ("cod", "median_ratio", "fsd_ratio", "hit_rate", "vei_significance")
    written = ["COD", "median ratio", "FSD honesty", "hit rate", "VEI significance"]
    assert [measure_name(name) for name in names] == written
