"""Cache of a job's work by key, in one Parquet file: only new keys are computed.

The files are no outputs of the workflow, which removes outputs before a job runs again. They may
be deleted at any time.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anonbench.core.io import append_checksum, atomic, read_checksummed
from anonbench.core.provenance import content_digest

FLUSH_SECONDS = 60.0  # seconds of work that a killed job loses at most, or
FLUSH_SHARE = 30  # so many times as long as a flush takes
_IDENTITY = b"identity"

log = logging.getLogger(__name__)


class WorkCache:
    """Rows of earlier work by key, of one identity, in memory and in a Parquet file."""

    def __init__(
        self,
        file: Path | None,
        identity: Mapping[str, Any],
        schema: pa.Schema,
        by: Sequence[str],
        keys: Iterable[str],
        others: Iterable[Path] = (),
    ) -> None:
        """Read the existing rows.

        Args:
            file: Parquet, followed by its own SHA-256; it may be missing. None: nothing is cached.
            identity: all that rows depend on besides their key, as JSON; other rows are not used.
            schema: of the rows.
            by: columns that rows are sorted by; the first is the key.
            keys: of the rows that are needed; others are dropped.
            others: files to read for keys that are missing in `file`.
        """
        self._file, self._schema, self._by = file, schema, list(by)
        self._identity = content_digest(identity)
        self._tables = [schema.empty_table()]
        self._is_changed = False
        self.missing = set(keys)
        """Keys that no file has."""
        for source in dict.fromkeys([file, *others]) if file else ():
            if self.missing and source.exists():
                self._tables.append(self._read(source))
                self.missing -= set(self._tables[-1][by[0]].to_pylist())
                self._is_changed |= source != file and len(self._tables[-1]) > 0

    def table(self) -> pa.Table:
        """All rows, sorted."""
        return pa.concat_tables(self._tables).sort_by([(name, "ascending") for name in self._by])

    def add(self, rows: pa.Table) -> None:
        """Add rows of missing keys."""
        self._tables.append(rows)
        self._is_changed = True

    def flush(self) -> None:
        """Write the file if there are new rows."""
        if self._is_changed and self._file:
            table = self.table().replace_schema_metadata({_IDENTITY: self._identity})
            with atomic(self._file) as temporary:
                pq.write_table(table, temporary, compression="zstd")
                append_checksum(temporary)
            self._is_changed = False

    def _read(self, file: Path) -> pa.Table:
        """The missing rows that a file has; none if it is damaged or of another identity."""
        try:
            content = pa.BufferReader(read_checksummed(file))
            found = pq.read_schema(content)
            is_same = (found.metadata or {}).get(_IDENTITY) == self._identity.encode()
            if is_same and found.names == self._schema.names:
                missing = pc.field(self._by[0]).isin(list(self.missing))
                return pq.read_table(content, schema=self._schema, filters=missing)
        except (ValueError, pa.ArrowException, OSError) as error:
            log.warning("%s is damaged (%s) and not used", file, type(error).__name__)
        return self._schema.empty_table()


@contextmanager
def flushed_at_intervals(flush: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Yield a function to call often; it flushes if the last flush was long ago.

    Everything is flushed at the end of the block, also after an error.
    """
    last, pause = time.monotonic(), FLUSH_SECONDS

    def flush_if_due() -> None:
        nonlocal last, pause
        began = time.monotonic()
        if began - last >= pause:
            flush()
            last = time.monotonic()
            pause = max(FLUSH_SECONDS, FLUSH_SHARE * (last - began))

    try:
        yield flush_if_due
    finally:
        flush()
