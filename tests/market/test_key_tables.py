import dataclasses
import re
import tomllib

import pytest
from click.testing import CliRunner

from estimator.cli import main
from estimator.market.feature import FEATURE_KEYS, Feature
from estimator.market.key_tables import TABLES, feature_keys, market_keys
from estimator.market.market import MARKET_KEYS, Market
from estimator.market.row_filter import check_condition
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "markets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_docs_have_the_table_that_the_code_makes(name: str) -> None:
    shown = TEXT.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    assert shown.splitlines() == TABLES[name]()


def test_every_key_has_a_meaning_and_is_read() -> None:
    assert {field.name for field in dataclasses.fields(Market)} == MARKET_KEYS.keys()
    assert {field.name for field in dataclasses.fields(Feature)} == FEATURE_KEYS.keys()
    for line in (*market_keys()[2:], *feature_keys()[2:]):
        assert line.removesuffix("|").rpartition("|")[2].strip().endswith((".", "`.")), line


def test_the_example_is_a_valid_market() -> None:
    example = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)[0]
    market = Market.from_dict(tomllib.loads(example))
    assert market.by_name["living_area_m2"].column_unit == "m²"


def test_the_conditions_of_the_row_filter_can_be_understood() -> None:
    conditions = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)[0].splitlines()
    assert len(conditions) == 3
    for condition in conditions:
        check_condition(condition)


def test_the_commands_exist_with_their_options() -> None:
    calls = re.findall(r"house-price ([a-z-]+)((?: [^`#\n]*)?)", TEXT)
    assert {"new-market", "check", "train", "evaluate", "serve", "walk-forward"} <= {name for name, _ in calls}
    for name, arguments in calls:
        if name == "serve":
            continue
        shown = CliRunner().invoke(main, [name, "--help"]).output
        assert shown.startswith("Usage: "), name
        assert all(option in shown for option in re.findall(r"--[a-z-]+", arguments)), (name, arguments)


def test_the_readme_links_the_page() -> None:
    assert "(docs/markets.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
