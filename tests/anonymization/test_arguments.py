"""What is refused: wrong arguments of `anonbench.anonymize`, and methods that fail their trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

import anonbench
from anonbench.anonymization.check_method import check_method
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import METHODS, Method
from anonbench.core.vocabulary import Entity, Variant

IMAGE = np.full((60, 80, 3), 200, np.uint8)
MASK = Variant.parse("mask-100")
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
        face(NAN, 10, 40, 40),
        face(10, 10, 40, 40, quad=(10, 10, NAN, 40, 40, 40, 40, 10)),
        face(90, 10, 120, 40),
    ],
)
def test_what_is_no_region_is_refused_by_its_number(region: Region) -> None:
    with pytest.raises(InputError, match="regions: number 1 "):
        anonbench.anonymize(IMAGE, [face(10, 10, 40, 40), region], MASK)


@pytest.mark.parametrize(
    "variant", [*(Variant("mask", each) for each in (0, -100, 101, True)), Variant("masc", 100)]
)
def test_no_degree_or_no_method_is_refused(variant: Variant) -> None:
    with pytest.raises(InputError, match="variant: "):
        anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], variant)


def test_a_text_is_no_variant() -> None:
    with pytest.raises(InputError, match=r"Variant\.parse"):
        anonbench.anonymize(IMAGE, [], "mask-100")  # type: ignore[arg-type]


def test_a_dict_is_no_section_of_the_config() -> None:
    wrong: Any = {"margin": 0.1}
    with pytest.raises(InputError, match=r"settings: dict .*anonbench\.config\.Anonymization\("):
        anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], MASK, wrong)
    with pytest.raises(InputError, match="settings: dict is no section"):
        check_method("mask", wrong)


def test_what_is_right_is_hidden_and_the_original_is_itself() -> None:
    hidden = anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], MASK)
    assert (hidden != IMAGE).all(axis=2).sum() == 900
    assert np.array_equal(anonbench.anonymize(IMAGE, [face(10, 10, 40, 40)], Variant()), IMAGE)


class Grey(Method):
    """The mean of the region's window."""

    name: ClassVar = "grey_of_test"

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, 128)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.asarray((written == 128).all(axis=0))


class Whole(Grey):
    """One whose check looks at the whole window, also at pixels of other regions."""

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.full(written.shape[1:], (written == written[0, 0, 0]).all())

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, pixels.shape[0] + pixels.shape[1])


class Random(Grey):
    """One whose pixels are others each time."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.random.default_rng().integers(0, 255, pixels.shape, dtype=np.uint8)


class Broken(Grey):
    """One that cannot take grey images."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels[:, :, ::-1], 128)


class Floats(Grey):
    """One that returns floats, which OpenCV would not copy."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full(pixels.shape, 128.0)


class Narrow(Grey):
    """One that returns fewer columns."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels[:, 1:], 128)


class InPlace(Grey):
    """One that writes into the pixels that it is given."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        pixels[:] = 128
        return pixels


class Nothing(Grey):
    """One that hides nothing."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return pixels


def install(method: type[Method], monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a method, as an installed package does."""
    kind, known = type(METHODS), {**METHODS, method.name: method}
    get, names = kind.__getitem__, kind.__iter__

    def found(self: Any, name: str) -> Any:
        return known[name] if self is METHODS else get(self, name)

    def named(self: Any) -> Iterator[str]:
        return iter(known) if self is METHODS else names(self)

    monkeypatch.setattr(kind, "__getitem__", found)
    monkeypatch.setattr(kind, "__iter__", named)


@pytest.mark.parametrize("name", ["mask", "swirl", "inpaint"])
def test_built_in_methods_pass(name: str) -> None:
    check_method(name)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Grey, None),
        (Whole, "two regions that overlap .*has to judge each pixel as if the other regions did"),
        (Random, "one region .*a second run gives other pixels"),
        (Broken, "a grey image with one region .*IndexError"),
        (Floats, r"grey_of_test: it returned float64 \[\d+, \d+, 3\] .*return uint8"),
        (Narrow, r"grey_of_test: it returned uint8 \[\d+, \d+, 3\] .*return uint8"),
        (InPlace, None),
        (Nothing, "a region is unchanged"),
    ],
)
def test_what_is_wrong_is_said(
    method: type[Method], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(method, monkeypatch)
    if message is None:
        check_method(method.name)
    else:
        with pytest.raises(InputError, match=message):
            check_method(method.name)


def test_a_method_that_writes_in_place_changes_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    install(InPlace, monkeypatch)
    image = IMAGE.copy()
    hidden = anonbench.anonymize(image, [face(9, 9, 40, 40)], Variant(InPlace.name, 100))
    assert (image == 200).all() and (hidden == 128).any()


@pytest.mark.parametrize(("method", "message"), [(Floats, "float64"), (Nothing, "unchanged")])
def test_an_evaluation_tries_methods_of_other_packages_before_it_encodes(
    method: type[Method], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(method, monkeypatch)
    asked: list[int] = []
    with pytest.raises(InputError, match=message):
        anonbench.evaluate(lambda images: asked.append(1), [IMAGE] * 9, [method.name], boxes={})
    assert not asked
