"""Sales of King County in the shapes that files have: those that are read, and those that are not."""

import io
from collections.abc import Callable

import pandas as pd

from tests.conftest import KING_COUNTY

Shape = Callable[[pd.DataFrame], bytes]
"""Sales, all cells text → a file."""

N_HOMES = 40
"""Homes of a file to be valued: the server of the tests takes as many at once, and their dates show their form."""
UNKNOWN = ("grade", "sqft_lot", "waterfront", "zipcode")
"""Columns of all kinds in which values are missing."""


def king_county_sales(n: int) -> pd.DataFrame:
    """Return n sales with list prices, as text, without repeat sales."""
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)
    sales = sales.drop_duplicates("id", keep=False)
    sales = sales.iloc[7 :: len(sales) // (n + 1)][:n].reset_index(drop=True)
    return sales.assign(list_price=(sales["price"].astype(int) * 1.02).round().astype(int).astype(str))


def text(sales: pd.DataFrame, separator: str = ",") -> bytes:
    """Return sales as a file of text."""
    return sales.to_csv(index=False, sep=separator).encode()


def cells(**change: Callable[[str], str]) -> Shape:
    """Return the shape in which the cells of some columns are written otherwise."""
    return lambda sales: text(
        sales.assign(**{name: list(map(write, sales[name])) for name, write in change.items()})
    )


def dates(form: str) -> Shape:
    """Return the shape in which dates have a form."""
    return cells(date=lambda day: pd.Timestamp(day).strftime(form))


def header(change: Callable[[str], str]) -> Shape:
    """Return the shape in which the names of the columns are written otherwise."""
    return lambda sales: text(sales.rename(columns=change))


def missing(word: str) -> Shape:
    """Return the shape in which a word stands in every third row where a value is missing."""

    def write(sales: pd.DataFrame) -> bytes:
        sales = sales.copy()
        sales.loc[::3, list(UNKNOWN)] = word
        return text(sales)

    return write


def excel(sales: pd.DataFrame) -> bytes:
    """Return a workbook with dates, numbers and text as Excel has them."""
    with io.BytesIO() as file:
        _typed(sales).to_excel(file, index=False)
        return file.getvalue()


def parquet(sales: pd.DataFrame) -> bytes:
    """Return a Parquet file with types."""
    with io.BytesIO() as file:
        _typed(sales).to_parquet(file)
        return file.getvalue()


def parquet_with_nested_columns(sales: pd.DataFrame) -> bytes:
    """Return a Parquet file that also has lists, objects and bytes."""
    n = len(sales)
    nested = pd.DataFrame(
        {"photos": [["front", "kitchen"]] * n, "agent": [{"name": "A"}] * n, "plan": [b"\xff\x00"] * n}
    )
    with io.BytesIO() as file:
        _typed(sales).join(nested).to_parquet(file)
        return file.getvalue()


def _typed(sales: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(text(sales)), dtype={"zipcode": str, "id": str}, parse_dates=["date"])


def thousands(number: str) -> str:
    return f"{int(number):,}"


READ: dict[str, Shape] = {
    "semicolons": lambda sales: text(sales, ";"),
    "tabs": lambda sales: text(sales, "\t"),
    "bars": lambda sales: text(sales, "|"),
    "semicolons and decimal commas": lambda sales: text(sales, ";").replace(b".", b","),
    "Excel's line for the separator": lambda sales: b"sep=;\r\n" + text(sales, ";"),
    "a byte order mark": lambda sales: b"\xef\xbb\xbf" + text(sales),
    "carriage returns": lambda sales: text(sales).replace(b"\n", b"\r\n"),
    "quotes around all cells": lambda sales: sales.to_csv(index=False, quoting=1).encode(),
    "blanks around all cells": lambda sales: text(sales).replace(b",", b" , "),
    "separators at the end of rows": lambda sales: text(sales).replace(b"\n", b",,\n").replace(b",,\n", b"\n", 1),
    "Kaggle's dates": dates("%Y%m%dT000000"),
    "dates with a time": dates("%Y-%m-%d 00:00:00"),
    "dates with a time and a zone": dates("%Y-%m-%dT00:00:00Z"),
    "German dates": dates("%d.%m.%Y"),
    "American dates": dates("%m/%d/%Y"),
    "American dates with a time": dates("%m/%d/%Y 12:00:00 AM"),
    "British dates": dates("%d/%m/%Y"),
    "dates with names of days and months": dates("%A, %B %d, %Y"),
    "dates of two forms, one of them ISO's": lambda sales: text(
        sales.assign(
            date=[
                pd.Timestamp(day).strftime("%m/%d/%Y") if row % 2 else day for row, day in enumerate(sales["date"])
            ]
        )
    ),
    "names in title case": header(lambda name: name.replace("_", " ").title()),
    "names in capitals": header(str.upper),
    "names with points": header(lambda name: name.replace("_", ".")),
    "names of facts": header(
        lambda name: {
            "lat": "latitude",
            "long": "longitude",
            "sqft_living": "square_footage",
            "zipcode": "postal_code",
            "yr_built": "Year Built",
        }.get(name, name)
    ),
    "thousands": cells(price=thousands, sqft_lot=thousands, sqft_living=thousands),
    "currency": cells(price=lambda number: "$" + thousands(number), list_price=lambda number: f"{number} USD"),
    "units": cells(sqft_living=lambda size: f"{size} sq ft", sqft_lot=lambda size: thousands(size) + " SF"),
    "numbers of SQL": cells(
        bathrooms=lambda number: number.removeprefix("0"),
        sqft_living=lambda number: number + ".",
        lat=lambda degrees: "+" + degrees,
    ),
    "a typographer's minus": cells(long=lambda degrees: degrees.replace("-", "\u2212")),
    "ZIP+4": cells(zipcode=lambda code: code + "-1234"),
    "ZIP codes as decimals": cells(zipcode=lambda code: code + ".0"),
    "ZIP codes that Excel keeps as text": cells(zipcode=lambda code: f'="{code}"'),
    "T and F": cells(waterfront=lambda word: word[0]),
    "Y and N": cells(waterfront=lambda word: "Y" if word == "True" else "N"),
    "1 and 0": cells(waterfront=lambda word: str(int(word == "True"))),
}
"""Shapes of text that are read as the plain file is."""
FILES: dict[str, tuple[str, Shape]] = {
    "Excel": (".xlsx", excel),
    "Parquet": (".parquet", parquet),
    "Parquet with lists, objects and bytes": (".parquet", parquet_with_nested_columns),
}
"""Other files that are read so, with the ends of their names."""
MISSING_WORDS = ("NA", "NaN", "NULL", "None", "n/a", "#N/A", "-", "?", "\\N", "—", "null ")
"""Words for missing, which are read as empty cells are."""


def _both_orders(sales: pd.DataFrame) -> bytes:
    forms = ("%m/%d/%Y", "%d/%m/%Y")
    return text(
        sales.assign(date=[pd.Timestamp(day).strftime(forms[row % 2]) for row, day in enumerate(sales["date"])])
    )


VALUES_NOT_READ: dict[str, tuple[Shape, str]] = {
    "Excel's days": (
        cells(date=lambda day: str((pd.Timestamp(day) - pd.Timestamp("1899-12-30")).days)),
        "a day as Excel counts them; save the column as dates like 2015-05-27; such as '4",
    ),
    "a month in doubt": (
        cells(date=lambda day: f"{int(day[5:7])}/{1 + int(day[8:]) % 12}/{day[:4]}"),
        "a date whose month is in doubt; declare date_format in market.toml as '%m/%d/%Y' or '%d/%m/%Y'",
    ),
    "both orders of day and month": (_both_orders, "a date with the day first, but other dates of the column"),
    "grades with words": (
        cells(grade=lambda grade: f"{grade} Average"),
        "a number with words behind it that are not the unit of the fact; such as '7 Average' in row",
    ),
    "another unit": (
        cells(sqft_living=lambda size: f"{size} m²"),
        "a number with words behind it that are not the unit of the fact; such as '1",
    ),
    "ranges": (cells(sqft_lot=lambda size: f"{size} - {size}0"), "a range, not a number; write one number"),
    "ratings in words": (cells(view=lambda _: "GOOD"), "not a number; such as 'GOOD' in row 2"),
}
"""Shapes with values that cannot be read, and what is said of their column."""
FILES_NOT_READ: dict[str, tuple[Shape, str]] = {
    "a title above the header": (
        lambda sales: b"Sales of 2015\n" + text(sales),
        "line 1, 'Sales of 2015', is not the header",
    ),
    "no header": (lambda sales: text(sales).split(b"\n", 1)[1], "line 1 has values such as '"),
    "an unknown separator": (lambda sales: text(sales, "^"), "line 1 is a single cell, 'id^date^price"),
    "a blank line above the header": (lambda sales: b"\n" + text(sales), "the first line is blank; delete it"),
    "a quote that never closes": (
        lambda sales: text(sales).replace(b"\n", b'\n"', 3).replace(b'\n"', b"\n", 2),
        "line 4: a quote opens in this row and never closes",
    ),
    "a workbook named as text": (
        excel,
        "the file is not text but an Excel workbook or a ZIP archive; name it .xlsx",
    ),
    "Parquet named as text": (parquet, "the file is not text but Parquet; name it .parquet"),
    "UTF-16": (lambda sales: text(sales).decode().encode("utf-16"), "line 1 is not UTF-8 but UTF-16"),
    "two columns of one name": (
        header(lambda name: "zipcode" if name == "yr_built" else name),
        "column 'zipcode' appears more than once in the header; rename or remove one",
    ),
    "two names of one fact": (
        header(lambda name: "Zip Code" if name == "yr_built" else name),
        "'zipcode' and 'Zip Code' both stand for postal_code",
    ),
    "a mistyped name": (
        header(lambda name: "sqft_livin" if name == "sqft_living" else name),
        "sqft_livin",
    ),
}
"""Shapes that are refused as a whole, and what is said of them."""
