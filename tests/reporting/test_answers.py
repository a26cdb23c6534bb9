"""Findings across systems, and the results files that they are read from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.core.errors import InputError
from anonbench.evaluation.correlation import COLUMNS as CORRELATED
from anonbench.evaluation.map_judging import VARIANT_COLUMNS
from anonbench.evaluation.policy.verdicts import JUDGED
from anonbench.evaluation.scores import COLUMNS
from anonbench.reporting import answers, results_file
from anonbench.reporting.figures import findings
from anonbench.reporting.figures.style import TWO_COLUMNS, legend_above, method_entries, new_figure
from anonbench.reporting.grid import to_markdown

KEPT = {"ours": {"blur": 0.8, "mask": 0.2}, "hog": {"blur": 0.5, "mask": 0.6}}
KEPT["third"] = {"blur": 0.5, "mask": 0.1}


def scores(kept: dict[str, float]) -> pd.DataFrame:
    rows = [
        dict.fromkeys(COLUMNS, "")
        | {"dataset": "faces", "degree": degree, "method": method, "adaption": adaption}
        | {"query": query, "metric": "map", "seed": 0, "low": value - 0.1}
        | {"value": value + (0.05 if degree == 50 and method == "blur" else 0.0)}
        | {"high": value + 0.1, "se": 0.05, "n": 90, "clusters": 30, "k": 5, "chance": 0.05}
        | {"floor": 0.05, "retrained_low": np.nan, "retrained_high": np.nan}
        for method, value in kept.items()
        for degree in (50, 100)
        for query in ("original", "anonymized")
        for adaption in ("unadapted", "mapped", "pixels")
    ]
    return pd.DataFrame(rows)


def attack(method: str, value: float, name: str = "linkage", **other: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(JUDGED, "")
    row |= {"dataset": "faces", "method": method, "degree": 100, "rule": "attack", "attack": name}
    row |= {"measure": "rank_1", "entity": "face", "risk": "linkability", "value": value}
    row |= {"low": value - 0.1, "high": value + 0.1, "control": 0.0, "n": 60, "source": "a.csv"}
    return row | other


def policy(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=JUDGED)


def compared(**differences: tuple[float, float]) -> pd.DataFrame:
    """Return comparisons of `a_b`: the difference, and its corrected p-value."""
    rows = [
        {"a": pair.split("_")[0], "b": pair.split("_")[1], "difference": difference, "p_holm": p}
        | {"query": "original", "metric": "map", "adaption": "unadapted", "degree": 100}
        for pair, (difference, p) in differences.items()
    ]
    return pd.DataFrame(rows)


def values(*names: str) -> pd.DataFrame:
    return answers.values_of({name: scores(KEPT[name]) for name in names})


def test_only_what_both_know_clearly_can_agree() -> None:
    kept = {"ours": {"pixelate": 0.9, "blur": 0.8, "mask": 0.4}}
    kept["theirs"] = {"pixelate": 0.6, "blur": 0.7, "mask": 0.3}
    of_both = answers.values_of({name: scores(each) for name, each in kept.items()})
    comparisons = {
        "ours": {"pixelate_blur": (0.1, 0.01), "pixelate_mask": (0.5, 0.01)},
        "theirs": {"pixelate_blur": (-0.1, 0.04), "pixelate_mask": (0.3, 0.01)},
    }
    comparisons["ours"]["blur_mask"], comparisons["theirs"]["blur_mask"] = (0.4, 0.2), (0.4, 0.01)
    tests = {name: compared(**each) for name, each in comparisons.items()}
    row = next(answers.orders_of(of_both, tests, 0.05).query("query == 'original'").itertuples())
    assert (row.a, row.b, row.metric) == ("ours", "theirs", "map")
    assert (row.methods, row.pairs, row.clear, row.agree) == (3, 3, 2, 1)
    assert row.tau == pytest.approx(1 / 3)  # two of three pairs are in the same order
    row = next(answers.orders_of(of_both, tests, 0.02).query("query == 'original'").itertuples())
    assert (row.clear, row.agree) == (1, 1)


def test_tables_have_each_value_with_its_interval_in_order() -> None:
    row = ("original", "map", "ours", "hog", 2, -1.0, 1, 1, 0)
    orders = pd.DataFrame([row], columns=answers.ORDERS)
    found = values("ours", "hog")
    without = found[(found["system"] == "ours") | (found["method"] == "mask")]
    grids = answers.values_grid(without), answers.orders_grid(orders)
    text = "\n".join(map(to_markdown, grids))
    lines = text.splitlines()
    assert lines[0] == "| Method | ours | hog |"
    assert lines[2:5] == [
        "| With original query images |  |  |",
        "| Blur | 80.0 (70.0–90.0) | – |",
        "| Mask | 20.0 (10.0–30.0) | 60.0 (50.0–70.0) |",
    ]
    assert "90 queries of 30 clusters" in text
    assert "| ours, hog | original | 2 | -1.00 | 1 of 1 | 0 |" in text
    ours = scores(KEPT["ours"])
    found = answers.values_of({"ours": pd.concat([ours, ours.assign(metric="overlap")])})
    rows = found[["query", "method", "value"]].to_numpy().tolist()
    assert sorted(rows) == [
        ["anonymized", "blur", 0.8],
        ["anonymized", "mask", 0.2],
        ["original", "blur", 0.8],
        ["original", "mask", 0.2],
    ]
    assert answers.by_mean(values("ours", "hog")) == ["blur", "mask"]
    assert answers.by_mean(values("hog")) == ["mask", "blur"]


def price(**policies: pd.DataFrame) -> pd.DataFrame:
    given = {name: policies.get(name, policy(attack("blur", 0.3))) for name in KEPT}
    return answers.price_of({name: scores(kept) for name, kept in KEPT.items()}, given)


def test_price_has_the_strongest_attack_which_an_unknown_one_may_be() -> None:
    judged = policy(
        attack("blur", 0.3),
        attack("blur", 0.6, "likeness", control=0.2),
        attack("mask", 0.4),
        attack("mask", 0.9, "remainder"),
        attack("mapped_mask", 0.7),
    )
    found = price(ours=judged)
    rows = found[(found["system"] == "ours") & (found["query"] == "original")]
    of = rows.set_index(["degree", "method", "adaption"])
    assert not rows["adaption"].eq("pixels").any()
    assert of.loc[(100, "blur", "unadapted"), "attack"] == "likeness"
    assert of.loc[(100, "blur", "unadapted"), ["rate", "rate_low"]].tolist() == [0.5, 0.375]
    assert of.loc[(100, "mask", "unadapted"), "rate"] == 0.4
    assert of.loc[(100, "mask", "mapped"), "rate"] == 0.7
    assert np.isnan(of.loc[(50, "mask", "unadapted"), "rate"])
    judged = policy(
        attack("blur", 0.3),
        attack("mask", 0.4),
        attack("blur", 0.9, "likeness"),
        attack("mask", np.nan, "likeness", reason="too few"),
    )
    found = price(ours=judged).query("system == 'ours' and degree == 100").set_index("method")
    assert (found.loc["blur", "rate"].dropna() == 0.9).all()
    assert found.loc["mask", "rate"].isna().all()


def judged_map(remedy: str, pairs: int, value: float, gain: float) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(VARIANT_COLUMNS, "")
    row |= {"method": "blur", "degree": 100, "remedy": remedy, "pairs": pairs, "query": "original"}
    row |= {"metric": "map", "value": value, "gain": gain, "low": gain - 0.02, "high": gain + 0.02}
    return row | {"n": 90, "clusters": 30}


MAP = pd.DataFrame(
    [
        judged_map("nothing", 0, 0.3, 0.0),
        judged_map("shift", 100, 0.35, 0.05),
        judged_map("mapped", 50, 0.4, 0.1),
        judged_map("mapped", 100, 0.5, 0.2),
        judged_map("D", 0, 0.6, 0.3),
        judged_map("shuffled", 100, 0.3, 0.0),
        judged_map("mapped", 100, 0.9, 0.9) | {"metric": "labelled"},
    ]
)


def coefficients(best: float, other: float) -> pd.DataFrame:
    values = dict.fromkeys(answers.PREDICTED_BY, other) | {answers.BEST: best}
    rows = [
        dict.fromkeys(CORRELATED, "") | {"metric": metric, "metric_b": "knn", "pearson": value}
        for metric, value in values.items()
    ]
    return pd.DataFrame([*rows, dict(rows[0]) | {"metric_b": "map_anonymized"}])


def means(
    names: tuple[str, ...] = ("ours", "hog", "third"), predicted: float = 0.9
) -> pd.DataFrame:
    tests = {name: compared(blur_mask=(0.1, 0.01)) for name in names}
    orders = answers.orders_of(values(*names), tests, 0.05)
    given = {
        (name, 100): coefficients(predicted - place / 10, 0.5 * predicted / 0.9)
        for place, name in enumerate(names)
    }
    table = price()
    return answers.answers_of(
        table[table["system"].isin(names)],
        orders,
        answers.way_back_of(dict.fromkeys(names, MAP)),
        answers.predictors_of(given),
        answers.degrees_of({name: scores(KEPT[name]) for name in names}),
        0.95,
    )


def case(table: pd.DataFrame, question: str, name: str, **of: object) -> list[float]:
    rows = table[(table["question"] == question) & (table["case"] == name)]
    for column, value in of.items():
        rows = rows[rows[column] == value]
    (row,) = rows.to_dict("records")
    assert row["systems"] == 3
    return [row[column] for column in ("value", "low", "high")]


def test_means_over_systems_parts_and_orders() -> None:
    table = means()
    kept = case(table, "kept", "unadapted", method="mask", degree=100, query="original")
    assert kept == pytest.approx([0.3, 0.0, 0.957], abs=1e-3)  # 0.3 ± 4.303 · 0.265 / √3, from 0
    # paired: 0.9, 0.8 and 0.7 less 0.5
    lead = case(table, "lead", "map_original knn", degree=100)
    assert lead == pytest.approx([0.3, 0.3 - 0.2484, 0.3 + 0.2484], abs=1e-3)
    predicted = case(table, "predictor", "mndcg_anonymized knn")
    assert predicted == pytest.approx([0.8, 0.8 - 0.2484, 1.0], abs=0.05)
    assert case(table, "way_back", "D") == [0.3, 0.3, 0.3]
    assert case(table, "attack", "unadapted", method="blur", query="original") == [0.3, 0.3, 0.3]
    more = case(table, "part", "unadapted map", method="blur", query="original")
    assert more == pytest.approx([0.05, 0.05, 0.05])
    assert case(table, "part", "mapped map", method="mask", query="anonymized") == [0.0] * 3
    assert set(table.loc[table["question"] == "part", "degree"]) == {50}
    whole = {name: scores(kept).query("degree == 100") for name, kept in KEPT.items()}
    assert answers.degrees_of(whole).empty
    # τ is 1 of ours and third, -1 of both with hog: the mean is -1/3, without hog 1
    value, low, high = case(table, "order", "map", query="original")
    assert value == pytest.approx(-1 / 3, abs=1e-5)
    assert (low, high) == (-1.0, 1.0)
    rows = answers.predictors_of({("ours", 100): coefficients(np.nan, np.nan)})
    assert len(rows) == 4
    assert not {"predictor", "lead"} & {*means(predicted=np.nan)["question"]}
    table = means(("ours", "hog"))
    assert set(table["systems"]) == {2}
    assert table[["low", "high"]].isna().all().all()
    assert table["value"].notna().all()
    found = answers.way_back_of({"ours": MAP})
    of = found.set_index("adaption")
    assert of[["without", "gain"]].to_dict("index") == {
        "mapped": {"without": 0.3, "gain": 0.2},
        "D": {"without": 0.3, "gain": 0.3},
    }
    assert answers.way_back_of({}).empty


def test_each_question_has_a_figure(tmp_path: Path) -> None:
    names = [f"data {number}" for number in range(4)]
    predictors = answers.predictors_of({("ours", 100): coefficients(0.9, 0.5)})
    drawings: list[tuple[Any, Any]] = [
        (findings.order_figure, dict.fromkeys(names, values(*KEPT))),
        (findings.way_back_figure, dict.fromkeys(names, answers.way_back_of({"ours": MAP}))),
        (findings.degree_figure, dict.fromkeys(names, means())),
        (findings.predictor_figure, dict.fromkeys(names, predictors)),
        (findings.price_figure, price()),
        (findings.way_back_figure, {"": answers.way_back_of({})}),  # says so
    ]
    for number, (draw, given) in enumerate(drawings):
        draw(given, [tmp_path / f"{number}.png"], 60)
        assert (tmp_path / f"{number}.png").stat().st_size > 1000


def test_a_legend_of_long_names_is_not_cut_off() -> None:
    names = ["dp_pixelate_strong", "dp_pixelate_light", "pixelate_coarse", "blur_strong", "mask"]
    figure = new_figure(TWO_COLUMNS, 2.0)
    legend_above(figure, method_entries(names))
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    assert len(legend.get_texts()) == len(names)


ABOUT = {"anonbench": "0.1.0", "system": "ours", "kind": "timm", "dataset": "faces", "images": 90}
ABOUT |= {"detectors": ("mtcnn",), "confidence": 0.95}


def results(**about: object) -> results_file.Results:
    judged = policy(attack("blur", 0.3), attack("mask", np.nan, reason="too few probes"))
    parameters = {"blur": {"sigma": {"face": 0.12}}}
    kept = scores({"blur": 0.8, "mask": 1 / 3})
    return results_file.results_of(ABOUT | about, parameters, kept, judged)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    results_file.write_results(results(), tmp_path / "faces.json")
    first = (tmp_path / "faces.json").read_bytes()
    assert results_file.read_results(tmp_path / "faces.json") == results()
    results_file.write_results(results(), tmp_path / "faces.json")
    assert (tmp_path / "faces.json").read_bytes() == first
    written = json.loads(first)
    assert {score["value"] for each in written["results"] for score in each["scores"]} >= {0.333333}
    assert list(written) == sorted(written)
    assert {each["adaption"] for each in written["results"]} == {"unadapted", "mapped"}
    blur = next(r for r in written["results"] if (r["degree"], r["method"]) == (100, "blur"))
    assert blur["parameters"] == {"sigma": {"face": 0.12}}
    judged = policy(attack("blur", 0.3, reason="it shows nothing"))
    told = results_file.results_of(ABOUT, {}, scores({"blur": 0.8}), judged).model_dump()
    reasons = {attack["reason"] for each in told["results"] for attack in each["attacks"]}
    assert reasons == {"it shows nothing"}
    assert b"reason" not in first
    mask = [each for each in written["results"] if each["method"] == "mask"]
    assert not any(each["attacks"] for each in mask)


def test_others_files_stand_in_one_table(tmp_path: Path) -> None:
    results_file.write_results(results(), tmp_path / "own/ours/faces.json")
    results_file.write_results(results(system="theirs"), tmp_path / "others/theirs.json")
    table = results_file.table_of([tmp_path / "own", tmp_path / "others"])
    assert list(table) == results_file.TABLE
    row = table[(table["measure"] == "map") & (table["query"] == "original")]
    row = row[(row["method"] == "blur") & (row["degree"] == 100) & (row["adaption"] == "unadapted")]
    assert row["system"].tolist() == ["ours", "theirs"]
    assert row["value"].tolist() == [0.8, 0.8]
    rates = table[table["measure"] == "linkage: rank_1 face"]
    assert set(rates["value"]) == {0.3}
    with pytest.raises(InputError, match="no results file"):
        results_file.table_of([tmp_path / "none"])
    results_file.write_results(results(), tmp_path / "others/again.json")
    with pytest.raises(InputError, match=r"json is of the same system \(ours\)"):
        results_file.table_of([tmp_path])


@pytest.mark.parametrize(
    ("there", "instead", "message"),
    [
        ('"images": 90', '"images": "90"', "images: should be a valid integer"),
        ('"images": 90', '"images": 90, "path": "here"', "path: is unknown"),
        ('"schema_version": 1', '"schema_version": 2', "schema_version: should be 1"),
        ('"system": "ours"', '"system": "../else"', "system: String should match"),
        ('"degree": 100', '"degrees": 100', r"results\.\d\.degree: is missing"),
        ('"value": 0.8', '"value": 80.0', r".*scores\.\d\.value: should be less than"),
        ('"images": 90', "no JSON", "the file: Invalid JSON"),
    ],
)
def test_wrong_files(tmp_path: Path, there: str, instead: str, message: str) -> None:
    path = tmp_path / "faces.json"
    results_file.write_results(results(), path)
    text = path.read_text()
    assert there in text
    path.write_text(text.replace(there, instead))
    with pytest.raises(InputError, match=rf"faces\.json: {message}.*results-file\.md"):
        results_file.read_results(path)
