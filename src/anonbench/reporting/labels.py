"""Labels and order of methods, models and metrics, wherever people read them."""

from __future__ import annotations

from anonbench.core.registries import attacks, detectors, methods
from anonbench.core.registries.method_names import is_method, label_of
from anonbench.core.registries.registry import facts
from anonbench.core.vocabulary import CONTROL, PIXELS, UNADAPTED, UNTRAINED, Adaption


class MethodLabels(dict[str, str]):
    """Labels of the registered methods, which also knows names that a config makes."""

    def __missing__(self, name: str) -> str:
        return label_of(name, self)

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """Return a method's label, or `default` where there is no such method."""
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
"""How far a ranking agrees with the reference's, with no notion of relevance."""
ENTITIES = {"face": "Face", "text": "Text", "barcode": "Barcode", "mrz": "MRZ", "ink": "Ink"}
DETECTORS = facts(detectors.DETECTORS, "label")
ATTACKERS = {
    "naive": "Naive (unadapted model)",
    "parrot": "Adaptive attacker (adapted model)",
} | facts(attacks.ATTACKERS, "label")
"""Who tries to re-identify a region."""
GALLERIES = {"original": "originals", "anonymized": "anonymized"}
"""What an attacker compares anonymized crops with."""
MATCHES = {"person": "the same person in another photograph", "region": "the very same region"}
"""What counts as re-identified."""
_CUT_OFF = {"mndcg", *AGREEMENT} - {"rbo"}
NOT_RUN = "not run"
TIED = "≈"
"""Behind a value that a test cannot tell from the best."""
AT_CHANCE = "†"
"""Behind a value whose interval reaches chance."""


def name_system(name: str | None) -> None:
    """Call the one model of a frozen experiment as its system is called, in this process.

    Args:
        name: of `systems` in the config; None: models are trained, and have their usual names.

    """
    if name is not None:
        ADAPTIONS[UNADAPTED] = name
        ATTACKERS["naive"] = f"Naive ({name})"


def unadapted_model() -> str:
    """Return what sentences call the model that nothing was adapted for: a system by its name."""
    is_named = ADAPTIONS[UNADAPTED] != _UNADAPTED
    return ADAPTIONS[UNADAPTED] if is_named else "the unadapted model"


def own_ranking() -> str:
    """Return what retrieval metrics are judged by, on the axis of a figure."""
    model = unadapted_model()
    return f"by {model}’s\nown ranking" if model in ADAPTIONS.values() else _OWN_RANKING


def metric_label(metric: str, k: int | None = None) -> str:
    """Return a metric's name as a table heads it, with the cut-off k where it has one."""
    name = (RETRIEVAL_METRICS | AGREEMENT | ACCURACIES)[metric]
    return f"{name}@{k}" if k is not None and metric in _CUT_OFF else name
