"""The fitted list price model, saved next to a market's versions: `models/<market>/list_prices.json`.

It belongs to the market and not to one version: it weights the values of any version by the FSDs of that version.
With a key, the file contains an HMAC of its other entries: someone with write access to the folder can write a
file, but cannot sign it. The signature is inside, because a second file could not be replaced in the same step.
"""

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimator.appraiser import Appraiser
from estimator.atomic_file import replace_atomically
from estimator.deals.list_prices import ListPriceModel
from estimator.errors import SavedVersionError
from estimator.registry import make_market_folder, writer_lock
from estimator.signing import is_signature, sign

LIST_PRICES_FILE = "list_prices.json"
SIGNATURE_ENTRY = "hmac"
"""Entry of the file: HMAC-SHA256 of `LIST_PRICES_FILE`, a zero byte and the other entries, in hexadecimal."""
MAX_BYTES = 2**26
"""Largest file that is read: it takes 20 bytes for each closed listing, so this is enough for three million."""
_MAX_REASON = 200
"""Characters of a reason that quotes the file: enough for a name and a number."""


@dataclass(frozen=True)
class UsableListPrices:
    """The list price model to use with a version.

    Parameters
    ----------
    model
        The saved model, or the documented prior if there is none or it cannot be used.
    problem
        Why the saved model cannot be used; empty if it is used, or if there is none.
    """

    model: ListPriceModel
    problem: str = ""


def save_list_prices(
    models: Path, market: str, model: ListPriceModel, record: Mapping[str, Any], key: bytes | None = None
) -> Path:
    """Save a list price model and return the file's path; an earlier file is replaced in one step.

    Parameters
    ----------
    models
        Folder of all markets' models.
    market
        The market's name.
    record
        Further entries of the file: what the model was fitted to.
    key
        Signs the file, if given.

    Raises
    ------
    SavedVersionError
        The file cannot be written.
    """
    path = make_market_folder(models, market) / LIST_PRICES_FILE
    entries = {**record, "market": market, **model.state()}
    if key is not None:
        entries[SIGNATURE_ENTRY] = sign(key, _signed_bytes(entries))
    try:
        with writer_lock(path.parent), replace_atomically(path) as file:
            file.write(json.dumps(entries, allow_nan=False).encode())
    except OSError as error:
        raise SavedVersionError(f"{path}: {error}") from error
    return path


def load_list_prices(version: Path, appraiser: Appraiser, key: bytes | None = None) -> ListPriceModel:
    """Load the list price model of a version's market, or the documented prior if there is none.

    Parameters
    ----------
    version
        The version's folder.
    appraiser
        The version's appraiser, whose residuals give the prior its shape.
    key
        If given, a file that is not signed with it is refused.

    Raises
    ------
    SavedVersionError
        The file is damaged, is another market's, has another format, or is not signed with the key.
    """
    path = version.parent / LIST_PRICES_FILE
    try:
        return _model_of(_read(path), appraiser.market.name, key)
    except FileNotFoundError:
        return ListPriceModel.prior(appraiser.ranges.scores)
    except OSError as error:
        reason = error.strerror or str(error)
    except RecursionError:
        reason = "its entries are nested too deeply"
    except KeyError as error:
        reason = f"{error} is missing"
    except (TypeError, AttributeError, OverflowError):
        reason = "its entries are not those of a fitted model"
    except ValueError as error:
        reason = str(error)
    raise SavedVersionError(
        # A damaged file can contain anything, also a very long text.
        f"{path}: cannot be used: {reason[:_MAX_REASON]}; run `house-price fit-list-prices --market …` to write it"
        " again, or remove it to use the default"
    )


def usable_list_prices(version: Path, appraiser: Appraiser, key: bytes | None = None) -> UsableListPrices:
    """Return the list price model of a version's market, or the prior and the reason if it cannot be used.

    For the server, which must go on: a value does not depend on list prices. The arguments are those of
    `load_list_prices`.
    """
    try:
        return UsableListPrices(load_list_prices(version, appraiser, key))
    except SavedVersionError as error:
        return UsableListPrices(ListPriceModel.prior(appraiser.ranges.scores), str(error))


def _read(path: Path) -> bytes:
    """Return the content of a file; raise a ValueError if it is another thing, or too large."""
    # Opening a pipe would wait for a writer, for ever.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a file")
    if status.st_size > MAX_BYTES:
        raise ValueError(f"it has {status.st_size:,} bytes, and the maximum is {MAX_BYTES:,}")
    return path.read_bytes()


def _model_of(content: bytes, market: str, key: bytes | None) -> ListPriceModel:
    """Return the model that a file contains, after checking its signature and its market."""
    entries = json.loads(content)
    if not isinstance(entries, dict):
        raise TypeError
    signature = entries.pop(SIGNATURE_ENTRY, None)
    if key is not None:
        if signature is None:
            raise ValueError("it is not signed, but a key is set")
        if not is_signature(signature, key, _signed_bytes(entries)):
            raise ValueError("it was not signed with this key")
    model = ListPriceModel.from_state(entries)
    if entries["market"] != market:
        raise ValueError(f"its market is {entries['market']!r}, and the version's is {market!r}")
    return model


def _signed_bytes(entries: Mapping[str, Any]) -> bytes:
    """Return what a signature covers; it starts with the file's name, so that it signs no other kind of file."""
    # Python writes a float so that reading it gives the same float, so entries that were read give the same bytes.
    return LIST_PRICES_FILE.encode() + b"\0" + json.dumps(entries, sort_keys=True).encode()
