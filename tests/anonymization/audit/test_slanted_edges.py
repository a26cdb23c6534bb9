"""Pixels at the very edge of a slanted region: as the method makes them, or as they were."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import picture, table, window

from anonbench.anonymization.apply import anonymize
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.pixels import kept
from anonbench.anonymization.audit.regions import area_of, read_regions
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import Method
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import encode
from keyed_settings import asked

CORNERS = (40.0, 10.0, 70.0, 40.0, 40.0, 70.0, 10.0, 40.0)
DIAMOND = Region(Entity.TEXT, 10.0, 10.0, 70.0, 70.0, 1.0, CORNERS)
"""Its sides run through corners of pixels, which it touches there and nowhere else."""
BEFORE = Region(Entity.TEXT, 5.0, 5.0, 75.0, 75.0, 1.0)
INSIDE = [Region(Entity.TEXT, 9.0 + n, 40.0 - n, 71.0 - n, 40.0 + n, 1.0) for n in range(1, 31)]
"""Boxes that cover all of the diamond but what its sides touch."""
NAMES = ["mask", "blur", "swirl", "tile_shuffle", "pixelate", "dp_pixelate", "inpaint", "replace"]
"""Methods that judge pixels one by one, by blocks, with their surroundings, and as one picture."""
ALIKE = ("mask", "inpaint")
"""They make the same of a pixel whichever of two regions it belongs to."""
REFUSED = "neither hidden nor unchanged|as the method requires|narrower|steeper"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Anonymization:
    return asked(tmp_path_factory.mktemp("key"))


def edge_of(region: Region) -> np.ndarray:
    """Return int [N, 2], rows and columns of the pixels that may be hidden or not."""
    area = area_of(read_regions(table([region]))["a"][0], (80, 100), 1.0, 1)
    assert area is not None
    assert area.window == (slice(10, 70), slice(10, 70))
    covered = np.zeros((80, 100), bool)
    for box in INSIDE:
        covered[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    assert np.array_equal(covered[area.window], area.required)
    return np.argwhere(area.may & ~area.required) + 10


def check(
    pixels: np.ndarray, original: np.ndarray, found: list[Region], name: str, asked: Anonymization
) -> None:
    auditor = Auditor(table(found), Variant(name, 100), asked)
    auditor.check("a", original, encode(pixels), pixels)


def foreign(honest: np.ndarray, original: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
    """Return an image with one pixel that is neither hidden nor as it was."""
    wrong = honest.copy()
    far = np.arange(0, 256, 5)[:, None]
    off = [np.abs(far - np.int64(image[place]).reshape(1, -1)) for image in (honest, original)]
    wrong[place] = far[np.minimum(*off).min(axis=1).argmax(), 0]
    return wrong


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
@pytest.mark.parametrize("name", NAMES)
def test_edge_pixel_hidden_or_unchanged(settings: Anonymization, name: str, colour: bool) -> None:
    original, regions = picture(colour), [DIAMOND]
    honest = anonymize(original, regions, Variant(name, 100), settings)
    places = edge_of(DIAMOND)
    assert len(places) > 100
    check(honest, original, regions, name, settings)
    half = honest.copy()
    for y, x in places[::2]:
        half[y, x] = original[y, x]
    assert not np.array_equal(half, honest)
    check(half, original, regions, name, settings)
    for place in places[::40].tolist():
        wrong = foreign(honest, original, tuple(place))
        with pytest.raises(InputError, match="neither hidden nor unchanged"):
            check(wrong, original, regions, name, settings)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "replace"])
def test_over_another_region_one_of_both_hides_it(settings: Anonymization, name: str) -> None:
    original, regions = picture(), [BEFORE, DIAMOND]
    honest = anonymize(original, regions, Variant(name, 100), settings)
    below = anonymize(original, regions[:1], Variant(name, 100), settings)
    check(honest, original, regions, name, settings)
    places = edge_of(DIAMOND)
    for y, x in places[::2]:
        honest[y, x] = below[y, x]
    check(honest, original, regions, name, settings)
    for place in places[::40].tolist():
        bare = honest.copy()
        bare[tuple(place)] = original[tuple(place)]
        moved = int(np.abs(bare[tuple(place)].astype(int) - honest[tuple(place)]).max() > 3)
        # where a shuffled pixel stays in its place, what it was is what it has to be
        for wrong in (*[bare] * moved, foreign(honest, original, tuple(place))):
            with pytest.raises(InputError, match=REFUSED):
                check(wrong, original, regions, name, settings)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "inpaint"])
def test_edge_is_looked_at_where_others_cover_the_rest(settings: Anonymization, name: str) -> None:
    original, regions = picture(), [DIAMOND, *INSIDE]
    honest = anonymize(original, regions, Variant(name, 100), settings)
    check(honest, original, regions, name, settings)
    places = edge_of(DIAMOND)[::40].tolist()
    wrong = honest
    for place in places:
        wrong = foreign(wrong, original, tuple(place))
    with pytest.raises(InputError, match=REFUSED):
        check(wrong, original, regions, name, settings)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALIKE])
def test_a_region_explains_no_pixel_out_of_its_reach(settings: Anonymization, name: str) -> None:
    refused = 0
    for end in (100, 96):  # of the two, one at least is drawn so that it moves the corner
        middle = (40 + end) / 2
        quad = (middle, 10, end, 40, middle, 70, 40, 40)
        beside = Region(Entity.TEXT, 40.0, 10.0, float(end), 70.0, 1.0, quad)
        original, regions = picture(), [DIAMOND, beside]
        honest = anonymize(original, regions, Variant(name, 100), settings)
        box = Region(Entity.TEXT, 40.0, 10.0, float(end), 70.0, 1.0)
        as_beside = anonymize(original, [box], Variant(name, 100), settings)
        for y, x in edge_of(DIAMOND)[::3]:
            it = as_beside[y, x].astype(int)
            is_far = x >= 40 and x + y < 76
            if is_far and min(np.abs(it - i[y, x]).max() for i in (honest, original)) > 3:
                wrong = honest.copy()
                wrong[y, x] = as_beside[y, x]
                with pytest.raises(InputError, match="neither hidden nor unchanged"):
                    check(wrong, original, regions, name, settings)
                refused += 1
    assert refused


class Black(Method):
    """Another package's mask."""

    name = "black"

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.asarray((written == 0).all(axis=0))


def test_another_package_is_asked_of_an_edge_alone() -> None:
    original = np.ascontiguousarray(picture().transpose(2, 0, 1))
    written, nothing = np.zeros_like(original), np.zeros(original.shape[1:], bool)
    written[:, 3, 4] = 5
    given = window(original, written, "text", nothing)
    assert np.argwhere(~kept(Black(), given)).tolist() == [[3, 4]]
