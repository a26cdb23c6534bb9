"""Cached scores of a scenario: what they depend on, and where they lie.

There is a file for each scenario of a shard. A query's scores depend on the scenario and the
reference, not on the other queries. So a query is also looked up in the files of other shards:
another number of shards or a larger sample computes nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anonbench.config import Retrieval
from anonbench.core.jobs.fingerprint import module_digest


def made_by(digests: Sequence[str], settings: Retrieval) -> dict[str, Any]:
    """Return all that a scenario's scores depend on but the drawn queries, as JSON.

    The digests are of the embeddings' content: the reference's, the queries', the database's.
    """
    effective = settings.effective()
    del effective["queries"]  # a query's scores are the same in every sample
    made = module_digest(*code(settings.device))
    return {"digests": list(digests), "settings": effective, "code": made}


def code(device: str) -> tuple[list[str], list[str]]:
    """Return the modules whose code makes scores, and what of their imports has no part in it."""
    # what is read stands in the digests, and settings stand by themselves
    elsewhere = ("config", "embedding", "core.io", "core.progress")
    room = "evaluation.retrieval"
    computed = ("scoring.engine", "scoring.rows", "vectors")
    other = "scoring.on_gpu" if device == "cpu" else "scoring.on_cpu"
    without = [f"anonbench.{module}" for module in (*elsewhere, f"{room}.{other}")]
    without += ["torch"] if device == "cpu" else []
    return [f"anonbench.{room}.{module}" for module in computed], without


def score_file(folder: Path, shard: tuple[int, int], scenario: str) -> Path:
    """Return the file of a scenario, `<model>/seed<seed>/<variant>`, in a shard (number, count)."""
    number, count = shard
    return folder / f"{number}-of-{count}" / f"{scenario.replace('/', '_')}.parquet"


def drop_stale(folder: Path, count: int, scenarios: Iterable[str]) -> None:
    """Remove the files of other scenarios, of another number of shards, and half-written ones."""
    shards = [(number, count) for number in range(count)]
    used = {score_file(folder, shard, name) for name in scenarios for shard in shards}
    for file in {*folder.glob("*-of-*/*")} - used:
        file.unlink(missing_ok=True)
    for place in folder.glob("*-of-*"):
        if not any(place.iterdir()):
            place.rmdir()
