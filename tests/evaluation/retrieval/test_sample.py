"""Which queries are scored, by which job, and in which rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.similarity import blocks
from anonbench.evaluation.retrieval.scoring.engine import blocks_of, draw, shard_of_queries

IDS = [f"images/{number:04d}" for number in range(2000)]


def test_a_draw_depends_on_ids_alone() -> None:
    drawn = {IDS[position] for position in draw(IDS, 200)}
    order = np.random.default_rng(0).permutation(len(IDS))
    shuffled = [IDS[place] for place in order]
    assert {shuffled[position] for position in draw(shuffled, 200)} == drawn
    assert len(drawn) == 200
    positions = draw(IDS, 200)
    assert (np.diff(positions) > 0).all()
    # all parts of the list are drawn from: 50 of each quarter, give or take 6
    assert np.histogram(positions, 4, (0, 2000))[0] == pytest.approx([50] * 4, abs=25)


@given(st.integers(0, 500), st.integers(1, 40))
def test_shards_hold_every_query_once(queries: int, count: int) -> None:
    positions = np.arange(queries) * 3
    shards = [shard_of_queries(positions, shard, count) for shard in range(count)]
    assert np.concatenate(shards).tolist() == positions.tolist()
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@given(
    st.lists(st.integers(0, 3000), unique=True).map(sorted),
    st.integers(1, 700),
)
def test_blocks_hold_every_query_once_in_its_images_row(columns: list[int], size: int) -> None:
    own = np.array(columns, dtype=np.int64)
    found = blocks_of(own, lambda rows: blocks(rows, size))
    scored = np.concatenate([block.queries for block in found]) if found else np.empty(0)
    assert sorted(scored.tolist()) == list(range(len(own)))
    for block in found:
        assert (block.rows % 24 == own[block.queries] % 24).all()
        assert (block.queries[block.fill][block.rows] == block.queries).all()
        assert len(block.fill) <= size + 23
        assert (np.diff(block.queries) > 0).all()


def test_blocks_of_neighbours_waste_no_row() -> None:
    found = blocks_of(np.arange(100, 1100), lambda rows: blocks(rows, 480))
    assert sum(len(block.fill) for block in found) <= 1000 + 2 * 24
    assert [len(block.queries) for block in found[:2]] == [480, 480]
