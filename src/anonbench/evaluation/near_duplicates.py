"""Scores of an archive without near-duplicates, beside those without as many random images.

A smaller archive may score differently anyway: images left out at random show how much.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.io import read_csv
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.numeric.similarity import Similarity
from anonbench.core.progress import track
from anonbench.core.vocabulary import UNADAPTED
from anonbench.datasets.near_duplicates import distinct, random_order, read_hashes
from anonbench.evaluation import scores
from anonbench.evaluation.retrieval.job import Embedded, gather_scenarios, score_shard
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY, images_needed
from anonbench.evaluation.retrieval.vectors import Vectors, look_through

_LOG = logging.getLogger(__name__)
ALL, DISTINCT, RANDOM = "all", "distinct", "random"
COLUMNS = ["distance", "kept", "images", "near", *scores.COLUMNS]
"""Columns of the table: those of `anonbench.evaluation.scores`, and which images were `kept`: `all`
(no distance), the `distinct` ones (no two within the `distance`), or as many `random` ones. `near`
is the share of images whose nearest other one is within the distance, by the reference."""
_TYPES = dict.fromkeys(["distance", "images", "degree", "seed", "n", "clusters", "k"], "Int64")
_BLOCK = 192
_KEY = ["distance", "degree", "method", "seed", "query"]


def score_without(
    dataset: str,
    hashes: Sequence[Path],
    reference: Path,
    scenarios: Sequence[Embedded],
    whole: pd.DataFrame,
    clusters: pd.Series,
    settings: Retrieval,
    reference_seed: int,
    control_seeds: Sequence[int],
    confidence: float,
) -> pd.DataFrame:
    """Score all scenarios of a data set at each distance of `settings.near_duplicates`.

    Args:
        hashes: files of `anonbench.datasets.near_duplicates.write_hashes`.
        reference: embeddings of the originals by the reference model (HDF5).
        whole: scores of all images (`anonbench.evaluation.scores`).
        clusters: of the images, by id.

    Returns:
        Columns `COLUMNS`. Distances that leave too few images have one row, with the reason.

    Raises:
        InputError: an image has no hash.
    """
    truth = look_through(reference)
    ids = list(truth.ids)
    found = read_hashes(hashes, ids)
    order, nearest = random_order(ids), nearest_distances(truth, found)
    retrieved = whole[whole["metric"].isin(list(PER_QUERY))]
    parts = [retrieved.assign(kept=ALL, images=len(ids))]
    one_shard = settings.model_copy(update={"shards": 1})
    for distance in sorted(set(settings.near_duplicates)):
        kept = distinct(found, order, distance)
        row = {"distance": distance, "images": len(kept), "near": (nearest <= distance).mean()}
        if len(kept) < (needed := images_needed(settings)):
            reason = f"{len(kept)} images are left, and {needed} are needed"
            parts.append(pd.DataFrame([row | {"dataset": dataset, "reason": reason}]))
            continue
        for name, chosen in ((DISTINCT, kept), (RANDOM, np.sort(order[: len(kept)]))):
            with TemporaryDirectory() as folder:
                shard, names = Path(folder) / "shard.parquet", [each.name for each in scenarios]
                tables = [Path(folder) / f"{number}.parquet" for number in range(len(names))]
                summaries = [path.with_suffix(".json") for path in tables]
                score_shard(reference, scenarios, one_shard, 0, shard, chosen)
                gather_scenarios([shard], names, one_shard, tables, summaries)
                keys = [key.split("/") for key in names]
                runs = [(model, int(seed.removeprefix("seed")), v) for model, seed, v in keys]
                files = scores.scenario_files(runs, summaries, tables)
                given = dataset, files, clusters, reference_seed, control_seeds, confidence
                parts.append(scores.collect(*given).assign(kept=name, **row))
    table = pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)
    if text := warning(table):
        warn_on_terminal(_LOG, f"{dataset}: {text}")
    return table.astype(_TYPES)


def nearest_distances(vectors: Vectors, hashes: np.ndarray) -> np.ndarray:
    """Hash distance between each image and the other one nearest to it, uint8 [N].

    Of several equally near images, the smallest distance.
    """
    units = vectors.units()
    search = Similarity(units, _BLOCK, as_queries=vectors.frame.queries)
    nearest = np.full(len(units), 64, np.uint8)
    parts = search.slices(len(units))
    for part in track(parts, len(parts), "blocks of nearest images"):
        similarity = search(units[part])
        similarity[np.arange(len(similarity)), np.arange(part.start, part.stop)] = -np.inf
        rows, columns = np.nonzero(similarity == similarity.max(axis=1, keepdims=True))
        apart = np.bitwise_count(hashes[part][rows] ^ hashes[columns])
        np.minimum.at(nearest[part], rows, apart)
    return nearest


def warning(table: pd.DataFrame) -> str:
    """Where near-duplicates change mAP most, in a sentence; empty if nowhere clearly.

    Clearly: beyond the interval of the mAP of as many random images.
    """
    ranked = table[(table["metric"] == "map") & (table["adaption"] == UNADAPTED)]
    apart, drawn = (ranked[ranked["kept"] == kept] for kept in (DISTINCT, RANDOM))
    both = apart.merge(drawn, on=_KEY, suffixes=("", "_drawn"))
    clear = both[(both["value"] < both["low_drawn"]) | (both["value"] > both["high_drawn"])]
    if clear.empty:
        return ""
    changes = (clear["value"] - clear["value_drawn"]).abs().to_numpy()
    most = clear.iloc[int(changes.argmax())]
    names = ("near", "value", "value_drawn", "low_drawn", "high_drawn")
    near, value, random, low, high = (f"{100 * most[name]:.1f}" for name in names)
    distance, degree = int(most["distance"]), int(most["degree"])
    return (
        f"near-duplicates change the scores: {near} % of the images have one as their nearest "
        f"image (distance {distance} or less); without them mAP is {value} %, without as many "
        f"random images {random} % ({low} to {high}; {most['method']} {degree} %, "
        f"{most['query']} queries)"
    )


def read_near_duplicates(path: Path) -> pd.DataFrame:
    """Read the table; InputError if a column is missing."""
    return read_csv(path, COLUMNS).astype(_TYPES)
