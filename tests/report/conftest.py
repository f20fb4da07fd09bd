"""The report of a small appraiser, and versions of a made-up city."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import evaluate
from estimator.assessment.judging import judge_trained
from estimator.assessment.walk_forward import walk_forward
from estimator.market.sales import Parts
from estimator.model.recipe import DEFAULTS
from estimator.report import NUMBERS
from estimator.report.collect import collect
from estimator.report.files import report_files
from estimator.report.recorder import Recorder
from tests.conftest import train_small
from tests.report.page_parser import Report
from tests.town import make_town


@pytest.fixture(scope="session")
def report(appraiser: Appraiser, parts: Parts) -> Report:
    """Report of the small King County appraiser on about 100 test sales; its training was not recorded."""
    fewer_sales = replace(parts, test=parts.test.take(np.arange(0, len(parts.test), 4)))
    evaluation = evaluate(appraiser, fewer_sales.test)
    walk = walk_forward(appraiser, fewer_sales.test, np.random.default_rng(0))
    record = {
        "market": "king_county",
        "market_table": appraiser.market.to_dict(),
        "sales_sha256": "0" * 64,
        "set_aside": {
            "rows": len(appraiser.model.sales),
            "sales": 0,
            "leads": False,
            "by_reason": {},
            "examples": [],
            "unread_columns": [],
            "lacking_columns": [],
            "label_variants": [],
            "overrides": [],
            "test_sales": 0,
            "error_figures_with": None,
        },
        "split": "time",
        "seed": 0,
        "recipe": DEFAULTS.as_dict(),
        "sales": {name: len(part) for name, part in vars(fewer_sales).items()},
        "error_figures": evaluation.figures_as_dict(),
        "ratio_study": evaluation.ratio_study_as_dict(),
        "standards": evaluation.standards_as_dict(),
        "student": {"log_rmse": 0.1652, "teacher_log_rmse": 0.1648, "median_difference": 0.71},
        "walk_forward": walk.to_dict(),
        "gate": judge_trained(appraiser, fewer_sales.test, walk, appraiser).record(publish_anyway=False),
        "libraries": {"numpy": np.__version__},
        "python": "3",
    }
    report_data = collect(
        appraiser,
        appraiser.with_sales(fewer_sales.test, np.random.default_rng(0)),
        fewer_sales,
        record,
        Recorder(),
        "",
        [],
        np.random.default_rng(0),
    )
    report: Report = json.loads(report_files(report_data, "this-one")[NUMBERS])
    return report


@pytest.fixture(scope="session", params=[False, True], ids=["without coordinates", "with coordinates"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved version of a made-up city."""
    folder = tmp_path_factory.mktemp("town")
    make_town(folder / "data", 200, places=request.param)
    return train_small(folder / "data", folder / "models").folder
