"""Faults that an author of a method or of a set makes easily, and that change little."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from sabotage_pixels import Sabotage, put
from scenes import Scene, check, picture, show, table

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.regions import Source
from anonbench.anonymization.checked import naming
from anonbench.anonymization.replacement.appearance import text_lines
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, with_blocks
from anonbench.core.errors import InputError
from anonbench.core.fakes import TextKind
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.images import read_image
from image_files import coded, turned
from keyed_settings import asked

FACE = Region(Entity.FACE, 10.0, 8.0, 58.0, 56.0, 1.0)
LINE = Region(Entity.TEXT, 4.0, 60.0, 94.0, 76.0, 1.0)
SLANTED = Region(
    Entity.TEXT, 62.0, 6.0, 96.0, 40.0, 1.0, (62.0, 20.0, 82.0, 6.0, 96.0, 26.0, 76.0, 40.0)
)
REGIONS = [FACE, LINE, SLANTED]
WHERE, IN_LINE = np.s_[8:56, 10:58], np.s_[60:76, 4:94]
MASK = Variant("mask", 100)


def face(made: Scene) -> np.ndarray:
    return np.ascontiguousarray(made.original[WHERE])


def added(made: Scene, noise: np.ndarray) -> np.ndarray:
    noisy = np.clip(made.original.astype(int) + noise, 0, 255).astype(np.uint8)
    return np.where(made.honest == made.original, made.original, noisy)


def smoothed_edge_of_a_slanted_region(made: Scene) -> np.ndarray:
    """Its outline drawn softly, as libraries for drawing do: the original shines through."""
    hidden = (made.honest != made.original).any(axis=2).astype(np.float32)
    share = np.minimum(cv2.blur(hidden, (3, 3)), hidden)[..., None]
    soft = share * made.honest + (1 - share) * made.original
    return put(made, np.s_[:58, 62:], soft[:58, 62:])


def noise_of_the_image_before(made: Scene) -> np.ndarray:
    """Numbers that do not follow from the pixels: two images with one noise, and it is gone."""
    other = picture(seed=5)
    return added(made, made.hide(method="noise", original=other).astype(int) - other)


def filled_in_from_one_column_of_the_region(made: Scene) -> np.ndarray:
    rest = [Region(Entity.FACE, 11.0, 8.0, 58.0, 56.0, 1.0), *REGIONS[1:]]
    wrong = layers(made.original, rest, Variant("inpaint", 100), made.settings)[-1]
    wrong[8:56, 10] = made.honest[8:56, 10]
    return wrong


def filled_in_by_another_rule(made: Scene) -> np.ndarray:
    flags = np.zeros(made.original.shape[:2], np.uint8)
    for region in REGIONS:
        flags[int(region.y0) : int(region.y1), int(region.x0) : int(region.x1)] = 255
    filled = cv2.inpaint(made.original, flags, 3, cv2.INPAINT_NS)
    return np.where((made.honest != made.original).any(axis=2)[..., None], filled, made.original)


def tiles(face: np.ndarray, side: int) -> np.ndarray:
    """Return the face in tiles [rows, columns, side, side, 3]."""
    count = 48 // side
    return face.reshape(count, side, count, side, 3).swapaxes(1, 2)


def enlarged(values: np.ndarray, side: int) -> np.ndarray:
    return values.repeat(side, axis=0).repeat(side, axis=1)


def tiles_moved_once(made: Scene) -> np.ndarray:
    """The second pass left out: tiles of the first grid are whole, and their order is a puzzle."""
    order = np.random.default_rng(1).permutation(64)
    mixed = tiles(face(made), 6).reshape(64, 6, 6, 3)[order].reshape(8, 8, 6, 6, 3)
    return mixed.swapaxes(1, 2).reshape(48, 48, 3)


def one_order_for_all_patches(made: Scene) -> np.ndarray:
    """Patches of which one is known tell the others."""
    order = np.random.default_rng(0).permutation(144)
    mixed = tiles(face(made), 12).reshape(4, 4, 144, 3)[:, :, order].reshape(4, 4, 12, 12, 3)
    return mixed.swapaxes(1, 2).reshape(48, 48, 3)


def text_whose_ink_tells_a_number(made: Scene) -> np.ndarray:
    """Fake letters as they should be, but a level darker in some: bits that follow from pixels."""
    ink = text_lines(TextKind.WORDS, 1, (16, 90)) == 255
    ink[:, :45] = False
    return put(made, IN_LINE, made.honest[IN_LINE] ^ ink[..., None])


def a_face_turned_the_other_way(made: Scene) -> np.ndarray:
    """The formula's sign: the same detail is left, and a reader who turns it back finds it."""
    image = made.original.copy()
    image[WHERE] = face(made)[:, ::-1]
    return made.hide(original=image)[WHERE][:, ::-1]


def blocks_of_whole_pixels(made: Scene) -> np.ndarray:
    """Blocks of seven pixels from the left, and what is left over as narrow ones."""
    starts = np.arange(0, 48, 7)
    sizes = np.diff([*starts, 48])
    sums = np.add.reduceat(np.add.reduceat(face(made).astype(float), starts), starts, axis=1)
    means = np.rint(sums / np.outer(sizes, sizes)[..., None])
    return means.repeat(sizes, axis=0).repeat(sizes, axis=1)


def blurred_to_three_sigma(made: Scene) -> np.ndarray:
    """A Gaussian that is cut off, whose waves a deconvolution can use."""
    sigma = Anonymization().blur.sigma.face * 48
    side = 2 * round(3 * sigma) + 1
    return cv2.GaussianBlur(face(made), (side, side), sigma, borderType=cv2.BORDER_REFLECT)


def equalized_by_brightness(made: Scene) -> np.ndarray:
    parts = [*cv2.split(cv2.cvtColor(face(made), cv2.COLOR_RGB2YCrCb))]
    parts[0] = cv2.equalizeHist(parts[0])
    return cv2.cvtColor(cv2.merge(parts), cv2.COLOR_YCrCb2RGB)


def an_ellipse_by_the_centres_of_pixels(made: Scene) -> np.ndarray:
    y, x = (np.mgrid[:48, :48] + 0.5 - 24) / 24
    return np.where((y**2 + x**2 < 1)[..., None], 0, face(made))


def boxed(made: Scene, side: int, border: int) -> np.ndarray:
    return cv2.blur(face(made), (side, side), borderType=border)


CHANGES: list[tuple[str, str, Sabotage]] = [
    ("mask", "smoothed edge of a slanted region", smoothed_edge_of_a_slanted_region),
    ("mean", "the image's, which tells how the rest differs", lambda made: made.original.mean()),
    ("mean", "of each half", lambda made: enlarged(tiles(face(made), 24).mean((2, 3)).round(), 24)),
    ("ellipse", "the box around", lambda made: 0),
    ("ellipse", "by the centres of pixels", an_ellipse_by_the_centres_of_pixels),
    ("margin", "none", lambda made: made.hide(margin=1.0)),
    ("image", "all but the last row", lambda made: put(made, np.s_[-1], made.original[-1])),
    (
        *("blur", "the edge mixed with the pixels beside it instead of its mirror"),
        lambda made: cv2.GaussianBlur(made.original, (0, 0), 0.12 * 48)[WHERE],
    ),
    ("blur", "to three sigma", blurred_to_three_sigma),
    (
        *("pixelate", "half a block rounded the other way"),
        lambda made: put(made, np.s_[8:56, 10:13], made.honest[8:56, 10:13] ^ 1),
    ),
    ("pixelate", "least values", lambda made: enlarged(tiles(face(made), 6).min((2, 3)), 6)),
    ("pixelate", "a pixel of each block", lambda made: enlarged(face(made)[3::6, 3::6], 6)),
    (
        *("pixelate", "blocks' means, enlarged smoothly"),
        lambda made: cv2.resize(
            cv2.resize(face(made), (8, 8), None, 0, 0, cv2.INTER_AREA), (48, 48)
        ),
    ),
    ("pixelate", "blocks of whole pixels", blocks_of_whole_pixels),
    ("box_blur", "black around", lambda made: boxed(made, 21, cv2.BORDER_CONSTANT)),
    ("box_blur", "one pixel narrower", lambda made: boxed(made, 19, cv2.BORDER_REFLECT)),
    ("median", "of brightness", lambda made: np.sort(face(made), axis=2)[..., [1, 1, 1]]),
    (
        *("noise", "one for all channels"),
        lambda made: added(made, (made.honest.astype(int) - made.original)[..., :1]),
    ),
    ("noise", "of the image before", noise_of_the_image_before),
    (
        *("dp_pixelate", "noise left out of one block"),
        lambda made: put(
            *(made, np.s_[8:20, 10:22]), made.original[8:20, 10:22].mean(axis=(0, 1)).round()
        ),
    ),
    (
        *("random_crop", "the middle instead of a random part"),
        lambda made: enlarged(face(made)[14:33, 14:33], 3)[4:52, 4:52],
    ),
    ("inpaint", "from one column of the region", filled_in_from_one_column_of_the_region),
    ("inpaint", "by another rule", filled_in_by_another_rule),
    ("tile_shuffle", "tiles moved once", tiles_moved_once),
    ("patch_shuffle", "one order for all patches", one_order_for_all_patches),
    ("swirl", "smooth", lambda made: cv2.blur(made.honest[WHERE], (2, 2))),
    ("swirl", "the other way", a_face_turned_the_other_way),
    (
        *("barrel", "the pixel beside"),
        lambda made: put(made, np.s_[8:56, 10:57], made.honest[8:56, 11:58]),
    ),
    (
        *("equalize", "stretched instead"),
        lambda made: cv2.normalize(face(made), None, 0, 255, cv2.NORM_MINMAX),
    ),
    ("equalize", "by brightness", equalized_by_brightness),
    (
        "recolour",
        "hues in full range",
        lambda made: cv2.cvtColor(face(made), cv2.COLOR_RGB2HSV_FULL),
    ),
    (
        *("by_entity", "a line masked in the picture of noise"),
        lambda made: put(made, IN_LINE, made.hide(method="noise")[IN_LINE]),
    ),
    (
        "layers",
        "in another order",
        lambda made: made.hide(method="pixelate", original=made.hide(method="blur")),
    ),
    (
        *("replace", "letters of a shifted line"),
        lambda made: put(made, IN_LINE, np.roll(made.honest[IN_LINE], 1, axis=1)),
    ),
    ("replace", "ink that tells a number", text_whose_ink_tells_a_number),
]
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "mean": ("mask", {"mask": {"colour": "mean"}}),
    "ellipse": ("mask", {"shape": {"face": "ellipse"}}),
    "margin": ("mask", {"margin": 1.2}),
    "image": ("pixelate", {"shape": {"face": "image"}}),
    "by_entity": ("by_entity", {"by_entity": {"face": "noise", "text": "mask"}}),
}


@pytest.mark.parametrize(
    ("method", "sabotage"),
    [pytest.param(method, change, id=f"{method}: {what}") for method, what, change in CHANGES],
)
def test_another_formula_is_refused(tmp_path: Path, method: str, sabotage: Sabotage) -> None:
    method, sections = SETTINGS.get(method, (method, {}))
    settings, original = asked(tmp_path, **sections), picture(seed=2)
    *between, pixels = layers(original, REGIONS, Variant(method, 100), settings)
    check(original, REGIONS, method, settings, pixels, between)
    made = Scene(original, pixels, between, method, settings, REGIONS)
    wrong = np.asarray(sabotage(made))
    wrong = wrong if wrong.shape == original.shape else put(made, WHERE, wrong)
    with pytest.raises(Failure):
        check(original, REGIONS, method, settings, wrong, between)


def test_wrong_pixels_are_a_fault_of_the_method() -> None:
    """It may be another package's: its author is asked, not this program's."""
    original, settings = picture(seed=2), Anonymization()
    pixels = layers(original, [FACE], MASK, settings)[-1].copy()
    pixels[10, 12] += 9
    said = r"image 'b' as mask-100 fails its audit: .* a fault of the method mask: report it to its"
    with pytest.raises(InputError, match=said), naming("b", MASK):
        check(original, [FACE], "mask", settings, pixels)


@pytest.mark.parametrize("fault", ["blocks of 8 pixels", "turned after", "no blocks", "one side"])
def test_other_coding_blocks_are_refused(fault: str) -> None:
    """The face touches blocks of 16 pixels, in an image that is decoded upside down."""
    data = coded(picture(seed=2)[:75, :93], "JPEG", subsampling=2, exif=turned(3))
    settings = Anonymization()
    original, (right,) = read_image(data), coding_blocks(data)

    def audit(*found: Any) -> None:
        pixels = layers(original, with_blocks([FACE], found), MASK, settings)[-1]
        check(original, [FACE], "mask", settings, pixels, source=Source(data))

    audit(right)
    wrong = {
        "blocks of 8 pixels": [right._replace(width=8, height=8)],
        "turned after": [right._replace(x=0, y=0)],
        "no blocks": [],
        "one side": [right._replace(beyond_x=0)],
    }[fault]
    with pytest.raises(Failure):
        audit(*wrong)


@pytest.mark.parametrize(
    "counts",
    [{"a": 3}, {"a": 3, "b": 3, "d": 3}, {"a": 3, "b": 2}, {"a": 3, "c": 3}],
    ids=["an image less", "an image that failed", "a region lost", "another image"],
)
def test_other_sets_are_refused(counts: dict[str, int]) -> None:
    """Detection left images a and b with three regions each, and failed on d."""
    original, settings = picture(seed=2), Anonymization()
    images = pd.DataFrame(
        {"id": ["a", "b", "d"], "status": ["ok", "partial", "failed"], "regions": [3, 3, 3]}
    )
    boxes = pd.concat(table(REGIONS[:count], each) for each, count in counts.items())
    auditor = Auditor(boxes, MASK, settings)
    for each, count in counts.items():
        pixels = layers(original, REGIONS[:count], MASK, settings)[-1]
        show(auditor, each, (MASK, settings), original, pixels)
    with pytest.raises(InputError, match="detection left"):
        auditor.check_set(images, keep_without_regions=False)
