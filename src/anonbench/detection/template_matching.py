"""Local features of images (SIFT, Lowe 2004), and the transformation between matched ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.core.boxes import rectangle
from anonbench.core.libraries.opencv import cv2

FEATURES = 2000  # greatest number of features of an image, or of a template
LENGTH = 128  # numbers of a descriptor
CONTRAST = 0.02
"""Half of SIFT's usual threshold: the background and small print of a document are pale."""
WORDS = 128
"""Centres of the embedding. Of 35 documents photographed aslant, it ranks 27 among their first
three templates and 32 among ten; with 32 centres it is 24 and 30."""
SAMPLE = 10_000  # number of descriptors from which the centres are computed

RATIO = 0.85
"""Distance of the best match, as a share of the second best's, below which it is kept (Lowe)."""
REACH = 3.0  # pixels by which a match may miss and still support the transformation
DRAWS, CERTAIN = 5000, 0.9999
"""Greatest number of draws of a transformation, and the confidence at which they stop earlier."""
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

    points: np.ndarray
    """float32 [N, 2], x and y in pixels, counted from the image's corner."""
    descriptors: np.ndarray
    """float32 [N, 128], of length 1."""

    def __getitem__(self, kept: np.ndarray) -> Features:
        """Return some of the features (bool [N])."""
        return Features(self.points[kept], self.descriptors[kept])

    def negative(self) -> Features:
        """Return the features of the image's negative, in which every gradient turns around.

        Each is at the same place, and upside down, so that the histograms of its 4 × 4 squares
        change places.
        """
        squares = self.descriptors.reshape(-1, 4, 4, LENGTH // 16)[:, ::-1, ::-1]
        return Features(self.points, squares.reshape(-1, LENGTH))


def bounded(image: np.ndarray, longest: int) -> np.ndarray:
    """Shrink an image (uint8 [H, W] or [H, W, 3]) to a longer side of at most some pixels."""
    full = np.array(image.shape[1::-1])
    size = np.maximum(1, np.rint(full * min(1.0, longest / full.max()))).astype(int)
    if (size < full).any():
        image = cv2.resize(image, size.tolist(), interpolation=cv2.INTER_AREA)
    return image


def extract(grey: np.ndarray) -> Features:
    """Return about `FEATURES` features of an image (uint8 [H, W]), the strongest.

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
    """Return the centres of descriptors (float32 [N, 128]) by k-means: float32 [≤ WORDS, 128]."""
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    descriptors = np.ascontiguousarray(descriptors[:: -(-len(descriptors) // SAMPLE)])
    count, labels = min(WORDS, len(descriptors)), np.zeros((len(descriptors), 1), np.int32)
    _, _, centres = cv2.kmeans(descriptors, count, labels, criteria, 1, cv2.KMEANS_PP_CENTERS)
    result: np.ndarray = centres
    return result


def embed(descriptors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return a vector of locally aggregated descriptors (Jégou et al. 2010), a unit vector.

    Every centre's sum of residuals is brought to length 1 first (Arandjelović and Zisserman 2013).
    Without descriptors it is 0.
    """
    nearest = ((centres**2).sum(axis=1) - 2 * descriptors @ centres.T).argmin(axis=1)
    sums = np.zeros(centres.shape, np.float32)
    np.add.at(sums, nearest, descriptors - centres[nearest])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    vector: np.ndarray = sums.ravel() / max(float(np.linalg.norm(sums)), 1e-6)
    return vector


def is_in_any(points: np.ndarray, quads: Sequence[np.ndarray]) -> np.ndarray:
    """Whether points (float [N, 2]) are in one of the quadrilaterals ([4, 2])."""
    hulls = [cv2.convexHull(quad.astype(np.float32)) for quad in quads]
    inside = [
        any(cv2.pointPolygonTest(hull, point, False) >= 0 for hull in hulls)
        for point in points.astype(float).tolist()
    ]
    return np.array(inside, bool)


def match(template: Features, image: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of matching features, float32 [M, 2] in each, none of them twice."""
    if len(template.points) < 2 or len(image.points) < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    similarity = template.descriptors @ image.descriptors.T
    rows, mutual = np.arange(len(similarity)), similarity.argmax(axis=0)
    first = similarity.argmax(axis=1)
    best = similarity[rows, first]
    similarity[rows, first] = -1.0
    second = similarity.max(axis=1)
    # of vectors of length 1 the squared distance is 2 - 2 · product
    kept = (1 - best < RATIO**2 * (1 - second)) & (mutual[first] == rows)
    return template.points[kept], image.points[first[kept]]


def align(template: Features, image: Features) -> np.ndarray | None:
    """Return the transformation that most matches agree with (MAGSAC++, Barath et al. 2020).

    It is float64 [3, 3], from the template's pixels to the image's; None if too few agree with it.
    OpenCV restarts its random draws with every call: the same features give the same result.
    """
    start, end = match(template, image)
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
    """Return points (float [N, 2]) under a transformation ([3, 3])."""
    ends: np.ndarray = cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0]
    return ends


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


def framed(grey: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Image (uint8 [H, W]) resampled to a frame's shape, float32; NaN outside of it.

    The matrix ([3, 3]) is from the frame's pixels to the image's, counted from the corners.
    """
    half = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)])  # OpenCV counts from pixels' middles
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    inner = np.linalg.inv(half) @ matrix @ half
    seen: np.ndarray = cv2.warpPerspective(
        grey.astype(np.float32),
        inner,
        (shape[1], shape[0]),
        flags=flags,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(np.nan,),
    )
    return seen


def agreement(template: np.ndarray, image: np.ndarray, compared: np.ndarray) -> float:
    """Return the share of the template's cells in which the image looks the same.

    Matches alone do not distinguish documents of one publisher: emblem, background and headline are
    the same on all. If too little of the template is in the image, the share is 0. The template is
    uint8 [h, w], the image float32 [h, w] in its frame, `compared` bool [h, w]: without parts that
    differ from document to document.
    """
    seen = ~np.isnan(image)
    ours = _structure(template.astype(np.float32))
    theirs = _structure(np.where(seen, image, template).astype(np.float32))
    step = max(template.shape) // CELLS
    count = missing = like = 0
    for top in range(0, template.shape[0], step):
        for left in range(0, template.shape[1], step):
            cell = slice(top, top + step), slice(left, left + step)
            a = ours[cell][compared[cell]]
            if a.size < FILLED * step * step or a.std() < FLAT:
                continue
            count += 1
            kept = seen[cell][compared[cell]]
            if kept.sum() < FILLED * step * step:
                missing += 1
            elif _correlation(a[kept], theirs[cell][compared[cell]][kept]) >= LIKE:
                like += 1
    visible = count - missing
    return like / visible if visible and visible >= SEEN * count else 0.0


def _structure(grey: np.ndarray) -> np.ndarray:
    blurred: np.ndarray = cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(
        grey, (0, 0), COARSE
    )
    return blurred


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's coefficient; 0 where one of them is flat."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
