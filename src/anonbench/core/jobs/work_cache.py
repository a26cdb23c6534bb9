"""Tables of earlier work beside a job's outputs, read only by work of the same identity.

They are no outputs of the workflow, which removes outputs before a job runs again, and may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.core.io import append_checksum, atomic, read_checksummed

_IDENTITY = b"identity"

log = logging.getLogger(__name__)


def identity_of(parts: Mapping[str, Any]) -> str:
    """Return one digest for all that work depends on, given as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_table(file: Path, identity: str, schema: pa.Schema | None = None) -> pa.Table | None:
    """Return a table of this identity; None where there is none, or it is damaged.

    Args:
        file: Parquet, followed by its own SHA-256.
        identity: see `identity_of`.
        schema: the table's columns; a table of others is not used. None: any.

    """
    if not file.exists():
        return None
    try:
        content = pa.BufferReader(read_checksummed(file))
        found = pq.read_schema(content)
        is_same = (found.metadata or {}).get(_IDENTITY) == identity.encode()
        if not is_same or (schema and found.names != schema.names):
            return None
        return pq.read_table(content, schema=schema)
    except (ValueError, pa.ArrowException, OSError) as error:
        log.warning("%s is damaged (%s) and not used", file, type(error).__name__)
        return None


def write_table(file: Path, identity: str, table: pa.Table) -> None:
    """Write a table with its identity."""
    with atomic(file) as temporary:
        named = table.replace_schema_metadata({_IDENTITY: identity})
        pq.write_table(named, temporary, compression="zstd")
        append_checksum(temporary)
