"""Faults of single methods that change little, and that a looser check would let through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import picture, table

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.replacement.appearance import text_lines
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.fakes import TextKind
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import encode
from keyed_settings import asked

FACE = Region(Entity.FACE, 10.0, 8.0, 58.0, 56.0, 1.0)
LINE = Region(Entity.TEXT, 4.0, 60.0, 94.0, 76.0, 1.0)
SLANTED = Region(
    Entity.TEXT, 62.0, 6.0, 96.0, 40.0, 1.0, (62.0, 20.0, 82.0, 6.0, 96.0, 26.0, 76.0, 40.0)
)
REGIONS = [FACE, LINE, SLANTED]
WHERE = np.s_[8:56, 10:58]


@dataclass
class Hidden:
    """A face, a line and a slanted line hidden by a method; `pixels` may be changed."""

    original: np.ndarray
    between: list[np.ndarray]
    pixels: np.ndarray
    settings: Anonymization

    def by(self, name: str, original: np.ndarray | None = None, **sections: Any) -> np.ndarray:
        """Hide the same regions otherwise."""
        given = self.original if original is None else original
        settings = self.settings.model_copy(update=sections)
        return layers(given, REGIONS, Variant(name, 100), settings)[-1]


Sabotage = Callable[[Hidden], np.ndarray]


def half_a_block_rounded_the_other_way(made: Hidden) -> np.ndarray:
    """One more level in half of each block: the mean's rest could tell it."""
    wrong = made.pixels.copy()
    wrong[8:56, 10:13] ^= 1
    return wrong


def blurred_with_what_is_around(made: Hidden) -> np.ndarray:
    """The region's edge mixed with the pixels beside it, instead of its mirror."""
    wrong = made.pixels.copy()
    wrong[WHERE] = cv2.GaussianBlur(made.original, (0, 0), 0.12 * 48)[WHERE]
    return wrong


def smoothed_edge_of_a_slanted_region(made: Hidden) -> np.ndarray:
    """Its outline drawn softly, as libraries for drawing do: the original shines through."""
    hidden = (made.pixels != made.original).any(axis=2).astype(np.float32)
    share = np.minimum(cv2.blur(hidden, (3, 3)), hidden)[:58, 62:, None]
    wrong = made.pixels.copy()
    wrong[:58, 62:] = share * made.pixels[:58, 62:] + (1 - share) * made.original[:58, 62:]
    return wrong


def one_noise_for_all_channels(made: Hidden) -> np.ndarray:
    """Differences of channels then show the original without any noise."""
    added = made.pixels.astype(int) - made.original
    return np.clip(made.original + added[..., :1], 0, 255).astype(np.uint8)


def noise_of_the_image_before(made: Hidden) -> np.ndarray:
    """Numbers that do not follow from the pixels: two images with one noise, and it is gone."""
    other = picture(seed=5)
    added = made.by("noise", other).astype(int) - other
    return np.where(
        made.pixels == made.original, made.original, np.clip(made.original + added, 0, 255)
    ).astype(np.uint8)


def filled_in_from_one_column_of_the_region(made: Hidden) -> np.ndarray:
    narrow = Region(Entity.FACE, 11.0, 8.0, 58.0, 56.0, 1.0)
    rest = [narrow, *REGIONS[1:]]
    wrong = layers(made.original, rest, Variant("inpaint", 100), made.settings)[-1]
    wrong[8:56, 10] = made.pixels[8:56, 10]
    return wrong


def tiles_moved_once(made: Hidden) -> np.ndarray:
    """The second pass left out: tiles of the first grid are whole, and their order is a puzzle."""
    wrong = made.pixels.copy()
    tiles = made.original[WHERE].reshape(8, 6, 8, 6, 3).swapaxes(1, 2).reshape(64, 6, 6, 3)
    mixed = tiles[np.random.default_rng(1).permutation(64)].reshape(8, 8, 6, 6, 3)
    wrong[WHERE] = mixed.swapaxes(1, 2).reshape(48, 48, 3)
    return wrong


def text_whose_ink_tells_a_number(made: Hidden) -> np.ndarray:
    """Fake letters as they should be, but a level darker in some: bits that follow from pixels."""
    wrong = made.pixels.copy()
    ink = text_lines(TextKind.WORDS, 1, (16, 90)) == 255
    part = wrong[60:76, 4:94]
    assert ink.any()
    part[:, 45:][ink[:, 45:]] ^= 1
    return wrong


def a_median_of_fewer_pixels(made: Hidden) -> np.ndarray:
    weaker = Anonymization.model_validate({"median": {"size": {"face": 0.45}}})
    return made.by("median", median=weaker.method("median"))


def a_face_turned_the_other_way(made: Hidden) -> np.ndarray:
    """The formula's sign: the same detail is left, and a reader who turns it back finds it."""
    mirrored = np.ascontiguousarray(made.original[WHERE][:, ::-1])
    image = made.original.copy()
    image[WHERE] = mirrored
    wrong = made.pixels.copy()
    wrong[WHERE] = made.by("swirl", image)[WHERE][:, ::-1]
    return wrong


def layers_in_another_order(made: Hidden) -> np.ndarray:
    """The same methods, the strong one first: what is published is what the weak one made."""
    blurred = made.by("blur")
    return made.by("pixelate", blurred)


SABOTAGES: list[tuple[str, Sabotage]] = [
    ("pixelate", half_a_block_rounded_the_other_way),
    ("blur", blurred_with_what_is_around),
    ("mask", smoothed_edge_of_a_slanted_region),
    ("noise", one_noise_for_all_channels),
    ("noise", noise_of_the_image_before),
    ("inpaint", filled_in_from_one_column_of_the_region),
    ("tile_shuffle", tiles_moved_once),
    ("replace", text_whose_ink_tells_a_number),
    ("median", a_median_of_fewer_pixels),
    ("swirl", a_face_turned_the_other_way),
    ("layers", layers_in_another_order),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Anonymization:
    return asked(tmp_path_factory.mktemp("key"))


@pytest.mark.parametrize(
    ("method", "sabotage"), SABOTAGES, ids=[each.__name__ for _, each in SABOTAGES]
)
def test_a_small_fault_is_caught(settings: Anonymization, method: str, sabotage: Sabotage) -> None:
    require_refusal(method, settings, sabotage)


def require_refusal(method: str, settings: Anonymization, sabotage: Sabotage) -> None:
    """Check that the audit accepts what a method makes, and refuses what is made of it."""
    variant, original = Variant(method, 100), picture(seed=2)
    *between, pixels = layers(original, REGIONS, variant, settings)
    auditor = Auditor(table(REGIONS), variant, settings)
    auditor.check("a", original, encode(pixels), pixels, between)
    wrong = sabotage(Hidden(original, between, pixels, settings))
    assert not np.array_equal(wrong, pixels)
    with pytest.raises(InputError, match="fails its audit"):
        auditor.check("a", original, encode(wrong), wrong, between)
