"""Results in a bucket: their records travel, one run writes at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.errors import InputError
from anonbench.workflow.s3_metadata import RECORDS, Bucket

moto = pytest.importorskip("moto", reason="moto, an S3 server for tests, is not installed")
boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")

ADDRESS = "s3://bench/part/results"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        resource = boto3.resource("s3", region_name="us-east-1")
        resource.create_bucket(Bucket="bench")
        yield resource


def record(bucket: Bucket, text: str) -> Path:
    """Write a record as Snakemake does, where it does."""
    path = bucket.metadata / "metadata" / "@a" / "name"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def put(s3: Any, name: str) -> None:
    s3.Object("bench", f"part/results/{name}").put(Body=b"made")


def names(s3: Any) -> set[str]:
    keys = [item.key.removeprefix("part/results/") for item in s3.Bucket("bench").objects.all()]
    return set(keys)


def started(s3: Any, folder: Path) -> Bucket:
    """Begin a run as Snakemake would, in a folder of its own."""
    bucket = Bucket(s3, ADDRESS, folder)
    bucket.before_planning(is_look=False)
    bucket.begin(set())
    return bucket


def ran(s3: Any, folder: Path, text: str) -> Path:
    """Run as Snakemake would: one output and its record."""
    bucket = started(s3, folder)
    put(s3, "a.csv")
    path = record(bucket, text)
    bucket.end()
    return path


def looked(s3: Any, folder: Path) -> Bucket:
    """Look as a dry run does."""
    before = sorted(folder.rglob("*"))
    bucket = Bucket(s3, ADDRESS, folder)
    bucket.before_planning(is_look=True)
    assert sorted(folder.rglob("*")) == before
    return bucket


def texts(bucket: Bucket) -> list[str]:
    found = (bucket.metadata / "metadata").rglob("*")
    return [path.read_text() for path in found if path.is_file()]


def test_another_folder_begins_with_the_records(s3: Any, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    first = ran(s3, one, "one's")
    stale = record(Bucket(s3, ADDRESS, other), "stale")
    stale.with_name("of a file that is gone").write_text("stale")
    assert texts(looked(s3, other)) == ["one's"]
    assert stale.read_text() == "stale"
    bucket = Bucket(s3, ADDRESS, other)
    bucket.before_planning(is_look=False)
    assert texts(bucket) == [stale.read_text()] == ["one's"]
    ran(s3, other, "other's")
    Bucket(s3, ADDRESS, one).before_planning(is_look=False)
    assert first.read_text() == "other's"


def test_the_same_folder_keeps_what_it_knows(s3: Any, tmp_path: Path) -> None:
    path = ran(s3, tmp_path, "old")
    started(s3, tmp_path)
    path.write_text("of the run that was killed")
    assert texts(looked(s3, tmp_path)) == ["of the run that was killed"]
    Bucket(s3, ADDRESS, tmp_path).unlock()
    with pytest.raises(InputError, match="another run writes there"):
        looked(s3, tmp_path / "other")
    continued = started(s3, tmp_path)
    assert path.read_text() == "of the run that was killed"
    continued.end()
    assert texts(looked(s3, tmp_path / "other")) == ["of the run that was killed"]
    assert path.read_text() == "of the run that was killed"


def test_while_one_run_writes_another_is_refused(s3: Any, tmp_path: Path) -> None:
    one = started(s3, tmp_path / "one")
    with pytest.raises(InputError, match=rf"another run writes there.*{Path.cwd()}.*--unlock"):
        looked(s3, tmp_path / "other")
    with pytest.raises(InputError, match="another run writes there"):
        started(s3, tmp_path / "other")
    one.end()
    looked(s3, tmp_path / "other")
    assert names(s3) == {RECORDS}


@pytest.mark.slow
def test_what_a_lost_run_made_is_removed(s3: Any, tmp_path: Path) -> None:
    ran(s3, tmp_path / "one", "known")
    time.sleep(1)  # S3 counts in seconds
    started(s3, tmp_path / "lost")
    put(s3, "unknown.csv")
    other = Bucket(s3, ADDRESS, tmp_path / "other")
    other.before_planning(is_look=False)
    other.unlock()
    assert names(s3) == {"a.csv", RECORDS}
    assert texts(looked(s3, tmp_path / "third")) == ["known"]
    started(s3, tmp_path / "other").end()


@pytest.mark.slow
def test_a_run_that_is_lost_once_it_was_continued_leaves_what_it_knew(
    s3: Any, tmp_path: Path
) -> None:
    record(started(s3, tmp_path / "lost"), "first")
    put(s3, "first.csv")
    time.sleep(1)
    started(s3, tmp_path / "lost")
    put(s3, "second.csv")
    Bucket(s3, ADDRESS, tmp_path / "other").unlock()
    assert names(s3) == {"first.csv", RECORDS}
    assert texts(looked(s3, tmp_path / "third")) == ["first"]


def test_records_that_were_copied_without_their_run_are_used(s3: Any, tmp_path: Path) -> None:
    ran(s3, tmp_path / "one", "known")
    records = s3.Object("bench", f"part/results/{RECORDS}")
    records.put(Body=records.get()["Body"].read())
    assert texts(looked(s3, tmp_path / "other")) == ["known"]


@pytest.mark.slow
def test_results_of_which_nothing_is_known_are_refused(s3: Any, tmp_path: Path) -> None:
    put(s3, "copied.csv")
    for is_look in (True, False):
        with pytest.raises(InputError, match="nothing is known of the results there"):
            Bucket(s3, ADDRESS, tmp_path).before_planning(is_look)
    assert names(s3) == {"copied.csv"}


def test_records_of_an_earlier_version_are_refused(s3: Any, tmp_path: Path) -> None:
    ran(s3, tmp_path / "one", "known")
    records = s3.Object("bench", f"part/results/{RECORDS}")
    earlier = {"run": '["identifier", "host", "folder", true]'}
    records.put(Body=records.get()["Body"].read(), Metadata=earlier)
    for use in (looked, started):
        with pytest.raises(InputError, match="made by an earlier version"):
            use(s3, tmp_path / "other")


def test_a_bucket_that_is_not_there_is_named(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s3://none/results/: the bucket is not there"):
        Bucket(s3, "s3://none/results", tmp_path).before_planning(is_look=True)
