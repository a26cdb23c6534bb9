"""Files carried by a bundle: no job makes them, and the bundle's metadata describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from anonbench.core.errors import InputError


@dataclass(frozen=True)
class Listed:
    """A file as the metadata lists it."""

    path: str
    size: int
    sha256: str


def listed_files(metadata: Path) -> list[Listed]:
    """Files listed in a bundle's metadata, read as plain JSON, which is fast.

    Raises:
        InputError: the file is missing or not such metadata.

    """
    try:
        graph = json.loads(metadata.read_text(encoding="utf-8"))["@graph"]
        return [
            Listed(each["@id"], int(each["contentSize"]), str(each["sha256"]))
            for each in graph
            if "sha256" in each
        ]
    except FileNotFoundError:
        raise InputError(
            f"bundle: {metadata} is not there; run snakemake in the bundle's folder, or with "
            "--directory and that folder"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"bundle: {metadata} is not the metadata of a bundle") from None
