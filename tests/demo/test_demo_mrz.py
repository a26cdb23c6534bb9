"""Check digits and lines against the specimens of ICAO Doc 9303 and the French driving licence."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.icao9303 import check_digit
from anonbench_demo import mrz

ANNA = mrz.Holder(
    "Eriksson",
    "Anna Maria",
    "UTO",
    date(1974, 8, 12),
    "F",
    "L898902C3",
    date(2012, 4, 15),
    "ZE184226B",
)
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
holders = st.builds(
    mrz.Holder,
    surname=st.text(min_size=1, max_size=60),
    given=st.text(min_size=1, max_size=60),
    nationality=st.just("UTO"),
    birth=st.dates(date(1900, 1, 1), date(2099, 1, 1)),
    sex=st.sampled_from("MF<"),
    number=st.text(alphabet=CHARACTERS, min_size=1, max_size=9),
    expiry=st.dates(date(2000, 1, 1), date(2099, 1, 1)),
)


@pytest.mark.parametrize(
    ("field", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("L898902C3", "6"),
        ("740812", "2"),
        ("120415", "9"),
        ("ZE184226B<<<<<", "1"),
        ("D23145890", "7"),
    ],
)
def test_check_digits_of_the_standard(field: str, digit: str) -> None:
    assert check_digit(field) == digit


def test_passport_specimen() -> None:
    assert mrz.td3("P", "UTO", ANNA) == [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ]


def test_card_specimen() -> None:
    holder = mrz.Holder("Eriksson", "Anna Maria", "UTO", ANNA.birth, "F", "D23145890", ANNA.expiry)
    assert mrz.td1("I", "UTO", holder) == [
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    ]


def test_licence_specimen() -> None:
    holder = mrz.Holder(
        "Martin", "Paul", "FRA", date(1980, 1, 1), "M", "13AA00002", date(2018, 12, 31)
    )
    assert mrz.licence("FRA", holder) == ["D1FRA13AA000026181231MARTIN<<9"]


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Müller-Weiß", "MUELLER<WEISS"),
        ("d'Été", "DETE"),
        ("Łódź", "LODZ"),
        ("Björk Ångström", "BJOERK<AANGSTROEM"),
        ("Peña", "PENA"),
    ],
)
def test_transliteration(name: str, printed: str) -> None:
    assert mrz.transliterate(name) == printed


@given(holders)
def test_lines_have_their_lengths_and_alphabet(holder: mrz.Holder) -> None:
    for lines, length in (
        (mrz.td3("P", "UTO", holder), 44),
        (mrz.td1("I", "UTO", holder), 30),
        (mrz.licence("UTO", holder), 30),
    ):
        assert all(re.fullmatch(f"[A-Z0-9<]{{{length}}}", line) for line in lines)


@given(holders)
def test_composite_digits_check(holder: mrz.Holder) -> None:
    passport = mrz.td3("P", "UTO", holder)[1]
    assert check_digit(passport[:10] + passport[13:20] + passport[21:43]) == passport[43]
    first, second, _ = mrz.td1("I", "UTO", holder)
    checked = first[5:] + second[:7] + second[8:15] + second[18:29]
    assert check_digit(checked) == second[29]
