"""Compiled loops, where nothing that was compiled can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from numba import njit

from anonbench.core.numeric import compiled


@pytest.mark.parametrize("compile_it", [compiled.compiled, compiled.compiled_sums])
def test_where_nothing_can_be_left_it_is_compiled_each_time(
    compile_it: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compiled, "njit", refuse)
    assert compile_it(lambda value: value + 1)(1) == 2
