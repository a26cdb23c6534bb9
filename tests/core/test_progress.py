"""Progress bars, also renewed while one item takes long; numbers with their units."""

import time

import pytest

from anonbench.core import progress
from anonbench.core.wording import duration


def test_a_bar_says_that_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "ALIVE", 0.02)
    for _ in progress.track(iter([[1, 2], [3]]), 3, "images embedded", len):
        time.sleep(0.3)
    assert capsys.readouterr().err.count("images embedded") > 6
    assert list(progress.track(iter("abc"), 3, "letters")) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (3.4, "3 s"), (59.9, "1 min 00 s"), (3599, "59 min 59 s"), (7322, "2 h 02 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
