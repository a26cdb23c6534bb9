"""Results in an S3 bucket: Snakemake's records of them are there too, and one run writes at a time.

Snakemake plans by records in a folder. With a storage for results that folder is a pod's, or some
machine's, and may be gone tomorrow. So a run leaves its records in the bucket at its end, and the
next one, in whatever folder, begins with them. While a run is going on a mark lies beside them:
files of a run that did not end are described by nothing but its own folder.
"""

from __future__ import annotations

import gzip
import json
import secrets
import shutil
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anonbench.core.errors import InputError

RECORDS = ".s3-records.json.gz"
RUNNING = ".s3-running.json"
_OWNER = "owner"
"""File beside the records: the run that they are of."""


class Bucket:
    """Results at one address of a bucket."""

    def __init__(self, s3: Any, address: str, folder: Path) -> None:
        """Take where results lie.

        Args:
            s3: boto3's resource "s3".
            address: `s3://bucket/folder`, as in the names that Snakemake gives to files there.
            folder: of the records of what this machine's runs made; it may be missing.

        """
        name, _, place = address.removeprefix("s3://").partition("/")
        self._s3 = s3
        self._bucket = s3.Bucket(name)
        self._place = place.strip("/") + "/"
        self.prefix = address + "/"
        self.metadata = self._folder = folder / name / self._place
        self.unknown: Sequence[Path] = ()

    def before_planning(self, is_look: bool) -> None:
        """Bring the records of the last run here, where this folder has others.

        A look reads them in a temporary folder.

        Raises:
            InputError: the bucket cannot be reached; there are results, and no records of them;
                or another run writes there, or was killed, and this is a look. A run is refused
                by `begin`, and may have been told to `unlock`.

        """
        self._must_be_there()
        running, last = self._running(), self._read(RECORDS)
        if running and running["run"] == self._owner:
            return  # it was killed, and here is what it knew
        if running and is_look:
            raise InputError(self._other_run(running))
        if last is None and not running and any(self._files()):
            raise InputError(
                f"{self.prefix}: nothing is known of the results there (copied without "
                f"{RECORDS}?); name another folder with `results`, or remove them"
            )
        if last is None:
            return
        run, _, packed = last.partition(b"\n")
        if run.decode() == self._owner:
            return
        if is_look:
            self._temporary = TemporaryDirectory()
            self.metadata = Path(self._temporary.name)
        _unpack(packed, self.metadata / "metadata")
        (self.metadata / _OWNER).write_bytes(run)

    def outdated(self, is_recorded: Callable[[str], bool]) -> list[str]:
        """Return nothing: nobody edits a bucket's files by hand."""
        return []

    def begin(self, planned: Collection[str]) -> None:
        """Mark the results as this run's, before its first job runs.

        Raises:
            InputError: another run writes there, or was killed.

        """
        running = self._running()
        if running and running["run"] != self._owner:
            raise InputError(self._other_run(running))
        run = secrets.token_hex(8)
        here = {"run": run, "host": socket.gethostname(), "folder": str(Path.cwd())}
        self._write(RUNNING, json.dumps(here).encode())
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _OWNER).write_text(run, encoding="utf-8")

    def end(self) -> None:
        """Leave the records with the results."""
        packed = _pack(self._folder / "metadata")
        self._write(RECORDS, self._owner.encode() + b"\n" + packed)
        self._object(RUNNING).delete()

    def unlock(self) -> None:
        """Take the results over from a run elsewhere that is known to have ended.

        What it made is removed, for nobody knows what it was made from.
        """
        running = self._running()
        if running and running["run"] != self._owner:
            for item in self._newer():
                item.delete()
            self._object(RUNNING).delete()

    @property
    def _owner(self) -> str:
        path = self._folder / _OWNER
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _must_be_there(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._s3.meta.client.head_bucket(Bucket=self._bucket.name)
        except (BotoCoreError, ClientError) as error:
            raise InputError(
                f"{self.prefix}: the bucket is not there or cannot be reached ({error}); look at "
                "--default-storage-prefix, --storage-s3-endpoint-url and the keys"
            ) from error

    def _object(self, name: str) -> Any:
        return self._s3.Object(self._bucket.name, self._place + name)

    def _files(self) -> Iterator[Any]:
        own = {self._place + RECORDS, self._place + RUNNING}
        for item in self._bucket.objects.filter(Prefix=self._place):
            if item.key not in own:
                yield item

    def _newer(self) -> list[Any]:
        """Return what was written after the last records, or all where there are none."""
        known = [
            item.last_modified for item in self._bucket.objects.filter(Prefix=self._place + RECORDS)
        ]
        return [item for item in self._files() if not known or item.last_modified > known[0]]

    def _running(self) -> Mapping[str, str] | None:
        content = self._read(RUNNING)
        return json.loads(content) if content else None

    def _read(self, name: str) -> bytes | None:
        if not any(self._bucket.objects.filter(Prefix=self._place + name)):
            return None
        content: bytes = self._object(name).get()["Body"].read()
        return content

    def _write(self, name: str, content: bytes) -> None:
        self._object(name).put(Body=content)

    def _other_run(self, running: Mapping[str, str]) -> str:
        return (
            f"{self.prefix}: another run writes there, or was killed: on {running['host']} in "
            f"{running['folder']}. Go on in that folder; where it is lost, once with --unlock, "
            "then the same command again: what that run had made is made again"
        )


def _pack(folder: Path) -> bytes:
    files = (path for path in folder.rglob("*") if path.is_file())
    records = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}
    return gzip.compress(json.dumps(records, sort_keys=True).encode(), compresslevel=1, mtime=0)


def _unpack(packed: bytes, folder: Path) -> None:
    """Replace the records in a folder by those that were packed."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in json.loads(gzip.decompress(packed)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
