"""Fake content: valid, of the kind asked for, and a function of sizes alone."""

import inspect
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core import fakes
from anonbench.core.fakes import PayloadKind, TextKind
from anonbench.core.icao9303 import Format, format_of, wrong_checks

SIZES = st.tuples(st.integers(8, 400), st.integers(8, 2000))


@pytest.mark.parametrize("layout", fakes.ZONES, ids=lambda layout: layout.name)
@given(size=SIZES)
@settings(max_examples=20)
def test_a_zone_has_its_format_and_all_check_digits(layout: Format, size: fakes.Size) -> None:
    lines = fakes.zone(layout, size)
    assert format_of(lines) is layout
    assert not wrong_checks(lines, layout)
    assert lines == fakes.zone(layout, size)
    assert sum(line.count(fakes.STATE) for line in lines) >= 2


@given(SIZES, st.sampled_from(list(TextKind)))
def test_lines_are_of_their_kind(size: fakes.Size, kind: TextKind) -> None:
    line = "".join(itertools.islice(fakes.characters(kind, size, 0), 60))
    plain = line.replace(" ", "")
    assert len(line) == 60 and "  " not in line
    assert plain.islower() is (kind is TextKind.WORDS)
    assert plain.isupper() is (kind is TextKind.CAPITALS)
    assert plain.translate(str.maketrans("", "", ".-/")).isdigit() is (kind is TextKind.DIGITS)


def test_sizes_and_rows_have_other_lines() -> None:
    lines = {
        "".join(itertools.islice(fakes.characters(TextKind.WORDS, (20, width), row), 20))
        for width in range(100, 140)
        for row in range(3)
    }
    assert len(lines) == 120


@given(SIZES, st.sampled_from(list(PayloadKind)), st.integers(1, 300))
def test_payloads_have_length_and_kind(size: fakes.Size, kind: PayloadKind, length: int) -> None:
    content = fakes.payload(kind, length, size)
    assert len(content) == length
    assert list(PayloadKind).index(fakes.payload_kind(content)) <= list(PayloadKind).index(kind)
    kinds = [fakes.payload_kind(text) for text in ("0123", "AB12", "ab", "A-1")]
    assert kinds == ["digits", "capitals", "any", "any"]


def test_nothing_that_makes_content_can_be_given_pixels() -> None:
    """What they take is what a replaced image shows anyway; so content tells no more than that."""
    taken = {
        parameter.annotation
        for function in (fakes.characters, fakes.zone, fakes.payload)
        for parameter in inspect.signature(function).parameters.values()
    }
    assert taken == {TextKind, PayloadKind, Format, fakes.Size, int}
