"""Connected strokes of ink."""

import numpy as np

from anonbench.core.libraries.opencv import cv2


def lengths_of(ink: np.ndarray) -> np.ndarray:
    """Longer side of the connected ink that contains each pixel, int32 [h, w]; else 0."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(ink)
    longer = boxes[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(axis=1)
    longer[0] = 0
    return np.asarray(longer[labels])


def are_cut(ink: np.ndarray, text: np.ndarray, least: float) -> np.ndarray:
    """Connected ink that lines of text cover, but for some pixels at least, bool [h, w]."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(ink)
    outside = np.bincount(labels[text == 0], minlength=len(boxes))
    cut = (outside >= least) & (outside < boxes[:, cv2.CC_STAT_AREA])
    cut[0] = False
    return np.asarray(cut[labels])
