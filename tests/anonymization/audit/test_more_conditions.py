"""Honest images pass by every method, whatever their regions, and no others do."""

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scenes import REGIONS, Scene, any_region, check, picture, show, table, window

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure, NotHidden
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.pixels import LEAST_SIDES, kept
from anonbench.anonymization.methods import BUILT_IN
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, region_fault
from anonbench.core.registries.methods import Method
from anonbench.core.vocabulary import Entity, Variant
from anonbench.core.vocabulary import Method as Papers
from anonbench.datasets.images import read_image
from keyed_settings import ADDED, asked

Make = Callable[..., Scene]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("noise", {"deviation": 78.0}),
        ("dp_pixelate", {"epsilon": 1.1}),
        ("dp_pixelate", {"pixels": 15}),
        ("box_blur", {"size": {"face": 0.3, "text": 1.0}}),
        ("median", {"size": {"face": 0.3, "text": 1.0}}),
        ("swirl", {"turns": 0.9}),
        ("barrel", {"strength": 2.9}),
        ("random_crop", {"share": 0.5}),
        ("recolour", {"space": "ycrcb"}),
        ("tile_shuffle", {"tiles": {"face": 2}}),
        ("patch_shuffle", {"patches": {"face": 9}}),
        ("mask", {"colour": "mean"}),
        ("layers", {"methods": ("pixelate", "blur")}),
        ("by_entity", {"text": "mask"}),
    ],
)
def test_other_strengths_and_methods_are_caught(
    scene: Make, name: str, other: dict[str, Any]
) -> None:
    made = scene(name)
    values = made.settings.model_dump()
    changed = Anonymization.model_validate(values | {name: values[name] | other})
    *between, pixels = layers(made.original, REGIONS, made.variant, changed)
    with pytest.raises(Failure):
        made.audit(pixels, between=between)


def test_images_between_layers_need_not_be_trusted(scene: Make) -> None:
    made = scene("layers")
    first, second, last = (*made.between, made.honest)
    other = first.copy()
    other[20, 20] ^= 1
    wrong: list[tuple[np.ndarray, list[np.ndarray]]] = [
        (last, []),
        (last, [first]),
        (last, [second, first]),
        (last, [other, second]),
        (last, [first, last]),
        (second, [first, second]),
        (other, [first, second, last]),
        (made.original, [made.original, made.original]),
        (last, [first, second[:, :-1]]),
    ]
    for pixels, between in wrong:
        with pytest.raises(Failure):
            made.audit(pixels, between=between)


def test_only_built_in_methods_are_not_judged_as_another_packages() -> None:
    assert {kind.name for kind in BUILT_IN if kind.steps is Method.steps} >= LEAST_SIDES.keys()


ASKED = Anonymization()


def test_a_block_of_two_values_is_refused_although_both_are_its_mean_rounded() -> None:
    pixels = np.indices((48, 48)).sum(axis=0).astype(np.uint8) % 2 + 100  # means of 100.5
    for edge in (1, 2, 47):
        written = np.full((48, 48), 100, np.uint8)
        assert kept(ASKED.pixelate, window(pixels, written)).all()
        written[:, edge:] = 101
        for each in (written, written.T):
            shown = kept(ASKED.pixelate, window(pixels, each))
            assert np.count_nonzero(~shown) == 6 * 48


ROOM = {"blur": 0.02, "pixelate": 0.02, "box_blur": 0.001, "dp_pixelate": 0.02}
"""Share of the values that may be rounded either way; none under all other methods."""


@pytest.mark.parametrize(
    ("name", "section"),
    [
        *((name, {}) for name in (*ROOM, "median", "equalize", "recolour", "mask")),
        ("recolour", {"space": "ycrcb"}),
        ("mask", {"colour": (0, 12, 4)}),  # whose luma is half-way
        ("mask", {"colour": (255, 255, 255)}),
    ],
)
@pytest.mark.parametrize("colour", [True, False])
def test_rounding_holds_no_message(
    tmp_path: Path, name: str, section: dict[str, Any], colour: bool
) -> None:
    """A picture in a blurred face, a bit in each pixel: which way its value was rounded."""
    method = asked(tmp_path, **({name: section} if section else {})).method(name)
    original = cv2.resize(picture(colour), (120, 100), interpolation=cv2.INTER_CUBIC)
    planes = [np.stack(cv2.split(each)) for each in (original, method.hide(original, "face"))]
    assert kept(method, window(*planes)).all()
    room = 0
    for by, channel in product((-1, 1), range(len(planes[1]))):
        other = planes[1].astype(np.int16)
        other[channel] += by
        written = np.clip(other, 0, 255).astype(np.uint8)
        differs = (written != planes[1]).any(axis=0)
        room += int((kept(method, window(planes[0], written)) & differs).sum())
    assert room <= ROOM.get(name, 0) * planes[1].size


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    height, width = draw(st.integers(1, 100)), draw(st.integers(2, 100))
    shape = (height, width, 3) if draw(st.booleans()) else (height, width)
    drawn = np.random.default_rng(draw(st.integers(0, 99)))
    match draw(st.sampled_from(["noise", "page", "flat", "shades"])):
        case "noise":
            return drawn.integers(0, 256, shape, dtype=np.uint8)
        case "page":
            return np.where(drawn.random(shape) < 0.1, 0, 255).astype(np.uint8)
        case "flat":
            return np.full(shape, drawn.integers(256), np.uint8)
    ramp = np.linspace(0, 255, width)[None, :] * np.linspace(0.2, 1, height)[:, None]
    return np.broadcast_to(ramp if len(shape) == 2 else ramp[..., None], shape).astype(np.uint8)


@given(
    images(),
    st.lists(any_region(), max_size=6),
    st.sampled_from([*Papers, *ADDED]),
    st.integers(1, 100),
    st.sampled_from([1.0, 1.1, 1.3]),
    st.sampled_from(["png", "jpeg"]),
)
@examples(max_examples=300)
def test_honest_images_pass(
    settings: Anonymization,
    image: np.ndarray,
    regions: list[Region],
    method: str,
    degree: int,
    margin: float,
    written: str,
) -> None:
    height, width = image.shape[:2]
    regions = [each for each in regions if region_fault(each, width, height) is None]
    image.flags.writeable = False
    asked = settings.model_copy(update={"margin": margin, "format": written})
    variant = Variant(method, degree)
    auditor = Auditor(table(regions), variant, asked)
    *between, pixels = layers(image, regions, variant, asked)
    with suppress(*[NotHidden] * (method in ADDED)):  # some leave a part of it, and say so
        show(auditor, "a", (variant, asked), image, pixels, between)
        assert auditor.counts["images"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["celeba", "celeba_wild", "rvl_cdip", "sroie", "id", "barcode"])
def test_real_images_pass(folder: str, shared: Path) -> None:
    files = [
        p for p in (shared / "data" / folder).rglob("*") if p.suffix in (".jpg", ".png", ".tif")
    ]
    drawn = np.random.default_rng(0)
    for path in sorted(files)[:: max(1, len(files) // 5)]:
        image = read_image(path)[:900, :900]
        height, width = image.shape[:2]
        places = drawn.uniform(0, 0.8, (6, 4)) * (width, height, width / 2, height / 4)
        regions = [
            Region(entity, x, y, x + w + 0.5, y + h + 0.5, 1.0)
            for (x, y, w, h), entity in zip(places.tolist(), list(Entity) * 2, strict=False)
        ]
        for method, form in zip(Papers, ("png", "png", "jpeg"), strict=True):
            asked = Anonymization.model_validate({"format": form})
            check(image, regions, method, asked, degree=60)


@pytest.mark.parametrize("count", [127, 128, 300])
def test_as_many_regions_as_there_are_have_numbers_of_their_own(count: int) -> None:
    """Also where their numbers fill a byte."""
    image = picture()
    height, width = image.shape[:2]
    places = [(x, y) for y in range(0, height - 4, 4) for x in range(0, width - 4, 4)][:count]
    assert len(places) == count
    found = [Region(Entity.TEXT, x, y, x + 4, y + 4, 1.0) for x, y in places]
    counts = check(image, found, "pixelate", Anonymization())
    assert counts["regions"] == count and counts["hidden_pixels"] == 16 * count
