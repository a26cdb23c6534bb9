"""Identities: lasting traits of a person, and what changes between photos."""

from typing import Literal, TypeVar, get_args

import numpy as np

from anonbench_demo.strokes import Colour, mix

Choice = TypeVar("Choice")

Style = Literal["short", "side_part", "curly", "cropped", "bald", "bob", "long", "wavy", "bun"]
Outfit = Literal["suit", "shirt", "sweater", "tshirt", "dress", "blouse"]


def _colours(hexadecimal: str) -> tuple[Colour, ...]:
    words = map(bytes.fromhex, hexadecimal.split())
    return tuple((float(red), float(green), float(blue)) for red, green, blue in words)


SKIN = _colours("fadec8 f0c8a8 e2b288 c68e64 9e6846 784e36")
IRIS = _colours("4a301e 684828 546e46 4a7096 606e78")
CLOTHES = _colours(
    "2c3654 3c3e44 78242c 28605c 466ca0 c4b296 d67860 5c4678 e2ded6 546e46 dcaa46 c882a0"
)
RIMS = _colours("1e1c1e 6e4022 787c82")
LIPSTICK = _colours("c43c48 aa3058")
HAIR = {
    "black": _colours("262022 382e2c"),
    "brown": _colours("543624 805636"),
    "blond": _colours("c49a5a e4c48a"),
    "red": _colours("944624 b05c32"),
    "gray": _colours("8a8888 c0bebc"),
}


class Traits:
    """What stays with an identity; lengths in units of half the distance between the eyes."""

    def __init__(self, random: np.random.Generator) -> None:
        self.male = male = bool(random.random() < 0.5)
        self.skin_tone = tone = float(random.beta(1.1, 1.6))
        self.skin = _along(SKIN, tone)
        light, dark = (0.22, 0.34, 0.26, 0.08, 0.10), (0.72, 0.18, 0.0, 0.0, 0.10)
        self.hair_kind = str(random.choice(list(HAIR), p=dark if tone > 0.55 else light))
        self.style = style = _style(random, male)
        self.outfit = _outfit(random, male)
        self.cloth = _pick(random, CLOTHES)
        self.hair = _along(HAIR[self.hair_kind], random.random())
        self.volume = random.uniform(0.0, 0.45) if male else random.uniform(0.1, 0.6)
        self.hairline = random.uniform(-0.25, 0.25)
        self.parting = random.uniform(-0.9, 0.9)
        fringed = random.random() < (0.1 if male else 0.35)
        self.bangs = fringed and style not in ("bald", "cropped")
        self.moustache = male and random.random() < 0.22
        self.goatee = male and random.random() < 0.2
        self.stubble = random.uniform(0.0, 0.32) if male else 0.0
        self.width = random.uniform(1.95, 2.3) if male else random.uniform(1.85, 2.15)
        self.jaw = random.uniform(0.82, 0.95) if male else random.uniform(0.72, 0.84)
        self.chin = random.uniform(3.4, 3.75) if male else random.uniform(3.15, 3.5)
        self.cheek = random.uniform(0.15, 0.4)
        self.eye = random.uniform(0.48, 0.58) if male else random.uniform(0.54, 0.66)
        self.eye_tilt = random.uniform(-0.06, 0.14)
        self.iris = _pick(random, IRIS[: 2 if tone > 0.55 else len(IRIS)])
        self.brow = random.uniform(0.15, 0.26) if male else random.uniform(0.08, 0.15)
        self.brow_arch = random.uniform(0.02, 0.16) if male else random.uniform(0.12, 0.3)
        self.brow_gap = random.uniform(0.62, 0.8) if male else random.uniform(0.72, 0.95)
        self.nose = random.uniform(1.15, 1.45)
        self.nose_width = random.uniform(0.44, 0.62) if male else random.uniform(0.38, 0.52)
        self.lips = random.uniform(0.7, 1.0) if male else random.uniform(0.95, 1.35)
        self.mouth = random.uniform(0.82, 1.02)
        self.mouth_height = self.nose + (self.chin - self.nose) * 0.36
        painted = not male and random.random() < 0.6
        self.lipstick = _along(LIPSTICK, random.random()) if painted else None
        self.glasses = _pick(random, RIMS) if random.random() < 0.16 else None
        self.round_glasses = random.random() < 0.5
        self.hat = _pick(random, CLOTHES[:8]) if random.random() < 0.07 else None
        self.earrings = not male and random.random() < 0.4
        self.necklace = not male and random.random() < 0.5
        self.accent = self._accent(random)
        self.shoulders = random.uniform(4.4, 4.9) if male else random.uniform(3.6, 4.1)

    def change_clothes(self, random: np.random.Generator) -> None:
        """Draw other clothes."""
        self.cloth = _pick(random, CLOTHES)
        self.accent = self._accent(random)
        self.outfit = _outfit(random, self.male)

    def _accent(self, random: np.random.Generator) -> Colour:
        return _pick(random, tuple(colour for colour in CLOTHES if colour != self.cloth))


class Photo:
    """What changes from photo to photo; `steady` is a passport photo's restraint."""

    def __init__(self, random: np.random.Generator, steady: bool = False) -> None:
        sway = 0.2 if steady else 1.0
        smiling = random.random() < (0.1 if steady else 0.5)
        grey = random.uniform(202, 222)
        self.ground = grey + random.uniform(-4, 4, size=3)
        self.shift = (random.uniform(-13, 13) * sway, random.uniform(-9, 9) * sway)
        self.scale = random.uniform(1 - 0.14 * sway, 1 + 0.14 * sway)
        self.roll = float(np.clip(random.normal(0, 0.08 * sway), -0.2, 0.2))
        self.yaw = float(np.clip(random.normal(0, 0.19 * sway), -0.4, 0.4))
        self.smile = random.uniform(0.55, 1.0) if smiling else random.uniform(-0.15, 0.15)
        talking = random.random() < (0.7 if smiling else 0.12) and not steady
        self.opening = random.uniform(0.35, 1.0) if talking else 0.0
        self.lids = random.uniform(0.82, 1.05)
        self.gaze = random.normal(0, 0.08 * sway)
        self.light = random.uniform(-1.0, 1.0)
        self.light_strength = random.uniform(0.03, 0.06 if steady else 0.13)
        self.gain = random.uniform(0.93, 1.06)
        self.warmth = random.uniform(-0.02, 0.025)
        self.ground_slope = random.uniform(-12, 12)


def attributes(traits: Traits, photo: Photo) -> dict[str, bool]:
    """Return the attributes of CelebA that the drawings show, by its names and in its order."""
    hair = traits.hair_kind if traits.style != "bald" else ""
    return {
        "Bald": traits.style == "bald",
        "Bangs": traits.bangs,
        "Black_Hair": hair == "black",
        "Blond_Hair": hair == "blond",
        "Brown_Hair": hair == "brown",
        "Eyeglasses": traits.glasses is not None,
        "Goatee": traits.goatee,
        "Gray_Hair": hair == "gray",
        "Male": traits.male,
        "Mouth_Slightly_Open": photo.opening > 0,
        "Mustache": traits.moustache,
        "Pale_Skin": traits.skin_tone < 0.12,
        "Smiling": photo.smile > 0.5,
        "Wavy_Hair": traits.style in ("wavy", "curly"),
        "Wearing_Earrings": traits.earrings,
        "Wearing_Hat": traits.hat is not None,
        "Wearing_Lipstick": traits.lipstick is not None,
        "Wearing_Necklace": traits.necklace,
        "Wearing_Necktie": traits.outfit == "suit",
    }


def _style(random: np.random.Generator, male: bool) -> Style:
    """Most men have short and most women long hair, but not all: the label is not one feature."""
    short: tuple[Style, ...] = ("short", "side_part", "curly", "cropped")
    long: tuple[Style, ...] = ("bob", "long", "wavy", "bun")
    if male and random.random() < 0.1:
        return "bald"
    usual, rare = (short, long[:2]) if male else (long, short[1:3])
    return _pick(random, rare if random.random() < 0.08 else usual)


def _outfit(random: np.random.Generator, male: bool) -> Outfit:
    shares = (0.36, 0.24, 0.2, 0.2, 0.0, 0.0) if male else (0.02, 0.1, 0.16, 0.12, 0.34, 0.26)
    outfit: Outfit = get_args(Outfit)[int(random.choice(6, p=shares))]
    return outfit


def _along(colours: tuple[Colour, ...], share: float) -> Colour:
    place = share * (len(colours) - 1)
    index = min(int(place), len(colours) - 2)
    return mix(colours[index], colours[index + 1], place - index)


def _pick(random: np.random.Generator, choices: tuple[Choice, ...]) -> Choice:
    return choices[int(random.integers(len(choices)))]
