"""Variance components of effects with known ones, and the table of sample sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.vocabulary import Adaption, QueryKind, Variant
from anonbench.evaluation.comparisons.effect_table import Effect
from anonbench.evaluation.sample_sizes import (
    COLUMNS,
    clusters_needed,
    read_variances,
    tabulate_variances,
)
from anonbench.reporting.dataset_tables import sample_size_grid

QUERIES, EACH = 1200, 4
IDS = pd.Index([f"{number:04d}" for number in range(QUERIES)])
PERSONS = pd.Series(np.arange(QUERIES) // EACH, index=IDS, name="identity")


def effect(
    pairs: int, seed: float = 0.0, name: str = "adapting", metric: str = "map", noise: float = 0.1
) -> Effect:
    """Return an effect whose pairs, persons and queries have known standard deviations."""
    draw = np.random.default_rng(pairs).standard_normal
    persons = 0.06 * draw(QUERIES // EACH)[PERSONS.to_numpy()]
    values = seed * draw(pairs)[:, None] + persons + noise * draw(QUERIES)
    return Effect(
        Variant("blur", 100),
        QueryKind.ORIGINAL,
        metric,
        Adaption.A,
        name,
        tuple((0, reference) for reference in range(1, pairs + 1)),
        IDS,
        by_pair=values + 0.02 * draw((pairs, QUERIES)),
        ceiling=np.ones(QUERIES),
    )


def test_known_parts_are_found() -> None:
    (row,) = tabulate_variances("x", [effect(40, seed=0.05)], PERSONS, 0.95, 0.02).to_dict(
        "records"
    )
    assert list(row) == COLUMNS
    known = {"seed": 0.05, "cluster": 0.06, "query": 0.1}
    for part, expected in known.items():
        assert row[f"sd_{part}"] == pytest.approx(expected, rel=0.25), part
    assert (row["clusters"], row["unit"]) == (300, "persons")


def test_one_pair_tells_nothing_of_trainings() -> None:
    one = effect(1)
    (row,) = tabulate_variances("x", [one], PERSONS, 0.95, 0.02).to_dict("records")
    assert np.isnan(row["sd_seed"])
    assert row["sd_cluster"] == pytest.approx(0.06, rel=0.25)
    assert row["needed"] == clusters_needed(one.values, PERSONS.to_numpy(), 0.02, 0.95)


def test_undefined_queries_and_other_effects_are_left_out() -> None:
    some = effect(2)
    some.by_pair[1, :8] = np.nan
    others = [effect(2, name="bias"), effect(2, name="lead"), effect(2, metric="rbo")]
    table = tabulate_variances("x", [some, *others], PERSONS, 0.95, 0.02)
    assert table["clusters"].tolist() == [298]
    assert table["sd_query"].notna().all()


def test_a_table_comes_back_as_written(tmp_path: Path) -> None:
    one = PERSONS * 0
    table = tabulate_variances("x", [effect(1)], one, 0.95, 0.02)
    assert table["needed"].isna().all(), "a single person tells nothing"
    for each in (table, tabulate_variances("x", [], PERSONS, 0.95, 0.02)):
        write_csv(each, tmp_path / "variance.csv")
        back = read_variances(tmp_path / "variance.csv")
        assert list(back.columns) == COLUMNS and len(back) == len(each)
    write_csv(table.drop(columns="unit"), tmp_path / "variance.csv")
    with pytest.raises(InputError, match="column 'unit' is missing"):
        read_variances(tmp_path / "variance.csv")


def test_the_grid_has_what_half_and_all_need() -> None:
    effects = [effect(1, noise=noise) for noise in (0.1, 0.2, 0.4)]
    table = tabulate_variances(
        "faces", [*effects, effect(1, name="retraining")], PERSONS, 0.95, 0.01
    )
    grid = sample_size_grid("faces", table)
    assert [block.label for block in grid.blocks] == ["Cost of adapting"]
    ((metric, query, *cells),) = grid.blocks[0].rows
    assert (metric, query, cells[0]) == ("mAP", "original", "–")
    adapting = table[table["effect"] == "adapting"]
    needed = sorted(adapting["needed"])
    assert cells[3:] == ["300", f"{needed[1]:,}", f"{needed[2]:,}"]
    assert "a difference of 1 points" not in grid.caption and "Persons" in grid.heads


def test_without_a_second_reference_the_grid_says_so() -> None:
    grid = sample_size_grid("faces", tabulate_variances("faces", [], PERSONS, 0.95, 0.02))
    assert grid.blocks == () and "no second reference" in grid.caption
