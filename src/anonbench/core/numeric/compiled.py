"""Compilation of loops by numba, for steps that would each be a pass over memory in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, or load it from an earlier process's cache.

    It runs without the interpreter's lock, so that threads run in parallel, and divides by zero as
    NumPy does, so that divisions need no check.
    """
    result: Callable[..., Any] = njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # no folder for the cache can be written to
        result._cache = _CompiledCache(function)  # type: ignore[attr-defined]
    return result


def prepare() -> None:
    """Initialize compilation, so that forked processes need not do it again."""
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


class _CompiledCache(FunctionCache):  # type: ignore[misc]
    """Cache of compiled code for later processes; a full disk is ignored."""

    def save_overload(self, *compiled: Any) -> None:
        """Cache the compiled code; ignore write errors."""
        with suppress(OSError):
            super().save_overload(*compiled)
