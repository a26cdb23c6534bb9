"""Results keep what Snakemake knows of them, and what was changed by hand is taken away."""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from anonbench import made
from anonbench.made import Made, digest_file
from anonbench.settle import of_another_version, remember, settle


def record(snakemake: Path, output: str, text: str) -> Path:
    """Write a record as Snakemake does: long names are cut into folders."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + 254] for i in range(0, len(name), 254)]
    path = snakemake.joinpath("metadata", *[f"@{part}" for part in parts[:-1]], parts[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / ".snakemake").mkdir()
    return tmp_path


def test_lost_records_come_back(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    short = record(snakemake, "results/a.csv", "one")
    long = record(snakemake, "results/" + "/".join(3 * [100 * "b"]) + ".csv", "two")
    remember(results, snakemake)
    for path in (short, long):
        path.unlink()
    (snakemake / "anonbench-owner").unlink()
    assert settle(results, snakemake) == []
    assert (short.read_text(), long.read_text()) == ("one", "two")


def test_records_of_other_results_give_way(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    kept = record(snakemake, "results/a.csv", "ours")
    remember(results, snakemake)
    (snakemake / "anonbench-owner").write_text("someone else's")
    kept.write_text("theirs")
    foreign = record(snakemake, "results/b.csv", "theirs")
    other = record(snakemake, "elsewhere/b.csv", "theirs")
    settle(results, snakemake)
    assert kept.read_text() == "ours"
    assert not foreign.exists()
    assert other.exists()


def test_records_of_the_same_results_stay(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    path = record(snakemake, "results/a.csv", "old")
    remember(results, snakemake)
    path.write_text("newer, of a run that was killed")
    settle(results, snakemake)
    assert path.read_text() == "newer, of a run that was killed"


def test_what_is_kept_depends_on_the_records_alone(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    record(snakemake, "results/a.csv", "one")
    remember(results, snakemake)
    before = (results / ".records.json.gz").read_bytes()
    remember(results, snakemake)
    assert (results / ".records.json.gz").read_bytes() == before


@pytest.mark.parametrize("foreign", [False, True])
def test_results_of_which_nothing_is_known_are_left_to_their_jobs(
    folder: Path, foreign: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "code_digest", lambda script: "code")
    big = folder / "results" / "set" / "0.tar"
    big.parent.mkdir()
    big.write_text("made")
    job = Made("s.py", [], [str(big)], {})
    assert not job.restored()
    job.keep()
    if foreign:
        record(folder / ".snakemake", "results/set/0.tar", "theirs")
        (folder / ".snakemake" / "anonbench-owner").write_text("theirs")
    settle(folder / "results", folder / ".snakemake")
    assert not big.exists()
    assert job.restored()
    assert big.read_text() == "made"


def test_a_file_changed_by_hand_is_taken_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "code_digest", lambda script: "code")
    big = folder / "results" / "set" / "0.tar"
    big.parent.mkdir()
    big.write_text("made")
    job = Made("s.py", [], [digest_file(str(big)), str(big)], {})
    assert not job.restored()
    job.keep()
    record(folder / ".snakemake", "results/set/0.tar", "ours")
    assert settle(folder / "results", folder / ".snakemake") == []
    big.unlink()
    big.write_text("hand")
    lock = folder / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir()
    lock.write_text("")
    assert settle(folder / "results", folder / ".snakemake") == [], "a run is going on"
    assert big.read_text() == "hand"
    lock.unlink()
    assert settle(folder / "results", folder / ".snakemake") == [big]
    assert big.with_name("0.tar.by-hand").read_text() == "hand"
    assert not big.exists()
    mark = Path(digest_file(str(big)))
    assert mark.read_text().startswith("missing")
    # a dry run after a dry run
    assert settle(folder / "results", folder / ".snakemake") == []
    assert mark.read_text().startswith("missing")


def test_readers_of_what_a_failed_job_left_missing_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "code_digest", lambda script: "code")
    model = folder / "results" / "model" / "backbone.safetensors"
    model.parent.mkdir()
    model.write_text("weights")
    job = Made("s.py", [], [digest_file(str(model)), str(model)], {})
    assert not job.restored()
    job.keep()
    record(folder / ".snakemake", "results/model/backbone.safetensors", "ours")
    digest = Path(digest_file(str(model)))
    before = digest.read_text()
    model.unlink()  # to save room
    assert settle(folder / "results", folder / ".snakemake") == []
    assert digest.read_text() == before
    digest.unlink()  # as Snakemake does with the outputs of a failed job
    assert settle(folder / "results", folder / ".snakemake") == []
    assert digest.read_text() != before
    assert Made("s.py", [], [str(digest), str(model)], {}).restored()
    assert digest.read_text() == before
    assert settle(folder / "results", folder / ".snakemake") == []


def test_without_results_there_is_nothing_to_settle(tmp_path: Path) -> None:
    assert settle(tmp_path / "results", tmp_path / ".snakemake") == []
    remember(tmp_path / "results", tmp_path / ".snakemake")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no gzip", b"\x1f\x8b\x08\x00half"])
def test_damaged_records_are_as_none(
    folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    kept = record(snakemake, "results/a.csv", "theirs")
    remember(results, snakemake)
    (results / ".records.json.gz").write_bytes(content)
    (snakemake / "anonbench-owner").unlink()
    assert settle(results, snakemake) == []
    assert kept.exists()
    assert "damaged" in caplog.text


def test_results_of_another_version_are_named_with_the_way_to_keep_them(folder: Path) -> None:
    results = folder / "results"
    assert of_another_version(results) is None
    remember(results, folder / ".snakemake")
    assert of_another_version(results) is None
    (results / ".anonbench-version").write_text("0.0.1")
    told = of_another_version(results)
    assert told is not None
    assert f"{results} was written by anonbench 0.0.1" in told
    assert "--config results=" in told


def test_results_elsewhere_have_records_too(folder: Path, tmp_path: Path) -> None:
    results, snakemake = tmp_path / "elsewhere", folder / ".snakemake"
    results.mkdir()
    path = record(snakemake, f"{results}/a.csv", "one")
    remember(results, snakemake)
    path.unlink()
    (snakemake / "anonbench-owner").unlink()
    settle(results, snakemake)
    assert path.read_text() == "one"


def test_a_run_that_failed_on_a_full_disk_ends_without_another_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    remember(folder / "results", folder / ".snakemake")
    assert "No space left" in caplog.text


def test_a_small_file_that_a_failed_job_left_missing_is_made_again(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    known = record(snakemake, "results/a.csv", "one")
    for name in ("gone/b.csv", "report.html"):
        record(snakemake, f"results/{name}", "two")
    settle(results, snakemake)
    assert (results / "a.csv").read_text() == "missing: changed by hand, or its job failed\n"
    assert (snakemake / "incomplete" / known.name).exists()
    assert sorted(path.name for path in results.iterdir()) == ["a.csv"]


def test_a_file_that_a_killed_job_left_missing_is_made_again(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    mark = snakemake / "incomplete" / record(snakemake, "results/a.csv", "one").name
    mark.parent.mkdir()
    mark.touch()
    settle(results, snakemake)
    assert (results / "a.csv").exists()
    assert mark.exists()


def test_files_of_the_future_are_dated_now(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    results = folder / "results"
    old, ahead = results / "old", results / "ahead"
    for path, when in ((old, 1000.0), (ahead, time.time() + 1000)):
        path.touch()
        os.utime(path, (when, when))
    settle(results, folder / ".snakemake")
    assert ahead.stat().st_mtime <= time.time()
    assert old.stat().st_mtime == 1000.0
    assert "1 files in" in caplog.text
