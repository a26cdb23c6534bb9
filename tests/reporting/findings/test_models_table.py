"""Effects of adapting: which rows stand, and how the table shows them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.evaluation.comparisons import effect_table
from anonbench.evaluation.sample_sizes import variance
from anonbench.reporting.findings.models import COLUMNS, effects_grid, effects_of, write_models


def effect(name: str, value: float, degree: int = 100, **other: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(effect_table.COLUMNS, "")
    row |= {"dataset": "faces", "degree": degree, "method": "blur", "query": "original"}
    row |= {"metric": "map", "adaption": "A", "effect": name, "value": value}
    row |= {"low": value - 0.01, "high": value + 0.02, "verdict": "worse", "spread": 0.004}
    return row | {"seeds": 3, "references": 5, "n": 200, "clusters": 90} | other


EFFECTS = pd.DataFrame(
    [
        effect("bias", 0.2),
        effect("adapting", 0.05),
        effect("adapting", 0.9, degree=50),
        effect("adapting", 0.9, metric="overlap"),
        effect("lead", 0.25),
        effect("anonymizing", 0.1, adaption="unadapted", verdict="better"),
        effect("retraining", 0.6, degree=0, method="original", adaption="unadapted"),
    ]
)
VARIANCES = pd.DataFrame(
    [dict.fromkeys(variance.COLUMNS, 0.0) | effect("adapting", 0.05) | {"sd_seed": 0.003}]
)


def test_effects_at_the_highest_degree_with_their_spread_between_trainings() -> None:
    found = effects_of(EFFECTS, VARIANCES)
    assert list(found.columns) == COLUMNS
    assert list(found["effect"]) == ["retraining", "anonymizing", "adapting", "lead", "bias"]
    of = found.set_index("effect")["sd_seed"]
    assert of["adapting"] == 0.003
    assert of.drop("adapting").isna().all()


def test_the_table_has_lead_bias_and_cost(tmp_path: Path) -> None:
    found = effects_of(EFFECTS, VARIANCES)
    (block,) = effects_grid(found).blocks
    assert block.rows == (
        (
            *("Blur", "A", "+25.0 (24.0 to 27.0)", "+20.0 (19.0 to 22.0)"),
            *("+5.0 (4.0 to 7.0)", "worse", "0.4"),
        ),
    )
    write_models(found, csv=tmp_path / "a.csv", markdown=tmp_path / "a.md")
    assert "| Blur | A | +25.0" in (tmp_path / "a.md").read_text()
    assert len(pd.read_csv(tmp_path / "a.csv")) == len(found)


def test_one_training_has_no_spread() -> None:
    alone = EFFECTS.assign(spread=float("nan"), low=float("nan"))
    ((row,),) = (block.rows for block in effects_grid(effects_of(alone, VARIANCES)).blocks)
    assert row[-1] == "–"
    assert row[2] == "+25.0"
