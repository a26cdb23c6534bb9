"""The report's first screen says what is published in doubt, and names no number on nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from report_results import section
from synthetic_results import make_scores

from anonbench.anonymization.published import COLUMNS
from anonbench.datasets.image_sets.doubts import Doubts
from anonbench.reporting.html.build import build_report
from anonbench.reporting.html.choices.notices import notices


def page(folder: Path, counted: dict[str, int], scores: pd.DataFrame | None = None) -> str:
    """Return the page of a data set, up to the paper's recommendations: its first screen."""
    given = make_scores("ids", (50, 100)) if scores is None else scores
    made = section(folder / "r", "ids", given, (50, 100))
    rows = [
        dict.fromkeys(COLUMNS, 0) | {"split": split, "variant": "mask-100"} | counted
        for split in ("train", "val")
    ]
    audit = folder / "audit.csv"
    pd.DataFrame(rows, columns=COLUMNS).to_csv(audit, index=False)
    build_report("T", [replace(made, audit=audit)], {}, {}, folder / "report.html")
    text = (folder / "report.html").read_text(encoding="utf-8")
    return text.split("<main>")[1].split('id="recommendations"')[0].replace("\u00a0", " ")


@pytest.mark.slow
def test_without_doubt_there_is_no_notice(tmp_path: Path) -> None:
    assert "notice" not in page(tmp_path, {"used": 5, "failed_audits": 0})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({"without_regions": 6}, "ids: 12 images without a region are left out."),
        ({"failed_detector": 1}, "ids: 2 images with a failed detector are left out."),
        (
            {"without_regions": 6, "used_without_regions": 6},
            "ids: PUBLISHED UNHIDDEN: 12 images without a region are in every image set",
        ),
        ({"used_failed": 2}, "ids: PUBLISHED PARTLY HIDDEN: 4 images on which a detector failed"),
        (
            {"unmatched_boxes": 3},
            "ids: 3 boxes rows match no image: what they mark may be visible.",
        ),
    ],
)
def test_each_doubt_stands_before_the_headline(
    tmp_path: Path, counted: dict[str, int], said: str
) -> None:
    first = page(tmp_path, counted)
    assert said in first
    assert first.index(said) < first.index('class="lead"')


def test_what_is_in_plain_sight_comes_first() -> None:
    found = notices({"a": Doubts(without_regions=1), "b": Doubts(used_failed=1)})
    assert [(notice.dataset, notice.severe) for notice in found] == [("b", True), ("a", False)]


def test_rows_that_only_measure_leave_nothing_in_plain_sight() -> None:
    found = notices({"a": Doubts(unmatched={"truth": 1, "corrections": 1})})
    assert [(notice.text[:12], notice.severe) for notice in found] == [
        ("1 correction", True),
        ("1 truth row ", False),
    ]


@pytest.mark.slow
def test_twenty_six_images_are_no_headline(tmp_path: Path) -> None:
    few = make_scores("ids", (50, 100)).assign(k=1, n=26, value=1.0, low=1.0, high=1.0)
    first = page(tmp_path, {}, few)
    assert "There is no recommendation yet" in first and "100.0 %" not in first.split("<script")[0]
    assert (
        "not known: k is 1, and below 5 no ranking can be judged; with retrieval.fraction "
        "0.05 it takes 100 validation images"
    ) in first
    whole = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Embedding the anonymized images instead, with" not in whole
    assert "Too few images for a statement" in whole  # below the tables, which show the numbers
