"""Results are checked without a change, and repaired when a run starts."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import is_intact, read_checksum, record_of, write_checksum
from anonbench.workflow.reconcile import Results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "results"
    path.mkdir()
    return path


def written(path: Path, text: str = "made") -> Path:
    """Write a file as a job does, with its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    write_checksum(path)
    return path


def outdated(folder: Path, *unknown: Path) -> set[Path]:
    """Return files whose jobs have to run again; Snakemake knows all but `unknown`."""
    names = {path.as_posix() for path in unknown}
    return set(map(Path, Results(folder).outdated(lambda file: file not in names)))


@pytest.mark.parametrize("name", ["0.tar", "scores.csv", "table.tex", "figure.png"])
@pytest.mark.parametrize("content", ["", "ma", "other content", "madE"])
def test_a_damaged_file_is_put_aside_when_its_job_runs(
    folder: Path, name: str, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, good = written(folder / "set" / name), written(folder / "set" / "good.csv")
    assert not outdated(folder)
    before = file.stat().st_mtime_ns
    file.write_text(content)
    if len(content) != len("made"):  # the size tells, whatever the time
        os.utime(file, ns=(before, before))
    results = Results(folder)
    assert results.outdated(lambda file: True) == {file.as_posix()}
    assert f"{file} is not what its job wrote" in caplog.text
    results.begin({good.as_posix()})
    assert file.read_text() == content, "this run does not make it again"
    results.begin({file.as_posix()})
    assert not file.exists()
    assert file.with_name(f"{name}.by-hand").read_text() == content
    assert f"put aside as {name}.by-hand" in caplog.text
    assert good.read_text() == "made"


def test_a_damaged_file_that_was_made_again_meanwhile_stays(folder: Path) -> None:
    file, results = written(folder / "a.csv"), Results(folder)
    file.write_text("")
    assert results.outdated(lambda file: True) == {file.as_posix()}
    file.write_text("made")  # by another run
    results.begin({file.as_posix()})
    assert file.read_text() == "made"


@pytest.mark.parametrize("damage", ["removed", "cut", "of another"])
def test_what_no_checksum_tells_of_is_made_again(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, other = written(folder / "a.csv"), written(folder / "b.csv")
    if damage == "removed":
        record_of(file).unlink()
    elif damage == "cut":
        os.truncate(record_of(file), 40)
    else:
        shutil.copy(record_of(other), record_of(file))
    results = Results(folder)
    assert results.outdated(lambda file: True) == {file.as_posix()}
    results.begin({file.as_posix()})
    assert file.read_text() == "made", "only its job takes it away"
    assert f"1 files in {folder}, such as {file}, lack a checksum or a record" in caplog.text


def test_what_snakemake_does_not_know_is_made_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, _, own = written(folder / "a.csv"), written(folder / "b.csv"), folder / "own.csv"
    own.write_text("of a user")
    assert outdated(folder, own) == {own}
    assert not caplog.text
    assert outdated(folder, file, own) == {file, own}
    assert f"1 files in {folder}, such as {file}, lack a checksum or a record" in caplog.text


def test_all_that_is_gone_is_missed_but_big_files_and_folders(folder: Path) -> None:
    model = written(folder / "model" / "backbone.safetensors")
    digest = written(folder / "model" / "backbone.safetensors.digest")
    table = written(folder / "model" / "a.csv")
    model.unlink()  # to save room
    assert not outdated(folder)
    for path in (digest, table):  # as Snakemake does with the outputs of a failed job
        path.unlink()
    assert outdated(folder) == {digest, table}
    shutil.rmtree(folder / "model")
    assert not outdated(folder)


def test_hidden_files_are_not_looked_into(folder: Path) -> None:
    for name in (".code/a.json", ".run.json", "set/.made/0.tar", "set/a.csv"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert outdated(folder) == {folder / "set/a.csv"}


def test_the_time_of_a_touched_file_is_noted_when_a_run_starts(folder: Path) -> None:
    file, damaged = written(folder / "a.csv"), written(folder / "b.csv")
    os.utime(file, (5, 5))
    damaged.write_text("madE")
    record = record_of(file).read_bytes()
    results = Results(folder)
    results.outdated(lambda file: True)
    assert record_of(file).read_bytes() == record
    results.begin(set())
    assert read_checksum(file)["modified"] == 5 * 10**9  # type: ignore[index]
    assert is_intact(damaged) is False


def test_results_that_cannot_be_written_to_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    file = written(folder / "a.csv")
    os.truncate(file, 1)
    monkeypatch.setattr("pathlib.Path.replace", refuse)
    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    results = Results(folder)
    assert results.outdated(lambda file: True) == {file.as_posix()}
    with pytest.raises(InputError, match=r"results cannot be written to \(Read-only file system\)"):
        results.begin({file.as_posix()})


def test_without_results_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    results.before_planning(is_look=True)
    assert results.outdated(lambda file: False) == set()
    assert not list(tmp_path.iterdir())


def test_results_of_another_version_are_named_with_the_way_to_keep_them(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Results(folder).begin(set())
    Results(folder).before_planning(is_look=True)
    assert not caplog.text
    (folder / ".anonbench-version").write_text("0.0.1")
    Results(folder).before_planning(is_look=True)
    assert f"{folder} was written by anonbench 0.0.1" in caplog.text
    assert "--config results=" in caplog.text


def test_files_of_the_future_are_dated_now(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    old, ahead, damaged = (written(folder / name) for name in ("old", "ahead", "damaged"))
    measured = folder / "benchmarks" / "ahead.tsv"
    measured.parent.mkdir()
    measured.touch()
    damaged.write_text("madE")
    os.utime(old, (1000.0, 1000.0))
    for path in (ahead, damaged, measured):
        os.utime(path, (time.time() + 1000, time.time() + 1000))
    Results(folder).begin(set())
    assert all(path.stat().st_mtime <= time.time() for path in (ahead, damaged, measured))
    assert old.stat().st_mtime == 1000.0
    assert read_checksum(ahead)["modified"] == ahead.stat().st_mtime_ns  # type: ignore[index]
    assert is_intact(damaged) is False
    assert "3 files in" in caplog.text
