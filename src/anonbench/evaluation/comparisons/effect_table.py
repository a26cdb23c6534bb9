"""Effects of retraining, anonymizing and adapting on retrieval by query, and their table.

U and A are the unadapted and an adapted model of one training seed. Their own reference, the
ranking of the originals by U, favours U: the retrieval bias (docs/explanation; Zobel 1998, SIGIR,
pp. 307-314). The second references are those of the unadapted models of all other seeds, as foreign
to U as to A. With every score by a second reference,

    1 - A on anonymized  =  (1 - U on originals)                    cost of retraining
                          + (U on originals - U on anonymized)      cost of anonymizing
                          + (U on anonymized - A on anonymized)     cost of adapting

and the lead of U over A by their own reference is the cost of adapting plus the retrieval bias. The
score of U on originals is the ceiling. A pair is a training seed and a reference. Models are
compared within a pair, never across, and a query's effect is its mean over the pairs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import Estimate, clustered_mean
from anonbench.core.vocabulary import ORIGINAL, Adaption, Baseline, Model, QueryKind, Variant
from anonbench.evaluation.decision import Judging, judge
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

COLUMNS = [
    *("dataset", "degree", "method", "query", "metric", "adaption", "effect", "value"),
    *("low", "high", "p", "p_holm", "p_equivalent", "verdict", "share", "share_low"),
    *("share_high", "ceiling", "seeds", "references", "spread", "n", "clusters"),
    "reason",
]
"""Columns of the table. One row is one effect: `value` is its mean over queries, positive where
something is lost, with interval and two-sided `p`. All rows of the same effect and metric are one
family, for which `p_holm` and `p_equivalent` are adjusted; `verdict`
(`anonbench.evaluation.decision.Verdict`) is worse where something is lost. `share` is the value as
a share of the `ceiling`, for costs of anonymizing and adapting. `seeds` and `references` count
trainings and second references, `spread` is the standard deviation of the effect over their pairs
(empty for one pair), `n` counts queries and `clusters` their clusters. `reason` says why there is
no interval, or is empty."""
EFFECTS = ("retraining", "anonymizing", "adapting", "lead", "bias")
"""Retraining has one row, for originals; anonymizing has one row for each variant, with adaption
`unadapted`."""
_OF_CEILING = ("anonymizing", "adapting")
# tables of scores in memory at once: 0.1 GB at the paper's size
_TABLES = 32

Scores = Callable[[int, str], pd.DataFrame]
"""Scores by the reference of a seed in a scenario (`<model>/seed<seed>/<variant>`), columns
`anonbench.evaluation.retrieval.scoring.metrics.COLUMNS` by query kind and id, sorted."""


@dataclass(frozen=True)
class Effect:
    """One effect in one column of the results, query by query."""

    variant: Variant
    query: QueryKind
    metric: str
    adaption: Adaption | Baseline
    name: str  # one of `EFFECTS`
    pairs: tuple[tuple[int, int], ...]  # training seed and seed of the reference
    ids: pd.Index  # of the Q queries
    by_pair: np.ndarray  # float64 [pairs, Q], NaN where a score is undefined
    ceiling: np.ndarray
    """Scores of the unadapted models on originals by the same references, float64 [Q]."""

    @property
    def values(self) -> np.ndarray:
        """Mean over the pairs, float64 [Q]; NaN where one of them is undefined."""
        return np.asarray(self.by_pair.mean(axis=0))

    @property
    def shares(self) -> np.ndarray:
        """The values as shares of the ceiling, float64 [Q]; see `share_of`."""
        return share_of(self.values, self.ceiling)


def read_by_reference(
    scenarios: Sequence[Scenario],
    references: Sequence[int],
    own: Sequence[Path],
    second: Sequence[Path],
) -> Scores:
    """Make a reader of scores by every reference; arguments are those of `measure`.

    `own` has the scores by the first reference, the Parquet of each scenario; `second` those by
    the others, one Parquet each (`anonbench.evaluation.retrieval.job.gather_in_one_file`).
    """
    by_scenario = {run.path: path for run, path in zip(scenarios, own, strict=True)}
    by_seed = dict(zip(references[1:], second, strict=True))

    def read(reference: int, scenario: str) -> pd.DataFrame:
        if reference == references[0]:
            table = pd.read_parquet(by_scenario[scenario])
        else:
            table = pd.read_parquet(by_seed[reference], filters=[("scenario", "==", scenario)])
        return table.set_index(["query", "id"])[list(PER_QUERY.values())].sort_index()

    return read


def measure(
    scenarios: Sequence[Scenario], references: Sequence[int], scores: Scores
) -> Iterator[Effect]:
    """Yield every effect of a data set; nothing if no seed has a second reference.

    Scenarios are of the training seeds, without the control's; a variant may have some of the
    seeds. References are seeds of the unadapted models, the training seeds' among them. Raises
    InputError if the scores of two scenarios are of other queries.
    """
    kept = lru_cache(_TABLES)(scores)
    for variant in dict.fromkeys(scenario.variant for scenario in scenarios):
        own = [each for each in scenarios if each.variant == variant]
        if not (pairs := pairs_of(own, references)):
            continue
        models = dict.fromkeys(each.model for each in own)
        for query in QueryKind if variant != Variant() else (QueryKind.ORIGINAL,):
            for model in models:
                yield from _effects(kept, pairs, model, variant, query)


def pairs_of(
    scenarios: Sequence[Scenario], references: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Pairs of a training seed and another seed's reference; see `measure`."""
    seeds = dict.fromkeys(scenario.seed for scenario in scenarios)
    every = ((seed, reference) for seed in seeds for reference in references)
    return tuple((seed, reference) for seed, reference in every if seed != reference)


def tabulate(dataset: str, effects: Iterable[Effect], judging: Judging) -> pd.DataFrame:
    """A row for each effect, columns `COLUMNS`; InputError if a query has no cluster."""
    rows: list[dict[str, Any]] = []
    gains: list[Estimate] = []
    for effect in effects:
        groups = judging.groups(effect.ids)
        found = clustered_mean(effect.values, groups, judging.confidence)
        rows.append({"dataset": dataset} | _row(effect, found, groups, judging.confidence))
        gains.append(replace(found, value=-found.value, low=-found.high, high=-found.low))
    tests = ("p", "p_holm", "p_equivalent", "verdict")
    families = pd.DataFrame(rows, columns=COLUMNS).groupby(["effect", "metric"]).indices
    for numbers in families.values():
        family = [gains[number] for number in numbers]
        judged = judge(family, judging.equivalence_margin, judging.confidence)
        for number, each in zip(numbers, judged, strict=True):
            rows[number] |= {name: each.cells[name] for name in tests}
    return pd.DataFrame(rows, columns=COLUMNS)


read_effects = partial(read_csv, columns=COLUMNS)


def share_of(effect: np.ndarray, ceiling: np.ndarray) -> np.ndarray:
    """Values whose mean is the ratio of the means of effect and ceiling, float64 [Q].

    They linearize the ratio: the standard error of their mean is that of the ratio, for any
    clusters (Woodruff 1971, JASA 66:411-414). NaN where either is undefined; all NaN if the mean
    ceiling is not positive.
    """
    defined = ~(np.isnan(effect) | np.isnan(ceiling))
    if not defined.any() or (level := float(ceiling[defined].mean())) <= 0.0:
        return np.full(len(effect), np.nan)
    ratio = float(effect[defined].mean()) / level
    return np.asarray(np.where(defined, ratio + (effect - ratio * ceiling) / level, np.nan))


def _effects(
    scores: Scores,
    pairs: tuple[tuple[int, int], ...],
    model: Model,
    variant: Variant,
    query: QueryKind,
) -> Iterator[Effect]:
    """Yield the effects on one model; a loss of score is positive."""
    first = Scenario(Model(), pairs[0][0], Variant())
    ids = scores(pairs[0][1], first.path).loc[ORIGINAL].index

    def judged(model: Model, variant: Variant, query: QueryKind, own: bool = False) -> np.ndarray:
        """Scores by second references, or by the training seeds' `own` [pairs, Q, metrics]."""
        found = []
        for seed, other in pairs:
            reference, scenario = seed if own else other, Scenario(model, seed, variant).path
            table = scores(reference, scenario).loc[query.value]
            if not table.index.equals(ids):
                raise InputError(
                    f"{scenario}, by the reference of seed {reference}: other {query} queries than "
                    "in other scenarios; make the retrieval scores again"
                )
            found.append(table.to_numpy(np.float64))
        return np.stack(found)

    originals = judged(Model(), Variant(), QueryKind.ORIGINAL)
    if variant == Variant():
        losses = {"retraining": 1.0 - originals}
    elif model == Model():
        losses = {"anonymizing": originals - judged(model, variant, query)}
    else:
        unadapted, adapted = (judged(each, variant, query) for each in (Model(), model))
        ours, theirs = (judged(each, variant, query, own=True) for each in (Model(), model))
        bias = (ours - unadapted) - (theirs - adapted)  # the lead that no other seed confirms
        losses = {"adapting": unadapted - adapted, "lead": ours - theirs, "bias": bias}
    ceiling = originals.mean(axis=0)
    for number, metric in enumerate(PER_QUERY):
        for name, loss in losses.items():
            yield Effect(
                *(variant, query, metric, model.adaption, name, pairs, ids),
                by_pair=loss[..., number],
                ceiling=ceiling[:, number],
            )


def _row(effect: Effect, found: Estimate, groups: np.ndarray, confidence: float) -> dict[str, Any]:
    defined = effect.by_pair[:, ~np.isnan(effect.by_pair).any(axis=0)]
    is_spread = len(defined) > 1 and defined.size
    seeds, references = zip(*effect.pairs, strict=True)
    row = {
        "degree": effect.variant.degree,
        "method": effect.variant.method or ORIGINAL,
        "query": effect.query.value,
        "metric": effect.metric,
        "adaption": effect.adaption.value,
        "effect": effect.name,
        "ceiling": float(pd.Series(effect.ceiling).mean()),
        "seeds": len(set(seeds)),
        "references": len(set(references)),
        "spread": float(defined.mean(axis=1).std(ddof=1)) if is_spread else np.nan,
        **vars(found),
    }
    if effect.name in _OF_CEILING:
        share = clustered_mean(effect.shares, groups, confidence)
        row |= {"share": share.value, "share_low": share.low, "share_high": share.high}
    return row
