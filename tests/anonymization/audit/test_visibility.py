"""What layers and overlapping regions leave together, judged besides each step."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scenes import any_region, check, picture, window

from anonbench.anonymization import apply
from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure, NotHidden
from anonbench.anonymization.audit.pixels import group_by_methods, kept
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.audit.visibility import check_visibility
from anonbench.anonymization.checked import anonymize
from anonbench.anonymization.methods import BUILT_IN
from anonbench.anonymization.strength import sentence, weak_strengths
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table, region_fault
from anonbench.core.registries.methods import Method
from anonbench.core.vocabulary import Entity, Variant
from keyed_settings import ADDED, COMBINED, asked
from plug_in import add_method

FACE = Region(Entity.FACE, 8.0, 6.0, 60.0, 66.0, 1.0)
NEGATIVE = {"recolour": {"space": "negative"}}


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
    with pytest.raises(Failure, match=r"is not hidden.*stronger method"):
        check(picture(colour), [FACE], name, asked(tmp_path, **sections))


def test_what_another_method_covers_does_not_count_for_it(tmp_path: Path) -> None:
    """A mask over two thirds of a region leaves the rest of it to be looked at."""
    settings = asked(tmp_path, swirl={"turns": 1e-3}, by_entity={"face": "swirl", "text": "mask"})
    line = Region(Entity.TEXT, 8.0, 6.0, 60.0, 44.0, 1.0)
    with pytest.raises(Failure, match="is not hidden"):
        check(picture(), [FACE, line], "by_entity", settings)
    larger = Region(Entity.TEXT, 0.0, 0.0, 70.0, 70.0, 1.0)
    check(picture(), [FACE, larger], "by_entity", settings)


def test_too_little_detail_tells_nothing(tmp_path: Path) -> None:
    few = Region(Entity.FACE, 8.0, 6.0, 17.0, 15.0, 1.0)
    check(picture(), [few], "swirl", asked(tmp_path, swirl={"turns": 1e-3}))


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
    with pytest.raises(Failure, match="is not hidden"):
        check(image, [region], name, settings)
    left = weak_strengths(name, Entity, settings)
    assert left.keys() == {"face"} and left["face"] > 0.8
    assert "weak" in sentence(name, left) and "of a face's" in sentence(name, left)
    assert weak_strengths(name, ["text"], settings) == {}


def test_default_strengths_are_not_weak(settings: Anonymization) -> None:
    assert [each for each in settings.names if weak_strengths(each, Entity, settings)] == []
    for blocks, is_weak in ((16, False), (24, True)):
        fine = Anonymization.model_validate({"pixelate": {"blocks": {"face": blocks}}})
        assert ("face" in weak_strengths("pixelate", Entity, fine)) is is_weak


@pytest.mark.parametrize("name", [*ADDED, *COMBINED, "pixelate", "blur", "mask"])
@pytest.mark.parametrize("kind", ["white", "black", "waves"])
def test_default_strengths_pass(settings: Anonymization, name: str, kind: str) -> None:
    """Also where nothing can change: paper under a blur, a black picture under a mask."""
    y, x = np.mgrid[:80, :100]
    waves = 128 + 100 * np.cos(y / 20) * np.sin(x / 15)
    image = {
        "white": np.full((80, 100, 3), 255, np.uint8),
        "black": np.zeros((80, 100, 3), np.uint8),
        "waves": waves[..., None].repeat(3, axis=2).astype(np.uint8),
    }[kind]
    slanted = Region(Entity.TEXT, 60, 40, 96, 78, 1.0, (66, 40, 96, 60, 90, 78, 60, 58))
    check(image, [FACE, slanted, Region(Entity.MRZ, 70, 5, 74, 9, 1.0)], name, settings)


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


def hidden_by(
    written: np.ndarray, method: type[Method] = Lazy, original: np.ndarray | None = None
) -> bool:
    original = planes() if original is None else original
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
        lambda was: was // 16 + 120,
        lambda was: 255 - was,
        lambda was: was[:, :, ::-1].copy(),
        lambda was: was[:, ::-1, ::-1].copy(),
    ],
)
def test_what_is_still_there_is_refused_whatever_its_method_says(fault: Any) -> None:
    assert not hidden_by(fault(planes()))


@pytest.mark.parametrize("method", [Lazy, Weak])
def test_a_region_of_few_pixels_is_not_left_as_it_was(method: type[Method]) -> None:
    """It has too little detail for the other searches."""
    small = planes()[:, :9, :9]
    assert not hidden_by(small, method, small)
    assert hidden_by(small ^ 1, method, small)


def test_an_unchanged_row_is_seen_where_a_region_ends_before_it() -> None:
    was, own = planes(), np.ones((70, 60), bool)
    own[:, 0] = False
    with pytest.raises(NotHidden, match="a row or a column of a region is unchanged"):
        kept(Lazy(), window(was, only(was, np.s_[:, 30]), own=own))


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


def test_a_weak_method_is_judged_by_all_channels_together() -> None:
    was = planes()
    new = was.copy()
    new[:2, :, :25] = 255 - was[:2, :, :25]  # of the third nothing
    check_visibility(was, new, np.ones(was.shape[1:], bool), "face", is_weak=True)
    with pytest.raises(NotHidden):
        check_visibility(was, was, np.ones(was.shape[1:], bool), "face", is_weak=True)


@pytest.mark.parametrize("width", [80, 79])
def test_the_region_on_its_side_is_found(width: int) -> None:
    """Also if it is not quite square."""
    was = np.ascontiguousarray(picture()[:, :width].transpose(2, 0, 1))
    turned = np.stack([cv2.resize(plane.T, (width, 80)) for plane in was])
    with pytest.raises(NotHidden, match=r"correlates.*take a stronger method"):
        kept(Lazy(), window(was, turned))


SHAPE = (40, 50)
VARIANT = Variant("by_entity", 100)
COVERING = ["mask", "layers"]
"""Nothing is left of a region under `mask`, nor under layers of which one is a mask."""
SEEN = [each.name for each in BUILT_IN if each.information_left not in ("none", "unknown")]
MOVING = ["swirl", "tile_shuffle", "random_crop"]
OVER = [Region(Entity.TEXT, 10, 10, 30, 20, 1.0), Region(Entity.FACE, 5, 5, 45, 35, 1.0)]


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (*SHAPE, 3), dtype=np.uint8)


def combined(key_folder: Path, **methods: str) -> Anonymization:
    return asked(key_folder, by_entity=methods, layers={"methods": ["swirl", "mask", "blur"]})


@pytest.mark.slow
@given(
    found=st.tuples(*[any_region(side=50)] * 3),
    order=st.permutations(range(3)),
    seen=st.sampled_from(SEEN),
    covering=st.sampled_from(COVERING),
)
@examples(max_examples=30, deadline=None)
def test_what_is_under_a_mask_has_no_part_in_the_result(
    key_folder: Path, found: tuple[Region, ...], order: list[int], seen: str, covering: str
) -> None:
    """Two images that differ only under the text's mask cannot be told apart."""
    settings = combined(key_folder, face=seen, text=covering)
    entities = Entity.TEXT, Entity.FACE, Entity.FACE
    found = [replace(each, entity=entity) for each, entity in zip(found, entities, strict=True)]
    drawn = [found[place] for place in order]
    one, other = noise(), noise()
    assume(all(region_fault(each, one.shape[1], one.shape[0]) is None for each in drawn))
    under = anonymize(one, [found[0]], Variant("mask", 100)) == 0
    other[under] = noise(1)[under]
    results = [layers(image, drawn, VARIANT, settings)[-1] for image in (one, other)]
    assert np.array_equal(*results)
    try:
        check(one, drawn, "by_entity", settings)
    except Failure as error:  # a region that is hidden twice may be as it was: rightly refused
        assume("is not hidden" not in str(error))
        raise


@pytest.mark.parametrize("text", ["mask", "noise"])
@pytest.mark.parametrize("face", MOVING)
def test_draw_order_of_other_methods_does_not_matter(
    key_folder: Path, face: str, text: str
) -> None:
    settings = combined(key_folder, face=face, text=text)
    results = [anonymize(noise(), each, VARIANT, settings) for each in (OVER, OVER[::-1])]
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
    made = HIDE(noise(), *rest, np.zeros(SHAPE, bool))  # type: ignore[arg-type]
    changed = (made != noise()) & ~done[..., None]  # type: ignore[index]
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
    key_folder: Path, monkeypatch: pytest.MonkeyPatch, face: str, name: str, new: object
) -> None:
    settings = combined(key_folder, face=face, text="mask")
    check(noise(), OVER, "by_entity", settings)
    monkeypatch.setattr(apply, name, new)
    with pytest.raises(Failure):
        check(noise(), OVER, "by_entity", settings)


class Black(Empty):
    name: ClassVar = "black"

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.asarray((written == 0).all(axis=0))


def test_another_package_is_asked_of_an_edge_alone() -> None:
    written, nothing = np.zeros_like(planes()), np.zeros((70, 60), bool)
    written[:, 3, 4] = 5
    given = window(planes(), written, "text", nothing)
    assert np.argwhere(~kept(Black(), given)).tolist() == [[3, 4]]


APART = [Region(Entity.TEXT, 5, 5, 20, 35, 1.0), Region(Entity.FACE, 25, 5, 45, 35, 1.0)]


@pytest.mark.parametrize("wrong", [np.s_[5:35, 5:20], np.s_[37:, :]], ids=["region", "outside"])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_region_in_sight_excuses_no_other_fault(
    wrong: tuple[slice, ...], turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regions that are in sight are masked, and reported less loudly."""
    add_method(Black, monkeypatch)
    original, settings = noise(), Anonymization()
    pixels = original.copy()
    pixels[5:35, 5:20] = 0
    with pytest.raises(NotHidden):
        check(original, APART[::turn], "black", settings, pixels)
    pixels[wrong] = 99
    with pytest.raises(Failure) as caught:
        check(original, APART[::turn], "black", settings, pixels)
    assert not isinstance(caught.value, NotHidden)


class Unstated(Lazy):
    name: ClassVar = "unstated"
    information_left: ClassVar = Method.information_left


def test_an_unknown_method_before_a_weak_one(
    key_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit has the same order by itself."""
    add_method(Unstated, monkeypatch)
    kinds = {"text": "unstated", "barcode": "blur", "mrz": "recolour", "ink": "layers"}
    settings = combined(key_folder, face="swirl", **kinds)
    found = [Region(kind, 1, 1, 9, 9, 1.0) for kind in Entity]
    ours = apply.group_by_methods("by_entity", found, settings)
    read = read_regions(box_table({"a": found}, seed=0))["a"]
    audits = group_by_methods("by_entity", read, settings)
    # layers are as strong as the strongest of them
    expected = ["swirl", "mask", "blur", "blur", "unstated", "swirl", "recolour"]
    assert [method.name for methods, _ in ours for method in methods] == expected
    assert [name for _, names in audits for name in names] == expected


def test_strengths_beyond_a_method_are_not_weak() -> None:
    kernel = {"text": 1e9}
    strong = Anonymization.model_validate({"box_blur": {"size": kernel}})
    assert weak_strengths("box_blur", ["text"], strong) == {}
