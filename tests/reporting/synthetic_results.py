"""Synthetic results in the shape that the workflow writes; the numbers are random."""

from itertools import combinations, permutations, product
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import Region
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import CONTROL, NO_CHOICE, Baseline, Entity, Variant
from anonbench.detection.gather import COUNTS
from anonbench.detection.quality import measure, summarize_quality
from anonbench.evaluation import deployments
from anonbench.evaluation.comparisons.best import BEST_COLUMNS as BEST
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.evaluation.comparisons.best import TEST_COLUMNS as TESTS
from anonbench.evaluation.comparisons.effect_table import COLUMNS as EFFECTS
from anonbench.evaluation.retrieval import training_agreement
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import COLUMNS

METHODS = ("pixelate", "blur", "mask")
ADAPTIONS = ("unadapted", "A", "B", "C")
METRICS = (
    ("map", "original"),
    ("map", "anonymized"),
    ("mndcg", "original"),
    ("mndcg", "anonymized"),
    ("knn", ""),
    ("linear", ""),
)
CONTROL_SEED = 9
CORRELATED = [f"{metric}_{query}".rstrip("_") for metric, query in METRICS]


def make_scores(
    dataset: str,
    degrees: tuple[int, ...] = (100,),
    seeds: tuple[int, ...] = (0,),
    labelled: bool = True,
    missing: tuple[tuple[str, str, int], ...] = (),
    control: bool = False,
) -> pd.DataFrame:
    """Return random tidy scores; `missing` are (adaption, method, degree) that were not run.

    With the retraining control, there are also the scores of original images.
    """
    cells = [
        (degree, method, adaption, seed)
        for seed in seeds
        for degree in degrees
        for method in METHODS
        for adaption in ADAPTIONS
        if (adaption, method, degree) not in missing
    ]
    if control:
        cells += [
            (degree, method, CONTROL, CONTROL_SEED) for degree in degrees for method in METHODS
        ]
        cells += [(0, "original", "unadapted", seeds[0]), (0, "original", CONTROL, CONTROL_SEED)]
    rows = []
    for (degree, method, adaption, seed), (metric, query) in product(cells, METRICS):
        if (degree == 0 and query == "anonymized") or not (query or labelled):
            continue
        drawn = rng(seed, dataset, degree, method, adaption, metric, query).normal(0, 0.05)
        value = 0.95 - 0.2 * (METHODS.index(method) if degree else 0) - 0.003 * degree + drawn
        value = float(np.clip(value, 0.02, 1))
        if degree == 0 and query and adaption == "unadapted":
            value = 1.0
        row = {"dataset": dataset, "degree": degree, "method": method, "adaption": adaption}
        row |= {"seed": seed, "query": query, "metric": metric, "value": value, "n": 240}
        row |= {"low": max(0.0, value - 0.03), "high": min(1.0, value + 0.03), "se": 0.015}
        row |= {"clusters": 40, "reason": "", "retrained_reason": "1 seed"}
        rows.append(row | {"k": {"map": 12, "mndcg": 12, "knn": 20, "linear": ""}[metric]})
    return pd.DataFrame(rows, columns=COLUMNS)


def with_baselines(scores: pd.DataFrame, value: float = 0.999) -> pd.DataFrame:
    """Return scores with rows without training beside, which are as good as `value` everywhere."""
    rows = scores[scores["adaption"] == "unadapted"]
    high = rows.assign(value=value, low=value - 0.03, high=value + 0.001)
    added = [high.assign(adaption=baseline.value) for baseline in Baseline]
    return pd.concat([scores, *added], ignore_index=True)


def make_comparisons(scores: pd.DataFrame, unsure: float = 0.02) -> pd.DataFrame:
    """Return paired tests of random scores; differences below `unsure` are not significant."""
    rows = []
    keys = ["dataset", "degree", "method", "query", "metric"]
    for key, column in scores.groupby(keys, sort=False):
        means = column.groupby("adaption")["value"].mean()
        names = [name for name in ("unadapted", "A", "B", "C") if name in means]
        for a, b in combinations(names, 2):
            difference = float(means[a] - means[b])
            p = 0.4 if abs(difference) < unsure else 0.001
            ends = difference - unsure, difference + unsure
            verdict = "undecided" if p > 0.05 else "better" if difference > 0 else "worse"
            sizes = map(int, column[["n", "clusters"]].iloc[0])
            rows.append((*key, a, b, difference, *ends, p, p, 0.4, verdict, *sizes, ""))
    return pd.DataFrame(rows, columns=TESTS)


def make_effects(scores: pd.DataFrame) -> pd.DataFrame:
    """Return effects of random scores with a control: a tenth of every lead is lost to adapting."""
    rows: list[dict[str, object]] = []
    keys = ["dataset", "degree", "method", "query", "metric"]
    ranked = scores[scores["metric"].isin(PER_QUERY)]
    for key, column in ranked.groupby(keys, sort=False):
        means = column.groupby("adaption")["value"].mean()
        if CONTROL not in means:
            continue
        whole = dict(zip(keys, key, strict=True)) | {"p": 0.001, "p_holm": 0.001, "ceiling": 0.45}
        whole |= {"p_equivalent": 0.4, "verdict": "worse", "reason": ""}
        whole |= {"clusters": int(column["clusters"].iloc[0])}
        whole |= {"seeds": 1, "references": 1, "n": int(column["n"].iloc[0])}
        values = {("unadapted", "anonymizing" if whole["degree"] else "retraining"): 0.05}
        for adaption in set(means.index) - {"unadapted", *NO_CHOICE}:
            lead = float(means["unadapted"] - means[adaption])
            parts = {"adapting": lead / 10, "lead": lead, "bias": lead - lead / 10}
            values |= {(adaption, effect): value for effect, value in parts.items()}
        for (adaption, effect), value in sorted(values.items()):
            row = whole | {"adaption": adaption, "effect": effect, "value": value}
            row |= {"low": value - 0.02, "high": value + 0.02}
            if effect in ("anonymizing", "adapting"):
                row |= {"share": value / 0.45, "share_low": 0.0, "share_high": value / 0.45 + 0.1}
            rows.append(row)
    columns = [*EFFECTS, *(n for n in ("p_equivalent", "verdict", "reason") if n not in EFFECTS)]
    return pd.DataFrame(rows, columns=columns)


def make_best(scores: pd.DataFrame, unsure: float = 0.02) -> pd.DataFrame:
    """Return the best of random scores; what is less than `unsure` behind cannot be told from it.

    Rankings are judged by both references alike.
    """
    rows = []
    given = scores[(scores["degree"] > 0) & ~scores["adaption"].isin(NO_CHOICE)]
    shared = ["dataset", "degree", "query", "metric"]
    for key, column in given.groupby(shared, sort=False):
        whole = dict(zip(shared, key, strict=True))
        scopes = [("choices", "", column), *(("models", m, c) for m, c in column.groupby("method"))]
        for scope, method, competing in scopes:
            names = competing["adaption"]
            if not method:
                names = competing["method"] + "/" + names
            values = competing.assign(name=names).groupby("name", sort=False)["value"].mean()
            best = str(values.idxmax())
            alike = [name for name, value in values.items() if values[best] - value < unsure]
            row = whole | {"scope": scope, "method": method, "best": best, "value": values[best]}
            row |= {"optimism": 0.01, "unbiased": values[best] - 0.01, "wins": 0.9}
            row |= {"indistinguishable": ";".join(map(str, alike)), "reason": ""}
            row |= {name: int(competing[name].iloc[0]) for name in ("n", "clusters")}
            references = ("own", "second") if whole["query"] else ("own",)
            rows += [row | {"reference": reference} for reference in references]
    return pd.DataFrame(rows, columns=BEST)


def make_correlations(undefined: bool = False) -> pd.DataFrame:
    """Return random coefficients in long form; `undefined` leaves those of `linear` out."""
    rows = []
    for a in CORRELATED:
        for b in CORRELATED:
            pair = sorted((a, b))
            value = 1.0 if a == b else float(rng("correlation", *pair).uniform(0.4, 1.0))
            if undefined and "linear" in pair:
                nan = float("nan")
                rows.append((a, b, nan, nan, nan, nan, 12, "linear is constant"))
            else:
                rows.append((a, b, value, value - 0.1, min(1.0, value + 0.1), value - 0.05, 12, ""))
    columns = ["metric", "metric_b", "pearson", "low", "high", "spearman", "n", "reason"]
    return pd.DataFrame(rows, columns=columns)


class FakeImages:
    """Stands in for an image set: pages with blocks, hidden as the variant says."""

    def __init__(self, variant: Variant, shape: tuple[int, ...] = (180, 140, 3)) -> None:
        self.variant = variant
        self.shape = shape
        self.reads: list[str] = []

    def __contains__(self, image_id: str) -> bool:
        return True

    def read(self, image_id: str) -> np.ndarray:
        """Return a page; hidden regions are dark, the more the higher the degree."""
        self.reads.append(image_id)
        height, width = self.shape[:2]
        page = np.full(self.shape, 235, np.uint8)
        page += rng("noise", image_id).integers(0, 20, page.shape, dtype=np.uint8)
        for line in range(8):
            top = 12 + line * (height - 24) // 8
            grey = 20 if 100 * line / 8 < self.variant.degree else 150
            page[top : top + 10, 12 : width - 12] = grey
        return page


def outputs(folder: Path, name: str = "figure") -> list[Path]:
    return [folder / f"{name}.png", folder / f"{name}.svg"]


def make_log(model: str, knn: bool = False) -> pd.DataFrame:
    """Return the log of a training whose quantities fall; `knn` in every 40th line."""
    step = np.arange(1, 201)
    names = ("teacher_entropy", "kl", "dino", "ibot", "koleo", "loss", "prototypes_used")
    names += ("feature_rank", "gradient_norm", "learning_rate")
    falling = {n: 1 + 2 * np.exp(-step / 60) + rng("log", model, n).normal(0, 0.05) for n in names}
    accuracies = np.where((step % 40 == 0) & knn, 0.3 + step / 1000, np.nan)
    return pd.DataFrame({"step": step} | falling | {"knn": accuracies})


def make_quality() -> pd.DataFrame:
    """Return the detection quality of two pages with a text each: one found, with a false face."""
    text = Region(Entity.TEXT, 0, 0, 10, 10, 0.5)
    face = Region(Entity.FACE, 20, 10, 40, 30, 0.9, (30, 10, 40, 20, 30, 30, 20, 20))
    true: dict[str, list[Region]] = {"a": [text], "b": [text]}
    measured = measure({"a": [text, face]}, true, dict.fromkeys(true, (100, 100)))
    return summarize_quality(*measured, resamples=100, confidence=0.9)


def write_results(folder: Path, scores: pd.DataFrame) -> dict[str, Path]:
    """Write scores, counts and skipped files of one data set; return them by a report's keys."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = [("train", 1000, 3, 0, 17, 980, 0, 0, 0), ("val", 250, 0, 0, 10, 240, 0, 0, 0)]
    listed = [("a/secret name.jpg", "empty file"), ("b.jpg", "empty file")]
    tables = {
        "scores": scores,
        "counts": pd.DataFrame(counts, columns=COUNTS),
        "skipped": pd.DataFrame([*listed, ("c.png", "not an image")], columns=["path", "reason"]),
    }
    files = {name: folder / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        table.to_csv(files[name], index=False)
    return files


FEW = [("unadapted", 0), ("unadapted", 1), ("B-blur-50", 0)]


def make_deployments(reason: str = "", second: bool = True) -> pd.DataFrame:
    rows = [
        {"method": method, "share": share, "query": query, "reference": reference}
        | {"metric": metric, "value": 0.9 - 0.002 * share, "kept": 0.95 - 0.002 * share}
        | {"verdict": "worse" if share else ""}
        for reference in (OWN, SECOND)[: 1 + second]
        for metric in ("map", "mndcg")
        for method in ("blur", "mask")
        for query in ("original", "anonymized")
        for share in (0, 50, 100)
    ]
    found = pd.DataFrame(rows)
    half = np.nan if reason else 0.05
    for value, low, high in (("value", "low", "high"), ("kept", "kept_low", "kept_high")):
        found = found.assign(**{low: found[value] - half, high: found[value] + half})
    found["difference"] = np.where(found["verdict"] == "", np.nan, -0.0123)
    found["difference_low"] = found["difference"] - half
    found["difference_high"] = found["difference"] + half
    found = found.assign(dataset="a", degree=100, n=60, images=90, clusters=30)
    found = found.assign(chance=0.1, floor=0.2, reason=reason)
    return found.reindex(columns=deployments.COLUMNS)


def make_trainings(trainings: list[tuple[str, int]] = FEW, reason: str = "") -> pd.DataFrame:
    """All pairs; each training keeps 5 points more than that before, each judge finds 1 less."""
    rows = [
        (*trainings[judge], *trainings[judged], 0.1 + judged / 20 - judge / 100)
        for judge, judged in permutations(range(len(trainings)), 2)
    ]
    keys = ["reference", "reference_seed", "model", "seed", "value"]
    found = pd.DataFrame(rows, columns=keys).assign(dataset="a", n=200, clusters=40, reason=reason)
    if not reason:
        found = found.assign(low=found["value"] - 0.02, high=found["value"] + 0.03)
    return found.reindex(columns=training_agreement.COLUMNS)
