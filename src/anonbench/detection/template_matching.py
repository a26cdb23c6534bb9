"""Local features of images (SIFT, Lowe 2004), and the transformation between matched ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from anonbench.core.boxes import rectangle
from anonbench.core.libraries.opencv import cv2

FEATURES = 2000  # greatest number of features of an image, or of a template
LENGTH = 128  # numbers of a descriptor
CONTRAST = 0.02  # half of SIFT's: the background and small print of a document are pale
WORDS = 128
"""Centres of the embedding. Of 35 documents photographed aslant, it ranks 27 among their first
three templates and 32 among ten; with 32 centres it is 24 and 30."""
SAMPLE = 10_000  # number of descriptors from which the centres are computed

RATIO = (
    0.85  # distance of the best match, as a share of the second's, below which it is kept (Lowe)
)
REACH = 3.0  # pixels by which a match may miss and still support the transformation
DRAWS, CERTAIN = 5000, 0.9999  # most draws of a transformation; confidence that stops them earlier
INLIERS = 15  # least number of matching features that agree with a transformation
ERROR = 2.0  # largest median distance of these, in pixels at the size that is matched
SCALES = (0.2, 5.0)  # smallest and largest scale of a template in an image
STRETCH = 3.0  # greatest ratio of the stretches of the template's sides
FRAME = 560  # longer side of the frame, in pixels, in which image and template are compared
FINE, COARSE = 1.5, 6.0
"""Blur of the frame (standard deviations, in pixels): only details between the two are compared, so
that noise and light have no effect. On the demo's cards these are print and ruling.
"""
CELLS = 12  # cells along the frame's longer side
FILLED = 0.25  # least share of a cell that is compared
FLAT = 1.5  # grey levels (standard deviation) below which a cell of the template counts as empty
LIKE = 0.5  # correlation from which a cell of the image shows the same as the template's
SEEN = 0.5  # least share of the template's cells that must be in the image


@dataclass(frozen=True)
class Features:
    """Positions with structure in an image, and their descriptors."""

    points: np.ndarray  # float32 [N, 2], x and y in pixels, counted from the image's corner
    descriptors: np.ndarray  # float32 [N, 128], of length 1

    def __getitem__(self, kept: np.ndarray) -> Features:
        """Some of the features (bool [N])."""
        return Features(self.points[kept], self.descriptors[kept])

    def negative(self) -> Features:
        """Features of the image's negative, in which every gradient turns around.

        Each is at the same place, and upside down, so that the histograms of its 4 × 4 squares
        change places.
        """
        squares = self.descriptors.reshape(-1, 4, 4, LENGTH // 16)[:, ::-1, ::-1]
        return Features(self.points, squares.reshape(-1, LENGTH))


def extract(grey: np.ndarray) -> Features:
    """About `FEATURES` features of an image (uint8 [H, W]), the strongest.

    The descriptors are square roots of SIFT's (Arandjelović and Zisserman 2012): their product
    compares SIFT's histograms by the Hellinger kernel.
    """
    sift = cv2.SIFT.create(nfeatures=FEATURES, contrastThreshold=CONTRAST)
    keypoints, raw = sift.detectAndCompute(grey, None)  # type: ignore[call-overload]
    if raw is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, LENGTH), np.float32))
    # OpenCV counts from the first pixel's middle
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32) + np.float32(0.5)
    sums = np.maximum(raw.sum(axis=1, keepdims=True), 1e-6)
    return Features(points, np.sqrt(raw / sums, dtype=np.float32))


def codebook(descriptors: np.ndarray) -> np.ndarray:
    """Centres of descriptors (float32 [N, 128]) by k-means: float32 [≤ WORDS, 128]."""
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    descriptors = np.ascontiguousarray(descriptors[:: -(-len(descriptors) // SAMPLE)])
    count, labels = min(WORDS, len(descriptors)), np.zeros((len(descriptors), 1), np.int32)
    return np.asarray(cv2.kmeans(descriptors, count, labels, criteria, 1, cv2.KMEANS_PP_CENTERS)[2])


def embed(descriptors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """A vector of locally aggregated descriptors (Jégou et al. 2010), a unit vector.

    Every centre's sum of residuals is brought to length 1 first (Arandjelović and Zisserman 2013).
    Without descriptors it is 0.
    """
    nearest = ((centres**2).sum(axis=1) - 2 * descriptors @ centres.T).argmin(axis=1)
    sums = np.zeros(centres.shape, np.float32)
    np.add.at(sums, nearest, descriptors - centres[nearest])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return np.asarray(sums.ravel() / max(float(np.linalg.norm(sums)), 1e-6))


def is_in_any(points: np.ndarray, quads: Sequence[np.ndarray]) -> np.ndarray:
    """Whether points (float [N, 2]) are in one of the quadrilaterals ([4, 2])."""
    hulls = [cv2.convexHull(quad.astype(np.float32)) for quad in quads]
    inside = [
        any(cv2.pointPolygonTest(hull, point, False) >= 0 for hull in hulls)
        for point in points.astype(float).tolist()
    ]
    return np.array(inside, bool)


def align(template: Features, image: Features) -> np.ndarray | None:
    """The transformation that most matches agree with (MAGSAC++, Barath et al. 2020).

    It is float64 [3, 3], from the template's pixels to the image's; None if too few agree with it.
    OpenCV restarts its random draws with every call: the same features give the same result.
    """
    if min(len(template.points), len(image.points)) < 2:
        return None
    similarity = template.descriptors @ image.descriptors.T
    rows, mutual = np.arange(len(similarity)), similarity.argmax(axis=0)
    first = similarity.argmax(axis=1)
    best = similarity[rows, first]
    similarity[rows, first] = -1.0
    # of vectors of length 1 the squared distance is 2 - 2 · product
    kept = (1 - best < RATIO**2 * (1 - similarity.max(axis=1))) & (mutual[first] == rows)
    start, end = template.points[kept], image.points[first[kept]]
    if len(start) < INLIERS:
        return None
    matrix, inside = cv2.findHomography(
        start, end, cv2.USAC_MAGSAC, REACH, maxIters=DRAWS, confidence=CERTAIN
    )
    if matrix is None or not np.isfinite(matrix).all() or np.count_nonzero(inside) < INLIERS:
        return None
    kept = inside.ravel() > 0
    misses = np.linalg.norm(moved(start[kept], matrix) - end[kept], axis=1)
    return np.asarray(matrix) if np.median(misses) <= ERROR else None


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (float [N, 2]) under a transformation ([3, 3])."""
    return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0])


def is_plausible(matrix: np.ndarray, size: tuple[int, int], shrunk: float) -> bool:
    """Check whether a flat document of this size could be seen under a transformation ([3, 3]).

    It is neither mirrored nor folded (the corners stay convex and in their order, in front of the
    camera), no side is stretched `STRETCH` times as much as another, and its scale is in `SCALES`.
    The image was shrunk by a factor.
    """
    width, height = size
    matrix = np.diag([shrunk, shrunk, 1.0]) @ matrix
    corners = rectangle(0, 0, width, height)
    if (corners @ matrix[2, :2] + matrix[2, 2] <= 0).any():
        return False
    ends = moved(corners, matrix)
    sides = np.roll(ends, -1, axis=0) - ends
    following = np.roll(sides, -1, axis=0)
    if (sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] <= 0).any():
        return False
    stretch = np.hypot(*sides.T) / (width, height, width, height)
    area = float(cv2.contourArea(ends.astype(np.float32)))
    scale = np.sqrt(area / (width * height))
    return bool(stretch.max() < STRETCH * stretch.min() and SCALES[0] <= scale <= SCALES[1])


def agreement(
    template: np.ndarray, compared: np.ndarray, grey: np.ndarray, matrix: np.ndarray
) -> float:
    """The share of the template's cells in which an image (uint8 [H, W]) looks the same.

    Matches alone do not distinguish documents of one publisher: emblem, background and headline are
    the same on all. If too little of the template is in the image, the share is 0. The template is
    uint8 [h, w], `compared` bool [h, w]: without parts that differ from document to document. The
    matrix ([3, 3]) is from the template's pixels to the image's, counted from the corners.
    """
    half = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)])  # OpenCV counts from pixels' middles
    image = cv2.warpPerspective(
        grey.astype(np.float32),
        np.linalg.inv(half) @ matrix @ half,
        template.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(np.nan,),
    )
    seen = ~np.isnan(image)
    ours, theirs = (
        cv2.GaussianBlur(each, (0, 0), FINE) - cv2.GaussianBlur(each, (0, 0), COARSE)
        for each in (
            template.astype(np.float32),
            np.where(seen, image, template).astype(np.float32),
        )
    )
    step = max(template.shape) // CELLS
    count = visible = like = 0
    for top, left in product(*(range(0, side, step) for side in template.shape)):
        cell = slice(top, top + step), slice(left, left + step)
        a, b, kept = (each[cell][compared[cell]] for each in (ours, theirs, seen))
        if a.size < FILLED * step * step or a.std() < FLAT:
            continue
        count += 1
        if kept.sum() >= FILLED * step * step:
            visible += 1
            a, b = a[kept] - a[kept].mean(), b[kept] - b[kept].mean()
            scale = float(np.sqrt((a @ a) * (b @ b)))
            like += scale > 0 and float(a @ b) / scale >= LIKE  # Pearson's coefficient
    return like / visible if visible and visible >= SEEN * count else 0.0
