"""Check digits against the specimens printed in ICAO Doc 9303, and what the scheme promises."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core import icao9303
from anonbench_demo import mrz as drawn

SPECIMENS = {
    "TD3": [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ],
    "TD1": [
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    ],
    "TD1, long number": [
        "I<UTOD23145890<7349<<<<<<<<<<<",
        "3407127M9507122UTO<<<<<<<<<<<2",
        "STEVENSON<<PETER<JOHN<<<<<<<<<",
    ],
    "TD2": ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"],
    "TD2, long number": [
        "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<",
        "D23145890<UTO3407127M95071227349<<<8",
    ],
    "MRV-A": [
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
    ],
    "MRV-B": ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"],
}
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"


@pytest.mark.parametrize("name", SPECIMENS)
def test_specimens_are_recognized_and_right(name: str) -> None:
    lines = SPECIMENS[name]
    layout = icao9303.format_of(lines)
    assert layout is not None
    assert layout.name == name.partition(",")[0]
    assert icao9303.wrong_checks(lines, layout) == []
    assert icao9303.verified(lines)
    assert min(icao9303.plausibility(line) for line in lines) == 1.0


def test_published_check_digits() -> None:
    # part 3, appendix A: date and document number
    assert icao9303.check_digit("520727") == "3"
    assert icao9303.check_digit("AB2134<<<") == "5"
    with pytest.raises(ValueError, match="A to Z"):
        icao9303.check_digit("ab")


def test_the_demos_zones_are_right() -> None:
    holder = drawn.Holder(
        "Müller", "Ada", "UTO", date(1970, 1, 2), "F", "C01X00T47", date(2030, 3, 4)
    )
    for lines, name in (
        (drawn.td3("P", "UTO", holder), "TD3"),
        (drawn.td1("I", "UTO", holder), "TD1"),
    ):
        layout = icao9303.format_of(lines)
        assert layout is not None
        assert layout.name == name
        assert icao9303.wrong_checks(lines, layout) == []
    assert icao9303.plausibility(drawn.licence("UTO", holder)[0]) == 1.0


@given(st.text(CHARACTERS, min_size=1, max_size=40), st.data())
def test_a_changed_character_is_noticed_unless_it_has_the_same_last_digit(
    field: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(field) - 1))
    other = data.draw(st.sampled_from(CHARACTERS))
    changed = field[:at] + other + field[at + 1 :]
    noticed = icao9303.check_digit(field) != icao9303.check_digit(changed)
    assert noticed == ((value(field[at]) - value(other)) % 10 != 0)


@given(st.text(CHARACTERS, min_size=2, max_size=40), st.data())
def test_exchanged_neighbours_are_noticed_unless_they_differ_by_fives(
    field: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(field) - 2))
    changed = field[:at] + field[at + 1] + field[at] + field[at + 2 :]
    noticed = icao9303.check_digit(field) != icao9303.check_digit(changed)
    assert noticed == ((value(field[at]) - value(field[at + 1])) % 5 != 0)


def value(character: str) -> int:
    return 0 if character == "<" else CHARACTERS.index(character)


@pytest.mark.parametrize("name", SPECIMENS)
def test_any_other_check_digit_is_wrong(name: str) -> None:
    lines = SPECIMENS[name]
    layout = icao9303.format_of(lines)
    assert layout is not None
    for check in layout.checks:
        line, at = lines[check.line], check.at
        if line[at] == "<":
            continue  # it stands for an empty field, or the digit is elsewhere
        for digit in set("0123456789") - {line[at]}:
            changed = list(lines)
            changed[check.line] = line[:at] + digit + line[at + 1 :]
            assert check in icao9303.wrong_checks(changed, layout)


def test_the_digit_of_a_long_number_is_the_last_one_of_its_rest() -> None:
    lines = list(SPECIMENS["TD1, long number"])
    lines[0] = lines[0].replace("7349", "7348")
    assert len(icao9303.wrong_checks(lines, icao9303.TD1)) == 2  # the number's and the composite


def test_only_a_passports_empty_optional_field_may_go_without_digit() -> None:
    empty = [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159" + "<" * 16,
    ]
    wrong = icao9303.wrong_checks(empty, icao9303.TD3)
    assert [check.at for check in wrong] == [43]


def test_readings_are_corrected_by_class() -> None:
    first, second = SPECIMENS["TD3"]
    misread = [first.replace("UTO", "UT0"), second.replace("7408122", "74O8I2Z")]
    assert icao9303.format_of(misread) is None
    assert icao9303.verified(misread)
    assert not icao9303.verified([first, second.replace("7408122", "7408123")])


@pytest.mark.parametrize(
    ("reading", "least"),
    [
        ("SAMPLEK<SUSANNAKK<<KKKKKK<KKK", 0.9),  # fillers read as K
        ("p<uT0ErIKSS0n<<annA<mArIA<<<<<<<<", 0.9),
        ("1234567897CAN6612120M1407282B3XLC000FD142955", 0.9),  # dates, and not one filler
        ("P«UTOERIKSSON««ANNA«MARIA««««««««", 0.9),
        ("D1UT0HL30032391280804MARQUES<3", 0.7),
    ],
)
def test_misread_lines_still_look_like_a_zone(reading: str, least: float) -> None:
    assert icao9303.plausibility(reading) >= least


@pytest.mark.parametrize(
    "text",
    [
        "We look forward to meeting you on 12 August",
        "DIVISION OF TOBACCO RESEARCH 1987",
        "TOTAL RM 120.50 CASH 150.00 CHANGE 29.50",
        "IBAN DE89 3704 0044 0532 0130 00",
        "Direct mail to the customers",
        "4012345 67890 19870401 19870430",
        "......................................",
        "KKKKKKKKKKKKKKKKKKKKKKKKKKKKKK",
        "<<",
        "",
    ],
)
def test_other_text_does_not(text: str) -> None:
    assert icao9303.plausibility(text) < 0.5


def test_numbers_around_a_letter_are_dates_only_with_months_days_and_check_digits() -> None:
    assert icao9303.plausibility("2051787M105100003012M08219752M") < 0.7  # a cheque's magnetic ink
    assert icao9303.plausibility("D231458907UTO7408122F1204159ABCDEF6") == 1.0
    assert 0.7 < icao9303.plausibility("D231458907UTO7408123F1204159ABCDEF6") < 1.0


def test_dates_tell_the_second_line() -> None:
    assert not icao9303.has_dates(SPECIMENS["TD3"][0])
    assert icao9303.has_dates(SPECIMENS["TD3"][1])
    assert not icao9303.begins_with_dates(SPECIMENS["TD3"][1])
    assert icao9303.begins_with_dates(SPECIMENS["TD1"][1])
