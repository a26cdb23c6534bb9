"""Compilation of loops by numba, for steps that would each be a pass over memory in NumPy.

numba is loaded at the first call: most jobs only read what others have computed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from typing import Any


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, or load it from an earlier process's cache.

    It runs without the interpreter's lock, so that threads run in parallel, and divides by zero as
    NumPy does, so that divisions need no check.
    """

    @cache
    def ready() -> Callable[..., Any]:
        from numba import njit
        from numba.core.caching import FunctionCache

        class CompiledCache(FunctionCache):  # type: ignore[misc]
            """Cache of compiled code for later processes; a full disk is ignored."""

            def save_overload(self, *compiled: Any) -> None:
                """Cache the compiled code; ignore write errors."""
                with suppress(OSError):
                    super().save_overload(*compiled)

        result: Callable[..., Any] = njit(nogil=True, error_model="numpy")(function)
        with suppress(RuntimeError):  # no folder for the cache can be written to
            result._cache = CompiledCache(function)  # type: ignore[attr-defined]
        return result

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return ready()(*arguments)

    return call
