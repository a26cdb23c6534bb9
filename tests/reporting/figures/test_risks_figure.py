"""Fronts of every risk and utility: which points are drawn, and which are left out."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from synthetic_results import make_scores, outputs

from anonbench.config import Policy
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.reporting.figures.risks import fronts, risks
from anonbench.reporting.figures.style import method_colour
from policy_evidence import make_attacks, make_measured

VARIANTS = ("pixelate-100", "blur-100", "mask-100")


@pytest.fixture
def judged() -> pd.DataFrame:
    """Return verdicts with two risks; of the second one blur has no known rate."""
    first = make_attacks("portraits", VARIANTS, {"residual": 0.3})
    second = make_attacks("portraits", VARIANTS, {"inference": 0.5}, risk="inference")
    second.loc[second["method"] == "blur", "reason"] = "too few"
    measured = make_measured(VARIANTS, attacks=pd.concat([first, second]), rates=None)
    return judge(evidence(measured), Policy())


def test_each_panel_has_its_own_front(judged: pd.DataFrame) -> None:
    points = fronts(judged, make_scores("portraits", (100,), control=True))
    assert set(points["risk"]) == {"singling_out", "inference"}
    methods = points.groupby("risk")["method"].unique().map(set).to_dict()
    assert methods == {
        "singling_out": {"pixelate", "blur", "mask"},
        "inference": {"pixelate", "mask"},
    }
    assert "control" not in set(points["adaption"])
    assert points.loc[points["risk"] == "inference", "rate"].unique() == pytest.approx(
        [(0.5 - 0.01) / 0.99]
    )
    for _, group in points.groupby(["risk", "metric", "query"]):
        # all variants have one rate, so that only the greatest quality is on the front
        assert group.loc[group["best"], "value"].tolist() == [group["value"].max()] * sum(
            group["value"] == group["value"].max()
        )


@pytest.mark.slow
def test_the_figure_shows_the_fronts_colours_and_is_the_same_again(
    tmp_path: Path, judged: pd.DataFrame
) -> None:
    files, scores = outputs(tmp_path), make_scores("portraits", (100,))
    risks(judged, scores, "portraits", files, 150)
    image = matplotlib.image.imread(files[0])[..., :3]
    colour = np.array([int(method_colour("pixelate")[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert (np.abs(image - colour).max(axis=2) < 0.02).sum() > 30
    before = [path.read_bytes() for path in files]
    risks(judged, scores, "portraits", files, 150)
    assert [path.read_bytes() for path in files] == before


def test_without_a_known_rate_the_figure_says_so(tmp_path: Path) -> None:
    judged = judge(evidence(make_measured(VARIANTS, attacks=None, rates=None)), Policy())
    risks(judged, make_scores("portraits", (100,)), "portraits", outputs(tmp_path), 150)
    assert outputs(tmp_path)[0].stat().st_size > 1000
    assert fronts(judged, make_scores("portraits", (100,))).empty
    assert fronts(judged, make_scores("portraits", (100,)).iloc[:0]).empty
