"""Planes of an image: a colour is searched where it shows what grey hides."""

import numpy as np
import pytest

from anonbench.detection import planes

RED, GREEN = (200, 60, 60), (40, 142, 60)  # of the same grey


def test_pale_print_is_spread_to_black_and_noise_is_not() -> None:
    plane = np.full((99, 99), 200, np.uint8)
    for depth, expected in ((40, 0), (20, 0), (4, 128)):
        plane[40:50, 40:50], plane[45, 45] = 200 - depth, 200 - depth // 2
        (spread,) = planes.pale(plane)
        assert spread[42, 42] == pytest.approx(expected, abs=1)
        assert spread[45, 45] == pytest.approx((255 + expected) / 2, abs=1)


def coloured(*places: tuple[int, int]) -> np.ndarray:
    """Red stripes on a green image, uint8 [1200, 1600, 3], in squares of 8 pixels at places."""
    image = np.full((1200, 1600, 3), GREEN, np.uint8)
    for y, x in places:
        image[y : y + 8, x : x + 8 : 4] = image[y : y + 8, x + 1 : x + 8 : 4] = RED
    return image


def test_a_colour_is_searched_around_the_squares_that_it_shows() -> None:
    code = [(y, x) for y in range(600, 640, 8) for x in range(720, 800, 8)]
    (grey, whole), (colour, (rows, columns)) = planes.planes(coloured(*code))
    assert np.ptp(grey) <= 2 and grey[whole].shape == (1200, 1600)
    assert np.ptp(colour) > 100 and colour.shape == (1200, 1600)
    assert (rows, columns) == np.s_[200:1040, 320:1200]


def test_squares_that_lie_apart_are_no_reason_to_search_a_colour() -> None:
    apart = [(y, x) for y in range(0, 1200, 80) for x in range(0, 1600, 80)]
    assert len(list(planes.planes(coloured(*apart)))) == 1


def test_a_code_of_which_a_colour_shows_only_an_end_is_searched_whole() -> None:
    image = coloured(*[(y, x) for y in range(600, 640, 8) for x in range(720, 760, 8)])
    image[600:640, 760:1060:4] = image[600:640, 761:1060:4] = 0  # seen in grey, too
    _, (_, (_, columns)) = planes.planes(image)
    assert columns.start <= 720 and columns.stop >= 1060
