"""Find the columns that a market needs by role: the sale price, the day of the sale, the home's identifier."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow.compute as pc

from estimator.drafting.known_facts import words_of
from estimator.drafting.leaks import reason_by_name
from estimator.drafting.profiles import Profile
from estimator.errors import DataError
from estimator.market.text.names import plain_name
from estimator.market.values import format_value
from estimator.wording import plural

Certainty = Literal["sure", "likely", "guess"]
"""`sure`: one of the usual names, and the values fit. `likely`: the name points to it. `guess`: look at it."""

_PRICE_WORDS = (
    "saleprice soldprice closeprice sellingprice salesprice resaleprice pricepaid pricesold transactionprice"
    " saleamount saleamt purchaseprice considerationamount consideration price valeurfonciere kaufpreis"
    " medianhousevalue amount prix preis precio precioventa preciodeventa preço preco precodevenda cena koopsom"
    " valordetransacao valordetransação prezzo kaufpris købesum 거래금액(만원) 總價元"
)
"""Names of sale prices, the clearest first."""
_PRICE_PATTERNS = (
    r"\b(sale|sales|sold|selling|resale|close|closed|closing|paid|transact\w*|purchase|deed)\b.*\b(price|amount|amt)\b",
    r"\b(price|amount)\b.*\b(sale|sold|paid)\b",
)
_PRICE_WORD = r"\b(price|precio|preço|preco|prix|preis|prezzo|pris)\b"
"""A word in the name of a price: of the sale, unless another word says that it is another one."""
_DATE_WORDS = (
    "saledate solddate closedate datesold dateofsale dateoftransfer transactiondate date closingdate deeddate"
    " datemutation documentdate recordingdate recordeddate contractdate soldon datum month salemonth"
    " verkaufsdatum kaufdatum kaufvertragsdatum dateachat datevente fechaventa fechadeventa datavendita sold fecha"
    " datadetransação datadetransacao datavenda 交易年月日"
    " transactiedatum datatransakcji soldat"
)
_DATE_PATTERNS = (
    r"\b(sale|sold|transfer|clos\w*|transaction|deed|record\w*)\b.*\b(date|day|dt)\b",
    r"\bdate\b.*\b(sale|sold|transfer)\b",
)
_HOME_WORDS = (
    "parcelid parcelnumber parcelno parcelnum parcel apn ain pin pid folio uprn accountnumber account propertyid"
    " propid homeid houseid keypin idparcelle parid"
)
_ROW_WORDS = "id saleid rowid recordid"
_TRANSACTION = r"\b(transaction|mls|listing|deed|document|instrument)\b.*\b(id|key|number|no|num|identifier)\b"


@dataclass(frozen=True)
class Guess:
    """What a column is taken for, how sure that is, and why."""

    column: str
    certainty: Certainty
    reason: str


def find_price(profiles: Sequence[Profile], wanted: str | None) -> Guess:
    """Return the column of sale prices.

    Parameters
    ----------
    wanted
        The column that the user named; None to find it.

    Raises
    ------
    DataError
        No column has a name of a sale price and positive numbers, or there is no such column as wanted.
    """
    numbers = [profile for profile in profiles if profile.is_number and np.nanmedian(profile.numbers) > 0]
    if wanted is not None:
        if wanted not in {profile.name for profile in profiles}:
            raise DataError(f"there is no column '{wanted}'; the columns are {_listed(profiles)}")
        return Guess(wanted, "sure", "you named it")
    by_word = _by_words(numbers, _PRICE_WORDS)
    if by_word is not None:
        return Guess(by_word.name, "sure", "its name, and its values are amounts")
    likely = [profile for profile in numbers if _fits(profile, _PRICE_PATTERNS)]
    if likely:
        return Guess(likely[0].name, "likely", "its name resembles that of a sale price")
    named = _by_words([profile for profile in profiles if profile not in numbers], _PRICE_WORDS)
    if named is not None and named.known and named.number_share < 1:
        raise DataError(_unreadable_price(named))
    other = [each for each in numbers if _fits(each, [_PRICE_WORD]) and reason_by_name(each.name) is None]
    if len(other) == 1:
        return Guess(other[0].name, "guess", "the only amounts whose name has the word for a price")
    raise DataError(
        "no column has the name of a sale price and positive numbers; name it with --price. The columns of numbers"
        f" are {_listed(numbers) or 'none'}"
    )


def _unreadable_price(price: Profile) -> str:
    """Return what is wrong with a column that has the name of a sale price, but values that are no numbers."""
    example = price.text.filter(pc.and_kleene(pc.is_valid(price.text), np.isnan(price.numbers)))[0].as_py()
    return (
        f"'{price.name}' has the name of a sale price, but {100 * (1 - price.number_share):.3g}% of its values are"
        f" no numbers, such as {format_value(example)}; correct them, or name another column with --price"
    )


def find_sale_date(profiles: Sequence[Profile]) -> Guess | None:
    """Return the column of the days of sale, or None."""
    dates = [profile for profile in profiles if profile.is_date]
    by_word = _by_words(dates, _DATE_WORDS)
    if by_word is not None:
        return Guess(by_word.name, "sure", "its name, and its values are dates")
    likely = [profile for profile in dates if _fits(profile, _DATE_PATTERNS)]
    if likely:
        return Guess(likely[0].name, "likely", "its name resembles that of the day of a sale")
    return None


def unreadable_sale_date(profiles: Sequence[Profile]) -> Profile | None:
    """Return a column whose name is that of the day of sale, but whose values are not dates."""
    others = [profile for profile in profiles if profile.known and not profile.is_date]
    return _by_words(others, _DATE_WORDS)


def find_home(profiles: Sequence[Profile], price: str) -> Guess | None:
    """Return the column that identifies the home, or None."""
    others = [profile for profile in profiles if profile.name != price and profile.known_share > 0.5]
    parcel = _by_words(others, _HOME_WORDS)
    if parcel is not None and parcel.distinct > 0.5 * parcel.known:
        return Guess(parcel.name, "sure", _repeats(parcel))
    numbered = _by_words([profile for profile in others if profile.distinct > 0.5 * profile.known], _ROW_WORDS)
    if numbered is not None:
        return Guess(numbered.name, "likely", _repeats(numbered))
    return None


def is_transaction_number(profile: Profile) -> bool:
    """Whether a column identifies a sale rather than a home, as HM Land Registry's does."""
    return re.search(_TRANSACTION, words_of(profile.name)) is not None


def _fits(profile: Profile, patterns: Sequence[str]) -> bool:
    """Whether one of some regular expressions is found in the words of a column's name."""
    return any(re.search(pattern, words_of(profile.name)) for pattern in patterns)


def _by_words(profiles: Sequence[Profile], words: str) -> Profile | None:
    """Return the column with the first of some names, separated by blanks, that a column has."""
    by_name = {plain_name(profile.name): profile for profile in reversed(profiles)}
    return next((by_name[word] for word in words.split() if word in by_name), None)


def _repeats(profile: Profile) -> str:
    repeated = profile.known - profile.distinct
    if not repeated:
        return "its name; no value occurs twice, so that each sale is a home of its own"
    homes = int(
        pc.sum(pc.greater(pc.struct_field(pc.value_counts(profile.text.drop_null()), "counts"), 1)).as_py()
    )
    return "its name; " + plural(homes, "home is", "homes are") + " sold more than once"


def _listed(profiles: Sequence[Profile]) -> str:
    return ", ".join(profile.name for profile in profiles)
