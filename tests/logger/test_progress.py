"""The progress line: counting and the estimate."""

from __future__ import annotations

import pytest

from snakemake_logger_plugin_anonbench.progress import Progress, duration


def test_a_run_is_counted_and_estimated_rule_by_rule() -> None:
    progress = Progress()
    progress.plan({"train": 4, "table": 2, "total": 6})
    assert progress.seconds_left(0.0) is None
    progress.start(1, "train", {"dataset": "ids"}, 0.0)
    progress.start(2, "train", {"dataset": "faces"}, 0.0)
    assert "train ids, train faces" in progress.line(5.0)
    progress.finish(1, 10.0)
    progress.finish(2, 10.0)
    # left: two trainings of ten seconds, two tables taken to last the mean; two run at once
    assert progress.seconds_left(10.0) == pytest.approx(20.0)
    progress.start(3, "table", {}, 10.0)
    progress.finish(3, 11.0)
    assert progress.seconds_left(11.0) == pytest.approx((2 * 10 + 1) / (21 / 11))
    assert progress.line(11.0).startswith("[ 50 %] 3 of 6 jobs, 11 s so far, about ")


def test_what_never_ran_here_lasts_as_long_as_in_earlier_runs() -> None:
    progress = Progress()
    progress.plan({"train": 1, "table": 2, "total": 3})
    progress.expect({"train": 60.0})
    progress.start(1, "train", {}, 0.0)
    # a table, of which nothing is known, as the mean of all
    assert progress.seconds_left(10.0) == pytest.approx(60 + 2 * 60 - 10)
    progress.finish(1, 100.0)
    assert progress.seconds_left(100.0) == pytest.approx(2 * 100)


def test_a_job_that_failed_is_neither_done_nor_left() -> None:
    progress = Progress()
    progress.plan({"train": 2, "total": 2})
    progress.start(1, "train", {}, 0.0)
    progress.start(2, "train", {}, 0.0)
    progress.fail(1)
    progress.finish(2, 4.0)
    assert (progress.done, progress.failed) == (1, 1)
    assert progress.seconds_left(5.0) == 0.0
    assert "1 failed" in progress.line(5.0)
    progress.finish(99, 5.0)  # a job that was never seen to begin
    assert progress.done == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.4, "3 s"), (59.9, "1 min 00 s"), (3599, "59 min 59 s"), (7322, "2 h 02 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
