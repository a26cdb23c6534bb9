"""Zones that are read, and the demo's, against the specimens printed in ICAO Doc 9303."""

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core import icao9303
from anonbench_demo import mrz
from icao_specimens import SPECIMENS

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
HOLDERS = st.builds(
    mrz.Holder,
    surname=st.text(min_size=1, max_size=60),
    given=st.text(min_size=1, max_size=60),
    nationality=st.just("UTO"),
    birth=st.dates(date(1900, 1, 1), date(2099, 1, 1)),
    sex=st.sampled_from("MF<"),
    number=st.text(alphabet=CHARACTERS[:-1], min_size=1, max_size=9),
    expiry=st.dates(date(2000, 1, 1), date(2099, 1, 1)),
)


def holder(given: str, number: str, **more: str) -> mrz.Holder:
    dates = date(1974, 8, 12), date(2012, 4, 15)
    return mrz.Holder("Eriksson", given, "UTO", dates[0], "F", number, dates[1], **more)


def test_the_demos_lines_are_those_of_the_specimens() -> None:
    passport = holder("Anna Maria", "L898902C3", optional="ZE184226B")
    assert mrz.td3("P", "UTO", passport) == SPECIMENS["TD3"]
    assert mrz.td1("I", "UTO", holder("Anna Maria", "D23145890")) == SPECIMENS["TD1"]
    dates = date(1980, 1, 1), date(2018, 12, 31)
    french = mrz.Holder("Martin", "Paul", "FRA", dates[0], "M", "13AA00002", dates[1])
    assert mrz.licence("FRA", french) == ["D1FRA13AA000026181231MARTIN<<9"]
    assert icao9303.plausibility("D1FRA13AA000026181231MARTIN<<9") == 1.0


@settings(max_examples=20)
@given(HOLDERS)
def test_the_demos_zones_are_right(holder: mrz.Holder) -> None:
    for lines, layout in (
        (mrz.td3("P", "UTO", holder), icao9303.TD3),
        (mrz.td1("I", "UTO", holder), icao9303.TD1),
    ):
        assert icao9303.format_of(lines) is layout
        assert icao9303.wrong_checks(lines, layout) == []
    (line,) = mrz.licence("UTO", holder)
    assert re.fullmatch("[A-Z0-9<]{30}", line)


def test_transliteration() -> None:
    printed = {"Müller-Weiß": "MUELLER<WEISS", "d'Été": "DETE", "Łódź Ångström": "LODZ<AANGSTROEM"}
    assert {name: mrz.transliterate(name) for name in printed} == printed


@pytest.mark.parametrize("name", SPECIMENS)
def test_specimens_are_recognized_and_right(name: str) -> None:
    lines = SPECIMENS[name]
    layout = icao9303.format_of(lines)
    assert layout is not None
    assert layout.name == name.partition(",")[0]
    assert icao9303.wrong_checks(lines, layout) == []
    assert icao9303.verified(lines)
    assert min(icao9303.plausibility(line) for line in lines) == 1.0
    for check in layout.checks:
        line, at = lines[check.line], check.at
        if line[at] == "<":
            continue  # it stands for an empty field, or the digit is elsewhere
        for digit in set("0123456789") - {line[at]}:
            changed = list(lines)
            changed[check.line] = line[:at] + digit + line[at + 1 :]
            assert check in icao9303.wrong_checks(changed, layout)


def test_what_a_check_digit_is_of() -> None:
    with pytest.raises(ValueError, match="A to Z"):
        icao9303.check_digit("ab")
    lines = list(SPECIMENS["TD1, long number"])
    lines[0] = lines[0].replace("7349", "7348")  # the last digit of a long number's rest
    assert len(icao9303.wrong_checks(lines, icao9303.TD1)) == 2  # the number's and the composite
    # only a passport's empty optional field may go without a digit
    empty = [SPECIMENS["TD3"][0], SPECIMENS["TD3"][1][:28] + "<" * 16]
    assert [check.at for check in icao9303.wrong_checks(empty, icao9303.TD3)] == [43]


@given(st.text(CHARACTERS, min_size=2, max_size=40), st.data())
def test_check_digits_notice_changes_and_swaps(field: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(field) - 2))
    other = data.draw(st.sampled_from(CHARACTERS))
    values = [0 if each == "<" else CHARACTERS.index(each) for each in field[at : at + 2] + other]
    one, two = field[at : at + 2]
    for changed, is_noticed in (
        (other + two, (values[0] - values[2]) % 10 != 0),
        (two + one, (values[0] - values[1]) % 5 != 0),
    ):
        digit = icao9303.check_digit(field[:at] + changed + field[at + 2 :])
        assert (digit != icao9303.check_digit(field)) == is_noticed


def test_readings_are_corrected_by_class() -> None:
    first, second = SPECIMENS["TD3"]
    misread = [first.replace("UTO", "UT0"), second.replace("7408122", "74O8I2Z")]
    assert icao9303.format_of(misread) is None
    assert icao9303.verified(misread)
    assert not icao9303.verified([first, second.replace("7408122", "7408123")])


@pytest.mark.parametrize(
    ("reading", "least", "most"),
    [
        ("SAMPLEK<SUSANNAKK<<KKKKKK<KKK", 0.9, 1.0),  # fillers read as K
        ("p<uT0ErIKSS0n<<annA<mArIA<<<<<<<<", 0.9, 1.0),
        ("1234567897CAN6612120M1407282B3XLC000FD142955", 0.9, 1.0),  # dates, and not one filler
        ("P«UTOERIKSSON««ANNA«MARIA««««««««", 0.9, 1.0),
        ("D1UT0HL30032391280804MARQUES<3", 0.7, 1.0),
        # numbers around a letter are dates only with months, days and check digits
        ("2051787M105100003012M08219752M", 0.0, 0.7),  # a cheque's magnetic ink
        ("D231458907UTO7408122F1204159ABCDEF6", 1.0, 1.0),
        ("D231458907UTO7408123F1204159ABCDEF6", 0.7, 0.99),
        # other text
        ("We look forward to meeting you on 12 August", 0.0, 0.5),
        ("IBAN DE89 3704 0044 0532 0130 00", 0.0, 0.5),
        ("4012345 67890 19870401 19870430", 0.0, 0.5),
        ("......................................", 0.0, 0.5),
        ("KKKKKKKKKKKKKKKKKKKKKKKKKKKKKK", 0.0, 0.5),
        ("", 0.0, 0.5),
    ],
)
def test_plausibility_of_misread_lines(reading: str, least: float, most: float) -> None:
    assert least <= icao9303.plausibility(reading) <= most


def test_dates_tell_the_second_line() -> None:
    assert [icao9303.has_dates(line) for line in SPECIMENS["TD3"]] == [False, True]
    second = [SPECIMENS[name][1] for name in ("TD3", "TD1")]
    assert [icao9303.begins_with_dates(line) for line in second] == [False, True]
