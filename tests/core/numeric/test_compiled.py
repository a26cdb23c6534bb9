"""Compiled loops, where nothing that was compiled can be kept."""

from __future__ import annotations

import errno

import pytest
from numba.core.caching import FunctionCache

from anonbench.evaluation.retrieval.scoring.counting import compiled


def test_where_nothing_can_be_left_it_is_compiled_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(FunctionCache, "__init__", refuse)
    assert compiled(lambda value: value + 1)(1) == 2


def test_where_the_disk_is_full_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*_: object) -> None:
        asked.append("to keep it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FunctionCache, "save_overload", refuse)
    assert compiled(lambda value: value + 2)(1) == 3
    assert asked
