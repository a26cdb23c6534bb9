"""Tables and summaries of scenarios, from the scores of all shards of a data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from anonbench.config import Retrieval
from anonbench.core.io import write_json, write_parquet
from anonbench.core.provenance import versions
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.chance import Levels, levels, mean
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.stage.job import CHANCE, FLOOR, IMAGES, OTHERS_FIRST

MEANS = {"ap": "map", "ndcg": "mndcg"}
"""Name of a column's mean, if it differs from the column's name."""


def gather_scenarios(
    shards: Sequence[Path],
    scenarios: Sequence[str],
    settings: Retrieval,
    tables: Sequence[Path],
    summaries: Sequence[Path],
) -> None:
    """Write the scores of each scenario: the same bytes for any number of shards.

    Args:
        shards: files of `anonbench.evaluation.retrieval.stage.job.score_shard`, all of one data
            set.
        scenarios: names as they appear in the shards.
        settings: section `retrieval` of the config.
        tables: Parquet of each scenario that is written: id, query (kind), then
            `anonbench.evaluation.retrieval.scoring.metrics.COLUMNS`; sorted by kind and id.
        summaries: JSON of each: means, chance and floor, n, k, settings, versions.

    """
    metadata = pq.read_schema(shards[0]).metadata
    images, finds_itself = int(metadata[IMAGES]), OTHERS_FIRST not in metadata
    settings = metrics.effective_settings(images, settings)
    k = metrics.cutoff(images, settings)
    for scenario, table, summary in zip(scenarios, tables, summaries, strict=True):
        rows = _rows(shards, scenario)
        kinds = rows["query"].unique()
        # one kind of queries is enough: chance depends on a query's reference ranking
        first = rows[rows["query"] == kinds[0]]
        chance, with_self = (
            levels(images, k, settings, column == FLOOR, first[column].to_numpy(np.float64))
            for column in (CHANCE, FLOOR)
        )
        own_first = {searched(kinds)} if finds_itself else set()
        floor = {kind: with_self if kind in own_first else chance for kind in kinds}
        scores = rows.drop(columns=["scenario", CHANCE, FLOOR])
        write_parquet(scores, table)
        write_json(summary, summarize(scores, images, chance, floor, settings))


def summarize(
    table: pd.DataFrame,
    images: int,
    chance: Levels,
    floor: Mapping[str, Levels],
    settings: Retrieval,
) -> dict[str, Any]:
    """Means of a scenario by query kind, with the numbers and settings behind them.

    Args:
        table: columns query and `metrics.COLUMNS`, one row a query and kind.
        images: images in the database.
        chance: scores of a random ranking.
        floor: by query kind, the scores of a ranking without knowledge: chance, or chance with the
            own image first if the query is the database's own vector.
        settings: of the scores, as `metrics.effective_settings` returns them.

    """
    return {
        "images": images,
        "k": metrics.cutoff(images, settings),
        "top": metrics.top(images, settings),
        "queries": {
            str(kind): {
                MEANS.get(column, column): mean(rows[column].to_numpy(np.float64))
                for column in COLUMNS
            }
            | {"n": len(rows), "undefined_ndcg": int(rows["ndcg"].isna().sum())}
            for kind, rows in table.groupby("query")
        },
        "chance": chance,
        "floor": dict(floor),
        "settings": settings.effective(),
        "versions": versions("numpy", *(["torch"] if settings.device == "cuda" else [])),
    }


def searched(kinds: Collection[str]) -> str:
    """Query kind whose vectors are those of the database, so its own image comes first.

    Args:
        kinds: of a scenario. On original images there are no anonymized queries, and the database
            holds the originals.

    """
    anonymized = QueryKind.ANONYMIZED.value
    return anonymized if anonymized in kinds else QueryKind.ORIGINAL.value


def gather_in_one_file(shards: Sequence[Path], scenarios: Sequence[str], output: Path) -> None:
    """Write the scores of all scenarios to one file: the same bytes for any number of shards.

    Used for scores by a second reference and for scores without own images.

    Args:
        shards: files of `anonbench.evaluation.retrieval.stage.job.score_shard`, all of one data
            set.
        scenarios: names as they appear in the shards.
        output: Parquet that is written: the columns of the shards; by scenario in this
            order, then by kind and id.

    """
    tables = [_rows(shards, scenario) for scenario in scenarios]
    write_parquet(pd.concat(tables, ignore_index=True), output)


def _rows(shards: Sequence[Path], scenario: str) -> pd.DataFrame:
    parts = [pd.read_parquet(shard, filters=[("scenario", "==", scenario)]) for shard in shards]
    return pd.concat([part for part in parts if len(part)]).sort_values(
        ["query", "id"], ignore_index=True
    )
