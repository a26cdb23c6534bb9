"""Compiled loops, where nothing that was compiled can be kept."""

from __future__ import annotations

import errno
from unittest.mock import Mock

import pytest
from numba.core.caching import FunctionCache

from anonbench.evaluation.retrieval.scoring.counting import compiled


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("__init__", RuntimeError("cannot cache function: no locator available")),
        ("save_overload", OSError(errno.ENOSPC, "No space left on device")),
    ],
)
def test_where_nothing_can_be_left_it_is_compiled_each_time(
    monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    refuse = Mock(side_effect=error)
    monkeypatch.setattr(FunctionCache, step, refuse)
    assert compiled(lambda value: value + 1)(1) == 2
    assert refuse.called
