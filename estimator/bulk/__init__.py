"""Values tables of any size: piece by piece on all cores, an answer for every row, in the original order."""

from estimator.bulk.answers import (
    SEPARATOR,
    AnsweredTable,
    ValueFunction,
    fill_rows,
    refusal_texts,
    row_errors,
    valuation_columns,
    value_table,
    with_notes,
)
from estimator.bulk.header import check_header, validated_pieces
from estimator.bulk.predict import predict_file

__all__ = [
    "SEPARATOR",
    "AnsweredTable",
    "ValueFunction",
    "check_header",
    "fill_rows",
    "predict_file",
    "refusal_texts",
    "row_errors",
    "validated_pieces",
    "valuation_columns",
    "value_table",
    "with_notes",
]
