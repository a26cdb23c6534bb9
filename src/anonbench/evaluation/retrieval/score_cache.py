"""Scores that a job had computed before, kept beside its output: only what is new is computed.

A file for each scenario of a shard: Parquet and its digest. It is no output of the workflow (which
removes outputs before a job runs again) and may be deleted at any time. A query's scores depend on
the scenario and the reference alone, not on the other queries: they are looked up by the query's
id, in the files of other shards too, so that another number of shards or a larger sample costs
nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config import Retrieval
from anonbench.core.io import atomic, read_sealed, seal
from anonbench.core.jobs.fingerprint import code_identity

log = logging.getLogger(__name__)

_IDENTITY = b"identity"


def made_by(digests: Sequence[str], settings: Retrieval) -> str:
    """Return the digest of all that a scenario's scores depend on, but for the drawn queries.

    Args:
        digests: of the content of the reference's embeddings, of the queries' and the database's.
        settings: of the scores.

    """
    effective = settings.effective()
    del effective["queries"]  # a query's scores are the same in every sample
    code = _code(settings.device)
    identity = {"digests": list(digests), "settings": effective, "code": code}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@cache
def _code(device: str) -> dict[str, str]:
    # what is read stands in the digests, and settings stand by themselves
    without = [f"anonbench.{module}" for module in ("config", "embeddings", "files", "progress")]
    other = "on_gpu" if device == "cpu" else "on_cpu"
    code = code_identity(
        [f"anonbench.evaluation.retrieval.{module}" for module in ("engine", "rows", "vectors")],
        [*without, f"anonbench.evaluation.retrieval.{other}"],
    )
    if device == "cpu":
        code.pop("torch", None)
    return code


class KeptScores:
    """One scenario's scores of a shard's queries, in memory and in a file."""

    def __init__(
        self,
        file: Path | None,
        identity: str,
        ids: pd.Index,
        kinds: Sequence[str],
        columns: Sequence[str],
        others: Sequence[Path] = (),
    ) -> None:
        """Read what there is of these queries.

        Args:
            file: to read and to write (Parquet); None: kept nowhere.
            identity: of `made_by`; scores of another one are not used.
            ids: of the shard's queries [Q].
            kinds: of queries, that are scored together.
            columns: names of the scores.
            others: files to look into for what is missing in `file`; never written.

        """
        self._file = file
        self._identity = identity.encode()
        self._ids = ids
        self._columns = list(columns)
        self.values = {kind: np.full((len(columns), len(ids)), np.nan) for kind in kinds}
        """Scores by query kind, float64 [columns, Q]; NaN where they are not there yet."""
        self._done = np.zeros(len(ids), dtype=bool)
        self._changed = False
        if file:
            self._take(file)
            for other in others:
                if not self._done.all() and other != file:
                    self._changed |= self._take(other)

    @property
    def lacking(self) -> np.ndarray:
        """Whether a query's scores are not there yet, bool [Q]."""
        return ~self._done

    def put(self, queries: np.ndarray, scores: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Add scores of queries with these numbers [M]: by kind and column, float64 [M]."""
        for kind, columns in scores.items():
            self.values[kind][:, queries] = [columns[name] for name in self._columns]
        self._done[queries] = True
        self._changed = True

    def table(self) -> pd.DataFrame:
        """Return what is done: id, query and the columns, by kind and then as the ids are."""
        return pd.concat(
            [
                pd.DataFrame({"id": self._ids[self._done], "query": kind}).join(
                    pd.DataFrame(self.values[kind][:, self._done].T, columns=self._columns)
                )
                for kind in sorted(self.values)
            ],
            ignore_index=True,
        )

    def flush(self) -> None:
        """Write the file where there is something new."""
        if self._changed and self._file:
            table = pa.Table.from_pandas(self.table(), preserve_index=False)
            with atomic(self._file) as temporary:
                pq.write_table(
                    table.replace_schema_metadata({_IDENTITY: self._identity}),
                    temporary,
                    compression="zstd",
                )
                seal(temporary)
            self._changed = False

    def _take(self, file: Path) -> bool:
        """Take over from a file what is missing; return whether there was anything."""
        try:
            content = pa.BufferReader(read_sealed(file))
            if (pq.read_schema(content).metadata or {}).get(_IDENTITY) != self._identity:
                return False
            table = pq.read_table(content).to_pandas()
        except FileNotFoundError:
            return False
        except (ValueError, pa.ArrowException, OSError) as error:
            log.warning("%s is damaged (%s) and not used", file, type(error).__name__)
            return False
        new = np.zeros(len(self._ids), dtype=bool)
        for kind, rows in table.groupby("query"):
            places = self._ids.get_indexer(rows["id"])
            wanted = places[places >= 0]
            new[wanted] = ~self._done[wanted]
            self.values[str(kind)][:, wanted] = rows.loc[places >= 0, self._columns].to_numpy().T
        self._done |= new
        return bool(new.any())


def folder(kept: Path, shard: int, count: int) -> Path:
    """Return where one of `count` shards keeps its scores, below the data set's folder."""
    return kept / f"{shard}-of-{count}"


def file_of(place: Path, scenario: str) -> Path:
    """Return the file of a scenario, `<model>/seed<seed>/<variant>`, in a shard's folder."""
    return place / f"{scenario.replace('/', '_')}.parquet"


def drop_stale(place: Path, scenarios: Collection[str]) -> None:
    """Remove from a shard's folder what is of no scenario, and what a killed job left half done."""
    wanted = {file_of(place, scenario) for scenario in scenarios}
    for file in _files(place):
        if file not in wanted:
            file.unlink(missing_ok=True)


def drop_other_counts(kept: Path, count: int) -> None:
    """Remove what was kept when a data set's queries were shared by another number of jobs."""
    for place in kept.glob("*-of-*"):
        if place.name.rpartition("-")[2] != str(count):
            shutil.rmtree(place, ignore_errors=True)


def _files(place: Path) -> Iterator[Path]:
    return iter(sorted(place.iterdir()) if place.is_dir() else [])
