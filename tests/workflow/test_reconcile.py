"""Results keep what Snakemake knows of them, and what was changed by hand is taken away."""

from __future__ import annotations

import os
import shutil
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import record_of, verify, write_checksum
from anonbench.workflow.reconcile import is_placeholder, of_another_version, reconcile, remember
from anonbench.workflow.snakemake_metadata import encoded


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
    remember(results, snakemake, 0)
    for path in (short, long):
        path.unlink()
    (snakemake / "anonbench-owner").unlink()
    assert reconcile(results, snakemake) == []
    assert (short.read_text(), long.read_text()) == ("one", "two")


def test_records_of_other_results_give_way(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    kept = record(snakemake, "results/a.csv", "ours")
    remember(results, snakemake, 0)
    (snakemake / "anonbench-owner").write_text("someone else's")
    kept.write_text("theirs")
    foreign = record(snakemake, "results/b.csv", "theirs")
    other = record(snakemake, "elsewhere/b.csv", "theirs")
    reconcile(results, snakemake)
    assert kept.read_text() == "ours"
    assert not foreign.exists()
    assert other.exists()


def test_records_of_the_same_results_stay(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    path = record(snakemake, "results/a.csv", "old")
    remember(results, snakemake, 0)
    path.write_text("newer, of a run that was killed")
    reconcile(results, snakemake)
    assert path.read_text() == "newer, of a run that was killed"


def test_what_is_kept_depends_on_the_records_alone(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    record(snakemake, "results/a.csv", "one")
    remember(results, snakemake, 0)
    before = (results / ".records.json.gz").read_bytes()
    remember(results, snakemake, 0)
    assert (results / ".records.json.gz").read_bytes() == before


def written(path: Path, text: str = "made") -> Path:
    """Write a file as a job does, with its checksum and what Snakemake knows of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    write_checksum(path)
    folder = next(parent for parent in path.parents if (parent / ".snakemake").is_dir())
    record(folder / ".snakemake", str(path.relative_to(folder)), "ours")
    return path


def is_begun_again(path: Path, snakemake: Path) -> bool:
    return (snakemake / "incomplete" / encoded(path.as_posix())).exists()


@pytest.mark.parametrize("foreign", [False, True])
def test_results_of_which_nothing_is_known_are_left_to_their_jobs(
    folder: Path, foreign: bool
) -> None:
    snakemake = folder / ".snakemake"
    big = written(folder / "results" / "set" / "0.tar")
    (snakemake / "anonbench-owner").write_text("theirs" if foreign else "")
    if not foreign:
        shutil.rmtree(snakemake / "metadata")
    assert reconcile(folder / "results", snakemake) == []
    assert is_begun_again(big, snakemake)
    assert not any((snakemake / "metadata").rglob("*")), "nor what Snakemake knew of others"


@pytest.mark.parametrize("name", ["0.tar", "scores.csv", "table.tex", "figure.png"])
@pytest.mark.parametrize("content", ["", "ma", "other content", "madE"])
def test_a_damaged_file_is_put_aside_and_made_again(folder: Path, name: str, content: str) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    file, good = written(results / "set" / name), written(results / "set" / "good.csv")
    assert reconcile(results, snakemake) == []
    time = file.stat().st_mtime_ns
    file.write_text(content)
    if len(content) != len("made"):  # the size tells, whatever the time
        os.utime(file, ns=(time, time))
    lock = snakemake / "locks" / "0.output.lock"
    lock.parent.mkdir()
    lock.write_text("")
    assert reconcile(results, snakemake) == [], "a run is going on"
    assert file.read_text() == content
    lock.unlink()
    assert reconcile(results, snakemake) == [file]
    assert file.with_name(f"{name}.by-hand").read_text() == content
    assert is_placeholder(file)
    assert is_begun_again(file, snakemake)
    assert not is_begun_again(good, snakemake)
    shutil.rmtree(snakemake / "incomplete")
    assert reconcile(results, snakemake) == [], "the second time nothing is put aside"
    assert is_begun_again(file, snakemake)
    with pytest.raises(InputError, match="is damaged"):
        verify(file, must_be_known=True)


@pytest.mark.parametrize("damage", ["removed", "cut", "of another"])
def test_what_no_record_tells_of_is_made_again(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    file, other = written(results / "a.csv"), written(results / "b.csv")
    notes = results / "notes.csv"
    notes.write_text("the user's own")
    if damage == "removed":
        record_of(file).unlink()
    elif damage == "cut":
        os.truncate(record_of(file), 40)
    else:
        shutil.copy(record_of(other), record_of(file))
    assert reconcile(results, snakemake, lambda path: not path.endswith("notes.csv")) == []
    assert file.read_text() == "made", "only its job takes it away"
    assert is_begun_again(file, snakemake)
    assert not is_begun_again(other, snakemake)
    assert not is_begun_again(notes, snakemake)
    assert "nothing says what 1 files hold, such as" in caplog.text


def test_only_a_digest_is_missed_of_what_can_be_put_back(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    model = written(results / "model" / "backbone.safetensors")
    digest = written(results / "model" / "backbone.safetensors.digest")
    index, table = written(results / "model" / "log.csv"), written(results / "model" / "a.csv")
    write_checksum(index, identity="of its job")
    for path in (model, index):  # to save room
        path.unlink()
    assert reconcile(results, snakemake) == []
    assert not model.exists()
    assert not index.exists()
    for path in (digest, table):  # as Snakemake does with the outputs of a failed job
        path.unlink()
    assert reconcile(results, snakemake) == []
    for path in (digest, table):
        assert is_placeholder(path)
        assert is_begun_again(path.relative_to(folder), snakemake)


def test_results_that_cannot_be_written_to_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    results, snakemake = folder / "results", folder / ".snakemake"
    file = written(results / "a.csv")
    monkeypatch.setattr("pathlib.Path.replace", refuse)
    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    assert reconcile(results, snakemake) == []
    os.truncate(file, 1)
    with pytest.raises(InputError, match=r"results cannot be written to \(Read-only file system\)"):
        reconcile(results, snakemake)


def test_without_results_there_is_nothing_to_settle(tmp_path: Path) -> None:
    assert reconcile(tmp_path / "results", tmp_path / ".snakemake") == []
    remember(tmp_path / "results", tmp_path / ".snakemake", 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no gzip", b"\x1f\x8b\x08\x00half"])
def test_damaged_records_are_as_none(
    folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    kept = record(snakemake, "results/a.csv", "theirs")
    remember(results, snakemake, 0)
    (results / ".records.json.gz").write_bytes(content)
    (snakemake / "anonbench-owner").unlink()
    assert reconcile(results, snakemake) == []
    assert not kept.exists()
    assert "damaged" in caplog.text


def test_results_of_another_version_are_named_with_the_way_to_keep_them(folder: Path) -> None:
    results = folder / "results"
    assert of_another_version(results) is None
    remember(results, folder / ".snakemake", 0)
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
    remember(results, snakemake, 0)
    path.unlink()
    (snakemake / "anonbench-owner").unlink()
    reconcile(results, snakemake)
    assert path.read_text() == "one"


def test_a_run_that_failed_on_a_full_disk_ends_without_another_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    remember(folder / "results", folder / ".snakemake", 0)
    assert "No space left" in caplog.text


def test_a_small_file_that_a_failed_job_left_missing_is_made_again(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    known = record(snakemake, "results/a.csv", "one")
    for name in ("gone/b.csv", "report.html"):
        record(snakemake, f"results/{name}", "two")
    reconcile(results, snakemake)
    assert (results / "a.csv").read_text() == "missing: changed by hand, or its job failed\n"
    assert (snakemake / "incomplete" / known.name).exists()
    assert sorted(path.name for path in results.iterdir()) == ["a.csv"]


def test_a_file_that_a_killed_job_left_missing_is_made_again(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    mark = snakemake / "incomplete" / record(snakemake, "results/a.csv", "one").name
    mark.parent.mkdir()
    mark.touch()
    reconcile(results, snakemake)
    assert (results / "a.csv").exists()
    assert mark.exists()


def test_a_file_that_no_job_makes_any_more_is_not_missed(folder: Path) -> None:
    results, snakemake = folder / "results", folder / ".snakemake"
    for name in ("a.csv", "b.csv"):
        record(snakemake, f"results/{name}", "one")
    reconcile(results, snakemake, lambda path: path.endswith("results/b.csv"))
    assert [path.name for path in results.iterdir()] == ["b.csv"]


def test_files_of_the_future_are_dated_now(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    results = folder / "results"
    old, ahead = results / "old", results / "ahead"
    for path, when in ((old, 1000.0), (ahead, time.time() + 1000)):
        path.touch()
        os.utime(path, (when, when))
    reconcile(results, folder / ".snakemake")
    assert ahead.stat().st_mtime <= time.time()
    assert old.stat().st_mtime == 1000.0
    assert "1 files in" in caplog.text
