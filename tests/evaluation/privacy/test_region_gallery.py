"""What is searched where, and the supervised attack: planted leaks are found, others are not."""

import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.anonymization.checked import as_published
from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, box_table
from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.registries.attacks import ONLY_TRAIN, AttackNotPossibleError
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.clusters import read_people
from anonbench.evaluation.privacy import published
from anonbench.evaluation.privacy.probes import (
    NONE,
    Gallery,
    Match,
    draw_galleries,
    hit_rates,
    places,
)
from anonbench.evaluation.privacy.published import HiddenOnRead, KeptImages
from anonbench.evaluation.privacy.supervised import TrainingSet, learn

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


def test_a_small_gallery_of_persons_seen_once_still_has_probes(boxes: pd.DataFrame) -> None:
    """Without a probe, faces would be attacked by nobody, and no table would say so."""
    people = {name: name for name in PEOPLE} | {"p1": "p0"}
    settings = Privacy(gallery=3, probes=3)
    for seed in range(8):
        galleries, _ = draw_galleries(boxes, PEOPLE, people, [], settings, seed)
        assert all(gallery.crops["probe"].any() for gallery in galleries)


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
        ("identity", ["", " y"], {"b": "y"}),
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


WIDTH = 24


def crops(seed: object, persons: int, photos: int, noise: float = 0.5) -> tuple[Any, Any]:
    """Return unit vectors of photographs of persons, and the person of each."""
    who = np.repeat(np.arange(persons), photos)
    faces = rng("faces", seed).normal(size=(persons, WIDTH))[who]
    return unit_rows(faces + noise * rng("light", seed).normal(size=faces.shape)), who


def permuted(clear: np.ndarray) -> np.ndarray:
    return clear[:, rng("permutation").permutation(WIDTH)]


def weakly_leaked(clear: np.ndarray) -> np.ndarray:
    """Show four coordinates, faintly, among strong noise in all the others."""
    hidden = 3 * rng("strong noise", len(clear)).normal(size=clear.shape)
    hidden[:, :4] = 0.05 * clear[:, :4]
    return hidden.astype(np.float32)


def masked(clear: np.ndarray) -> np.ndarray:
    return np.full_like(clear, 0.3)


def found(
    hide: Any, finds_itself: bool = False, gallery_is_hidden: bool = False
) -> tuple[float, float, float]:
    """Return the rank-1 rates of the supervised and the naive attack on new persons, and chance."""
    clear, who = crops("train", 80, 5)
    if finds_itself:
        who = np.arange(len(who))
    learned = learn(TrainingSet(clear, hide(clear), WIDTH, who, finds_itself))[gallery_is_hidden]
    clear, who = crops("attacked", 30, 4)
    probes, every = hide(clear), np.ones(len(who), bool)
    gallery, of_gallery = (probes, every) if gallery_is_hidden else (clear, ~every)
    match, left_out = who[:, None] == who, np.eye(len(who), dtype=bool)
    if finds_itself:
        match, left_out = left_out, np.zeros_like(match)

    def rate(one: np.ndarray, other: np.ndarray) -> float:
        return float(hit_rates(places(one, other, match, left_out), 1).mean())

    chance = float((match & ~left_out).sum(axis=1).mean() / (len(who) - (not finds_itself)))
    best = rate(learned.vectors(probes, every), learned.vectors(gallery, of_gallery))
    return best, rate(unit_rows(probes), unit_rows(gallery)), chance


@pytest.mark.parametrize("finds_itself", [False, True])
def test_a_permuted_signal_is_found_that_the_naive_attacker_misses(finds_itself: bool) -> None:
    best, naive, chance = found(permuted, finds_itself)
    assert naive < 5 * chance and best > 0.8


def test_a_weak_leak_is_found_that_the_naive_attacker_misses_and_no_leak_as_by_it() -> None:
    best, naive, chance = found(weakly_leaked, gallery_is_hidden=True)
    assert naive < 2.5 * chance and best > 5 * chance
    for gallery_is_hidden in (False, True):
        best, naive, _ = found(np.copy, gallery_is_hidden=gallery_is_hidden)
        assert best >= naive - 0.02 > 0.8


def test_equal_crops_and_noise_are_at_chance() -> None:
    best, _, chance = found(masked)  # one fixed order of the originals
    assert best == pytest.approx(chance, rel=1.0)
    for place in ({"gallery_is_hidden": True}, {"finds_itself": True}):
        best, _, chance = found(masked, **place)
        assert best == pytest.approx(chance, rel=1e-6)

    def noise(clear: np.ndarray) -> np.ndarray:
        return rng("noise", len(clear)).normal(size=clear.shape).astype(np.float32)

    best, _, chance = found(noise)
    assert best < chance + 3 * np.sqrt(chance * (1 - chance) / 30)


@pytest.mark.slow
def test_what_only_seen_persons_or_crops_show_is_not_learned() -> None:
    """Features of noise tell seen crops apart, and seen persons, but no others."""

    def wide(clear: np.ndarray, who: np.ndarray, seed: str) -> np.ndarray:
        own = 3 * rng("own", seed).normal(size=(len(set(who.tolist())), 100))[who]
        noise = 3 * rng("noise", seed).normal(size=(len(who), 300))
        return np.concatenate([clear, own, noise], axis=1).astype(np.float32)

    clear, who = crops("train", 40, 5, noise=1.0)
    lesson = TrainingSet(wide(clear, who, "a"), wide(clear, who, "b"), WIDTH, who, False)
    learned = learn(lesson)[False]
    clear, who = crops("attacked", 30, 4, noise=1.0)
    probes, gallery, every = wide(clear, who, "c"), wide(clear, who, "d"), np.ones(len(who), bool)
    match, left_out = who[:, None] == who, np.eye(len(who), dtype=bool)
    naive = places(unit_rows(probes[:, :WIDTH]), unit_rows(gallery[:, :WIDTH]), match, left_out)
    best = places(learned.vectors(probes, every), learned.vectors(gallery, ~every), match, left_out)
    assert hit_rates(naive, 1).mean() > 0.5
    assert hit_rates(best, 1).mean() >= hit_rates(naive, 1).mean() - 0.02


def test_clear_and_hidden_crops_meet_in_one_gallery() -> None:
    clear, who = crops("train", 80, 5)
    learned = learn(TrainingSet(clear, permuted(clear), WIDTH, who, False))[True]
    clear, who = crops("attacked", 30, 4)
    hidden = np.arange(len(who)) % 2 == 0
    mixed = np.where(hidden[:, None], permuted(clear), clear)
    vectors = learned.vectors(mixed, hidden)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for part in (hidden, ~hidden):
        np.testing.assert_array_equal(vectors[part], learned.vectors(mixed[part], hidden[part]))


def test_persons_are_told_by_what_stays_the_same_and_ten_are_enough() -> None:
    clear, who = crops("train", 80, 5)
    lit = clear + (np.arange(WIDTH) < 4) * rng("sun", len(clear)).normal(size=clear.shape)
    learned = learn(TrainingSet(lit, lit, WIDTH, who, False))[True]
    assert learned.hidden.weights.shape[1] == 80  # persons, no vector
    enough, few = (
        TrainingSet(clear, clear, WIDTH, who, False)
        for clear, who in (crops("train", 10, 5), crops("train", 9, 5))
    )
    assert set(learn(enough)) == {False, True}
    with pytest.raises(AttackNotPossibleError, match="9 persons, and 10 are needed"):
        learn(few)
