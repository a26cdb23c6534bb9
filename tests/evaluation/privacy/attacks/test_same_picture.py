"""Copies of the right and of the wrong image, told apart by what no region covers."""

from collections.abc import Callable

import numpy as np
import pytest

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import decode, encode
from anonbench.evaluation.privacy.attacks.files import other_pictures

HEIGHT, WIDTH = 160, 200
BOX = (60, 50, 130, 110)


class Given(dict[str, np.ndarray]):
    def read(self, image_id: str) -> np.ndarray:
        return self[image_id]


def photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))


ORIGINALS = Given({f"{number}": photo(number) for number in range(8)})
SHIFTED = Given({name: ORIGINALS[f"{(int(name) + 1) % 8}"] for name in ORIGINALS})
FACE = Region(Entity.FACE, *map(float, BOX), 1.0)
REGIONS = {name: [FACE] for name in ORIGINALS}


def hidden(image: np.ndarray, more: int = 0) -> np.ndarray:
    x0, y0, x1, y1 = BOX
    copy = image.copy()
    copy[max(0, y0 - more) : y1 + more, max(0, x0 - more) : x1 + more] = 0
    return copy


def blurred(image: np.ndarray) -> np.ndarray:
    copy = image.copy()
    part = copy[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    part[:] = cv2.GaussianBlur(part, (0, 0), 12)
    return copy


@pytest.mark.parametrize(
    "change",
    [
        hidden,
        blurred,
        lambda image: hidden(image, more=40),
        lambda image: decode(encode(hidden(image), "jpeg")),
        lambda image: hidden(image) // 2,
        lambda image: cv2.cvtColor(hidden(image), cv2.COLOR_RGB2GRAY),
        lambda image: cv2.GaussianBlur(image, (0, 0), 6),
    ],
    ids=["mask", "blur", "more is hidden", "jpeg", "dark", "grey", "blurred all over"],
)
def test_copies_of_the_right_image_are_known(change: Callable[[np.ndarray], np.ndarray]) -> None:
    copies = Given({name: change(image) for name, image in ORIGINALS.items()})
    assert other_pictures(ORIGINALS, copies, REGIONS) == []
    wrong = Given({name: change(image) for name, image in SHIFTED.items()})
    assert len(other_pictures(ORIGINALS, wrong, REGIONS)) > len(ORIGINALS) / 2


def test_nothing_is_said_where_regions_leave_nothing_or_of_an_image_that_is_there_twice() -> None:
    everywhere = [Region(Entity.FACE, 2.0, 2.0, WIDTH - 2.0, HEIGHT - 2.0, 1.0)]
    masked = Given({name: np.zeros_like(image) for name, image in ORIGINALS.items()})
    for regions in (REGIONS, dict.fromkeys(ORIGINALS, everywhere)):
        assert other_pictures(ORIGINALS, masked, regions) == []
    pixelated = Given({name: cv2.blur(image, (99, 99)) for name, image in SHIFTED.items()})
    assert other_pictures(ORIGINALS, pixelated, dict.fromkeys(ORIGINALS, everywhere)) == []
    # but what is not hidden at all is seen to be another original
    assert other_pictures(ORIGINALS, SHIFTED, dict.fromkeys(ORIGINALS, everywhere)) == sorted(
        ORIGINALS
    )
    assert other_pictures(ORIGINALS, ORIGINALS, {}) == []
    # it has two right copies
    twice = Given(ORIGINALS | {"1": ORIGINALS["0"]})
    swapped = Given(twice | {"0": twice["1"], "1": twice["0"]})
    assert other_pictures(twice, swapped, REGIONS) == []
