"""Faults that an author of a method, of a writer or of a set makes easily: each is refused."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sabotage_files import chunk, with_chunk, with_segment
from scenes import Format, Scene, picture, scene, table
from test_sly_sabotage import FACE, REGIONS, WHERE, Hidden, require_refusal

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.blocks import Source
from anonbench.anonymization.audit.check import Auditor
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, with_blocks
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.images import encode, read_image
from keyed_settings import asked

Change = Callable[[np.ndarray], np.ndarray]
SECTIONS: dict[str, dict[str, Any]] = {
    "mean": {"mask": {"colour": "mean"}},
    "ellipse": {"shape": {"face": "ellipse"}},
    "margin": {"margin": 1.2},
    "image": {"shape": {"face": "image"}},
    "weaker": {"by_entity": {"face": "noise", "text": "mask"}},
}


def face(made: Hidden, change: Change) -> np.ndarray:
    """Return the hidden image with something else made of the face."""
    wrong = made.pixels.copy()
    wrong[WHERE] = change(made.original[WHERE])
    return wrong


def at_another_sigma(made: Hidden) -> np.ndarray:
    """A Gaussian cut off at three sigma, whose waves a deconvolution can use."""
    blur = Anonymization().blur.sigma.face * 48
    side = 2 * round(3 * blur) + 1
    return face(
        made, lambda seen: cv2.GaussianBlur(seen, (side, side), blur, borderType=cv2.BORDER_REFLECT)
    )


def by_whole_pixels(made: Hidden) -> np.ndarray:
    """Blocks of the line whose sides are rounded to whole pixels."""
    settings = made.settings.model_copy(
        update={
            "pixelate": Anonymization.model_validate({"pixelate": {"blocks": {"face": 7}}}).pixelate
        }
    )
    return layers(made.original, REGIONS, Variant("pixelate", 100), settings)[-1]


def with_the_least_value_of_each_block(made: Hidden) -> np.ndarray:
    def least(seen: np.ndarray) -> np.ndarray:
        low = seen.reshape(8, 6, 8, 6, 3).min(axis=(1, 3))
        return low.repeat(6, axis=0).repeat(6, axis=1)

    return face(made, least)


def with_a_middle_pixel_of_each_block(made: Hidden) -> np.ndarray:
    """Every sixth pixel of the original, enlarged: its values are not means."""
    return face(made, lambda seen: seen[3::6, 3::6].repeat(6, axis=0).repeat(6, axis=1))


def with_soft_blocks(made: Hidden) -> np.ndarray:
    """Blocks' means, enlarged by a smooth interpolation."""

    def soft(seen: np.ndarray) -> np.ndarray:
        small = cv2.resize(seen, (8, 8), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (48, 48), interpolation=cv2.INTER_CUBIC)

    return face(made, soft)


def a_box_with_black_around(made: Hidden) -> np.ndarray:
    return face(made, lambda seen: cv2.blur(seen, (21, 21), borderType=cv2.BORDER_CONSTANT))


def a_box_one_pixel_narrower(made: Hidden) -> np.ndarray:
    return face(made, lambda seen: cv2.blur(seen, (19, 19), borderType=cv2.BORDER_REFLECT))


def a_median_of_brightness(made: Hidden) -> np.ndarray:
    """Of all channels the values of the pixel whose brightness is the median."""
    return face(made, lambda seen: np.sort(seen, axis=2)[..., [1, 1, 1]])


def filled_in_by_another_rule(made: Hidden) -> np.ndarray:
    flags = np.zeros(made.original.shape[:2], np.uint8)
    for region in REGIONS:
        flags[int(region.y0) : int(region.y1), int(region.x0) : int(region.x1)] = 255
    filled = cv2.inpaint(made.original, flags, 3, cv2.INPAINT_NS)
    return np.where((made.pixels != made.original).any(axis=2)[..., None], filled, made.original)


def filled_in_with_the_original_shining_through(made: Hidden) -> np.ndarray:
    return face(made, lambda seen: (0.97 * made.pixels[WHERE] + 0.03 * seen).astype(np.uint8))


def one_noise_for_all_rows(made: Hidden) -> np.ndarray:
    """The difference of two rows is the original's."""
    added = made.pixels.astype(int) - made.original
    return face(made, lambda seen: np.clip(seen + added[8, 10:58], 0, 255).astype(np.uint8))


def noise_of_half_the_width(made: Hidden) -> np.ndarray:
    added = made.pixels.astype(int) - made.original
    return (made.original + added // 2).clip(0, 255).astype(np.uint8)


def noise_left_out_of_one_block(made: Hidden) -> np.ndarray:
    wrong = made.pixels.copy()
    wrong[8:20, 10:22] = made.original[8:20, 10:22].mean(axis=(0, 1)).round()
    return wrong


def two_tiles_put_back(made: Hidden) -> np.ndarray:
    """One tile where it belongs; where that was, the one that was in its place."""
    wrong = made.pixels.copy()
    wrong[8:14, 10:16] = made.original[8:14, 10:16]
    return wrong


def one_order_for_all_patches(made: Hidden) -> np.ndarray:
    """Patches of which one is known tell the others."""
    order = np.random.default_rng(0).permutation(144)

    def mixed(seen: np.ndarray) -> np.ndarray:
        patches = seen.reshape(4, 12, 4, 12, 3).swapaxes(1, 2).reshape(4, 4, 144, 3)
        return patches[:, :, order].reshape(4, 4, 12, 12, 3).swapaxes(1, 2).reshape(48, 48, 3)

    return face(made, mixed)


def the_middle_instead_of_a_random_part(made: Hidden) -> np.ndarray:
    return face(
        made,
        lambda seen: cv2.resize(seen[14:33, 14:33], (48, 48), interpolation=cv2.INTER_NEAREST),
    )


def a_smooth_swirl(made: Hidden) -> np.ndarray:
    """Between pixels, which a sharpening undoes better."""
    return face(made, lambda seen: cv2.blur(made.pixels[WHERE], (2, 2)))


def a_barrel_of_the_nearer_pixel(made: Hidden) -> np.ndarray:
    wrong = made.pixels.copy()
    wrong[8:56, 10:57] = made.pixels[8:56, 11:58]
    return wrong


def stretched_instead_of_equalized(made: Hidden) -> np.ndarray:
    return face(made, lambda seen: cv2.normalize(seen, None, 0, 255, cv2.NORM_MINMAX))


def equalized_by_brightness(made: Hidden) -> np.ndarray:
    def even(seen: np.ndarray) -> np.ndarray:
        parts = [*cv2.split(cv2.cvtColor(seen, cv2.COLOR_RGB2YCrCb))]
        parts[0] = cv2.equalizeHist(parts[0])
        return cv2.cvtColor(cv2.merge(parts), cv2.COLOR_YCrCb2RGB)

    return face(made, even)


def hues_in_full_range(made: Hidden) -> np.ndarray:
    return face(made, lambda seen: cv2.cvtColor(seen, cv2.COLOR_RGB2HSV_FULL))


def the_mean_of_the_image(made: Hidden) -> np.ndarray:
    """Which tells how the rest differs from the region; and the line's the face's."""
    return face(made, lambda seen: np.full_like(seen, made.original.mean()))


def the_mean_of_each_half(made: Hidden) -> np.ndarray:
    def halves(seen: np.ndarray) -> np.ndarray:
        means = seen.reshape(2, 24, 48, 3).mean(axis=(1, 2)).round()
        return np.broadcast_to(means.repeat(24, axis=0)[:, None], seen.shape)

    return face(made, halves)


def an_ellipse_by_the_centres_of_pixels(made: Hidden) -> np.ndarray:
    y, x = (np.mgrid[:48, :48] + 0.5 - 24) / 24
    return face(made, lambda seen: np.where((y**2 + x**2 < 1)[..., None], 0, seen))


def the_box_around_an_ellipse(made: Hidden) -> np.ndarray:
    return face(made, np.zeros_like)


def without_a_margin(made: Hidden) -> np.ndarray:
    return made.by("mask", margin=1.0)


def all_but_the_last_row(made: Hidden) -> np.ndarray:
    wrong = made.pixels.copy()
    wrong[-1] = made.original[-1]
    return wrong


def the_weak_method_over_the_strong_one(made: Hidden) -> np.ndarray:
    """A line is masked in the picture of noise, so that what is noisy shines through a mask."""
    wrong = made.pixels.copy()
    wrong[60:76, 4:94] = made.by("noise")[60:76, 4:94]
    return wrong


def letters_of_a_shifted_line(made: Hidden) -> np.ndarray:
    """Fake letters, from a place in the line that the original's could tell."""
    wrong = made.pixels.copy()
    wrong[60:76, 4:94] = np.roll(made.pixels[60:76, 4:94], 1, axis=1)
    return wrong


METHODS: list[tuple[str, str, Callable[[Hidden], np.ndarray]]] = [
    ("blur", "", at_another_sigma),
    ("pixelate", "", by_whole_pixels),
    ("pixelate", "", with_the_least_value_of_each_block),
    ("pixelate", "", with_a_middle_pixel_of_each_block),
    ("pixelate", "", with_soft_blocks),
    ("box_blur", "", a_box_with_black_around),
    ("box_blur", "", a_box_one_pixel_narrower),
    ("median", "", a_median_of_brightness),
    ("inpaint", "", filled_in_by_another_rule),
    ("inpaint", "", filled_in_with_the_original_shining_through),
    ("noise", "", one_noise_for_all_rows),
    ("noise", "", noise_of_half_the_width),
    ("dp_pixelate", "", noise_left_out_of_one_block),
    ("tile_shuffle", "", two_tiles_put_back),
    ("patch_shuffle", "", one_order_for_all_patches),
    ("random_crop", "", the_middle_instead_of_a_random_part),
    ("swirl", "", a_smooth_swirl),
    ("barrel", "", a_barrel_of_the_nearer_pixel),
    ("equalize", "", stretched_instead_of_equalized),
    ("equalize", "", equalized_by_brightness),
    ("recolour", "", hues_in_full_range),
    ("mask", "mean", the_mean_of_the_image),
    ("mask", "mean", the_mean_of_each_half),
    ("mask", "ellipse", an_ellipse_by_the_centres_of_pixels),
    ("mask", "ellipse", the_box_around_an_ellipse),
    ("mask", "margin", without_a_margin),
    ("pixelate", "image", all_but_the_last_row),
    ("by_entity", "weaker", the_weak_method_over_the_strong_one),
    ("replace", "", letters_of_a_shifted_line),
]


@pytest.mark.parametrize(
    ("method", "section", "sabotage"), METHODS, ids=[each.__name__ for *_, each in METHODS]
)
def test_another_formula_is_refused(
    tmp_path: Path, method: str, section: str, sabotage: Callable[[Hidden], np.ndarray]
) -> None:
    require_refusal(method, asked(tmp_path, **SECTIONS.get(section, {})), sabotage)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("fault", ["blocks of 8 pixels", "turned after", "no blocks", "one side"])
def test_other_coding_blocks_are_refused(fault: str) -> None:
    """The face touches blocks of 16 pixels, in an image that is decoded upside down."""
    exif = Image.Exif()
    exif[0x0112] = 3
    data = jpeg(Image.fromarray(picture(seed=2)[:75, :93]), subsampling=2, exif=exif)
    original, blocks, settings = read_image(data), coding_blocks(data), Anonymization()
    auditor = Auditor(table([FACE]), Variant("mask", 100), settings)

    def check(found: Any) -> None:
        pixels = layers(original, with_blocks([FACE], found), Variant("mask", 100), settings)[-1]
        auditor.check("a", original, encode(pixels), pixels, source=Source(data))

    check(blocks)
    (right,) = blocks
    wrong = {
        "blocks of 8 pixels": (right._replace(width=8, height=8),),
        "turned after": (right._replace(x=0, y=0),),
        "no blocks": (),
        "one side": (right._replace(beyond_x=0),),
    }[fault]
    with pytest.raises(InputError, match="fails its audit"):
        check(wrong)


def written(made: Scene, *parts: bytes) -> bytes:
    """Return the head of a PNG file, parts, and its end."""
    return made.code(made.honest)[:33] + b"".join(parts) + chunk(b"IEND", b"")


def stream(made: Scene) -> bytes:
    return made.code(made.honest)[41:-16]


FILES: dict[str, tuple[Format, Callable[[Scene], bytes]]] = {
    "gamma": ("png", lambda made: with_chunk(made, b"gAMA", bytes(4))),
    "exif_chunk": ("png", lambda made: with_chunk(made, b"eXIf", b"MM\0*" + bytes(8))),
    "text_behind_the_pixels": (
        "png",
        lambda made: written(made, chunk(b"IDAT", stream(made)), chunk(b"tEXt", b"a\0name")),
    ),
    "pixels_compressed_twice": (
        "png",
        lambda made: written(made, chunk(b"IDAT", zlib.compress(stream(made)))),
    ),
    "adobe_marker": ("jpeg", lambda made: with_segment(made, 0xEE, b"Adobe\0d\0\0\0\0\1")),
    "two_heads": ("jpeg", lambda made: made.code(made.honest)[:20] + made.code(made.honest)[2:]),
    "colours_of_print": (
        "jpeg",
        lambda made: jpeg(Image.fromarray(made.honest).convert("CMYK"), quality=95),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_other_files_are_refused(name: str) -> None:
    form, fault = FILES[name]
    made = scene(Method.BLUR, form)
    auditor = Auditor(table([]), Variant(), made.settings)
    auditor.check("a", made.honest, made.code(made.honest), made.honest)
    with pytest.raises(InputError, match="fails its audit"):
        auditor.check("a", made.honest, fault(made), made.honest)


def test_a_failed_image_is_black_and_nothing_else() -> None:
    original, variant, settings = picture(seed=2), Variant("swirl", 100), Anonymization()
    auditor = Auditor(table(REGIONS), variant, settings)
    for colour in ((0, 0, 0), (255, 255, 255)):
        masked = Anonymization.model_validate({"mask": {"colour": colour}})
        pixels = layers(original, REGIONS, Variant("mask", 100), masked)[-1]
        if colour == (0, 0, 0):
            auditor.check("a", original, encode(pixels), pixels, is_masked=True)
        else:
            with pytest.raises(InputError, match="fails its audit"):
                auditor.check("a", original, encode(pixels), pixels, is_masked=True)


SETS: dict[str, tuple[list[str], list[int]]] = {
    "an_image_more": (["a", "b"], [3, 3]),
    "an_image_less": (["a"], [3]),
    "an_image_that_failed": (["a", "b", "d"], [3, 3, 3]),
    "a_region_lost": (["a", "b"], [3, 2]),
    "another_image": (["a", "c"], [3, 3]),
}


@pytest.mark.parametrize("name", SETS)
def test_other_sets_are_refused(name: str) -> None:
    """Detection left images a and b with three regions each, and failed on d."""
    ids, counts = SETS[name]
    original, variant, settings = picture(seed=2), Variant("mask", 100), Anonymization()
    images = pd.DataFrame(
        {"id": ["a", "b", "d"], "status": ["ok", "partial", "failed"], "regions": [3, 3, 3]}
    )
    images = images[images["id"] != "b"] if name == "an_image_more" else images
    boxes = pd.concat(table(REGIONS[:count], each) for each, count in zip(ids, counts, strict=True))
    auditor = Auditor(boxes, variant, settings)
    for each, count in zip(ids, counts, strict=True):
        pixels = layers(original, REGIONS[:count], variant, settings)[-1]
        auditor.check(each, original, encode(pixels), pixels)
    with pytest.raises(InputError, match="detection left"):
        auditor.check_set(images, keep_without_regions=False)


def test_images_whose_names_were_swapped_are_refused() -> None:
    """Each is hidden as it has to be, in the other one's places."""
    variant, settings = Variant("mask", 100), Anonymization()
    one, other = (picture(seed=2), REGIONS[:1]), (picture(seed=3), REGIONS[1:])
    auditor = Auditor(pd.concat([table(one[1], "a"), table(other[1], "b")]), variant, settings)
    for image_id, (original, regions) in (("a", other), ("b", one)):
        pixels = layers(original, regions, variant, settings)[-1]
        with pytest.raises(InputError, match="fails its audit"):
            auditor.check(image_id, original, encode(pixels), pixels)


def test_a_narrow_region_hidden_without_what_is_beside_it_is_refused() -> None:
    thin = Region(Entity.TEXT, 20.0, 30.0, 21.0, 70.0, 1.0)
    original, settings = picture(seed=2), Anonymization()
    auditor = Auditor(table([thin]), Variant("blur", 100), settings)
    wrong = original.copy()
    wrong[30:70, 20] = cv2.GaussianBlur(original[30:70, 20:21], (0, 0), 2.0)[:, 0]
    with pytest.raises(InputError, match="fails its audit"):
        auditor.check("a", original, encode(wrong), wrong)
