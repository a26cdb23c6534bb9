"""Results in an S3 bucket, stored with Snakemake's records and written by one run at a time.

Snakemake plans from records in a local folder, which may be temporary. Therefore a run uploads them
at its start and end, and the next run, in any folder, downloads them. Until a run has ended, only
its own folder has the records of its outputs.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anonbench.core.errors import InputError

RECORDS = ".s3-records.zip"
_RUN = "run"
"""Key of the object that says who uploaded the records; file with the run's identifier."""
_UNKNOWN = (
    f"{{}}: nothing is known of the results there (copied without {RECORDS}, or made by an earlier "
    "version?); name another folder with `results`, or remove them"
)
_UNREACHABLE = (
    "{}: the bucket is not there or cannot be reached ({}); look at --default-storage-prefix, "
    "--storage-s3-endpoint-url and the keys"
)
_ANOTHER = (
    "{}: another run writes there, or was killed: on {} in {}. Go on in that folder; where it is "
    "lost, once with --unlock, then the same command again: what that run had made is made again"
)


class Bucket:
    """Results at one address in a bucket."""

    def __init__(self, s3: Any, address: str, folder: Path) -> None:
        """Set up from boto3's resource, an `s3://bucket/folder` and a folder for records."""
        name, _, place = address.removeprefix("s3://").partition("/")
        self._bucket = s3.Bucket(name)
        self._place = place.strip("/") + "/"
        self._records = self._bucket.Object(self._place + RECORDS)
        self.prefix = address + "/"
        self.metadata = self._folder = folder / name / self._place
        self.unknown: tuple[Path, ...] = ()

    def before_planning(self, is_look: bool) -> None:
        """Download the records of the last run; for a dry run into a temporary folder.

        Raises:
            InputError: the bucket cannot be reached, has results without records, or belongs to
                another run and this is a dry run. A real run is refused later, by `begin`, because
                it may be one that unlocks.
        """
        last = self._last_run()
        if last is None and self._files():
            raise InputError(_UNKNOWN.format(self.prefix))
        if last is None or last.get("identifier") == self._identifier():
            return
        if is_look:
            self._refuse(last)
            self._temporary = TemporaryDirectory()  # removed with this object
            self.metadata = Path(self._temporary.name)
        if not last.get("writes"):
            self._download()

    def outdated(self, is_recorded: Callable[[str], bool]) -> set[str]:
        """Return nothing: files in a bucket are not edited by hand."""
        return set()

    def begin(self, planned: Collection[str]) -> None:
        """Mark the results as this run's; InputError if another run writes there or was killed."""
        self._refuse(self._last_run())
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _RUN).write_text(secrets.token_hex(8), encoding="utf-8")
        self._upload(writes=True)

    def end(self) -> None:
        """Upload the records to the results."""
        self._upload(writes=False)

    def unlock(self) -> None:
        """Take over the results from a run of another folder that is known to have ended.

        The files that it made are removed, because they have no records.
        """
        last = self._last_run()
        if last and self._is_another(last):
            began = self._records.last_modified
            for item in self._files():
                if item.last_modified >= began:
                    item.delete()
            self._download()
            self._upload(writes=False)

    def _files(self) -> list[Any]:
        found = self._bucket.objects.filter(Prefix=self._place)
        return [item for item in found if item.key != self._records.key]

    def _identifier(self) -> str:
        """Identifier of the run that wrote the records in this folder."""
        path = self._folder / _RUN
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _last_run(self) -> dict[str, Any] | None:
        """The run that uploaded the records; None if there are no records."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._bucket.meta.client.head_bucket(Bucket=self._bucket.name)
            if not any(self._bucket.objects.filter(Prefix=self._records.key)):
                return None
            self._records.reload()
        except (BotoCoreError, ClientError) as error:
            raise InputError(_UNREACHABLE.format(self.prefix, error)) from error
        last = json.loads(self._records.metadata.get(_RUN, "{}"))
        if not isinstance(last, dict):  # written by an earlier version
            raise InputError(_UNKNOWN.format(self.prefix))
        return last

    def _is_another(self, last: dict[str, Any]) -> bool:
        """Whether a run of another folder writes to the bucket, or was killed."""
        return bool(last.get("writes")) and last["identifier"] != self._identifier()

    def _refuse(self, last: dict[str, Any] | None) -> None:
        if last and self._is_another(last):
            raise InputError(_ANOTHER.format(self.prefix, last["host"], last["folder"]))

    def _upload(self, writes: bool) -> None:
        run = {"identifier": self._identifier(), "writes": writes}
        run |= {"host": socket.gethostname(), "folder": str(Path.cwd())}
        with TemporaryDirectory() as folder:
            archive = shutil.make_archive(f"{folder}/records", "zip", self._folder)
            self._records.upload_file(archive, {"Metadata": {_RUN: json.dumps(run)}})

    def _download(self) -> None:
        shutil.rmtree(self.metadata, ignore_errors=True)
        with TemporaryDirectory() as folder:
            self._records.download_file(f"{folder}/{RECORDS}")
            shutil.unpack_archive(f"{folder}/{RECORDS}", self.metadata)
