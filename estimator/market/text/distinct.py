"""Work on each distinct text of a column once: a file of millions of rows has few labels."""

from collections.abc import Callable

import pyarrow as pa


def per_distinct(function: Callable[[pa.ChunkedArray], pa.ChunkedArray], text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the n texts that a function of texts makes of n texts; it is called with each distinct text once."""
    coded = text.combine_chunks().dictionary_encode()
    distinct = pa.chunked_array([coded.dictionary])
    return pa.chunked_array([function(distinct).combine_chunks().take(coded.indices)])
