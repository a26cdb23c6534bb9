"""Measurement of what anonymizing images costs an image-retrieval system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonbench.anonymization.apply import anonymize as anonymize
    from anonbench.evaluation.external import evaluate as evaluate

__version__ = "0.1.0"
__all__ = ["anonymize", "evaluate"]


def __getattr__(name: str) -> Any:
    # nothing heavy is loaded before threads are limited (see core.jobs.job), unless it is used
    if name == "anonymize":
        from anonbench.anonymization.apply import anonymize

        return anonymize
    if name == "evaluate":
        from anonbench.evaluation.external import evaluate

        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
