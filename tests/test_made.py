"""A job of the same identity ends at once; any other does its work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from anonbench import made
from anonbench.made import Made, check, digest_file
from anonbench.spent import Spent, read_spent


class Job:
    """A job of two outputs, one of them with its digest, from one input."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.code = "code"
        monkeypatch.setattr(made, "code_digest", lambda script: self.code)
        self.big, self.small = folder / "out" / "big.tar", folder / "out" / "small.csv"
        self.source = folder / "source.txt"
        self.source.write_text("source")
        self.inputs = [str(self.source)]
        self.parameters: dict[str, Any] = {"slice": {"sigma": 0.5}}
        self.runs = 0

    def made(self) -> Made:
        outputs = [digest_file(str(self.big)), str(self.big), str(self.small)]
        return Made("script.py", self.inputs, outputs, self.parameters)

    def run(self, text: str = "made") -> bool:
        """Run as the workflow does, which removes outputs first; tell whether work was done."""
        for path in (self.big, self.small, Path(digest_file(str(self.big)))):
            path.unlink(missing_ok=True)
        job = self.made()
        if job.restored():
            return False
        self.big.parent.mkdir(exist_ok=True)
        self.big.write_text(text)
        self.small.write_text(text)
        job.keep()
        return True

    @property
    def outputs(self) -> list[str]:
        return [self.big.read_text(), self.small.read_text()]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(tmp_path, monkeypatch)


def test_the_same_job_ends_at_once_with_the_same_outputs(job: Job) -> None:
    assert job.run()
    digest = Path(digest_file(str(job.big))).read_text()
    assert digest.split() == [made.file_digest(job.big), str(job.big.stat().st_size)]
    before = job.big.stat().st_ino
    assert not job.run("something else")
    assert job.outputs == ["made", "made"]
    assert job.big.stat().st_ino == before, "a link and no copy"
    assert Path(digest_file(str(job.big))).read_text() == digest
    assert not job.run("something else")


def test_a_run_without_work_tells_what_the_work_took(
    job: Job, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = Spent(3600.0, 7200.0, 512.0)
    monkeypatch.setattr(made, "of_this_process", lambda: spent)
    job.run()
    benchmark = tmp_path / "job.tsv"
    benchmark.write_text("s\tmax_rss\tcpu_time\n0.5\t1\t1\n")
    with caplog.at_level("INFO"):
        for run in range(2):  # the second time it is known from the first that had no work
            caplog.clear()
            assert not job.run()
            log = tmp_path / f"{run}.log"
            log.write_text(caplog.text)
            assert read_spent(benchmark, [log]) == spent


def test_times_of_inputs_and_planned_code_do_not_count(job: Job) -> None:
    assert job.run()
    os.utime(job.source, (1, 1))
    job.parameters["code"] = "as it was planned"
    assert not job.run()


@pytest.mark.parametrize("change", ["input", "parameter", "code", "inputs"])
def test_any_other_job_does_its_work(job: Job, change: str, tmp_path: Path) -> None:
    assert job.run()
    if change == "input":
        job.source.write_text("other")
    elif change == "parameter":
        job.parameters["slice"]["sigma"] = 0.6
    elif change == "code":
        job.code = "other code"
    else:
        (tmp_path / "more.txt").write_text("")
        job.inputs.append(str(tmp_path / "more.txt"))
    assert job.run("again")
    assert job.outputs == ["again", "again"]


def test_a_digest_stands_for_a_big_input(job: Job, tmp_path: Path) -> None:
    big = tmp_path / "set.tar"
    big.write_text("pixels")
    digest = Path(digest_file(str(big)))
    digest.write_text("abc")
    job.inputs += [str(digest), str(big)]
    assert job.run()
    big.write_text("never read")
    assert not job.run()
    digest.write_text("def")
    assert job.run()


@pytest.mark.parametrize("damage", ["removed", "other", "longer", "record"])
def test_what_is_damaged_is_made_again(job: Job, damage: str) -> None:
    job.run()
    kept = job.big.parent / made.FOLDER / job.big.name
    if damage == "removed":
        kept.unlink()
    elif damage == "record":
        next(kept.parent.glob("*.json")).write_text('{"identity":')
    else:
        kept.write_text("MADE" if damage == "other" else "made longer")
    assert job.run("again")
    assert job.outputs == ["again", "again"]


def test_copied_results_are_as_good(job: Job) -> None:
    job.run()
    for path in (job.big.parent / made.FOLDER).iterdir():
        if path.suffix != ".json":
            text = path.read_bytes()
            path.unlink()
            path.write_bytes(text)
            os.utime(path, (5, 5))
    assert not job.run()


def test_a_file_changed_by_hand_is_told_from_a_touched_one(job: Job) -> None:
    job.run()
    record = next((job.big.parent / made.FOLDER).glob("*.json"))
    assert check(record) == []
    os.utime(job.small, (7, 7))
    assert check(record) == []
    assert check(record) == []
    job.big.unlink()
    job.big.write_text("by hand")
    assert check(record) == [job.big]
    job.big.unlink()
    assert check(record) == [], "a file that is gone is no change"


def test_outputs_of_one_name_in_two_folders_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "code_digest", lambda script: "code")
    files = [tmp_path / "mask" / "val.h5", tmp_path / "original" / "val.h5"]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)
    job = Made("script.py", [], [str(file) for file in files], {})
    assert not job.restored()
    job.keep()
    (record,) = tmp_path.rglob(".made/*.json")
    assert made.outputs(record) == files
    for file in files:
        os.utime(file, (1, 1))
    assert check(record) == []
    files[1].unlink()
    files[1].write_text("changed!")
    assert check(record) == [files[1]]


def test_a_job_that_is_being_done_again_is_no_change_by_hand(job: Job) -> None:
    job.run()
    record = next((job.big.parent / made.FOLDER).glob("*.json"))
    job.parameters["slice"]["sigma"] = 0.6
    assert not job.made().restored()
    job.big.unlink()
    job.big.write_text("half of it, before it was killed")
    assert check(record) == []
    job.parameters["slice"]["sigma"] = 0.5
    assert not job.run("not needed"), "what was there before is kept all the same"
    assert job.outputs == ["made", "made"]
    job.big.unlink()
    job.big.write_text("by hand")
    assert check(record) == [job.big]
