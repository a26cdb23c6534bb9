"""Results in an S3 bucket: what Snakemake knows of them is there too, and one run writes at a time.

Snakemake plans by the records in its own folder. With a storage for results that folder is a
pod's, or some machine's, and may be gone tomorrow; so a run leaves its records in the bucket at its
end, and the next one, in whatever folder, begins with them. While a run is going on a mark lies
beside them: files of a run that did not end are described by nothing but its own folder.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from anonbench.config import Dataset
from anonbench.core.errors import InputError
from anonbench.workflow.snakemake_metadata import pack, unpack

RECORDS = ".s3-records.json.gz"
RUNNING = ".s3-running.json"
_OWNER = "anonbench-bucket"
"""File in Snakemake's folder: the run whose records it holds."""


class Bucket:
    """Results at one address of a bucket."""

    def __init__(self, s3: Any, address: str) -> None:
        """Take where results lie.

        Args:
            s3: boto3's resource "s3".
            address: `s3://bucket/folder`, as in the names that Snakemake gives to files there.

        """
        name, _, folder = address.removeprefix("s3://").partition("/")
        self._s3 = s3
        self._bucket = s3.Bucket(name)
        self._prefix = address + "/"
        self._folder = folder.strip("/") + "/"

    def reconcile(self, snakemake: Path, unlock: bool = False) -> int:
        """Bring the records of the last run here, where this folder has others.

        Args:
            snakemake: Snakemake's own folder, `.snakemake`.
            unlock: a run elsewhere is known to have ended without leaving its records: what it
                made is removed, for nobody knows what it was made from.

        Returns:
            How many files were removed.

        Raises:
            InputError: the bucket cannot be reached; another run writes there, or was killed; or
                there are results, and no records of them.

        """
        self._must_be_there()
        running, last = self._read(RUNNING), self._read(RECORDS)
        owner = _read(snakemake / _OWNER)
        if running is not None and json.loads(running)["run"] == owner:
            return 0  # it was killed, and here is what it knew
        if running is not None and not unlock:
            raise InputError(_other_run(self._prefix, json.loads(running)))
        removed = 0
        if running is not None:
            removed = self._remove_newer()
            self._object(RUNNING).delete()
        elif last is None and any(self._files()):
            raise InputError(
                f"{self._prefix}: nothing is known of the results there (copied without "
                f"{RECORDS}?); name another folder with `results`, or remove them"
            )
        if last is not None:
            run, _, packed = last.partition(b"\n")
            if run.decode() != owner:
                unpack(packed, self._prefix, snakemake)
                _write(snakemake / _OWNER, run.decode())
        return removed

    def begin(self, snakemake: Path) -> None:
        """Mark the results as this run's; to be called before its first job.

        Raises:
            InputError: another run began while this one planned.

        """
        running = self._read(RUNNING)
        if running is not None and json.loads(running)["run"] != _read(snakemake / _OWNER):
            raise InputError(_other_run(self._prefix, json.loads(running)))
        run = secrets.token_hex(8)
        where = {"run": run, "host": socket.gethostname(), "folder": str(snakemake.resolve())}
        self._write(RUNNING, json.dumps(where).encode())
        _write(snakemake / _OWNER, run)

    def remember(self, snakemake: Path) -> None:
        """Leave the records with the results; to be called at the end of a run."""
        run = _read(snakemake / _OWNER)
        self._write(RECORDS, f"{run}\n".encode() + pack(self._prefix, snakemake))
        self._object(RUNNING).delete()

    def _must_be_there(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._s3.meta.client.head_bucket(Bucket=self._bucket.name)
        except (BotoCoreError, ClientError) as error:
            raise InputError(
                f"{self._prefix}: the bucket is not there or cannot be reached ({error}); look at "
                "--default-storage-prefix, --storage-s3-endpoint-url and the keys"
            ) from error

    def _object(self, name: str) -> Any:
        return self._s3.Object(self._bucket.name, self._folder + name)

    def _files(self) -> Iterator[Any]:
        own = {self._folder + RECORDS, self._folder + RUNNING}
        for item in self._bucket.objects.filter(Prefix=self._folder):
            if item.key not in own:
                yield item

    def _remove_newer(self) -> int:
        """Remove what was written after the last records, or all where there are none."""
        known = [
            item.last_modified
            for item in self._bucket.objects.filter(Prefix=self._folder + RECORDS)
        ]
        newer = [item for item in self._files() if not known or item.last_modified > known[0]]
        for item in newer:
            item.delete()
        return len(newer)

    def _read(self, name: str) -> bytes | None:
        if not any(self._bucket.objects.filter(Prefix=self._folder + name)):
            return None
        content: bytes = self._object(name).get()["Body"].read()
        return content

    def _write(self, name: str, content: bytes) -> None:
        self._object(name).put(Body=content)


def require_absolute(brought: Mapping[str, Any]) -> None:
    """Check that what the user brings is where every machine finds it.

    Args:
        brought: parts of the config, by their place in it.

    Raises:
        InputError: a path in it is relative.

    """
    for place, value in _leaves(brought):
        if isinstance(value, PurePath) and not value.is_absolute():
            raise InputError(
                f"{place}: {value} is relative, and with a storage for results each job reads it "
                "where it runs; give the absolute path of a volume that all of them mount"
            )


def require_in_place(datasets: Mapping[str, Dataset]) -> None:
    """Check that no originals are copied to a storage.

    Args:
        datasets: by name.

    Raises:
        InputError: a data set asks for copies.

    """
    for name, dataset in datasets.items():
        if dataset.copy_originals:
            raise InputError(
                f"datasets.{name}.copy_originals: originals are not copied to a storage for "
                "results; leave it out, and each job reads them where they are"
            )


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, f"{place}.{name}" if place else str(name))
    else:
        yield place, value


def _other_run(address: str, running: Mapping[str, str]) -> str:
    return (
        f"{address}: another run writes there, or was killed: on {running['host']} in "
        f"{running['folder']}. Go on in that folder; where it is lost, the same command once with "
        "--unlock: what that run had made is made again"
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
