"""Regions of several methods that overlap: nothing that one hid is shown again by another."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scenes import table

from anonbench.anonymization import apply
from anonbench.anonymization.apply import anonymize, layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.pixels import group_by_methods
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.methods import BUILT_IN
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table, region_fault
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import METHODS, Method
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import encode
from keyed_settings import asked

SHAPE = (40, 50)
VARIANT = Variant("by_entity", 100)
COVERING = ["mask", "layers"]
"""Nothing is left of a region under `mask`, nor under layers of which one is a mask."""
SEEN = [each.name for each in BUILT_IN if each.information_left not in ("none", "unknown")]
MOVING = ["swirl", "tile_shuffle", "random_crop"]
OVER = [Region(Entity.TEXT, 10, 10, 30, 20, 1.0), Region(Entity.FACE, 5, 5, 45, 35, 1.0)]
NUMBER = st.one_of(st.floats(-8, 55), st.integers(-4, 52).map(float))


@st.composite
def regions(draw: st.DrawFn, entity: Entity) -> Region:
    x, y = draw(st.floats(-5, 40)), draw(st.floats(-5, 30))
    if draw(st.booleans()):
        width, height = draw(st.floats(0.5, 40)), draw(st.integers(1, 35))
        return Region(entity, x, y, x + width, y + height, 1.0)
    corners = np.float32(draw(st.lists(NUMBER, min_size=8, max_size=8))).astype(float)
    low, high = corners.reshape(4, 2).min(axis=0), corners.reshape(4, 2).max(axis=0)
    return Region(entity, *low, *high, 1.0, tuple(corners.tolist()))  # type: ignore[arg-type]


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (*SHAPE, 3), dtype=np.uint8)


def check(image: np.ndarray, found: list[Region], settings: Anonymization) -> None:
    """Audit what `layers` makes of an image."""
    *between, pixels = layers(image, found, VARIANT, settings)
    Auditor(table(found), VARIANT, settings).check("a", image, encode(pixels), pixels, between)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key")


def combined(folder: Path, **methods: str) -> Anonymization:
    return asked(folder, by_entity=methods, layers={"methods": ["swirl", "mask", "blur"]})


@pytest.mark.slow
@given(
    found=st.tuples(regions(Entity.TEXT), regions(Entity.FACE), regions(Entity.FACE)),
    order=st.permutations(range(3)),
    seen=st.sampled_from(SEEN),
    covering=st.sampled_from(COVERING),
)
@examples(max_examples=30, deadline=None)
def test_what_is_under_a_mask_has_no_part_in_the_result(
    folder: Path, found: tuple[Region, ...], order: list[int], seen: str, covering: str
) -> None:
    """Two images that differ only under the text's mask cannot be told apart."""
    settings = combined(folder, face=seen, text=covering)
    drawn = [found[place] for place in order]
    one, other = picture(), picture()
    assume(all(region_fault(each, one.shape[1], one.shape[0]) is None for each in drawn))
    under = anonymize(one, [found[0]], Variant("mask", 100)) == 0
    other[under] = picture(1)[under]
    assert np.array_equal(*(anonymize(image, drawn, VARIANT, settings) for image in (one, other)))
    try:
        check(one, drawn, settings)
    except InputError as error:  # a region that is hidden twice may be as it was: rightly refused
        assume("is not hidden" not in str(error))
        raise


@pytest.mark.parametrize("text", ["mask", "noise"])
@pytest.mark.parametrize("face", MOVING)
def test_draw_order_of_other_methods_does_not_matter(folder: Path, face: str, text: str) -> None:
    settings = combined(folder, face=face, text=text)
    results = [anonymize(picture(), each, VARIANT, settings) for each in (OVER, OVER[::-1])]
    assert np.array_equal(*results)
    assert results[0][10:20, 10:30].any() == (text != "mask"), "a mask stays black"


def original_order(*given: object) -> object:
    return BY_METHODS(*given)[::-1]  # type: ignore[arg-type]


def seen_again(*given: object) -> np.ndarray:
    """Hide over whatever is hidden already."""
    return HIDE(*given[:-1], np.zeros(SHAPE, bool))  # type: ignore[arg-type]


def from_the_original(*given: object) -> np.ndarray:
    """Compute each layer from the image as it was, and change only what was not hidden."""
    image, *rest, done = given
    result = np.array(image)
    made = HIDE(picture(), *rest, np.zeros(SHAPE, bool))  # type: ignore[arg-type]
    changed = (made != picture()) & ~done[..., None]  # type: ignore[index]
    result[changed] = made[changed]
    return result


BY_METHODS, HIDE = apply.group_by_methods, apply.hide_regions


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("group_by_methods", original_order),
        ("hide_regions", seen_again),
        ("hide_regions", from_the_original),
    ],
)
@pytest.mark.parametrize("face", MOVING)
def test_an_order_that_shows_it_again_is_caught(
    folder: Path, monkeypatch: pytest.MonkeyPatch, face: str, name: str, new: object
) -> None:
    settings = combined(folder, face=face, text="mask")
    check(picture(), OVER, settings)
    monkeypatch.setattr(apply, name, new)
    with pytest.raises(InputError, match="fails its audit"):
        check(picture(), OVER, settings)


class Unstated(Method):
    """A method that does not say what it leaves."""

    name: ClassVar = "unstated"

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.asarray((written == 0).all(axis=0))


def test_an_unknown_method_before_a_weak_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit has the same order by itself."""
    known = {**METHODS, "unstated": Unstated}
    monkeypatch.setattr(type(METHODS), "__getitem__", lambda _, name: known[name])
    settings = combined(folder, face="swirl", text="unstated", barcode="blur", mrz="recolour")
    found = [Region(kind, 1, 1, 9, 9, 1.0) for kind in Entity]
    ours = apply.group_by_methods("by_entity", found, settings)
    read = read_regions(box_table({"a": found}, seed=0))["a"]
    audits = group_by_methods("by_entity", read, settings)
    expected = ["mask", "blur", "unstated", "swirl", "recolour"]
    assert [method.name for methods, _ in ours for method in methods] == expected
    assert [step.name for _, steps, _ in audits for step in steps] == expected
