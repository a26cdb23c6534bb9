"""Results are refused where nothing tells what they were made from."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import write_checksum
from anonbench.workflow.results_folder import MARK, Bucket, Results

ADDRESS = "s3://bench/part/results"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results"
    (path / "set").mkdir(parents=True)
    (path / "set/own.csv").write_text("of a user")
    return path


def refused(results: Results | Bucket, place: object) -> None:
    with pytest.raises(InputError, match=rf"{place}: Snakemake's records .*--forceall"):
        results.check()


def test_results_without_records_are_refused(folder: Path) -> None:
    Results(folder).check()
    write_checksum(folder / "set/own.csv")
    for _ in range(2):
        refused(Results(folder), folder)
    Results(folder).begin()  # with --forceall
    Results(folder).check()
    moved = folder.rename(folder.with_name("moved"))
    refused(Results(moved), moved)


@pytest.mark.parametrize("records", [False, True])
def test_results_copied_without_hidden_files_are_refused(folder: Path, records: bool) -> None:
    if records:  # where an earlier version of the results is put back
        Results(folder).begin()
        (folder / MARK).unlink()
    (folder / "set/manifest.parquet").touch()
    refused(Results(folder), folder)
    Results(folder).begin(["set"])  # with --forceall
    Results(folder).check()


def test_results_whose_records_were_removed_are_refused(folder: Path) -> None:
    (folder / "set/manifest.parquet").touch()
    Results(folder).begin(["set"])
    metadata, incomplete = (Path(".snakemake", name) for name in ("metadata", "incomplete"))
    for records in (metadata, incomplete):  # the latter where the first job was killed
        records.mkdir()
        (records / "job").touch()
    Results(folder).check()
    (metadata / "job").unlink()
    Results(folder).check()
    (incomplete / "job").unlink()
    refused(Results(folder), folder)


def test_forcing_one_data_set_does_not_accept_another(folder: Path) -> None:
    for name in ("set", "other"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "manifest.parquet").touch()
    with pytest.raises(InputError, match=f"{folder}: of other nothing tells what .* no target"):
        Results(folder).begin(["set"])
    with pytest.raises(InputError, match="--forceall"):
        Results(folder).check()
    Results(folder).begin(["set", "other"])
    Results(folder).begin(["set"])  # later, all is known


def test_results_of_another_folders_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checksum(folder / "set/own.csv")
    Results(folder).begin()
    other = folder.with_name("other")
    shutil.copytree(folder.parent / ".snakemake", other / ".snakemake")
    monkeypatch.chdir(other)
    Results(folder).check()
    Results(folder).begin()
    monkeypatch.chdir(folder.parent)
    refused(Results(folder), folder)


@pytest.mark.parametrize("written", [False, True])
def test_a_killed_marking(folder: Path, monkeypatch: pytest.MonkeyPatch, written: bool) -> None:
    write_checksum(folder / "set/own.csv")
    Results(folder).begin()
    replace = Path.replace

    def killed(temporary: Path, path: Path) -> None:
        if written or path.name != MARK:
            replace(temporary, path)
        if path.name == MARK:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                Results(folder).begin()
        Results(folder).check()
    Results(folder).begin()
    Results(folder).check()


def test_results_of_another_version(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    Results(folder).begin()
    Results(folder).check()
    assert not caplog.text
    (folder / MARK).write_text("0.0.1 abc")
    Results(folder).check()
    assert f"{folder} was written by anonbench 0.0.1" in caplog.text
    assert "--config results=" in caplog.text


def test_results_that_cannot_be_written_to_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = Path.write_text

    def refuse(path: Path, *arguments: Any, **options: Any) -> int:
        if path.parent.name == folder.name:
            raise OSError(30, "Read-only file system")
        return write(path, *arguments, **options)

    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    Results(folder).check()
    with pytest.raises(InputError, match=r"results cannot be written to \(Read-only file system\)"):
        Results(folder).begin()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    moto = pytest.importorskip("moto", reason="moto, an S3 server for tests, is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        resource = boto3.resource("s3", region_name="us-east-1")
        resource.create_bucket(Bucket="bench")
        yield resource


def test_a_bucket_has_one_folder(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()

    def bucket(folder: str, address: str = ADDRESS) -> Bucket:
        monkeypatch.chdir(tmp_path / folder)
        return Bucket(s3, address)

    bucket("one").check()
    assert not list((tmp_path / "one").iterdir()), "a look makes no folder"
    bucket("one").begin()
    s3.Object("bench", "part/results/a.csv").put(Body=b"made")
    s3.Object("bench", "part/results-of-another/a.csv").put(Body=b"made")
    bucket("one").check()
    with pytest.raises(InputError, match=rf"{ADDRESS}/: Snakemake's records .*{tmp_path}/other"):
        bucket("other").check()
    bucket("other", "s3://bench/part/new").check()

    s3.Object("bench", "part/results/set/manifest.parquet").put(Body=b"made")
    with pytest.raises(InputError, match=f"{ADDRESS}/: of set nothing tells what"):
        bucket("other").begin()
    bucket("other").begin(["set"])  # with --forceall
    bucket("other").check()
    with pytest.raises(InputError, match=rf"records .*{tmp_path}/one"):
        bucket("one").check()
    s3.Object("bench", f"part/results/{MARK}").delete()
    with pytest.raises(InputError, match=rf"records .*{tmp_path}/other"):
        bucket("other").check()


def test_a_bucket_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(InputError, match=r"s3://none/results/: the bucket is not there"):
        Bucket(s3, "s3://none/results").check()
