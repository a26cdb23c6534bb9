"""Which queries are scored, by which job, and in which rows."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.evaluation.retrieval.scoring.engine import draw

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
