"""Cache of a job's work by key, in one Parquet file: only what is new is computed.

The files are no outputs of the workflow, which removes outputs before a job runs again. They may
be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anonbench.core.io import atomic, read_sealed, seal

FLUSH_SECONDS = 60.0
"""A killed job loses at most so much work, or `_FLUSH_SHARE` times the time of a flush."""
_FLUSH_SHARE = 30
_IDENTITY = b"identity"

log = logging.getLogger(__name__)


class WorkCache(ABC):
    """Rows of one identity by key. Subclasses hold them in memory, and give them as a table."""

    def __init__(self, file: Path | None, identity: Mapping[str, Any], schema: pa.Schema) -> None:
        """Take the file; `_read` reads it.

        Args:
            file: Parquet, followed by its own SHA-256; it may be missing. None: nothing is kept.
            identity: all that rows depend on but their key, as JSON; others are not read.
            schema: of the rows; the first column is the key.

        """
        self._file = file
        self._identity = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._schema = schema
        self._is_changed = False
        """Whether there are rows that are not in the file."""

    @abstractmethod
    def table(self) -> pa.Table:
        """Return all rows, in the same order each time."""

    def flush(self) -> None:
        """Write the file if there are new rows."""
        if self._is_changed and self._file:
            table = self.table().replace_schema_metadata({_IDENTITY: self._identity})
            with atomic(self._file) as temporary:
                pq.write_table(table, temporary, compression="zstd")
                seal(temporary)
            self._is_changed = False

    def _read(self, keys: Iterable[str], others: Iterable[Path] = ()) -> pa.Table:
        """Return the rows of these keys, as far as there are any.

        Args:
            keys: what is needed; rows of other keys are dropped.
            others: files to read for keys that are missing in the own file.

        """
        tables, missing = [self._schema.empty_table()], set(keys)
        for file in dict.fromkeys([self._file, *others]) if self._file else ():
            if missing and file.exists():
                tables.append(self._rows(file, missing))
                missing -= set(tables[-1][0].to_pylist())
                self._is_changed |= file != self._file and len(tables[-1]) > 0
        return pa.concat_tables(tables)

    def _rows(self, file: Path, keys: Collection[str]) -> pa.Table:
        """Return a file's rows of these keys; none if it is damaged or of another identity."""
        try:
            content = pa.BufferReader(read_sealed(file))
            found = pq.read_schema(content)
            is_same = (found.metadata or {}).get(_IDENTITY) == self._identity.encode()
            if is_same and found.names == self._schema.names:
                wanted = pc.field(self._schema.names[0]).isin(list(keys))
                return pq.read_table(content, schema=self._schema, filters=wanted)
        except (ValueError, pa.ArrowException, OSError) as error:
            log.warning("%s is damaged (%s) and not used", file, type(error).__name__)
        return self._schema.empty_table()


@contextmanager
def flushed_at_intervals(flush: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Give a function to call often, which flushes if the last time is long ago.

    At the end of the block all is flushed, also after an error.
    """
    last, pause = time.monotonic(), FLUSH_SECONDS

    def flush_if_due() -> None:
        nonlocal last, pause
        began = time.monotonic()
        if began - last >= pause:
            flush()
            last = time.monotonic()
            pause = max(FLUSH_SECONDS, _FLUSH_SHARE * (last - began))

    try:
        yield flush_if_due
    finally:
        flush()
