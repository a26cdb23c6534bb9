"""The table, the sweep and the contact sheets of detection, by what is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from synthetic_results import make_quality, outputs

from anonbench.core.boxes import Region, box_table, write_boxes
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import encode
from anonbench.detection.quality.jobs import COLUMNS
from anonbench.reporting.detection import (
    QUALITY_HEADS,
    QUALITY_METRICS,
    quality_rows,
    write_quality,
)
from anonbench.reporting.figures import detection, overlays
from anonbench.reporting.figures.detection import threshold_sweep
from anonbench.reporting.figures.overlays import Sheet, overlay_sheet
from anonbench.reporting.figures.style import ENTITY_COLOURS, INK
from anonbench.reporting.images import sheets

TEXT = Region(Entity.TEXT, 0, 0, 10, 10, 0.5)
FACE = Region(Entity.FACE, 20, 10, 40, 30, 0.9, (30, 10, 40, 20, 30, 30, 20, 20))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that are drawn, instead of writing them."""
    figures: list[Figure] = []
    for module in (detection, overlays):
        monkeypatch.setattr(module, "save", lambda figure, outputs, dpi: figures.append(figure))
    return figures


def test_the_table_has_a_row_an_entity_and_dashes_where_nothing_is_true(tmp_path: Path) -> None:
    rows = {row[0]: row for row in quality_rows(make_quality())}
    assert list(rows) == ["Face", "Text", "All"]
    assert rows["Text"][1:4] == ("2", "2", "1")
    cells = {name: dict(zip(QUALITY_METRICS, row[4:], strict=True)) for name, row in rows.items()}
    assert cells["Text"]["covered"] == "50.0 (0.0 to 100.0)"
    assert cells["Face"]["recall_90"] == "–"
    assert cells["Face"]["false_area"].startswith("1.0 (")  # 200 of 10,000 pixels in one of two
    left = pd.DataFrame([(50, "face", 0.61, 0.5, 0.7, 12)], columns=COLUMNS)
    write_quality(make_quality(), left, "pages", tmp_path / "summary.md")
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("|") == len(QUALITY_HEADS) + 1
    assert {line.count("|") for line in lines[:5]} == {len(QUALITY_HEADS) + 1}
    assert lines[-1].startswith("pages.")
    assert "| 50 % | Face | 12 | 61.0 (50.0 to 70.0) |" in lines


def sweep_table(detectors: Sequence[str]) -> pd.DataFrame:
    rows = [
        (name, entity, threshold, threshold == 0.6, 9, 9, covered, covered, covered / 2, false)
        for name, false in zip(detectors, (0.3, 0.1), strict=False)
        for threshold in (0.1, 0.6, 0.9)
        for entity, covered in (("text", 1 - threshold), ("mrz", 0.9), ("face", 0.01))
    ]
    columns = ["detector", "entity", "threshold", "in_use", "images", "regions"]
    columns += ["covered", "recall_50", "recall_90", "false_area"]
    return pd.DataFrame(rows, columns=columns)


def test_a_column_a_detector_and_a_colour_an_entity(tmp_path: Path, drawn: list[Figure]) -> None:
    threshold_sweep(sweep_table(["ppocr", "mtcnn"]), "ids", outputs(tmp_path), 100)
    grid = np.array(drawn[0].axes).reshape(2, 2)
    assert [axes.get_title() for axes in grid[0]] == ["MTCNN", "PP-OCR"]
    curves = [line for line in grid[0, 1].lines if len(line.get_xdata()) == 3]
    colours = [ENTITY_COLOURS["text"].lower()] * 2 + [ENTITY_COLOURS["mrz"].lower()] * 2
    assert [to_hex(line.get_color()) for line in curves] == colours  # faces are not text's business
    assert curves[0].get_ydata() == pytest.approx([45, 20, 5])  # recall at 90 %
    assert curves[1].get_ydata() == pytest.approx([90, 40, 10])
    for axes in grid.ravel():
        marks = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
        assert marks == [0.6]
    assert grid[1, 0].lines[0].get_ydata() == pytest.approx([10, 10, 10])
    assert grid[1, 1].get_ylim()[0] == 0 and grid[1, 1].get_ylim()[1] >= 30


def test_no_threshold_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    threshold_sweep(sweep_table([]), "codes", outputs(tmp_path), 100)
    assert "codes" in drawn[0].texts[0].get_text()


def test_the_sweep_is_written_with_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        paths = [tmp_path / f"{name}.png", tmp_path / f"{name}.svg"]
        threshold_sweep(sweep_table(["mtcnn"]), "faces", paths, 60)
    for suffix in ("png", "svg"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_outlines_stand_where_the_regions_are(tmp_path: Path, drawn: list[Figure]) -> None:
    picture = Sheet("a", "lowest score", (100, 50), [TEXT, FACE], [TEXT])
    overlay_sheet([picture, Sheet("b", "", (100, 50), [])], [tmp_path / "sheet.png"], 60)
    first, second = drawn[0].axes
    true, text, face = first.patches
    assert to_hex(true.get_edgecolor()) == INK and true.get_linestyle() != "-"
    assert to_hex(text.get_edgecolor()) == ENTITY_COLOURS["text"].lower()
    assert text.get_xy()[:4].tolist() == [[0, 0], [10, 0], [10, 10], [0, 10]]
    assert face.get_xy()[0].tolist() == [30, 10]
    assert [label.get_text() for label in first.texts] == ["0.50", "0.90"]
    assert first.get_xlim() == (0, 100) and first.get_ylim() == (50, 0)
    assert not second.patches and not first.images


def test_of_many_regions_only_the_weakest_scores_are_written(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    many = [Region(Entity.TEXT, 0, y, 9, y + 1, 1 - y / 50) for y in range(20)]
    overlay_sheet([Sheet("a", "", (100, 50), many)], [tmp_path / "sheet.png"], 60)
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["0.62", "0.64", "0.66"]


def test_an_empty_sheet_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    overlay_sheet([], [tmp_path / "sheet.png"], 60)
    assert drawn[0].texts[0].get_text() == "No image is uncertain"


@pytest.fixture
def red(tmp_path: Path) -> dict[str, Path]:
    """Return the files of a data set of three red images, one of which could not be searched."""
    names, known = ["a", "b", "broken"], []
    for name in names:
        image = np.zeros((50, 100, 3), dtype=np.uint8)
        image[..., 0] = 255
        data = encode(image)
        (tmp_path / f"{name}.png").write_bytes(data)
        known.append((f"{name}.png", len(data), hashlib.sha256(data).hexdigest()))
    manifest = {"id": names, "width": 100, "height": 50}
    manifest |= dict(zip(("path", "bytes", "digest"), zip(*known, strict=True), strict=True))
    status = {"id": names, "status": ["ok", "empty", "unreadable"], "regions": [2, 0, 0]}
    review = {"why": ["empty", "lowest score", "failed"], "id": ["b", "a", "broken"]}
    files = {name: tmp_path / name for name in ("manifest", "boxes", "images", "review")}
    write_parquet(pd.DataFrame(manifest), files["manifest"])
    write_parquet(pd.DataFrame(status | {"reason": ""}), files["images"])
    write_boxes(box_table({"a": [TEXT, FACE]}, 0), files["boxes"])
    write_csv(pd.DataFrame(review), files["review"])
    return files


@pytest.mark.parametrize("shown", [False, True])
def test_originals_are_shown_only_where_asked(
    tmp_path: Path, red: dict[str, Path], shown: bool
) -> None:
    write_boxes(box_table({"a": [TEXT]}, 0), tmp_path / "truth")
    files = [tmp_path / "least_certain.png", tmp_path / "sample.png"]
    sheets.draw_sheets(
        manifest=red["manifest"],
        boxes=red["boxes"],
        images=[red["images"]],
        review=red["review"],
        truth=tmp_path / "truth",
        drawn=True,
        root=tmp_path if shown else None,
        max_pixels=10**6,
        count=4,
        dpi=60,
        least_certain=files[0],
        sample=files[1],
    )
    for path in files:
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        red_pixels = (pixels[..., 0] > 240) & (pixels[..., 1:].max(axis=2) < 10)
        assert (red_pixels.mean() > 0.3) if shown else not red_pixels.any()


def test_an_image_that_could_not_be_searched_is_on_no_sheet(
    tmp_path: Path, red: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[list[tuple[str, str]]] = []
    monkeypatch.setattr(
        sheets,
        "overlay_sheet",
        lambda pictures, outputs, dpi: shown.append([(p.name, p.note) for p in pictures]),
    )
    sheets.draw_sheets(
        red["manifest"], red["boxes"], [red["images"]], red["review"], None, False, None, 10**6,
        9, 60, tmp_path / "a.png", tmp_path / "b.png",
    )  # fmt: skip
    assert shown[0] == [("000002", "empty, 0 regions"), ("000001", "lowest score, 2 regions")]
    assert shown[1] == [("000001", "2 regions"), ("000002", "0 regions")]
    sheets.draw_sheets(
        red["manifest"], red["boxes"], [red["images"]], red["review"], None, False, tmp_path, 10**6,
        9, 60, tmp_path / "a.png", tmp_path / "b.png",
    )  # fmt: skip
    assert [name for name, _ in shown[2]] == ["b", "a"]
