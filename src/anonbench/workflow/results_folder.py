"""Results on disk or in a bucket, checked before planning and before the first job of a run.

Snakemake trusts existing files whose making it has no record of. Therefore results without
Snakemake's records are refused.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Any

from anonbench import __version__
from anonbench.core.errors import InputError
from anonbench.core.io import RESULTS, cannot_be_written_to, make_private, writing_to
from anonbench.core.jobs.checksums import FOLDER

log = logging.getLogger(__name__)

_VERSION = ".anonbench-version"
_RUN = ".anonbench-run"
"""Name of the last run's identifier in a bucket, and of the same beside its records."""
_OTHER_VERSION = (
    f"%s was written by anonbench %s, and this is {__version__}: what it computes otherwise is "
    "made again, in place of what is there. To keep that, give another folder: "
    f"--config results=results/{__version__}"
)
_UNKNOWN = (
    "{}: Snakemake's records of these results are not in {}, so nothing tells what they were made "
    "from: copy that folder too, run once with --forceall, or name another folder with `results`"
)
_UNREACHABLE = (
    "{}: the bucket is not there or cannot be reached ({}); look at --default-storage-prefix, "
    "--storage-s3-endpoint-url and the keys"
)


class Results:
    """Results folder with checksums written by its jobs."""

    def __init__(self, folder: Path) -> None:
        """Use the folder as named in the config; it may not exist yet."""
        self._folder = folder
        self.prefix = f"{folder.as_posix()}/"
        """Prefix of the names that Snakemake gives to results."""
        self.metadata = folder / ".snakemake"
        """Folder of Snakemake's records of these results; it may not exist yet."""

    def check(self) -> None:
        """Warn of results that another version wrote, or that cannot be written to.

        Raises:
            InputError: there are results without Snakemake's records.
        """
        if not self.metadata.is_dir() and any(self._folder.glob(f"*/{FOLDER}")):
            raise InputError(_UNKNOWN.format(self._folder, self.metadata))
        version = self._folder / _VERSION
        if version.exists() and (other := version.read_text(encoding="utf-8")) != __version__:
            log.warning(_OTHER_VERSION, self._folder, other)
        if message := cannot_be_written_to(self._folder):
            log.warning("%s", message)

    def begin(self) -> None:
        """Prepare the folder before the first job; InputError if it cannot be written to."""
        if message := cannot_be_written_to(self._folder):
            raise InputError(message)
        make_private(self._folder)
        with writing_to(self._folder, RESULTS):
            (self._folder / _VERSION).write_text(__version__, encoding="utf-8")


class Bucket:
    """Results in an S3 bucket; Snakemake's records of them stay in the folder of the run."""

    def __init__(self, s3: Any, address: str, folder: Path) -> None:
        """Set up from boto3's resource, an `s3://bucket/folder` and a folder for records."""
        name, _, place = address.removeprefix("s3://").partition("/")
        self._bucket = s3.Bucket(name)
        self._place = place.strip("/") + "/"
        self._run = self._bucket.Object(self._place + _RUN)
        self.prefix = address + "/"
        self.metadata = folder / name / self._place

    def check(self) -> None:
        """Check that the bucket can be reached, and that its last run was one of this folder.

        Raises:
            InputError: it cannot, or it has results that this folder has no records of.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = any(self._bucket.objects.filter(Prefix=self._place).limit(1))
            is_known = any(self._bucket.objects.filter(Prefix=self._run.key))
            run = self._run.get()["Body"].read() if is_known else None
        except (BotoCoreError, ClientError) as error:
            raise InputError(_UNREACHABLE.format(self.prefix, error)) from error
        own = self.metadata / _RUN
        if found and run != (own.read_bytes() if own.exists() else b""):
            raise InputError(_UNKNOWN.format(self.prefix, self.metadata))

    def begin(self) -> None:
        """Note the run in the bucket and in the folder of records."""
        self.metadata.mkdir(parents=True, exist_ok=True)
        run = secrets.token_hex(8).encode()
        self._run.put(Body=run)
        (self.metadata / _RUN).write_bytes(run)
