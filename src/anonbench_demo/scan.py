"""Effects of scanning and age on paper: skew, softness, noise, stains, shadows."""

from __future__ import annotations

import numpy as np

from anonbench.core.libraries.opencv import cv2

Grey = np.ndarray
Affine = np.ndarray


def askew(
    page: tuple[int, int],
    scan: tuple[int, int],
    random: np.random.Generator,
    sway: tuple[float, float],
    least: float,
    room: tuple[float, float],
) -> Affine:
    """Draw how a page lies in its scan: turned, smaller and beside the middle, affine [2, 3].

    Args:
        page: its width and height.
        scan: width and height of the scan.
        random: of the draw.
        sway: standard deviation of the turn, and its greatest, in degrees.
        least: smallest scale.
        room: pixels by which a page of scale 1 lies beside the middle, across and down.
    """
    turn = float(np.clip(random.normal(0, sway[0]), -sway[1], sway[1]))
    scale = random.uniform(least, 1.0)
    matrix = cv2.getRotationMatrix2D((page[0] / 2, page[1] / 2), turn, scale)
    shift = [
        (whole - side) / 2 + random.uniform(-1, 1) * (beside + (1 - scale) * side / 2)
        for side, whole, beside in zip(page, scan, room, strict=True)
    ]
    return np.column_stack([matrix[:, :2], matrix[:, 2] + np.array(shift)])


def warp(image: Grey, transform: Affine, size: tuple[int, int], ground: int) -> Grey:
    """Return the image [h, w] or [h, w, 3] laid into a larger one (width, height) of one tone."""
    return cv2.warpAffine(image, transform, size, flags=cv2.INTER_CUBIC, borderValue=(ground,) * 3)


def scan_page(page: Grey, transform: Affine, random: np.random.Generator) -> Grey:
    """Return a grey scan, uint8 [H, W], of a page of the same size."""
    height, width = page.shape
    scan = warp(page, transform, (width, height), 255)
    scan = cv2.GaussianBlur(scan, (0, 0), random.uniform(0.3, 0.55))
    tone = np.full((height, width), random.uniform(0.985, 1.03), np.float32)
    for _ in range(random.poisson(0.8)):
        _stain(tone, random)
    if random.random() < 0.5:
        _edge_shadow(tone, random)
    if random.random() < 0.25:
        _fold(tone, random)
    fading = random.uniform(0, 40)
    faded = (np.arange(256) * (1 - fading / 255) + fading).astype(np.uint8)
    aged = cv2.multiply(cv2.LUT(scan, faded), tone, dtype=cv2.CV_8U)
    result = with_noise(aged, 4.0, random.uniform(1.5, 5.0), random)
    _specks(result, random)
    if random.random() < 0.2:
        _punch_holes(result, random)
    return result


def with_noise(
    image: Grey, offset: np.ndarray | float, sigma: float, random: np.random.Generator
) -> Grey:
    """Return an image [H, W] or [H, W, 3] plus an offset and grey noise of deviation `sigma`."""
    noise = random.standard_normal(image.shape[:2], np.float32) * np.float32(sigma)
    noise += offset
    plane = noise if image.ndim == 2 else cv2.merge([noise] * 3)
    return cv2.add(image, plane, dtype=cv2.CV_8U)


def _stain(tone: np.ndarray, random: np.random.Generator) -> None:
    """Leave the ring of a cup, or a smudge."""
    height, width = tone.shape
    centre = (int(random.uniform(0, width)), int(random.uniform(0, height)))
    radius = int(random.uniform(18, 60))
    mark = np.zeros((height, width), np.uint8)
    ring = random.random() < 0.55
    axes = (radius, int(radius * random.uniform(0.85, 1.0)))
    turn = random.uniform(0, 180)
    end = random.uniform(220, 360)
    cv2.ellipse(mark, centre, axes, turn, 0, end, (255,), 4 if ring else -1, cv2.LINE_AA)
    soft = cv2.blur(mark, (5, 5)) if ring else cv2.blur(mark, (31, 31))
    tone -= soft.astype(np.float32) * np.float32(random.uniform(0.08, 0.2) / 255)


def _edge_shadow(tone: np.ndarray, random: np.random.Generator) -> None:
    """Darken one long edge, as a book or an open lid does."""
    width = tone.shape[1]
    reach = random.uniform(6, 22)
    fall = np.exp(-np.arange(width, dtype=np.float32) / reach) * random.uniform(0.15, 0.5)
    tone -= fall[::-1] if random.random() < 0.5 else fall


def _fold(tone: np.ndarray, random: np.random.Generator) -> None:
    """Leave the crease of a folded sheet."""
    row = int(tone.shape[0] * random.choice([1 / 3, 1 / 2, 2 / 3]) + random.uniform(-8, 8))
    tone[row - 2 : row] -= np.float32(0.06)
    tone[row] -= np.float32(0.14)
    tone[row + 1 : row + 3] += np.float32(0.02)


def _specks(scan: Grey, random: np.random.Generator) -> None:
    """Sprinkle dust, the mark of bitonal scans and copies."""
    height, width = scan.shape
    count = int(random.gamma(1.5, 45))
    rows, columns = random.integers(0, height, count), random.integers(0, width, count)
    scan[rows, columns] = random.integers(0, 140, count)
    big = slice(0, count // 6)
    scan[np.minimum(rows[big] + 1, height - 1), columns[big]] = 70


def _punch_holes(scan: Grey, random: np.random.Generator) -> None:
    height = scan.shape[0]
    x = int(random.uniform(10, 20))
    for share in (0.2, 0.5, 0.8):
        tone = (random.uniform(10, 60),)
        cv2.circle(scan, (x, int(height * share)), 7, tone, -1, cv2.LINE_AA)


def scan_card(
    card: Grey, transform: Affine, size: tuple[int, int], cover: Grey, random: np.random.Generator
) -> Grey:
    """Return a colour scan [H, W, 3] of a card [h, w, 3] whose shape is `cover` [h, w], 0–255."""
    width = size[0]
    ground = random.uniform(214, 240) + random.uniform(-3, 3, 3)
    shape = warp(cover, transform, size, 0)
    shadow = cv2.blur(np.roll(shape, (4, 3), (0, 1)), (11, 11))
    fall = 1 - 0.35 * np.arange(256) / 255
    desk = cv2.merge([cv2.LUT(shadow, (fall * tone).astype(np.uint8)) for tone in ground])
    alpha = shape.astype(np.float32) / np.float32(255)
    scan = cv2.blendLinear(warp(card, transform, size, 0), desk, alpha, 1 - alpha)
    scan = cv2.GaussianBlur(scan, (0, 0), random.uniform(0.3, 0.5))
    light = np.linspace(-1, 1, width, dtype=np.float32) * random.uniform(-7, 7)
    offset = light[None, :] + random.uniform(-10, 5)
    return with_noise(scan, offset, random.uniform(1.5, 3.5), random)
