"""Attention maps: what is drawn, where, and what stays hidden."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic_results import FakeImages

from anonbench.core.vocabulary import Variant
from anonbench.embedding.attention_maps import AttentionMaps, read_maps, write_maps
from anonbench.reporting.figures.attention import SIDE, Panel, attention, panels
from anonbench.reporting.figures.style import TALLEST, TWO_COLUMNS
from anonbench.training.data.preprocess import Preprocess

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


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def names(figure: Figure) -> list[str]:
    return [title for axes in figure.axes if (title := axes.get_title(loc="left"))]


@pytest.mark.slow
@pytest.mark.parametrize(("heads", "hidden"), [(1, False), (3, True), (24, True)])
def test_each_head_of_each_model_can_be_read(drawn: list[Figure], heads: int, hidden: bool) -> None:
    attention(make_panels(heads, hidden=hidden), [])
    (figure,) = drawn
    assert len(figure.axes) == 8 + heads * 8
    width, height = figure.get_size_inches()
    assert width <= TWO_COLUMNS + 1e-6
    assert height <= TALLEST + 1e-6 or heads > 10
    labels = texts(figure)
    for name in ("Unadapted", "A", "B", "C"):
        for variant in ("Original", "Blur 50 %"):
            assert labels.count(f"{name}\n{variant}") == 1
    assert sorted(names(figure)) == sorted(8 * [f"h{n}" for n in range(1, heads + 1)])
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


def test_several_images_have_a_page_each(drawn: list[Figure]) -> None:
    attention(make_panels(6, ids=("a", "b"))[4:12], [])
    assert len(drawn[0].axes) == 8 * 7
    attention([], [])
    assert "No image has a region" in drawn[1].texts[0].get_text()


def test_a_map_shows_its_own_values_and_its_highest(drawn: list[Figure]) -> None:
    shown = make_panels(2, hidden=True)
    attention(shown, [])
    maps = [axes for axes in drawn[0].axes if axes.get_title(loc="left")]
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
        """White on its left half."""

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
