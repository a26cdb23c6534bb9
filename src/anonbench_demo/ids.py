"""ID documents of an invented state: portrait, fields, MRZ and barcode, scanned aslant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

import numpy as np
import zxingcpp
from faker import Faker
from PIL import Image

from anonbench.core.boxes import rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import hash_int, rng
from anonbench.core.vocabulary import Entity
from anonbench_demo import mrz
from anonbench_demo.fonts import Family, load, wrap
from anonbench_demo.listing import Drawing, box_region
from anonbench_demo.page import Mark, Page, moved
from anonbench_demo.people import Traits, draw_photo, draw_traits
from anonbench_demo.portraits import person
from anonbench_demo.scan import askew, scan_card
from anonbench_demo.sheet import draw_date
from anonbench_demo.strokes import Colour, mix, rounded

WIDTH, HEIGHT = 600, 420
STATE = "UTO"
LOCALES = ("en_GB", "de_DE", "fr_FR", "es_ES", "sv_SE", "pl_PL")


@dataclass(frozen=True)
class Series:
    """The inks of an issue. Every template is printed in every series: colour tells none apart."""

    grounds: tuple[Colour, Colour]
    line: Colour
    ink: tuple[int, int, int]


SERIES = (
    Series(((250, 226, 226), (246, 236, 214)), (232, 190, 196), (70, 24, 44)),
    Series(((216, 234, 246), (232, 240, 226)), (176, 204, 226), (20, 44, 84)),
    Series(((232, 222, 240), (222, 236, 238)), (200, 188, 220), (48, 30, 74)),
    Series(((222, 240, 218), (246, 240, 208)), (180, 214, 176), (22, 66, 46)),
    Series(((236, 236, 232), (224, 230, 238)), (200, 206, 212), (44, 48, 54)),
)


@dataclass(frozen=True)
class Template:
    """What is the same on every document of a kind; lengths in pixels of the card."""

    title: str
    photo: tuple[int, int, int, int]
    """Left, top, width, height of the portrait."""
    lines: Callable[[mrz.Holder], list[str]]
    symbol: tuple[str, int, int, int, int | None]
    """Barcode: format, left, top, pixels per module, height."""
    fields: tuple[tuple[str, str, int, int], ...]
    """Key of the value, printed label, left, baseline of the label."""
    size: tuple[int, int] = (548, 346)
    zone: tuple[float, float, float, float] = (26, 272, 27, 27)
    """Of the MRZ: left, first baseline, line step, font size."""
    grey_photo: bool = False


TEMPLATES: dict[str, Template] = {
    "driving_licence": Template(
        title="DRIVING LICENCE",
        photo=(22, 78, 136, 172),
        zone=(24, 330, 0, 23),
        lines=lambda holder: mrz.licence(STATE, holder),
        symbol=("PDF417", 200, 222, 3, None),
        fields=(
            ("surname", "1.", 174, 84),
            ("given", "2.", 174, 108),
            ("born", "3.", 174, 132),
            ("issued", "4a.", 174, 156),
            ("expires", "4b.", 322, 156),
            ("authority", "4c.", 174, 180),
            ("number", "5.", 174, 204),
            ("classes", "9.", 322, 132),
        ),
        grey_photo=True,
    ),
    "id_card": Template(
        title="IDENTITY CARD",
        photo=(20, 62, 132, 168),
        lines=lambda holder: mrz.td1("I", STATE, holder),
        symbol=("QRCode", 442, 142, 3, None),
        fields=(
            ("surname", "Surname / Nom", 170, 72),
            ("given", "Given names / Prénoms", 170, 108),
            ("born", "Date of birth", 170, 144),
            ("sex", "Sex", 290, 144),
            ("nation", "Nationality", 340, 144),
            ("place", "Place of birth", 170, 180),
            ("expires", "Date of expiry", 170, 216),
            ("number", "Card No.", 400, 72),
        ),
    ),
    "passport": Template(
        title="PASSPORT / PASSEPORT",
        size=(560, 388),
        photo=(22, 64, 156, 200),
        zone=(20, 344, 30, 19.6),
        lines=lambda holder: mrz.td3("P", STATE, holder),
        symbol=("Code128", 236, 268, 2, 44),
        fields=(
            ("kind", "Type", 200, 62),
            ("state", "Code of state", 258, 62),
            ("number", "Passport No.", 390, 62),
            ("surname", "Surname / Nom", 200, 98),
            ("given", "Given names / Prénoms", 200, 134),
            ("nation", "Nationality", 200, 170),
            ("born", "Date of birth", 340, 170),
            ("sex", "Sex", 200, 206),
            ("place", "Place of birth", 258, 206),
            ("issued", "Date of issue", 200, 242),
            ("expires", "Date of expiry", 340, 242),
        ),
    ),
    "residence_permit": Template(
        title="RESIDENCE PERMIT",
        photo=(392, 60, 132, 168),
        lines=lambda holder: mrz.td1("IR", STATE, holder),
        symbol=("DataMatrix", 264, 178, 4, None),
        fields=(
            ("surname", "Name", 26, 76),
            ("given", "Forenames", 26, 112),
            ("expires", "Valid until", 26, 148),
            ("number", "Permit No.", 150, 148),
            ("place", "Place of issue", 26, 184),
            ("permit", "Type of permit", 26, 220),
            ("nation", "Nationality", 270, 76),
            ("born", "Born", 270, 112),
            ("sex", "Sex", 270, 148),
        ),
    ),
}
"""The kinds of documents, by the names of their folders."""


@lru_cache(maxsize=len(LOCALES))
def _faker(locale: str) -> Faker:
    return Faker(locale)


def draw(seed: int, template: str, key: str) -> Drawing:
    """Draw the document `key` of a template: uint8 [420, 600, 3] with all four entities."""
    design, random = TEMPLATES[template], rng(seed, "id", template, key)
    traits = replace(draw_traits(random), hat=None)
    holder, values = _holder(random, hash_int(seed, "faker", template, key), traits.male)
    series = SERIES[int(random.integers(len(SERIES)))]
    page = _card(design, series)
    face = _photo(page, design, random, traits)
    _print(page, design, series, values)
    _zone(page, design, design.lines(holder))
    _symbol(page, design, holder)
    return _scan(page, design, face, random)


def _holder(
    random: np.random.Generator, faker_seed: int, male: bool
) -> tuple[mrz.Holder, dict[str, str]]:
    fake = _faker(LOCALES[int(random.integers(len(LOCALES)))])
    fake.seed_instance(faker_seed)
    given = fake.first_name_male() if male else fake.first_name_female()
    surname = fake.last_name()
    born, issued = draw_date(random, 1945, 2004), draw_date(random, 2016, 2024)
    expires = date(issued.year + 10, issued.month, min(issued.day, 28))
    number = fake.bothify("??#######", letters="CFGHJKLMNPRTVWXYZ").upper()
    sex = "M" if male else "F"
    holder = mrz.Holder(surname, given, STATE, born, sex, number, expires)
    values = {
        "surname": surname.upper(),
        "given": given,
        "born": f"{born:%d.%m.%Y}",
        "issued": f"{issued:%d.%m.%Y}",
        "expires": f"{expires:%d.%m.%Y}",
        "sex": sex,
        "nation": "UTOPIAN",
        "place": fake.city(),
        "number": number,
        "authority": fake.city().upper(),
        "classes": ("AM / B", "A / B / BE", "B / C1", "B")[int(random.integers(4))],
        "kind": "P",
        "state": STATE,
        "permit": ("EMPLOYMENT", "STUDIES", "FAMILY")[int(random.integers(3))],
    }
    return holder, values


def _card(design: Template, series: Series) -> Page:
    """Return the empty card with its printed ground, title bar and emblem."""
    width, height = design.size
    pixels = ground(width, height, *series.grounds, series.line).copy()
    ink = np.array(series.ink, np.uint8)
    pixels[0:40] = (pixels[0:40] * 0.25 + ink * 0.75).astype(np.uint8)
    right = design.photo[0] > width / 2
    accent: Colour = tuple(float(channel) for channel in ink)  # type: ignore[assignment]
    emblem(pixels, (22 if right else width - 26, 20), 16, accent)
    page = Page(width, height, (255, 255, 255))
    page.image.paste(Image.fromarray(pixels))
    light, bold = (250, 248, 240), Family.SANS.bold(17)
    page.text(46 if right else 16, 26, design.title, bold, ink=light)
    edge = width - (16 if right else 50)
    page.right(edge, 26, "UTOPIA", Family.SLAB.bold(15), ink=light)
    return page


def _photo(page: Page, design: Template, random: np.random.Generator, traits: Traits) -> np.ndarray:
    """Paste the portrait; return the face's box on the card."""
    left, top, width, height = design.photo
    unit = width / 9.6
    view = draw_photo(random, steady=True)
    image, box = person(traits, view, random, (width, height), unit, (width / 2, height * 0.44))
    if design.grey_photo:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    page.image.paste(Image.fromarray(image), (left, top))
    page.box(left - 1, top - 1, left + width, top + height, ink=(60, 60, 64))
    inside = np.clip(box, 0, (width, height, width, height))
    return np.asarray(inside + np.array((left, top, left, top)))


def _print(page: Page, design: Template, series: Series, values: dict[str, str]) -> None:
    numbered = design.fields[0][1].endswith(".")
    label, value = Family.SANS.regular(11 if numbered else 8.5), Family.SANS.regular(13)
    right, down = (28, 0) if numbered else (0, 17)
    for key, name, x, y in design.fields:
        page.text(x, y, name, label, ink=series.ink)
        shown = wrap(values[key], value, 190.0)[0]
        page.text(x + right, y + down, shown, value, ink=(24, 22, 26))


def _zone(page: Page, design: Template, lines: list[str]) -> None:
    left, y, step, size = design.zone
    font = load("DejaVuSansMono", size)
    width, height = design.size
    band = y - size * 1.25
    page.box(0, band, width, height, ink=None, fill=(244, 242, 236))
    for number, line in enumerate(lines):
        page.text(left, y + number * step, line, font, ink=(20, 20, 24), entity=Entity.MRZ)


def _symbol(page: Page, design: Template, holder: mrz.Holder) -> None:
    name, left, top, scale, height = design.symbol
    full = f"{holder.number}{STATE}{holder.birth:%y%m%d}{holder.sex}{holder.expiry:%y%m%d}"
    content = holder.number if name in ("Code128", "PDF417") else full
    bars = barcode(content, name, scale, height)
    page.image.paste(Image.fromarray(bars).convert("RGB"), (left, top))
    # the blank quiet zone around a code tells nothing, and no detector reports it
    (x0, y0), (x1, y1) = extent(bars)
    page.mark(Entity.BARCODE, (left + x0, top + y0, left + x1, top + y1))


def _scan(page: Page, design: Template, face: np.ndarray, random: np.random.Generator) -> Drawing:
    size = WIDTH, HEIGHT
    transform = askew(design.size, size, random, sway=(1.6, 3.5), least=0.9, room=(10, 4))
    image = scan_card(page.pixels(), transform, size, _rounded(*design.size), random)
    corners = rectangle(*face) @ transform[:, :2].T + transform[:, 2]
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    marks = [mark for mark in page.marks if mark.entity is not Entity.MRZ] + [_zone_mark(page)]
    regions = moved(marks, transform, WIDTH, HEIGHT)
    return Drawing(image, [*regions, box_region(Entity.FACE, box, WIDTH, HEIGHT)])


def _zone_mark(page: Page) -> Mark:
    """Return the zone around all lines of the MRZ: it is one region."""
    corners = np.vstack([mark.corners for mark in page.marks if mark.entity is Entity.MRZ])
    return Mark(Entity.MRZ, rectangle(*corners.min(axis=0), *corners.max(axis=0)))


@lru_cache(maxsize=4)
def _rounded(width: int, height: int) -> np.ndarray:
    """Return the shape of a card with round corners, 0–255."""
    cover = np.zeros((height, width), np.uint8)
    radius = 16
    cv2.rectangle(cover, (radius, radius), (width - radius - 1, height - radius - 1), 255, -1)
    return cv2.dilate(cover, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))


Pixels = np.ndarray

BITS = 4


@lru_cache(maxsize=16)
def ground(width: int, height: int, first: Colour, second: Colour, line: Colour) -> Pixels:
    """Return a card's printed ground [height, width, 3]: a rainbow of two inks under guilloches.

    The array is shared: do not write to it.
    """
    share = np.linspace(0, 1, width)[None, :] * 0.7 + np.linspace(0, 0.3, height)[:, None]
    base = np.array(first) + share[:, :, None] * (np.array(second) - np.array(first))
    card = cv2.resize(base.astype(np.uint8), (width * 2, height * 2))
    t = np.linspace(0, 1, 260)
    for number in range(26):
        phase = number * 0.24
        wave = 0.5 + 0.42 * np.sin(t * 9 + phase) * np.cos(t * 3.1 - phase * 0.6)
        _curve(card, t * 2 * width, (wave + (number - 13) * 0.035) * 2 * height, line)
    for share_x, share_y, radius in ((0.72, 0.5, 0.34), (0.2, 0.3, 0.22)):
        _rosette(card, (share_x * 2 * width, share_y * 2 * height), radius * 2 * height, line)
    result: np.ndarray = cv2.resize(card, (width, height), interpolation=cv2.INTER_AREA)
    result.setflags(write=False)
    return result


def _rosette(card: Pixels, centre: tuple[float, float], radius: float, line: Colour) -> None:
    angle = np.linspace(0, 2 * np.pi, 500)
    for number in range(14):
        reach = radius * (0.62 + 0.36 * np.sin(7 * angle + number * 0.45) * np.cos(number * 0.2))
        x, y = centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)
        _curve(card, x, y, line)


def _curve(card: Pixels, x: np.ndarray, y: np.ndarray, line: Colour) -> None:
    path = np.rint(np.column_stack([x, y]) * 2**BITS).astype(np.int32)
    cv2.polylines(card, [path], False, rounded(line), 1, cv2.LINE_AA, BITS)


def emblem(card: Pixels, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """Draw a sun with rays into a ring, in place."""
    scale = 2**BITS
    ink, pale = rounded(colour), rounded(mix(colour, (255, 255, 255), 0.7))
    middle = (centre[0] * scale, centre[1] * scale)
    cv2.circle(card, middle, radius * scale, ink, -1, cv2.LINE_AA, BITS)
    angle = np.arange(24) * (np.pi / 12)
    reach = np.where(np.arange(24) % 2, 0.42, 0.82) * radius
    star = np.column_stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)])
    cv2.fillPoly(card, [np.rint(star * scale).astype(np.int32)], pale, cv2.LINE_AA, BITS)
    cv2.circle(card, middle, round(radius * 0.3 * scale), ink, -1, cv2.LINE_AA, BITS)


def barcode(text: str, format_name: str, scale: int, height: int | None = None) -> Pixels:
    """Return a barcode with its quiet zone, grey uint8; linear ones may be cut to `height`.

    `format_name` is one of zxing-cpp's, for example `Code128`, `PDF417`, `QRCode`.
    """
    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, format_name))
    image = np.array(zxingcpp.write_barcode_to_image(symbol, scale=scale, add_quiet_zones=True))
    return image if height is None else image[:height]


def extent(bars: Pixels) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return x and y of the first pixel of a code's ink, and of the one after its last."""
    rows, columns = np.nonzero((bars < 128).any(axis=1))[0], np.nonzero((bars < 128).any(axis=0))[0]
    return (int(columns[0]), int(rows[0])), (int(columns[-1]) + 1, int(rows[-1]) + 1)
