"""What was learned of a market's asks, saved beside its models' versions: `models/<market>/asks.json`.

It is of the market more than of a version: each version is weighed against asks by the FSDs it claims itself.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estimator.appraiser import Appraiser
from estimator.deals.list_prices import ListPriceModel
from estimator.errors import SavedVersionError
from estimator.market.tables import replace_whole
from estimator.registry import make_market_folder

ASKS = "asks.json"


def save_list_prices(models: Path, market: str, asks: ListPriceModel, record: Mapping[str, Any]) -> Path:
    """Save what was learned, whole or not at all; what was saved before is replaced.

    Parameters
    ----------
    models
        Folder of all markets' models.
    record
        What else the file is to say: what it was learned from.

    Raises
    ------
    SavedVersionError
        The file cannot be written.
    """
    path = make_market_folder(models, market) / ASKS
    try:
        with replace_whole(path) as file:
            file.write(json.dumps({**record, **asks.state()}, allow_nan=False).encode())
    except OSError as error:
        raise SavedVersionError(f"{path}: {error}") from error
    return path


def load_list_prices(version: Path, appraiser: Appraiser) -> ListPriceModel:
    """Load what was learned of the asks of a version's market, or the documented prior where nothing was.

    Parameters
    ----------
    version
        The version's folder.
    appraiser
        The version's.

    Raises
    ------
    SavedVersionError
        The file is damaged.
    """
    path = version.parent / ASKS
    try:
        return ListPriceModel.from_state(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ListPriceModel.prior(appraiser.ranges.scores)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SavedVersionError(f"{path}: cannot be used: {error} (fit-asks makes it anew)") from error
