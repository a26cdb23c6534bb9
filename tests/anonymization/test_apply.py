"""Whole images: what is hidden, what stays, which arguments and methods are refused."""

from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pytest

import anonbench
from anonbench.anonymization.apply import layers
from anonbench.anonymization.checked import anonymize, check_method
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import Method as AnyMethod
from anonbench.core.vocabulary import Entity, Method, Variant
from plug_in import add_method

SHAPE = (50, 60)
MASK = Variant("mask", 100)


@pytest.mark.parametrize(
    ("box", "margin", "rows", "columns"),
    [
        ((20, 20, 30, 24), 1.5, (19, 25), (17, 33)),
        ((10, 10, 30, 30), 1.1, (9, 31), (9, 31)),  # 20 + 1.1 * 10 is 31.000000000000004
    ],
)
def test_the_margin_grows_a_region_about_its_centre(
    box: tuple[float, ...], margin: float, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    region = Region(Entity.FACE, *box, 1.0)
    expected = np.full(SHAPE, 255, np.uint8)
    grown = anonymize(expected, [region], MASK, Anonymization(margin=margin))
    expected[slice(*rows), slice(*columns)] = 0
    assert np.array_equal(grown, expected)


@pytest.mark.parametrize("method", list(Method))
def test_tiny_regions_are_hidden(method: Method) -> None:
    """A hidden pixel must not tell its own value: the neighbours have a part in it."""
    sizes, places = [(1, 1), (1, 9), (9, 1), (2, 1)], [(0, 0), (30, 20), (51, 41)]
    for (width, height), (x, y) in product(sizes, places):
        image = np.zeros(SHAPE, np.uint8)
        image[y : y + height, x : x + width] = 255
        region = Region(Entity.FACE, x, y, x + width, y + height, 1.0)
        # `anonymize` itself would take one that ends in the first pixel for shares
        result = layers(image, [region], Variant(method, 100), Anonymization())[-1]
        assert result[y : y + height, x : x + width].max() < 200, region
        result[y : y + height, x : x + width] = 0
        assert not result.any(), region


IMAGE = np.full((60, 80, 3), 200, np.uint8)
NAN = float("nan")


def face(*box: float, quad: Any = None) -> Region:
    return Region(Entity.FACE, *box, 1.0, quad)  # type: ignore[misc]


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.astype(np.float32),
        IMAGE.astype(np.uint16),
        IMAGE.transpose(2, 0, 1),
        np.dstack([IMAGE, IMAGE[..., :1]]),
        IMAGE[:0],
        IMAGE[0, :, 0],
        IMAGE.tolist(),
    ],
)
def test_other_arrays_are_refused(image: Any) -> None:
    with pytest.raises(InputError, match="uint8"):
        anonbench.anonymize(image, [face(10, 10, 40, 40)], MASK)


@pytest.mark.parametrize(
    "region",
    [
        face(90, 10, 120, 40),
        face("10", 10, 40, 40),  # type: ignore[arg-type]
        face(10, 10, 40, 40, quad=["10"] * 8),
        face(10, 10, 40, 40, quad=5),
        Region(Entity.FACE, 10, 10, 40, 40, None),  # type: ignore[arg-type]
        Region(Entity.FACE, 10, 10, 40, 40, 1.0, blocks=[NAN]),  # type: ignore[arg-type]
        (10, 10, 40, 40),
    ],
)
def test_what_is_no_region_is_refused_by_its_number(region: Any) -> None:
    with pytest.raises(InputError, match="regions: number 1 "):
        anonbench.anonymize(IMAGE, [face(10, 10, 40, 40), region], MASK)


@pytest.mark.parametrize(
    "variant", [*(Variant("mask", each) for each in (0, -100, 101, True)), Variant("masc", 100)]
)
def test_no_degree_or_no_method_is_refused(variant: Variant) -> None:
    with pytest.raises(InputError, match="variant: "):
        anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], variant)


def test_other_types_are_refused() -> None:
    with pytest.raises(InputError, match=r"Variant\.parse"):
        anonbench.anonymize(IMAGE, [], "mask-100")  # type: ignore[arg-type]
    wrong: Any = {"margin": 0.1}
    with pytest.raises(InputError, match=r"settings: dict .*anonbench\.config\.Anonymization\("):
        anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], MASK, wrong)
    with pytest.raises(InputError, match="settings: dict is no section"):
        check_method("mask", wrong)
    with pytest.raises(InputError, match="not None"):
        check_method(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [-1, 0, "2"])
def test_no_number_of_workers_is_refused(workers: Any) -> None:
    with pytest.raises(InputError, match="workers: "):
        anonbench.detect("none", workers=workers)
    with pytest.raises(InputError, match="workers: "):
        anonbench.anonymize_files("none", "out", workers=workers)


def test_what_is_right_is_hidden_and_the_original_is_itself() -> None:
    hidden = anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], MASK)
    assert (hidden != IMAGE).all(axis=2).sum() == 900
    assert np.array_equal(anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], Variant()), IMAGE)


def test_what_a_method_leaves_visible_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    add_method(NOTHING, monkeypatch)
    image = np.random.default_rng(0).integers(0, 256, IMAGE.shape, dtype=np.uint8)
    with pytest.raises(InputError, match="fails its audit: a region is unchanged"):
        anonbench.anonymize(image, [face(9, 9, 40, 40)], Variant(NOTHING.name, 100))
    add_method(NO_GREY, monkeypatch)
    with pytest.raises(InputError, match=r"method grey_of_test failed \(IndexError\)"):
        anonbench.anonymize(image[..., 0], [face(9, 9, 40, 40)], Variant(NO_GREY.name, 100))


class Grey(AnyMethod):
    """The mean of the region's window."""

    name: ClassVar = "grey_of_test"

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, 128)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.asarray((written == 128).all(axis=0))


class Mean(Grey):
    """One that shows a region of one pixel, because it does not ask for a larger window."""

    information_left: ClassVar = "coarse"

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, np.rint(pixels.mean(axis=(0, 1))))

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        means = original.mean(axis=(1, 2), keepdims=True)
        return np.asarray((abs(written - means) <= 0.5).all(axis=0))


class Wide(Mean):
    least_side: ClassVar = 2


class Whole(Grey):
    """One whose check looks at the whole window, also at pixels of other regions."""

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.full(written.shape[1:], (written == written[0, 0, 0]).all())

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, pixels.shape[0] + pixels.shape[1])


def hiding(hide: Callable[[np.ndarray], np.ndarray]) -> type[Grey]:
    return type("Hiding", (Grey,), {"hide": lambda self, pixels, entity: hide(pixels)})


def grey_in_place(pixels: np.ndarray) -> np.ndarray:
    pixels[:] = 128
    return pixels


RNG = np.random.default_rng()
RANDOM = hiding(lambda pixels: RNG.integers(0, 255, pixels.shape, dtype=np.uint8))
NO_GREY = hiding(lambda pixels: np.full_like(pixels[:, :, ::-1], 128))
FLOATS = hiding(lambda pixels: np.full(pixels.shape, 128.0))  # which OpenCV would not copy
NARROW = hiding(lambda pixels: np.full_like(pixels[:, 1:], 128))
IN_PLACE = hiding(grey_in_place)
NOTHING = hiding(lambda pixels: pixels)


@pytest.mark.parametrize("name", ["mask", "swirl", "inpaint"])
def test_built_in_methods_pass(name: str) -> None:
    check_method(name)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Grey, None),
        (Whole, "two regions that overlap .*has to judge each pixel as if the other regions did"),
        (RANDOM, "one region .*a second run gives other pixels"),
        (NO_GREY, r"a grey image with one region \(face\): IndexError\("),
        (FLOATS, r"grey_of_test: it returned float64 \[\d+, \d+, 3\] .*return uint8"),
        (NARROW, r"grey_of_test: it returned uint8 \[\d+, \d+, 3\] .*return uint8"),
        (IN_PLACE, None),
        (NOTHING, "a region is unchanged"),
        (Mean, "needs a least_side of 2 or more"),
        (Wide, None),
    ],
)
def test_what_is_wrong_is_said(
    method: type[AnyMethod], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_method(method, monkeypatch)
    if message is None:
        check_method(method.name)
    else:
        with pytest.raises(InputError, match=message):
            check_method(method.name)


def test_a_method_that_writes_in_place_changes_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    add_method(IN_PLACE, monkeypatch)
    image = IMAGE.copy()
    hidden = anonbench.anonymize(image, [face(9, 9, 40, 40)], Variant(IN_PLACE.name, 100))
    assert (image == 200).all() and (hidden == 128).any()


@pytest.mark.parametrize(("method", "message"), [(FLOATS, "float64"), (NOTHING, "unchanged")])
def test_an_evaluation_tries_methods_of_other_packages_before_it_encodes(
    method: type[AnyMethod], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_method(method, monkeypatch)
    asked: list[int] = []
    with pytest.raises(InputError, match=message):
        anonbench.evaluate(lambda images: asked.append(1), [IMAGE] * 9, [method.name], boxes={})
    assert not asked
