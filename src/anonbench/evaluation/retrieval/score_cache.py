"""Cache of scores, by scenario and query: only what is new is computed.

There is a file for each scenario of a shard. A query's scores depend on the scenario and the
reference, not on the other queries. So a query is also looked up in the files of other shards:
another number of shards or a larger sample computes nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from anonbench.config import Retrieval
from anonbench.core.jobs.fingerprint import code_identity
from anonbench.core.jobs.work_cache import WorkCache


def made_by(digests: Sequence[str], settings: Retrieval) -> dict[str, Any]:
    """Return all that a scenario's scores depend on but the drawn queries, as JSON.

    Args:
        digests: of the content of the reference's embeddings, of the queries' and the database's.
        settings: of the scores.

    """
    effective = settings.effective()
    del effective["queries"]  # a query's scores are the same in every sample
    code = _code(settings.device)
    return {"digests": list(digests), "settings": effective, "code": code}


@cache
def _code(device: str) -> dict[str, str]:
    # what is read stands in the digests, and settings stand by themselves
    elsewhere = ("config", "embedding", "core.io", "core.progress")
    other = "on_gpu" if device == "cpu" else "on_cpu"
    code = code_identity(
        [f"anonbench.evaluation.retrieval.{module}" for module in ("engine", "rows", "vectors")],
        [f"anonbench.{module}" for module in (*elsewhere, f"evaluation.retrieval.{other}")],
    )
    if device == "cpu":
        code.pop("torch", None)
    return code


class ScoreCache(WorkCache):
    """One scenario's scores of a shard's queries, in memory and in a file."""

    def __init__(
        self,
        file: Path | None,
        identity: Mapping[str, Any],
        ids: pd.Index,
        kinds: Iterable[str],
        columns: Sequence[str],
    ) -> None:
        """Read the scores of these queries, also from the files of other shards.

        Args:
            file: of `score_file`; see `WorkCache`.
            identity: of `made_by`.
            ids: of the shard's queries [Q].
            kinds: of queries; they are scored together.
            columns: names of the scores.

        """
        scores = ((name, pa.float64()) for name in columns)
        super().__init__(
            file, identity, pa.schema([("id", pa.string()), ("query", pa.string()), *scores])
        )
        self._ids, self._columns = ids, list(columns)
        self._scores = {kind: np.full((len(ids), len(columns)), np.nan) for kind in sorted(kinds)}
        self._is_done = np.zeros(len(ids), dtype=bool)
        others = sorted(file.parent.parent.glob(f"*-of-*/{file.name}")) if file else []
        for kind, rows in self._read(ids, others).to_pandas().groupby("query"):
            queries = ids.get_indexer(rows["id"])
            self._scores[str(kind)][queries] = rows[self._columns]
            self._is_done[queries] = True

    @property
    def missing(self) -> np.ndarray:
        """Whether a query has no scores yet, bool [Q]."""
        return ~self._is_done

    def add(self, queries: np.ndarray, scores: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Add scores of queries with these numbers [M]: by kind and column, float64 [M]."""
        for kind, columns in scores.items():
            values = [columns[name] for name in self._columns]
            self._scores[kind][queries] = np.stack(values, axis=1)
        self._is_done[queries] = True
        self._is_changed = True

    def table(self) -> pa.Table:
        """Return id, query and the columns of all queries with scores, by kind, as the ids are."""
        ids = self._ids[self._is_done]
        frames = {
            kind: pd.DataFrame(scores[self._is_done], ids, self._columns)
            for kind, scores in self._scores.items()
        }
        rows = pd.concat(frames, names=["query", "id"]).reset_index()
        return pa.Table.from_pandas(rows, self._schema, preserve_index=False)


def score_file(folder: Path, shard: int, count: int, scenario: str) -> Path:
    """Return the file of a scenario, `<model>/seed<seed>/<variant>`, in one of `count` shards."""
    return folder / f"{shard}-of-{count}" / f"{scenario.replace('/', '_')}.parquet"


def drop_stale(folder: Path, count: int, scenarios: Iterable[str]) -> None:
    """Remove the files of other scenarios, of another number of shards, and half-written ones."""
    shards = range(count)
    used = {score_file(folder, shard, count, name) for name in scenarios for shard in shards}
    for file in {*folder.glob("*-of-*/*")} - used:
        file.unlink(missing_ok=True)
    for place in folder.glob("*-of-*"):
        if not any(place.iterdir()):
            place.rmdir()
