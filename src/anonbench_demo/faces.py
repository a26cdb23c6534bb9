"""Faces drawn from shaded curves: head, eyes, brows, nose, mouth, beard and glasses.

Coordinates are in units of half the distance between the eyes, from the point between them.
"""

import numpy as np

from anonbench_demo.people import Photo, Traits
from anonbench_demo.strokes import (
    Canvas,
    Colour,
    Mask,
    Points,
    bow,
    curve,
    ellipse,
    mirrored,
    mix,
    moved,
    points,
    shade,
    smooth,
)

FOREHEAD = -2.0  # where the face's box begins: about the hairline, as face detectors see it

WHITE: Colour = (244, 242, 240)
DARK: Colour = (32, 22, 22)


def head_outline(traits: Traits) -> Points:
    """Return the closed outline of skull and jaw."""
    w, chin, jaw = traits.width, traits.chin, traits.width * traits.jaw
    skull = (0.0, -3.0), (w * 0.62, -2.75), (w * 0.93, -1.7), (w, -0.4), (w * 0.97, 0.85)
    return mirrored(*skull, (jaw, 2.0), (jaw * 0.62, chin - 0.5), (0.5, chin - 0.04), (0.0, chin))


def draw_ears(head: Canvas, traits: Traits) -> None:
    """Draw both ears; the head goes over their inner halves."""
    for side in (-1, 1):
        x = side * (traits.width + 0.06)
        head.fill(ellipse(x, 0.35, 0.36, 0.66, side * 0.12), shade(traits.skin, 0.92), -0.6)
        head.soft(ellipse(x, 0.35, 0.18, 0.42), shade(traits.skin, 0.78), 0.6, 0.08, -0.6)
        if traits.earrings:
            head.fill(ellipse(x, 1.2, 0.13, 0.17), (236, 204, 120), -0.5)
            head.fill(ellipse(x - 0.03, 1.15, 0.05, 0.06), (255, 244, 214), -0.5)


def draw_head(head: Canvas, traits: Traits, photo: Photo) -> Mask:
    """Draw the shaded skin of the head; return what it covers."""
    outline = head_outline(traits)
    head.fill(outline, traits.skin)
    skin = head.mask(outline)
    dark, light = shade(traits.skin, 0.66), mix(traits.skin, (255, 240, 224), 0.45)
    flush = mix(traits.skin, (222, 92, 84), 0.55)
    w, chin = traits.width, traits.chin
    for side in (-1, 1):
        cheek = (side * w * 1.15, -2.5), (side * w * 0.84, 0.3), (side * w * 0.6, 2.3)
        edge = smooth(*cheek, (side * 0.35, chin + 0.05), (side * w * 1.3, chin))
        head.soft(edge, dark, 0.5 - 0.22 * side * photo.light, 0.42, within=skin)
        head.soft(ellipse(side * 1.15, 1.15, 0.62, 0.42), flush, traits.cheek, 0.3, 0.4, skin)
        head.soft(ellipse(side * 0.98, 0.02, 0.74, 0.46), dark, 0.3, 0.2, 0.25, skin)
        head.soft(ellipse(side * 1.12, 0.75, 0.5, 0.25), light, 0.22, 0.2, 0.45, skin)
    head.soft(ellipse(0.3 * photo.light, -1.45, 1.05, 0.5), light, 0.42, 0.4, 0.4, skin)
    head.soft(ellipse(0.0, chin - 0.42, 0.42, 0.24), light, 0.3, 0.16, 0.5, skin)
    if traits.stubble > 0.08:
        ends = (w * 1.1, 0.6), (w * 1.0, chin - 0.6), (0, chin + 0.4)
        jaw = mirrored((0, chin - 1.05), (0.9, chin - 1.7), (w * 0.8, 0.9), *ends)
        head.soft(jaw, shade(traits.hair, 0.8), traits.stubble, 0.25, 0.1, skin)
    return skin


def draw_features(head: Canvas, traits: Traits, photo: Photo, skin: Mask) -> None:
    """Draw what is on the face, from the nose outwards."""
    _nose(head, traits, photo, skin)
    _mouth(head, traits, photo, skin)
    _beard(head, traits, photo)
    for side in (-1, 1):
        _eye(head, traits, photo, side, skin)
        _brow(head, traits, photo, side)
    if traits.glasses is not None:
        _glasses(head, traits, traits.glasses)


def _eye(head: Canvas, traits: Traits, photo: Photo, side: int, skin: Mask) -> None:
    wide, depth = traits.eye, 0.3
    high = wide * 0.47 * photo.lids * (1.0 - 0.16 * max(photo.smile, 0.0))
    x, tilt = float(side), traits.eye_tilt

    def at(*pairs: tuple[float, float]) -> Points:
        """Curve through points given in the eye's own axes, x outwards."""
        local = points(*pairs)
        return np.column_stack([x + side * local[:, 0], local[:, 1] - tilt * local[:, 0]])

    above = at((-wide, 0.06), (-0.4 * wide, -0.78 * high), (0.25 * wide, -high), (wide, -0.04))
    below = at((wide, -0.04), (0.3 * wide, 0.72 * high), (-0.4 * wide, 0.66 * high), (-wide, 0.06))
    upper, lower = curve(*above), curve(*below)
    socket = ellipse(x, -0.12, wide * 1.2, high * 1.7)
    head.soft(socket, shade(traits.skin, 0.6), 0.4, 0.14, depth, skin)
    if traits.lipstick is not None:
        lid, paint = ellipse(x, -0.22, wide, high), mix(traits.lipstick, traits.skin, 0.4)
        head.soft(lid, paint, 0.3, 0.12, depth, skin)
    lids = np.vstack([upper, lower[1:]])
    head.fill(lids, WHITE, depth)
    opening = head.mask(lids, depth)
    iris, centre = high * 0.98, x + photo.gaze
    shadow = np.vstack([upper, curve(*moved(above, 0.0, 0.14))[::-1]])
    for shape, colour, strength, blur in (
        (ellipse(centre, -0.06 * high, iris, iris), shade(traits.iris, 0.55), 1.0, 0.015),
        (
            ellipse(centre, 0.06 * high, iris * 0.78, iris * 0.74),
            shade(traits.iris, 1.35),
            0.85,
            0.05,
        ),
        (ellipse(centre, -0.04 * high, iris * 0.44, iris * 0.44), (12, 10, 12), 1.0, 0.012),
        (ellipse(centre + 0.08, -0.38 * high, 0.065, 0.065), (255, 255, 255), 1.0, 0.01),
        (shadow, (60, 44, 44), 0.55, 0.05),
    ):
        head.soft(shape, colour, strength, blur, depth, opening)
    head.line(upper, DARK, 0.075 if traits.male else 0.12, depth)
    head.line(lower, shade(traits.skin, 0.52), 0.035, depth)
    head.line(curve(*moved(above, 0.0, -0.16)), shade(traits.skin, 0.66), 0.045, depth)
    if not traits.male:
        head.line(at((wide * 0.8, -0.2 * high), (wide * 1.22, -0.5 * high)), DARK, 0.09, depth)


def _brow(head: Canvas, traits: Traits, photo: Photo, side: int) -> None:
    y = -traits.brow_gap - 0.08 * photo.opening
    thick, arch = traits.brow, traits.brow_arch
    upper = points((0.36, y), (0.75, y - arch * 0.7), (1.2, y - arch), (1.66, y + 0.1))
    lower = upper[::-1] + np.array([(0, 0.0), (0, thick * 0.75), (0, thick), (0, thick * 1.05)])
    outline = np.vstack([curve(*upper), curve(*lower)]) * (side, 1.0)
    colour = mix(shade(traits.hair, 0.72), (60, 44, 38), 0.4)
    head.soft(outline, colour, 0.92, 0.035, 0.32)


def _nose(head: Canvas, traits: Traits, photo: Photo, skin: Mask) -> None:
    tip, wide = traits.nose, traits.nose_width
    dark, light = shade(traits.skin, 0.62), mix(traits.skin, (255, 246, 236), 0.6)
    for side in (-1, 1):
        wing = (side * wide, tip - 0.05), (side * wide * 1.15, tip * 0.9)
        ridge = smooth((side * 0.3, -0.35), (side * 0.24, tip * 0.5), *wing, (side * 0.5, 0.2))
        head.soft(ridge, dark, 0.36 - 0.2 * side * photo.light, 0.12, 0.45, skin)
    back = mirrored((0, -0.3), (0.09, 0.3), (0.12, tip - 0.3), (0, tip - 0.15))
    head.soft(back, light, 0.6, 0.08, 0.7, skin)
    gleam = ellipse(0.05 * photo.light, tip - 0.17, wide * 0.46, 0.18)
    head.soft(gleam, light, 0.62, 0.09, 0.85, skin)
    head.soft(ellipse(0, tip + 0.19, wide * 0.95, 0.12), dark, 0.5, 0.09, 0.55, skin)
    for side in (-1, 1):
        nostril = ellipse(side * wide * 0.5, tip + 0.07, 0.14, 0.075, side * -0.35)
        head.soft(nostril, (58, 28, 26), 0.92, 0.03, 0.65)
        x = side * wide
        edge = curve((x * 0.98, tip - 0.28), (x * 1.12, tip - 0.06), (x * 0.86, tip + 0.1))
        head.line(edge, shade(traits.skin, 0.52), 0.05, 0.55)


def _mouth(head: Canvas, traits: Traits, photo: Photo, skin: Mask) -> None:
    depth, smile, gap = 0.45, photo.smile, 0.34 * photo.opening
    y = traits.mouth_height
    wide = traits.mouth * (1.0 + 0.17 * max(smile, 0.0))
    end = -wide, y - 0.06 - 0.15 * smile
    thick = 0.19 * traits.lips * (1.0 - 0.14 * smile)
    red = traits.lipstick or mix(traits.skin, (176, 72, 72), 0.5)
    peak = (-0.16, y - thick - 0.03), (0.0, y - 0.74 * thick)
    top = bow(end, (-0.5 * wide, y - 0.62 * thick), *peak)
    upper = bow(end, (-0.4 * wide, y + 0.02), (0.0, y + 0.05))[::-1]
    lower = bow(end, (-0.45 * wide, y + 0.04 + gap * 0.85), (0.0, y + 0.07 + gap))
    low = y + gap
    bottom = bow(end, (-0.5 * wide, low + 1.05 * thick), (0.0, low + 1.5 * thick))[::-1]
    hollow = ellipse(0, y + gap + 2.1 * thick + 0.06, wide * 0.5, 0.12)
    head.soft(hollow, shade(traits.skin, 0.62), 0.5, 0.1, depth, skin)
    if gap > 0:
        inside = np.vstack([upper, lower])
        head.fill(inside, (74, 24, 28), depth)
        teeth = ellipse(0, y + 0.06 + gap * 0.24, wide * 0.72, 0.05 + gap * 0.42)
        head.soft(teeth, (240, 236, 228), 1.0, 0.03, depth, head.mask(inside, depth))
    head.soft(np.vstack([top, upper]), shade(red, 0.86), 0.95, 0.03, depth)
    head.soft(np.vstack([lower, bottom]), red, 0.95, 0.03, depth)
    gleam = ellipse(0.06 * photo.light, y + gap + 0.85 * thick, wide * 0.35, thick * 0.3)
    head.soft(gleam, mix(red, (255, 240, 236), 0.65), 0.55, 0.06, depth)
    head.line(upper, shade(red, 0.45), 0.05, depth)
    for side in (-1, 1):
        corner = ellipse(side * (wide + 0.04), end[1], 0.1, 0.1)
        head.soft(corner, shade(traits.skin, 0.5), 0.5, 0.06, depth, skin)
        if smile > 0.5:
            start = side * traits.nose_width * 1.35, traits.nose - 0.1
            fold = curve(
                start, (side * (wide + 0.2), y - 0.5), (side * (wide + 0.24), end[1] + 0.1)
            )
            head.line(fold, shade(traits.skin, 0.74), 0.05, depth)


def _beard(head: Canvas, traits: Traits, photo: Photo) -> None:
    y, colour = traits.mouth_height, shade(traits.hair, 0.85)
    if traits.moustache:
        end = traits.mouth * 1.08, y - 0.08 - 0.17 * photo.smile
        shape = mirrored((0, y - 0.42), (0.4, y - 0.5), end, (0.5, y - 0.2), (0, y - 0.2))
        head.soft(shape, colour, 0.95, 0.06, 0.55)
    if traits.goatee:
        low, chin = y + 0.5 + 0.3 * photo.opening, traits.chin
        sides = (0.5, low - 0.02), (0.72, low + 0.25), (0.5, chin + 0.05)
        head.soft(mirrored((0, low), *sides, (0, chin + 0.16)), colour, 0.92, 0.09, 0.4)


def _glasses(head: Canvas, traits: Traits, colour: Colour) -> None:
    top = (0.3, -0.42), (1.0, -0.46), (1.74, -0.42)
    box = smooth(*top, (1.7, 0.3), (1.4, 0.62), (0.7, 0.62), (0.34, 0.3))
    for side in (-1, 1):
        rim = ellipse(side * 1.0, 0.1, 0.76, 0.68) if traits.round_glasses else box * (side, 1.0)
        head.soft(rim, (225, 236, 244), 0.1, 0.02, 0.5)
        head.line(np.vstack([rim, rim[:1]]), colour, 0.11, 0.5)
        temple = points((side * 1.74, -0.1), (side * traits.width * 0.99, -0.2))
        head.line(temple, colour, 0.1, 0.2)
    head.line(curve((-0.28, 0.02), (0, -0.1), (0.28, 0.02)), colour, 0.11, 0.6)
