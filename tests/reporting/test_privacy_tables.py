"""Tables of attacks, retrieval and detection quality, and the summary of scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_results import FEW, make_deployments, make_quality, make_scores, make_trainings

from anonbench.config import Policy, Presentation
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.evaluation.deployments import read_deployments
from anonbench.evaluation.detection import COLUMNS
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.evaluation.privacy.probes import NO_LESSON, UNTAUGHT
from anonbench.evaluation.scores import read_scores
from anonbench.reporting import privacy_tables
from anonbench.reporting.dataset_tables import (
    MOST_COLUMNS,
    deployments_grid,
    trainings_grid,
    write_dataset_table,
)
from anonbench.reporting.grid_tables import (
    QUALITY_HEADS,
    QUALITY_METRICS,
    quality_rows,
    write_quality,
)
from anonbench.reporting.summary import summarize, summarize_originals
from policy_evidence import make_measured
from synthetic_rates import make_attacks, make_rates


def test_attacks_have_their_rates_and_attributes_their_names() -> None:
    grid = privacy_tables.attacks_grid("a", make_attacks("a"), 0.95)
    text, linked = grid.blocks
    assert text.label == "Reading of text: singling out"
    assert linked.label == "Linkage by retrieval: linkability"
    original, pixelate, *_ = text.rows
    assert original[:3] == ("Text: lines right", "–", "Originals")
    assert pixelate[1:] == ("100 %", "Pixelate", "30.0 (26.0–34.0)", "2.0", "1.0", "150")
    assert linked.rows[0][0] == "Own version first"
    said = "Inference of attributes: not run (the data set has no label)"
    assert any(said in note for note in grid.notes)
    table = make_attacks("a")
    known = table["attack"] == "linkage"
    smiling = table[known].assign(attack="inference", measure="accuracy_of_Mouth_Open")
    lack = {"measure": "accuracy_of_Bald", "reason": "no image has a label"}
    lacking = table[table["reason"] != ""].assign(**lack)
    grid = privacy_tables.attacks_grid("a", pd.concat([smiling, lacking]), 0.95)
    assert grid.blocks[0].rows[0][0] == "Mouth Open right"
    assert "Inference of attributes, Bald right: not run (no image has a label)." in grid.notes


VARIANTS = ("mask-100", "blur-100", "mask-50", "blur-50")


def test_every_model_and_utility_counts() -> None:
    judged = judge(evidence(make_measured(VARIANTS)), Policy())
    table = privacy_tables.front_areas(judged, make_scores("portraits", (50, 100)))
    assert set(table["method"]) == {"mask", "blur"} and set(table["variants"]) == {2}
    assert {("map", "original"), ("knn", "")} <= set(
        table[["metric", "query"]].itertuples(index=False, name=None)
    )
    grid = privacy_tables.front_area_grid("portraits", table)
    (block,) = grid.blocks
    assert block.label == "Singling out" and grid.heads == ("Utility", "Blur", "Mask")
    assert len(block.rows) == 6 and all("–" not in row for row in block.rows)
    assert "attack whose rate is known for no method is not counted" in grid.notes[0]
    nothing = privacy_tables.front_areas(judged, make_scores("portraits").iloc[:0])
    grid = privacy_tables.front_area_grid("portraits", nothing)
    assert nothing.empty and grid.blocks == () and "There is no area" in grid.notes[0]


def test_a_row_a_variant_with_its_strongest_attack() -> None:
    rates = make_rates("a", (50, 100))
    rates.loc[rates["rank"] == 10, "chance"] = 1.0
    grid = privacy_tables.reidentification_grid("a", rates, 0.9, 0.2)
    (block,) = grid.blocks
    label = "Face: the same person in another photograph, among 200; chance 1 % at rank 1, "
    assert block.label == f"{label}100 % at rank 10"
    assert [row[:2] for row in block.rows] == [
        ("–", "Originals"),
        *((f"{d} %", name) for d in (50, 100) for name in ("Pixelate", "Blur", "Mask")),
    ]
    blur = dict(zip(grid.heads[-5:], block.rows[5][-5:], strict=True))
    assert blur["Rank 1"] == "45.0 (41.0–49.0)" and blur["Probes"] == "150"
    half = dict(zip(grid.heads[-5:], block.rows[2][-5:], strict=True))
    assert blur["One mate"] == "35.0 (31.0–39.0)"
    assert half["Rank 1"] == "67.5 (63.5–71.5)" and half["Hidden only"] == "45.0 (41.0–49.0)"
    assert "intervals of 90 %, over at most 50 clusters of probes" in grid.caption
    assert all(len(row) == len(grid.heads) for row in block.rows)
    assert sum(span for _, span in grid.groups) == len(grid.heads)
    grid = privacy_tables.reidentification_grid("a", make_rates("a", remainder=0.97), 0.95, 0.2)
    assert ("Unmasked remainder, rank 1", 1) in grid.groups
    (block,) = grid.blocks
    column = list(grid.heads).index("Rank 1") - 1
    assert [row[column] for row in block.rows] == ["97.0"] * 4
    assert block.rows[3][column + 1] == "1.0 (0.0–5.0)"
    assert "only the surroundings of a region" in grid.caption
    untaught = make_rates("a", remainder=0.4)
    lack = untaught[untaught["regions"] == "remainder"].iloc[:1]
    lack = lack.assign(rate=np.nan, rank=pd.NA, reason=f"{NO_LESSON}, {UNTAUGHT}")
    both = pd.concat([untaught, lack])
    caption = privacy_tables.reidentification_grid("a", both, 0.95, 0.2).caption
    assert f"Not taught: Face, Unmasked remainder ({NO_LESSON}, {UNTAUGHT})." in caption


def test_each_entity_has_its_block_and_what_is_missing_its_reason() -> None:
    texts = make_rates("a", entity="text", match="region", adapted=False)
    rates = pd.concat([make_rates("a"), texts])
    grid = privacy_tables.reidentification_grid("a", rates, 0.95, 0.2)
    assert [block.label.split(":")[0] for block in grid.blocks] == ["Face", "Text"]
    assert "the very same region" in grid.blocks[1].label
    assert "Not run: Text, Adaptive attacker (adapted model) (no model is adapted" in grid.caption
    assert "not run" in grid.blocks[1].rows[1]
    nothing = privacy_tables.reidentification_grid("a", make_rates("a").iloc[:0], 0.95, 0.2)
    assert nothing.blocks == () and "No attack was run." in nothing.caption
    table = make_attacks("a").assign(rate=float("nan"), reason="3 clusters")
    grid = privacy_tables.attacks_grid("a", table, 0.95)
    assert grid.blocks == ()
    assert grid.notes[0].startswith("No attack could be run: this says nothing")
    assert "Reading of text, Text" in grid.notes[1] and "3 clusters" in grid.notes[1]
    grid = deployments_grid("a", make_deployments("4 clusters are too few", second=False), 0.9)
    assert grid.heads == ("Database", "Queries", "mAP", "Difference", "Verdict")
    assert grid.blocks[0].rows[0][2:] == ("90.0", "–", "–")
    assert "No interval: 4 clusters are too few" in grid.caption
    assert "There is no second reference." in grid.caption
    nothing = deployments_grid("a", make_deployments().iloc[:0], 0.9)
    assert nothing.blocks == () and nothing.notes == ("No mixed archive was scored.",)


def test_a_row_a_database_with_its_queries() -> None:
    table = make_deployments()
    table.loc[(table["share"] == 50) & (table["query"] == "original"), "low"] = 0.2
    grid = deployments_grid("a", table, 0.9)
    assert grid.heads == ("Database", "Queries", "mAP", "Kept", "Difference", "Verdict")
    assert [len(block.rows) for block in grid.blocks] == [12]
    rows = {row[:2]: row[2:] for block in grid.blocks for row in block.rows}
    assert rows["Originals", "originals"] == (
        "90.0 (85.0 to 95.0)",
        "95.0 (90.0 to 100.0)",
        "–",
        "–",
    )
    difference = "-1.2 (-6.2 to +3.8)"
    assert rows["Blur 50 %", "Blur"][2:] == (difference, "worse")
    # no more is known than chance
    assert sum("†" in row[0] for row in rows.values()) == 2
    assert "intervals of 90 %" in grid.caption and "60 queries in 30 clusters" in grid.caption


@pytest.mark.parametrize(
    ("name", "make", "read", "text"),
    [
        ("deployments", make_deployments, read_deployments, "Blur 50 %"),
        ("attacks", lambda: make_attacks("a"), read_attacks, "Reading of text"),
    ],
)
def test_files_have_all_rows(name: str, make: Any, read: Any, text: str, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv"}
    write_csv(make(), files[name])
    paths = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    write_dataset_table(name, "a", files, Presentation(), paths)
    pd.testing.assert_frame_equal(read(paths[0]), read(files[name]))
    assert len(read(paths[0])) == len(make())
    assert text in paths[1].read_text(encoding="utf-8")


MANY = [*FEW[:2], *((f"{a}-{m}-100", 0) for a in "ABC" for m in ("pixelate", "blur", "mask"))]


def test_trainings_judge_each_other_and_of_many_only_unadapted_ones() -> None:
    grid = trainings_grid("a", make_trainings(), 0.9)
    assert grid.groups == (("", 1), ("By Unadapted", 2), ("By B, Blur 50 %", 1))
    assert grid.heads == ("Training", "seed 0", "seed 1", "seed 0")
    interval = "(intervals of 90 % over 40 clusters reach at most 3.0 points from it)"
    assert interval in grid.caption
    unsure = trainings_grid("a", make_trainings(reason="4 clusters"), 0.9).caption
    assert "(no interval: 4 clusters)" in unsure and "reach" not in unsure
    assert not trainings_grid("a", make_trainings(FEW[:1]), 0.9).blocks
    assert grid.blocks[0].rows == (
        ("Unadapted, seed 0", "–", "9.0", "8.0"),
        ("Unadapted, seed 1", "15.0", "–", "13.0"),
        ("B, Blur 50 %, seed 0", "20.0", "19.0", "–"),
    )
    grid = trainings_grid("a", make_trainings(MANY), 0.95)
    assert grid.groups == (("", 1), ("By Unadapted", 2))
    assert len(grid.blocks[0].rows) == len(MANY)
    assert grid.blocks[0].rows[-1] == ("C, Mask 100 %, seed 0", "60.0", "59.0")
    square = trainings_grid("a", make_trainings(MANY[:MOST_COLUMNS]), 0.95)
    assert len(square.heads) == 1 + len(square.blocks[0].rows) == 1 + MOST_COLUMNS


def test_detection_quality_has_a_row_an_entity(tmp_path: Path) -> None:
    rows = {row[0]: row for row in quality_rows(make_quality(), 0.95)}
    assert list(rows) == ["Face", "Text", "All"]
    assert rows["Text"][1:4] == ("2", "2", "1")
    cells = {name: dict(zip(QUALITY_METRICS, row[4:], strict=True)) for name, row in rows.items()}
    assert cells["Text"]["covered"] == "50.0 (0.0 to 100.0)"
    assert cells["Face"]["recall_90"] == "–"
    assert cells["Face"]["false_area"].startswith("1.0 (")  # 200 of 10,000 pixels in one of two
    measured = [(50, "face", 0.61, 0.5, 0.7, 12, 12), (100, "face", 0.0, 0.0, 0.0, 300, 118)]
    left = pd.DataFrame(measured, columns=COLUMNS)
    write_quality(make_quality(), left, "pages", 0.95, tmp_path / "summary.md")
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("|") == len(QUALITY_HEADS) + 1
    assert {line.count("|") for line in lines[:5]} == {len(QUALITY_HEADS) + 1}
    assert lines[-1].startswith("pages.")
    assert "| 50 % | Face | 12 | 61.0 (50.0 to 70.0) |" in lines
    assert "| 100 % | Face | 300 | 0.0 (0.0 to 3.2) |" in lines
    face = make_quality()
    face.loc[face["metric"] == "covered", ["value", "low", "high", "clusters"]] = 1.0, 1.0, 1.0, 118
    cells = dict(zip(QUALITY_METRICS, quality_rows(face, 0.95)[0][4:], strict=True))
    assert cells["covered"] == "100.0 (96.8 to 100.0)"


def cells_of(table: pd.DataFrame, **keys: object) -> pd.DataFrame:
    for name, value in keys.items():
        table = table[table[name] == value]
    return table


def cell(summary: pd.DataFrame, **keys: object) -> pd.Series:
    chosen = cells_of(summary, **keys)
    assert len(chosen) == 1
    return chosen.iloc[0]


BLUR_MAP = {"method": "blur", "metric": "map", "query": "original"}


def test_scores_are_summarized_and_survive_the_file(tmp_path: Path, scores: pd.DataFrame) -> None:
    table = make_scores("documents", control=True)
    originals = summarize_originals(table)
    assert set(originals["degree"]) == {0} and len(originals) == 2 * 4
    row = cell(originals, adaption="control", metric="map")
    given_row = cell(table, degree=0, adaption="control", metric="map")
    assert row[["value", "se"]].tolist() == given_row[["value", "se"]].tolist()
    assert len(originals) + len(summarize(table)) == len(table)
    table.loc[0, "value"] = np.nan
    assert len(originals) + len(summarize(table)) == len(table) - 1
    assert summarize_originals(make_scores("documents")).empty
    assert len(summarize(table.iloc[:0])) == 0
    scores.to_csv(tmp_path / "scores.csv", index=False)
    read = read_scores(tmp_path / "scores.csv")
    assert set(read["query"]) == {"original", "anonymized", ""}
    assert read["k"].isna().sum() == (scores["metric"] == "linear").sum()
    assert read["value"].tolist() == scores["value"].tolist()
    scores.drop(columns="low").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match=r"bad\.csv: column 'low' is missing"):
        read_scores(tmp_path / "bad.csv")


def test_several_seeds_and_controls_are_averaged() -> None:
    one = make_scores("documents").query("adaption == 'A' and method == 'blur' and metric == 'map'")
    one = one[one["query"] == "original"]
    seeds = pd.concat([one.assign(seed=seed, value=seed / 4) for seed in (0, 1, 3)])
    row, alone = summarize(seeds).iloc[0], summarize(one).iloc[0]
    assert row["value"] == pytest.approx(1 / 3)
    assert row["sd"] == pytest.approx(np.std([0, 0.25, 0.75], ddof=1))
    # the interval is of these trained models: how far apart they are is no part of it
    for end in ("low", "high"):
        assert row[end] == pytest.approx(one[end].iloc[0]) == alone[end]
    assert (row["seeds"], alone["seeds"]) == (3, 1)
    assert alone[["value", "se"]].tolist() == one[["value", "se"]].iloc[0].tolist()
    assert np.isnan(alone["sd"])
    few = {"low": np.nan, "high": np.nan, "reason": "4 clusters"}
    new = {"retrained_low": 0.25, "retrained_high": 0.75, "retrained_reason": ""}
    row = summarize(make_scores("documents", seeds=(0, 1, 2)).assign(**few, **new)).iloc[0]
    assert row[list(new)].to_dict() == new and row["reason"] == "4 clusters"
    assert np.isnan(row["low"]) and np.isnan(row["high"]) and row["sd"] > 0
    table = make_scores("documents", seeds=(0, 1), control=True)
    again = table[table["adaption"] == "control"]
    more = again.assign(seed=5, value=again["value"] / 2)
    summary = summarize(pd.concat([table, more]))
    control = cell(summary, adaption="control", **BLUR_MAP)
    assert control["value"] == pytest.approx(0.75 * cell(again, **BLUR_MAP)["value"])
    assert control["seeds"] == 2
    assert cell(summary, adaption="control", method="blur", metric="knn")["seeds"] == 2
    unadapted = cells_of(table, adaption="unadapted", **BLUR_MAP)
    value = cell(summary, adaption="unadapted", **BLUR_MAP)["value"]
    assert value == pytest.approx(unadapted["value"].mean())
