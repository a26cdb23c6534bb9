"""Measurement of what anonymizing images costs an image-retrieval system."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonbench.anonymization.checked import anonymize as anonymize
    from anonbench.anonymization.checked import check_method as check_method
    from anonbench.anonymization.files.run import anonymize_files as anonymize_files
    from anonbench.detection.files import detect as detect
    from anonbench.embedding.given_systems import embed as embed
    from anonbench.embedding.mapping import Map as Map
    from anonbench.evaluation.end_to_end.evaluate import evaluate as evaluate
    from anonbench.evaluation.external import score as score
    from anonbench.evaluation.map_learning import fit_map as fit_map

__version__ = "0.1.0"
_MODULES = {
    "Map": "anonbench.embedding.mapping",
    "anonymize": "anonbench.anonymization.checked",
    "anonymize_files": "anonbench.anonymization.files.run",
    "check_method": "anonbench.anonymization.checked",
    "detect": "anonbench.detection.files",
    "embed": "anonbench.embedding.given_systems",
    "evaluate": "anonbench.evaluation.end_to_end.evaluate",
    "fit_map": "anonbench.evaluation.map_learning",
    "score": "anonbench.evaluation.external",
}
"""Modules of the public names, imported at first use: nothing heavy is loaded before threads are
limited (see core.jobs.job)."""
__all__ = [*_MODULES]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
