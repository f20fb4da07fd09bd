"""The file of the list price model: saved, signed, damaged in every way, and replaced by the default."""

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from estimator.appraiser import Appraiser
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.saved_list_prices import (
    LIST_PRICES_FILE,
    MAX_BYTES,
    load_list_prices,
    save_list_prices,
    usable_list_prices,
)
from estimator.errors import SavedVersionError
from estimator.registry import MANIFEST, SIGNATURE, save_version

KEY = b"k" * 32
MARKET = "king_county"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
WILD = JSON | st.integers(-(10**400), 10**400) | st.floats() | st.lists(st.floats(), max_size=4)


@pytest.fixture(scope="module")
def fitted() -> ListPriceModel:
    rng = np.random.default_rng(0)
    worth = np.exp(rng.normal(13, 0.3, 200))
    value, list_price = worth * np.exp(rng.normal(0, 0.1, 200)), worth * np.exp(rng.normal(0, 0.05, 200))
    return ListPriceModel.fit(value, np.full(200, 0.1), list_price, worth)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """The folder of a version of King County. It need not exist."""
    return tmp_path / MARKET / "a-version"


def rewrite(path: Path, **changes: Any) -> None:
    """Change entries of a saved file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_model_is_saved_next_to_the_versions(
    appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    path = save_list_prices(tmp_path, MARKET, fitted, {"seed": 0})
    assert path == tmp_path / MARKET / LIST_PRICES_FILE
    assert load_list_prices(version, appraiser).state() == fitted.state()
    assert json.loads(path.read_bytes())["seed"] == 0
    assert load_list_prices(tmp_path / "other" / "a-version", appraiser).listings is None


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_large(path: Path) -> None:
    path.touch()
    os.truncate(path, MAX_BYTES + 1)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "another type": lambda path: path.write_bytes(b"[]"),
    "null": lambda path: path.write_bytes(b"null"),
    "a newer format": lambda path: path.write_bytes(b'{"format": 9}'),
    "an older format": lambda path: path.write_bytes(b'{"format": 1}'),
    "missing entries": lambda path: path.write_bytes(b'{"format": 2}'),
    "not UTF-8": lambda path: path.write_bytes(b"\xff"),
    "deeply nested": lambda path: path.write_bytes(b"[" * 1_000_000),
    "a huge number": lambda path: path.write_bytes(b'{"format": 1' + b"0" * 5000 + b"}"),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": make_pipe,
    "too large": make_large,
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_file_is_an_error_for_commands_and_the_default_for_the_server(
    damage: str, appraiser: Appraiser, version: Path
) -> None:
    version.parent.mkdir()
    DAMAGES[damage](version.parent / LIST_PRICES_FILE)
    with pytest.raises(SavedVersionError, match=r"list_prices\.json: cannot be used.*house-price fit-list-prices"):
        load_list_prices(version, appraiser)
    usable = usable_list_prices(version, appraiser)
    assert usable.model.state() == ListPriceModel.prior(appraiser.ranges.scores).state()
    assert "cannot be used" in usable.problem


@pytest.mark.training
def test_every_truncation_is_damage(
    appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    path = save_list_prices(tmp_path, MARKET, fitted, {})
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        assert usable_list_prices(version, appraiser).problem


@pytest.mark.parametrize("missing", ["format", "market", "drift", "premium", "noise", "huber_threshold", "scores"])
def test_a_missing_entry_is_damage(
    missing: str, appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    path = save_list_prices(tmp_path, MARKET, fitted, {})
    entries = json.loads(path.read_text())
    del entries[missing]
    path.write_text(json.dumps(entries))
    assert "cannot be used" in usable_list_prices(version, appraiser).problem


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    name=st.sampled_from(["format", "drift", "premium", "noise", "huber_threshold", "scores", "listings"]),
    wild=WILD,
)
def test_whatever_an_entry_is_listings_are_screened_with_finite_prices(
    name: str, wild: Any, appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    rewrite(save_list_prices(tmp_path, MARKET, fitted, {}), **{name: wild})
    model = usable_list_prices(version, appraiser).model
    prices = np.array([1.0, 5e5, 1e9])
    resale = model.resale(prices, np.array([0.01, 0.2, 2.0]), prices[::-1])
    assert np.isfinite(resale.mean).all()
    assert np.isfinite(resale.quantile(0.1)).all()
    assert np.isfinite(resale.probability_above(prices)).all()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_content_is_a_model_or_damage(content: bytes, appraiser: Appraiser, version: Path) -> None:
    version.parent.mkdir(exist_ok=True)
    (version.parent / LIST_PRICES_FILE).write_bytes(content)
    assert usable_list_prices(version, appraiser).problem


def test_the_file_of_another_market_is_damage(
    appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    path = save_list_prices(tmp_path, "ames", fitted, {}, KEY)
    version.parent.mkdir()
    path.rename(version.parent / LIST_PRICES_FILE)
    for key in (None, KEY):
        assert "its market is 'ames', and the version's is 'king_county'" in (
            usable_list_prices(version, appraiser, key).problem
        )


def test_a_signed_file_is_used_with_its_key_alone(
    appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    path = save_list_prices(tmp_path, MARKET, fitted, {"seed": 3}, KEY)
    assert load_list_prices(version, appraiser, KEY).state() == fitted.state()
    assert load_list_prices(version, appraiser).state() == fitted.state(), "without a key, nothing is checked"
    assert "it was not signed with this key" in usable_list_prices(version, appraiser, b"x" * 32).problem
    entries = json.loads(path.read_text())
    signature = entries.pop("hmac")
    signed = b"list_prices.json\0" + json.dumps(entries, sort_keys=True).encode()
    assert signature == hmac.digest(KEY, signed, hashlib.sha256).hex()


@pytest.mark.parametrize("signature", [None, "", "0" * 64, 7, [], "é"])
def test_with_a_key_a_file_that_is_not_signed_with_it_is_damage(
    signature: object, appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    rewrite(save_list_prices(tmp_path, MARKET, fitted, {}), hmac=signature)
    assert "signed" in usable_list_prices(version, appraiser, KEY).problem


@pytest.mark.parametrize("entry", ["premium", "noise", "listings", "seed", "market"])
def test_with_a_key_a_changed_entry_is_damage(
    entry: str, appraiser: Appraiser, fitted: ListPriceModel, version: Path, tmp_path: Path
) -> None:
    path = save_list_prices(tmp_path, MARKET, fitted, {"seed": 0}, KEY)
    rewrite(path, **{entry: "x" if entry == "market" else json.loads(path.read_text())[entry] + 1})
    assert "it was not signed with this key" in usable_list_prices(version, appraiser, KEY).problem


def test_the_signature_of_a_version_signs_no_list_prices(
    appraiser: Appraiser, fitted: ListPriceModel, tmp_path: Path
) -> None:
    record = {**fitted.state(), "market": MARKET}
    saved = save_version(tmp_path / MARKET, appraiser, record, key=KEY)
    manifest = json.loads((saved / MANIFEST).read_text())
    forged = manifest | {"hmac": (saved / SIGNATURE).read_text()}
    (tmp_path / MARKET / LIST_PRICES_FILE).write_text(json.dumps(forged))
    assert load_list_prices(saved, appraiser).state() == fitted.state()
    assert "it was not signed with this key" in usable_list_prices(saved, appraiser, KEY).problem
