"""Record of a job's output: its checksum, and the identity of the job if it is checked.

Records are in a hidden folder beside the files; of a bundle's files, in its metadata. Size and time
cannot show that a file is as its own job wrote it, so each reader hashes what it reads.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anonbench.core.errors import InputError
from anonbench.core.io import read_json, write_json
from anonbench.core.provenance import file_digest

FOLDER = ".checksums"
DIGEST = ".digest"  # suffix of the file with a big file's digest, which Snakemake compares instead
MADE = ".made"  # suffix of the output that says which run of a job ended well
REPLACED = "replaced"
"""Key that marks the record of an output whose job is running again, or was killed meanwhile."""
_WAY_OUT = (
    "`anonbench run --configfile CONFIG --forcerun {}` makes it again (a file of your own belongs "
    "outside the folder of results)"
)


def digest_file(path: str) -> str:
    """Path of a big file's digest."""
    return path + DIGEST


def record_of(path: Path, suffix: str = ".json") -> Path:
    """Path of a file's record; with the suffix `MADE`, of the output that its job writes last."""
    return path.parent / FOLDER / f"{path.name}{suffix}"


def write_checksum(path: Path, sha256: str | None = None, **more: Any) -> None:
    """Write the record of a file, whose SHA-256 may be known already; `more` is JSON."""
    checksum = {"sha256": sha256 or file_digest(path), "size": path.stat().st_size}
    write_json(record_of(path), {"name": path.name, **checksum, **more})


def read_checksum(path: Path) -> dict[str, Any] | None:
    """Record of a file; None if there is none, or it is damaged."""
    try:
        record: dict[str, Any] = read_json(record_of(path))
        types = [type(record[name]) for name in ("name", "sha256", "size")]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return record if types == [str, str, int] and record["name"] == path.name else None


def holds(path: Path, record: Mapping[str, Any]) -> bool:
    """Check whether a file has the size and content of its record; False if it is missing."""
    try:
        return bool(path.stat().st_size == record["size"] and file_digest(path) == record["sha256"])
    except FileNotFoundError:
        return False


def is_intact(path: Path) -> bool:
    """Check whether a file is as its job wrote it; False if that is unknown."""
    record = read_checksum(path)
    return record is not None and REPLACED not in record and holds(path, record)


def verify(path: Path, must_be_known: bool = False) -> None:
    """Check the size and content of a file before it is read.

    Of a `.tar` only the size is checked: its readers check each part, by the digests in an index
    beside it. A file without a record is not checked, or is refused if it `must_be_known`.

    Raises:
        InputError: the file is missing, not as its job wrote it, or not known.
    """
    record = read_checksum(path)
    if must_be_known and (record is None or REPLACED in record):
        remedy = _WAY_OUT.format(path)
        raise InputError(f"{path}: nothing says what its job wrote into it; {remedy}")
    if record is None:
        return
    if not path.exists():
        raise InputError(f"{path} is gone; {_WAY_OUT.format(path)}")
    in_parts = path.suffix == ".tar" and path.stat().st_size == record["size"]
    if not in_parts and not holds(path, record):
        raise refusal(path)


def verify_against(path: Path, record: Mapping[str, Any]) -> None:
    """Raise an InputError if a file is missing, or not as a record with sha256 and size says."""
    if not holds(path, record):
        found = f"{path.stat().st_size:,} bytes" if path.exists() else "nothing"
        raise InputError(
            f"{path} is damaged: {found} where {record['size']:,} bytes of another content were "
            "written; get it again, or remove it and run again"
        )


def refusal(path: Path, found: str = "") -> InputError:
    """Error of a damaged file, with what was `found`, or else the sizes."""
    if (record := read_checksum(path)) and not found:
        size = path.stat().st_size
        found = f"{size:,} bytes where its job wrote {record['size']:,} bytes of another content"
    return InputError(f"{path} is damaged: {found}; {_WAY_OUT.format(path)}")


def listed_files(metadata: Path) -> dict[str, dict[str, Any]]:
    """Size and sha256 of the files that a bundle's metadata list, by path.

    Raises:
        InputError: the file is missing or not such metadata.
    """
    try:
        graph = json.loads(metadata.read_text(encoding="utf-8"))["@graph"]
        return {
            each["@id"]: {"size": int(each["contentSize"]), "sha256": str(each["sha256"])}
            for each in graph
            if "sha256" in each
        }
    except FileNotFoundError:
        raise InputError(
            f"bundle: {metadata} is not there; run snakemake in the bundle's folder, or with "
            "--directory and that folder"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"bundle: {metadata} is not the metadata of a bundle") from None
