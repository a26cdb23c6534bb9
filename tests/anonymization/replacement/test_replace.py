"""Replacement: what is kept of a region, what is drawn, and that nothing else gets through."""

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from anonbench.anonymization.methods import Replace
from anonbench.anonymization.replacement import appearance, barcodes
from anonbench.config import Anonymization, Detection
from anonbench.core import fakes
from anonbench.core.boxes import Region
from anonbench.core.fakes import TextKind
from anonbench.core.icao9303 import TD1, TD2, TD3, wrong_checks
from anonbench.core.registries.attacks import Equipment
from anonbench.core.registries.methods import RegionWindow
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import MrzReading, zone_of
from icao_specimens import SPECIMENS

PAPER, INK = (240, 230, 200), (30, 20, 90)


def line(text: str, height: int = 30, ink: tuple[int, ...] = INK) -> np.ndarray:
    """Return uint8 [height, w, 3]: a text as a scan would show it."""
    font = ImageFont.load_default(round(0.8 * height))
    width = round(font.getlength(text)) + height // 3
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((height // 6, round(0.75 * height)), text, fill=ink, font=font, anchor="ls")
    return np.asarray(image)


def code(content: str, scale: int = 4, kind: str = "QRCode") -> np.ndarray:
    made = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, kind))
    return np.array(made.to_image(scale=scale, add_quiet_zones=False))


def read(pixels: np.ndarray) -> list[str]:
    framed = np.pad(pixels, 30, constant_values=255)
    return [each.text for each in zxingcpp.read_barcodes(framed) if each.valid]


def passes_audit(original: np.ndarray, hidden: np.ndarray, entity: str) -> bool:
    planes = [np.atleast_3d(image).transpose(2, 0, 1) for image in (original, hidden)]
    whole = np.ones(original.shape[:2], bool)
    return bool(Replace().is_hidden_in(RegionWindow(*planes, whole, entity, whole, ~whole)).all())


@given(st.integers(8, 60), st.integers(8, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_only_colours_kind_and_lines_of_it_matter(height: int, width: int, seed: int) -> None:
    drawn = np.random.default_rng(seed)
    original = drawn.integers(0, 256, (height, width, 3), dtype=np.uint8)
    hidden = Replace().hide(original, "text")
    found, ink = appearance.colours(original)
    pictures = [
        found.blended(appearance.text_lines(kind, rows, ink.shape))
        for kind in TextKind
        for rows in range(1, height // 6 + 1)
    ]
    standing = height > appearance.STANDING * width
    flat = found.blended(np.zeros(ink.shape, np.uint8))
    assert standing or any(np.array_equal(hidden, each) for each in [*pictures, flat])


def test_ink_and_paper_keep_their_colours() -> None:
    original = line("Some words in ink", 40)
    hidden = Replace().hide(original, "text")
    assert {tuple(hidden[0, 0]), tuple(hidden[-1, -1])} == {PAPER}
    assert np.abs(hidden.astype(int) - INK).sum(axis=2).min() <= 6
    white_on_black = Replace().hide(255 - original, "text")
    assert white_on_black[0, 0].tolist() == [255 - value for value in PAPER]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("the quick brown fox", TextKind.WORDS),
        ("TELEPHONE SHOP BILL", TextKind.CAPITALS),
        ("0246 8095 3672", TextKind.DIGITS),
    ],
)
def test_kinds_and_numbers_of_lines_are_guessed(text: str, kind: TextKind) -> None:
    once = line(text, 48)
    for count in (1, 3):
        _, ink = appearance.colours(np.concatenate([once] * count))
        assert appearance.kind_of(ink) is kind
        assert appearance.rows_of(ink) == count


def test_a_line_aslant_is_only_filled_and_a_standing_one_drawn_standing() -> None:
    flat = line("a long line of many words, aslant", 24)
    drawn = Replace().hide(flat, "text")
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 2
    turned = Image.fromarray(flat).rotate(30, expand=True, fillcolor=PAPER)
    filled = Replace().hide(np.asarray(turned), "text")
    assert len(np.unique(filled.reshape(-1, 3), axis=0)) == 1
    upright = np.ascontiguousarray(np.rot90(flat))
    standing = Replace().hide(upright, "text")
    assert np.array_equal(standing, np.rot90(drawn)) and passes_audit(upright, standing, "text")


def test_a_paragraph_passes() -> None:
    paragraph = np.concatenate([line("several lines of text")] * 4)
    assert passes_audit(paragraph, Replace().hide(paragraph, "text"), "text")


def test_ink_is_under_paper_and_faces_are_black() -> None:
    original = line("Erika Mustermann")
    written = Replace().hide(original, "ink")
    assert (written == written[0, 0]).all() and passes_audit(original, written, "ink")
    drawn = Replace().hide(original, "text")
    assert passes_audit(original, np.zeros_like(original), "face")
    assert not any(passes_audit(original, drawn, entity) for entity in ("ink", "face"))
    assert not passes_audit(original, np.full_like(original, 1), "face")


def test_one_pale_pixel_that_others_leave_explains_the_edge_of_a_region() -> None:
    original = line("Alpha Beta")[:20, :60, 1]
    written = Replace().hide(original, "text")
    paper, ink = (int(level) for level in (written.max(), written.min()))
    pale, edge = (written > paper - 20) & (written < paper), written == ink
    own = written == paper
    own.flat[np.flatnonzero(pale)[0]] = True  # of the ink, others cover all else
    seen = RegionWindow(original[None], written[None], own, "text", own, edge)
    assert edge.any() and Replace().is_hidden_in(seen)[own | edge].all()


def test_faces_and_narrow_regions_are_masked() -> None:
    pixels = line("face")
    assert not Replace().hide(pixels, "face").any()
    for entity in ("text", "mrz", "barcode"):
        assert not Replace().hide(pixels[:7], entity).any()


@pytest.mark.parametrize("layout", [TD1, TD2, TD3], ids=lambda layout: layout.name)
def test_formats_of_zones_are_told_by_their_letters(layout: fakes.Format) -> None:
    size = (22 * len(layout.lines), 12 * layout.width)
    paper = np.full((*size, 1), 255)
    colours = appearance.Colours(paper[0, 0], np.zeros(1, np.int64))
    original = colours.blended(appearance.zone_lines(layout, size))[:, :, 0]
    letters = appearance.letters_of(appearance.colours(original)[1])
    assert letters is not None and abs(letters - layout.width) < 2
    assert appearance.zone_format(size, letters) is layout


ZONES_OF_PERSONS = [
    tuple(SPECIMENS["TD3"]),
    (
        "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<",
        "C01X00T478D<<6408125F2702283<<<<<<<<<<<<<<<4",
    ),
]
"""The specimens of ICAO Doc 9303 and of the German passport."""


def test_a_zone_becomes_another_with_right_check_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    size, paper = (110, 900), np.full((110, 900, 1), 255)
    hidden = []
    for zone in ZONES_OF_PERSONS:
        assert not wrong_checks(zone, TD3)
        with monkeypatch.context() as drawn:
            drawn.setattr(appearance, "zone", lambda *_, zone=zone: zone)
            ink = appearance.zone_lines(TD3, size)
        colours = appearance.Colours(paper[0, 0], np.zeros(1, np.int64))
        original = colours.blended(ink)[:, :, 0]
        hidden.append(Replace().hide(original, "mrz"))
        assert passes_audit(original, hidden[-1], "mrz")
    assert np.array_equal(*hidden), "nothing of a person is left, not even a difference"
    attack = MrzReading().load(Equipment(Detection(), Anonymization()))
    region = Region(Entity.MRZ, 0, 0, size[1], size[0], 1.0)
    framed = np.pad(hidden[0], ((0, 4), (0, 4)), constant_values=255)
    (read_back,) = attack.look(framed, [region], Variant("replace", 100))
    found = zone_of(read_back)
    assert found and found[0][1] == fakes.zone(TD3, size)[1], "all check digits agree"
    for zone in ZONES_OF_PERSONS:
        assert attack.shares(list(zone), read_back)["exact_fields"] == 0.0


@pytest.mark.parametrize(
    ("kind", "turns"),
    [("QRCode", 1), ("Code128", 0), ("Code128", 3), ("DataMatrix", 2), ("PDF417", 1)],
)
def test_a_code_decodes_to_other_content_of_its_kind(kind: str, turns: int) -> None:
    original = np.ascontiguousarray(np.rot90(code("SECRET1234567", 4, kind), turns))
    assert read(original) == ["SECRET1234567"]
    hidden = Replace().hide(original, "barcode")
    payload = fakes.payload(fakes.PayloadKind.CAPITALS, 13, hidden.shape[:2])
    assert read(hidden) == [payload]
    assert passes_audit(original, hidden, "barcode")
    for wrong in (original, np.rot90(hidden, 2)):
        assert not passes_audit(original, np.ascontiguousarray(wrong), "barcode")


def test_check_digits_of_codes_are_right() -> None:
    (content,) = read(Replace().hide(code("4006381333931", 3, "EAN13"), "barcode"))
    assert content != "4006381333931" and len(content) == 13


def test_what_cannot_be_read_becomes_a_code_of_its_shape() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (120, 120), dtype=np.uint8) * 255
    assert str(barcodes.code_of(noise).format) == "QR Code"
    for window, turns in ((noise[:40], 0), (noise[:, :40], 1)):
        found = barcodes.code_of(np.ascontiguousarray(window))
        assert (str(found.format), found.turns) == ("Code 128", turns)
        large = np.kron(window, np.ones((3, 3), np.uint8))
        hidden = Replace().hide(large, "barcode")
        assert len(read(hidden)) == 1
        assert passes_audit(large, hidden, "barcode")
