"""Attack on what is around a face: the face has no part in it, and methods do not change it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, box_table, image_regions
from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.crops import GREY, Cut, read_crops, remainder
from anonbench.evaluation.privacy.probes import NO_MODEL
from anonbench.evaluation.privacy.published import Published
from anonbench.evaluation.privacy.rates import REMAINDER, rates, strongest, worst
from anonbench.evaluation.privacy.reidentification import SURROUNDED, reidentify

PEOPLE = {f"v{number:03d}": f"a {number // 3}" for number in range(36)}
PUPILS = {f"t{number:03d}": f"b {number // 3}" for number in range(60)}
FACE = Region(Entity.FACE, 14, 12, 34, 36, 0.9)
BOXES = box_table({name: [FACE] for name in PEOPLE | PUPILS}, seed=0)
REGIONS = image_regions(BOXES)
CHANCE = 2 / 35
"""Two more photographs of the person among 35 others."""
CLEAR, USUAL = Variant(), Anonymization()


@cache
def photograph(name: str, wears_the_same: bool, only_a_face: bool = False) -> np.ndarray:
    """A face as nobody else's, before a background of the person's or of the photograph's own; or
    the person's face before a wall that all have in common."""
    person = (PEOPLE | PUPILS)[name]
    around = rng("wall", person if wears_the_same else name).uniform(40, 215, (6, 6, 3))
    face = rng("face", name).uniform(0, 255, (24, 20, 3))
    if only_a_face:
        around[:] = 128
        coarse = rng("face", person).uniform(0, 255, (3, 3, 3)).astype(np.float32)
        face = cv2.resize(coarse, (20, 24), interpolation=cv2.INTER_NEAREST)
    image = cv2.resize(around.astype(np.float32), (48, 48), interpolation=cv2.INTER_CUBIC)
    image += rng("light", name).normal(0, 4, image.shape)
    image[12:36, 14:34] = face
    return np.clip(image, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Photographs:
    """Drawn photographs, and what a method makes of them."""

    ids: list[str]
    wears_the_same: bool = True
    only_a_face: bool = False
    variant: Variant = CLEAR
    hiding: Anonymization = USUAL

    def read(self, image_id: str) -> np.ndarray:
        image = photograph(image_id, self.wears_the_same, self.only_a_face)
        return anonymize(image, REGIONS[image_id], self.variant, self.hiding)


class Pixels:
    """Crops compared as they are."""

    side = 6

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, crops: np.ndarray) -> np.ndarray:
        self.embedded += len(crops)
        values = crops.reshape(len(crops), -1).astype(np.float32)
        return unit_rows(values - values.mean(axis=1, keepdims=True))


def attack(
    *variants: str,
    taught: Collection[str] = PUPILS,
    people: dict[str, str] = PEOPLE | PUPILS,
    attackers: tuple[str, ...] = ("remainder",),
    hiding: Anonymization = USUAL,
    model: Pixels | None = None,
    **drawn: bool,
) -> pd.DataFrame:
    clear = Photographs(sorted(PEOPLE), **drawn)
    parsed = map(Variant.parse, variants)
    versions = {each: replace(clear, variant=each, hiding=hiding) for each in parsed}
    shown = Published(clear, versions, BOXES, people, replace(clear, ids=sorted(taught)))
    asked = Privacy(attackers=attackers), hiding
    with threadpool_limits(1, user_api="blas"):
        table = reidentify(shown, {}, [Entity.FACE], model or Pixels(), *asked, seed=0)
    return rates("drawn", table, 0.95)


def around(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["regions"] == REMAINDER) & (table["rank"] == 1)]


@pytest.mark.parametrize(
    "region",
    [
        Region(Entity.FACE, 5.5, 5, 20, 25, 0.9),
        Region(Entity.FACE, -3, 40, 12, 75, 0.9),
        Region(Entity.TEXT, 10, 10, 50, 40, 0.9, (10, 20, 48, 10, 50, 28, 12, 40)),
    ],
)
@pytest.mark.parametrize("margin", [1.0, 1.4])
def test_nothing_of_the_region_is_seen_and_all_else_is(region: Region, margin: float) -> None:
    image = rng("image").integers(1, 256, (60, 70, 3), dtype=np.uint8)
    hiding = Anonymization(margin=margin)
    masked = anonymize(image, [region], Variant("mask", 100), hiding)
    seen = remainder(image, region, 30.0, margin)
    np.testing.assert_array_equal(seen, remainder(masked, region, 30.0, margin))
    assert seen.shape == image.shape  # grown that far, the whole image is seen
    own = (masked == 0).all(axis=2)
    assert (seen[own] == GREY).all()
    np.testing.assert_array_equal(seen[~own], image[~own])
    assert remainder(image[..., 0], region, 1.5).ndim == 2


def test_nothing_is_seen_of_what_overlaps_the_region() -> None:
    """As the box of another detector does: its pixels are the face's own, too."""
    second = Region(Entity.FACE, 20, 10, 38, 40, 0.9)
    beside = Region(Entity.TEXT, 2, 36, 19, 47, 0.9)  # touches it
    image = rng("image").integers(1, 256, (48, 60, 3), dtype=np.uint8)
    wanted = pd.DataFrame({"id": "a", "order": [0], "margin": 1.0, "context": 30.0})
    seen = {}
    for method in ("mask", "blur", "swirl"):
        shown = anonymize(image, [FACE, second, beside], Variant(method, 100), USUAL)
        pictures = SimpleNamespace(read=lambda image_id, shown=shown: shown)
        cut = Cut(60)
        (seen[method],) = read_crops(pictures, {"a": [FACE, second, beside]}, wanted, [cut])[cut]
    clear = remainder(image, FACE, 30.0, 1.0, [FACE, second])
    assert (clear[10:40, 20:38] == GREY).all() and (clear[12:36, 14:34] == GREY).all()
    np.testing.assert_array_equal(clear[:, 38:], image[:, 38:])
    assert np.abs(seen["blur"][48:56, :18].astype(int) - seen["mask"][48:56, :18]).max() > 20
    for crop in seen.values():
        np.testing.assert_array_equal(crop[:42], seen["mask"][:42])
        np.testing.assert_array_equal(crop[:, 21:], seen["mask"][:, 21:])


def test_what_overlaps_an_overlapping_region_is_grey_too() -> None:
    """Of layers, it may be made of pixels that are made of the face's."""
    chain = [Region(Entity.TEXT, x, 20, x + 12, 26, 0.9) for x in (42, 32)]  # last to first
    alone = Region(Entity.TEXT, 2, 40, 12, 46, 0.9)
    image = rng("image").integers(1, 100, (60, 70, 3), dtype=np.uint8)
    seen = remainder(image, FACE, 30.0, 1.0, [*chain, alone])
    assert (seen[20:26, 34:54] == GREY).all()
    np.testing.assert_array_equal(seen[40:46, 2:12], image[40:46, 2:12])
    # where more is hidden than it sees, it sees nothing
    assert (remainder(image, FACE, 1.2, 1.5) == GREY).all()
    outside = Region(Entity.FACE, 200, 5, 220, 25, 0.9)
    assert remainder(image, outside, 2.0).tolist() == [[[GREY] * 3]]


@pytest.mark.slow
def test_persons_are_found_by_their_surroundings_whatever_hides_the_face() -> None:
    table = attack("mask-100", "pixelate-100", "blur-50")
    found = around(table).set_index(["method", "against"])["rate"]
    assert found["original", "original"] > 5 * CHANCE
    assert set(found) == {found["original", "original"]}
    by_face = worst(table).set_index("method")["rate"]
    assert by_face["mask"] == pytest.approx(CHANCE)  # the remainder has no part in it
    assert around(table)["chance"].to_numpy() == pytest.approx(CHANCE)
    assert (around(table)["low"] > CHANCE).all()


def test_what_a_margin_shows_of_the_face_itself_has_no_part_in_it() -> None:
    """A margin is hidden by pixels that are made of the face's own."""
    variants, hiding = ("pixelate-100", "blur-100", "swirl-100"), Anonymization(margin=1.6)
    table = attack(*variants, hiding=hiding, wears_the_same=False, only_a_face=True)
    assert (worst(table)["rate"] > 5 * CHANCE).all()  # by the face's own pixels
    assert (around(table)["low"] < CHANCE).all() and (around(table)["rate"] < 3 * CHANCE).all()


def test_without_train_images_it_compares_as_the_model_and_without_persons_not() -> None:
    table = attack("mask-100", taught=(), attackers=("supervised", "remainder"))
    assert (around(table)["rate"] > 5 * CHANCE).all() and len(around(table))
    assert table.loc[table["attacker"] == "supervised", "rate"].isna().all()
    table = attack("mask-100", people={})
    assert around(table).empty
    (row,) = table[table["attacker"] == "remainder"].to_dict("records")
    assert row["reason"] == SURROUNDED and row["regions"] == REMAINDER


@pytest.mark.slow
def test_surroundings_that_no_method_changes_are_embedded_once() -> None:
    with_it, without = Pixels(), Pixels()
    for model, attackers in ((with_it, ("remainder",)), (without, ())):
        asked = {"attackers": attackers, "model": model, "hiding": Anonymization(margin=1.6)}
        attack("mask-100", "blur-100", **asked)
    assert with_it.embedded - without.embedded == len(PEOPLE) + len(PUPILS)


@pytest.mark.slow
def test_regions_that_no_attacker_is_shown_say_so(shared: Path) -> None:
    """Of a system that embeds no images, a recognizer of faces is all there is."""
    weights = shared / "weights/face/mobilefacenet.onnx"
    if not weights.is_file():
        pytest.skip("no MobileFaceNet beside the checkout")
    line = Region(Entity.TEXT, 2, 40, 44, 47, 0.9)
    boxes = box_table({name: [FACE, line] for name in PEOPLE | PUPILS}, seed=0)
    clear, train = (Photographs(sorted(each)) for each in (PEOPLE, PUPILS))
    shown = Published(clear, {}, boxes, PEOPLE | PUPILS, train)
    asked = Privacy(attackers=("recognizer", "supervised"), recognizer=weights), USUAL
    table = reidentify(shown, {}, [Entity.FACE], None, *asked, seed=0)
    reasons = table.loc[table["reason"] != "", ["entity", "attacker", "reason"]]
    assert reasons.to_numpy().tolist() == [["text", "", NO_MODEL]]
    assert set(table.loc[table["entity"] == "face", "attacker"]) == {"recognizer", "supervised"}
    # the strongest attack on regions may be the one that nobody made
    assert f"text: {NO_MODEL}" in strongest(rates("drawn", table, 0.95), 0.2, 0.95)["unknown"][0]
