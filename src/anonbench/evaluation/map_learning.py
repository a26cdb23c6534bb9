"""Map learned from pairs and judged on other clusters, with a card of the results."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Presentation, Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import records
from anonbench.core.numeric.similarity import require_rankings
from anonbench.core.settings import Confidence, Seed, require_value, section
from anonbench.core.vocabulary import QueryKind
from anonbench.datasets.clusters import clusters_of, read_people
from anonbench.embedding.mapping import STRENGTHS, Map, Pairs, folds_of, warn
from anonbench.embedding.store import Embeddings, read_embeddings, write_embeddings
from anonbench.evaluation.alignment import (
    Source,
    matched,
    named,
    provenance,
    require_unmapped,
    system_of,
)
from anonbench.evaluation.external import cluster_numbers
from anonbench.evaluation.map_judging import (
    FREE,
    LABELLED,
    MAP,
    MAPPED,
    NO_FOLD,
    NOTHING,
    REMEDIES,
    SHIFT,
    SHUFFLED,
    UNKNOWN,
    Judged,
    judge,
)
from anonbench.evaluation.retrieval.scoring.metrics import images_needed

log = logging.getLogger(__name__)


def fit_map(
    originals: Source,
    hidden: Source,
    clusters: pd.Series | Path | str | None = None,
    *,
    method: str = "",
    retrieval: Retrieval | None = None,
    confidence: float = Presentation().confidence,
    seed: int = 0,
    shift: bool = False,
) -> Map:
    """Learn a map from hidden images' vectors to those of their originals.

    It is judged by cross-fitting: each image is mapped by a map learned from other clusters' pairs.
    The returned map is learned from all pairs. Protect it as you protect the originals.

    Args:
        originals: vectors of the originals, float [N, D].
        hidden: the same system's vectors of the hidden images; pairs are found by id.
        clusters: groups of images that show one person or document: a label for each image by id,
            or a file with the columns id and cluster. Without it, images are independent.
        method: how the images were hidden, such as `mask-100`; `Map.require` refuses another.
        retrieval: section `retrieval` of the config, for the judgement.
        confidence: of the intervals.
        seed: of the folds.
        shift: learn only the mean difference of the pairs, the same vector for all (W is zero).

    Raises:
        InputError: vectors do not fit, or there are too few pairs or clusters.

    Example:
        >>> import numpy as np, anonbench
        >>> draw = np.random.default_rng(0).standard_normal
        >>> ids, original = [f"image-{i}" for i in range(200)], draw((200, 16))
        >>> mixed = original @ (np.eye(16) + 0.3 * draw((16, 16))) + 0.1 * draw((200, 16))
        >>> map = anonbench.fit_map((ids, original), (ids, mixed))
        >>> map.card["pairs"], map.card["recommended"]
        (200, True)
    """
    require_value("method", method, str)
    require_value("confidence", confidence, Confidence)
    require_value("seed", seed, Seed)
    retrieval = section("retrieval", retrieval, Retrieval())
    one, other = named(originals, "originals"), named(hidden, "hidden")
    made_by = [provenance(each) for each in (originals, hidden)]
    for told, (name, _) in zip(made_by, (one, other), strict=True):
        require_unmapped(told, name)
    widths = [each.values.shape[1] for _, each in (one, other)]
    if widths[0] != widths[1]:
        raise InputError(
            f"originals have {widths[0]} dimensions, hidden images {widths[1]}: "
            "embed both with the same system"
        )
    truth, changed, _ = matched(one, other, other, common=True)
    kinds = (("originals", one[1].ids), ("hidden images", other[1].ids))
    left = [(len(ids) - len(truth.ids), len(ids), kind) for kind, ids in kinds]
    if any(count for count, *_ in left):
        counted = (f"{count} of {whole} {kind}" for count, whole, kind in left)
        log.warning("left out: %s, which have no partner of the same id", ", ".join(counted))
    if len(truth.ids) < (least := images_needed(retrieval, 1)):
        raise InputError(
            f"{len(truth.ids)} pairs; a map needs {least}, and a recommendation "
            f"{images_needed(retrieval)}"
        )
    systems = [system_of(each) for each in made_by]
    if all(systems) and systems[0] != systems[1]:
        raise InputError("originals and hidden images were embedded by two systems; use one")
    similarity = str(made_by[0].get("similarity", "cosine"))
    if similarity == "cosine":
        require_rankings(truth.ids, truth.values, one[0])
    both = (_sorted(truth, similarity), _sorted(changed, similarity))
    ids = both[0].ids
    groups = pd.Series(cluster_numbers(pd.Series(ids, dtype="str"), clusters), index=ids)
    labels = groups if clusters is not None else None
    how = retrieval, confidence, seed
    learned, *_ = learn(both, both, groups, labels, *how, persons=True, shift=shift)
    found = replace(learned, card={**learned.card, "system": systems[1], "method": method})
    warn(found)
    return found


def learn(
    taught: tuple[Embeddings, Embeddings],
    judged: tuple[Embeddings, Embeddings],
    clusters: pd.Series,
    labels: pd.Series | None,
    settings: Retrieval,
    confidence: float,
    seed: int,
    persons: bool = False,
    distilled: Embeddings | None = None,
    name: str = "",
    shift: bool = False,
) -> tuple[Map, dict[int | None, Map], np.ndarray, np.ndarray]:
    """Learn a map from pairs and judge it on images of other clusters.

    `taught` and `judged` are vectors of originals and of hidden images, the same ids in the same
    order; they may be the same images. Clusters are of all images, by id; `labels` are persons or
    classes of the judged ones, as numbers, -1 for none. `persons` says whether they are persons or
    documents, which should not be found more easily. `distilled` are adaption D's vectors of the
    judged hidden images, `name` is what warnings call the map, for `shift` see `fit_map`. Returns
    the map of all pairs; maps by the fold that is left out (`NO_FOLD`: none is); the fold that must
    not map each judged image [N], or `NO_FOLD`; and the fold of each pair [P]. Raises InputError if
    there are too few clusters.
    """
    ids, similarity = judged[0].ids, taught[0].similarity
    groups = clusters_of(pd.Series(taught[0].ids), clusters)
    own = clusters_of(pd.Series(ids), clusters)
    folds = folds_of(groups, seed)
    fold_of = dict(zip(groups.tolist(), folds.tolist(), strict=True))
    # an image whose cluster is in no pair is judged by the map of all pairs
    without = np.array([fold_of.get(cluster, NO_FOLD) for cluster in own.tolist()], np.int64)
    given = Judged(
        ids=ids,
        originals=judged[0].values,
        hidden=judged[1].values,
        clusters=own,
        folds=without,
        labels=None if labels is None else labels.reindex(ids).to_numpy(np.int64),
        taught=(taught[0].values, taught[1].values, folds),
        similarity=similarity,
        distilled=None if distilled is None else distilled.values,
    )
    with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
        pairs = Pairs(*given.taught, similarity)
        maps = pairs.fits([*pairs.moments, NO_FOLD], (np.inf,) if shift else STRENGTHS)
        table = judge(given, pairs, maps, settings, confidence, seed)
    unknown, decisive = table.attrs.pop(UNKNOWN), table
    if shift:  # is itself free, and need not gain more than other free remedies
        table = table[table["remedy"].isin((NOTHING, *FREE))]
        decisive = table[table["remedy"] == SHIFT].assign(remedy=MAPPED)
    kinds = [str(kind) for kind in QueryKind]
    reasons = {kind: unknown or why_not(decisive, kind, persons) for kind in kinds}
    found = {kind: price(decisive, kind)[0] if persons else "" for kind in kinds}
    if dear := "; ".join(f"{kind} queries: {text}" for kind, text in found.items() if text):
        log.warning(
            "%sthe map costs privacy: %s. Do not map a face recognizer's vectors",
            *(f"{name}: " if name else "", dear),
        )
    card = {
        "clusters": len(fold_of),
        "judged": records(table),
        "recommended": not reasons[QueryKind.ORIGINAL],
        "why_not": reasons,
        "price": found,
        "confidence": confidence,
    }
    whole = replace(maps[NO_FOLD], card={**maps[NO_FOLD].card, **card})
    return whole, maps, without, folds


MOST_FOUND = 0.03
"""Gain in mAP of images of the same person, above which a map is said to cost privacy; it is not
recommended where the whole interval is above."""


def price(table: pd.DataFrame, query: str) -> tuple[str, bool]:
    """How much more easily a map finds the same person, and whether that is sure.

    Empty up to `MOST_FOUND`.
    """
    rows = table[(table["query"] == query) & (table["metric"] == LABELLED)]
    found = rows[rows["remedy"] == MAPPED].to_dict("records")
    if not found or not found[0]["gain"] > MOST_FOUND:
        return "", False
    gain, low, high = (f"{100 * found[0][name]:+.1f}" for name in ("gain", "low", "high"))
    interval = "no interval" if found[0]["reason"] else f"{low} to {high}"
    text = f"it finds the same person or document more easily, {gain} points of mAP ({interval})"
    return text, bool(found[0]["low"] > MOST_FOUND)


def why_not(
    table: pd.DataFrame, query: str = QueryKind.ORIGINAL.value, persons: bool = False
) -> str:
    """Reason not to recommend a map for queries of a kind; empty if it is recommended.

    The table is of one map, columns `COLUMNS`; for `persons` see `learn`.
    """
    rows = table[(table["query"] == query) & (table["metric"] == MAP)]
    found = {row["remedy"]: row for row in rows.to_dict("records")}  # for maps, that of all pairs
    if MAPPED not in found:
        return "no map could be learned"
    mapped = found[MAPPED]
    if mapped["reason"]:
        return str(mapped["reason"])
    if mapped["high"] < 0.0:
        return "it loses quality"
    if not mapped["low"] > 0.0:
        return "its gain cannot be told from none"
    gains = {name: found[name]["gain"] for name in (*FREE, SHUFFLED) if name in found}
    best = max(gains, key=gains.__getitem__, default="")
    if best and not mapped["low"] > gains[best]:
        than = REMEDIES[best]
        if best == SHIFT:  # its command, if it would recommend it
            command = ": `anonbench map fit --shift`" if found[SHIFT]["low"] > 0.0 else ""
            than = f"a mean shift{command}"
        if mapped["gain"] > gains[best]:
            return f"its gain cannot be told from that of {than}"
        if best == SHUFFLED:
            return "a map of shuffled pairs gains as much: what it gains is not what the pairs tell"
        return f"it gains no more than {than}"
    dear, is_sure = price(table, query) if persons else ("", False)
    return dear if is_sure else ""


def cross_fitted(
    originals: Embeddings,
    hidden: Embeddings,
    clusters: pd.Series,
    has_persons: bool,
    settings: Retrieval,
    confidence: float,
    seed: int,
    name: str,
) -> tuple[Embeddings, dict[str, str]]:
    """Map hidden images' vectors, each by a map learned from other clusters' pairs.

    The originals have the same ids in the same order; `has_persons` says whether clusters are
    persons or documents. The second value is by query kind why such a map is not recommended, empty
    if it is. Raises InputError if clusters are too few.
    """
    both, labels = (originals, hidden), clusters if has_persons else None
    learned, maps, without, _ = learn(
        both, both, clusters, labels, settings, confidence, seed, persons=True, name=name
    )
    mapped = _mapped(hidden.values, without, maps)
    return Embeddings(hidden.ids, mapped, hidden.provenance), learned.card["why_not"]


def read_labels(manifest: Path, columns: Sequence[str | None]) -> pd.Series | None:
    """Number for the label of each image, by id; -1 without a label.

    Labels are in the first column of the manifest that distinguishes images; None if none does.
    """
    for column in filter(None, columns):
        people = read_people(manifest, column)
        if len(set(people.values())) > 1:
            ids = pd.read_parquet(manifest, columns=["id"])["id"].astype(str)
            codes = pd.factorize(ids.map(people))[0]
            return pd.Series(codes.astype(np.int64), index=ids.to_numpy())
    return None


def map_variant(
    files: Mapping[str, Path],
    outputs: Mapping[str, Path],
    clusters: pd.Series,
    labels: pd.Series | None,
    method: str,
    settings: Retrieval,
    confidence: float,
    seed: int,
    persons: bool = False,
) -> None:
    """Write the map of a variant (`method`) and the mapped vectors of both splits.

    Pairs are those of the train images; where a data set has none, the map is cross-fitted on the
    validation images. Too few clusters give a map that changes nothing, and its card says so. The
    files are HDF5: `original_val`, `hidden_val`, the same of train images, if any, and with
    adaption D `distilled_val`; InputError if they are of different images. Outputs are `map`, `val`
    and `train`; other arguments are those of `learn`.
    """
    read = {name: read_embeddings(path) for name, path in files.items()}
    judged = read["original_val"], read["hidden_val"]
    width = judged[1].values.shape[1]
    none = Embeddings([], np.zeros((0, width), np.float32))
    train = read.get("original_train", none), read.get("hidden_train", none)
    distilled = read.get("distilled_val")
    for one, other in (judged, train, (judged[1], distilled or judged[1])):
        if one.ids != other.ids:
            raise InputError(f"{method}: vectors of originals and hidden images have other ids")
    taught = train if train[0].ids else judged
    splits = {"val": judged[1], "train": train[1]}
    try:
        how = settings, confidence, seed, persons, distilled, method
        learned, maps, of_judged, of_pairs = learn(taught, judged, clusters, labels, *how)
        without = {"val": of_judged, "train": of_pairs[: len(train[0].ids)]}
        mapped = {name: _mapped(each.values, without[name], maps) for name, each in splits.items()}
    except InputError as error:
        log.warning("%s: no map is learned: %s", method, error)
        weights, zero = np.zeros((width, width), np.float32), np.zeros(width, np.float32)
        reasons = {str(kind): str(error) for kind in QueryKind}
        learned = Map(weights, zero, zero, {"why_not": reasons, "recommended": False, "pairs": 0})
        mapped = {name: each.values for name, each in splits.items()}
    card = {**learned.card, "system": system_of(judged[1].provenance), "method": method}
    replace(learned, card=card).save(outputs["map"])
    for split, hidden in splits.items():
        source = hidden.provenance | {"mapped": method}
        write_embeddings(outputs[split], Embeddings(hidden.ids, mapped[split], source))


def _mapped(values: np.ndarray, without: np.ndarray, maps: Mapping[int | None, Map]) -> np.ndarray:
    """Map vectors [N, D], each by the map without one fold."""
    mapped = np.empty(values.shape, np.float32)
    with threadpool_limits(1, user_api="blas"):
        for fold in np.unique(without).tolist():
            rows = np.flatnonzero(without == fold)
            mapped[rows] = maps[fold].apply(values[rows])
    return mapped


def _sorted(given: Embeddings, similarity: str) -> Embeddings:
    order = sorted(range(len(given.ids)), key=given.ids.__getitem__)
    ids = [given.ids[row] for row in order]
    return Embeddings(ids, given.values[order], {"similarity": similarity})
