"""Parameters and input digests of a job, as the records of its outputs keep them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import read_checksum
from anonbench.core.provenance import file_digest

MADE_FROM = "made_from"
"""Key of an output's record."""
_SMALL = 10**6
"""Bytes; larger files that no job wrote have no digest here."""


def made_from(
    parameters: Mapping[str, Any], inputs: Iterable[Path], results: Path | None
) -> dict[str, Any]:
    """Return what a job's outputs are made from: its parameters, and digests of its inputs.

    Inputs in the folder of results are named from there, with `./`: results may be moved.
    """
    return {
        "parameters": plain(parameters),
        "inputs": {_name(path, results): input_digest(path) for path in inputs},
    }


def read_made_from(outputs: Iterable[Path]) -> dict[str, Any] | None:
    """Return what the first output with a record was made from; None where there is none."""
    records = filter(None, map(read_checksum, outputs))
    return next((record.get(MADE_FROM) for record in records), None)


def plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON gives them back."""
    content: dict[str, Any] = json.loads(json.dumps(dict(parameters), default=str))
    return content


def _name(path: Path, results: Path | None) -> str:
    if results is None or not path.is_relative_to(results):
        return str(path)
    return f"./{path.relative_to(results)}"


def input_digest(path: Path) -> str | None:
    """Return the SHA-256 that a file's own job recorded, else that of a small file, else None."""
    if record := read_checksum(path):
        return str(record["sha256"])
    is_small = path.is_file() and path.stat().st_size <= _SMALL
    return file_digest(path) if is_small else None
