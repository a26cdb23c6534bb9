from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from paper_numbers import as_scores, our_portraits
from scipy.stats import spearmanr

from anonbench.config import load
from anonbench.reporting.paper.comparison import COLUMNS, agreement, compare, published, tidy
from anonbench.reporting.paper.ours import our_data

DEMO = {"layout": "celeba", "path": "x", "detectors": ["mtcnn"], "demo": {"kind": "portraits"}}


def compared(scores: pd.DataFrame, **changes: object) -> pd.DataFrame:
    data = our_portraits(**changes)
    return compare(published(), tidy(scores, data), [data])


def test_known_differences() -> None:
    """Of the mean over seeds; the control, originals and other metrics are left out."""
    one, two = (
        as_scores("celeba", "portraits", shift, seed) for seed, shift in ((0, 1.0), (1, 4.0))
    )
    control = one[one["adaption"] == "unadapted"].assign(adaption="control", value=0.0, seed=9)
    original = one.assign(method="original", degree=0, value=0.0)
    table = compared(pd.concat([one, two, control, original, one.assign(metric="tau", value=0.0)]))
    assert list(table) == COLUMNS and len(table) == 408
    ours = table[table["role"] == "celeba"]
    assert len(ours) == 72
    np.testing.assert_allclose(ours["difference"].astype(float), 2.5)
    np.testing.assert_allclose(ours["ours"] - ours["low"], 1.0)
    np.testing.assert_allclose(ours["high"] - ours["ours"], 2.0)
    expected = {"seeds": 2, "queries": 240, "dataset": "portraits", "reason": ""}
    expected["stand_in"] = "generated data of the demo"
    assert {name: [*ours[name].unique()] for name in expected} == {
        k: [v] for k, v in expected.items()
    }


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


def test_agreement_is_what_its_columns_say() -> None:
    scores = as_scores("celeba", "portraits")
    rng = np.random.default_rng(0)
    scores["value"] += rng.normal(0, 0.05, len(scores))
    table = compared(scores[scores["method"] != "blur"])
    found = agreement(table).set_index(["role", "degree", "metric", "query"])
    row = found.loc["celeba", 100, "map", "original"]
    here = table.query("role == 'celeba' and metric == 'map' and query == 'original'").dropna(
        subset=["ours"]
    )
    assert (row["cells"], row["compared"]) == (12, 8)
    assert row["mean"] == pytest.approx((here["ours"] - here["published"]).mean())
    assert row["absolute"] == pytest.approx((here["ours"] - here["published"]).abs().mean())
    assert row["rank"] == pytest.approx(spearmanr(here["published"], here["ours"]).statistic)
    none = found.loc["dokiq", 100, "map", "original"]
    assert none["compared"] == 0 and np.isnan(none["mean"]) and np.isnan(none["rank"])


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
    entry = {**DEMO, "paper_role": "celeba", "label": "Male", **changes}
    config = load({"datasets": {"faces": entry, "other": {**DEMO, "path": "y"}}})
    (data,) = our_data(config)
    assert data.name == "faces" and data.stand_in == expected
    assert data.adaptions == ("unadapted", "A", "B", "C") and data.labelled
