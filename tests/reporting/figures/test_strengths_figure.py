"""The figure of strengths: their order, what is drawn of which attack, and that it is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic_results import make_scores, outputs

from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS
from anonbench.reporting.figures import strengths as module
from anonbench.reporting.figures.strengths import Sweep, rates_by_attack, strengths, sweeps
from synthetic_rates import make_attacks, make_rates

NAMES = {"pixelate": "pixelate", "blur": "pixelate_coarse", "mask": "mask"}
"""What the synthetic methods are called here: two strengths, and a method of one."""
COARSE = {"blocks": {"face": 4, "text": 2}, "min_block": 2}
PARAMETERS: dict[str, dict[str, Any]] = {
    "pixelate_coarse": COARSE,
    "pixelate": {"blocks": {"face": 8, "text": 3}, "min_block": 2},
    "pixelate_fine": {"blocks": {"face": 24, "text": 2}, "min_block": 2},
    "mask": {"colour": [0, 0, 0]},
}


def renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(method=table["method"].replace(NAMES))


def test_the_policy_tells_which_end_is_weak() -> None:
    most = {"pixelate.blocks.face": ("most", 8.0)}
    (found,) = sweeps(PARAMETERS, ["face"], most)
    assert found.names == ["pixelate_fine", "pixelate", "pixelate_coarse"]
    assert found.ticks == ["24", "8", "4"]
    assert found.parameter == "blocks.face" and found.is_ordered
    assert found.too_weak == [True, False, False]
    (found,) = sweeps(PARAMETERS, ["face"], {"pixelate.blocks.face": ("least", 8.0)})
    assert found.ticks == ["4", "8", "24"] and found.too_weak == [True, False, False]
    (found,) = sweeps(PARAMETERS, ["face"], {})
    assert found.ticks == ["4", "8", "24"] and not found.is_ordered and not any(found.too_weak)


def test_all_that_differs_is_named() -> None:
    (found,) = sweeps(PARAMETERS, ["face", "text"], {})
    assert found.parameter == "blocks.face / blocks.text"
    assert found.ticks == ["4 / 2", "8 / 3", "24 / 2"]
    words = {"mask": {"colour": [0, 0, 0]}, "mask_as_paper": {"colour": "mean"}}
    (found,) = sweeps(words, ["face"], {})
    assert found == Sweep("mask", [*words], ["own", "as paper"], "", False, [False, False])
    assert sweeps({"pixelate": COARSE, "mask": {}}, ["face"], {}) == []


def test_each_attack_has_one_measure_and_originals() -> None:
    attacks = make_attacks("a")
    more = attacks[attacks["attack"] == "readability"].assign(measure="characters")
    more["rate"] += 0.05
    seen = more.assign(measure="seen_" + more["measure"], rate=1.0)
    table = rates_by_attack(make_rates("a"), pd.concat([attacks, more, seen]), 100, DEFAULTS)
    assert set(table["label"]) == {
        "Re-identification",
        "Reading of text: characters right",
        "Linkage by retrieval: own version first",
    }
    mine = table[table["label"] == "Re-identification"].set_index("method")["rate"]
    assert mine.to_dict() == pytest.approx(
        {"original": 0.9, "pixelate": 0.3, "blur": 0.45, "mask": 0.01}
    )
    assert rates_by_attack(None, None, 100, DEFAULTS).empty


def test_rates_that_are_not_known_are_left_out() -> None:
    rates = make_rates("a")
    rates.loc[rates["method"] == "blur", "clusters"] = 3
    table = rates_by_attack(rates, None, 100, DEFAULTS)
    assert "blur" not in set(table["method"]) and "mask" in set(table["method"])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    found: list[Figure] = []
    keep = module.save

    def save(figure: Figure, paths: Any, dpi: int) -> None:
        found.append(figure)
        keep(figure, paths, dpi)

    monkeypatch.setattr(module, "save", save)
    return found


def test_originals_strengths_and_other_methods_stand_beside_each_other(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    scores = renamed(make_scores("a", degrees=(50, 100), control=True))
    found = sweeps({n: PARAMETERS[n] for n in NAMES.values()}, ["face"],
                   {"pixelate.blocks.face": ("most", 4.0)})  # fmt: skip
    tables = renamed(make_rates("a")), renamed(make_attacks("a"))
    strengths(scores, *tables, "a", found, outputs(tmp_path), dpi=60)
    bottom = drawn[0].axes[2]
    assert [each.get_text() for each in bottom.get_xticklabels()] == ["orig.", "8", "4", "Mask"]
    assert bottom.get_xlabel() == "pixelate: blocks.face (weak → strong)"
    line = next(each for each in bottom.lines if len(each.get_xdata()) == 3)
    assert np.asarray(line.get_ydata()) == pytest.approx([90, 30, 45])
    assert [axes.get_ylabel() for axes in drawn[0].axes] == [
        "mAP (%)",
        "mnDCG (%)",
        "Rate of attacks (%)",
    ]
    assert all(path.stat().st_size > 1000 for path in outputs(tmp_path))


def test_without_attacks_there_is_no_row_of_them(tmp_path: Path, drawn: list[Figure]) -> None:
    found = sweeps({n: PARAMETERS[n] for n in NAMES.values()}, ["face"], {})
    strengths(renamed(make_scores("a")), None, None, "a", found, outputs(tmp_path), dpi=60)
    assert len(drawn[0].axes) == 2


def test_too_few_queries_show_nothing(tmp_path: Path, drawn: list[Figure]) -> None:
    found = sweeps({n: PARAMETERS[n] for n in NAMES.values()}, ["face"], {})
    few = renamed(make_scores("a", n=5))
    strengths(few, None, None, "a", found, outputs(tmp_path), dpi=60)
    assert drawn[0].axes == []
