"""What is hidden as asked passes, whatever the image and its regions: an alarm stops a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import picture, table

from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, region_fault
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.datasets.images import encode, read_image

CORNER = st.one_of(st.floats(-20, 120), st.integers(-10, 110).map(float))
SIZE = st.one_of(st.floats(0.1, 90), st.integers(1, 60).map(float), st.just(1.0))


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    x, y, width, height = draw(CORNER), draw(CORNER), draw(SIZE), draw(SIZE)
    return Region(draw(st.sampled_from(Entity)), x, y, x + width, y + height, 1.0)


@st.composite
def quads(draw: st.DrawFn) -> Region:
    """Any four corners: slanted rectangles, crossed ones, triangles, all but lines."""
    corners = np.array(draw(st.lists(CORNER, min_size=8, max_size=8)), np.float32).astype(float)
    xs, ys = corners[::2], corners[1::2]
    quad = tuple(corners.tolist())
    box = (xs.min(), ys.min(), xs.max(), ys.max())
    return Region(draw(st.sampled_from(Entity)), *map(float, box), 1.0, quad)  # type: ignore[arg-type]


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


def check(
    image: np.ndarray, regions: list[Region], variant: Variant, asked: Anonymization
) -> dict[str, int]:
    pixels = anonymize(image, regions, variant, asked)
    auditor = Auditor(table(regions), variant, asked)
    auditor.check("a", image, encode(pixels, asked.format), pixels)
    return auditor.counts


@given(
    images(),
    st.lists(st.one_of(boxes(), quads()), max_size=6),
    st.sampled_from(Method),
    st.integers(1, 100),
    st.sampled_from([1.0, 1.1, 1.3]),
    st.sampled_from(["png", "jpeg"]),
)
@settings(max_examples=150)
def test_honest_images_pass(
    image: np.ndarray,
    regions: list[Region],
    method: Method,
    degree: int,
    margin: float,
    written: str,
) -> None:
    height, width = image.shape[:2]
    regions = [each for each in regions if region_fault(each, width, height) is None]
    asked = Anonymization.model_validate({"margin": margin, "format": written})
    assert check(image, regions, Variant(method, degree), asked)["images"] == 1


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
        for method, form in zip(Method, ("png", "png", "jpeg"), strict=True):
            asked = Anonymization.model_validate({"format": form})
            check(image, regions, Variant(method, 60), asked)


@pytest.mark.parametrize("count", [127, 128, 300])
def test_as_many_regions_as_there_are_have_numbers_of_their_own(count: int) -> None:
    """Also where their numbers fill a byte."""
    image = picture()
    height, width = image.shape[:2]
    places = [(x, y) for y in range(0, height - 4, 4) for x in range(0, width - 4, 4)][:count]
    assert len(places) == count
    found = [Region(Entity.TEXT, x, y, x + 4, y + 4, 1.0) for x, y in places]
    counts = check(image, found, Variant("pixelate", 100), Anonymization())
    assert counts["regions"] == count and counts["hidden_pixels"] == 16 * count
