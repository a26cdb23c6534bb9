"""A job of the same identity ends at once, any other does its work; files and their records."""

import json
import os
from collections.abc import Callable
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
    refusal,
    verify,
    write_checksum,
)
from anonbench.core.jobs.job_cache import JobCache, ResourceUsage, read_usage

BENCHMARK = "s\th:m:s\tmax_rss\tcpu_time\n"


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

    @property
    def files(self) -> list[Path]:
        return [self.big, self.small, Path(digest_file(str(self.big)))]

    @property
    def outputs(self) -> list[str]:
        return [self.big.read_text(), self.small.read_text()]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a job that was run."""
    job = Job(tmp_path)
    assert job.run()
    return job


def change(path: Path, content: str) -> None:
    """Change a file and leave its time."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text(content)
    os.utime(path, ns=times)


def test_the_same_job_ends_at_once_with_the_same_outputs(job: Job) -> None:
    digest = Path(digest_file(str(job.big))).read_text()
    assert digest.split() == [job_cache.file_digest(job.big), str(job.big.stat().st_size)]
    before = job.big.stat()
    os.utime(job.big, (1, 1))
    os.utime(job.source, (1, 1))
    job.parameters["user_files"] = [["an input", "as it was planned"]]
    assert not job.run("something else")
    assert job.outputs == ["made", "made"]
    assert job.big.stat().st_ino == before.st_ino
    assert job.big.stat().st_mtime >= before.st_mtime, "newer than inputs that were made again"
    assert Path(digest_file(str(job.big))).read_text() == digest
    for path in job.files:  # as a copy of the results has them
        path.write_bytes(path.read_bytes())
        os.utime(path, (5, 5))
    assert not job.run("something else")


CHANGES: dict[str, Callable[[Job], object]] = {
    "another input": lambda job: job.source.write_text("other"),
    "another parameter": lambda job: job.parameters.update(slice={"sigma": 0.6}),
    "other code": lambda job: job.parameters.update(code="other code"),
    "more inputs": lambda job: job.inputs.append(__file__),
    "an output is gone": lambda job: job.big.unlink(),
    "an output is another": lambda job: change(job.big, "MADE"),
    "an output is longer": lambda job: change(job.big, "made longer"),
    "half a record": lambda job: record_of(job.small).write_text('{"identity":'),
}


@pytest.mark.parametrize("act", CHANGES.values(), ids=CHANGES)
def test_changed_jobs_and_damaged_outputs_are_redone(
    job: Job, act: Callable[[Job], object]
) -> None:
    act(job)
    assert job.run("again")
    assert job.outputs == ["again", "again"]


def test_a_digest_stands_for_a_big_input(job: Job, tmp_path: Path) -> None:
    big = tmp_path / "set.tar"
    big.write_text("pixels")
    digest = Path(digest_file(str(big)))
    digest.write_text(f"{job_cache.file_digest(big)}  6\n")
    job.inputs += [str(digest), str(big)]
    identity = job.made().identity
    big.rename(tmp_path / "elsewhere")
    assert job.made().identity == identity, "the big file is hashed once"
    digest.write_text("another  6\n")
    assert job.made().identity != identity


def test_where_a_job_is_done_again_nothing_is_known_of_its_outputs(job: Job) -> None:
    job.made().begin()  # and killed before it did anything
    assert not is_intact(job.big)
    assert not job.run("not needed")
    assert is_intact(job.big)
    job.parameters["slice"] = {"sigma": 0.6}
    again = job.made()
    again.begin()
    assert not again.is_done()
    job.big.write_text("half of it, before it was killed")
    assert not is_intact(job.big)
    with pytest.raises(InputError, match="nothing says what its job wrote"):
        JobCache([str(job.big)], [], {}, job.source.parent).begin()
    job.parameters["slice"] = {"sigma": 0.5}
    assert job.run("again")
    assert job.outputs == ["again", "again"]
    job.big.write_text("by hand")
    assert not is_intact(job.big)


def test_outputs_are_recorded_also_where_nobody_asks_whether_they_are_done(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.results = tmp_path / "out"
    write_checksum(job.source)  # not in the results: anybody's
    frame = job.made()
    frame.begin()
    job.big.parent.mkdir()
    for path in (job.big, job.small):
        path.write_text("made")
    frame.end()
    assert is_intact(job.small)
    assert "identity" not in read_json(record_of(job.small))
    assert job.run("again"), "of no known identity"


@pytest.mark.parametrize("content", [None, "Source", "source and more"])
def test_inputs_are_checked_before_anything_is_done(job: Job, content: str | None) -> None:
    job.results = job.source.parent
    with pytest.raises(InputError, match=r"source.txt.*--forcerun .*source.txt"):
        job.made().begin()  # nothing says what is in it
    write_checksum(job.source)
    if content is None:
        job.source.unlink()
    else:
        change(job.source, content)
    with pytest.raises(InputError, match=r"source.txt.*--forcerun .*source.txt"):
        job.made().begin()
    assert is_intact(job.big), "its outputs are not touched"


def test_what_a_storage_brought_is_checked_by_its_digest(job: Job, tmp_path: Path) -> None:
    big = tmp_path / "backbone.safetensors"
    big.write_text("weights")
    digest = Path(digest_file(str(big)))
    digest.write_text(f"{job_cache.file_digest(big)}  7\n")
    job.inputs += [str(digest), str(big)]
    job.made().begin()
    for text, said in (("weightS", "7 bytes"), ("weights!", "8 bytes"), (None, "nothing")):
        big.unlink()
        if text:
            big.write_text(text)
        with pytest.raises(InputError, match=rf"tensors is damaged: {said} where 7 .*get it again"):
            job.made().begin()
    for text in ("", "abc", "abc  x\n"):
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


def test_what_was_not_measured_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "job.tsv"
    assert read_usage(path) is None
    for line, usage in (
        ("", None),
        ("1.5\t0:00:01\t250.5\t2.25\n", ResourceUsage(1.5, 2.25, 250.5)),
        ("0.1\t0:00:00\tNA\tNA\n", ResourceUsage(0.1, 0.0, 0.0)),
        ("1.5\n", ResourceUsage(1.5, 0.0, 0.0)),  # half written
    ):
        path.write_text(BENCHMARK + line)
        assert read_usage(path) == usage
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"job\.tsv: not a benchmark file"):
        read_usage(path)


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_benchmark_survives_cache_hits(tmp_path: Path, in_parts: bool) -> None:
    benchmark, output = tmp_path / "job.tsv", tmp_path / "model"
    for seconds, seed, known in ((3600.0, 0, 3600.0), (0.5, 0, 3600.0), (0.25, 0, 3600.0),
                                 (1800.0, 1, 1800.0), (0.5, 1, 1800.0)):  # fmt: skip
        job = JobCache([], [str(output)], {"seed": seed}, benchmark=benchmark)
        job.begin()
        cache = job.part([], [str(output)]) if in_parts else job
        if not cache.is_done():
            output.write_text("made")
            cache.end()
        job.end()
        benchmark.write_text(f"{BENCHMARK}{seconds}\t0:00:01\t1\t1\n")  # by Snakemake
        usage = read_usage(benchmark)
        assert usage is not None and usage.seconds == known


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text("as it was written")
    write_checksum(path)
    return path


def test_content_counts_and_time_does_not(file: Path) -> None:
    record = record_of(file).read_bytes()
    for content in ("", "as it was", "as it was writteN", "longer than it was"):
        change(file, content)
        said = rf"{file} is damaged: {len(content)} bytes where .* 17 "
        with pytest.raises(InputError, match=said):
            verify(file)
        assert not is_intact(file)
    change(file, "as it was written")
    os.utime(file, (5, 5))
    verify(file)
    assert is_intact(file)
    assert record_of(file).read_bytes() == record, "reading writes nothing"
    file.unlink()
    with pytest.raises(
        InputError, match=r"scores.csv is gone; `anonbench run .* --forcerun .*scores"
    ):
        verify(file)
    file.symlink_to("nowhere")
    assert not is_intact(file)


def test_without_a_record_that_can_be_read_nothing_is_known(file: Path) -> None:
    for record in (
        '{"name": "scores.csv", "sha',
        "[]",
        '{"name": "scores.csv", "size": "17", "sha256": "a"}',
        '{"name": "other.csv", "size": 17, "sha256": "a"}',
        '{"a":' * 5000,
        None,
    ):
        if record is None:
            record_of(file).unlink()
        else:
            record_of(file).write_text(record)
        assert not is_intact(file), record
        verify(file)
        with pytest.raises(InputError, match=r"scores.csv: nothing says what its job wrote"):
            verify(file, must_be_known=True)


def test_of_a_shard_the_size_is_checked_and_the_images_by_who_reads_them(tmp_path: Path) -> None:
    shard = tmp_path / "0.tar"
    shard.write_text("pixels")
    write_checksum(shard)
    change(shard, "pixelS")
    verify(shard)
    said = str(refusal(shard, "an image is not as its index says"))
    assert f"{shard} is damaged: an image" in said and f"--forcerun {shard}" in said
    change(shard, "pixel")
    with pytest.raises(InputError, match=r"0.tar is damaged"):
        verify(shard)
