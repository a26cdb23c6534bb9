"""Scores of any system's embeddings against its own ranking of the original images.

Computes the results of `anonbench score` and `anonbench.score`; needs no pipeline, model or torch.
"""

import hashlib
import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from anonbench.config import Presentation, Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import too_few as too_few_clusters
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.numeric.statistics import standard_error
from anonbench.core.settings import Confidence, Count, fault, require_value
from anonbench.datasets.given import copies_of
from anonbench.datasets.source import read_csv
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.alignment import Source, matched, named, provenance, rows_of, system_of
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.engine import draw
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import WholeTable, retrieval_scores
from anonbench.evaluation.sufficiency import why_no_statement

log = logging.getLogger(__name__)
DEFAULTS = Presentation()
COLUMNS = ["metric", "value", "low", "high", "se", "queries", "k", "chance", "ceiling"]
"""Columns of the scores, see `score`."""
FEW = 20
"""If fewer than one in this number of images is a query, the archive is not loaded into memory."""
CEILING = 1.0  # value of every metric for the reference against itself
_ROWS = 4096  # vectors that are digested at once
FINEST = 2.0**-17
"""Least spread of cosines: 128 times the rounding of float32. Above it, mAP of random vectors with
a common offset was off by at most 0.4 of half its interval; at a third of it, by 6 times that."""
_DRAWN, _FEWEST = 256, 8
"""Images whose cosines are compared, and the least number of different cosines."""
NEAR_CHANCE = 0.05
"""A score is near chance where it is no further above it than this share of what is possible."""

TWO_SYSTEMS = (
    "queries and database were embedded by two systems; their vectors can only be compared if one "
    "was trained for the other's vectors, as low-rank updates are."
)

SCORED_BY = "anonbench.scored_by"
"""Key of what scores depend on: k, settings, and a digest of the reference."""


@dataclass(frozen=True)
class Evaluation:
    """Comparison of one system with its own ranking of the originals."""

    table: pd.DataFrame  # one row a metric, see `score`
    per_query: pd.DataFrame
    """Columns id and ap, ndcg, overlap, overlap_top, rbo, tau, unchanged; sorted by id. Its `attrs`
    have what the scores depend on besides queries and database, as `SCORED_BY`."""
    images: int  # images in the database
    k: int
    queries_given: int  # number of given queries; fewer are scored if a sample is requested
    settings: Retrieval
    confidence: float  # coverage of the intervals
    clusters: int | None  # clusters of the queries; None if each query counts as its own cluster
    spread: float  # of the reference's similarities of an image to others, see `_spread_of`
    left_out: dict[str, int]
    """Vectors of reference, queries and database that have no counterpart in the others."""
    two_systems: str
    """Warning that files of queries and database name two systems; empty if they do not."""

    @property
    def without_intervals(self) -> str:
        """Reason for missing intervals; empty if there are intervals."""
        return too_few_clusters(len(self.per_query) if self.clusters is None else self.clusters)

    @property
    def unknown(self) -> str:
        """Why no statement can rest on the scores, and what to add; empty if one can."""
        if self.k < metrics.MIN_K:
            return (
                f"k is {self.k}, and below {metrics.MIN_K} no ranking can be judged; score more "
                f"images, or ask for a k of {metrics.MIN_K} or more"
            )
        if self.spread < FINEST:
            return (
                "the reference's vectors differ, but float32 hardly tells their cosines apart; "
                "subtract each system's mean vector from its vectors"
            )
        return why_no_statement(self.table.assign(n=len(self.per_query)))

    def near_chance(self) -> pd.DataFrame:
        """Rows of mAP and mnDCG in which the score is at or near chance."""
        rows = self.table[self.table["metric"].isin(["map", "mndcg"])]
        reach = rows["chance"] + NEAR_CHANCE * (CEILING - rows["chance"])
        near = (rows["value"] <= reach) | (rows["low"] <= rows["chance"])
        return rows[near & (rows["chance"] < CEILING)]  # chance at the ceiling says nothing


def score(reference: Source, queries: Source, database: Source, **settings: Any) -> pd.DataFrame:
    """Measure what a change of the images costs a retrieval system.

    Args:
        reference: the original system's embeddings of the N original images, float [N, D'].
        queries: embeddings of query images after the change, float [Q, D]: of all N or of some, of
            the original or the anonymized versions.
        database: embeddings of the N images that are searched after the change, float [N, D].
        settings: of `run`, such as `fraction=0.05`, `k=100`, `sample=200` or
            `clusters="persons.csv"`.

    Returns:
        One row a metric (map, mndcg, overlap, overlap_top, rbo, tau, unchanged) with columns
        metric, value, low, high (t interval over clusters of queries; Wilson's for the share
        unchanged), se (standard error of the mean over clusters), queries (for which the metric is
        defined), k, chance (of a random ranking), ceiling (the reference against itself), and for a
        sample also sampling_error: of the sample's mean as an estimate of the mean of all queries
        given. `attrs["unknown"]` says why the scores support no conclusion; it is empty if they do.

    Raises:
        InputError: a file or setting is wrong; the message names it and says what to do.

    Example:
        >>> import numpy as np, anonbench
        >>> draw = np.random.default_rng(0).standard_normal
        >>> ids, original = [f"image-{i}" for i in range(400)], draw((400, 32))
        >>> anonymized = original + 0.5 * draw((400, 32))
        >>> table = anonbench.score((ids, original), (ids, original), (ids, anonymized))
        >>> table.set_index("metric").loc["map", ["value", "chance"]].round(2).tolist()
        [0.72, 0.06]
    """
    found = run(reference, queries, database, **settings)
    if found.unknown:
        log.warning("NOT KNOWN what the change costs: %s", found.unknown)
    if found.two_systems:
        log.warning(found.two_systems)
    found.table.attrs["unknown"] = found.unknown
    return found.table


def run(
    reference: Source,
    queries: Source,
    database: Source,
    *,
    k: int | None = None,
    sample: int | None = None,
    common: bool = False,
    confidence: float = DEFAULTS.confidence,
    clusters: pd.Series | Path | str | None = None,
    **settings: Any,
) -> Evaluation:
    """Score as `score` does, and keep the score of every query.

    Args:
        k: images of a query that count as relevant, instead of a share of the database.
        sample: score a random sample of this many queries against the whole database.
        common: score only images that reference and database both have, and queries among them,
            instead of refusing ids that do not match.
        confidence: coverage of the intervals, as a share.
        clusters: groups of queries that are not independent, such as photos of one person: a label
            for each query, by id, or a file (.csv or .parquet) with the columns id and cluster.
            Without it every query counts as independent.
        settings: fields of `anonbench.config.Retrieval`: fraction, include_self, ap_depth, gain,
            gain_of, negative_gain, ties, top, persistence, block.

    Raises:
        InputError: a file or setting is wrong; the message names it and says what to do.
    """
    for name, asked in (("sample", sample), ("k", k)):
        if asked is not None:
            require_value(name, asked, Count)
    require_value("confidence", confidence, Confidence)
    retrieval = _retrieval(settings)
    sources = {"reference": reference, "queries": queries, "database": database}
    one, other, third = given = [named(source, name) for name, source in sources.items()]
    used = truth, queried, searched = matched(one, other, third, common)
    sizes = (len(every.ids) - len(kept.ids) for (_, every), kept in zip(given, used, strict=True))
    left_out = dict(zip(sources, sizes, strict=True))
    size = len(searched.ids)
    retrieval = cutoff_settings(retrieval, size, k)
    k = metrics.cutoff(size, retrieval)
    count = len(queried.ids)
    if sample is not None:
        queried = rows_of(queried, draw(queried.ids, sample))
    names = pd.Series(sorted(queried.ids), dtype="str")
    groups = pd.Series(cluster_numbers(names, clusters), names.to_numpy())

    few = len(queried.ids) * FEW < size
    given_queries = {"queries": queried}
    scores = score_scenario(truth, given_queries, searched, retrieval, streamed=few, name=one[0])
    per_query = scores.table.drop(columns="query")
    per_query.attrs[SCORED_BY] = {
        **comparable_settings(retrieval),
        "k": k,
        "similarity": truth.similarity,
        "reference": _digest_of(truth),
    }
    levels = {"chance": scores.chance, "floor": {"queries": scores.floor}}
    summary = {"k": k, "top": metrics.top(size, retrieval), **levels}
    found = retrieval_scores(scores.table, summary, groups, confidence)
    rows = [{"metric": name, "ceiling": CEILING} | entries for _, name, entries, _ in found]
    table = WholeTable(pd.DataFrame(rows).rename(columns={"n": "queries"})[COLUMNS])
    table["chance"] = table["chance"].astype(np.float64)
    if sample is not None:
        # queries are drawn one by one, whatever cluster they are in
        columns = (per_query[name].dropna().to_numpy(np.float64) for name in PER_QUERY.values())
        unseen = math.sqrt(1.0 - len(queried.ids) / count)
        table["sampling_error"] = [standard_error(column) * unseen for column in columns]
    # no error: an adapted system embeds for the vectors of the unchanged one
    systems = {system_of(provenance(each)) for each in (queries, database)} - {""}
    return Evaluation(
        table=table,
        per_query=per_query,
        images=size,
        k=k,
        queries_given=count,
        settings=retrieval,
        confidence=confidence,
        clusters=None if clusters is None else int(groups.nunique()),
        spread=_spread_of(truth),
        left_out=left_out,
        two_systems=TWO_SYSTEMS if len(systems) > 1 else "",
    )


def _retrieval(settings: dict[str, Any]) -> Retrieval:
    try:
        return Retrieval.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        text = f"{fault(first)} (given: {first['input']!r})"
        if first["type"] == "extra_forbidden":
            text = f"no such setting; there are {', '.join(sorted(Retrieval.model_fields))}"
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {text}") from None


def cutoff_settings(settings: Retrieval, images: int, k: int | None) -> Retrieval:
    """Settings for this number of images; `fraction` is set so that it yields a given k."""
    if k is None:
        try:
            return metrics.effective_settings(images, settings)
        except InputError as error:
            raise InputError(str(error).removeprefix("retrieval.")) from None
    if k < metrics.MIN_K:
        settings = settings.model_copy(update={"include_self": False})
    found = images if settings.include_self else images - 1
    if k > found:
        raise InputError(f"k: {k} of {found} images that can be found; ask for fewer")
    # in the middle between two values of k, so that no rounding turns it into another one
    return settings.model_copy(update={"fraction": min(1.0, (k + 0.5) / found)})


def comparable_settings(settings: Retrieval) -> dict[str, Any]:
    """Settings that scores depend on, without those that k and the queries replace."""
    replaced = ("fraction", "queries")
    return {name: each for name, each in settings.effective().items() if name not in replaced}


def _spread_of(reference: Embeddings) -> float:
    """Median interquartile range of a drawn image's cosines to different ones; inf for others."""
    drawn = reference.values[draw(reference.ids, _DRAWN)]
    units = np.unique(unit_rows(drawn), axis=0).astype(np.float64)
    if reference.similarity != "cosine" or len(units) < _FEWEST:
        return math.inf
    cosines = units @ units.T
    return float(np.median(np.subtract(*np.percentile(cosines, (75, 25), axis=1))))


def _digest_of(reference: Embeddings) -> str:
    """SHA-256 of ids and vectors, in the order of the ids."""
    ids = reference.ids
    order = sorted(range(len(ids)), key=ids.__getitem__)
    digest = hashlib.sha256(json.dumps([reference.values.shape, sorted(ids)]).encode())
    for start in range(0, len(order), _ROWS):
        digest.update(np.ascontiguousarray(reference.values[order[start : start + _ROWS]]).data)
    return digest.hexdigest()


def cluster_numbers(ids: pd.Series, clusters: pd.Series | Path | str | None) -> np.ndarray:
    """Number of the cluster (see `run`) of each query, by its id: int64 [Q]; or InputError."""
    if clusters is None:
        return np.arange(len(ids))
    labels = _labels(clusters)
    if labels.index.has_duplicates:
        raise InputError(f"clusters: {labels.index[labels.index.duplicated()][0]!r} is there twice")
    if not ids.isin(labels.index).all():
        names = ids.tolist()
        copies = copies_of(names, names, map(str, labels.index), "clusters")
        labels = labels.rename({c: n for c, n in zip(copies, names, strict=True) if c})
    found = labels.reindex(ids.to_numpy())
    # as in the workflow: space around a label makes no other one
    found = found.map(lambda each: (each.strip() or None) if isinstance(each, str) else each)
    if missing := int(found.isna().sum()):
        first = ids.to_numpy()[found.isna().to_numpy()][0]
        raise InputError(f"clusters: {missing:,} queries have none, such as {first!r}")
    try:
        return pd.factorize(found)[0]
    except TypeError:
        raise InputError("clusters: a label is no text or number but a list or the like") from None


def _labels(clusters: pd.Series | Path | str) -> pd.Series:
    if isinstance(clusters, pd.Series):
        return clusters
    if not isinstance(clusters, str | Path):
        raise InputError(
            f"clusters: a {type(clusters).__name__} has no labels by id; give a file, or "
            "pandas.Series(labels, index=ids)"
        )
    path = Path(clusters)
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"clusters: {path} cannot be read ({error})") from None
    if missing := [name for name in ("id", "cluster") if name not in table]:
        raise InputError(f"clusters: {path} has no column {missing[0]!r}; it needs id and cluster")
    return table.set_index(table["id"].astype("str"))["cluster"]
