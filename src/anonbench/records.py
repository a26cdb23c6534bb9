"""What Snakemake knows of results: its records below `.snakemake`, as one file that can be kept."""

from __future__ import annotations

import gzip
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path


def records_of(prefix: str, snakemake: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each record of a file whose name begins with `prefix`, sorted.

    Args:
        prefix: folder of the results as Snakemake names their files, with a slash at its end; in a
            storage, the address.
        snakemake: Snakemake's own folder, `.snakemake`.

    """
    metadata = snakemake / "metadata"
    for path in sorted(metadata.rglob("*")):
        if path.is_file():
            name = path.relative_to(metadata).as_posix()
            # long names are cut into folders that begin with @
            coded = "".join(part.removeprefix("@") for part in name.split("/"))
            if urlsafe_b64decode(coded).decode().startswith(prefix):
                yield name, path


def pack(prefix: str, snakemake: Path) -> bytes:
    """Return all records of results; equal records give equal bytes."""
    found = records_of(prefix, snakemake)
    records = {name: path.read_text(encoding="utf-8") for name, path in found}
    text = json.dumps(records, sort_keys=True).encode()
    return gzip.compress(text, compresslevel=1, mtime=0)


def unpack(packed: bytes, prefix: str, snakemake: Path) -> None:
    """Replace Snakemake's records of results by those that were kept."""
    forget(prefix, snakemake)
    for name, text in json.loads(gzip.decompress(packed)).items():
        path = snakemake / "metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def forget(prefix: str, snakemake: Path) -> None:
    """Remove Snakemake's records of results."""
    for _, path in list(records_of(prefix, snakemake)):
        path.unlink()
