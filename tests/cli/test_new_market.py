"""Drafts of market files, from the file as it comes to a training that accepts it."""

import random
import tomllib
import uuid
from pathlib import Path

import pandas as pd
import pytest

from estimator.market.market import Market
from tests.conftest import KING_COUNTY, ROOT, run_command
from tests.town import make_town

HEADER_OF_LAND_REGISTRY = 16


def kaggle(folder: Path, every: int = 20) -> Path:
    """Write King County's sales as Kaggle's kc_house_data.csv has them."""
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False).iloc[::every]
    sales["date"] = sales["date"].str.replace("-", "") + "T000000"
    sales["waterfront"] = (sales["waterfront"] == "True").astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    sales.to_csv(folder / "kc_house_data.csv", index=False)
    return folder / "kc_house_data.csv"


def land_registry(path: Path, n: int = 200) -> Path:
    """Write sales as HM Land Registry publishes them: without a header line."""
    rng = random.Random(0)
    rows = []
    for _ in range(n):
        number = "{" + str(uuid.UUID(int=rng.getrandbits(128))).upper() + "}"
        day = f"2023-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} 00:00"
        postcode = f"LS{rng.randint(1, 9)} {rng.randint(1, 3)}AB"
        home = [rng.choice("DSTF"), rng.choice("YN"), rng.choice("FL"), str(rng.randint(1, 99)), ""]
        place = [rng.choice(["HIGH STREET", "PARK LANE"]), "", "LEEDS", "LEEDS", "WEST YORKSHIRE"]
        rows.append([number, str(rng.randint(90, 900) * 1000), day, postcode, *home, *place, "A", "A"])
    pd.DataFrame(rows).to_csv(path, index=False, header=False, quoting=1)
    return path


def draft(path: Path, *more: object) -> tuple[Market, str]:
    """Draft a market beside a file; return it and what the command printed."""
    run = run_command("new-market", path, *more)
    assert (run.exit_code, run.stderr) == (0, ""), run.output
    return Market.read(path.parent), run.stdout


def test_kaggles_king_county_file_needs_no_edit_to_be_trained_on(tmp_path: Path) -> None:
    market, printed = draft(kaggle(tmp_path / "kc"))
    ours = Market.read(KING_COUNTY)
    facts = {feature.name: feature for feature in market.features}
    known = {
        feature.name: feature for feature in ours.features if feature.name not in {"crime_rate", "population"}
    }
    assert facts.keys() == known.keys()
    assert market.ignore == ours.ignore == ("sqft_above",)
    assert "sqft_above: it is sqft_living − sqft_basement" in printed
    for name, feature in known.items():
        drafted = facts[name]
        assert (drafted.column, drafted.required) == (feature.column, feature.required)
        assert drafted.unit == feature.unit
        assert drafted.price_effect in {feature.price_effect, None}
    assert (market.price, market.sale_date, market.sale_id, market.currency) == ("price", "date", "id", "USD")
    assert "price: price (sure" in printed
    checked = run_command("check", "--market", tmp_path / "kc")
    assert checked.exit_code == 0, checked.output
    assert "split by time: " in checked.stdout


def test_the_land_registrys_columns_are_named_by_position(tmp_path: Path) -> None:
    market, printed = draft(land_registry(tmp_path / "pp-2023.csv"))
    assert len(market.columns) == HEADER_OF_LAND_REGISTRY
    assert (market.price, market.sale_date, market.currency) == ("price", "date_of_transfer", "GBP")
    kinds = {feature.column: feature.kind for feature in market.features}
    assert kinds == {
        "postcode": "postal_code",
        "property_type": "category",
        "old_new": "boolean",
        "duration": "category",
        "street": "category",
    }
    assert {"transaction_id", "paon", "ppd_category_type", "record_status"} <= set(market.ignore)
    assert "no header line; the columns are those of HM Land Registry" in printed
    assert "note: No column is the size of the home" in printed
    assert "note: No coordinates" in printed
    checked = run_command("check", "--market", tmp_path / "market.toml")
    assert checked.exit_code == 0, checked.output
    assert "200 sales" in checked.stdout


def test_a_draft_of_ames_leaves_out_what_is_known_after_the_sale(tmp_path: Path) -> None:
    source = ROOT / "data" / "ames" / "sales.csv.gz"
    run = run_command("new-market", source, "--market", tmp_path / "ames")
    market, ours = Market.read(tmp_path / "ames"), Market.read(source.parent)
    assert run.exit_code == 0
    assert {"Sale_Type", "Sale_Condition"} == set(market.ignore)
    assert (market.price, market.sale_date, market.name) == (ours.price, ours.sale_date, "ames")
    kinds = {feature.column: feature.kind for feature in market.features}
    different = {each.column for each in ours.features if not kinds[each.column] == each.kind != "number"}
    assert all(kinds[column] in {"integer", "number"} for column in different)
    assert run_command("check", "--market", tmp_path / "ames").exit_code == 0


def test_reso_names_are_known(tmp_path: Path) -> None:
    names = {
        "lat": "Latitude",
        "long": "Longitude",
        "zipcode": "PostalCode",
        "sqft_living": "LivingArea",
        "sqft_lot": "LotSizeSquareFeet",
        "bedrooms": "BedroomsTotal",
        "bathrooms": "BathroomsTotalInteger",
        "floors": "StoriesTotal",
        "yr_built": "YearBuilt",
        "waterfront": "WaterfrontYN",
        "price": "ClosePrice",
        "date": "CloseDate",
        "id": "ParcelNumber",
    }
    sales = pd.read_csv(kaggle(tmp_path))[list(names)].rename(columns=names)
    sales["ListingKey"] = range(len(sales))
    sales["PublicRemarks"] = [f"Home {row} with a view" for row in range(len(sales))]
    sales["DaysOnMarket"] = 7 + sales.index % 50
    sales["TaxAssessedValue"] = sales["ClosePrice"] // 2
    sales["ListAgentKey"] = "A" + (sales.index % 9).astype(str)
    (tmp_path / "kc_house_data.csv").unlink()
    sales.to_csv(tmp_path / "mls.csv", index=False)
    market, _ = draft(tmp_path / "mls.csv")
    assert (market.price, market.sale_date, market.sale_id) == ("ClosePrice", "CloseDate", "ParcelNumber")
    assert {feature.column: feature.name for feature in market.features} == {
        "Latitude": "latitude",
        "Longitude": "longitude",
        "PostalCode": "postal_code",
        "LivingArea": "square_footage",
        "LotSizeSquareFeet": "lot_size",
        "BedroomsTotal": "bedrooms",
        "BathroomsTotalInteger": "bathrooms",
        "StoriesTotal": "floors",
        "YearBuilt": "year_built",
        "WaterfrontYN": "waterfront",
    }
    assert market.by_name["LivingArea"].unit == "ft²"
    ignored = {"ListingKey", "PublicRemarks", "DaysOnMarket", "TaxAssessedValue", "ListAgentKey"}
    assert set(market.ignore) == ignored


def test_columns_that_tell_the_price_are_ignored_with_the_reason(tmp_path: Path) -> None:
    sales = pd.read_csv(kaggle(tmp_path / "kc"))
    sales["TaxAssessedValue"] = 1.0
    sales["price_per_sqft"] = (sales["price"] / sales["sqft_living"]).round(2)
    sales["k"] = sales["price"] / 1000
    sales["ListPrice"] = sales["price"] * 1.02
    sales.to_csv(tmp_path / "kc" / "kc_house_data.csv", index=False)
    market, printed = draft(tmp_path / "kc" / "kc_house_data.csv")
    assert set(market.ignore) == {"TaxAssessedValue", "price_per_sqft", "k", "ListPrice", "sqft_above"}
    assert "k: leaks the price: half of its values are within 0.0% of 0.001" in printed
    text = (tmp_path / "kc" / "market.toml").read_text(encoding="utf-8")
    assert '"TaxAssessedValue",  # leaks the price: assessors set it from sale prices' in text


def test_a_drafted_town_is_what_the_town_declares(tmp_path: Path) -> None:
    make_town(tmp_path / "town", 500, places=True)
    (tmp_path / "town" / "market.toml").unlink()
    market, printed = draft(tmp_path / "town" / "sales.csv", "--price", "paid")
    kinds = {feature.column: feature.kind for feature in market.features}
    assert kinds["m2"] == "number"
    assert (kinds["quarter"], kinds["garden"], kinds["rooms"]) == ("category", "boolean", "integer")
    assert market.by_name["m2"].unit == "m²"
    assert market.name == "town"
    assert "always_seven: it is '7' everywhere" in printed
    assert "never_recorded: it is empty" in printed


def test_several_files_and_quoted_patterns_make_one_market(tmp_path: Path) -> None:
    sales = pd.read_csv(kaggle(tmp_path), dtype=str)
    (tmp_path / "kc_house_data.csv").unlink()
    sales.iloc[::2].to_csv(tmp_path / "kc_1.csv", index=False)
    sales.iloc[1::2].to_parquet(tmp_path / "kc_2.parquet", index=False)
    run = run_command("new-market", tmp_path / "kc_*", "--market", tmp_path / "market")
    assert run.exit_code == 0, run.output
    assert Market.read(tmp_path / "market").sales == ("../kc_*")
    assert f"{len(sales):,} sales, 21 columns" in run.stdout
    assert run_command("check", "--market", tmp_path / "market").exit_code == 0


def test_an_excel_file_is_drafted_from(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    sales = pd.read_csv(kaggle(tmp_path, every=100))
    (tmp_path / "kc_house_data.csv").unlink()
    sales["date"] = pd.to_datetime(sales["date"])
    sales.to_excel(tmp_path / "sold.xlsx", index=False)
    market, _ = draft(tmp_path / "sold.xlsx")
    assert market.sale_date == "date"
    assert run_command("check", "--market", tmp_path).exit_code == 0


def test_semicolons_decimal_commas_and_projected_coordinates_are_told(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{price}.000;{size},5;{11 + row % 17}.05.2015;{450_000 + row},5;{5_400_000 + row},25"
        for row, (price, size) in enumerate((100 + 3 * n, 40 + n) for n in range(60))
    )
    (tmp_path / "verkauf.csv").write_text(f"Kaufpreis;Wohnflaeche_qm;Datum;x;y\n{rows}\n")
    market, printed = draft(tmp_path / "verkauf.csv")
    assert (market.price, market.sale_date, market.decimal_comma) == ("Kaufpreis", "Datum", True)
    assert market.by_name["Wohnflaeche_qm"].unit == "m²"
    assert "x: a projected coordinate" in printed
    checked = run_command("check", "--market", tmp_path)
    assert checked.exit_code == 0, checked.output
    assert "prices: 100,000 to 277,000 XXX" in checked.stdout


def test_german_columns_behind_excels_line_for_the_separator_are_known(tmp_path: Path) -> None:
    rows = "".join(
        f"{n % 28 + 1:02}.0{n % 9 + 1}.2014;{1_500 + 7 * n}00,00 €;{60 + n},5;{n % 5}\r\n" for n in range(60)
    )
    (tmp_path / "haus.csv").write_bytes(f"sep=;\r\nVerkaufsdatum;Kaufpreis;Wohnfläche;Zimmer\r\n{rows}".encode())
    market, _ = draft(tmp_path / "haus.csv")
    assert (market.price, market.sale_date, market.currency) == ("Kaufpreis", "Verkaufsdatum", "EUR")
    assert market.by_name["square_footage"].column == "Wohnfläche"
    assert run_command("check", "--market", tmp_path).exit_code == 0


def test_a_column_of_dates_with_another_name_is_pointed_out(tmp_path: Path) -> None:
    rows = "".join(f"2014-0{n % 9 + 1}-11,{150_000 + n},{60 + n}\n" for n in range(60))
    (tmp_path / "sold.csv").write_text("beurkundet,price,sqft\n" + rows)
    market, printed = draft(tmp_path / "sold.csv")
    assert market.sale_date is None
    assert 'If it is beurkundet, which has dates, declare sale_date = "beurkundet".' in printed


def test_a_code_for_missing_values_is_declared_and_not_learned_from(tmp_path: Path) -> None:
    rows = "".join(f"{150_000 + n},{60 + n},{-999 if n % 9 == 0 else 2 + n % 4}\n" for n in range(60))
    (tmp_path / "sold.csv").write_text("price,sqft,rooms\n" + rows)
    market, _ = draft(tmp_path / "sold.csv")
    assert market.missing == ("-999",)
    assert market.by_name["rooms"].minimum == 0
    checked = run_command("check", "--market", tmp_path)
    assert "2 to 5, median" in checked.stdout
    assert "no sale is set aside" in checked.stdout


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    make_town(tmp_path, 60)
    sales = pd.read_csv(tmp_path / "sales.csv")
    (tmp_path / "market.toml").unlink()
    sales.to_csv(tmp_path / "sales.csv")  # as pandas does it: with the number of each row
    market, _ = draft(tmp_path / "sales.csv", "--price", "paid")
    assert "" not in {*(feature.column for feature in market.features), *market.ignore}
    checked = run_command("check", "--market", tmp_path)
    assert checked.exit_code == 0
    assert "one without a name" in checked.output


def test_a_month_in_doubt_is_drafted_as_a_guess(tmp_path: Path) -> None:
    rows = "".join(f"{1 + n % 12}/{1 + n % 11}/2015,{100_000 + n},{50 + n}\n" for n in range(60))
    (tmp_path / "sold.csv").write_text("sale_date,price,sqft\n" + rows)
    market, printed = draft(tmp_path / "sold.csv")
    assert market.date_format == "%m/%d/%Y"
    assert "date format: %m/%d/%Y (a guess" in printed


def test_coordinates_named_x_and_y_are_told_from_other_numbers(tmp_path: Path) -> None:
    sales = pd.read_csv(kaggle(tmp_path)).rename(columns={"lat": "Y", "long": "X"})
    (tmp_path / "kc_house_data.csv").unlink()
    sales.to_csv(tmp_path / "sold.csv", index=False)
    market, _ = draft(tmp_path / "sold.csv")
    assert (market.by_name["Y"].kind, market.by_name["X"].kind) == ("latitude", "longitude")
    (tmp_path / "market.toml").unlink()
    sales.assign(X=sales["bedrooms"], Y=sales["floors"] * 100.5).to_csv(tmp_path / "sold.csv", index=False)
    market, _ = draft(tmp_path / "sold.csv")
    assert market.coordinates is None


def test_a_market_has_one_place_and_no_coordinate_alone(tmp_path: Path) -> None:
    sales = pd.read_csv(kaggle(tmp_path))
    (tmp_path / "kc_house_data.csv").unlink()
    sales = sales.assign(site_latitude=sales["lat"] + 0.001, site_zip_code=sales["zipcode"])
    sales.drop(columns=["long"]).to_csv(tmp_path / "sold.csv", index=False)
    market, printed = draft(tmp_path / "sold.csv")
    assert market.coordinates is None
    assert {"lat", "site_latitude", "site_zip_code"} <= set(market.ignore)
    assert "lat: a coordinate without the other one" in printed
    assert "site_latitude: lat is the latitude" in printed


def test_a_size_that_is_often_unknown_is_told(tmp_path: Path) -> None:
    sales = pd.read_csv(kaggle(tmp_path), dtype=str)
    (tmp_path / "kc_house_data.csv").unlink()
    sales.loc[sales.index % 3 == 0, "sqft_living"] = ""
    sales.to_csv(tmp_path / "sold.csv", index=False)
    market, printed = draft(tmp_path / "sold.csv")
    assert not market.by_name["square_footage"].required
    assert 'where = "`sqft_living` is not missing"' in printed
    text = (tmp_path / "market.toml").read_text()
    (tmp_path / "market.toml").write_text('where = "`sqft_living` is not missing"\n' + text)
    kept = int((sales["sqft_living"] != "").sum())
    assert f": {kept:,} sales in" in run_command("check", "--market", tmp_path).stdout


def test_a_year_and_a_month_of_sale_are_to_be_joined(tmp_path: Path) -> None:
    rows = "".join(f"{100_000 + n},{50 + n},{2008 + n % 3},{1 + n % 12}\n" for n in range(60))
    (tmp_path / "sold.csv").write_text("SalePrice,GrLivArea,YrSold,MoSold\n" + rows)
    market, printed = draft(tmp_path / "sold.csv")
    assert set(market.ignore) == {"YrSold", "MoSold"}
    assert "Join YrSold and MoSold to one" in printed


def test_days_as_excel_counts_them_are_named(tmp_path: Path) -> None:
    rows = "".join(f"{100_000 + n},{50 + n},{42_077 + n}\n" for n in range(60))
    (tmp_path / "sold.csv").write_text("price,sqft,sale_date\n" + rows)
    market, printed = draft(tmp_path / "sold.csv")
    assert (market.sale_date, market.ignore) == (None, ("sale_date",))
    assert "'sale_date' has the name of a day of sale, but its values are no dates, such as '42" in printed


def test_a_market_file_is_not_overwritten(tmp_path: Path) -> None:
    path = kaggle(tmp_path)
    (tmp_path / "market.toml").write_text("mine")
    run = run_command("new-market", path)
    assert run.exit_code == 2
    assert "there is a market file already" in run.stderr
    assert (tmp_path / "market.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a,b\n1,2\n3,4\n", "no column has the name of a sale price"),
        ("1,500000\n2,600000\n", "column_1, column_2. The file has no header line"),
        ("price,b\n", "there are no sales in it"),
        ("price,b\n1,2\n", "there is 1 sale in it; one shows neither what differs"),
        ("", "the file is empty"),
        ("price\n" + "200000\n" * 20, "no column is a fact about the homes"),
        (
            "price,sqft\n" + "abc,50\n" * 5 + "200000,60\n" * 20,
            "'price' has the name of a sale price, but 20% of its values are no numbers",
        ),
    ],
)
def test_a_file_without_prices_is_refused(tmp_path: Path, header: str, message: str) -> None:
    (tmp_path / "sales.csv").write_text(header)
    run = run_command("new-market", tmp_path / "sales.csv")
    assert run.exit_code == 2
    assert message in run.stderr
    assert not (tmp_path / "market.toml").exists()


def test_a_wrong_column_or_file_is_named(tmp_path: Path) -> None:
    path = kaggle(tmp_path)
    assert "there is no column 'prise'" in run_command("new-market", path, "--price", "prise").stderr
    assert "no file has such a name" in run_command("new-market", tmp_path / "x*.csv").stderr
    assert "there is no such file" in run_command("new-market", tmp_path / "x.csv").stderr


def test_odd_values_and_names_give_a_valid_market_file(tmp_path: Path) -> None:
    names = [
        'sale price"',
        "size\\m2",
        "2nd floor",
        "price_index",
        "Ä ö",
        "latitude",
        "valuation_price",
        "name\x7f",
    ]
    odd = ['say "hi"', "back\\slash", "line\nbreak", "é", "tab\tbed"]
    rows = {name: [odd[(row + index) % 5] for row in range(40)] for index, name in enumerate(names)}
    rows[names[0]] = [str(100_000 + 1_000 * row) for row in range(40)]
    pd.DataFrame(rows).to_csv(tmp_path / "odd.csv", index=False)
    market, _ = draft(tmp_path / "odd.csv")
    assert market.price == names[0]
    assert {feature.column for feature in market.features} | set(market.ignore) == set(names[1:])
    tomllib.loads((tmp_path / "market.toml").read_text(encoding="utf-8"))
