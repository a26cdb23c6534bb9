"""Results in a bucket: their records travel, one run writes at a time."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anonbench.config import DataSource
from anonbench.core.errors import InputError
from anonbench.workflow.s3_metadata import RECORDS, RUNNING, Bucket, require_absolute

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


@pytest.fixture
def bucket(s3: Any) -> Bucket:
    return Bucket(s3, ADDRESS)


def record(snakemake: Path, output: str, text: str) -> Path:
    """Write a record as Snakemake does of a file in a storage."""
    name = urlsafe_b64encode(f"{ADDRESS}/{output}".encode()).decode()
    path = snakemake / "metadata" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def put(s3: Any, name: str) -> None:
    s3.Object("bench", f"part/results/{name}").put(Body=b"made")


def names(s3: Any) -> set[str]:
    keys = [item.key.removeprefix("part/results/") for item in s3.Bucket("bench").objects.all()]
    return set(keys)


def ran(s3: Any, bucket: Bucket, snakemake: Path, output: str, text: str) -> Path:
    """Run as Snakemake would: one output and its record, in a folder of its own."""
    bucket.reconcile(snakemake)
    bucket.begin(snakemake)
    put(s3, output)
    path = record(snakemake, output, text)
    bucket.remember(snakemake)
    return path


def test_another_folder_begins_with_the_records(s3: Any, bucket: Bucket, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    first = ran(s3, bucket, one, "a.csv", "one's")
    stale = record(other, "a.csv", "stale")
    assert bucket.reconcile(other) == 0
    assert stale.read_text() == "one's"
    ran(s3, bucket, other, "a.csv", "other's")
    assert bucket.reconcile(one) == 0
    assert first.read_text() == "other's"


def test_the_same_folder_keeps_what_it_knows(s3: Any, bucket: Bucket, tmp_path: Path) -> None:
    path = ran(s3, bucket, tmp_path, "a.csv", "old")
    bucket.begin(tmp_path)
    path.write_text("of the run that was killed")
    bucket.reconcile(tmp_path)
    assert path.read_text() == "of the run that was killed"


def test_while_one_run_writes_another_is_refused(s3: Any, bucket: Bucket, tmp_path: Path) -> None:
    bucket.begin(tmp_path / "one")
    with pytest.raises(InputError, match=r"another run writes there.*one.*--unlock"):
        bucket.reconcile(tmp_path / "other")
    with pytest.raises(InputError, match="another run writes there"):
        bucket.begin(tmp_path / "other")
    bucket.remember(tmp_path / "one")
    bucket.reconcile(tmp_path / "other")
    assert names(s3) == {RECORDS}


def test_what_a_lost_run_made_is_made_again(
    s3: Any, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(s3, bucket, tmp_path / "one", "known.csv", "known")
    bucket.begin(tmp_path / "lost")
    known = {item.key: item.last_modified for item in s3.Bucket("bench").objects.all()}
    while not any(
        item.last_modified > max(known.values()) for item in s3.Bucket("bench").objects.all()
    ):
        put(s3, "unknown.csv")  # S3 counts in seconds
    other = tmp_path / "other"
    assert bucket.reconcile(other, unlock=True) == 1
    assert names(s3) == {"known.csv", RECORDS}
    assert [path.read_text() for path in (other / "metadata").iterdir()] == ["known"]


def test_a_first_run_that_is_lost_leaves_nothing(s3: Any, bucket: Bucket, tmp_path: Path) -> None:
    bucket.begin(tmp_path / "lost")
    put(s3, "unknown.csv")
    assert bucket.reconcile(tmp_path / "other", unlock=True) == 1
    assert names(s3) == set()


def test_results_of_which_nothing_is_known_are_refused(
    s3: Any, bucket: Bucket, tmp_path: Path
) -> None:
    put(s3, "copied.csv")
    with pytest.raises(InputError, match="nothing is known of the results there"):
        bucket.reconcile(tmp_path)
    assert RUNNING not in names(s3)


def test_a_bucket_that_is_not_there_is_named(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s3://none/results/: the bucket is not there"):
        Bucket(s3, "s3://none/results").reconcile(tmp_path)


def test_what_the_user_brings_has_an_absolute_path() -> None:
    data = DataSource.model_validate({"layout": "folder", "path": "/data/images"})
    require_absolute({"datasets": {"mine": dict(data)}})
    with pytest.raises(InputError, match=r"datasets\.mine\.boxes: boxes\.csv is relative"):
        require_absolute({"datasets": {"mine": dict(data) | {"boxes": Path("boxes.csv")}}})
