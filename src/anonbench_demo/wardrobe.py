"""Surroundings of the face: hair, hats, neck and clothes."""

from functools import lru_cache

import numpy as np

from anonbench.core.libraries.opencv import cv2
from anonbench_demo.people import Traits
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
    soften,
)

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
    y = round((head.y - 3.7 * head.unit) * SUPERSAMPLING / 40) * 40
    light = np.clip(1.0 + fine + broad, 0.55, 1.6).astype(np.float32)
    table = light[:, None] * np.array(colour, np.float32) + np.float32(4.0)
    return np.asarray(np.minimum(table, 255.0)[_angles(height, width, width // 2, y)])


def draw_back_hair(head: Canvas, traits: Traits, texture: Points) -> None:
    """Draw the hair behind head and neck."""
    w, chin, v = traits.width, traits.chin, traits.volume
    if traits.style == "bun":
        head.paint(head.mask(ellipse(0.2, -3.75 - v, 0.95, 0.8), -0.8), texture)
    lengths = {"bob": (chin + 0.25, 0.62), "long": (chin + 3.0, 0.45), "wavy": (chin + 2.3, 0.9)}
    if traits.style not in lengths:
        return
    low, flare = lengths[traits.style]
    flare += v * 0.7
    side = w + v * 0.6
    top = (0, -3.45 - v), (w * 0.8, -3.0 - v), (side + 0.3, -1.2), (side + 0.35, 1.0)
    ends = (w + flare, low * 0.7), (w + flare * 0.8, low), (w * 0.5, low + 0.25), (0, low)
    outline = mirrored(*top, *ends, steps=12)
    if traits.style == "wavy":
        outline = _waves(outline, 0.13, 2.6)
    head.paint(head.mask(outline, -0.4), texture * np.float32(0.72))


def draw_front_hair(head: Canvas, traits: Traits, texture: Points, skin: Mask) -> None:
    """Draw the hair over the forehead and the temples."""
    if traits.style == "bald":
        shine = mix(traits.skin, (255, 250, 244), 0.6)
        head.soft(ellipse(0.4, -2.3, 0.6, 0.3), shine, 0.5, 0.2, 0.2, skin)
        return
    outline = _front(traits)
    head.soft(moved(outline, 0.0, 0.14), shade(traits.skin, 0.45), 0.5, 0.14, within=skin)
    cover = head.mask(outline)
    if traits.style == "cropped":
        cover = soften(cover, 0.1 * head.unit * SUPERSAMPLING)
    head.paint(cover, texture)
    gloss = ellipse(traits.parting * 0.6 + 0.3, -2.75 - traits.volume * 0.5, 1.1, 0.22, 0.1)
    head.soft(gloss, mix(traits.hair, (255, 255, 255), 0.4), 0.32, 0.2, within=cover)


def _front(traits: Traits) -> Points:
    """Return the closed outline of the hair seen from the front, from sideburn to sideburn."""
    w, v, part = traits.width, traits.volume, traits.parting
    line = -1.75 + traits.hairline
    lift, side = (0.12, 0.06) if traits.style == "cropped" else (0.34 + v, 0.16 + v * 0.35)
    ends = {"long": 2.2, "wavy": 1.9, "bob": 2.3}.get(traits.style, 0.25)
    right = (w * 0.82 + side, -2.4 - v * 0.4), (w + side, -1.0), (w + side, ends)
    left = [(-x, y) for x, y in right[::-1]]
    outer = curve(*left, (part * 0.3 - 0.4, -3.05 - lift), *right, steps=14)
    if traits.style in ("curly", "wavy"):
        outer = _waves(outer, 0.17 if traits.style == "curly" else 0.08, 3.2)
    if traits.bangs:
        fringe = [(w * 0.8, -0.95), (0.9, -0.98), (0.1, -0.88), (-0.8, -1.0), (-w * 0.8, -0.95)]
    elif traits.style in ("cropped", "short", "curly"):
        half = [(w * 0.86, -1.25), (w * 0.62, line - 0.1)]
        fringe = [*half, (0.0, line), *((-x, y) for x, y in half[::-1])]
    else:
        temples = [(w * 0.66 + part * 0.2, line + 0.25), (-w * 0.66 + part * 0.2, line + 0.25)]
        fringe = [(w * 0.93, -0.8), temples[0], (part, line - 0.55), temples[1], (-w * 0.93, -0.8)]
    sideburns = (w * 0.99, ends * 0.6), (-w * 0.99, ends * 0.6)
    return np.vstack([outer, curve(sideburns[0], *fringe, sideburns[1], steps=10)])


def _waves(outline: Points, height: float, frequency: float) -> Points:
    """Push an outline in and out from its middle, for curls."""
    away = outline - outline.mean(axis=0)
    steps = np.linalg.norm(np.diff(outline, axis=0, prepend=outline[:1]), axis=1).cumsum()
    factor = height * np.sin(steps * 2 * np.pi * frequency / 4)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    return np.asarray(outline + away * factor[:, None])


def draw_hat(head: Canvas, traits: Traits, colour: Colour) -> None:
    """Draw a knitted hat with a turned-up band."""
    w = traits.width
    crown = mirrored((0, -4.0), (w * 0.75, -3.6), (w + 0.25, -2.2), (w + 0.22, -1.4), (0, -1.6))
    head.fill(crown, colour)
    cover = head.mask(crown)
    for x in np.arange(-3.0, 3.1, 0.42).tolist():
        rib = curve((x * 0.6, -4.0), (x, -2.6), (x * 1.02, -1.4))
        head.soft(_stripe(rib, 0.1, 0.0), shade(colour, 0.72), 0.6, 0.05, within=cover)
    band = mirrored((0, -2.15), (w, -1.95), (w + 0.3, -1.75), (w + 0.24, -1.05), (0, -1.3))
    head.fill(band, shade(colour, 1.18))
    head.soft(moved(band, 0, 0.35), shade(colour, 0.6), 0.5, 0.16, within=head.mask(band))


def _stripe(edge: Points, x: float, y: float) -> Points:
    """Return the outline between an edge and the same edge moved."""
    return np.vstack([edge, moved(edge[::-1], x, y)])


def draw_neck(body: Canvas, head: Canvas, traits: Traits) -> None:
    """Draw the neck and the shadow of the chin on it."""
    wide, chin = _neck(traits), traits.chin
    sides = (wide, 1.6), (wide, chin + 0.5), (wide * 1.4, chin + 1.5)
    neck = mirrored((0, 1.5), *sides, (0, chin + 2.6))
    body.fill(neck, shade(traits.skin, 0.92))
    cover = body.mask(neck)
    shadow = ellipse(0, chin - 0.35, wide * 1.25, 1.0)
    head.soft(shadow, shade(traits.skin, 0.45), 0.75, 0.28, within=cover)
    for side in (-1, 1):
        spot = ellipse(side * wide, chin + 0.6, 0.35, 1.2)
        body.soft(spot, shade(traits.skin, 0.55), 0.5, 0.2, within=cover)


def _neck(traits: Traits) -> float:
    return traits.width * (0.62 if traits.male else 0.52)


def draw_clothes(body: Canvas, traits: Traits) -> None:
    """Draw shoulders and the outfit with its collar, tie or necklace."""
    chin, wide, neck, outfit = traits.chin, traits.shoulders, _neck(traits), traits.outfit
    base = chin + 0.75
    dips = {"dress": 1.9, "blouse": 1.35, "sweater": 0.9, "tshirt": 0.75}
    dip = dips.get(outfit, 0.6)
    hole = neck * (1.75 if outfit == "dress" else 1.18)
    rim = (-hole, base), (-hole * 0.6, base + dip * 0.75)
    neckline = curve(*rim, (0, base + dip), *((-x, y) for x, y in rim[::-1]))
    arm = (wide * 0.72, chin + 1.6), (wide * 0.98, chin + 2.6), (wide, 9.5)
    left = curve(*((-x, y) for x, y in arm[::-1]), (-hole, base))
    torso = np.vstack([left, neckline, curve((hole, base), *arm)])
    colour = (238, 238, 236) if outfit == "suit" else traits.cloth
    body.fill(torso, colour)
    cover, dark = body.mask(torso), shade(colour, 0.62)
    for side in (-1, 1):
        body.soft(ellipse(side * wide, chin + 3.6, 0.7, 2.4), dark, 0.5, 0.4, within=cover)
        fold = curve((side * wide * 0.5, chin + 2.0), (side * wide * 0.58, chin + 4.2))
        body.soft(_stripe(fold, 0.18, 0.0), dark, 0.4, 0.1, within=cover)
    if outfit == "suit":
        _suit(body, traits, base, neck, cover)
    elif outfit == "shirt":
        _collar(body, base, neck, shade(traits.cloth, 1.12))
        body.line(points((0, base + 0.6), (0, 9.5)), dark, 0.06)
        for y in np.arange(base + 1.0, 9.0, 0.85).tolist():
            body.fill(ellipse(0.14, y, 0.1, 0.1), shade(traits.cloth, 0.5))
    elif outfit in ("sweater", "tshirt"):
        body.line(moved(neckline, 0.0, 0.1), shade(traits.cloth, 0.72), 0.22)
    if outfit == "sweater":
        for low in (chin + 2.2, chin + 2.75):
            band = curve((-5, low - 0.25), (0, low + 0.2), (5, low - 0.25))
            body.soft(_stripe(band, 0, 0.28), traits.accent, 0.9, 0.03, within=cover)
    if traits.necklace:
        for share in np.linspace(-1, 1, 17).tolist():
            x, y = share * neck * 1.08, base + 0.2 + (1.15 + 0.12 * dip) * (1 - share**2)
            body.fill(ellipse(x, y, 0.12, 0.12, count=12), (238, 214, 150))
            body.fill(ellipse(x - 0.03, y - 0.04, 0.04, 0.04, count=8), (255, 250, 232))


def _collar(body: Canvas, base: float, neck: float, colour: Colour) -> None:
    for side in (-1, 1):
        x = side * neck
        tip = (x * 1.3, base + 0.55), (x * 0.62, base + 1.25), (0, base + 0.62)
        wing = points((x * 1.2, base - 0.25), *tip, (x * 0.9, base + 0.1))
        body.soft(moved(wing, 0, 0.12), shade(colour, 0.4), 0.4, 0.08)
        body.fill(wing, colour)
        body.line(wing[1:4], shade(colour, 0.72), 0.05)


def _suit(body: Canvas, traits: Traits, base: float, neck: float, cover: Mask) -> None:
    for side in (-1, 1):
        start, end = (side * neck * 1.28, base - 0.1), (side * 0.5, base + 4.0)
        front = points(start, (side * 6, base + 0.2), (side * 6, 9.6), (side * 0.2, 9.6), end)
        body.soft(front, traits.cloth, 1.0, 0.02, within=cover)
        notch = (side * neck * 1.75, base + 0.9), (side * neck * 1.35, base + 1.6)
        body.line(points(start, *notch, end), shade(traits.cloth, 0.55), 0.07)
    tie, low = traits.accent, base + 0.62
    right, left = [(0.2, base + 1.2), (0.62, 9.5)], [(-0.62, 9.5), (-0.2, base + 1.2)]
    blade = points((-0.3, low), (0.3, low), *right, *left)
    body.fill(blade, tie)
    stripe, knot = mix(tie, (255, 255, 255), 0.4), body.mask(blade)
    for y in np.arange(base + 1.3, 9.5, 0.5).tolist():
        band = points((-1, y + 0.3), (1, y - 0.3), (1, y - 0.16), (-1, y + 0.44))
        body.soft(band, stripe, 0.8, 0.02, within=knot)
    _collar(body, base, neck, (244, 244, 242))
    top, low = base + 0.55, base + 1.15
    body.fill(points((-0.34, top), (0.34, top), (0.2, low), (-0.2, low)), shade(tie, 0.85))
