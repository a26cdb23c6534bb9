"""Ways to hide wrongly: each takes a scene and returns pixels that must not be published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from scenes import COUNT, DEGREE, FACE, PIXEL, REGIONS, SLANTED, Scene, picture

from anonbench.anonymization import geometry
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Method

Sabotage = Callable[[Scene], np.ndarray]

HIDDEN = REGIONS[:COUNT]
FACE_WINDOW = np.s_[6:43, 8:40]


def given_back(scene: Scene, where: tuple[slice | int, ...]) -> np.ndarray:
    """Return the hidden image with the original in some place."""
    pixels = scene.honest.copy()
    pixels[where] = scene.original[where]
    return pixels


def instead_of(old: Region, new: Region) -> list[Region]:
    return [new if region is old else region for region in HIDDEN]


def moved(region: Region, x0: float = 0, y0: float = 0, x1: float = 0, y1: float = 0) -> Region:
    return replace(
        region, x0=region.x0 + x0, y0=region.y0 + y0, x1=region.x1 + x1, y1=region.y1 + y1
    )


def within(scene: Scene, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the hidden image with the face's pixels changed: (hidden, original) → pixels."""
    pixels = scene.honest.copy()
    window = np.s_[6:30, 8:30]  # of the face, where no other region lies over it
    pixels[window] = change(scene.honest[window].astype(float), scene.original[window]).round()
    return pixels


LEFT: dict[str, Any] = {
    "pixel_region_computed_by_itself": np.s_[60, 70],
    "line_region_left": np.s_[60, 10:50],
    "region_beyond_the_border_left": np.s_[51:, 87:],
    "first_column_left": np.s_[6:43, 8],
    "last_column_left": np.s_[6:30, 39],
    "first_row_left": np.s_[6, 8:40],
    "last_row_left": np.s_[42, 8:30],
    "one_pixel_left": np.s_[20, 20],
    "image_border_left": np.s_[51:, 99],
    "every_other_row_left": np.s_[::2],
    "a_corner_of_a_quadrilateral_left": np.s_[10:13, 52:58],
    "one_channel_left": np.s_[..., 2],
    "a_constant_frame_around_the_original": np.s_[10:26, 12:26],
    "last_pixel_of_a_region_left": np.s_[42, 29],
    "last_pixel_of_a_line_left": np.s_[60, 43:50],
    "middle_of_a_quadrilateral_left": np.s_[24:26, 70:74],
    "every_tenth_pixel_left": np.s_[6:43:10, 8:30:10],
}
"""Places where the original is left."""
CHANGED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "half_transparent": lambda hidden, seen: 0.5 * hidden + 0.5 * seen,
    "shines_through": lambda hidden, seen: hidden + 0.03 * (seen.astype(float) - hidden),
    "original_in_the_lowest_bit": lambda hidden, seen: 2 * (hidden // 2) + seen // 128,
    "inverted_instead": lambda hidden, seen: 255.0 - seen,
    "scrambled_instead": lambda hidden, seen: seen[::-1, ::-1].astype(float),
    "one_level_off": lambda hidden, seen: hidden + np.where(hidden < 255, 1, -1),
    "hidden_in_eight_levels": lambda hidden, seen: seen // 32 * 32.0,
    "two_levels_by_the_originals_brightness": lambda hidden, seen: np.clip(
        hidden + np.sign(seen - 128.0), 0, 255
    ),
    "contrast_cut": lambda hidden, seen: np.clip(hidden, 124, 132),
}
"""Changes of the face's pixels, see `within`."""
SABOTAGES: dict[str, Sabotage] = {
    **{name: partial(given_back, where=where) for name, where in LEFT.items()},
    **{name: partial(within, change=change) for name, change in CHANGED.items()},
    "nothing_hidden": lambda scene: scene.original.copy(),
    "one_region_left": lambda scene: scene.hide(HIDDEN[1:]),
    "last_region_left": lambda scene: scene.hide(HIDDEN[:-1]),
    "one_region_more": lambda scene: scene.hide(REGIONS[: COUNT + 1]),
    "wrong_degree": lambda scene: scene.hide(REGIONS, degree=25),
    "degree_rounded_down": lambda scene: scene.hide(REGIONS[: int(DEGREE * len(REGIONS) / 100)]),
    "order_not_nested": lambda scene: scene.hide(REGIONS[-COUNT:]),
    "one_region_swapped": lambda scene: scene.hide([*HIDDEN[:-1], REGIONS[COUNT]]),
    "pixel_region_left": lambda scene: scene.hide(
        [region for region in HIDDEN if region is not PIXEL]
    ),
    "box_shifted_right": lambda scene: scene.hide(instead_of(FACE, moved(FACE, x0=1, x1=1))),
    "box_shifted_up": lambda scene: scene.hide(instead_of(FACE, moved(FACE, y0=-1, y1=-1))),
    "all_boxes_shifted_by_half_a_pixel": lambda scene: scene.hide(
        [moved(region, x0=0.5, x1=0.5) for region in HIDDEN]
    ),
    "box_rounded_inwards": lambda scene: scene.hide(
        instead_of(FACE, replace(FACE, x0=9.0, y0=7.0, x1=39.0, y1=42.0))
    ),
    "box_too_large": lambda scene: scene.hide(
        instead_of(FACE, moved(FACE, x0=-1, y0=-1, x1=1, y1=1))
    ),
    "axes_swapped": lambda scene: scene.hide(
        [replace(r, x0=r.y0, y0=r.x0, x1=r.y1, y1=r.x1, quad=None) for r in HIDDEN]
    ),
    "boxes_in_relative_units": lambda scene: scene.hide(
        [replace(r, x0=r.x0 / 100, y0=r.y0 / 80, x1=r.x1 / 100, y1=r.y1 / 80) for r in HIDDEN]
    ),
    "boxes_as_width_and_height": lambda scene: scene.hide(
        [replace(r, x1=r.x0 + r.x0, y1=r.y0 + r.y0, quad=None) for r in HIDDEN]
    ),
    "quadrilateral_as_its_box": lambda scene: scene.hide(
        instead_of(SLANTED, replace(SLANTED, quad=None))
    ),
    "whole_image_hidden": lambda scene: scene.hide(
        [replace(FACE, x0=0.0, y0=0.0, x1=100.0, y1=80.0)]
    ),
    "wrong_image": lambda scene: scene.hide(original=picture(scene.original.ndim == 3, seed=1)),
    "turned_upside_down": lambda scene: np.ascontiguousarray(scene.honest[::-1, ::-1]),
    "mirrored": lambda scene: np.ascontiguousarray(scene.honest[:, ::-1]),
    "on_its_side": lambda scene: np.ascontiguousarray(np.rot90(scene.honest)),
    "cut_by_a_row": lambda scene: scene.honest[:-1].copy(),
    "scaled_to_half": lambda scene: cv2.resize(scene.honest, (50, 40)),
    "one_row_repeated": lambda scene: moved_about(
        scene, lambda hidden: hidden[[0, *range(len(hidden) - 1)]]
    ),
    "mirrored_within_its_region": lambda scene: moved_about(scene, lambda hidden: hidden[:, ::-1]),
    "transposed_within_its_region": lambda scene: moved_about(
        scene, lambda hidden: hidden.swapaxes(0, 1)
    ),
    "a_row_more_than_the_region_has": lambda scene: scene.hide(instead_of(FACE, moved(FACE, y1=1))),
}


def sabotage(function: Sabotage) -> Sabotage:
    SABOTAGES[function.__name__] = function
    return function


# what is hidden, and how many


@sabotage
def overlap_the_other_way(scene: Scene) -> np.ndarray:
    if scene.method is Method.MASK:  # the order of equal colours cannot be seen
        return scene.original.copy()
    return scene.hide(HIDDEN[::-1])


# where it is hidden


@sabotage
def chessboard_left(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    fields = np.indices(pixels.shape[:2]).sum(axis=0) % 2 == 0
    pixels[fields] = scene.original[fields]
    return pixels


@sabotage
def quadrilateral_only_by_centres(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    filled = np.zeros(pixels.shape[:2], np.uint8)
    corners = np.array(SLANTED.quad).reshape(4, 2) - 0.5
    cv2.fillConvexPoly(filled, (corners * 256).astype(np.int32), 1, shift=8)
    area = geometry.cover(SLANTED, pixels.shape)
    assert area is not None
    left = np.zeros(filled.shape, bool)
    left[area.window] = area.inside & (cv2.erode(filled, np.ones((3, 3)))[area.window] == 0)
    left[30:, :62] = False  # another region's
    pixels[left] = scene.original[left]
    return pixels


@sabotage
def margin_ignored(scene: Scene) -> np.ndarray:
    """Regions shrunk, as a margin of the wrong sign would."""
    return scene.hide([moved(region, x0=0.6, y0=0.6, x1=-0.6, y1=-0.6) for region in HIDDEN])


# how it is hidden


@sabotage
def another_method(scene: Scene) -> np.ndarray:
    methods = list(Method)
    return scene.hide(method=methods[methods.index(scene.method) - 1])


@sabotage
def one_channel_only(scene: Scene) -> np.ndarray:
    pixels = scene.original.copy()
    pixels[..., 0] = scene.honest[..., 0]
    return pixels


@sabotage
def only_brightness_hidden(scene: Scene) -> np.ndarray:
    if scene.original.ndim == 2:
        return scene.original.copy()
    hidden, seen = (
        cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb) for image in (scene.honest, scene.original)
    )
    seen[..., 0] = hidden[..., 0]
    return cv2.cvtColor(seen, cv2.COLOR_YCrCb2RGB)


@sabotage
def edges_drawn_in(scene: Scene) -> np.ndarray:
    def draw(hidden: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return np.where(cv2.Laplacian(seen, cv2.CV_64F) > 60, 255, hidden)

    return within(scene, draw)


@sabotage
def noise_added_instead(scene: Scene) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 20, scene.original[6:30, 8:30].shape)
    return within(scene, lambda hidden, seen: np.clip(seen + noise, 0, 255))


@sabotage
def weaker_than_asked(scene: Scene) -> np.ndarray:
    if scene.method is Method.MASK:
        return within(scene, lambda hidden, seen: hidden + seen // 64)
    weak = {
        "pixelate": {"blocks": dict.fromkeys(("face", "text", "barcode", "mrz"), 12)},
        "blur": {"sigma": dict.fromkeys(("face", "text", "barcode", "mrz"), 0.09)},
    }
    settings = Anonymization.model_validate(weak)
    return scene.hide(pixelate=settings.pixelate, blur=settings.blur)


@sabotage
def strength_of_another_entity(scene: Scene) -> np.ndarray:
    if scene.method is Method.MASK:
        return within(scene, lambda hidden, seen: hidden + 2)
    return scene.hide([replace(region, entity=FACE.entity) for region in HIDDEN])


@sabotage
def blocks_with_a_remainder(scene: Scene) -> np.ndarray:
    """A mosaic of whole blocks from the left, and what is left over at the right as narrow ones."""
    pixels = scene.honest.copy()
    seen = scene.original[6:30, 8:30]
    for y in range(0, 24, 5):
        for x in range(0, 22, 5):
            block = seen[y : y + 5, x : x + 5]
            pixels[6 + y : 6 + min(y + 5, 24), 8 + x : 8 + min(x + 5, 22)] = block.mean(axis=(0, 1))
    return pixels


@sabotage
def hidden_from_a_shifted_image(scene: Scene) -> np.ndarray:
    if scene.method is Method.MASK:
        return np.roll(scene.honest, 1, axis=1)
    pixels = scene.honest.copy()
    pixels[6:30, 8:30] = scene.hide(original=np.roll(scene.original, 2, axis=1))[6:30, 8:30]
    return pixels


# another image, or another shape of it


@sabotage
def wrong_image_outside(scene: Scene) -> np.ndarray:
    other = picture(scene.original.ndim == 3, seed=1)
    pixels = other.copy()
    pixels[FACE_WINDOW] = scene.honest[FACE_WINDOW]
    return pixels


@sabotage
def hidden_before_turning(scene: Scene) -> np.ndarray:
    """Boxes of the upright image, applied to the image as its file lies, then turned upright."""
    hidden = scene.hide(original=np.ascontiguousarray(scene.original[::-1, ::-1]))
    return np.ascontiguousarray(hidden[::-1, ::-1])


@sabotage
def colour_lost_or_invented(scene: Scene) -> np.ndarray:
    kind = cv2.COLOR_RGB2GRAY if scene.original.ndim == 3 else cv2.COLOR_GRAY2RGB
    return cv2.cvtColor(scene.honest, kind)


@sabotage
def channels_swapped(scene: Scene) -> np.ndarray:
    if scene.original.ndim == 2:
        return 255 - scene.honest
    return np.ascontiguousarray(scene.honest[..., ::-1])


@sabotage
def one_value_changed_outside(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[75, 95] ^= 8
    return pixels


@sabotage
def blackened_outside(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[:4] = 0
    return pixels


@sabotage
def coded_with_loss_before(scene: Scene) -> np.ndarray:
    coded = cv2.imencode(".jpg", scene.honest, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)


# faults that a simpler audit might let through


def unless_masked(scene: Scene, pixels: np.ndarray) -> np.ndarray:
    """Return the pixels, or for a mask the original: one colour looks alike however it is moved."""
    return scene.original.copy() if scene.method is Method.MASK else pixels


def moved_about(
    scene: Scene, change: Callable[[np.ndarray], np.ndarray], where: tuple[slice, ...] | None = None
) -> np.ndarray:
    """Return the hidden image with the hidden pixels of a window at other places of it."""
    pixels, window = scene.honest.copy(), where or np.s_[6:28, 8:30]
    pixels[window] = change(scene.honest[window])
    return unless_masked(scene, pixels)


@sabotage
def earlier_region_over_the_later_one(scene: Scene) -> np.ndarray:
    alone = scene.hide([FACE])
    pixels = scene.honest.copy()
    pixels[30:43, 30:40] = alone[30:43, 30:40]
    return unless_masked(scene, pixels)


@sabotage
def hidden_twice(scene: Scene) -> np.ndarray:
    again = scene.hide([FACE], original=scene.honest)
    if np.array_equal(again, scene.honest):  # means of means are the same
        again[6:28, 8:30] = scene.hide([FACE], original=np.roll(scene.original, 1, 0))[6:28, 8:30]
    return unless_masked(scene, again)


@sabotage
def hidden_from_a_brighter_image(scene: Scene) -> np.ndarray:
    brighter = np.clip(scene.original.astype(int) + 3, 0, 255).astype(np.uint8)
    pixels = scene.honest.copy()
    pixels[6:28, 8:30] = scene.hide(original=brighter)[6:28, 8:30]
    return unless_masked(scene, pixels)


@sabotage
def hidden_at_half_the_size(scene: Scene) -> np.ndarray:
    small = cv2.resize(scene.original, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    halves = [
        replace(r, x0=r.x0 / 2, y0=r.y0 / 2, x1=r.x1 / 2, y1=r.y1 / 2, quad=None) for r in HIDDEN
    ]
    large = cv2.resize(scene.hide(halves, original=small), (100, 80))
    pixels = scene.honest.copy()
    pixels[6:28, 8:30] = large[6:28, 8:30]
    return unless_masked(scene, pixels)


@sabotage
def channels_swapped_within_a_region(scene: Scene) -> np.ndarray:
    if scene.original.ndim == 2:
        return scene.original.copy()
    return moved_about(scene, lambda hidden: hidden[..., ::-1])


@sabotage
def one_level_in_one_pixel_of_twenty(scene: Scene) -> np.ndarray:
    def marked(hidden: np.ndarray, seen: np.ndarray) -> np.ndarray:
        changed = np.random.default_rng(5).random(hidden.shape) < 0.05
        return hidden + np.where(hidden < 255, 1, -1) * changed

    return within(scene, marked)


@sabotage
def fine_detail_added(scene: Scene) -> np.ndarray:
    def sharper(hidden: np.ndarray, seen: np.ndarray) -> np.ndarray:
        fine = seen - cv2.GaussianBlur(seen.astype(float), (0, 0), 2)
        return np.clip(hidden + 0.15 * fine, 0, 255)

    return within(scene, sharper)


@sabotage
def a_frame_drawn_around_a_region(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[6, 8:40] = 255
    return pixels


@sabotage
def a_thumbnail_in_a_corner_of_its_region(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[7:15, 9:17] = cv2.resize(scene.original[6:43, 8:40], (8, 8))
    return pixels


@sabotage
def a_thumbnail_outside_of_all_regions(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[:6, 90:96] = cv2.resize(scene.original[6:43, 8:40], (6, 6))
    return pixels


@sabotage
def a_region_copied_beside_itself(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[44:59, 2:28] = scene.original[12:27, 10:36]
    return pixels


@sabotage
def the_last_pixel_of_the_image_changed(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[45, 99] ^= 1
    return pixels


@sabotage
def the_first_pixel_of_the_image_changed(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[0, 0] ^= 1
    return pixels


@sabotage
def a_pixel_of_a_spared_region_changed(scene: Scene) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[70, 10] = 255 - pixels[70, 10]
    return pixels
