"""Labels and order of methods, models and metrics, and shares as the tables print them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from anonbench.core.registries import attacks, detectors, methods
from anonbench.core.registries.method_names import is_method, label_of
from anonbench.core.registries.registry import facts
from anonbench.core.vocabulary import CONTROL, PIXELS, UNADAPTED, UNTRAINED, Adaption


class MethodLabels(dict[str, str]):
    """Labels of methods, registered ones and those named in a config."""

    def __missing__(self, name: str) -> str:
        return label_of(name, self)

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """Label of a method, or `default` if there is no such method."""
        return self[name] if is_method(name) else default


METHODS = MethodLabels(facts(methods.METHODS, "label"))
_UNADAPTED = "Unadapted"
_OWN_RANKING = "by the unadapted\nmodel’s own ranking"
ADAPTIONS = {
    UNADAPTED: _UNADAPTED,
    CONTROL: "Unadapted, retrained",
    "A": "A",
    "B": "B",
    "C": "C",
    "D": "D",
    Adaption.MAPPED.value: "Mapped",
    PIXELS: "Raw pixels",
    UNTRAINED: "Untrained network",
}
QUERIES = {"original": "With original query images", "anonymized": "With anonymized query images"}
RETRIEVAL_METRICS = {"map": "mAP", "mndcg": "mnDCG"}
ACCURACIES = {"knn": "k-NN", "linear": "Linear"}
AGREEMENT = {
    "overlap": "Overlap",
    "overlap_top": "Overlap",
    "rbo": "RBO",
    "tau": "Kendall’s τ",
    "unchanged": "Unchanged",
}
"""Metrics of agreement with the reference ranking, without a notion of relevance."""
ENTITIES = {"face": "Face", "text": "Text", "barcode": "Barcode", "mrz": "MRZ", "ink": "Ink"}
DETECTORS = facts(detectors.DETECTORS, "label")
ATTACKERS = {
    "naive": "Naive (unadapted model)",
    "parrot": "Adaptive attacker (adapted model)",
} | facts(attacks.ATTACKERS, "label")
"""Attackers of the re-identification."""
GALLERIES = {"original": "originals", "anonymized": "anonymized"}
"""Galleries with which an attacker compares anonymized crops."""
MATCHES = {"person": "the same person in another photograph", "region": "the very same region"}
"""Criteria of a re-identification."""
_CUT_OFF = {"mndcg", *AGREEMENT} - {"rbo"}
NOT_RUN = "not run"
TIED = "≈"
"""Mark of a value that a test cannot distinguish from the best."""
AT_CHANCE = "†"
"""Mark of a value whose interval includes chance."""


def name_system(name: str | None) -> None:
    """Use the system's name as label of a frozen experiment's one model, in this process.

    Args:
        name: key of `systems` in the config; None: models are trained and keep their usual labels.
    """
    if name is not None:
        ADAPTIONS[UNADAPTED] = name
        ATTACKERS["naive"] = f"Naive ({name})"


def unadapted_model() -> str:
    """Name of the unadapted model within sentences: a system by its own name."""
    is_named = ADAPTIONS[UNADAPTED] != _UNADAPTED
    return ADAPTIONS[UNADAPTED] if is_named else "the unadapted model"


def own_ranking() -> str:
    """Axis label for metrics that are judged by the unadapted model's own ranking."""
    model = unadapted_model()
    return f"by {model}’s\nown ranking" if model in ADAPTIONS.values() else _OWN_RANKING


def method_name(method: str) -> str:
    """Label of a method; other names stay as they are."""
    return METHODS.get(method, method)


def model_name(adaption: str) -> str:
    """Label of a model within a list."""
    label = ADAPTIONS.get(adaption, adaption)
    return "unadapted" if label == _UNADAPTED else label


def metric_label(metric: str, k: int | None = None) -> str:
    """Label of a metric in table headings, with the cut-off k if it has one."""
    name = (RETRIEVAL_METRICS | AGREEMENT | ACCURACIES)[metric]
    return f"{name}@{k}" if k is not None and metric in _CUT_OFF else name


NONE = "–"
"""Printed in place of a value that is not known."""


def percent(share: float, sign: str = "") -> str:
    """A share in percent with one decimal; with `+` as sign, of either sign."""
    return NONE if pd.isna(share) else f"{100 * share:{sign}z.1f}"


def interval(
    value: float,
    low: float = math.nan,
    high: float = math.nan,
    between: str = "–",
    sign: str = "",
    mark: str = "",
) -> str:
    """A share in percent with its interval in brackets, if both are known.

    Args:
        value: the share.
        low: lower end.
        high: upper end.
        between: text between the ends.
        sign: see `percent`.
        mark: text right after the value.
    """
    if pd.isna(value):
        return NONE
    text = f"{percent(value, sign)}{mark}"
    if pd.isna(low):
        return text
    return f"{text} ({percent(low, sign)}{between}{percent(high, sign)})"


def intervals(
    table: pd.DataFrame,
    columns: Sequence[str] = ("value", "low", "high"),
    between: str = "–",
    sign: str = "",
) -> list[str]:
    """The shares of a table's rows (`interval`); the columns are those of share, low and high."""
    ends = table[list(columns)].to_numpy(float)
    return [interval(value, low, high, between, sign) for value, low, high in ends]
