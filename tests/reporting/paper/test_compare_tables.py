"""The paper's numbers, ours beside them, and its scenarios."""

import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from paper_numbers import ADAPTIONS, as_scores, our_portraits
from scipy.stats import spearmanr
from synthetic_results import make_best, make_comparisons, make_scores, write_results

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.config.outputs import PAPER_TARGETS
from anonbench.core.vocabulary import Method
from anonbench.reporting.grid import Grid, GridBlock, to_latex, to_markdown
from anonbench.reporting.paper import comparison, scenario_tables
from anonbench.reporting.paper.claims import BY_SECOND, CASES, evaluate, write_claims
from anonbench.reporting.paper.claims import COLUMNS as CLAIM_COLUMNS
from anonbench.reporting.paper.ours import ROLE_NAMES, our_data

DEMO = {"layout": "celeba", "path": "x", "detectors": ["mtcnn"], "demo": {"kind": "portraits"}}
FACES = DEMO | {"paper_role": "celeba", "label": "Male"}
DOCS = {"layout": "folder", "path": "y", "detectors": ["ppocr"], "paper_role": "rvl_cdip"}
CONFIG = {"datasets": {"faces": FACES, "my_docs": DOCS | {"degrees": [25, 100], "label": "class"}}}
DATASETS = our_data(load(CONFIG))


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, list[Path]]:
    """Scores and paired tests of two data sets; one model was not run."""
    missing = (("C", "mask", 100),)
    tables = [
        make_scores("faces", (100,), missing=missing, control=True),
        make_scores("my_docs", (25, 100), seeds=(0, 1)),
    ]
    found: dict[str, list[Path]] = {"scores": [], "comparisons": [], "best": []}
    for table in tables:
        folder = tmp_path / table["dataset"].iloc[0]
        found["scores"].append(write_results(folder, table)["scores"])
        for kind, made in (("comparisons", make_comparisons(table)), ("best", make_best(table))):
            made.to_csv(folder / f"{kind}.csv", index=False)
            found[kind].append(folder / f"{kind}.csv")
    return found


def test_comparison_has_published_numbers(inputs: dict[str, list[Path]], tmp_path: Path) -> None:
    paths = {name: tmp_path / f"comparison.{name}" for name in ("csv", "markdown", "latex")}
    ours = comparison.read_ours(DATASETS, inputs["scores"])
    comparison.write_comparison(
        comparison.compare(comparison.published(), ours, DATASETS), list(paths.values())
    )
    rows = pd.read_csv(paths["csv"], keep_default_na=False)
    assert rows["published"].tolist() == comparison.published()["value"].tolist()
    assert ((rows["ours"] == "") == (rows["reason"] != "")).all()
    keys = ["degree", "method", "adaption", "metric", "query"]
    scores = pd.read_csv(inputs["scores"][1], keep_default_na=False)
    means = 100 * scores.groupby(keys)["value"].mean()
    ours = rows[(rows["role"] == "rvl_cdip") & (rows["ours"] != "")].set_index(keys)
    assert len(ours) > 100 and set(ours["seeds"].astype(int)) == {2}
    values = ours["ours"].astype(float)
    assert values.to_numpy() == pytest.approx(means[ours.index].to_numpy())
    difference = ours["difference"].astype(float)
    assert difference.to_numpy() == pytest.approx((values - ours["published"]).to_numpy())
    text = paths["markdown"].read_text()
    assert "a stand-in (generated data of the demo)" in text
    assert "a stand-in (other data, in the layout folder)" in text
    assert "degree 50 is not in datasets.my\\_docs.degrees (72 cells)" in text
    assert "no data set stands for DOKIQ (paper\\_role)" in text
    assert "not run" in text and "nan" not in text.lower()
    named = re.findall(r"Table (\w+) of the paper", text)
    assert {*named} == {"V", "VI", "VII", "VIII", "IX", "X"}
    assert "| C | published | 45.4 | 23.8 | 10.2 | 84.7 | 71.3 | 58.6 |" in text.splitlines()
    comparison.write_comparison(
        comparison.compare(comparison.published(), comparison.read_ours([], []), []),
        list(paths.values()),
    )
    assert "Ours: none" in paths["markdown"].read_text()
    assert len(paths["csv"].read_text().splitlines()) == 409


@pytest.mark.slow
def test_claims_on_both_sets_of_numbers(inputs: dict[str, list[Path]], tmp_path: Path) -> None:
    names = ("csv", "markdown", "latex", "cases")
    paths = {name: tmp_path / f"claims.{name}" for name in names}
    tests, best = inputs["comparisons"], inputs["best"]
    cases, _ = evaluate(DATASETS, inputs["scores"], tests, best, 0.05)
    write_claims(cases, DATASETS, list(paths.values())[:3], paths["cases"])
    rows = pd.read_csv(paths["csv"], keep_default_na=False)
    assert list(rows) == CLAIM_COLUMNS
    key = rows.set_index(["claim", "numbers", "scope"])
    assert key["verdict"]["unadapted_wins", "paper", "all"] == "does not hold"
    assert key["verdict"]["unadapted_wins", "paper", "celeba"] == "holds"
    assert key["verdict"]["unadapted_wins", "paper", "dokiq"] == "does not hold"
    assert key["holds"]["unadapted_wins", "paper", "dokiq"] == 7
    assert key["verdict"]["rises_in_half", "ours", "all"] == "cannot be told"
    ours = key.loc["unadapted_wins", "ours", "all"]
    assert ours["cases"] == ours["tested"] == 36
    by_second = rows[rows["numbers"] == BY_SECOND].set_index(["claim", "scope"])
    assert set(by_second.index.get_level_values("claim")) == {"unadapted_wins"}
    assert by_second["cases"]["unadapted_wins", "all"] == 36
    cases = pd.read_csv(paths["cases"], keep_default_na=False)
    assert list(cases) == CASES
    of_claim = cases[(cases["claim"] == "unadapted_wins") & (cases["numbers"] == "ours")]
    assert (of_claim["holds"] == "True").sum() == ours["holds"]
    assert (of_claim["significant"] == "True").sum() == ours["significant"]
    text = paths["markdown"].read_text()
    assert "faces stands in for CelebA (generated data of the demo)" in text
    assert "paper, DOKIQ, mAP (anonymized), blur, 100 %: unadapted 40.9, B 45.6 (-4.7)" in text
    assert "4 of 6 are masking" in text


def test_grids_escape_span_and_are_whole() -> None:
    grid = Grid(
        stem="a_b",
        title="50 % & more",
        heads=("x_1", "y", "z"),
        groups=(("", 1), ("both", 2)),
        blocks=(GridBlock("all_of it", (("a|b", "-1.5", "#2"),)),),
        wrapped=((2, 0.25),),
    )
    latex = to_latex(grid)
    assert r"\caption{50 \% \& more.}" in latex and r"\label{tab:a-b}" in latex
    assert r"\begin{tabular}{lrp{0.25\linewidth}}" in latex
    assert r" & \multicolumn{2}{c}{both} \\" in latex and r"\cmidrule(lr){2-3}" in latex
    assert r"\multicolumn{3}{l}{\emph{all\_of it}} \\" in latex
    assert r"a\textbar{}b & $-1.5$ & {\raggedright \#2\par} \\" in latex
    markdown = to_markdown(grid).splitlines()
    assert markdown[0] == r"| x\_1 | both y | both z |"
    assert markdown[3] == r"| a\|b | -1.5 | \#2 |"
    table = comparison.published()
    assert len(table) == 408
    assert not table.duplicated(comparison.CELL).any()
    assert set(table["metric"]) == set(comparison.METRICS) and set(table["role"]) == set(ROLE_NAMES)
    assert table["value"].between(0, 100).all()
    tables = {target: each for target, each in PAPER_TARGETS.items() if target[:6] == "table_"}
    assert len(tables) == 11
    for target, (role, kind, degree) in tables.items():
        here = table[table["table"] == target.removeprefix("table_")]
        assert set(here["role"]) == {role.value} and set(here["degree"]) == {degree}
        queries = ["original", "anonymized"] if kind == "retrieval" else [""]
        metrics = ["map", "mndcg"] if kind == "retrieval" else ["knn", "linear"]
        wanted = set(product(Method, ADAPTIONS, queries, metrics))
        found = here[["method", "adaption", "query", "metric"]].itertuples(index=False, name=None)
        assert set(found) == wanted


def compared(scores: pd.DataFrame, **changes: object) -> pd.DataFrame:
    data = our_portraits(**changes)
    return comparison.compare(comparison.published(), comparison.tidy(scores, data), [data])


def test_known_differences_and_agreement() -> None:
    one, two = (as_scores("celeba", "portraits", shift, s) for s, shift in ((0, 1.0), (1, 4.0)))
    control = one[one["adaption"] == "unadapted"].assign(adaption="control", value=0.0, seed=9)
    original = one.assign(method="original", degree=0, value=0.0)
    table = compared(pd.concat([one, two, control, original, one.assign(metric="tau", value=0.0)]))
    assert list(table) == comparison.COLUMNS and len(table) == 408
    ours = table[table["role"] == "celeba"]
    assert len(ours) == 72
    np.testing.assert_allclose(ours["difference"].astype(float), 2.5)
    np.testing.assert_allclose(ours["ours"] - ours["low"], 1.0)
    np.testing.assert_allclose(ours["high"] - ours["ours"], 2.0)
    expected = {"seeds": 2, "queries": 240, "dataset": "portraits", "reason": ""}
    expected["stand_in"] = "generated data of the demo"
    assert all(ours[name].unique().tolist() == [value] for name, value in expected.items())
    scores = as_scores("celeba", "portraits")
    rng = np.random.default_rng(0)
    scores["value"] += rng.normal(0, 0.05, len(scores))
    table = compared(scores[scores["method"] != "blur"])
    found = comparison.agreement(table).set_index(["role", "degree", "metric", "query"])
    row = found.loc["celeba", 100, "map", "original"]
    asked = "role == 'celeba' and metric == 'map' and query == 'original'"
    here = table.query(asked).dropna(subset=["ours"])
    assert (row["cells"], row["compared"]) == (12, 8)
    assert row["mean"] == pytest.approx((here["ours"] - here["published"]).mean())
    assert row["absolute"] == pytest.approx((here["ours"] - here["published"]).abs().mean())
    assert row["rank"] == pytest.approx(spearmanr(here["published"], here["ours"]).statistic)
    none = found.loc["dokiq", 100, "map", "original"]
    assert none["compared"] == 0 and np.isnan(none["mean"]) and np.isnan(none["rank"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "the scenario has no score"),
        ({"degrees": (50,)}, "degree 100 is not in datasets.portraits.degrees"),
        ({"methods": ("blur",)}, "mask is not in datasets.portraits.methods"),
        ({"adaptions": ("unadapted",)}, "A is not in datasets.portraits.adaptions"),
        ({"labelled": False}, "no labels: datasets.portraits.label is not set"),
    ],
)
def test_missing_cells_name_the_setting(changes: dict[str, object], reason: str) -> None:
    table = compared(as_scores("celeba", "portraits").iloc[:0], **changes)
    assert len(table) == 408 and table[["ours", "difference"]].isna().all(axis=None)
    assert any(each.startswith(reason) for each in table["reason"])
    other = set(table.loc[table["role"] == "dokiq", "reason"])
    assert other == {"no data set stands for DOKIQ (paper_role)"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "generated data of the demo"),
        ({"demo": None}, ""),
        ({"demo": None, "subset": 5000}, "a part of 5,000 images"),
        ({"demo": None, "split": {"validation": 0.2}}, "another split"),
        ({"demo": None, "images": "wild"}, "the images in the wild"),
        ({"demo": None, "layout": "folder"}, "other data, in the layout folder"),
        ({"paper_role": "dokiq", "demo": None}, "own documents (the paper's are internal)"),
    ],
)
def test_roles_and_stand_ins(changes: dict[str, object], expected: str) -> None:
    entry = {**FACES, **changes}
    config = load({"datasets": {"faces": entry, "other": {**DEMO, "path": "y"}}})
    (data,) = our_data(config)
    assert data.name == "faces" and data.stand_in == expected
    assert data.adaptions == ("unadapted", "A", "B", "C") and data.labelled


def experiment(**changes: Any) -> Experiment:
    entry = {"layout": "folder", "path": "x", "detectors": ["ppocr", "mtcnn", "zxing", "mrz"]}
    entry |= {"degrees": [100, 25], "methods": ["blur", "mask"], "paper_role": "rvl_cdip"}
    entry |= {"label": "class"}
    top = {key: changes.pop(key) for key in ("training_seeds", "control_seeds") if key in changes}
    return Experiment(load({"datasets": {"my_docs": {**entry, **changes}}, **top}))


def frame(made: Experiment) -> pd.DataFrame:
    rows = scenario_tables.scenario_rows(made, "my_docs")
    return pd.DataFrame(rows, columns=list(scenario_tables.COLUMNS))


def test_every_scenario_is_spelled_out_and_counted() -> None:
    table = frame(experiment(training_seeds=[0, 1], control_seeds=[7]))
    assert not table.duplicated().any()
    # 2 methods × 2 degrees × (unadapted, control, A, B, C, two baselines), twice; and originals
    anonymized = table[table["database"] != "original"]
    assert len(anonymized) == 2 * 4 * 7 and len(table) - len(anonymized) == 4
    assert Counter(anonymized["query"]) == {"original": 28, "anonymized": 28}
    one = table[(table["query"] == "anonymized") & (table["database"] == "mask-25")]
    rows = one.set_index("adaption")[["model", "global_crops", "local_crops", "seeds"]]
    assert rows.apply(tuple, axis=1).to_dict() == {
        "unadapted": ("unadapted", "original", "original", "0"),
        "control": ("unadapted", "original", "original", "1 7"),
        "A": ("A-mask-25", "original", "mask-25", "0 1"),
        "B": ("B-mask-25", "mask-25", "original", "0 1"),
        "C": ("C-mask-25", "mask-25", "mask-25", "0 1"),
        "pixels": ("pixels", "", "", "0"),
        "untrained": ("untrained", "", "", "0"),
    }
    assert set(one["query_images"]) == {"mask-25"}
    assert set(table.loc[table["query"] == "original", "query_images"]) == {"original"}
    made = experiment(training_seeds=[0, 1], control_seeds=[7])
    grid = scenario_tables.scenario_grid(made, "my_docs")
    assert [len(block.rows) for block in grid.blocks] == [4, 7, 7]
    seen = ("original", "anonymized")
    assert grid.blocks[1].rows[5] == ("Raw pixels", "none", "none", *seen, "0", "4")
    assert grid.blocks[1].rows[2] == ("A", *["original", "anonymized"] * 2, "8", "8")
    assert grid.blocks[2].rows[0] == ("Unadapted", *["original"] * 2, *["anonymized"] * 2, "1", "4")
    assert "blur, mask at 25, 100 %" in grid.title
    assert "Table III of arXiv 2602.19641" in grid.caption
    grid = scenario_tables.scenario_grid(experiment(paper_role=None), "my_docs")
    assert "Table" not in grid.caption
    entry = {"layout": "folder", "path": "x", "detectors": ["mtcnn"], "system": "ours"}
    system = {"kind": "timm", "similarity": "euclidean"}
    made = Experiment(load({"datasets": {"my_docs": entry}, "systems": {"ours": system}}))
    grid = scenario_tables.scenario_grid(made, "my_docs")
    assert grid.blocks[1].rows[0] == ("ours", *["none"] * 2, "original", "anonymized", "0", "3")
    assert "ranked by Euclidean distance" in grid.caption
    assert "The reference ranking is that of the system ours, as it is" in grid.caption
    assert "adapted" not in grid.caption.lower() and "training" not in grid.caption
    table = frame(made)
    assert set(table["global_crops"]) | set(table["local_crops"]) == {""}


@pytest.mark.parametrize("role", ["rvl_cdip", None])
def test_profile_has_the_columns_of_table_one(role: str | None, tmp_path: Path) -> None:
    (profile,) = scenario_tables.profiles(experiment(paper_role=role).config)
    source = "RVL-CDIP: other data, in the layout folder" if role else "own"
    assert [*profile.values()] == [
        *("my_docs", source, "blur, mask (25, 100 %)", "Text, Face, Barcode, MRZ", "A, B, C", ""),
        "retrieval, classification (class)",
    ]
    counts = tmp_path / "counts.csv"
    counts.write_text("split,listed,used\ntrain,9,8\nval,5,4\n")
    paths = {name: tmp_path / f"experiment.{name}" for name in ("csv", "markdown", "latex")}
    scenario_tables.write_profiles([profile], [counts], list(paths.values()))
    assert "4 images" in paths["markdown"].read_text()
