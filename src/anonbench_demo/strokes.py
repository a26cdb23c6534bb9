"""Anti-aliased and soft-edged shapes on a supersampled canvas, in frames of head or body."""

from dataclasses import dataclass

import numpy as np

from anonbench.core.libraries.opencv import cv2

Colour = tuple[float, float, float]
Points = np.ndarray
Corner = tuple[float, float] | np.ndarray
Mask = np.ndarray

SUPERSAMPLING = 2
FRACTION_BITS = 4


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that is `share` of the way from the first to the second."""
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour darker (factor < 1) or lighter (> 1), within 0–255."""
    return tuple(min(255.0, channel * factor) for channel in colour)  # type: ignore[return-value]


def points(*pairs: Corner) -> Points:
    """Return points [n, 2] from pairs of x and y."""
    return np.array(pairs, dtype=np.float64)


def moved(shape: Points, x: float, y: float) -> Points:
    """Return a shape shifted by x and y."""
    return np.column_stack([shape[:, 0] + x, shape[:, 1] + y])


def bow(*left: Corner) -> Points:
    """Return a line whose left half is given, from its end to its middle."""
    half = points(*left)
    return curve(*half, *(half[-2::-1] * (-1.0, 1.0)))


def mirrored(*right: Corner, steps: int = 8) -> Points:
    """Return a closed curve whose right half is given, from its top on the axis to its bottom."""
    half = points(*right)
    return smooth(*half, *(half[-2:0:-1] * (-1.0, 1.0)), steps=steps)


def ellipse(x: float, y: float, rx: float, ry: float, tilt: float = 0.0, count: int = 28) -> Points:
    """Return an ellipse [count, 2] about (x, y), tilted by radians."""
    angle = np.arange(count) * (2 * np.pi / count)
    across, along = rx * np.cos(angle), ry * np.sin(angle)
    cos, sin = np.cos(tilt), np.sin(tilt)
    return np.column_stack([x + across * cos - along * sin, y + across * sin + along * cos])


def smooth(*corners: Corner, steps: int = 8) -> Points:
    """Return a closed Catmull–Rom curve [n · steps, 2] through n corners."""
    return _spline(points(corners[-1], *corners, *corners[:2]), steps)


def curve(*corners: Corner, steps: int = 8) -> Points:
    """Return an open Catmull–Rom curve through the corners."""
    path = points(*corners)
    ends = np.vstack([2 * path[0] - path[1], path, 2 * path[-1] - path[-2]])
    return np.vstack([_spline(ends, steps), path[-1]])


def _spline(corners: Points, steps: int) -> Points:
    neighbours = np.stack([corners[k : len(corners) - 3 + k] for k in range(4)], axis=1)
    t = np.arange(steps)[:, None] / steps
    first, second = -t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3
    weights = np.hstack([first, second, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]) / 2
    return np.asarray(np.einsum("sk,nkd->nsd", weights, neighbours)).reshape(-1, 2)


@dataclass(frozen=True)
class Canvas:
    """Pixels [H · s, W · s, 3] that are drawn on in the coordinates of a head or a body.

    Their unit is half the distance between the eyes, y downwards; x and y are pixels of the image.
    """

    pixels: np.ndarray
    x: float
    y: float
    unit: float
    roll: float
    yaw: float

    def place(self, shape: Points, depth: float = 0.0) -> Points:
        """Pixels of the final image; `depth` (units towards the viewer) moves with yaw."""
        x = shape[:, 0] * np.cos(self.yaw) + depth * np.sin(self.yaw)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        across, down = x * cos - shape[:, 1] * sin, x * sin + shape[:, 1] * cos
        return np.column_stack([self.x + self.unit * across, self.y + self.unit * down])

    def mask(self, shape: Points, depth: float = 0.0) -> Mask:
        """Coverage of each pixel by a shape, 0–255."""
        result = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(result, [self._fixed(shape, depth)], (255,), cv2.LINE_AA, FRACTION_BITS)
        return result

    def fill(self, shape: Points, colour: Colour, depth: float = 0.0) -> None:
        """Fill a shape."""
        outline, ink = [self._fixed(shape, depth)], tuple(map(round, colour))
        cv2.fillPoly(self.pixels, outline, ink, cv2.LINE_AA, FRACTION_BITS)

    def line(self, shape: Points, colour: Colour, width: float, depth: float = 0.0) -> None:
        """Draw an open line, `width` units wide."""
        pixels = max(1, round(width * self.unit * SUPERSAMPLING))
        path, ink = [self._fixed(shape, depth)], tuple(map(round, colour))
        cv2.polylines(self.pixels, path, False, ink, pixels, cv2.LINE_AA, FRACTION_BITS)

    def soft(
        self,
        shape: Points,
        colour: Colour,
        strength: float,
        blur: float,
        depth: float = 0.0,
        within: Mask | None = None,
    ) -> None:
        """Blend a shape whose edge is blurred by `blur` units, inside the mask `within` only."""
        sigma = blur * self.unit * SUPERSAMPLING
        outline = self.place(shape, depth) * SUPERSAMPLING
        size = self.pixels.shape[1::-1]
        low = np.maximum(np.floor(outline.min(axis=0) - 2.5 * sigma), 0).astype(int)
        high = np.minimum(np.ceil(outline.max(axis=0) + 2.5 * sigma) + 1, size).astype(int)
        if (high <= low).any():
            return
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        cover = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        scaled = np.rint((outline - low) * 2**FRACTION_BITS).astype(np.int32)
        cv2.fillPoly(cover, [scaled], (255,), cv2.LINE_AA, FRACTION_BITS)
        if sigma > 0.3:
            cover = soften(cover, sigma)
        alpha = cover.astype(np.float32) * (strength / 255.0)
        if within is not None:
            alpha *= within[window].astype(np.float32) * (1 / 255.0)
        _blend(self.pixels[window], alpha, np.array(colour, np.float32))

    def paint(self, cover: Mask, colours: np.ndarray) -> None:
        """Blend colours [H · s, W · s, 3] where the mask covers."""
        x, y, width, height = cv2.boundingRect(cover)
        window = (slice(y, y + height), slice(x, x + width))
        _blend(self.pixels[window], cover[window].astype(np.float32) * (1 / 255.0), colours[window])

    def _fixed(self, shape: Points, depth: float) -> np.ndarray:
        scale = SUPERSAMPLING * 2**FRACTION_BITS
        return np.asarray(np.rint(self.place(shape, depth) * scale), np.int32)


def soften(cover: Mask, sigma: float) -> Mask:
    """Blur a mask by a triangular kernel of deviation `sigma` pixels: fast where that is large."""
    radius = max(1, round(np.sqrt(6 * sigma**2 + 1) - 1))
    return cv2.stackBlur(cover, (2 * radius + 1, 2 * radius + 1))


def _blend(target: np.ndarray, alpha: np.ndarray, colours: np.ndarray) -> None:
    old = target.astype(np.float32)
    target[...] = (old + alpha[:, :, None] * (colours - old) + 0.5).astype(np.uint8)
