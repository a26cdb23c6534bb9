"""What all layers of a region's methods leave together, judged besides each of their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from scenes import picture, table, window

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import NotHidden
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.pixels import kept
from anonbench.anonymization.audit.visibility import check_visibility
from anonbench.anonymization.strength import sentence, weak_strengths
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import Method
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import encode
from keyed_settings import ADDED, COMBINED, asked

FACE = Region(Entity.FACE, 8.0, 6.0, 60.0, 66.0, 1.0)
NEGATIVE = {"recolour": {"space": "negative"}}


def check(
    name: str, settings: Anonymization, original: np.ndarray, regions: list[Region]
) -> np.ndarray:
    variant = Variant(name, 100)
    *between, pixels = layers(original, regions, variant, settings)
    auditor = Auditor(table(regions), variant, settings)
    auditor.check("a", original, encode(pixels), pixels, between)
    return pixels


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("layers", NEGATIVE | {"layers": {"methods": ["recolour", "recolour"]}}),
        (
            "layers",
            NEGATIVE
            | {"strengths": {"recolour": {"a": {"space": "negative"}}}}
            | {"layers": {"methods": ["recolour", "recolour_a"]}},
        ),
        (
            "by_entity",
            NEGATIVE | {"layers": {"methods": ["recolour"] * 2}, "by_entity": {"face": "layers"}},
        ),
        ("swirl", {"swirl": {"turns": 1e-3}}),
        ("barrel", {"barrel": {"strength": 1e-9}}),
        ("noise", {"noise": {"deviation": 1.0}}),
    ],
)
@pytest.mark.parametrize("colour", [True, False])
def test_a_region_that_is_nearly_as_it_was_is_refused(
    name: str, sections: dict[str, Any], colour: bool, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"is not hidden.*stronger method"):
        check(name, asked(tmp_path, **sections), picture(colour), [FACE])


def test_what_another_method_covers_does_not_count_for_it(tmp_path: Path) -> None:
    """A mask over two thirds of a region leaves the rest of it to be looked at."""
    settings = asked(tmp_path, swirl={"turns": 1e-3}, by_entity={"face": "swirl", "text": "mask"})
    line = Region(Entity.TEXT, 8.0, 6.0, 60.0, 44.0, 1.0)
    with pytest.raises(InputError, match="is not hidden"):
        check("by_entity", settings, picture(), [FACE, line])
    check("by_entity", settings, picture(), [FACE, Region(Entity.TEXT, 0.0, 0.0, 70.0, 70.0, 1.0)])


@pytest.mark.parametrize(
    "sections",
    [
        {"pixelate": {"blocks": {"face": 1e6}}},
        {"blur": {"sigma": {"face": 1e-6}}},
        {"box_blur": {"size": {"face": 1e-6}}},
        {"median": {"size": {"face": 1e-6}}},
        {"dp_pixelate": {"epsilon": 1e9, "blocks": {"face": 1e6}}},
    ],
)
def test_tiny_strength_of_large_region_is_refused(sections: dict[str, Any], tmp_path: Path) -> None:
    (name,), settings = sections, asked(tmp_path, **sections)
    image = cv2.resize(picture(), (600, 480), interpolation=cv2.INTER_CUBIC)
    region = Region(Entity.FACE, 30.0, 30.0, 510.0, 450.0, 1.0)
    with pytest.raises(InputError, match="is not hidden"):
        check(name, settings, image, [region])
    left = weak_strengths(name, Entity, settings)
    assert left.keys() == {"face"} and left["face"] > 0.8
    assert "weak" in sentence(name, left) and "of a face's" in sentence(name, left)
    assert weak_strengths(name, ["text"], settings) == {}


def test_default_strengths_are_not_weak(tmp_path: Path) -> None:
    settings = asked(tmp_path)
    assert [each for each in settings.names if weak_strengths(each, Entity, settings)] == []


@pytest.mark.parametrize(("blocks", "is_weak"), [(16, False), (24, True)])
def test_fine_blocks_are_weak(blocks: int, is_weak: bool) -> None:
    settings = Anonymization.model_validate({"pixelate": {"blocks": {"face": blocks}}})
    assert ("face" in weak_strengths("pixelate", Entity, settings)) is is_weak


@pytest.mark.parametrize("name", [*ADDED, *COMBINED, "pixelate", "blur", "mask"])
@pytest.mark.parametrize("kind", ["white", "black", "waves"])
def test_default_strengths_pass(name: str, kind: str, tmp_path: Path) -> None:
    """Also where nothing can change: paper under a blur, a black picture under a mask."""
    y, x = np.mgrid[:80, :100]
    waves = 128 + 100 * np.cos(y / 20) * np.sin(x / 15)
    image = {
        "white": np.full((80, 100, 3), 255, np.uint8),
        "black": np.zeros((80, 100, 3), np.uint8),
        "waves": waves[..., None].repeat(3, axis=2).astype(np.uint8),
    }[kind]
    slanted = Region(Entity.TEXT, 60, 40, 96, 78, 1.0, (66, 40, 96, 60, 90, 78, 60, 58))
    check(name, asked(tmp_path), image, [FACE, slanted, Region(Entity.MRZ, 70, 5, 74, 9, 1.0)])


class Lazy(Method):
    """Another package's method, which says of everything that it is hidden."""

    name: ClassVar = "lazy"
    information_left: ClassVar = "coarse"

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.ones(written.shape[1:], bool)


class Empty(Lazy):
    information_left: ClassVar = "none"


class Weak(Lazy):
    information_left: ClassVar = "most"


def hidden_by(written: np.ndarray, method: type[Method] = Lazy) -> bool:
    original = planes()
    try:
        return bool(kept(method(), window(original, written)).all())
    except NotHidden:
        return False


def planes() -> np.ndarray:
    return np.ascontiguousarray(picture()[:70, :60].transpose(2, 0, 1))


def only(was: np.ndarray, where: Any) -> np.ndarray:
    """Return black with a part of a region, [c, h, w]."""
    new = np.zeros_like(was)
    new[where] = was[where]
    return new


@pytest.mark.parametrize(
    "fault",
    [
        np.copy,
        lambda was: np.where(np.indices(was.shape).any(axis=0), was, was ^ 1),  # one bit
        lambda was: only(was, np.s_[:, -1]),
        lambda was: only(was, np.s_[:, :, 3]),
        lambda was: only(was, 0)[[1, 2, 0]],  # a channel in another's place
        lambda was: np.minimum(was, 254) + 1,
        lambda was: was // 2 + 60,
        lambda was: 255 - was,
        lambda was: was[:, :, ::-1].copy(),
        lambda was: was[:, ::-1, ::-1].copy(),
    ],
)
def test_what_is_still_there_is_refused_whatever_its_method_says(fault: Any) -> None:
    assert not hidden_by(fault(planes()))


def test_one_colour_shows_nothing() -> None:
    assert hidden_by(np.zeros_like(planes())) and hidden_by(np.zeros_like(planes()), Empty)
    flat = np.full_like(planes(), 7)
    assert kept(Lazy(), window(flat, flat)).all()


def test_a_method_that_claims_to_leave_nothing_is_held_to_it() -> None:
    was = planes()
    slight = np.stack([cv2.GaussianBlur(plane, (0, 0), 0.7) for plane in was])
    assert hidden_by(slight) and not hidden_by(slight, Empty)
    coarse = np.stack([cv2.GaussianBlur(plane, (0, 0), 8) for plane in was])
    assert hidden_by(coarse, Empty)
    assert hidden_by(255 - was, Weak), "it says so"


@pytest.mark.parametrize("width", [80, 79])
def test_the_region_on_its_side_is_found(width: int) -> None:
    """Also if it is not quite square."""
    was = np.ascontiguousarray(picture()[:, :width].transpose(2, 0, 1))
    turned = np.stack([cv2.resize(plane.T, (width, 80)) for plane in was])
    with pytest.raises(NotHidden, match=r"correlates.*take a stronger method"):
        kept(Lazy(), window(was, turned))


def test_only_the_regions_own_pixels_count() -> None:
    was = planes()
    own = np.zeros(was.shape[1:], bool)
    own[:35] = True
    new = was.copy()
    new[:, :35] = 0
    check_visibility(was, new, own, "face", is_weak=False)
    with pytest.raises(NotHidden):
        check_visibility(was, new, ~own, "face", is_weak=False)
    few = was[:, :9, :9]
    for is_weak in (True, False):  # too little detail tells nothing
        check_visibility(few, few, np.ones((9, 9), bool), "face", is_weak)
