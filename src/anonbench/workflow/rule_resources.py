"""Resources of rules: those that grow with each attempt, and GPUs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snakemake.exceptions import WorkflowError

Asked = int | Callable[[Any], int]
"""Amount of a resource: a number, or a function of a job's wildcards."""


def growing(asked: Asked) -> Callable[..., int]:
    """Memory in megabytes or time in minutes: once, twice, … the amount with each attempt."""
    return lambda wildcards, attempt: _amount(asked, wildcards) * attempt


def gpus_within(limit: int | None, asked: Asked) -> Callable[..., int]:
    """GPUs of a job, refused where the run may use fewer: Snakemake would lower the number.

    Raises:
        WorkflowError: raised in planning, if a job needs more GPUs than allowed.
    """

    def checked(wildcards: Any, rulename: str) -> int:
        wanted = _amount(asked, wildcards)
        if limit is not None and wanted > limit:
            raise WorkflowError(
                f"{rulename} {' '.join(wildcards)} wants {wanted} GPUs, and gpu={limit} "
                "(--resources or the profile) is all there may be: lower gpus of the "
                "recipe, or raise gpu="
            )
        return wanted

    return checked


def _amount(asked: Asked, wildcards: Any) -> int:
    return asked(wildcards) if callable(asked) else asked
