"""What is searched where: galleries, persons, and train images."""

import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.anonymization.checked import as_published
from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, box_table
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.clusters import read_people
from anonbench.evaluation.privacy import published
from anonbench.evaluation.privacy.probes import NONE, ONLY_TRAIN, Gallery, Match, draw_galleries
from anonbench.evaluation.privacy.published import HiddenOnRead, KeptImages

PEOPLE = {f"p{i}": f"person {i // 3}" for i in range(30)}  # ten persons, three photographs each


def face(x: float, side: float) -> Region:
    return Region(Entity.FACE, x, 0, x + side, side, 0.9)


@pytest.fixture
def boxes() -> pd.DataFrame:
    """Two faces and a text an image; the larger face is the second one."""
    text = Region(Entity.TEXT, 0, 90, 80, 99, 0.9)
    return box_table({name: [face(0, 10), face(40, 30), text] for name in PEOPLE}, seed=0)


def draw(
    boxes: pd.DataFrame, people: dict[str, str], ids: object = PEOPLE, **settings: int
) -> dict[Entity, Gallery]:
    galleries, _ = draw_galleries(boxes, ids, people, [], Privacy(**settings), seed=3)  # type: ignore[arg-type]
    return {gallery.entity: gallery for gallery in galleries}


def test_persons_are_looked_for_by_the_largest_face(boxes: pd.DataFrame) -> None:
    found = draw(boxes, PEOPLE)
    faces, text = found[Entity.FACE], found[Entity.TEXT]
    assert (faces.match, len(faces.crops), text.match) == (Match.PERSON, 30, Match.REGION)
    assert (faces.crops.merge(boxes, on=["id", "order"])["x0"] == 40).all()
    assert (faces.crops["count"] == 3).all()  # regions of an image, of which a degree is a share
    persons = faces.crops["id"].map(PEOPLE)
    assert (persons.groupby(faces.crops["who"]).nunique() == 1).all()
    # who is seen once is no probe
    once = draw(boxes, PEOPLE | {"p0": "alone"})[Entity.FACE].crops
    assert once.loc[~once["probe"], "id"].tolist() == ["p0"]


def test_without_persons_each_region_is_looked_for_itself(boxes: pd.DataFrame) -> None:
    for people in ({}, {"p0": "somebody", "p1": "else"}):
        faces = draw(boxes, people)[Entity.FACE]
        assert (faces.match, len(faces.crops)) == (Match.REGION, 60)
        assert faces.crops[["who", "cluster"]].nunique().tolist() == [60, 30]


def test_draws_are_bounded_and_depend_on_ids_alone(boxes: pd.DataFrame) -> None:
    for probes, gallery, size in ((100, 1000, 30), (5, 12, 12)):
        galleries = draw(boxes, PEOPLE, probes=probes, gallery=gallery)
        for drawn in galleries.values():
            assert (len(drawn.crops), drawn.crops["probe"].sum()) == (size, min(probes, size))
        assert (galleries[Entity.FACE].crops.groupby("who")["id"].size() == 3).all()
    shuffled, ids = boxes.sample(frac=1, random_state=0), reversed(list(PEOPLE))
    again = draw(shuffled, PEOPLE, ids, probes=probes, gallery=gallery)
    for entity, drawn in galleries.items():
        pd.testing.assert_frame_equal(again[entity].crops, drawn.crops)


def test_other_splits_take_no_part_and_what_is_missing_is_said(boxes: pd.DataFrame) -> None:
    galleries, missing = draw_galleries(boxes, ["p0", "p1"], {}, [Entity.MRZ], Privacy(), seed=0)
    assert {name for gallery in galleries for name in gallery.crops["id"]} == {"p0", "p1"}
    assert missing == {Entity.MRZ: NONE}
    # what only train shows is published too, and no attack says how much it tells
    nothing = dict.fromkeys((Entity.FACE, Entity.TEXT), ONLY_TRAIN)
    assert draw_galleries(boxes, [], {}, [], Privacy(), seed=0) == ([], nothing)


@pytest.mark.parametrize(
    ("column", "values", "people"),
    [
        ("identity", [7, None], {"a": "7.0"}),
        ("identity", ["x", "y"], {"a": "x", "b": "y"}),
        ("class", ["x", "y"], {}),
    ],
)
def test_people_are_read_where_the_manifest_has_them(
    tmp_path: Path, column: str, values: list[object], people: dict[str, str]
) -> None:
    path = tmp_path / "manifest.parquet"
    pd.DataFrame({"id": ["a", "b"], column: values}).to_parquet(path)
    assert read_people(path, "identity") == people


class _Counted:
    """Three images, and how often each was read."""

    ids = ("a", "b", "c")

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()

    def read(self, image_id: str) -> np.ndarray:
        self.reads[image_id] += 1
        return np.full((8, 8), ord(image_id), np.uint8)


def test_an_image_is_read_once_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "KEPT_BYTES", 2 * 64)
    images = _Counted()
    kept = KeptImages(images)
    for image_id in ("a", "b", "c", "a", "b", "c"):
        assert kept.read(image_id)[0, 0] == ord(image_id)
    assert images.reads == {"a": 1, "b": 1, "c": 2}
    with pytest.raises(ValueError, match="read-only"):
        kept.read("a")[0, 0] = 0


class _Halves:
    def read(self, image_id: str) -> np.ndarray:
        return np.repeat(np.kron(np.eye(12), np.ones((2, 2)))[..., None], 3, 2).astype("u1") * 255


def test_images_are_hidden_by_their_regions_as_in_the_published_ones() -> None:
    """By masks where a method leaves a region visible: equalization, black and white."""
    regions = {"a": [Region(Entity.TEXT, 1, 1, 6, 6, 1.0)]}
    hidden = HiddenOnRead(_Counted(), Anonymization(), regions, "mask").read("a")
    assert (hidden[3, 3], hidden[0, 0]) == (0, ord("a"))
    regions = {"a": [Region(Entity.FACE, 0, 0, 24, 24, 1.0)]}
    assert not HiddenOnRead(_Halves(), Anonymization(), regions, "equalize").read("a").any()


def test_what_is_published_keeps_no_original_in_memory() -> None:
    image, regions = _Halves().read("a"), [Region(Entity.FACE, 0, 0, 24, 24, 1.0)]
    original = weakref.ref(image)
    made = as_published("a", image, regions, Variant("equalize", 100), Anonymization())
    del image
    assert "is not hidden" in str(made.refused) and original() is None
