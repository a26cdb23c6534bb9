"""Rows ranked by compiled counting are ranked as by a sort of all values with their positions."""

import errno
import os
import pty
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest
from numba.core.caching import FunctionCache

from anonbench.evaluation.retrieval.scoring.counting import Counting, compiled

Row = np.ndarray
Ranked = tuple[Row, Row, Row]


def by_sorting(values: Row, place: Row, k: int, depth: int) -> Ranked:
    order = np.lexsort((np.arange(len(values)), -values.astype(np.float64)))
    ranks = np.flatnonzero(place[order] < k) + 1
    return order[:depth], place[order[:depth]], np.arange(1, k + 1) / ranks


def by_counting(counting: Counting, values: Row, place: Row, k: int, depth: int) -> Ranked:
    found, precision = np.full(depth, -1), np.full(k, -1.0)
    places = np.empty(depth, dtype=place.dtype)
    relevant = np.argsort(place, kind="stable")[:k]
    counting.rank(values, place, relevant, found, places, precision)
    return found, places, precision


def assert_equal(counting: Counting, values: Row, place: Row, k: int, depth: int) -> None:
    given = values, place, k, depth
    for ours, expected in zip(by_counting(counting, *given), by_sorting(*given), strict=True):
        assert ours.tolist() == expected.tolist()


def places(order: np.ndarray, depth: int, kind: type = np.int16) -> np.ndarray:
    """Return the reference's places of images in this order, from 0; `depth` for the last ones."""
    place = np.full(len(order), depth, dtype=kind)
    place[order[:depth]] = np.arange(depth)
    return place


def rows(size: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(size)
    normal = generator.standard_normal(size)
    return {
        "normal": normal,
        "few values": np.round(normal, 1),
        "constant": np.full(size, -0.25),
        "one apart": np.where(np.arange(size) == size // 2, 1.0, 1e-3 * normal),
        "two heaps": np.where(normal > 1, 0.9, -0.9) + 1e-6 * normal,
        "zeros of both signs": np.where(normal > 0, 0.0, -0.0),
        "hardly apart": np.nextafter(np.float32(0.5), np.sign(normal).astype(np.float32)),
        "smallest": 1e-45 * np.round(10 * normal),
        "sorted": np.sort(normal),
    }


@pytest.mark.parametrize("kind", rows(1))
@pytest.mark.parametrize(("size", "like"), [(513, 0.1), (20_000, 0.0), (20_000, 1e9)])
def test_rows_of_every_shape(kind: str, size: int, like: float) -> None:
    values = rows(size)[kind].astype(np.float32)
    generator = np.random.default_rng(7)
    counting = Counting(size, ties=False)
    # relevant images come first, or come anywhere
    noisy = values + like * generator.standard_normal(size)
    order = np.argsort(-noisy, kind="stable")
    for k, depth in ((1, 10), (size // 20, size // 20), (size // 2, size // 2), (size, size)):
        assert_equal(counting, values, places(order, depth, np.int32), k, depth)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("__init__", RuntimeError("cannot cache function: no locator available")),
        ("save_overload", OSError(errno.ENOSPC, "No space left on device")),
    ],
)
def test_without_a_cache(monkeypatch: pytest.MonkeyPatch, step: str, error: Exception) -> None:
    refuse = Mock(side_effect=error)
    monkeypatch.setattr(FunctionCache, step, refuse)
    assert compiled(lambda value: value + 1)(1) == 2
    assert refuse.called


def test_nothing_is_printed_on_a_terminal() -> None:
    own, terminal = pty.openpty()
    program = f"from {compiled.__module__} import compiled; print(compiled(lambda x: -x)(-2))"
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    subprocess.run([sys.executable, "-c", program], **streams, check=True)
    assert os.read(own, 4096) == b"2\r\n"
