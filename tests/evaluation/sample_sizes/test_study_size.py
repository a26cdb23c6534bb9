"""What the comparisons of a data set need, from columns of the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anonbench.core.vocabulary import Variant
from anonbench.evaluation.comparisons.columns import Column
from anonbench.evaluation.sample_sizes.sample_size import sample_size
from anonbench.evaluation.sample_sizes.study_size import study_sizes

IDS = [f"{number:03d}" for number in range(240)]
PERSONS = pd.Series(np.arange(240) // 6, index=IDS)


def column(metric: str, noise: dict[str, float], variant: str = "blur-100") -> Column:
    """Return a column whose rows differ from a common difficulty by noise of these sizes."""
    draw = np.random.default_rng(0).standard_normal
    hard = draw(240)
    values = {name: hard + size * draw(240) for name, size in noise.items()}
    return Column(Variant.parse(variant), "original", metric, pd.DataFrame(values, index=IDS))


def test_all_pairs_of_all_columns_count_and_are_sorted_by_need() -> None:
    columns = [
        column("map", {"unadapted": 0.05, "A": 0.1, "B": 0.2}),
        column("map", {"unadapted": 0.05, "A": 0.3}, "mask-100"),
        column("rbo", {"unadapted": 0.1, "A": 0.1}),
    ]
    (found,) = study_sizes(columns, PERSONS, 0.02, 0.95)
    assert (found.query, found.metric, len(found.sizes)) == ("original", "map", 4)
    needed = [size.needed or 0 for size in found.sizes]
    assert needed == sorted(needed) and needed[0] < needed[-1]
    assert found.usual.needed == needed[2]
    values = columns[1].values
    alone = (values["unadapted"] - values["A"]).to_numpy()
    expected = sample_size(alone, PERSONS.to_numpy(), 0.02, 0.95)
    assert (found.largest.needed, found.largest.power) == (expected.needed, expected.power)


def test_what_cannot_be_told_comes_last() -> None:
    pair = {"unadapted": 0.1, "A": 0.1}
    one_person = column("map", pair, "mask-100")
    one_person.values.loc[PERSONS > 0, "A"] = np.nan
    (found,) = study_sizes([one_person, column("map", pair)], PERSONS, 0.02, 0.95)
    assert found.sizes[0].needed is not None and found.largest.needed is None


@pytest.mark.parametrize("rows", [{}, {"unadapted": 0.1}])
def test_without_a_pair_there_is_nothing_to_plan(rows: dict[str, float]) -> None:
    assert list(study_sizes([column("map", rows)], PERSONS, 0.02, 0.95)) == []
