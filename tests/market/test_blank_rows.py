import numpy as np
import pyarrow as pa

from estimator.market.blank_rows import blank_rows


def test_rows_without_a_filled_cell_are_blank() -> None:
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        table = pa.table({"number": [None, 0.0, None], "text": pa.array(["", "", "a"], kind)})
        np.testing.assert_array_equal(blank_rows(table), [True, False, False])
