from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic_results import make_scores, outputs

from anonbench.reporting.figures import compare as module
from anonbench.reporting.figures.compare import scatter
from anonbench.reporting.figures.style import METHOD_COLOURS, MODEL_MARKERS
from anonbench.reporting.paper.compare import compare
from anonbench.reporting.paper.ours import OurData, tidy
from anonbench.reporting.paper.published import published

METHODS = ("pixelate", "blur", "mask")


def comparison(role: str, degrees: tuple[int, ...], labelled: bool = True) -> pd.DataFrame:
    models = ("unadapted", "A", "B", "C")
    data = OurData("mine", role, degrees, METHODS, models, labelled, "drawn")
    scores = make_scores("mine", degrees, labelled=labelled, missing=(("C", "mask", 100),))
    return compare(published(), tidy(scores, data), [data])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "degrees", "labelled"),
    [("celeba", (100,), True), ("rvl_cdip", (25, 100), True), ("dokiq", (100,), False)],
)
def test_files_are_whole_and_alike(
    role: str, degrees: tuple[int, ...], labelled: bool, tmp_path: Path
) -> None:
    table = comparison(role, degrees, labelled)
    first, again = outputs(tmp_path, "a"), outputs(tmp_path, "b")
    scatter(table, role, first)
    with Image.open(first[0]) as image:
        assert image.width <= 1100
        assert np.ptp(np.asarray(image.convert("L"))) > 50
    ElementTree.fromstring(first[1].read_bytes())
    if role == "dokiq":
        scatter(table, role, again)
        assert [a.read_bytes() for a in first] == [b.read_bytes() for b in again]


def test_points_are_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, float, float, str, str]] = []
    panel = module._panel

    def spy(axes, rows, title):  # type: ignore[no-untyped-def]
        original = axes.scatter

        def record(x, y, **style):  # type: ignore[no-untyped-def]
            drawn.append((title, x, y, style["color"], style["marker"]))
            return original(x, y, **style)

        axes.scatter = record
        panel(axes, rows, title)
        assert axes.get_xlim() == axes.get_ylim()

    monkeypatch.setattr(module, "_panel", spy)
    table = comparison("celeba", (100,))
    scatter(table, "celeba", outputs(tmp_path))
    given = table[(table["role"] == "celeba")].dropna(subset=["ours"])
    assert len(given) == len(drawn) == 66
    names = {"map": "mAP", "mndcg": "mnDCG", "knn": "k-NN", "linear": "Linear"}
    expected = {
        (
            names[row["metric"]] + (f", {row['query']} queries" if row["query"] else ""),
            row["published"],
            row["ours"],
            METHOD_COLOURS[row["method"]],
            MODEL_MARKERS[row["adaption"]],
        )
        for row in given.to_dict("records")
    }
    assert set(drawn) == expected


def test_what_was_not_run_says_so(tmp_path: Path) -> None:
    scatter(comparison("celeba", (100,)), "dokiq", outputs(tmp_path))
    with Image.open(tmp_path / "figure.png") as image:
        assert image.height < 250
