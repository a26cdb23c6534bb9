"""Identities: lasting traits of a person, and what changes between photos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import numpy as np

from anonbench_demo.strokes import Colour, mix

Choice = TypeVar("Choice")

SKIN: tuple[Colour, ...] = (
    (250, 222, 200),
    (240, 200, 168),
    (226, 178, 136),
    (198, 142, 100),
    (158, 104, 70),
    (120, 78, 54),
)
HAIR: dict[str, tuple[Colour, Colour]] = {
    "black": ((38, 32, 34), (56, 46, 44)),
    "brown": ((84, 54, 36), (128, 86, 54)),
    "blond": ((196, 154, 90), (228, 196, 138)),
    "red": ((148, 70, 36), (176, 92, 50)),
    "gray": ((138, 136, 136), (192, 190, 188)),
}
IRIS: tuple[Colour, ...] = (
    (74, 48, 30),
    (104, 72, 40),
    (84, 110, 70),
    (74, 112, 150),
    (96, 110, 120),
)
CLOTHES: tuple[Colour, ...] = (
    (44, 54, 84),
    (60, 62, 68),
    (120, 36, 44),
    (40, 96, 92),
    (70, 108, 160),
    (196, 178, 150),
    (214, 120, 96),
    (92, 70, 120),
    (226, 222, 214),
    (84, 110, 70),
    (220, 170, 70),
    (200, 130, 160),
)


class Style(StrEnum):
    """Hair styles."""

    SHORT = "short"
    SIDE_PART = "side_part"
    CURLY = "curly"
    CROPPED = "cropped"
    BALD = "bald"
    BOB = "bob"
    LONG = "long"
    WAVY = "wavy"
    BUN = "bun"


class Outfit(StrEnum):
    """Clothes."""

    SUIT = "suit"
    SHIRT = "shirt"
    SWEATER = "sweater"
    TSHIRT = "tshirt"
    DRESS = "dress"
    BLOUSE = "blouse"


@dataclass(frozen=True)
class Traits:
    """What stays with an identity; lengths in units of half the distance between the eyes."""

    male: bool
    skin: Colour
    skin_tone: float
    hair_kind: str
    hair: Colour
    style: Style
    volume: float
    hairline: float
    parting: float
    bangs: bool
    moustache: bool
    goatee: bool
    stubble: float
    width: float
    jaw: float
    chin: float
    cheek: float
    eye: float
    eye_tilt: float
    iris: Colour
    brow: float
    brow_arch: float
    brow_gap: float
    nose: float
    nose_width: float
    lips: float
    mouth: float
    lipstick: Colour | None
    glasses: Colour | None
    round_glasses: bool
    hat: Colour | None
    earrings: bool
    necklace: bool
    outfit: Outfit
    cloth: Colour
    accent: Colour
    shoulders: float


@dataclass(frozen=True)
class Photo:
    """What changes from photo to photo."""

    shift: tuple[float, float]
    scale: float
    roll: float
    yaw: float
    smile: float
    opening: float
    lids: float
    gaze: float
    light: float
    light_strength: float
    gain: float
    warmth: float
    ground: Colour
    ground_slope: float


def draw_traits(random: np.random.Generator) -> Traits:
    """Draw an identity."""
    male = bool(random.random() < 0.5)
    tone = float(random.beta(1.1, 1.6))
    hair_kind = _hair_kind(random, tone)
    style = _style(random, male)
    outfit = _outfit(random, male)
    cloth = _pick(random, CLOTHES)
    return Traits(
        male=male,
        skin=_along(SKIN, tone),
        skin_tone=tone,
        hair_kind=hair_kind,
        hair=mix(*HAIR[hair_kind], float(random.random())),
        style=style,
        volume=random.uniform(0.0, 0.45) if male else random.uniform(0.1, 0.6),
        hairline=random.uniform(-0.25, 0.25),
        parting=random.uniform(-0.9, 0.9),
        bangs=bool(random.random() < (0.1 if male else 0.35))
        and style not in (Style.BALD, Style.CROPPED),
        moustache=male and bool(random.random() < 0.22),
        goatee=male and bool(random.random() < 0.2),
        stubble=random.uniform(0.0, 0.32) if male else 0.0,
        width=random.uniform(1.95, 2.3) if male else random.uniform(1.85, 2.15),
        jaw=random.uniform(0.82, 0.95) if male else random.uniform(0.72, 0.84),
        chin=random.uniform(3.4, 3.75) if male else random.uniform(3.15, 3.5),
        cheek=random.uniform(0.15, 0.4),
        eye=random.uniform(0.48, 0.58) if male else random.uniform(0.54, 0.66),
        eye_tilt=random.uniform(-0.06, 0.14),
        iris=_pick(random, IRIS[: 2 if tone > 0.55 else len(IRIS)]),
        brow=random.uniform(0.15, 0.26) if male else random.uniform(0.08, 0.15),
        brow_arch=random.uniform(0.02, 0.16) if male else random.uniform(0.12, 0.3),
        brow_gap=random.uniform(0.62, 0.8) if male else random.uniform(0.72, 0.95),
        nose=random.uniform(1.15, 1.45),
        nose_width=random.uniform(0.44, 0.62) if male else random.uniform(0.38, 0.52),
        lips=random.uniform(0.7, 1.0) if male else random.uniform(0.95, 1.35),
        mouth=random.uniform(0.82, 1.02),
        lipstick=_lipstick(random) if not male and random.random() < 0.6 else None,
        glasses=_pick(random, ((30, 28, 30), (110, 64, 34), (120, 124, 130)))
        if random.random() < 0.16
        else None,
        round_glasses=bool(random.random() < 0.5),
        hat=_pick(random, CLOTHES[:8]) if random.random() < 0.07 else None,
        earrings=not male and bool(random.random() < 0.4),
        necklace=not male and bool(random.random() < 0.5),
        outfit=outfit,
        cloth=cloth,
        accent=_pick(random, tuple(colour for colour in CLOTHES if colour != cloth)),
        shoulders=random.uniform(4.4, 4.9) if male else random.uniform(3.6, 4.1),
    )


def change_clothes(traits: Traits, random: np.random.Generator) -> Traits:
    """Return the same person in other clothes."""
    cloth = _pick(random, CLOTHES)
    accent = _pick(random, tuple(colour for colour in CLOTHES if colour != cloth))
    outfit = _outfit(random, traits.male)
    return replace(traits, outfit=outfit, cloth=cloth, accent=accent)


def draw_photo(random: np.random.Generator, steady: bool = False) -> Photo:
    """Draw a photo's pose, light and expression; `steady` is a passport photo's restraint."""
    sway = 0.2 if steady else 1.0
    smiling = random.random() < (0.1 if steady else 0.5)
    grey = random.uniform(202, 222)
    tint = random.uniform(-4, 4, size=3)
    return Photo(
        shift=(random.uniform(-13, 13) * sway, random.uniform(-9, 9) * sway),
        scale=random.uniform(1 - 0.14 * sway, 1 + 0.14 * sway),
        roll=float(np.clip(random.normal(0, 0.08 * sway), -0.2, 0.2)),
        yaw=float(np.clip(random.normal(0, 0.19 * sway), -0.4, 0.4)),
        smile=random.uniform(0.55, 1.0) if smiling else random.uniform(-0.15, 0.15),
        opening=random.uniform(0.35, 1.0)
        if random.random() < (0.7 if smiling else 0.12) and not steady
        else 0.0,
        lids=random.uniform(0.82, 1.05),
        gaze=float(random.normal(0, 0.08 * sway)),
        light=random.uniform(-1.0, 1.0),
        light_strength=random.uniform(0.03, 0.13 if not steady else 0.06),
        gain=random.uniform(0.93, 1.06),
        warmth=random.uniform(-0.02, 0.025),
        ground=(grey + tint[0], grey + tint[1], grey + tint[2]),
        ground_slope=random.uniform(-12, 12),
    )


def attributes(traits: Traits, photo: Photo) -> dict[str, bool]:
    """Return the attributes of CelebA that the drawings show, by its names and in its order."""
    hair = traits.hair_kind if traits.style is not Style.BALD else ""
    return {
        "Bald": traits.style is Style.BALD,
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
        "Wavy_Hair": traits.style in (Style.WAVY, Style.CURLY),
        "Wearing_Earrings": traits.earrings,
        "Wearing_Hat": traits.hat is not None,
        "Wearing_Lipstick": traits.lipstick is not None,
        "Wearing_Necklace": traits.necklace,
        "Wearing_Necktie": traits.outfit is Outfit.SUIT,
    }


def _hair_kind(random: np.random.Generator, tone: float) -> str:
    light = (0.22, 0.34, 0.26, 0.08, 0.10)
    dark = (0.72, 0.18, 0.0, 0.0, 0.10)
    return str(random.choice(list(HAIR), p=dark if tone > 0.55 else light))


def _style(random: np.random.Generator, male: bool) -> Style:
    """Most men have short and most women long hair, but not all: the label is not one feature."""
    short = (Style.SHORT, Style.SIDE_PART, Style.CURLY, Style.CROPPED)
    long = (Style.BOB, Style.LONG, Style.WAVY, Style.BUN)
    if male and random.random() < 0.1:
        return Style.BALD
    usual, rare = (short, long[:2]) if male else (long, short[1:3])
    return _pick(random, rare if random.random() < 0.08 else usual)


def _outfit(random: np.random.Generator, male: bool) -> Outfit:
    shares = (0.36, 0.24, 0.2, 0.2, 0.0, 0.0) if male else (0.02, 0.1, 0.16, 0.12, 0.34, 0.26)
    return Outfit(str(random.choice(list(Outfit), p=shares)))


def _lipstick(random: np.random.Generator) -> Colour:
    return mix((196, 60, 72), (170, 48, 88), float(random.random()))


def _along(colours: tuple[Colour, ...], share: float) -> Colour:
    place = share * (len(colours) - 1)
    index = min(int(place), len(colours) - 2)
    return mix(colours[index], colours[index + 1], place - index)


def _pick(random: np.random.Generator, choices: tuple[Choice, ...]) -> Choice:
    return choices[int(random.integers(len(choices)))]
