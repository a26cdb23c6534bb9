"""ID documents of an invented state: portrait, fields, MRZ and barcode, scanned aslant."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import zxingcpp
from faker import Faker
from PIL import Image, ImageDraw

from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import hash_int, rng
from anonbench.core.vocabulary import Entity
from anonbench_demo import mrz
from anonbench_demo.fonts import Family, load
from anonbench_demo.listing import Drawing
from anonbench_demo.people import Photo, Traits
from anonbench_demo.portraits import person
from anonbench_demo.scan import askew, scan_card
from anonbench_demo.sheet import LAYOUTS, Sheet
from anonbench_demo.strokes import Colour

SIZE = WIDTH, HEIGHT = 600, 420
STATE = "UTO"
LOCALES = ("en_GB", "de_DE", "fr_FR", "es_ES", "sv_SE", "pl_PL")
TEMPLATES: dict[str, dict[str, Any]] = LAYOUTS["cards"]
ZONES: dict[str, Callable[[mrz.Holder], list[str]]] = {
    "driving_licence": lambda holder: mrz.licence(STATE, holder),
    "id_card": lambda holder: mrz.td1("I", STATE, holder),
    "passport": lambda holder: mrz.td3("P", STATE, holder),
    "residence_permit": lambda holder: mrz.td1("IR", STATE, holder),
}


class Series(NamedTuple):
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


@lru_cache(maxsize=len(LOCALES))
def _faker(locale: str) -> Faker:
    return Faker(locale)


def draw(seed: int, template: str, key: str) -> Drawing:
    """Draw the document `key` of a template: uint8 [420, 600, 3] with all four entities."""
    design, random = TEMPLATES[template], rng(seed, "id", template, key)
    traits = Traits(random)
    traits.hat = None
    fake = _faker(LOCALES[int(random.integers(len(LOCALES)))])
    fake.seed_instance(hash_int(seed, "faker", template, key))
    holder = _holder(fake, random, traits.male)
    series = SERIES[int(random.integers(len(SERIES)))]
    sheet = Sheet(
        image=Image.fromarray(ground(*design["size"], series)),
        fake=fake,
        random=random,
        family=Family.SANS,
        size=13,
        left=design["left"],
        right=design["right"],
        y=62,
        floor=HEIGHT,
        ink=series.ink,
        words={
            name: f"{value:%d.%m.%Y}" if isinstance(value, date) else value
            for name, value in vars(holder).items()
        },
    )
    _head(sheet, design["title"])
    _photo(sheet, design["photo"], traits, grey=template == "driving_licence")
    sheet.fill(design["fields"])
    _symbol(sheet, holder.number, design["symbol"])
    _zone(sheet, ZONES[template](holder), design["zone"])
    transform = askew(design["size"], SIZE, random, sway=(1.6, 3.5), least=0.9, room=(10, 4))
    cover = Image.new("L", design["size"])
    right, bottom = cover.width - 1, cover.height - 1
    ImageDraw.Draw(cover).rounded_rectangle([0, 0, right, bottom], 16, fill=255)
    image = scan_card(np.array(sheet.image), transform, SIZE, np.array(cover), random)
    return Drawing(image, sheet.regions(transform, *SIZE))


def _holder(fake: Faker, random: np.random.Generator, male: bool) -> mrz.Holder:
    def day(first: int, last: int) -> date:
        return date(*random.integers((first, 1, 1), (last + 1, 13, 29)).tolist())

    return mrz.Holder(
        surname=fake.last_name(),
        given=fake.first_name_male() if male else fake.first_name_female(),
        nationality=STATE,
        birth=day(1945, 2004),
        sex="M" if male else "F",
        number=fake.bothify("??#######", letters="CFGHJKLMNPRTVWXYZ").upper(),
        expiry=day(2026, 2034),
    )


def _head(sheet: Sheet, title: str) -> None:
    """Print the title's bar with a sun as the state's emblem."""
    width, light = sheet.image.width, (250, 248, 240)
    sheet.draw.rectangle([0, 0, width, 39], fill=sheet.ink)
    sheet.draw.regular_polygon((30, 20, 12), 8, fill=light)
    sheet.draw.circle((30, 20), 5, fill=sheet.ink)
    sheet.print(54, 26, title, Family.SANS.font(17, "bold"), ink=light)
    sheet.print(width - 20, 26, "UTOPIA", Family.SLAB.font(15, "bold"), "rs", light)


def _photo(sheet: Sheet, place: list[int], traits: Traits, grey: bool) -> None:
    left, top, width, height = place
    view, eyes = Photo(sheet.random, steady=True), (width / 2, height * 0.44)
    pixels, box = person(traits, view, sheet.random, (width, height), width / 9.6, eyes)
    image = Image.fromarray(pixels)
    sheet.image.paste(image.convert("L") if grey else image, (left, top))
    sheet.draw.rectangle([left - 1, top - 1, left + width, top + height], outline=(60, 60, 64))
    x0, y0, x1, y1 = np.clip(box, 0, (width, height) * 2).tolist()
    sheet.mark(Entity.FACE, (left + x0, top + y0, left + x1, top + y1))


def _symbol(sheet: Sheet, number: str, place: tuple[Any, ...]) -> None:
    """Paste a barcode, cut at a height if it has one; the quiet zone around it tells nothing."""
    name, left, top, scale, *height = place
    code = zxingcpp.create_barcode(number, getattr(zxingcpp.BarcodeFormat, name))
    bars = np.array(zxingcpp.write_barcode_to_image(code, scale=scale, add_quiet_zones=True))
    bars = bars[: height[0] if height else None]
    sheet.image.paste(Image.fromarray(bars), (left, top))
    x, y, width, high = cv2.boundingRect(255 - bars)
    sheet.mark(Entity.BARCODE, (left + x, top + y, left + x + width, top + y + high))


def _zone(sheet: Sheet, lines: list[str], place: tuple[float, ...]) -> None:
    """Print the lines of the MRZ on a light band; they are one region."""
    left, base, size, step = place
    sheet.draw.rectangle([0, base - size * 1.25, *sheet.image.size], fill=(244, 242, 236))
    font = load("DejaVuSansMono", size)
    for number, line in enumerate(lines):
        sheet.print(left, base + number * step, line, font, ink=(20, 20, 24), entity=Entity.MRZ)
    corners = np.vstack([sheet.marks.pop()[1] for _ in lines])
    sheet.mark(Entity.MRZ, (*corners.min(axis=0), *corners.max(axis=0)))


@lru_cache(maxsize=16)
def ground(width: int, height: int, series: Series) -> np.ndarray:
    """A card's ground [height, width, 3], shared: a rainbow of two inks under fine wavy lines."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    first, second, line = (np.array(each) for each in (*series.grounds, series.line))
    base = first + (0.7 * x + 0.3 * y)[:, :, None] * (second - first)
    waves = y + 0.15 * np.sin(9 * x) * np.cos(3 * x + 5 * y)
    rings = np.hypot(x - 0.7, y - 0.5) + 0.04 * np.sin(7 * np.arctan2(y - 0.5, x - 0.7))
    share = np.maximum(*(np.abs(np.sin(70 * field)) ** 30 for field in (waves, rings)))
    return np.asarray(base + share[:, :, None] * (line - base)).astype(np.uint8)
