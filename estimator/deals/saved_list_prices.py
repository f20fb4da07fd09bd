"""The fitted list price model, saved next to a market's versions: `models/<market>/list_prices.json`.

It belongs to the market and not to one version: it weights the values of any version by the FSDs of that version.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estimator.appraiser import Appraiser
from estimator.deals.list_prices import ListPriceModel
from estimator.errors import SavedVersionError
from estimator.market.tables import replace_atomically
from estimator.registry import make_market_folder

LIST_PRICES_FILE = "list_prices.json"


def save_list_prices(models: Path, market: str, model: ListPriceModel, record: Mapping[str, Any]) -> Path:
    """Save a list price model and return the file's path; an earlier file is replaced in one step.

    Parameters
    ----------
    models
        Folder of all markets' models.
    market
        The market's name.
    record
        Further entries of the file: what the model was fitted to.

    Raises
    ------
    SavedVersionError
        The file cannot be written.
    """
    path = make_market_folder(models, market) / LIST_PRICES_FILE
    try:
        with replace_atomically(path) as file:
            file.write(json.dumps({**record, **model.state()}, allow_nan=False).encode())
    except OSError as error:
        raise SavedVersionError(f"{path}: {error}") from error
    return path


def load_list_prices(version: Path, appraiser: Appraiser) -> ListPriceModel:
    """Load the list price model of a version's market, or the documented prior if there is none.

    Parameters
    ----------
    version
        The version's folder.
    appraiser
        The version's appraiser, whose residuals give the prior its shape.

    Raises
    ------
    SavedVersionError
        The file is damaged or has another format.
    """
    path = version.parent / LIST_PRICES_FILE
    try:
        return ListPriceModel.from_state(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ListPriceModel.prior(appraiser.ranges.scores)
    except (OSError, ValueError) as error:
        reason = str(error)
    except (TypeError, AttributeError):
        reason = "its entries are not those of a fitted model"
    except KeyError as error:
        reason = f"{error} is missing"
    raise SavedVersionError(
        f"{path}: cannot be used: {reason}; run `house-price fit-list-prices --market …` to write it again"
    )
