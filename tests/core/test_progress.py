"""Progress bars, also renewed while one item takes long; numbers with their units."""

import re
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


def test_the_time_left_grows_while_one_item_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "ALIVE", 0.1)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    for number in progress.track(range(3), 3, "images"):
        time.sleep(0.8 if number == 1 else 0.01)
    left = re.findall(r"1/3 \[00:\d\d<00:(\d\d)", capsys.readouterr().err)
    assert int(left[0]) == 0 < int(left[-1])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (3.4, "3 s"), (59.9, "1 min 00 s"), (3599, "59 min 59 s"), (7322, "2 h 02 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
