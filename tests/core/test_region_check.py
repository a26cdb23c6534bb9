"""Regions that would hide nothing: each is called by its fault, and none else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import Region, region_fault
from anonbench.core.vocabulary import Entity

WIDTH, HEIGHT = 80, 60
NAN, INFINITE = float("nan"), float("inf")


def face(*box: float, quad: Any = None, score: float = 1.0, entity: Any = Entity.FACE) -> Region:
    return Region(entity, *box, score, quad)


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (face(1, 1, INFINITE, 9), "not finite"),
        (face(3, 3, 9, 9, score=NAN), "not finite"),
        (face(3, 3, 9, 9, quad=(3, 3, NAN, 3, 9, 9, 3, 9)), "not finite"),
        (face(3, 3, 3, 9), "no size"),
        (face(50.0, 3, 50.0 + 1e-9, 9), "no size"),  # in float32, as box tables have it
        (face(0.1, 0.2, 0.6, 0.9), "shares"),
        (face(-0.02, 0.1, 1.04, 0.9), "shares"),
        (face(0, 0, 1, 1), "shares"),  # of the whole image
        (face(80, 3, 99, 9), "outside"),
        (face(3, -9, 9, 0), "outside"),
        (face(0, 0, 9, 9, quad=(-20, 10, 10, -20, 11, -19, -19, 11)), "outside"),
        (face(3, 3, 40, 40, quad=(3, 3, 9, 3, 9, 9, 3, 9)), "beyond its four corners"),
        (face(3, 3, 9, 9, quad=(3, 3, 5, 5, 7, 7, 9, 9)), "one line"),
        (face(3, 3, 9, 9, quad=(3, 3, 9, 9)), "four corners"),
        (face(3, 3, 9, 9, entity="tattoo"), "none of face"),
    ],
)
def test_faults(region: Region, said: str) -> None:
    assert said in str(region_fault(region, WIDTH, HEIGHT))


@pytest.mark.parametrize(
    "region",
    [
        face(3, 3, 9, 9),
        face(-50, -50, 2, 2),
        face(3, 3, 3.2, 3.2),
        face(0, 3, 0.2, 9),
        face(70, 50, 1e6, 1e6),
        face(3, 3, 9, 9, quad=(3, 6, 6, 3, 9, 6, 6, 9)),
        face(3, 3, 9, 9, quad=(3, 3, 3.05, 3, 9, 9, 8.95, 9)),  # thin, and no line
        face(3, 3, 9, 9, quad=(9, 9, 3, 3, 9, 3, 3, 9)),  # in a crossed order: its hull is hidden
        face(3, 3, 9, 9, entity="face"),
        *(
            face(x - 9, y - 9, x + 9, y + 9, quad=(x - 9, y, x, y - 9, x + 9, y, x, y + 9))
            for x, y in ((-4, -4.5), (84, -4.5), (84, 64.5), (-4, 64.5))  # half a pixel is inside
        ),
    ],
)
def test_what_is_fine(region: Region) -> None:
    assert region_fault(region, WIDTH, HEIGHT) is None
    assert region_fault(face(0, 0, 1, 1), 1, 1) is None, "an image of one pixel, as a whole"


numbers = st.floats(-100, 100, width=32)


@given(
    st.lists(numbers, min_size=4, max_size=4), st.none() | st.lists(numbers, min_size=8, max_size=8)
)
def test_what_is_fine_has_pixels_in_the_image(box: list[float], quad: list[float] | None) -> None:
    region = face(*box, quad=quad and tuple(quad))
    if region_fault(region, WIDTH, HEIGHT) is None:
        area = cover(region, (HEIGHT, WIDTH))
        assert area is not None and area.inside.any()
