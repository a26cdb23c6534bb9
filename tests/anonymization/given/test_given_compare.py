"""Comparison of another program's pictures with originals, on changes that are known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from anonbench.anonymization.audit.regions import Region
from anonbench.anonymization.given.gather import ORIGINAL, Compared, State, compare
from anonbench.core.libraries.opencv import cv2

BOX = (40, 30, 104, 94)
"""x0, y0, x1, y1 of the region that detection found."""


def scene(seed: int = 0, colour: bool = True) -> np.ndarray:
    """Return a textured picture, uint8 [128, 160, 3] or [128, 160]."""
    rng = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(rng.normal(size=(128, 160, 3)).astype(np.float32), (0, 0), 1.5)
    picture = np.clip(128 + 90 * rough / rough.std(), 0, 255).astype(np.uint8)
    return picture if colour else picture[..., 0]


def region(x0: float, y0: float, x1: float, y1: float, rank: int = 0) -> Region:
    return Region("face", rank, np.array([[x0, y0], [x0, y1], [x1, y1], [x1, y0]], float), False)


def masked(picture: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    changed = picture.copy()
    changed[y0:y1, x0:x1] = 0
    return changed


def saved(picture: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, **({"format": "PNG"} | options))  # type: ignore[arg-type]
    return buffer.getvalue()


def judged(
    original: np.ndarray, picture: np.ndarray, *more: Region, **options: object
) -> list[Compared]:
    data = saved(picture, **options)
    read = np.asarray(Image.open(io.BytesIO(data)))
    return compare(original, read, data, [region(*BOX), *more])


@pytest.mark.parametrize("colour", [True, False])
def test_a_copy_is_the_original(colour: bool) -> None:
    found = judged(scene(colour=colour), scene(colour=colour))
    assert (found[0].state, found[0].changed) == (ORIGINAL, 0)
    assert [(each.state, each.changed) for each in found[1:]] == [(State.VISIBLE, 0.0)]


@settings(max_examples=6, deadline=None)
@given(
    quality=st.integers(30, 95),
    sampling=st.sampled_from([0, 2]),
    seed=st.integers(0, 99),
    colour=st.booleans(),
)
def test_coding_alone_changes_nothing(quality: int, sampling: int, seed: int, colour: bool) -> None:
    original = scene(seed, colour)
    found = judged(original, original, format="JPEG", quality=quality, subsampling=sampling)
    assert found[1].state == State.VISIBLE
    assert found[0].changed < 0.001
    assert found[0].state == ORIGINAL or quality < 60


@pytest.mark.parametrize("options", [{}, {"format": "JPEG", "quality": 60}, {"format": "WEBP"}])
def test_a_hidden_region_is_told_from_a_half_hidden_one(options: dict[str, object]) -> None:
    original = scene()
    x0, y0, x1, y1 = BOX
    whole = judged(original, masked(original, *BOX), **options)
    half = judged(original, masked(original, x0, y0, (x0 + x1) // 2, y1), **options)
    assert whole[1].state == State.HIDDEN
    assert whole[1].changed > 0.97
    assert half[1].state == State.PARTLY
    assert half[1].changed == pytest.approx(0.5, abs=0.15)
    assert whole[0].state != ORIGINAL
    assert half[0].state != ORIGINAL
    assert whole[0].changed < 0.08  # the difference's window, and blocks of eight pixels


def test_a_blurred_region_is_hidden_and_a_blurred_picture_not_taken_for_noise() -> None:
    original, (x0, y0, x1, y1) = scene(), BOX
    blurred = original.copy()
    blurred[y0:y1, x0:x1] = cv2.GaussianBlur(original[y0:y1, x0:x1], (0, 0), 3.0)
    assert judged(original, blurred, format="JPEG", quality=75)[1].state == State.HIDDEN
    found = judged(original, cv2.GaussianBlur(original, (0, 0), 6.0))
    assert found[1].state == State.HIDDEN
    assert found[0].changed > 0.9


def test_detail_counts_and_its_flat_surroundings_do_not() -> None:
    """A blur leaves a flat part as it was, and that says nothing of the rest."""
    original, (x0, y0, x1, y1) = np.full((128, 160, 3), 200, np.uint8), BOX
    original[y0 + 16 : y1 - 16, x0 + 16 : x1 - 16] = scene()[:32, :32]
    hidden = masked(original, x0 + 12, y0 + 12, x1 - 12, y1 - 12)
    assert judged(original, hidden)[1].changed > 0.97
    elsewhere = masked(original, x0, y0, x0 + 8, y1)
    assert judged(original, elsewhere)[1].state == State.VISIBLE
    flat = np.full((128, 160, 3), 200, np.uint8)  # without detail, pixels count
    assert judged(flat, flat)[1].state == State.VISIBLE
    assert judged(flat, masked(flat, *BOX))[1].state == State.HIDDEN


def test_what_is_changed_outside_is_measured_apart() -> None:
    original = scene()
    strip = masked(original, 0, 112, 160, 128)
    found = judged(original, strip)
    free = 128 * 160 - 64 * 64
    assert found[0].changed == pytest.approx(160 * 16 / free, rel=0.15)
    assert found[1].state == State.VISIBLE
    assert found[0].state != ORIGINAL


def test_regions_have_their_own_verdict_and_those_outside_none() -> None:
    original = scene()
    other, beyond = region(120, 100, 150, 120, rank=1), region(200, 10, 220, 30, rank=2)
    found = judged(original, masked(original, *BOX), other, beyond)
    states = [(each.rank, each.state) for each in found[1:]]
    assert states == [(0, State.HIDDEN), (1, State.VISIBLE)]
    all_of_it = judged(original, original, region(0, 0, 160, 128, rank=1))
    assert np.isnan(all_of_it[0].changed)
