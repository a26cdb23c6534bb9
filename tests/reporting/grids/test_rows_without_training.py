"""Raw pixels and the untrained network: shown in tables, and chosen nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from synthetic_results import make_best, make_comparisons, make_effects, make_scores, with_baselines

from anonbench.config.outputs import Table
from anonbench.evaluation.correlation import metric_rows
from anonbench.reporting import choice_table as table
from anonbench.reporting.choice_effects import recommendations_grid
from anonbench.reporting.choice_table import best_choices
from anonbench.reporting.figures.trends import choices
from anonbench.reporting.grid_layout import Layout, lay_out
from anonbench.reporting.grid_tables import values_of
from anonbench.reporting.summary import summarize

NAME = "documents"
RATES = pd.DataFrame(
    [("pixelate", 100, 0.8, 0.7, 0.9, 0.1), ("mask", 100, 0.1, 0.0, 0.2, 0.1)],
    columns=["method", "degree", "rate", "low", "high", "chance"],
)


def caption(layout: Layout) -> str:
    """Title and notes of a table."""
    return f"{layout.title}. {' '.join(layout.notes)}"


SCORES = make_scores(NAME, control=True)
"""Worse than what needs no training."""
STATEMENTS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "first page": lambda scores: table.choices(NAME, summarize(scores)).to_csv(),
    "recommendations": lambda scores: recommendations_grid(
        {NAME: make_effects(scores)}, best_choices([make_best(scores)])
    ),
    "correlated": lambda scores: metric_rows(scores, 100).to_dict(),
    "front": lambda scores: choices(RATES, scores, "map").to_dict(),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_no_statement_looks_at_the_untrained_(statement: Callable[[pd.DataFrame], Any]) -> None:
    without = statement(SCORES)
    assert without
    assert str(statement(with_baselines(SCORES))) == str(without)


@pytest.mark.parametrize("kind", ["retrieval", "downstream"])
def test_tables_show_it_last_and_never_as_the_best(kind: Any) -> None:
    given, tests = Table(kind, NAME, 100), make_comparisons(SCORES)
    plain, shown = lay_out(given, SCORES, tests), lay_out(given, with_baselines(SCORES), tests)
    for before, block in zip(plain.blocks, shown.blocks, strict=True):
        assert block.rows[:5] == before.rows
        assert [row.label for row in block.rows[5:]] == ["Raw pixels", "Untrained network"]
        cells = [cell for row in block.rows[5:] for cell in row.cells]
        assert {cell.text for cell in cells} == {"99.9"}
        assert not any(cell.best or cell.tied for cell in cells)
    keys = [row.key for row in shown.baselines]
    assert keys == ["originals", "control", "pixels", "untrained"]
    of_originals = values_of(shown)[["row", "adaption"]].iloc[-2:]
    assert of_originals.to_numpy().tolist() == [["pixels"] * 2, ["untrained"] * 2]
    assert "Raw pixels mAP 99.9" in caption(shown) or "Raw pixels k-NN 99.9" in caption(shown)
    assert "Raw pixels" not in caption(plain)
    both = with_baselines(SCORES)
    alone = lay_out(given, both[both["adaption"] != "untrained"], tests)
    assert "“Raw pixels” need no training" in caption(alone)
    assert "Untrained network" not in caption(alone)


def test_a_caption_counts_the_columns_in_which_it_is_above_every_model() -> None:
    def said(value: float) -> str:
        return caption(lay_out(Table("downstream", NAME, 100), with_baselines(SCORES, value)))

    assert "is above every model" not in said(0.0)
    assert "In 6 of 6 columns “Raw pixels” is above every model" in said(0.999)
    of_models = SCORES["adaption"].isin(["unadapted", "A", "B", "C"])
    columns = SCORES[of_models & SCORES["metric"].isin(["knn", "linear"])]
    best = columns[columns["method"] != "original"].groupby(["metric", "method"])["value"].max()
    between = (best.min() + best.max()) / 2
    expected = int((best < between).sum())
    assert 0 < expected < 6
    assert f"In {expected} of 6 columns “Raw pixels” is" in said(between)
