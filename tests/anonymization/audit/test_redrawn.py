"""The audit of replaced regions: honest ones pass, and whatever else is drawn does not."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from sabotage_pixels import MOVED, SABOTAGES
from scenes import audit, picture, scene, window

from anonbench.anonymization.methods import Replace
from anonbench.core.errors import InputError

NAME = "replace"
SEEN = {"overlap_the_other_way", "earlier_region_over_the_later_one", "hidden_at_half_the_size"}
"""Moved, and yet seen under a mask."""
NOT_WRONG = {"another_method", "weaker_than_asked", *MOVED} - SEEN
"""There is one strength, picked methods are the paper's, and faces are masked."""


def kept(original: np.ndarray, written: np.ndarray, entity: str) -> bool:
    planes = (np.stack(cv2.split(image)) for image in (original, written))
    return bool(Replace().is_hidden_in(window(*planes, entity)).all())


def text(content: str, size: tuple[int, int] = (36, 300)) -> np.ndarray:
    image = Image.new("L", size[::-1], 230)
    font = ImageFont.load_default(round(0.8 * size[0]))
    ImageDraw.Draw(image).text((4, round(0.72 * size[0])), content, fill=20, font=font, anchor="ls")
    return np.asarray(image)


@pytest.mark.parametrize("name", sorted(SABOTAGES.keys() - NOT_WRONG))
def test_wrong_replacements_are_caught(name: str) -> None:
    made = scene(NAME)  # type: ignore[arg-type]
    wrong = SABOTAGES[name](made)
    assert not np.array_equal(wrong, made.honest)
    with pytest.raises(InputError, match="fails its audit"):
        audit(made, made.code(wrong), wrong)


@given(
    st.integers(1, 60),
    st.integers(1, 200),
    st.sampled_from(["text", "mrz", "barcode", "face", "ink"]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_every_size_passes(height: int, width: int, entity: str, colour: bool) -> None:
    original = cv2.resize(picture(colour, seed=height), (width, height))
    assert kept(original, Replace().hide(original, entity), entity)


def test_paragraphs_and_standing_lines_pass() -> None:
    paragraph = np.concatenate([text("several lines of text")] * 4)
    for original in (paragraph, np.ascontiguousarray(np.rot90(text("a standing line")))):
        hidden = Replace().hide(original, "text")
        assert len(np.unique(hidden)) > 2
        assert kept(original, hidden, "text")


def test_the_text_itself_is_caught_in_two_colours_and_typed_anew() -> None:
    original = text("Jane Doe, born 1971")
    hidden = Replace().hide(original, "text")
    assert kept(original, hidden, "text")
    black_and_white = np.where(original > 128, hidden.max(), hidden.min()).astype(np.uint8)
    half = np.hstack([hidden[:, :150], black_and_white[:, 150:]])
    anew = original + 1
    for wrong in (black_and_white, half, anew, text("Some other words")):
        assert not kept(original, wrong, "text")


def test_one_level_in_one_pixel_is_caught() -> None:
    original = text("Jane Doe", (16, 120))
    hidden = Replace().hide(original, "text")
    inked = np.argwhere((hidden > hidden.min()) & (hidden < hidden.max()))
    for amount, (y, x) in product((1, -1), [(0, 0), inked[0], inked[len(inked) // 2]]):
        wrong = hidden.copy()
        wrong[y, x] = np.clip(int(wrong[y, x]) + amount, 0, 255)
        assert not kept(original, wrong, "text")


def test_a_code_with_its_own_content_is_caught() -> None:
    made = zxingcpp.create_barcode("SECRET1234567", zxingcpp.BarcodeFormat.QRCode)
    original = np.array(made.to_image(scale=4, add_quiet_zones=False))
    hidden = Replace().hide(original, "barcode")
    assert kept(original, hidden, "barcode")
    assert not kept(original, original, "barcode")
    turned = np.ascontiguousarray(np.rot90(hidden))
    assert not kept(original, turned, "barcode")


def test_ink_is_under_paper_and_faces_are_black() -> None:
    original = text("Erika Mustermann")
    written = Replace().hide(original, "ink")
    assert len(np.unique(written)) == 1 and kept(original, written, "ink")
    drawn = Replace().hide(original, "text")
    assert kept(original, np.zeros_like(original), "face")
    assert not any(kept(original, drawn, entity) for entity in ("ink", "face"))
    assert not kept(original, np.full_like(original, 1), "face")
