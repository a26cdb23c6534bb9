"""Compiled loops, where nothing that was compiled can be kept."""

from __future__ import annotations

from typing import Any

import pytest
from numba import njit

from anonbench.core.numeric import compiled


def test_where_nothing_can_be_left_it_is_compiled_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*, cache: bool = False, **options: bool) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compiled, "njit", refuse)
    assert compiled.compiled(lambda value: value + 1)(1) == 2
