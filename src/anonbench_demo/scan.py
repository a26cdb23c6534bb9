"""Effects of scanning and age on paper: skew, softness, noise, stains, shadows."""

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

    Sizes are width and height, `sway` is the standard deviation of the turn and its greatest, in
    degrees, `least` the smallest scale. A page of scale 1 lies up to `room` pixels beside the
    middle, across and down.
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
    reach, depth = random.uniform(6, 22), random.choice([0, 0, 0.2, 0.4])
    shadow = np.exp(-np.arange(width, dtype=np.float32) / reach) * np.float32(depth)
    tone = np.broadcast_to(random.uniform(0.985, 1.03) - shadow, page.shape).astype(np.float32)
    fading = random.uniform(0, 40)
    faded = (np.arange(256) * (1 - fading / 255) + fading).astype(np.uint8)
    aged = cv2.multiply(cv2.LUT(scan, faded), tone, dtype=cv2.CV_8U)
    result = with_noise(aged, 4.0, random.uniform(1.5, 5.0), random)
    dust = int(random.gamma(1.5, 45))
    rows, columns = random.integers(0, height, dust), random.integers(0, width, dust)
    result[rows, columns] = random.integers(0, 140, dust)
    return result


def with_noise(
    image: Grey, offset: np.ndarray | float, sigma: float, random: np.random.Generator
) -> Grey:
    """Return an image [H, W] or [H, W, 3] plus an offset and grey noise of deviation `sigma`."""
    noise = random.standard_normal(image.shape[:2], np.float32) * np.float32(sigma)
    noise += offset
    plane = noise if image.ndim == 2 else cv2.merge([noise] * 3)
    return cv2.add(image, plane, dtype=cv2.CV_8U)


def scan_card(
    card: Grey, transform: Affine, size: tuple[int, int], cover: Grey, random: np.random.Generator
) -> Grey:
    """Return a colour scan [H, W, 3] of a card [h, w, 3] whose shape is `cover` [h, w], 0–255."""
    ground = random.uniform(214, 240) + random.uniform(-3, 3, 3)
    shape = warp(cover, transform, size, 0)
    shadow = cv2.blur(np.roll(shape, (4, 3), (0, 1)), (11, 11))
    fall = 1 - 0.35 * np.arange(256) / 255
    desk = cv2.merge([cv2.LUT(shadow, (fall * tone).astype(np.uint8)) for tone in ground])
    alpha = shape.astype(np.float32) / np.float32(255)
    scan = cv2.blendLinear(warp(card, transform, size, 0), desk, alpha, 1 - alpha)
    scan = cv2.GaussianBlur(scan, (0, 0), random.uniform(0.3, 0.5))
    light = np.linspace(-1, 1, size[0], dtype=np.float32) * random.uniform(-7, 7)
    offset = light[None, :] + random.uniform(-10, 5)
    return with_noise(scan, offset, random.uniform(1.5, 3.5), random)
