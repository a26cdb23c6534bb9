"""Numbers with their nouns and units."""

from __future__ import annotations

import pytest

from anonbench.core.wording import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (3.4, "3 s"), (59.9, "1 min 00 s"), (3599, "59 min 59 s"), (7322, "2 h 02 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
