"""Surroundings of the face: hair, hats, neck and clothes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from anonbench.core.libraries.opencv import cv2
from anonbench_demo.people import Outfit, Style, Traits
from anonbench_demo.strokes import (
    SUPERSAMPLING,
    Canvas,
    Colour,
    Mask,
    Points,
    curve,
    ellipse,
    mirrored,
    mix,
    moved,
    points,
    shade,
    smooth,
    soften,
)

LONG = (Style.LONG, Style.WAVY, Style.BOB)
STRANDS = 2048


@lru_cache(maxsize=16)
def _angles(height: int, width: int, x: int, y: int) -> np.ndarray:
    """Return each pixel's direction as seen from (x, y), as an index into the strands."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle: np.ndarray = np.arctan2(rows - y, columns - x) / (2 * np.pi) + 0.5
    return (angle * (STRANDS - 1)).astype(np.intp)


def strands(head: Canvas, colour: Colour, random: np.random.Generator) -> Points:
    """Return hair-coloured pixels [H, W, 3] float32: streaks that run out from the crown."""
    fine = cv2.GaussianBlur(random.normal(0, 1, (1, STRANDS)), (0, 0), 3.0)[0] * 0.34
    broad = cv2.GaussianBlur(random.normal(0, 1, (1, STRANDS)), (0, 0), 22.0)[0] * 0.85
    height, width = head.pixels.shape[:2]
    # Snapped to a coarse grid so that the cached directions serve every photo of a size.
    x = width // 2
    y = round((head.frame.y - 3.7 * head.frame.unit) * SUPERSAMPLING / 40) * 40
    light = np.clip(1.0 + fine + broad, 0.55, 1.6).astype(np.float32)
    table: np.ndarray = light[:, None] * np.array(colour, np.float32) + np.float32(4.0)
    pixels: np.ndarray = np.minimum(table, 255.0)[_angles(height, width, x, y)]
    return pixels


def draw_back_hair(head: Canvas, traits: Traits, texture: Points) -> None:
    """Draw the hair behind head and neck."""
    w, chin, v = traits.width, traits.chin, traits.volume
    if traits.style is Style.BUN:
        head.paint(head.mask(ellipse(0.2, -3.75 - v, 0.95, 0.8), -0.8), texture)
        return
    if traits.style not in LONG:
        return
    low = {Style.BOB: chin + 0.25, Style.LONG: chin + 3.0, Style.WAVY: chin + 2.3}[traits.style]
    flare = {Style.BOB: 0.62, Style.LONG: 0.45, Style.WAVY: 0.9}[traits.style] + v * 0.7
    outline = smooth(
        mirrored(
            (0, -3.45 - v),
            (w * 0.8, -3.0 - v),
            (w + 0.3 + v * 0.6, -1.2),
            (w + 0.35 + v * 0.6, 1.0),
            (w + flare, low * 0.7),
            (w + flare * 0.8, low),
            (w * 0.5, low + 0.25),
            (0, low),
        ),
        12,
    )
    if traits.style is Style.WAVY:
        outline = _waves(outline, 0.13, 2.6)
    cover = head.mask(outline, -0.4)
    head.paint(cover, texture * np.float32(0.72))


def draw_front_hair(head: Canvas, traits: Traits, texture: Points, skin: Mask) -> None:
    """Draw the hair over the forehead and the temples."""
    if traits.style is Style.BALD:
        shine = mix(traits.skin, (255, 250, 244), 0.6)
        head.soft(ellipse(0.4, -2.3, 0.6, 0.3), shine, 0.5, 0.2, 0.2, skin)
        return
    outline = _front(traits)
    head.soft(moved(outline, 0.0, 0.14), shade(traits.skin, 0.45), 0.5, 0.14, within=skin)
    cover = head.mask(outline)
    if traits.style is Style.CROPPED:
        cover = soften(cover, 0.1 * head.frame.unit * SUPERSAMPLING)
    head.paint(cover, texture)
    gloss = ellipse(traits.parting * 0.6 + 0.3, -2.75 - traits.volume * 0.5, 1.1, 0.22, 0.1)
    head.soft(gloss, mix(traits.hair, (255, 255, 255), 0.4), 0.32, 0.2, within=cover)


def _front(traits: Traits) -> Points:
    """Return the closed outline of the hair seen from the front, from sideburn to sideburn."""
    w, v, part = traits.width, traits.volume, traits.parting
    line = -1.75 + traits.hairline
    lift = 0.12 if traits.style is Style.CROPPED else 0.34 + v
    side = 0.06 if traits.style is Style.CROPPED else 0.16 + v * 0.35
    ends = {Style.LONG: 2.2, Style.WAVY: 1.9, Style.BOB: 2.3}.get(traits.style, 0.25)
    outer = curve(
        points(
            (-w - side, ends),
            (-w - side, -1.0),
            (-w * 0.82 - side, -2.4 - v * 0.4),
            (part * 0.3 - 0.4, -3.05 - lift),
            (w * 0.82 + side, -2.4 - v * 0.4),
            (w + side, -1.0),
            (w + side, ends),
        ),
        14,
    )
    if traits.style in (Style.CURLY, Style.WAVY):
        outer = _waves(outer, 0.17 if traits.style is Style.CURLY else 0.08, 3.2)
    temple = ends * 0.6
    if traits.bangs:
        fringe = [(w * 0.8, -0.95), (0.9, -0.98), (0.1, -0.88), (-0.8, -1.0), (-w * 0.8, -0.95)]
    elif traits.style in (Style.CROPPED, Style.SHORT, Style.CURLY):
        fringe = [
            (w * 0.86, -1.25),
            (w * 0.62, line - 0.1),
            (0.0, line),
            (-w * 0.62, line - 0.1),
            (-w * 0.86, -1.25),
        ]
    else:
        peak = line - 0.55
        fringe = [
            (w * 0.93, -0.8),
            (w * 0.66 + part * 0.2, line + 0.25),
            (part, peak),
            (-w * 0.66 + part * 0.2, line + 0.25),
            (-w * 0.93, -0.8),
        ]
    right, left = [(w * 0.99, temple)], [(-w * 0.99, temple)]
    return np.vstack([outer, curve(points(*right, *fringe, *left), 10)])


def _waves(outline: Points, height: float, frequency: float) -> Points:
    """Push an outline in and out from its middle, for curls."""
    away = outline - outline.mean(axis=0)
    steps = np.linalg.norm(np.diff(outline, axis=0, prepend=outline[:1]), axis=1).cumsum()
    factor = height * np.sin(steps * 2 * np.pi * frequency / 4)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    waved: Points = outline + away * factor[:, None]
    return waved


def draw_hat(head: Canvas, traits: Traits, colour: Colour) -> None:
    """Draw a knitted hat with a turned-up band."""
    w = traits.width
    crown = smooth(
        mirrored((0, -4.0), (w * 0.75, -3.6), (w + 0.25, -2.2), (w + 0.22, -1.4), (0, -1.6))
    )
    head.fill(crown, colour)
    cover = head.mask(crown)
    for x in np.arange(-3.0, 3.1, 0.42).tolist():
        rib = curve(points((x * 0.6, -4.0), (x, -2.6), (x * 1.02, -1.4)))
        outline = np.vstack([rib, moved(rib[::-1], 0.1, 0.0)])
        head.soft(outline, shade(colour, 0.72), 0.6, 0.05, within=cover)
    band = smooth(mirrored((0, -2.15), (w, -1.95), (w + 0.3, -1.75), (w + 0.24, -1.05), (0, -1.3)))
    head.fill(band, shade(colour, 1.18))
    head.soft(moved(band, 0, 0.35), shade(colour, 0.6), 0.5, 0.16, within=head.mask(band))


def draw_neck(body: Canvas, head: Canvas, traits: Traits) -> None:
    """Draw the neck and the shadow of the chin on it."""
    wide = traits.width * (0.62 if traits.male else 0.52)
    chin = traits.chin
    neck = smooth(
        mirrored(
            (0, 1.5), (wide, 1.6), (wide, chin + 0.5), (wide * 1.4, chin + 1.5), (0, chin + 2.6)
        )
    )
    body.fill(neck, shade(traits.skin, 0.92))
    cover = body.mask(neck)
    shadow = ellipse(0, chin - 0.35, wide * 1.25, 1.0)
    head.soft(shadow, shade(traits.skin, 0.45), 0.75, 0.28, within=cover)
    for side in (-1, 1):
        spot = ellipse(side * wide, chin + 0.6, 0.35, 1.2)
        body.soft(spot, shade(traits.skin, 0.55), 0.5, 0.2, within=cover)


def draw_clothes(body: Canvas, traits: Traits) -> None:
    """Draw shoulders and the outfit with its collar, tie or necklace."""
    chin, wide = traits.chin, traits.shoulders
    neck = traits.width * (0.62 if traits.male else 0.52)
    base = chin + 0.75
    depth = {Outfit.DRESS: 1.9, Outfit.BLOUSE: 1.35, Outfit.SWEATER: 0.9, Outfit.TSHIRT: 0.75}
    dip = depth.get(traits.outfit, 0.6)
    open_neck = neck * (1.75 if traits.outfit is Outfit.DRESS else 1.18)
    neckline = curve(
        points(
            (-open_neck, base),
            (-open_neck * 0.6, base + dip * 0.75),
            (0, base + dip),
            (open_neck * 0.6, base + dip * 0.75),
            (open_neck, base),
        )
    )
    torso = np.vstack(
        [
            curve(
                points(
                    (-wide, 9.5),
                    (-wide * 0.98, chin + 2.6),
                    (-wide * 0.72, chin + 1.6),
                    (-open_neck, base),
                )
            ),
            neckline,
            curve(
                points(
                    (open_neck, base),
                    (wide * 0.72, chin + 1.6),
                    (wide * 0.98, chin + 2.6),
                    (wide, 9.5),
                )
            ),
        ]
    )
    shirt = traits.outfit is Outfit.SUIT
    colour = (238, 238, 236) if shirt else traits.cloth
    body.fill(torso, colour)
    cover = body.mask(torso)
    dark = shade(colour, 0.62)
    for side in (-1, 1):
        body.soft(ellipse(side * wide, chin + 3.6, 0.7, 2.4), dark, 0.5, 0.4, within=cover)
        fold = curve(points((side * wide * 0.5, chin + 2.0), (side * wide * 0.58, chin + 4.2)))
        body.soft(np.vstack([fold, moved(fold[::-1], 0.18, 0.0)]), dark, 0.4, 0.1, within=cover)
    if shirt:
        _suit(body, traits, base, neck, cover)
    elif traits.outfit is Outfit.SHIRT:
        _collar(body, base, neck, shade(traits.cloth, 1.12))
        body.line(points((0, base + 0.6), (0, 9.5)), dark, 0.06)
        for y in np.arange(base + 1.0, 9.0, 0.85).tolist():
            body.fill(ellipse(0.14, y, 0.1, 0.1), shade(traits.cloth, 0.5))
    elif traits.outfit in (Outfit.SWEATER, Outfit.TSHIRT):
        body.line(moved(neckline, 0.0, 0.1), shade(traits.cloth, 0.72), 0.22)
        if traits.outfit is Outfit.SWEATER:
            for low in (chin + 2.2, chin + 2.75):
                band = curve(points((-5, low - 0.25), (0, low + 0.2), (5, low - 0.25)))
                stripe = np.vstack([band, moved(band[::-1], 0, 0.28)])
                body.soft(stripe, traits.accent, 0.9, 0.03, within=cover)
    if traits.necklace:
        for share in np.linspace(-1, 1, 17):
            drop = base + 0.2 + (1.15 + 0.12 * dip) * (1 - float(share) ** 2)
            bead = ellipse(float(share) * neck * 1.08, drop, 0.12, 0.12, count=12)
            body.fill(bead, (238, 214, 150))
            spot = ellipse(float(share) * neck * 1.08 - 0.03, drop - 0.04, 0.04, 0.04, count=8)
            body.fill(spot, (255, 250, 232))


def _collar(body: Canvas, base: float, neck: float, colour: Colour) -> None:
    for side in (-1, 1):
        wing = points(
            (side * neck * 1.2, base - 0.25),
            (side * neck * 1.3, base + 0.55),
            (side * neck * 0.62, base + 1.25),
            (0, base + 0.62),
            (side * neck * 0.9, base + 0.1),
        )
        body.soft(moved(wing, 0, 0.12), shade(colour, 0.4), 0.4, 0.08)
        body.fill(wing, colour)
        body.line(wing[1:4], shade(colour, 0.72), 0.05)


def _suit(body: Canvas, traits: Traits, base: float, neck: float, cover: Mask) -> None:
    tie = traits.accent
    blade = points(
        (-0.3, base + 0.62),
        (0.3, base + 0.62),
        (0.2, base + 1.2),
        (0.62, 9.5),
        (-0.62, 9.5),
        (-0.2, base + 1.2),
    )
    for side in (-1, 1):
        lapel = points(
            (side * neck * 1.28, base - 0.1),
            (side * 6, base + 0.2),
            (side * 6, 9.6),
            (side * 0.2, 9.6),
            (side * 0.5, base + 4.0),
        )
        body.soft(lapel, traits.cloth, 1.0, 0.02, within=cover)
        edge = points(
            (side * neck * 1.28, base - 0.1),
            (side * neck * 1.75, base + 0.9),
            (side * neck * 1.35, base + 1.6),
            (side * 0.5, base + 4.0),
        )
        body.line(edge, shade(traits.cloth, 0.55), 0.07)
    body.fill(blade, tie)
    stripe = mix(tie, (255, 255, 255), 0.4)
    knot = body.mask(blade)
    for y in np.arange(base + 1.3, 9.5, 0.5).tolist():
        band = points((-1, y + 0.3), (1, y - 0.3), (1, y - 0.16), (-1, y + 0.44))
        body.soft(band, stripe, 0.8, 0.02, within=knot)
    _collar(body, base, neck, (244, 244, 242))
    body.fill(
        points((-0.34, base + 0.55), (0.34, base + 0.55), (0.2, base + 1.15), (-0.2, base + 1.15)),
        shade(tie, 0.85),
    )
