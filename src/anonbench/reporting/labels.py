"""Labels, colours and order of methods, models and metrics, and shares as tables print them."""

import math
from collections.abc import Sequence
from importlib import resources

import pandas as pd
import yaml

from anonbench.core.registries import attacks, detectors, methods
from anonbench.core.registries.method_names import colour_of, is_method, label_of
from anonbench.core.registries.registry import facts
from anonbench.core.vocabulary import UNADAPTED, Variant


class Labels(dict[str, str]):
    """Labels by name; a name without one is its own label."""

    def __missing__(self, name: str) -> str:
        return name


class MethodLabels(Labels):
    """Labels of methods, registered ones and those named in a config."""

    def __missing__(self, name: str) -> str:
        return label_of(name, self) if is_method(name) else name


METHODS = MethodLabels(facts(methods.METHODS, "label"))
METHOD_COLOURS = methods.with_colours(facts(methods.METHODS, "line_colour"))
_OTHER_COLOUR = "#CC79A7"
_UNADAPTED = "Unadapted"
TEXTS = resources.files("anonbench.reporting").joinpath("texts")
WORDS: dict[str, dict[str, str]] = yaml.safe_load(TEXTS.joinpath("labels.yaml").read_text("utf-8"))
ADAPTIONS, ENTITIES = Labels(WORDS["adaptions"]), Labels(WORDS["entities"])
QUERIES = WORDS["queries"]
RETRIEVAL_METRICS, ACCURACIES = WORDS["retrieval_metrics"], WORDS["accuracies"]
AGREEMENT = WORDS["agreement"]
DETECTORS = facts(detectors.DETECTORS, "label")
ATTACKERS = WORDS["attackers"] | facts(attacks.ATTACKERS, "label")
_CUT_OFF = {"mndcg", *AGREEMENT} - {"rbo"}
NOT_RUN = "not run"
TIED = "≈"  # mark of a value that a test cannot distinguish from the best
AT_CHANCE = "†"  # mark of a value whose interval includes chance


def name_system(name: str | None) -> None:
    """Use a frozen system's name (key of `systems`) as label of its model, in this process."""
    if name is not None:
        ADAPTIONS[UNADAPTED] = name
        ATTACKERS["naive"] = f"Naive ({name})"


def unadapted_model() -> str:
    """Name of the unadapted model within sentences: a system by its own name."""
    name = ADAPTIONS[UNADAPTED]
    return "the unadapted model" if name == _UNADAPTED else name


def own_ranking() -> str:
    """Axis label for metrics that are judged by the unadapted model's own ranking."""
    name = ADAPTIONS[UNADAPTED]
    is_named = name != _UNADAPTED
    return f"by {name}’s\nown ranking" if is_named else "by the unadapted\nmodel’s own ranking"


def method_colour(method: str) -> str:
    """Colour of a method."""
    return colour_of(method, METHOD_COLOURS) if is_method(method) else _OTHER_COLOUR


def variant_label(name: str) -> str:
    """Label of a variant: `Original`, `Blur 50 %`."""
    variant = Variant.parse(name)
    return f"{METHODS[str(variant.method)]} {variant.degree} %" if variant.method else "Original"


def model_name(adaption: str) -> str:
    """Label of a model within a list."""
    return "unadapted" if ADAPTIONS[adaption] == _UNADAPTED else ADAPTIONS[adaption]


def metric_label(metric: str, k: int | None = None) -> str:
    """Label of a metric in table headings, with the cut-off k if it has one."""
    name = (RETRIEVAL_METRICS | AGREEMENT | ACCURACIES)[metric]
    return f"{name}@{k}" if k is not None and metric in _CUT_OFF else name


NONE = "–"  # printed in place of a value that is not known


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
    """A share (`percent`) and its mark, with its interval in brackets if that is known."""
    ends = "" if pd.isna(low) else f" ({percent(low, sign)}{between}{percent(high, sign)})"
    return NONE if pd.isna(value) else f"{percent(value, sign)}{mark}{ends}"


def intervals(
    table: pd.DataFrame,
    columns: Sequence[str] = ("value", "low", "high"),
    between: str = "–",
    sign: str = "",
) -> list[str]:
    """The shares of a table's rows (`interval`); the columns are those of share, low and high."""
    ends = table[list(columns)].to_numpy(float)
    return [interval(value, low, high, between, sign) for value, low, high in ends]
