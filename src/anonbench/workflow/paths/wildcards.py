"""Patterns of the wildcards in paths of results."""

from __future__ import annotations

from anonbench.config.experiment import Experiment
from anonbench.core.registries.method_names import REDRAWN
from anonbench.detection.user_annotations import READERS

NOTHING = "(?!)"
"""Pattern that matches no text."""


def hidden_here(experiment: Experiment) -> str:
    """Pattern of the variants that the methods make."""
    return rf"(?:{'|'.join(experiment.config.anonymization.names)})-\d+"


def given(experiment: Experiment) -> str:
    """Pattern of the variants that consist of other programs' pictures."""
    variants = (v for name in experiment.datasets for v in experiment.given_variants(name))
    return "|".join(map(str, variants)) or NOTHING


def wildcard_patterns(experiment: Experiment) -> dict[str, str]:
    """Pattern of each wildcard by its name."""
    anonymized = f"(?:(?:{REDRAWN})?{hidden_here(experiment)}|{given(experiment)})"
    return {
        "dataset": "|".join(experiment.datasets),
        "split": "train|val",
        "shard": r"\d+",
        "variant": rf"original|{anonymized}",
        "anonymized": anonymized,
        "adaption": "[ABC]",
        "model": rf"unadapted|pixels|untrained|(?:[ABCD]|mapped)-{anonymized}",
        "seed": r"\d+",
        "degree": r"\d+",
        "setting": "|".join(READERS),
        "metric": "map|mndcg",
    }
