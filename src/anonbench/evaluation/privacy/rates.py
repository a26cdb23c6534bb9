"""Re-identification rates with intervals, and the strongest of all attacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from anonbench.core.io import read_csv
from anonbench.core.numeric.rates import clustered_rate
from anonbench.core.registries.attacks import ATTACKERS
from anonbench.core.registries.method_names import in_order
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.privacy.probes import (
    ADAPTIVE,
    ANONYMIZED,
    NAIVE,
    RANKS,
    chances,
    hit_rates,
    of_one,
)


def with_clusters(probes: pd.DataFrame, clusters: pd.Series) -> pd.DataFrame:
    """Return an attack's probes with `cluster` as coarse as both groupings together.

    Args:
        probes: columns `anonbench.evaluation.privacy.probes.COLUMNS`; numbers in `cluster` are of
            one entity. Rows without an image stay as they are.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).

    Raises:
        InputError: a probe's image has no cluster.

    """
    given = probes[probes["reason"] == ""]
    found = probes["cluster"].copy()
    for _, of_entity in given.groupby("entity", sort=False):
        groups = clusters_of(of_entity["id"], clusters)
        found.loc[of_entity.index] = _joined(of_entity["cluster"].to_numpy(np.int64), groups)
    return probes.assign(cluster=found)


def _joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return numbers [N] that rows share which are linked by equal numbers in either array [N]."""
    first, second = (np.unique(each, return_inverse=True)[1] for each in (one, other))
    count = first.max() + 1
    size = count + second.max() + 1
    links = coo_array((np.ones(len(one)), (first, count + second)), shape=(size, size))
    labels: np.ndarray = connected_components(links, directed=False)[1]
    return labels[first]


RATE_COLUMNS = [
    "dataset",
    "degree",
    "method",
    "entity",
    "match",
    "regions",
    "attacker",
    "against",
    "rank",
    "rate",
    "low",
    "high",
    "n",
    "clusters",
    "gallery",
    "chance",
    *(f"one_{what}" for what in ("rate", "low", "high", "chance", "gallery")),
    "reason",
]
"""Columns of the rates. `regions`: `all` (what the published images still give away) or those that
are `hidden` at the degree, or the `remainder`: all regions, of which their surroundings alone are
seen; `rank`: a match among so many counts; `n` probes of `clusters` persons
(or images) in a `gallery` of so many crops, in which `chance` finds as many. `one_…`: the same in
a gallery with one crop of each person; regions have one anyway. A row without a rate or without an
interval says why in `reason`."""
ALL, HIDDEN, REMAINDER = "all", "hidden", "remainder"
_KEYS = ["degree", "method", "entity", "match", "attacker", "against", "context"]
_ORDERS: dict[str, list[str]] = {
    "entity": [entity.value for entity in Entity],
    "regions": [ALL, HIDDEN, REMAINDER],
    "attacker": [NAIVE, ADAPTIVE, *ATTACKERS, ""],
    "against": [ORIGINAL, ANONYMIZED, ""],
}


def rates(dataset: str, probes: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the rates of a data set, columns `RATE_COLUMNS`.

    Intervals are those of `anonbench.core.numeric.rates.clustered_rate`: Wilson's for the effective
    number of probes, since probes of one person (or image) are found or missed together.

    Args:
        dataset: its name.
        probes: columns `anonbench.evaluation.privacy.probes.COLUMNS`.
        confidence: of the intervals.

    """
    rows: list[dict[str, Any]] = []
    for key, group in probes[probes["reason"] == ""].groupby(_KEYS, sort=False):
        whole = dict(zip(_KEYS, key, strict=True)) | {"dataset": dataset}
        parts = {REMAINDER if whole["context"] else ALL: group}
        if whole["method"] != ORIGINAL and not whole["context"]:
            parts[HIDDEN] = group[group["hidden"]]
        rows += [
            whole | {"regions": regions, "rank": rank} | _rate(part, rank, confidence)
            for regions, part in parts.items()
            for rank in RANKS
            if len(part)
        ]
    absent = probes.loc[probes["reason"] != "", [*_KEYS, "reason"]]
    seen = absent["context"].gt(0).map({True: REMAINDER, False: ALL})
    absent = absent.assign(dataset=dataset, regions=seen)
    given = pd.DataFrame(rows, columns=RATE_COLUMNS)
    table = pd.DataFrame([*given.to_dict("records"), *absent.to_dict("records")])
    table = table.reindex(columns=RATE_COLUMNS)
    whole_numbers = dict.fromkeys(("rank", "n", "clusters", "gallery", "one_gallery"), "Int64")
    return _sorted(table).astype(whole_numbers)


def read_rates(path: Path) -> pd.DataFrame:
    """Read a table of rates."""
    keys = ("dataset", "method", "entity", "match", "regions", "attacker", "against")
    texts = (*keys, "reason")
    return read_csv(path, RATE_COLUMNS, texts)


def worst(
    given: pd.DataFrame,
    rank: int = 1,
    of: Sequence[str] = ("degree", "method"),
    regions: str = ALL,
) -> pd.DataFrame:
    """Return, for each method and degree (or what `of` names), the attack that finds most.

    One row of `rates` each, over all regions (or what else `regions` names), originals (the
    ceiling) among them. Attacks on
    different entities have galleries of different sizes, so the one that is farthest above chance
    counts: (rate - chance) / (1 - chance). Choosing the highest of several makes it a little too
    high.
    """
    rows = given[(given["regions"] == regions) & (given["rank"] == rank) & given["rate"].notna()]
    above = (rows["rate"] - rows["chance"]) / (1.0 - rows["chance"]).clip(lower=1e-9)
    ordered = rows.assign(above=above).sort_values("above", ascending=False, kind="stable")
    best = ordered.drop_duplicates(list(of))
    return _sorted(best.drop(columns="above"))


def _rate(probes: pd.DataFrame, rank: int, confidence: float) -> dict[str, Any]:
    clusters = probes["cluster"].to_numpy()
    found = clustered_rate(probes[f"hit_{rank}"].to_numpy(np.float64), clusters, confidence)
    places = of_one(*(probes[f"one_{n}"].to_numpy() for n in ("above", "tied", "others")))
    one = clustered_rate(hit_rates(places, rank), clusters, confidence)
    return vars(found) | {
        "rate": found.value,
        "gallery": int(probes["gallery"].max()),
        "chance": float(probes[f"chance_{rank}"].mean()),
        **{f"one_{what}": getattr(one, what) for what in ("low", "high")},
        "one_rate": one.value,
        "one_chance": float(chances(places, rank).mean()),
        "one_gallery": int(places.gallery.max()),
    }


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    methods = in_order(set(table["method"]) - {ORIGINAL, ""})
    orders = _ORDERS | {"method": [ORIGINAL, *methods, ""]}
    return table.sort_values(
        ["degree", "method", "entity", "regions", "attacker", "against", "rank"],
        key=lambda column: (
            column.map(orders[column.name].index) if column.name in orders else column
        ),
        kind="stable",
        ignore_index=True,
    )
