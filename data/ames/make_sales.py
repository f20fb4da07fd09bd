"""Make `sales.csv.gz` from the R package that carries the sales.

Run once, by hand; the result is committed, so training needs neither this script nor a network. On Debian:

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
    """Read the sales out of the package's database, exactly the ones this project was built on.

    Raises
    ------
    SystemExit
        The database is another than modeldata 1.1.0's.
    """
    database = (folder / "Rdata.rdb").read_bytes()
    digest = hashlib.sha256(database).hexdigest()
    if digest != RDB_SHA256:
        sys.exit(f"{folder}: Rdata.rdb has SHA-256 {digest}, expected {RDB_SHA256}")
    index = _parse(gzip.decompress((folder / "Rdata.rdx").read_bytes()))
    start, length = index["variables"]["ames"].tolist()
    # R's lazy-load database: the size unpacked (4 bytes), Z for LZMA, the packed bytes.
    packed = database[start + 5 : start + length]
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6 | lzma.PRESET_EXTREME}]
    table: pd.DataFrame = _parse(lzma.decompress(packed, lzma.FORMAT_RAW, filters=filters))
    return table.rename(columns=str)


def _parse(serialised: bytes) -> Any:
    import rdata  # noqa: PLC0415  # the tests of `clean` do without it

    return rdata.conversion.convert(rdata.parser.parse_data(serialised, extension=".rds"))


def clean(sales: pd.DataFrame) -> pd.DataFrame:
    """Leave what is not known empty, number the ratings by rank, and date a sale by the first day of its month."""
    sales = sales.copy()
    for column in sales.select_dtypes("category"):
        sales[column] = sales[column].astype(str).str.strip()  # one label ends in a blank
    sales["Lot_Frontage"] = sales["Lot_Frontage"].mask(sales["Lot_Frontage"] == 0).astype("Int64")
    sales["Electrical"] = sales["Electrical"].mask(sales["Electrical"] == "Unknown")
    sales["Overall_Cond"] = sales["Overall_Cond"].map(CONDITIONS)
    for column in RATED:
        # "No_Basement" and its like are no rating: 0, as the areas that go with them.
        sales[column] = sales[column].map(RATINGS).fillna(0).astype(int)
    month = sales["Mo_Sold"].astype(int).map("{:02d}".format)
    sales["date"] = sales["Year_Sold"].astype(int).astype(str) + "-" + month + "-01"
    whole = [column for column in sales.select_dtypes("float") if (sales[column] % 1 == 0).all()]
    return sales.astype(dict.fromkeys(whole, int)).drop(columns=["Mo_Sold", "Year_Sold"])


def write(sales: pd.DataFrame, path: Path) -> None:
    """Write the same bytes every time: no clock and no file name in the gzip header."""
    text = sales.to_csv(index=False, lineterminator="\n")
    with path.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    write(clean(read_package(Path(sys.argv[1]))), SALES)
