"""Simulated archives: what the software says of them is what is true of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.core.numeric.clusters import design_effect
from anonbench.core.vocabulary import Adaption
from anonbench.evaluation.effect_table import collect_effects
from simulated_archives import CONTROL_SEED, NAME, TRAINED, Archive, Truth, write_archive

CONFIDENCE = 0.95


def effects_of(archive: Archive) -> pd.DataFrame:
    references = (TRAINED, CONTROL_SEED)
    own, second = archive.own, [archive.second]
    found = collect_effects(NAME, archive.trained, references, own, second, CONFIDENCE)
    return found[found["metric"] == "map"]


def test_an_archive_is_what_its_truth_says(tmp_path: Path) -> None:
    truth = Truth({Adaption.A: 0.02, Adaption.B: -0.01}, {"blur": 0.05}, photographs=50)
    found = effects_of(write_archive(truth, tmp_path, np.random.default_rng(0)))
    means = found.groupby(["effect", "adaption"])["value"].mean()
    assert means["adapting", "A"] == pytest.approx(0.02, abs=0.005)
    assert means["adapting", "B"] == pytest.approx(-0.01, abs=0.005)
    assert means["lead", "A"] == pytest.approx(0.15 + 0.02, abs=0.005)
    assert means["bias", "A"] == pytest.approx(0.15, abs=0.005)
    # the queries of both kinds differ in how easy they are
    assert means["anonymizing", "unadapted"] == pytest.approx(0.05, abs=0.03)
    assert means["retraining", "unadapted"] == pytest.approx(0.5, abs=0.03)


def test_photographs_of_a_person_are_alike(tmp_path: Path) -> None:
    truth = Truth(persons=400)
    archive = write_archive(truth, tmp_path, np.random.default_rng(0))
    scores = pd.read_parquet(archive.own[1]).query("query == 'original'")
    persons = archive.clusters[scores["id"]].to_numpy()
    # 1 + (10 - 1) · 0.4
    assert design_effect(scores["ap"].to_numpy(), persons) == pytest.approx(4.6, rel=0.1)
    assert scores["ap"].std() == pytest.approx(np.hypot(0.1, 0.012), rel=0.05)
    answers = pd.read_parquet(archive.scenarios[0].predictions)
    right = (answers["knn"] == answers["label"]).to_numpy(np.float64)
    assert right.mean() == pytest.approx(0.7, abs=0.03)
    assert design_effect(right, persons) > 2.5


def test_an_adaption_can_be_looked_at_by_itself(tmp_path: Path) -> None:
    truth = Truth({Adaption.A: 0.0, Adaption.B: 0.02})
    archive = write_archive(truth, tmp_path, np.random.default_rng(0))
    both, one = effects_of(archive), effects_of(archive.only(Adaption.B))
    assert set(both["adaption"]) == {"unadapted", "A", "B"}
    expected = both[both["adaption"] != "A"].drop(columns="p_holm").reset_index(drop=True)
    pd.testing.assert_frame_equal(one.drop(columns="p_holm").reset_index(drop=True), expected)
