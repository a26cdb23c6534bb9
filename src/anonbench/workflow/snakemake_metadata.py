"""What Snakemake knows of results: its records below `.snakemake`, as one file that can be kept."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

Prefixes = str | tuple[str, ...]
"""Folder of the results as Snakemake names their files, with a slash at its end; in a storage, the
address. Several where Snakemake may have named it in several ways."""

_LONGEST = 254
"""Characters of a record's name; what is longer is cut into folders that begin with @."""


def records_of(
    prefixes: Prefixes, snakemake: Path, kind: str = "metadata"
) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each record of the results, sorted.

    Args:
        prefixes: where the results lie.
        snakemake: Snakemake's own folder, `.snakemake`.
        kind: folder in it, `metadata` or `incomplete`.

    """
    folder = snakemake / kind
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and decoded(name).startswith(prefixes):
            yield name, path


def encoded(path: str) -> str:
    """Return the name of the record that is about a path."""
    code = urlsafe_b64encode(path.encode()).decode()
    parts = [code[start : start + _LONGEST] for start in range(0, len(code), _LONGEST)]
    return "/".join([*(f"@{part}" for part in parts[:-1]), parts[-1]])


def decoded(name: str) -> str:
    """Return the path that a record of Snakemake's is about; "" where it is none of its records."""
    coded = "".join(part.removeprefix("@") for part in name.split("/"))
    try:
        return urlsafe_b64decode(coded).decode()
    except ValueError:
        return ""


def pack(prefixes: Prefixes, snakemake: Path) -> bytes:
    """Return all records of results; equal records give equal bytes."""
    found = records_of(prefixes, snakemake)
    records = {name: path.read_text(encoding="utf-8") for name, path in found}
    text = json.dumps(records, sort_keys=True).encode()
    return gzip.compress(text, compresslevel=1, mtime=0)


def unpack(packed: bytes, prefixes: Prefixes, snakemake: Path) -> None:
    """Replace Snakemake's records of results by those that were kept.

    Raises:
        ValueError: they are damaged; nothing is replaced.

    """
    try:
        records = json.loads(gzip.decompress(packed))
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(str(error)) from error
    forget(prefixes, snakemake)
    for name, text in records.items():
        path = snakemake / "metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def forget(prefixes: Prefixes, snakemake: Path) -> None:
    """Remove Snakemake's records of results."""
    for _, path in list(records_of(prefixes, snakemake)):
        path.unlink()
