"""Ways to hide wrongly: each takes a scene and returns pixels that must not be published."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from scenes import COUNT, DEGREE, FACE, PIXEL, REGIONS, Scene, picture

from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity, Method

Sabotage = Callable[[Scene], np.ndarray]

HIDDEN = REGIONS[:COUNT]
FACE_WINDOW = np.s_[6:43, 8:40]
PART = np.s_[6:28, 8:30]
"""Of the face, where no other region lies over it."""


def put(scene: Scene, where: Any, values: Any) -> np.ndarray:
    pixels = scene.honest.copy()
    pixels[where] = values
    return pixels


def left(scene: Scene, where: Any) -> np.ndarray:
    return put(scene, where, scene.original[where])


def within(scene: Scene, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the hidden image with the face's pixels changed: (hidden, original) → pixels."""
    return put(scene, PART, change(scene.honest[PART].astype(float), scene.original[PART]).round())


def moved_about(scene: Scene, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the hidden image with hidden pixels of the face at other places of it."""
    return put(scene, PART, change(scene.honest[PART]))


def hidden_from(scene: Scene, original: np.ndarray) -> np.ndarray:
    """Return the hidden image with a part of the face made from another image."""
    return put(scene, PART, scene.hide(original=original)[PART])


def resized(scene: Scene, width: int, height: int) -> np.ndarray:
    return cv2.resize(scene.original[FACE_WINDOW], (width, height))


def moved(region: Region, x0: float = 0, y0: float = 0, x1: float = 0, y1: float = 0) -> Region:
    return replace(
        region, x0=region.x0 + x0, y0=region.y0 + y0, x1=region.x1 + x1, y1=region.y1 + y1
    )


def face_at(scene: Scene, **sides: float) -> np.ndarray:
    """Hide the face elsewhere: each side so many pixels away."""
    return scene.hide([moved(FACE, **sides) if each is FACE else each for each in HIDDEN])


def hide_each(scene: Scene, change: Callable[[Region], Region]) -> np.ndarray:
    return scene.hide([change(region) for region in HIDDEN])


def drawn(number: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(number).normal(0, 20, shape)


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
    "chessboard_left": np.indices((80, 100)).sum(axis=0) % 2 == 0,
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
    "edges_drawn_in": lambda hidden, seen: np.where(
        cv2.Laplacian(seen, cv2.CV_64F) > 60, 255, hidden
    ),
    "noise_added_instead": lambda hidden, seen: np.clip(seen + drawn(3, seen.shape), 0, 255),
    "one_level_in_one_pixel_of_twenty": lambda hidden, seen: (
        hidden + np.where(hidden < 255, 1, -1) * (drawn(5, seen.shape) > 33)
    ),
    "fine_detail_added": lambda hidden, seen: np.clip(
        hidden + 0.15 * (seen - cv2.GaussianBlur(seen.astype(float), (0, 0), 2)), 0, 255
    ),
}
"""Changes of the face's pixels, see `within`."""
MOVED: dict[str, Sabotage] = {
    "overlap_the_other_way": lambda scene: scene.hide(HIDDEN[::-1]),
    "earlier_region_over_the_later_one": lambda scene: put(
        scene, np.s_[30:43, 30:40], scene.hide([FACE])[30:43, 30:40]
    ),
    "one_row_repeated": lambda scene: moved_about(scene, lambda hidden: hidden[[0, *range(21)]]),
    "mirrored_within_its_region": lambda scene: moved_about(scene, lambda hidden: hidden[:, ::-1]),
    "transposed_within_its_region": lambda scene: moved_about(
        scene, lambda hidden: hidden.swapaxes(0, 1)
    ),
    "channels_swapped_within_a_region": lambda scene: moved_about(
        scene, lambda hidden: hidden[..., ::-1]
    ),
    "hidden_from_a_shifted_image": lambda scene: hidden_from(
        scene, np.roll(scene.original, 2, axis=1)
    ),
    "hidden_from_a_brighter_image": lambda scene: hidden_from(
        scene, np.clip(scene.original.astype(int) + 3, 0, 255).astype(np.uint8)
    ),
    "hidden_after_another_hiding": lambda scene: hidden_from(scene, np.roll(scene.honest, 1, 0)),
}
"""Faults that a mask of one colour does not show."""
EACH: dict[str, Callable[[Region], Region]] = {
    "strength_of_another_entity": lambda r: replace(r, entity=FACE.entity),
    "all_boxes_shifted_by_half_a_pixel": lambda r: moved(r, x0=0.5, x1=0.5),
    "margin_of_the_wrong_sign": lambda r: moved(r, 0.6, 0.6, -0.6, -0.6),
    "axes_swapped": lambda r: replace(r, x0=r.y0, y0=r.x0, x1=r.y1, y1=r.x1, quad=None),
    "boxes_in_relative_units": lambda r: moved(
        r, -0.99 * r.x0, -r.y0 * 79 / 80, -0.99 * r.x1, -r.y1 * 79 / 80
    ),
    "boxes_as_width_and_height": lambda r: replace(r, x1=2 * r.x0, y1=2 * r.y0, quad=None),
    "quadrilateral_as_its_box": lambda r: replace(r, quad=None),
}
"""Changes of each region that is to be hidden."""
SABOTAGES: dict[str, Sabotage] = {
    **{name: partial(left, where=where) for name, where in LEFT.items()},
    **{name: partial(within, change=change) for name, change in CHANGED.items()},
    **MOVED,
    **{name: partial(hide_each, change=change) for name, change in EACH.items()},
    # which regions are hidden, and how many
    "nothing_hidden": lambda scene: scene.original.copy(),
    "one_region_left": lambda scene: scene.hide(HIDDEN[1:]),
    "last_region_left": lambda scene: scene.hide(HIDDEN[:-1]),
    "one_region_more": lambda scene: scene.hide(REGIONS[: COUNT + 1]),
    "wrong_degree": lambda scene: scene.hide(REGIONS, degree=25),
    "degree_rounded_down": lambda scene: scene.hide(REGIONS[: int(DEGREE * len(REGIONS) / 100)]),
    "order_not_nested": lambda scene: scene.hide(REGIONS[-COUNT:]),
    "one_region_swapped": lambda scene: scene.hide([*HIDDEN[:-1], REGIONS[COUNT]]),
    "pixel_region_left": lambda scene: scene.hide([each for each in HIDDEN if each is not PIXEL]),
    # where they are hidden
    "box_shifted_right": partial(face_at, x0=1, x1=1),
    "box_shifted_up": partial(face_at, y0=-1, y1=-1),
    "box_rounded_inwards": partial(face_at, x0=0.6, y0=0.3, x1=-0.2, y1=-0.5),
    "box_too_large": partial(face_at, x0=-1, y0=-1, x1=1, y1=1),
    "a_row_more_than_the_region_has": partial(face_at, y1=1),
    "whole_image_hidden": lambda scene: scene.hide(
        [replace(FACE, x0=0.0, y0=0.0, x1=100.0, y1=80.0)]
    ),
    # how they are hidden
    "another_method": lambda scene: scene.hide(
        method=list(Method)[list(Method).index(scene.method) - 1]
    ),
    "one_channel_only": lambda scene: np.dstack([scene.honest[..., :1], scene.original[..., 1:]]),
    # another image, or another shape of it
    "wrong_image": lambda scene: scene.hide(original=picture(scene.original.ndim == 3, seed=1)),
    "wrong_image_outside": lambda scene: put(
        replace(scene, honest=picture(scene.original.ndim == 3, seed=1)),
        *(FACE_WINDOW, scene.honest[FACE_WINDOW]),
    ),
    "turned_upside_down": lambda scene: np.ascontiguousarray(scene.honest[::-1, ::-1]),
    "mirrored": lambda scene: np.ascontiguousarray(scene.honest[:, ::-1]),
    "on_its_side": lambda scene: np.ascontiguousarray(np.rot90(scene.honest)),
    "hidden_before_turning": lambda scene: np.ascontiguousarray(
        scene.hide(original=np.ascontiguousarray(scene.original[::-1, ::-1]))[::-1, ::-1]
    ),
    "cut_by_a_row": lambda scene: scene.honest[:-1].copy(),
    "scaled_to_half": lambda scene: cv2.resize(scene.honest, (50, 40)),
    "colour_lost_or_invented": lambda scene: cv2.cvtColor(
        scene.honest, cv2.COLOR_RGB2GRAY if scene.honest.ndim == 3 else cv2.COLOR_GRAY2RGB
    ),
    "channels_swapped": lambda scene: np.ascontiguousarray(scene.honest[..., ::-1]),
    # more in it, or a change outside
    "a_thumbnail_in_a_corner_of_its_region": lambda scene: put(
        scene, np.s_[7:15, 9:17], resized(scene, 8, 8)
    ),
    "a_thumbnail_outside_of_all_regions": lambda scene: put(
        scene, np.s_[:6, 90:96], resized(scene, 6, 6)
    ),
    "a_region_copied_beside_itself": lambda scene: put(
        scene, np.s_[44:59, 2:28], scene.original[12:27, 10:36]
    ),
    "a_frame_drawn_around_a_region": lambda scene: put(scene, np.s_[6, 8:40], 255),
    "blackened_outside": lambda scene: put(scene, np.s_[:4], 0),
    "one_value_changed_outside": lambda scene: put(scene, (75, 95), scene.honest[75, 95] ^ 8),
    "first_pixel_changed": lambda scene: put(scene, (0, 0), scene.honest[0, 0] ^ 1),
    "last_pixel_of_a_row_changed": lambda scene: put(scene, (45, 99), scene.honest[45, 99] ^ 1),
    "a_spared_region_changed": lambda scene: put(scene, (70, 10), 255 - scene.honest[70, 10]),
}
MOVED["strength_of_another_entity"] = SABOTAGES["strength_of_another_entity"]
OF_COLOURS = ("one_channel_left", "one_channel_only", "only_brightness_hidden")
"""Faults that a grey image cannot have."""


def sabotage(function: Sabotage) -> Sabotage:
    SABOTAGES[function.__name__] = function
    return function


@sabotage
def only_brightness_hidden(scene: Scene) -> np.ndarray:
    hidden, seen = (
        cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb) for image in (scene.honest, scene.original)
    )
    seen[..., 0] = hidden[..., 0]
    return cv2.cvtColor(seen, cv2.COLOR_YCrCb2RGB)


@sabotage
def weaker_than_asked(scene: Scene) -> np.ndarray:
    weak = Anonymization.model_validate(
        {
            "pixelate": {"blocks": dict.fromkeys(Entity, 12)},
            "blur": {"sigma": dict.fromkeys(Entity, 0.09)},
            "mask": {"colour": (2, 2, 2)},
        }
    )
    return scene.hide(pixelate=weak.pixelate, blur=weak.blur, mask=weak.mask)


@sabotage
def coded_with_loss_before(scene: Scene) -> np.ndarray:
    coded = cv2.imencode(".jpg", scene.honest, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)


def hidden_at_half_the_size(scene: Scene) -> np.ndarray:
    small = cv2.resize(scene.original, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    halves = [
        replace(r, x0=r.x0 / 2, y0=r.y0 / 2, x1=r.x1 / 2, y1=r.y1 / 2, quad=None) for r in HIDDEN
    ]
    return put(scene, PART, cv2.resize(scene.hide(halves, original=small), (100, 80))[PART])


SABOTAGES["hidden_at_half_the_size"] = MOVED["hidden_at_half_the_size"] = hidden_at_half_the_size
