"""Tables of the report's pages: costs, recommendations, verdicts, provenance."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_results import make_effort, section
from synthetic_results import make_best, make_correlations, make_effects, make_scores

from anonbench.core.errors import InputError
from anonbench.embedding.attention_maps import NULLS, SUMMARY_COLUMNS
from anonbench.evaluation.comparisons.effect_table import COLUMNS
from anonbench.evaluation.decision import Verdict as Decision
from anonbench.reporting import grid_tables as tables
from anonbench.reporting.choice_effects import (
    Effects,
    Row,
    Tally,
    Verdict,
    case_by_case,
    costs_grid,
    keep_embeddings,
    keep_model,
    tally,
)
from anonbench.reporting.choice_table import best_choices, kept
from anonbench.reporting.html.build import build_report

NAN = math.nan


def costs_of(costs: dict[str, tuple[float, str]]) -> pd.DataFrame:
    """Return a data set's effects on mAP: of adapted models (cost, verdict); the lead is 0.2."""
    key = ("degree", "method", "query", "metric")
    variant: dict[str, Any] = dict(zip(key, (100, "blur", "original", "map"), strict=True))
    whole: dict[str, Any] = dict.fromkeys(COLUMNS, NAN) | {"ceiling": 0.4, "n": 240}
    whole |= {"seeds": 1, "references": 1, "dataset": "demo", "verdict": "worse"} | variant
    rows = [{"adaption": "unadapted", "effect": "anonymizing", "value": 0.05}]
    for adaption, (cost, verdict) in costs.items():
        ends = {"share_low": cost / 0.4 - 0.01, "share_high": cost / 0.4 + 0.01}
        shares = {"share": cost / 0.4, "verdict": verdict} | ends
        rows.append({"adaption": adaption, "effect": "adapting", "value": cost} | shares)
        rows.append({"adaption": adaption, "effect": "lead", "value": 0.2})
        rows.append({"adaption": adaption, "effect": "bias", "value": 0.2 - cost})
    found = pd.DataFrame([whole | row for row in rows])
    return found.assign(low=found["value"] - 0.01, high=found["value"] + 0.01)


DEMO = costs_of({"A": (0.02, "worse"), "B": (-0.03, "better"), "C": (0.01, "undecided")})


def test_costs_and_times_of_stages_by_hand(tmp_path: Path) -> None:
    grid = costs_grid("demo", DEMO)
    assert grid is not None
    first, second, _ = grid.blocks[0].rows
    assert first[:5] == ("100 %", "Blur", "A", "original", "mAP")
    assert first[5:9] == (
        *("+5.0 (+4.0 to +6.0)", "+2.0 (+1.0 to +3.0)", "worse", "+5.0 % (+4.0 to +6.0)"),
    )
    assert first[9:] == ("+20.0", "+18.0")
    assert second[6] == "−3.0 (−4.0 to −2.0)" and second[10] == "+23.0"
    # what is not defined is a dash; where nothing is, there is no table
    given, of_a = DEMO.copy(), DEMO["adaption"] == "A"
    given.loc[of_a, ["low", "high", "share", "share_low", "share_high"]] = NAN
    grid = costs_grid("demo", given[~(of_a & given["effect"].isin(["lead", "bias"]))])
    assert grid is not None
    assert (grid.blocks[0].rows[0][6], *grid.blocks[0].rows[0][8:]) == ("+2.0", "–", "–", "–")
    assert costs_grid("demo", pd.DataFrame(columns=COLUMNS)) is None
    effort = make_effort(tmp_path)
    grids = {grid.stem: grid for grid in tables.provenance({}, {}, effort)}
    assert "config had in earlier runs are counted" in " ".join(grids["effort"].notes)
    found = {stem: grid.blocks[0].rows for stem, grid in grids.items()}
    assert [row[:3] for row in found["effort"]] == [
        ("train", "2", "9,000.0"),
        ("embed", "2", "360.0"),
    ]
    assert [row[0] for row in found["digests"]] == ["tables/cost.csv"]
    nothing = make_effort(tmp_path / "nothing", jobs=0)
    assert "effort" not in {grid.stem for grid in tables.provenance({}, {}, nothing)}
    effort.write_text("stage\ntrain\n")
    with pytest.raises(InputError, match=r"cost\.csv: column 'jobs' is missing"):
        tables.provenance({}, {}, effort)
    job(tmp_path, "train/ids/A-seed0", 3600, "7200", "1000")
    job(tmp_path, "train/ids/B-seed0", 1800, "1800", "2000")
    job(tmp_path, "embed/ids", 36, "18", "500")
    job(tmp_path, "manifest", 0.4, "NA", "NA")
    job(tmp_path, "report", 100, "100", "100")  # the report's own does not count
    (tmp_path / "notes.txt").write_text("no benchmark")
    costs = tables.stage_costs(tmp_path)
    assert list(costs.columns) == tables.COST_COLUMNS
    train, embed, manifest = costs.to_dict("records")
    gigabytes = pytest.approx(2000 * 1024**2 / 1e9)
    assert list(train.values()) == ["train", 2, 1.5, 2.5, 60, gigabytes]
    assert embed["stage"] == "embed" and embed["wall_hours"] == pytest.approx(0.01)
    assert manifest["cpu_hours"] == manifest["peak_gb"] == 0  # too short to be measured
    (tmp_path / "train" / "mine.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"mine\.tsv: not a benchmark file"):
        tables.stage_costs(tmp_path)


def test_verdicts_are_counted_and_choices_are_net_of_the_floor() -> None:
    row = {"degree": 100, "method": "blur", "query": "original", "metric": "map", "value": 0.3}
    found = kept(DEMO, pd.DataFrame([row | {"floor": 0.1, "chance": 0.2}]))
    of = found.set_index("adaption")[["kept", "kept_low", "kept_high", "room"]]
    # of a ceiling of 0.4: (0.4 - 0.05 - 0.2) / 0.2, and with the cost of adapting 0.02 less
    assert of.loc["unadapted"].tolist() == pytest.approx([0.75, 0.7, 0.8, 0.2])
    assert of.loc["A"].tolist() == pytest.approx([0.65, 0.55, 0.75, 0.2])
    found = tally({"demo": DEMO}, "adapting")
    assert (found[Decision.WORSE], found[Decision.BETTER], found.total()) == (1, 1, 3)
    none = Tally({Decision.UNDECIDED: 3}).said()
    assert none == "gains in none, is unclear in 3 of 3 comparisons"
    verdicts = ("better", "worse", "worse", "equivalent", "not worse", "not known")
    assert Tally(map(Decision, verdicts)).said() == (
        "gains in 1, loses in 2, makes no difference in 1, is unclear in 2 of 6 comparisons"
    )


def flat(dataset: str) -> pd.DataFrame:
    return make_scores(dataset, control=True).assign(value=0.4, low=0.4, high=0.4)


def raised(scores: pd.DataFrame, by: float = 0.1, **where: str) -> pd.DataFrame:
    chosen = (scores[list(where)] == pd.Series(where)).all(axis=1)
    return scores.assign(value=scores["value"] + by * chosen)


def judged(effect: str, words: str | list[str]) -> dict[str, pd.DataFrame]:
    table = make_effects(flat("a"))
    rows = table.index[table["effect"] == effect]
    given = [words] * len(rows) if isinstance(words, str) else words
    table.loc[rows, "verdict"] = (given * len(rows))[: len(rows)]
    return {"a": table}


@pytest.mark.parametrize(
    ("judge", "effect", "words", "expected"),
    [
        (keep_embeddings, "anonymizing", "worse", Verdict.HOLDS),
        (keep_embeddings, "anonymizing", ["worse", "equivalent", "equivalent"], Verdict.IN_PART),
        (keep_embeddings, "anonymizing", ["worse", "undecided", "undecided"], Verdict.IN_PART),
        (keep_embeddings, "anonymizing", "equivalent", Verdict.FAILS),
        (keep_embeddings, "anonymizing", "not known", Verdict.UNKNOWN),
        (keep_model, "adapting", ["equivalent", "not better"], Verdict.HOLDS),
        (keep_model, "adapting", ["better", "equivalent"], Verdict.IN_PART),
        (keep_model, "adapting", "better", Verdict.FAILS),
        (keep_model, "adapting", "undecided", Verdict.UNKNOWN),
    ],
)
def test_recommendations_are_judged_by_verdicts_on_effects(
    judge: Callable[[Effects], Row], effect: str, words: str | list[str], expected: Verdict
) -> None:
    _, verdict, why = judge(judged(effect, words))
    assert verdict is expected
    assert why.endswith(f"of {36 if effect == 'adapting' else 6} comparisons")


def test_maps_refute_no_unadapted_model_and_cases_may_differ() -> None:
    table = judged("adapting", "worse")["a"]
    mapped = table[table["adaption"] == "A"].assign(adaption="mapped", verdict="better")
    _, verdict, why = keep_model({"a": pd.concat([table, mapped])})
    assert verdict is Verdict.HOLDS and why.endswith("of 36 comparisons")

    def of(*tables: pd.DataFrame) -> Row:
        return case_by_case(best_choices(map(make_best, tables)))

    blur = raised(flat("a"), method="blur", adaption="A")
    _, verdict, why = of(blur, raised(flat("b"), method="mask", adaption="A"))
    assert verdict is Verdict.HOLDS and "in all 4 cases" in why
    few = make_best(raised(flat("b"), method="mask", adaption="A")).assign(reason="3 clusters")
    _, verdict, why = case_by_case(best_choices([make_best(blur), few]))
    assert verdict is Verdict.UNKNOWN and "among the best in all 2 cases: Blur with A" in why
    _, verdict, why = of(blur, raised(blur, 0.01, adaption="C", method="blur").assign(dataset="b"))
    assert verdict is Verdict.UNKNOWN and why.endswith("Blur with A")


def test_metrics_and_reasons_are_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "correlation.csv"
    table = make_correlations(undefined=True)
    table[["pearson", "low", "high", "spearman"]] *= -1
    table.to_csv(path, index=False)
    (grid,) = tables.correlations("documents", 100, path)
    rows = grid.blocks[0].rows
    assert len(rows) == 15 and len({row[0] for row in rows}) == 15
    undefined = [row for row in rows if row[1] == "–"]
    assert len(undefined) == 5
    assert all(row[2] == row[3] == "–" and row[5] == "linear is constant" for row in undefined)
    for row in rows:  # with a real minus
        assert row in undefined or all(re.fullmatch(r"−[\d.]+( to −[\d.]+)?", t) for t in row[1:4])
    path = tmp_path / "skipped.csv"
    pd.DataFrame(
        [("a", "truncated"), ("b", "empty file"), ("c", "truncated"), ("d", None)],
        columns=["path", "reason"],
    ).to_csv(path, index=False)
    (grid,) = tables.skipped({"a": path})
    rows = (("truncated", "2"), ("empty file", "1"), ("no reason recorded", "1"))
    assert grid.blocks[0].rows == tuple(("a", *row) for row in rows)


def test_a_head_looks_for_regions_only_above_all_null_values(tmp_path: Path) -> None:
    ends = {f"{null}_low": low for null, low in zip(NULLS, (0.1, 0.02, 0.01), strict=True)}
    nulls = dict(zip(NULLS, (0.17, 0.25, 0.12), strict=True))
    row = dict.fromkeys(SUMMARY_COLUMNS, 0.0) | nulls | ends
    row |= {"model": "A-blur-50", "variant": "blur-50", "head": 1}
    row |= {"share": 0.3, "low": 0.28, "high": 0.32}
    rows = [row, row | {"head": "mean", "others_low": -0.01}, row | {"chance_low": math.nan}]
    pd.DataFrame(rows).to_csv(tmp_path / "shares.csv", index=False)
    (grid,) = tables.attention({"portraits": tmp_path / "shares.csv"})
    first = ("portraits", "A", "Blur 50 %", "1", "30.0 (28.0–32.0)", "17.0", "25.0", "12.0", "yes")
    assert grid.blocks[0].rows[0] == first
    assert [row[-1] for row in grid.blocks[0].rows] == ["yes", "no", "–"]
    assert tables.attention({}) == []


def written(folder: Path) -> bytes:
    scores = make_scores("documents", control=True)
    parts = [section(folder / "documents", "documents", scores, (100,))]
    output, effort = folder / "report.html", make_effort(folder)
    build_report("T", parts, {"a": 1}, {"torch": "2"}, output, effort=effort)
    return output.read_bytes()


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    again = "import sys, test_report_tables as t; t.written(t.Path(sys.argv[1]))"
    folders = os.pathsep.join(str(Path(__file__).parents[up]) for up in range(3))
    paths = f"{folders}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": paths}
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-c", again, str(other)], check=True, env=environment)
    page = written(tmp_path / "own")
    assert (other / "report.html").read_bytes() == page
    assert len(page) > 50_000 and str(tmp_path).encode() not in page


HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(folder: Path, name: str, seconds: float, cpu: str, memory: str) -> None:
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:00\t{memory}\t1\t1\t1\t0.0\t0.0\t90.0\t{cpu}\n")
