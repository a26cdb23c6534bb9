"""Measurement of what anonymizing images costs an image-retrieval system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonbench.anonymization.apply import anonymize as anonymize
    from anonbench.anonymization.check_method import check_method as check_method
    from anonbench.anonymization.files.run import anonymize_files as anonymize_files
    from anonbench.detection.files import detect as detect
    from anonbench.embedding.given_systems import embed as embed
    from anonbench.embedding.mapping import Map as Map
    from anonbench.evaluation.end_to_end.evaluate import evaluate as evaluate
    from anonbench.evaluation.external import score as score
    from anonbench.evaluation.map_learning import fit_map as fit_map

__version__ = "0.1.0"
__all__ = [
    *("Map", "anonymize", "anonymize_files", "check_method", "detect", "embed", "evaluate"),
    *("fit_map", "score"),
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    # nothing heavy is loaded before threads are limited (see core.jobs.job), unless it is used
    if name == "anonymize":
        from anonbench.anonymization.apply import anonymize

        return anonymize
    if name == "anonymize_files":
        from anonbench.anonymization.files.run import anonymize_files

        return anonymize_files
    if name == "check_method":
        from anonbench.anonymization.check_method import check_method

        return check_method
    if name == "detect":
        from anonbench.detection.files import detect

        return detect
    if name == "embed":
        from anonbench.embedding.given_systems import embed

        return embed
    if name == "evaluate":
        from anonbench.evaluation.end_to_end.evaluate import evaluate

        return evaluate
    if name == "fit_map":
        from anonbench.evaluation.map_learning import fit_map

        return fit_map
    if name == "Map":
        from anonbench.embedding.mapping import Map

        return Map
    if name == "score":
        from anonbench.evaluation.external import score

        return score
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
