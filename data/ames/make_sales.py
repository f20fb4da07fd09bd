"""Makes `sales.csv.gz` from the R package that contains the sales.

Run once by hand on Debian. The result is committed, so training needs neither the script nor a network connection:

    apt-get download r-cran-modeldata=1.1.0-1
    dpkg-deb --extract r-cran-modeldata_1.1.0-1_all.deb modeldata
    pip install rdata==1.1.0
    python data/ames/make_sales.py modeldata/usr/lib/R/site-library/modeldata/data
"""

import gzip
import hashlib
import lzma
import sys
from pathlib import Path
from typing import Any

import pandas as pd

RDB_SHA256 = "2ecef5e8da0f782ae4e3f65d928fe769702accffd8981cc358a3097f6736f58f"
SALES = Path(__file__).with_name("sales.csv.gz")

RATINGS = {"Poor": 1, "Fair": 2, "Typical": 3, "Good": 4, "Excellent": 5}
CONDITIONS = {
    "Very_Poor": 1, "Poor": 2, "Fair": 3, "Below_Average": 4, "Average": 5,
    "Above_Average": 6, "Good": 7, "Very_Good": 8, "Excellent": 9, "Very_Excellent": 10,
}  # fmt: skip
RATED = ("Exter_Cond", "Bsmt_Cond", "Heating_QC", "Garage_Cond", "Pool_QC")


def read_package(folder: Path) -> pd.DataFrame:
    """Read the sales from the package's database and check that they are the expected ones.

    Raises
    ------
    SystemExit
        The database is not that of modeldata 1.1.0.
    """
    database = (folder / "Rdata.rdb").read_bytes()
    digest = hashlib.sha256(database).hexdigest()
    if digest != RDB_SHA256:
        sys.exit(f"{folder}/Rdata.rdb: SHA-256 is {digest}, expected {RDB_SHA256}; use r-cran-modeldata 1.1.0-1")
    index = _parse(gzip.decompress((folder / "Rdata.rdx").read_bytes()))
    start, length = index["variables"]["ames"].tolist()
    # Entry of R's lazy-load database: uncompressed size (4 bytes), "Z" for LZMA, compressed bytes.
    packed = database[start + 5 : start + length]
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6 | lzma.PRESET_EXTREME}]
    table: pd.DataFrame = _parse(lzma.decompress(packed, lzma.FORMAT_RAW, filters=filters))
    return table.rename(columns=str)


def _parse(serialised: bytes) -> Any:
    import rdata  # noqa: PLC0415  # the tests of `clean` do not need it

    return rdata.conversion.convert(rdata.parser.parse_data(serialised, extension=".rds"))


def clean(sales: pd.DataFrame) -> pd.DataFrame:
    """Make unknown values empty, convert ratings to numbers, and date each sale to the first day of its month."""
    sales = sales.copy()
    for column in sales.select_dtypes("category"):
        sales[column] = sales[column].astype(str).str.strip()  # one label ends with a space
    sales["Lot_Frontage"] = sales["Lot_Frontage"].mask(sales["Lot_Frontage"] == 0).astype("Int64")
    sales["Electrical"] = sales["Electrical"].mask(sales["Electrical"] == "Unknown")
    sales["Overall_Cond"] = sales["Overall_Cond"].map(CONDITIONS)
    for column in RATED:
        # "No_Basement" and similar labels are not ratings: use 0, like the areas that belong to them.
        sales[column] = sales[column].map(RATINGS).fillna(0).astype(int)
    month = sales["Mo_Sold"].astype(int).map("{:02d}".format)
    sales["date"] = sales["Year_Sold"].astype(int).astype(str) + "-" + month + "-01"
    integer_columns = [column for column in sales.select_dtypes("float") if (sales[column] % 1 == 0).all()]
    return sales.astype(dict.fromkeys(integer_columns, int)).drop(columns=["Mo_Sold", "Year_Sold"])


def write(sales: pd.DataFrame, path: Path) -> None:
    """Write the file reproducibly, without time and file name in the gzip header."""
    text = sales.to_csv(index=False, lineterminator="\n")
    with path.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    write(clean(read_package(Path(sys.argv[1]))), SALES)
