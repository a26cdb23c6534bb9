"""Compiled loops, where nothing that was compiled can be kept."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from numba.core.caching import FunctionCache

from anonbench.core.numeric import compiled

BOTH = pytest.mark.parametrize("compile_it", [compiled.compiled])


@BOTH
def test_where_nothing_can_be_left_it_is_compiled_each_time(
    compile_it: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(FunctionCache, "__init__", refuse)
    assert compile_it(lambda value: value + 1)(1) == 2


@BOTH
def test_where_the_disk_is_full_too(
    compile_it: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*_: object) -> None:
        asked.append("to keep it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FunctionCache, "save_overload", refuse)
    assert compile_it(lambda value: value + 2)(1) == 3
    assert asked
