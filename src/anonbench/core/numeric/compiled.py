"""Compilation of loops by numba, for steps that would each be a pass over memory in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, or take what an earlier process left.

    It runs without the interpreter's lock, so that threads run side by side, and divides by zero as
    NumPy does, so that no division has to ask.
    """
    result: Callable[..., Any] = njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # neither beside the code nor in the user's folder can it be kept
        result._cache = _Kept(function)  # type: ignore[attr-defined]
    return result


def prepare() -> None:
    """Do what the first call of a compiled loop would do besides, so that no fork has to."""
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


class _Kept(FunctionCache):  # type: ignore[misc]
    """What was compiled, kept for later processes where the disk has room."""

    def save_overload(self, *compiled: Any) -> None:
        """Keep it, or do without: a full disk for this is no reason to end what asked for it."""
        with suppress(OSError):
            super().save_overload(*compiled)
