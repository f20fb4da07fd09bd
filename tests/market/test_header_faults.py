"""A first line that is no header is named, with what to do, instead of the columns that are then missing."""

import pytest

from estimator.market.header_faults import not_a_table_fault, text_fault

ROWS = ["id,price,size,date\n", "a1,450000,1180,2015-03-14\n", "a2,460000,1190,2015-03-15\n"]


def fault(text: str, separator: str | None = None) -> str | None:
    return text_fault(text.splitlines(keepends=True), separator)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("title", ["Sales of 2015", "Sales, as recorded", "# by a program", '"Sales"', ",,,"])
def test_a_line_above_the_header_is_named(title: str, separator: str) -> None:
    text = "".join(ROWS).replace(",", separator)
    message = fault(title + "\n" + text)
    assert message is not None
    assert message.startswith("line 1")
    assert message.endswith("because line 2 has far more filled cells; delete the lines above the header")


def test_the_header_is_found_behind_several_lines() -> None:
    message = fault("Report: sales\nCreated 2015-06-01, by me\n\n" + "".join(ROWS))
    assert message is not None
    assert "because line 4 has" in message


@pytest.mark.parametrize("separator", ["^", ":", "~"])
def test_an_unknown_separator_is_told(separator: str) -> None:
    text = "".join(ROWS).replace(",", separator)
    message = fault(text)
    assert message is not None
    assert message.startswith(f"line 1 is a single cell, 'id{separator}price")
    assert fault(text, separator) is None


def test_columns_of_fixed_width_are_told() -> None:
    message = fault("id price size beds date\n1  450000 1180 3   2015-03-14\n")
    assert message is not None
    assert "separate the cells" in message


def test_a_row_of_values_in_the_place_of_the_header_is_told() -> None:
    message = fault("7129300520,2014-10-13,221900,3,1.0\n6414100192,2014-12-09,538000,3,2.25\n")
    assert message is not None
    assert message.startswith("line 1 has values such as '7129300520' instead of names of columns")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ('{"type": "FeatureCollection"', "JSON"),
        ("\n {}", "JSON"),
        ('[\n  {"price": 1}', "JSON"),
        ('[["price"], [1]]', "JSON"),
        ("<!DOCTYPE html>", "web page"),
        ('<?xml version="1.0"?>', "web page"),
        ("<html>", "web page"),
    ],
)
def test_other_files_of_text_are_told_from_tables(start: str, kind: str) -> None:
    message = not_a_table_fault(start)
    assert message is not None
    assert message.startswith("the file is not a table but ")
    assert kind in message


@pytest.mark.parametrize("start", ["[id],[price]\n", "{id},{price}\n", "<10,price\n", "", *ROWS])
def test_a_header_with_brackets_is_a_table(start: str) -> None:
    assert not_a_table_fault(start) is None


@pytest.mark.parametrize(
    "text",
    [
        "".join(ROWS),
        "size\n1180\n1190\n",
        "size\n1180,3\n1190,4\n",
        "price;lat;long;size\n400.000,50;47,6;-122,3;2000\n510.000,00;47,5;-122,2;1800,5\n",
        "Living area of the house (square feet)\n1180\n",
        '"Sale\nprice",date,size,beds\n1,2,3,4\n2,3,4,5\n',
        "id,2013,2014,2015,2016\na,1,2,3,4\n",
        "price,,,,\n1,,,,\n",
        "price,size\n",
        "price\n",
        "",
    ],
)
def test_a_header_is_no_fault(text: str) -> None:
    assert fault(text) is None
