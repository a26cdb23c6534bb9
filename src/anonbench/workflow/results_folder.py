"""Results on disk or in a bucket, and whether Snakemake has records of them here.

Snakemake trusts existing files whose making it has no record of. Therefore each run marks the
results and the folder of Snakemake's records, and results with another mark are refused.
"""

import hashlib
import logging
import secrets
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from anonbench import __version__
from anonbench.core.errors import InputError
from anonbench.core.io import RESULTS, cannot_be_written_to, make_private, write_text, writing_to
from anonbench.core.jobs.checksums import FOLDER

log = logging.getLogger(__name__)

MARK = ".anonbench-run"  # file in the results: the version and an identifier of the last run
_MANIFEST = "manifest.parquet"  # name of the first result of a data set
_RECORDS = Path(".snakemake")
_OTHER_VERSION = (
    f"%s was written by anonbench %s, and this is {__version__}: what it computes otherwise is "
    "made again, in place of what is there. To keep that, give another folder: "
    f"--config results=results/{__version__}"
)
_UNKNOWN = (
    "{}: Snakemake's records of these results are not in {}, so nothing tells what they were made "
    "from. Run in the folder of the last run, or copy its .snakemake too; or run once with "
    "--forceall, which checks each long job's results and keeps what is up to date; or name "
    "another folder with `results`"
)
_LEFT = (
    "{}: of {} nothing tells what its results were made from, and this run would leave them as "
    "they are. Name no target and a config that has it, or remove its results"
)
_UNREACHABLE = (
    "{}: the bucket is not there or cannot be reached ({}); look at --default-storage-prefix, "
    "--storage-s3-endpoint-url and the keys"
)


class Results:
    """Results folder with checksums written by its jobs, as named in the config."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self._folder, self._name = folder, name or folder.as_posix()
        # the marks beside Snakemake's records, which name files as the config does
        digest = hashlib.sha256(self._name.encode()).hexdigest()
        self._own = _RECORDS / "anonbench" / digest[:16]

    def check(self) -> None:
        """Warn of results that another version wrote, or that cannot be written to.

        Raises:
            InputError: there are results whose last run was not one of this folder, or all records
                of Snakemake are gone.
        """
        mark = self._mark()
        is_other = self._is_filled() and mark not in self._known()
        if is_other or (_are_gone() and self._datasets()):
            raise InputError(_UNKNOWN.format(self._name, _RECORDS.absolute()))
        if mark and (other := mark.partition(" ")[0]) != __version__:
            log.warning(_OTHER_VERSION, self._name, other)
        if message := self._obstacle():
            log.warning("%s", message)

    def begin(self, made: Iterable[str] = ()) -> None:
        """Mark results and records before the first job.

        Args:
            made: data sets that this run makes, or looks at.

        Raises:
            InputError: the results are read-only, or this run would accept others that it does not
                make: with `--forceall`, it makes what it is asked for.
        """
        if message := self._obstacle():
            raise InputError(message)
        if self._mark() not in self._known() and (left := self._datasets() - {*made}):
            raise InputError(_LEFT.format(self._name, " and ".join(sorted(left))))
        mark = f"{__version__} {secrets.token_hex(8)}"
        # killed from here on, it knows the old and the new mark
        write_text(self._own, "\n".join([*self._known(), mark]))
        self._write_mark(mark)
        write_text(self._own, mark)

    def _known(self) -> list[str]:
        return self._own.read_text(encoding="utf-8").splitlines() if self._own.exists() else []

    def _is_filled(self) -> bool:
        # what copies visible files alone, such as an upload of CI, leaves the records behind
        return any(any(self._folder.glob(f"*/{each}")) for each in (FOLDER, _MANIFEST))

    def _datasets(self) -> set[str]:
        return {path.parent.name for path in self._folder.glob(f"*/{_MANIFEST}")}

    def _mark(self) -> str:
        path = self._folder / MARK
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _obstacle(self) -> str | None:
        return cannot_be_written_to(self._folder)

    def _write_mark(self, mark: str) -> None:
        make_private(self._folder)
        with writing_to(self._folder, RESULTS):
            write_text(self._folder / MARK, mark)


class Bucket(Results):
    """Results in an S3 bucket."""

    def __init__(self, s3: Any, address: str) -> None:
        """Set up from boto3's resource and an `s3://bucket/folder`."""
        super().__init__(Path(), f"{address}/")
        name, _, place = address.removeprefix("s3://").partition("/")
        self._bucket, self._place = s3.Bucket(name), place.strip("/") + "/"

    def _is_filled(self) -> bool:
        return any(self._bucket.objects.filter(Prefix=self._place).limit(1))

    def _datasets(self) -> set[str]:
        keys = (Path(each.key) for each in self._bucket.objects.filter(Prefix=self._place))
        return {key.parent.name for key in keys if key.name == _MANIFEST}

    def _mark(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        key = self._place + MARK
        try:
            if any(self._bucket.objects.filter(Prefix=key)):
                return str(self._bucket.Object(key).get()["Body"].read().decode())
        except (BotoCoreError, ClientError) as error:
            raise InputError(_UNREACHABLE.format(self._name, error)) from error
        return ""

    def _obstacle(self) -> str | None:
        return None

    def _write_mark(self, mark: str) -> None:
        self._bucket.Object(self._place + MARK).put(Body=mark.encode())


def results_of(workflow: Any, results: str) -> Results:
    """Results of a workflow: in a folder, or in a bucket of `--default-storage-provider s3`."""
    if workflow.storage_settings.default_storage_provider != "s3":
        return Results(Path(results))
    prefix = workflow.storage_settings.default_storage_prefix.rstrip("/")
    return Bucket(workflow.storage_registry.default_storage_provider.s3c, f"{prefix}/{results}")


def _are_gone() -> bool:
    """Whether Snakemake's records were removed; as it starts, it makes their folders again."""
    done, begun = _RECORDS / "metadata", _RECORDS / "incomplete"
    files = chain(done.rglob("*"), begun.rglob("*"))
    return done.is_dir() and not any(file.is_file() for file in files)
