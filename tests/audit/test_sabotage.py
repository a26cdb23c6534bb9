"""The audit against everything that could go wrong: all of it is caught, in each format."""

from __future__ import annotations

import numpy as np
import pytest
import sabotage_files
from sabotage_pixels import SABOTAGES
from scenes import COUNT, REGIONS, Format, audit, picture, scene, table

from anonbench.anonymizers import apply
from anonbench.audit import check
from anonbench.audit.check import Auditor
from anonbench.boxes import Region
from anonbench.config import Anonymization
from anonbench.errors import InputError
from anonbench.images import encode
from anonbench.vocabulary import Entity, Method, Variant

METHODS = list(Method)
FORMATS: list[tuple[Format, bool]] = [
    ("png", True), ("png", False), ("jpeg", True), ("jpeg", False)
]  # fmt: skip
NAMES = ["png", "png-grey", "jpeg", "jpeg-grey"]
QUALITIES = (50, 75, 95, 100)
FAILS = "fails its audit"


def test_there_are_many_ways_to_fail() -> None:
    files = sabotage_files.PNG.keys() | sabotage_files.JPEG.keys()
    assert len(SABOTAGES) >= 40
    assert len(files) >= 20


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("form", "colour"), FORMATS, ids=NAMES)
def test_what_is_hidden_as_asked_passes(method: Method, form: Format, colour: bool) -> None:
    made = scene(method, form, colour)
    counts = audit(made, made.code(made.honest), made.honest)
    assert counts["images"] == 1
    assert counts["regions"] == COUNT
    assert counts["failed"] == counts["without_regions"] == counts["outside_image"] == 0
    assert counts["hidden_pixels"] == np.count_nonzero(scene(Method.MASK, form, False).honest == 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("form", "colour"), FORMATS, ids=NAMES)
@pytest.mark.parametrize("name", SABOTAGES)
def test_wrong_pixels_are_caught(name: str, method: Method, form: Format, colour: bool) -> None:
    if not colour and name.startswith("one_channel"):
        pytest.skip("a grey image has one channel")
    made = scene(method, form, colour)
    wrong = SABOTAGES[name](made)
    assert not np.array_equal(wrong, made.honest)
    data = made.code(wrong)
    # the writer may know of the fault or not: it may name the pixels that it coded, or others
    for named in (wrong, made.honest, None):
        with pytest.raises(InputError, match=FAILS):
            audit(made, data, named)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("name", ["one_pixel_left", "first_column_left", "shines_through"])
@pytest.mark.parametrize("method", METHODS)
def test_no_quality_hides_a_fault(method: Method, name: str, quality: int) -> None:
    made = scene(method, "jpeg", True, quality)
    audit(made, made.code(made.honest), made.honest)
    wrong = SABOTAGES[name](made)
    with pytest.raises(InputError, match=FAILS):
        audit(made, made.code(wrong), wrong)


FILES = [("png", name) for name in sabotage_files.PNG]
FILES += [("jpeg", name) for name in sabotage_files.JPEG]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
@pytest.mark.parametrize(("form", "name"), FILES)
def test_wrong_files_are_caught(form: Format, name: str, method: Method, colour: bool) -> None:
    made = scene(method, form, colour)
    known = sabotage_files.PNG if form == "png" else sabotage_files.JPEG
    data = known[name](made)
    assert data != made.code(made.honest)
    with pytest.raises(InputError, match=FAILS):
        audit(made, data, made.honest)


def test_the_plain_png_of_the_suite_is_a_good_one() -> None:
    """So what is added to it is what is caught."""
    made = scene(Method.MASK)
    audit(made, sabotage_files.plain(made))


@pytest.mark.parametrize("ranks", [[0, 1, 2, 3, 4, 5, 6, 6], [1, 2, 3, 4, 5, 6, 7, 8]])
def test_a_draw_order_that_is_none_is_caught(ranks: list[int]) -> None:
    made = scene(Method.MASK)
    auditor = Auditor(table(REGIONS).assign(order=ranks), made.variant, made.settings)
    with pytest.raises(InputError, match="not a permutation"):
        auditor.check("a", made.original, made.code(made.honest))


def test_a_corner_that_is_no_number_is_caught() -> None:
    made = scene(Method.MASK)
    boxes = table(REGIONS)
    boxes.loc[0, "x1"] = np.inf
    with pytest.raises(InputError, match="not a number"):
        Auditor(boxes, made.variant, made.settings).check(
            "a", made.original, made.code(made.honest)
        )


def test_regions_of_another_image_are_not_taken() -> None:
    made = scene(Method.MASK)
    auditor = Auditor(table(REGIONS, "b"), made.variant, made.settings)
    with pytest.raises(InputError, match=FAILS):
        auditor.check("a", made.original, made.code(made.honest))
    auditor.check("a", made.original, made.code(made.original))
    assert auditor.counts["without_regions"] == 1


def test_the_original_variant_is_the_original() -> None:
    made = scene(Method.MASK)
    auditor = Auditor(table(REGIONS), Variant(), made.settings)
    auditor.check("a", made.original, made.code(made.original))
    with pytest.raises(InputError, match=FAILS):
        auditor.check("a", made.original, made.code(made.honest))


def test_an_image_of_one_pixel_is_masked_or_refused() -> None:
    image = np.full((1, 1), 200, np.uint8)
    whole = [Region(Entity.FACE, 0.0, 0.0, 1.0, 1.0, 1.0)]
    for method in METHODS:
        variant, settings = Variant(method, 100), Anonymization()
        data = encode(apply.anonymize(image, whole, variant, settings))
        auditor = Auditor(table(whole), variant, settings)
        if method is Method.MASK:
            auditor.check("a", image, data)
        else:
            with pytest.raises(InputError, match="one pixel"):
                auditor.check("a", image, data)


def test_a_region_outside_its_image_is_counted() -> None:
    image = picture()
    outside = [Region(Entity.FACE, 200.0, 10.0, 220.0, 30.0, 1.0)]
    auditor = Auditor(table(outside), Variant(Method.BLUR, 100), Anonymization())
    auditor.check("a", image, encode(image))
    counts = auditor.counts
    assert (counts["regions"], counts["outside_image"], counts["without_regions"]) == (1, 1, 1)


def test_a_method_without_a_promise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene(Method.BLUR)
    monkeypatch.delitem(check.PROMISES, Method.BLUR)
    with pytest.raises(InputError, match="promise"):
        audit(made, made.code(made.honest))


def test_every_method_has_a_promise() -> None:
    assert set(check.PROMISES) == set(Method)
