"""Charts draw names and large numbers of areas correctly."""

import re

from estimator.report.accuracy_charts import areas, measure_name


def test_names_from_sales_are_escaped_in_charts() -> None:
    name = '<b>$a$ & "co"</b> 東'
    figures = {"n": 40, "median_ratio": 1.0, "median_ratio_low": 0.9, "median_ratio_high": 1.1}
    drawn = areas([{"area": name, **figures}], name)
    assert "<b>" not in drawn
    assert "&lt;b&gt;$a$ &amp; " in drawn


def test_with_many_areas_only_the_extremes_are_drawn() -> None:
    entries = [
        {"n": 40, "area": f"area {index}", "median_ratio": 0.5 + index / 1000}
        | {"median_ratio_low": 0.5, "median_ratio_high": 1.5}
        for index in range(1000)
    ]
    drawn = set(re.findall(r"area \d+", areas(entries, "areas")))
    assert drawn == {f"area {index}" for index in (*range(40), *range(960, 1000))}


def test_names_of_measures_are_written_as_people_write_them() -> None:
    assert [measure_name(name) for name in ("cod", "median_ratio", "vei_significance")] == [
        "COD",
        "median ratio",
        "VEI significance",
    ]
