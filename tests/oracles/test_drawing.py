"""The pictures and the output of the examples."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from estimator.network.examples.__main__ import main

pytestmark = pytest.mark.slow


def test_the_examples_draw_all_pictures_and_print_their_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path)])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"activations.png", "descent.png", "chain.png", "circles.png", "circles.gif", "house.png"}
    for name in names:
        with Image.open(tmp_path / name) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    with Image.open(tmp_path / "circles.gif") as film:
        assert film.n_frames == 40
    output = capsys.readouterr().out
    assert "XOR, two layers  0 1 1 0" in output
    assert "| hidden layers |" in output
