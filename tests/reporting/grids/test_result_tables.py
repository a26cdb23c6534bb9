"""Tables of scores: every number, its marks, and rows that need no training."""

import csv
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_results import (
    METHODS,
    make_best,
    make_comparisons,
    make_effects,
    make_scores,
    with_baselines,
    write_results,
)

from anonbench.config.outputs import Table
from anonbench.core.errors import InputError
from anonbench.evaluation.correlation import metric_rows
from anonbench.reporting import choice_table
from anonbench.reporting.choice_effects import recommendations_grid
from anonbench.reporting.choice_table import best_choices
from anonbench.reporting.figures.trends import choices
from anonbench.reporting.grid import escape_latex, to_latex, to_markdown
from anonbench.reporting.grid_layout import ScoreGrid, lay_out, write_layout
from anonbench.reporting.grid_tables import write_sizes
from anonbench.reporting.summary import summarize

RETRIEVAL = Table("retrieval", "documents", 100)
DOWNSTREAM = Table("downstream", "documents", 100)


def constant(value: float, **of_models: float) -> pd.DataFrame:
    scores = make_scores("documents")
    values = scores["adaption"].map(of_models).fillna(value)
    return scores.assign(value=values, low=value, high=value)


def rows_of(layout: ScoreGrid) -> list[dict[str, str]]:
    return layout.values.to_dict("records")


def test_rows_of_maps_that_could_not_be_learned_are_named(scores: pd.DataFrame) -> None:
    mapped = scores[scores["adaption"] == "unadapted"].assign(adaption="mapped")
    learned = mapped["method"] != "mask"
    mapped.loc[learned, "value"] += 0.01
    both = pd.concat([scores, mapped], ignore_index=True)
    assert "Mapped, Mask: the values without a map." in lay_out(RETRIEVAL, both).caption
    mapped["value"] += 0.01
    both = pd.concat([scores, mapped], ignore_index=True)
    assert "without a map" not in lay_out(RETRIEVAL, both).caption


def test_every_number_is_in_percent_in_the_papers_layout(scores: pd.DataFrame) -> None:
    keys = ["query", "adaption", "metric", "method"]
    of = scores[scores["degree"] == 100].set_index(keys)["value"]
    for table, width in ((RETRIEVAL, 2), (DOWNSTREAM, 1)):
        layout = lay_out(table, scores)
        rows = rows_of(layout)
        assert [row["row"] for row in rows] == ["scenario"] * 4 * width
        for row, column in product(rows, [name for name in rows[0] if name.endswith(METHODS)]):
            value = of.get((row.get("query", ""), row["adaption"], *column.split("_")))
            assert row[column] == ("not run" if value is None else f"{100 * value:.1f}")
        missing = layout.blocks[0].rows[3][3]
        assert missing.value is None and not missing.best
        for text in (to_markdown(layout), to_latex(layout)):
            assert text.count("not run") == 2 * width
            assert not re.search(r"\b0\.0\b|nan", text)
    layout = lay_out(RETRIEVAL, scores)
    assert layout.groups == (("", 1), ("mAP", 3), ("mnDCG@12", 3))
    assert layout.heads == ("Model", *["Pixelate", "Blur", "Mask"] * 2)
    assert [block.label for block in layout.blocks] == [
        "With original query images",
        "With anonymized query images",
    ]
    assert [row[0] for row in layout.blocks[0].rows] == ["Unadapted", "A", "B", "C"]
    assert "240 queries in 40 clusters, k = 12, 1 seed" in layout.caption
    accuracy = lay_out(DOWNSTREAM, scores)
    assert [group for group, _ in accuracy.groups] == ["", "k-NN", "Linear"]
    assert "240 validation images in 40 clusters, neighbours k = 20, 1 seed" in accuracy.caption
    part = scores[(scores["method"] != "blur") & (scores["adaption"] != "B")]
    layout = lay_out(RETRIEVAL, pd.concat([part, make_scores("other", (100,))]))
    assert layout.heads == ("Model", *["Pixelate", "Mask"] * 2)
    assert [row[0] for row in layout.blocks[0].rows] == ["Unadapted", "A", "C"]
    check_latex(to_latex(layout))


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ({"A": 0.50049, "B": 0.4}, [True, True, False, True]),
        ({"A": 0.50051, "B": 0.4}, [False, True, False, False]),
        ({"C": 0.9}, [False, False, False, True]),
        ({}, [False] * 4),
    ],
)
def test_best_is_the_maximum_as_it_prints(values: dict[str, float], best: list[bool]) -> None:
    layout = lay_out(RETRIEVAL, constant(0.5, **values))
    for block in layout.blocks:
        for column in range(1, 7):
            assert [row[column].best for row in block.rows] == best
    assert to_markdown(layout).count("**") == 2 * 6 * 2 * sum(best)
    assert to_latex(layout).count(r"\textbf") == 6 * 2 * sum(best)


def test_columns_are_compared_apart_and_what_all_share_is_nobodys_best() -> None:
    scores = constant(0.5, A=0.495)
    tests = make_comparisons(scores)
    scores.loc[(scores["adaption"] == "A") & (scores["query"] == "original"), "value"] = 0.9
    original, anonymized = lay_out(RETRIEVAL, scores).blocks
    assert [row[1].best for row in original.rows] == [False, True, False, False]
    assert not anonymized.rows[1][1].best
    sure = (tests["metric"] == "mndcg") & (tests["method"] == "mask")
    tests.loc[sure, "p_holm"] = 0.001
    anonymized = lay_out(RETRIEVAL, scores, tests).blocks[1]
    assert [cell.tied for cell in anonymized.rows[1][1:]] == [True] * 5 + [False]
    scores = constant(0.0)
    scores.loc[(scores["adaption"] == "A") & (scores["metric"] == "mndcg"), "value"] = 0.0004
    layout = lay_out(RETRIEVAL, scores, make_comparisons(scores))
    assert not any(c.best or c.tied for b in layout.blocks for r in b.rows for c in r[1:])
    assert "**" not in to_markdown(layout) and r"\textbf" not in to_latex(layout)
    flags = [row[name] for row in rows_of(layout) for name in row if name.endswith("_best")]
    assert set(flags) == {"0"}
    # the control is no candidate: that it differs makes the others no better than each other
    control = make_scores("documents", control=True)
    control.loc[control["adaption"] != "control", "value"] = 0.5
    rows = lay_out(RETRIEVAL, control).blocks[0].rows
    assert not any(cell.best for row in rows for cell in row[1:])


@pytest.mark.parametrize("table", [RETRIEVAL, DOWNSTREAM])
def test_the_control_has_a_row_and_a_note(table: Table) -> None:
    scores = make_scores("documents", control=True)
    layout = lay_out(table, scores)
    labels = [row[0] for row in layout.blocks[0].rows]
    assert labels == ["Unadapted", "Unadapted, retrained", "A", "B", "C"]
    high = scores.assign(value=scores["value"].mask(scores["adaption"] == "control", 0.999))
    control = lay_out(table, high, make_comparisons(high)).blocks[0].rows[1]
    assert all(cell.text == "99.9" for cell in control[1:])
    assert not any(cell.best or cell.tied for cell in control[1:])
    originals = scores[(scores["degree"] == 0) & (scores["adaption"] == "control")]
    first, second = ("map", "mndcg") if table is RETRIEVAL else ("knn", "linear")
    values = [100 * originals[originals["metric"] == m]["value"].iloc[0] for m in (first, second)]
    names = ("mAP", "mnDCG@12") if table is RETRIEVAL else ("k-NN", "Linear")
    how = "Retrained and searched among" if table is RETRIEVAL else "Retrained, on"
    said = ", ".join(f"{n} {v:.1f}" for n, v in zip(names, values, strict=True))
    assert f"{how} originals: {said}." in layout.caption
    assert ("the retraining ceiling" in layout.caption) == (table is RETRIEVAL)
    alone = lay_out(table, scores[scores["degree"] != 0])
    assert "Retrained" not in alone.caption and "dentity" not in alone.caption
    assert "retrained" not in lay_out(table, make_scores("documents")).caption


def test_identity_and_chance_are_beside_every_table() -> None:
    scores = make_scores("documents", control=True)
    scores["chance"] = scores["metric"].map({"map": 0.06, "mndcg": 0.4, "knn": 0.2, "linear": 0.2})
    layout = lay_out(RETRIEVAL, scores)
    assert "Identity, the reference against itself: mAP 100.0, mnDCG@12 100.0." in layout.caption
    assert "Chance: mAP 6.0, mnDCG@12 40.0;" in layout.caption
    rows = rows_of(layout)
    assert [row["row"] for row in rows] == ["scenario"] * 10 + ["originals", "control", "chance"]
    assert [row["adaption"] for row in rows[10:]] == ["unadapted", "control", ""]
    assert {rows[10][f"map_{method}"] for method in METHODS} == {"100.0"}
    assert rows[12]["mndcg_mask"] == "40.0" and rows[12]["query"] == rows[10]["query"] == ""
    known = scores.query("degree == 0 and adaption == 'unadapted' and metric == 'knn'")
    said = f"Unadapted on originals: k-NN {100 * known['value'].iloc[0]:.1f}, Linear "
    assert said in lay_out(DOWNSTREAM, scores).caption


def test_rank_agreement_has_a_table() -> None:
    scores = make_scores("documents", control=True)
    relevant = scores[scores["metric"] == "map"]
    depths = {"overlap": 12, "overlap_top": 10, "rbo": 12, "tau": 10, "unchanged": 10}
    parts = [
        relevant.assign(metric=metric, k=k, value=relevant["value"] / (i + 1))
        for i, (metric, k) in enumerate(depths.items())
    ]
    layout = lay_out(Table("agreement", "documents", 100), pd.concat([scores, *parts]))
    heads = ["Overlap@12", "Overlap@10", "RBO", "Kendall’s τ@10", "Unchanged@10"]
    assert [heading for heading, _ in layout.groups] == ["", *heads]
    assert len(layout.blocks) == 2 and len(layout.blocks[0].rows[0]) == 16
    key = "method == 'mask' and query == 'original' and adaption == 'B'"
    value = relevant.query(key)["value"].iloc[0]
    assert layout.blocks[0].rows[3][12].value == pytest.approx(100 * value / 4)
    assert r"Kendall's $\tau$@10" in to_latex(layout)
    check_latex(to_latex(layout))
    plain = lay_out(RETRIEVAL, pd.concat([scores, *parts]))
    assert plain == lay_out(RETRIEVAL, scores)
    empty = lay_out(DOWNSTREAM, make_scores("documents", labelled=False))
    assert empty.values.to_csv().count("not run") == 24
    assert "No scenario was run." in empty.caption


def test_rows_that_cannot_be_told_from_the_best_are_marked() -> None:
    scores = constant(0.5, unadapted=0.9, A=0.895, B=0.8, C=0.9001)
    tests = make_comparisons(scores, unsure=0.01)
    layout = lay_out(RETRIEVAL, scores, tests)
    for block in layout.blocks:
        for column in range(1, 7):
            cells = [row[column] for row in block.rows]
            assert [cell.tied for cell in cells] == [False, True, False, False]
            assert [cell.best for cell in cells] == [True, False, False, True]
    assert "| 89.5≈ |" in to_markdown(layout) and r"89.5$^{\approx}$" in to_latex(layout)
    assert "level 5 %" in layout.caption and r"$\approx$:" in to_latex(layout)
    check_latex(to_latex(layout))
    row = rows_of(layout)[1]
    assert (row["map_blur_tied"], row["map_blur_best"]) == ("1", "0")
    # 0.4 is the p-value of close pairs: at a confidence of 50 % they differ
    assert "≈" not in lay_out(RETRIEVAL, scores, tests, 0.5).blocks[0].rows[1][1].marks
    assert "≈" not in to_markdown(lay_out(RETRIEVAL, scores))
    other = tests.assign(degree=50)
    assert "≈" not in to_markdown(lay_out(RETRIEVAL, scores, other))


def test_deviations_between_seeds_are_shown_and_intervals_in_the_csv() -> None:
    scores = make_scores("documents", seeds=(0, 1, 2))
    layout = lay_out(RETRIEVAL, scores)
    cell = layout.blocks[0].rows[1][1]
    values = scores[(scores["adaption"] == "A") & (scores["method"] == "pixelate")]
    values = values[(values["metric"] == "map") & (values["query"] == "original")]["value"] * 100
    assert cell.text == f"{values.mean():.1f} ± {values.std():.1f}"
    assert "3 seeds" in layout.caption
    assert r"$\pm$" in to_latex(layout)
    row = rows_of(layout)[1]
    assert row["map_pixelate_sd"] == f"{values.std():.2f}"
    assert row["map_pixelate_se"] == "1.50"
    layout = lay_out(RETRIEVAL, constant(0.5, C=0.48).assign(low=0.4712, high=0.53))
    assert "47.1" not in to_markdown(layout) + to_latex(layout)
    row = rows_of(layout)[0]
    assert (row["map_blur_low"], row["map_blur_high"], row["map_blur_sd"]) == ("47.1", "53.0", "")


def test_values_near_chance_or_the_floor_of_queries_that_find_themselves_are_marked() -> None:
    assert "hance" not in lay_out(RETRIEVAL, constant(0.5)).caption
    scores = constant(0.5).assign(chance=0.1)
    scores.loc[(scores["method"] == "mask") & (scores["metric"] == "map"), "low"] = 0.09
    layout = lay_out(RETRIEVAL, scores)
    marked = [cell.chance for cell in layout.blocks[0].rows[0][1:]]
    assert marked == [False, False, True, False, False, False]
    assert "Chance: mAP 10.0, mnDCG@12 10.0" in layout.caption
    assert r"$^{\dagger}$" in to_latex(layout) and "†" in to_markdown(layout)
    scores = constant(0.5).assign(chance=0.1, floor=0.1)
    scores.loc[scores["query"] == "anonymized", "floor"] = 0.5
    layout = lay_out(RETRIEVAL, scores)
    assert {cell.chance for row in layout.blocks[0].rows for cell in row[1:]} == {False}
    assert {cell.chance for row in layout.blocks[1].rows for cell in row[1:]} == {True}
    assert [row[0] for row in layout.baselines] == ["Chance", "Chance, own image first"]
    assert "find themselves first: mAP 50.0, mnDCG@12 50.0); " in layout.caption
    rows = rows_of(layout)
    assert (rows[-1]["row"], rows[-1]["map_blur"]) == ("floor", "50.0")
    same = lay_out(RETRIEVAL, scores.assign(floor=0.1))
    assert [row[0] for row in same.baselines] == ["Chance"]


def check_latex(text: str) -> None:
    """Check that environments and braces are balanced and that every row fills the columns."""
    for kind in set(re.findall(r"\\begin\{(\w+)\}", text)):
        assert text.count(rf"\begin{{{kind}}}") == text.count(rf"\end{{{kind}}}")
    assert text.count("$") % 2 == 0
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)
    assert bare.count("{") == bare.count("}")
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert rows
    for row in rows:
        spans = [int(number) for number in re.findall(r"\\multicolumn\{(\d+)\}", row)]
        cells = len(re.findall(r"(?<!\\)&", row)) + 1
        assert cells + sum(spans) - len(spans) == columns
    for rule in re.findall(r"\\cmidrule\(lr\)\{(\d+)-(\d+)\}", text):
        assert 1 < int(rule[0]) <= int(rule[1]) <= columns


def test_hostile_names_are_escaped() -> None:
    name = "a_b & 100% {x} $y$ #1 ~^\\ <script>|*"
    layout = lay_out(Table("retrieval", name, 100), make_scores(name))
    check_latex(to_latex(layout))
    assert escape_latex("a_b & 100% #") == r"a\_b \& 100\% \#"
    assert "<script>" not in to_markdown(layout)
    grid = [line for line in to_markdown(layout).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in grid} == {8}


def test_sizes_and_files_are_the_same_each_time(tmp_path: Path, scores: pd.DataFrame) -> None:
    written = []
    for name, table in (("a", scores), ("b", scores.sample(frac=1, random_state=1))):
        paths = [tmp_path / f"{name}.{suffix}" for suffix in ("csv", "md", "tex")]
        write_layout(RETRIEVAL, table, paths, make_comparisons(scores))
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    results = write_results(tmp_path / "r", scores)
    paths = [tmp_path / f"sizes.{suffix}" for suffix in ("csv", "md", "tex")]
    write_sizes({"documents": results["counts"], "a_b": results["counts"]}, paths)
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    counts = ["unreadable", "failed", "without_regions", "used", "used_doubtful"]
    assert list(rows[0]) == ["dataset", "split", "listed", *counts]
    assert list(rows[0].values()) == ["documents", "train", "1000", "3", "0", "17", "980", "0"]
    assert "| documents | train | 1,000 | 3 | 0 | 17 | 980 | 0 |" in paths[1].read_text()
    latex = paths[2].read_text()
    assert r"a\_b & val & 250 & 0 & 0 & 10 & 240 & 0 \\" in latex
    check_latex(latex)
    old = pd.read_csv(results["counts"]).drop(columns="used_doubtful")
    old.to_csv(results["counts"], index=False)
    with pytest.raises(InputError, match=r"counts\.csv: column 'used_doubtful' is missing; make"):
        write_sizes({"documents": results["counts"]}, paths)


NAME = "documents"
RATES = pd.DataFrame(
    [("pixelate", 100, 0.8, 0.7, 0.9, 0.1), ("mask", 100, 0.1, 0.0, 0.2, 0.1)],
    columns=["method", "degree", "rate", "low", "high", "chance"],
)


SCORES = make_scores(NAME, control=True)  # worse than what needs no training
STATEMENTS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "first page": lambda scores: choice_table.choices(NAME, summarize(scores)).to_csv(),
    "recommendations": lambda scores: recommendations_grid(
        {NAME: make_effects(scores)}, best_choices([make_best(scores)])
    ),
    "correlated": lambda scores: metric_rows(scores, 100).to_dict(),
    "front": lambda scores: choices(RATES, scores, "map").to_dict(),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_no_statement_looks_at_the_untrained(statement: Callable[[pd.DataFrame], Any]) -> None:
    without = statement(SCORES)
    assert without
    assert str(statement(with_baselines(SCORES))) == str(without)


@pytest.mark.parametrize("kind", ["retrieval", "downstream"])
def test_tables_show_it_last_and_never_as_the_best(kind: Any) -> None:
    given, tests = Table(kind, NAME, 100), make_comparisons(SCORES)
    plain, shown = lay_out(given, SCORES, tests), lay_out(given, with_baselines(SCORES), tests)
    for before, block in zip(plain.blocks, shown.blocks, strict=True):
        assert block.rows[:5] == before.rows
        assert [row[0] for row in block.rows[5:]] == ["Raw pixels", "Untrained network"]
        cells = [cell for row in block.rows[5:] for cell in row[1:]]
        assert {cell.text for cell in cells} == {"99.9"}
        assert not any(cell.best or cell.tied for cell in cells)
    assert len(shown.baselines) == 4
    keys = shown.values["row"].iloc[-4:].tolist()
    assert keys == ["originals", "control", "pixels", "untrained"]
    of_originals = shown.values[["row", "adaption"]].iloc[-2:]
    assert of_originals.to_numpy().tolist() == [["pixels"] * 2, ["untrained"] * 2]
    assert "Raw pixels mAP 99.9" in shown.caption or "Raw pixels k-NN 99.9" in shown.caption
    assert "Raw pixels" not in plain.caption


def test_a_caption_counts_the_columns_in_which_it_is_above_every_model() -> None:
    def said(value: float) -> str:
        return lay_out(Table("downstream", NAME, 100), with_baselines(SCORES, value)).caption

    assert "is above every model" not in said(0.0)
    above = "In 6 of 6 columns “Raw pixels” is above every model, so no model gains anything there."
    assert above in said(0.999)
    of_models = SCORES["adaption"].isin(["unadapted", "A", "B", "C"])
    columns = SCORES[of_models & SCORES["metric"].isin(["knn", "linear"])]
    best = columns[columns["method"] != "original"].groupby(["metric", "method"])["value"].max()
    between = (best.min() + best.max()) / 2
    expected = int((best < between).sum())
    assert 0 < expected < 6
    assert f"In {expected} of 6 columns “Raw pixels” is" in said(between)
