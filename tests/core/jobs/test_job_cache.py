"""A job of the same identity ends at once; any other does its work."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.errors import InputError
from anonbench.core.io import read_json
from anonbench.core.jobs import job_cache
from anonbench.core.jobs.checksums import (
    digest_file,
    is_intact,
    record_of,
    write_checksum,
)
from anonbench.core.jobs.job_cache import JobCache


class Job:
    """A job of two outputs, one of them with its digest, from one input."""

    def __init__(self, folder: Path) -> None:
        self.big, self.small = folder / "out" / "big.tar", folder / "out" / "small.csv"
        self.source = folder / "source.txt"
        self.source.write_text("source")
        self.inputs = [str(self.source)]
        self.parameters: dict[str, Any] = {"slice": {"sigma": 0.5}, "code": "code"}
        self.results: Path | None = None

    def made(self) -> JobCache:
        outputs = [digest_file(str(self.big)), str(self.big), str(self.small)]
        return JobCache(self.inputs, outputs, self.parameters, self.results)

    def run(self, text: str = "made") -> bool:
        """Run as the workflow does, which leaves outputs there; tell whether work was done."""
        job = self.made()
        job.begin()
        if not (done := job.is_done()):
            assert not any(map(Path.exists, self.files)), "nothing of before is taken for new"
            self.big.parent.mkdir(exist_ok=True)
            self.big.write_text(text)
            self.small.write_text(text)
        job.end()
        return not done

    def identity_without(self, path: Path) -> str:
        path.rename(path.with_name("elsewhere"))
        identity = self.made().identity
        path.with_name("elsewhere").rename(path)
        return identity

    @property
    def files(self) -> list[Path]:
        return [self.big, self.small, Path(digest_file(str(self.big)))]

    @property
    def outputs(self) -> list[str]:
        return [self.big.read_text(), self.small.read_text()]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_the_same_job_ends_at_once_with_the_same_outputs(job: Job) -> None:
    assert job.run()
    digest = Path(digest_file(str(job.big))).read_text()
    assert digest.split() == [job_cache.file_digest(job.big), str(job.big.stat().st_size)]
    before = job.big.stat()
    os.utime(job.big, (1, 1))
    assert not job.run("something else")
    assert job.outputs == ["made", "made"]
    assert job.big.stat().st_ino == before.st_ino
    assert job.big.stat().st_mtime >= before.st_mtime, "newer than inputs that were made again"
    assert Path(digest_file(str(job.big))).read_text() == digest
    assert not job.run("something else")


def test_times_of_inputs_and_what_is_only_planned_do_not_count(job: Job) -> None:
    assert job.run()
    os.utime(job.source, (1, 1))
    job.parameters["user_files"] = [["an input", "as it was planned"]]
    assert not job.run()


@pytest.mark.parametrize("change", ["input", "parameter", "code", "inputs"])
def test_any_other_job_does_its_work(job: Job, change: str, tmp_path: Path) -> None:
    assert job.run()
    if change == "input":
        job.source.write_text("other")
    elif change == "parameter":
        job.parameters["slice"]["sigma"] = 0.6
    elif change == "code":
        job.parameters["code"] = "other code"
    else:
        (tmp_path / "more.txt").write_text("")
        job.inputs.append(str(tmp_path / "more.txt"))
    assert job.run("again")
    assert job.outputs == ["again", "again"]


def test_a_digest_stands_for_a_big_input(job: Job, tmp_path: Path) -> None:
    big = tmp_path / "set.tar"
    big.write_text("pixels")
    digest = Path(digest_file(str(big)))
    digest.write_text(f"{job_cache.file_digest(big)}  6\n")
    job.inputs += [str(digest), str(big)]
    assert job.run()
    assert job.identity_without(big) == job.made().identity, "the big file is hashed once"
    digest.write_text(f"{job_cache.file_digest(big)}  06\n")
    assert job.run()


@pytest.mark.parametrize("damage", ["removed", "other", "longer", "record"])
def test_what_is_damaged_is_made_again(job: Job, damage: str) -> None:
    job.run()
    if damage == "removed":
        job.big.unlink()
    elif damage == "record":
        record_of(job.small).write_text('{"identity":')
    else:
        stat = job.big.stat()
        job.big.write_text("MADE" if damage == "other" else "made longer")
        os.utime(job.big, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert job.run("again")
    assert job.outputs == ["again", "again"]


def test_copied_results_are_as_good(job: Job) -> None:
    job.run()
    for path in job.files:
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)
        os.utime(path, (5, 5))
    assert not job.run()


def test_where_a_job_is_done_again_nothing_is_known_of_its_outputs(job: Job) -> None:
    job.run()
    assert is_intact(job.big)
    job.parameters["slice"]["sigma"] = 0.6
    again = job.made()
    again.begin()
    assert not is_intact(job.big)
    assert not again.is_done()
    job.big.write_text("half of it, before it was killed")
    assert not is_intact(job.big)
    with pytest.raises(InputError, match="nothing says what its job wrote"):
        JobCache([str(job.big)], [], {}, job.source.parent).begin()
    job.parameters["slice"]["sigma"] = 0.5
    assert job.run("again")
    assert job.outputs == ["again", "again"]
    job.big.write_text("by hand")
    assert not is_intact(job.big)


def test_a_job_that_was_killed_before_it_was_done_again_is_done(job: Job) -> None:
    job.run()
    job.made().begin()
    assert not is_intact(job.big)
    assert not job.run("not needed")
    assert is_intact(job.big)


def test_outputs_are_recorded_also_where_nobody_asks_whether_they_are_done(
    job: Job, tmp_path: Path
) -> None:
    job.results = tmp_path / "out"
    write_checksum(job.source)  # not in the results: anybody's
    frame = job.made()
    frame.begin()
    job.big.parent.mkdir()
    job.big.write_text("made")
    job.small.write_text("made")
    frame.end()
    assert is_intact(job.small)
    assert "identity" not in read_json(record_of(job.small))
    assert job.run("again"), "of no known identity"


@pytest.mark.parametrize("damage", ["removed", "unknown", "longer", "other"])
def test_inputs_are_checked_before_anything_is_done(job: Job, tmp_path: Path, damage: str) -> None:
    job.results = tmp_path
    write_checksum(job.source)
    job.run()
    stat = job.source.stat()
    if damage == "removed":
        job.source.unlink()
    elif damage == "unknown":
        record_of(job.source).unlink()
    else:
        job.source.write_text("Source" if damage == "other" else "source and more")
        os.utime(job.source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(InputError, match=r"source.txt.*--forcerun .*source.txt"):
        job.made().begin()
    assert is_intact(job.big), "its outputs are not touched"


@pytest.mark.parametrize("text", ["", "abc", "abc  x\n"])
def test_what_a_storage_brought_is_checked_by_its_digest(
    job: Job, tmp_path: Path, text: str
) -> None:
    big = tmp_path / "backbone.safetensors"
    big.write_text("weights")
    digest = Path(digest_file(str(big)))
    digest.write_text(f"{job_cache.file_digest(big)}  7\n")
    job.inputs += [str(digest), str(big)]
    job.made().begin()
    big.write_text("weightS")
    with pytest.raises(InputError, match=r"backbone.safetensors is damaged"):
        job.made().begin()
    digest.write_text(text)
    with pytest.raises(InputError, match=r"safetensors.digest is damaged"):
        job.made().begin()


def test_what_a_bundle_carries_is_checked_by_its_metadata(job: Job, tmp_path: Path) -> None:
    job.results = tmp_path
    metadata = tmp_path / "metadata.json"
    listed = {"@id": "source.txt", "contentSize": "6", "sha256": job_cache.file_digest(job.source)}
    metadata.write_text(json.dumps({"@graph": [{"@id": "./"}, listed]}))
    job.made().begin(metadata)
    job.source.write_text("Source")
    with pytest.raises(InputError, match=r"source.txt is damaged.*get it again"):
        job.made().begin(metadata)


class Sets:
    """A job that makes a big file of each of two inputs, as of image sets."""

    def __init__(self, folder: Path) -> None:
        self.inputs = {name: folder / f"{name}.txt" for name in ("blur", "mask")}
        self.outputs = {name: folder / "out" / f"{name}.h5" for name in self.inputs}
        for name, path in self.inputs.items():
            path.write_text(name)
        self.results = folder / "out"
        self.results.mkdir()

    def run(self, killed_before: str = "") -> list[str]:
        """Run as the workflow does; return the outputs that were made again."""
        digests = {name: digest_file(str(path)) for name, path in self.outputs.items()}
        inputs = {name: [str(path)] for name, path in self.inputs.items()}
        made = {name: str(path) for name, path in self.outputs.items()}
        made |= {f"{name}_digest": path for name, path in digests.items()}
        every = [path for paths in inputs.values() for path in paths]
        job = JobCache(every, [*made.values()], {"code": "code"}, self.results)
        job.begin()
        left = {n: part for n, part in job.parts(inputs, made).items() if not part.is_done()}
        for name, part in left.items():
            if name == killed_before:
                return list(left)
            self.outputs[name].write_text(self.inputs[name].read_text())
            part.end()
        job.end()
        return list(left)


def test_a_changed_input_makes_its_own_output_again_and_no_other(tmp_path: Path) -> None:
    sets = Sets(tmp_path)
    assert sets.run() == ["blur", "mask"]
    assert all(map(is_intact, sets.outputs.values()))
    sets.inputs["blur"].write_text("another")
    assert sets.run() == ["blur"]
    assert [path.read_text() for path in sets.outputs.values()] == ["another", "mask"]
    assert all(map(is_intact, [*sets.outputs.values(), *sets.results.glob("*.digest")]))
    assert sets.run() == []


def test_after_a_kill_only_what_is_not_whole_is_made(tmp_path: Path) -> None:
    sets = Sets(tmp_path)
    sets.run(killed_before="mask")
    assert sets.run() == ["mask"]
    sets.outputs["blur"].write_text("damaged")
    assert sets.run() == ["blur"]
    assert [path.read_text() for path in sets.outputs.values()] == ["blur", "mask"]
