"""Local features of an image (SIFT, Lowe 2004) and one embedding of all of them (VLAD)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.core.libraries.opencv import cv2

LENGTH = 128
"""Numbers of a descriptor."""
CONTRAST = 0.02
"""Half of SIFT's usual threshold: the ground and the small print of a document are pale."""
WORDS = 128
"""Centres of the embedding. Of 35 documents photographed aslant, it ranks 27 among their first
three templates and 32 among ten; with 32 centres it is 24 and 30."""
SAMPLE = 10_000
"""Descriptors that the centres are found from."""


@dataclass(frozen=True)
class Features:
    """Where an image has structure, and what it looks like there."""

    points: np.ndarray
    """float32 [N, 2], x and y in pixels, counted from the image's corner."""
    descriptors: np.ndarray
    """float32 [N, 128], of length 1."""

    def __getitem__(self, kept: np.ndarray) -> Features:
        """Return some of the features (bool [N])."""
        return Features(self.points[kept], self.descriptors[kept])


def working_copy(image: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image in grey and of bounded size, and its size as a share of the image's.

    Args:
        image: uint8 [H, W] or [H, W, 3] RGB.
        longest: pixels of the longer side at most.

    Returns:
        uint8 [h, w], and float64 [2] for x and y.

    """
    full = np.array(image.shape[1::-1])
    size = np.maximum(1, np.rint(full * min(1.0, longest / full.max()))).astype(int)
    if (size < full).any():
        image = cv2.resize(image, size.tolist(), interpolation=cv2.INTER_AREA)
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.ascontiguousarray(grey), size / full


def extract(grey: np.ndarray, count: int) -> Features:
    """Return about `count` features of an image (uint8 [H, W]), the strongest.

    The descriptors are square roots of SIFT's (Arandjelović and Zisserman 2012): their product
    compares histograms as such.
    """
    sift = cv2.SIFT.create(nfeatures=count, contrastThreshold=CONTRAST)
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
    """Return a vector of locally aggregated descriptors (Jégou et al. 2010), float32 of length 1.

    Every centre's sum of residuals is brought to length 1 first (Arandjelović and Zisserman 2013).
    Without descriptors it is 0.
    """
    nearest = ((centres**2).sum(axis=1) - 2 * descriptors @ centres.T).argmin(axis=1)
    sums = np.zeros(centres.shape, np.float32)
    np.add.at(sums, nearest, descriptors - centres[nearest])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    vector: np.ndarray = sums.ravel() / max(float(np.linalg.norm(sums)), 1e-6)
    return vector


def in_any(points: np.ndarray, quads: Sequence[np.ndarray]) -> np.ndarray:
    """Tell for points (float [N, 2]) whether they are in one of the quadrilaterals ([4, 2])."""
    result = np.zeros(len(points), bool)
    for quad in quads:
        hull = cv2.convexHull(quad.astype(np.float32))[:, 0].astype(np.float64)
        edges = np.roll(hull, -1, axis=0) - hull
        to = points[:, None].astype(np.float64) - hull
        turns = edges[:, 0] * to[..., 1] - edges[:, 1] * to[..., 0]
        result |= (turns >= 0).all(axis=1) | (turns <= 0).all(axis=1)
    return result
