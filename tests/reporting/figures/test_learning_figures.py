"""Learning curves and attention maps: what is drawn, where, and what stays hidden."""

import math
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic_results import FakeImages, make_log

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Method, Variant
from anonbench.embedding.attention_maps import AttentionMaps, read_maps, write_maps
from anonbench.reporting.figures.attention import SIDE, Panel, attention, panels
from anonbench.reporting.figures.learning import QUANTITIES, chance_levels, learning_curves, smooth
from anonbench.reporting.figures.style import INK, TALLEST, TWO_COLUMNS
from anonbench.reporting.labels import METHOD_COLOURS
from anonbench.training.data.preprocess import Preprocess

CHANCE = chance_levels(256, 0.5)
EVERY = ["unadapted"] + [
    f"{adaption}-{method}-{degree}"
    for degree in (25, 50, 75, 100)
    for method in Method
    for adaption in "ABC"
]


def draw(folder: Path, models: Sequence[str], knn: bool = False, rows: int | None = None) -> None:
    paths = {model: folder / f"{model}.csv" for model in models}
    for model, path in paths.items():
        make_log(model, knn=knn).iloc[:rows].to_csv(path, index=False)
    learning_curves(paths, [], CHANCE)


def _bold(axes: Axes) -> list[str]:
    """The colours of the models' own lines, without raw and comparison lines."""
    return [to_hex(line.get_color()) for line in axes.lines if line.get_linewidth() >= 1.0]


def test_rows_are_quantities_and_columns_adaptions(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [name for name in EVERY if name == "unadapted" or name.endswith("-100")])
    grid = np.array(drawn[0].axes).reshape(8, 4)
    assert [axes.get_title() for axes in grid[0]] == ["Unadapted", "A", "B", "C"]
    assert [axes.get_ylabel() for axes in grid[:, 0]] == list(QUANTITIES.values())[:8]
    colours = [METHOD_COLOURS[method].lower() for method in Method]
    for row in grid:
        assert _bold(row[0]) == [INK]
        for axes in row[1:]:
            assert sorted(_bold(axes)) == sorted(colours)
    values = make_log("B-mask-100")["kl"]
    green = [line for line in grid[3, 2].lines if line.get_color() == METHOD_COLOURS["mask"]]
    np.testing.assert_allclose(green[0].get_ydata(), values)
    np.testing.assert_allclose(green[1].get_ydata(), smooth(values, 0.05))


def test_all_models_of_the_paper_fit_a_page(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, EVERY, knn=True)
    assert drawn[0].get_figheight() <= TALLEST
    grid = np.array(drawn[0].axes).reshape(9, 4)
    assert grid[8, 0].get_ylabel() == "k-NN (%)"
    assert 20 < grid[8, 0].lines[0].get_ydata().min() < 70
    grid[0, 1].set_gid("panel")
    drawn[0].savefig(tmp_path / "all.svg")
    panel = (tmp_path / "all.svg").read_text().partition('id="panel"')[2].partition('id="axes_')[0]
    dashes = re.findall(r'url\(#.*?style="fill: none;(?: stroke-dasharray: ([^;]*))?', panel)
    assert len(set(dashes)) == 5  # four degrees and the dashes of the chance level
    # three methods, unadapted, chance
    assert len({line.get_color() for line in grid[0, 1].lines}) == 5


def test_chance_levels_and_legends(tmp_path: Path, drawn: list[Figure]) -> None:
    expected = {"dino": math.log(256), "ibot": math.log(256) / 2, "teacher_entropy": math.log(256)}
    assert pytest.approx(expected) == CHANCE
    draw(tmp_path, ["unadapted"])
    levels = {
        axes.get_ylabel(): [
            line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1
        ]
        for axes in drawn[0].axes
    }
    assert list(levels) == list(QUANTITIES.values())[:8]
    assert levels["iBOT loss"] == [CHANCE["ibot"]]
    assert levels["KL (nats)"] == levels["KoLeo loss"] == []
    draw(tmp_path, ["C-blur-50"], knn=True)
    draw(tmp_path, [f"A-mask-{degree}" for degree in (20, 40, 60, 80, 100)])
    one, many = ([text.get_text() for text in f.legends[0].get_texts()] for f in drawn[1:])
    assert one == ["Blur", "Uniform targets"] and drawn[1].axes[0].get_title() == "C"
    assert [text for text in many if "%" in text] == ["20 %", "40 %", "60 %", "80 %", "100 %"]


@pytest.mark.slow
@pytest.mark.parametrize("span", [3.0, 20.0, 200.0, 1e6])
def test_gradient_norms_of_any_span_fit(tmp_path: Path, drawn: list[Figure], span: float) -> None:
    """Some ticks are in view, and their labels are numbers and no formulas."""
    log = make_log("unadapted")
    log["gradient_norm"] = 0.7 * np.geomspace(span, 1, len(log))
    log.to_csv(tmp_path / "a.csv", index=False)
    learning_curves({"unadapted": tmp_path / "a.csv"}, [], CHANCE)
    drawn[0].canvas.draw()
    norms = drawn[0].axes[7]
    low, high = norms.get_ylim()
    labels = [label.get_text() for label in norms.get_yticklabels()]
    in_view = [float(label) for label in labels if label and low <= float(label) <= high]
    assert 2 <= len(in_view) <= 6


def test_logs_are_smoothed_and_may_be_short(tmp_path: Path, drawn: list[Figure]) -> None:
    constant = pd.Series(np.full(50, 3.0))
    assert smooth(constant, 0.1).to_numpy() == pytest.approx(constant.to_numpy())
    values = pd.Series(np.arange(10.0))
    assert smooth(values, 0.2)[[0, 5, 9]].tolist() == pytest.approx([0.5, 5.0, 8.5])
    assert smooth(values[:1], 0.05).tolist() == [0.0]
    assert len(smooth(values[:0], 0.05)) == 0
    make_log("unadapted").drop(columns="feature_rank").to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="column 'feature_rank' is missing"):
        learning_curves({"unadapted": tmp_path / "a.csv"}, [], CHANCE)
    draw(tmp_path, ["unadapted"], rows=1)
    for axes in drawn[0].axes:
        if axes.get_visible():
            assert any(line.get_marker() == "o" for line in axes.lines)


MODELS = ("unadapted", "A-blur-50", "B-blur-50", "C-blur-50")
VARIANTS = ("original", "blur-50")


def make_panels(heads: int, ids: tuple[str, ...] = ("x/1",), hidden: bool = False) -> list[Panel]:
    random = np.random.default_rng(0)
    return [
        Panel(
            image_id,
            model,
            variant,
            None
            if hidden and variant == "original"
            else random.integers(0, 256, (32, 32, 3), dtype=np.uint8),
            random.random((heads, 4, 4)).astype(np.float32) / 20,
        )
        for image_id in ids
        for model in MODELS
        for variant in VARIANTS
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("heads", "hidden"), [(1, False), (3, True), (24, True)])
def test_each_head_of_each_model_can_be_read(drawn: list[Figure], heads: int, hidden: bool) -> None:
    attention(make_panels(heads, hidden=hidden), [])
    (figure,) = drawn
    assert len(figure.axes) == 8 + heads * 8
    width, height = figure.get_size_inches()
    assert width <= TWO_COLUMNS + 1e-6
    assert height <= TALLEST + 1e-6 or heads > 10
    labels = [text.get_text() for text in figure.texts]
    for name in ("Unadapted", "A", "B", "C"):
        for variant in ("Original", "Blur 50 %"):
            assert labels.count(f"{name}\n{variant}") == 1
    names = [title for axes in figure.axes if (title := axes.get_title(loc="left"))]
    assert sorted(names) == sorted(8 * [f"h{n}" for n in range(1, heads + 1)])
    places = np.array([axes.get_position().bounds for axes in figure.axes])
    assert (places[:, :2] >= 0).all() and (places[:, :2] + places[:, 2:] <= 1).all()
    assert (places[:, 2] * width >= 12 / 25.4).all()
    for a in range(len(places)):  # none covers another
        apart = np.abs(places[a, :2] - places[:, :2]) >= places[a, 2:] - 1e-9
        assert apart.any(axis=1).sum() == len(places) - 1
    titles = [
        title
        for axes in figure.axes[: 1 + heads]
        for title in {*axes.findobj(Text)} - {axes.title, *axes.texts}
        if title.get_text()
    ]
    assert len(titles) >= 2 * heads and min(title.get_fontsize() for title in titles) >= 6
    boxes = [title.get_window_extent() for title in titles]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert not any(box.overlaps(a.get_window_extent()) for box in boxes for a in figure.axes)
    originals = [a for a in figure.axes if [t.get_text() for t in a.texts] == ["not\nshown"]]
    assert len(originals) == 4 * hidden
    assert sum(len(axes.images) == 2 for axes in figure.axes) == (8 - 4 * hidden) * heads


def test_maps_show_their_own_values_a_page_each(drawn: list[Figure]) -> None:
    attention(make_panels(6, ids=("a", "b"))[4:12], [])
    assert len(drawn[0].axes) == 8 * 7
    attention([], [])
    assert "No image has a region" in drawn[1].texts[0].get_text()
    shown = make_panels(2, hidden=True)
    attention(shown, [])
    maps = [axes for axes in drawn[2].axes if axes.get_title(loc="left")]
    assert len(maps) == 16
    for number, axes in enumerate(maps):
        panel = shown[number // 2]
        head = panel.heads[number % 2]
        assert len(axes.images) == (1 if panel.picture is None else 2)
        assert np.array_equal(np.asarray(axes.images[-1].get_array()), head)
        assert axes.images[-1].get_clim() == (0, head.max())
        assert axes.images[0].get_extent() == axes.images[-1].get_extent()
        assert axes.get_title(loc="left") == f"h{1 + number % 2}"
        assert axes.get_title(loc="right") == f"{100 * head.max():.1f} %"


def test_panels_show_what_the_network_saw(tmp_path: Path) -> None:
    class Half(FakeImages):
        def read(self, image_id: str) -> np.ndarray:
            super().read(image_id)
            return np.repeat([[255, 0]], 128, axis=1).repeat(64, axis=0).astype(np.uint8)

    heads = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    maps = {("original", "a/b"): heads, ("blur-50", "a/b"): heads + 1}
    for resize in ("crop", "squash"):
        preprocess = Preprocess(48, "imagenet", resize)
        write_maps(AttentionMaps(preprocess, maps), tmp_path / "maps.npz")
        assert read_maps(tmp_path / "maps.npz").preprocess == preprocess
        half = Half(Variant())
        found = panels({"unadapted": tmp_path / "maps.npz"}, {"blur-50": half})
        assert [(p.image_id, p.model, p.variant) for p in found] == [
            ("a/b", "unadapted", "original"),
            ("a/b", "unadapted", "blur-50"),
        ]
        assert half.reads == ["a/b"]
        assert found[0].picture is None
        picture = found[1].picture
        assert picture is not None and picture.shape[0] == picture.shape[1] >= SIDE
        assert picture[:, :140].min() > 200 or resize == "squash"
        assert abs(float(picture.mean()) / 255 - 0.5) < 0.02
        assert np.array_equal(found[1].heads, heads + 1)
