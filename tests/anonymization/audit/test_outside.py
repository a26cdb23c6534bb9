"""Pictures made of anonymized ones are the same outside of the hidden regions."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.check import check_outside
from anonbench.anonymization.audit.regions import read_regions
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import encode

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
BOX = Region(Entity.FACE, 5.0, 4.0, 15.0, 12.0, 1.0)
SLANTED = Region(Entity.TEXT, 18, 2, 28, 12, 1.0, (18, 7, 23, 2, 28, 7, 23, 12))


def differs(
    row: int,
    column: int,
    regions: list[Region],
    degree: int = 100,
    before: np.ndarray = PICTURE,
    **settings: object,
) -> bool:
    """Return whether a change of one pixel is found."""
    read = read_regions(box_table({"a": regions}, 0)).get("a", [])
    made = np.repeat(before[..., None], 3, axis=2) if before.ndim == 2 else before.copy()
    made[row, column, 1] ^= 1
    checked = Anonymization.model_validate(settings)
    try:
        check_outside(before, made, (encode(before), encode(made)), read, degree, checked)
    except Failure as failure:
        assert "1 pixels outside of its hidden regions differ" in str(failure)
        return True
    return False


@pytest.mark.parametrize(("row", "column"), [(3, 5), (12, 5), (4, 4), (4, 15)])
def test_each_pixel_beside_a_region_is_looked_at(row: int, column: int) -> None:
    assert differs(row, column, [BOX])
    assert not differs(row, column, [BOX], margin=1.5)
    assert not differs(row, column, [BOX], shape={"face": "image"})


@pytest.mark.parametrize(("row", "column"), [(4, 5), (11, 14)])
def test_within_a_region_anything_may_be(row: int, column: int) -> None:
    assert not differs(row, column, [BOX])
    assert differs(row, column, [])
    assert differs(row, column, [BOX], shape={"face": "ellipse"})


def test_corners_of_the_box_around_a_slanted_region_stay() -> None:
    assert not differs(7, 23, [SLANTED])
    assert differs(2, 18, [SLANTED])


def test_regions_that_the_degree_leaves_in_sight_stay() -> None:
    assert sum(differs(*place, [BOX, SLANTED], 50) for place in ((7, 9), (7, 23))) == 1


def test_grey_pictures_may_become_colours() -> None:
    grey = PICTURE[..., 0].copy()
    assert differs(0, 0, [BOX], before=grey)
    assert not differs(6, 6, [BOX], before=grey)


def test_a_picture_of_another_size_or_with_more_in_it_is_refused() -> None:
    changed = PICTURE.copy()
    changed[0, 0, 0] ^= 1
    same = encode(PICTURE)
    for after, files in (
        (PICTURE[1:], (same, encode(PICTURE[1:]))),
        (PICTURE[..., 0], (same, encode(PICTURE[..., 0].copy()))),
        (PICTURE, (same, same + b"more")),
        (PICTURE, (same, encode(changed))),
        (PICTURE, (encode(changed), same)),
    ):
        with pytest.raises(Failure):
            check_outside(PICTURE, after, files, [], 100, Anonymization())
