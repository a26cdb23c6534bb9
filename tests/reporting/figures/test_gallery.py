"""Retrieval galleries: which images, in which order, with which marks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from synthetic_results import FakeImages, make_scores, outputs

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Model, Variant
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.reporting.figures import gallery as gallery_module
from anonbench.reporting.figures.gallery import GalleryRow, Result, gallery
from anonbench.reporting.figures.style import TALLEST, TWO_COLUMNS
from anonbench.reporting.images.gallery import (
    QUERIES,
    RESULTS,
    Database,
    best_adapted,
    gallery_rows,
)

IDS = [f"class/{number:02}" for number in range(15)]
BLUR, MASK = Variant.parse("blur-100"), Variant.parse("mask-100")


def row(name: str, ranks: list[int], reference: bool = False) -> GalleryRow:
    page = np.full((40, 30), 200, np.uint8)
    return GalleryRow(name, page, [Result(page, rank) for rank in ranks], reference)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    monkeypatch.setattr(gallery_module, "save", lambda figure, *_: figures.append(figure))
    return figures


@pytest.mark.slow
def test_matches_are_framed_and_counted(drawn: list[Figure]) -> None:
    rows = [row("Reference", [1, 2, 3], True), row("A\nBlur", [2, 9, 1]), row("B", [4, 5, 6])]
    gallery([rows, rows], [])
    (figure,) = drawn
    assert len(figure.axes) == 2 * 3 * 4
    labels = [text.get_text() for text in figure.texts]
    assert labels[:4] == ["Query", "1", "2", "3"]
    assert labels[4:7] == ["Reference", "A\nBlur\n2 of 3 match", "B\n0 of 3 match"]
    frames = [
        (axes.spines["top"].get_linewidth(), axes.spines["top"].get_linestyle() == "-")
        for axes in figure.axes
    ]
    match, other, plain = (1.8, True), (0.7, False), (0.5, True)
    assert frames[:12] == [plain] * 4 + [plain, match, other, match] + [plain, other, other, other]
    ranks = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert ranks[:8] == [[]] * 5 + [["ref. 2"], ["ref. 9"], ["ref. 1"]]
    width, height = figure.get_size_inches()
    assert width == pytest.approx(TWO_COLUMNS) and height <= TALLEST


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(300, 100), (100, 300), (218, 178, 3)])
def test_images_of_any_shape_fit_a_page(drawn: list[Figure], shape: tuple[int, ...]) -> None:
    page = np.full(shape, 90, np.uint8)
    rows = [GalleryRow(name, page, [Result(page, 1)] * 10) for name in "abc"]
    gallery([rows] * 3, [])
    places = np.array([axes.get_position(original=True).bounds for axes in drawn[0].axes])
    assert (places[:, :2] >= 0).all() and (places[:, :2] + places[:, 2:] <= 1 + 1e-9).all()
    assert drawn[0].get_size_inches()[1] <= TALLEST + 1e-9


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(InputError, match="query with a result"):
        gallery([], [])
    with pytest.raises(InputError, match="query with a result"):
        gallery([[row("A", [])]], [])


def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = outputs(tmp_path, "a"), outputs(tmp_path, "b")
    for paths in (first, second):
        gallery([[row("A", [1, 7])]], paths)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    with Image.open(first[0]) as image:
        assert image.width == round(TWO_COLUMNS * 150)
    assert "<text" not in first[1].read_text()


def database(folder: Path, model: str, variant: Variant, seed: int) -> Database:
    path = folder / f"{model}-{variant}.h5"
    values = np.random.default_rng(seed).normal(size=(len(IDS), 6)).astype(np.float32)
    write_embeddings(path, Embeddings(IDS, values))
    return Database(Model.parse(model), variant, path)


def test_the_best_adapted_model_is_that_of_the_scores(tmp_path: Path) -> None:
    given = [
        Database(Model.parse(name), Variant.parse(variant), tmp_path)
        for name, variant in (
            ("unadapted", "blur-100"),
            ("A-blur-100", "blur-100"),
            ("B-blur-100", "blur-100"),
            ("A-mask-100", "mask-100"),
        )
    ]
    scores = make_scores("ids", (50, 100), seeds=(0, 1))
    scores["value"] = 0.5
    chosen = (scores["metric"] == "map") & (scores["query"] == "anonymized")

    def give(adaption: str, method: str, degree: int, seed: int, value: float) -> None:
        cell = (scores["adaption"] == adaption) & (scores["method"] == method)
        cell &= (scores["degree"] == degree) & (scores["seed"] == seed)
        scores.loc[chosen & cell, "value"] = value

    give("unadapted", "blur", 100, 0, 0.99)  # not adapted
    give("C", "blur", 100, 0, 0.98)  # not given
    give("B", "blur", 50, 0, 0.97)  # another degree
    give("A", "mask", 100, 0, 0.9)  # the mean of both seeds counts
    give("A", "mask", 100, 1, 0.2)
    give("B", "blur", 100, 0, 0.6)
    give("B", "blur", 100, 1, 0.7)
    assert best_adapted(scores, given) == given[2]
    assert best_adapted(scores.iloc[:0], given) == given[1]
    assert best_adapted(scores, given[:1]) is None


def expected(path: Path, query: str) -> list[str]:
    """The other images by cosine similarity, written out."""
    import h5py

    with h5py.File(path) as file:
        values = file["embeddings"][:].astype(float)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    similarity = values @ values[IDS.index(query)]
    order = sorted(range(len(IDS)), key=lambda at: -similarity[at])
    return [IDS[at] for at in order if IDS[at] != query]


class Named(FakeImages):
    """Images that hold the number of their name, and tell which were read."""

    def read(self, image_id: str) -> np.ndarray:
        self.reads.append(image_id)
        return np.full((2, 2), IDS.index(image_id), np.uint8)


@pytest.mark.parametrize("originals", [True, False])
def test_rows_hold_the_nearest_images(tmp_path: Path, originals: bool) -> None:
    reference = database(tmp_path, "unadapted", Variant(), 1).path
    given = [
        database(tmp_path, "unadapted", BLUR, 2),
        database(tmp_path, "A-blur-100", BLUR, 3),
        database(tmp_path, "unadapted", MASK, 4),
        database(tmp_path, "C-mask-100", MASK, 5),
    ]
    scores = make_scores("ids")
    best = (scores["adaption"] == "C") & (scores["method"] == "mask")
    scores["value"] = np.where(best, 0.9, 0.1)
    images = {variant: Named(variant) for variant in (BLUR, MASK)}
    if originals:
        images[Variant()] = Named(Variant())
    rows = gallery_rows(scores, reference, given, images)
    assert len(rows) == QUERIES
    for own in rows:
        assert [row.name for row in own] == [
            "Reference",
            "Unadapted\nMask 100 %",
            "C\nMask 100 %",
        ]
        assert [row.reference for row in own] == [True, False, False]
        query = IDS[int(own[0].query[0, 0])]
        truth = expected(reference, query)
        for row, path in zip(own, (reference, given[2].path, given[3].path), strict=True):
            assert IDS[int(row.query[0, 0])] == query
            found = [IDS[int(result.picture[0, 0])] for result in row.results]
            assert found == expected(path, query)[:RESULTS]
            assert [r.rank for r in row.results] == [1 + truth.index(name) for name in found]
        assert own[0].matches == [True] * RESULTS
        assert own[1].matches == [
            name in truth[:RESULTS] for name in expected(given[2].path, query)[:RESULTS]
        ]
    assert not images[BLUR].reads
    assert len(images[MASK].reads) == QUERIES * (RESULTS + 1) * (2 if originals else 3)


def test_without_an_adapted_model_there_are_two_rows(tmp_path: Path) -> None:
    reference = database(tmp_path, "unadapted", Variant(), 1).path
    given = [database(tmp_path, "unadapted", BLUR, 2)]
    rows = gallery_rows(pd.DataFrame(make_scores("ids")), reference, given, {BLUR: Named(BLUR)})
    assert [[row.name for row in own] for own in rows] == [
        ["Reference", "Unadapted\nBlur 100 %"]
    ] * QUERIES
