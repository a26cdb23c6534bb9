"""Learned restoration of hidden regions: ridge regressions on the output of deconvolution.

The missing part of each square is predicted from the visible pixels in and around it, as learned
from train images that were hidden alike. In faces, which are resized to one size, each place has
its own regression (Ma, Zhang and Qi 2010, "Hallucinating face by position-patch"); all squares of
other regions, which are resized to one height, share one.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.anonymization.geometry import cover
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, image_regions
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.core.vocabulary import Entity, Variant
from anonbench.detection.base import as_grey, as_rgb
from anonbench.evaluation.privacy.attackers import Linear, ridge
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import put, undone
from anonbench.evaluation.privacy.attacks.regions import draw
from anonbench.evaluation.privacy.published import HIDDEN, Published

LEAST_REGIONS, LEAST_IMAGES = 40, 10
"""Smallest number of pairs, and of the images that they are from, to learn anything."""
STRENGTHS = (10.0, 1.0, 0.1, 0.01)
"""Ridge penalties, as shares of the features' mean variance. The one that best restores left-out
images is chosen."""
_LEFT_OUT = 5  # one of this number of images is left out to choose the penalty
_EVERY = 4  # one of this number of pixels is used to choose the penalty
_MOST = 8_000  # largest number of squares that a regression is learned from
_FLAT = 1e-6
"""Variance of features that never change, as under a mask: nothing is learned from them."""
_SEEN = 8  # pixels of the height of what is seen of a square, made smaller


class Pair(NamedTuple):
    """The window of one region in a train image."""

    seen: np.ndarray  # hidden, and undone as far as deconvolution can, uint8 [h, w] or [h, w, 3]
    clear: np.ndarray  # the same window of the original
    image: str


class Restorer(NamedTuple):
    """Restoration learned for one method and entity."""

    entity: str
    maps: Sequence[Linear]  # of each place of a face; of anything else, one

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """Estimate the original of a window (`Pair.seen`), uint8 [h, w] or [h, w, 3]."""
        image = _brought(seen, self.entity)
        total, times = np.zeros(image.shape), np.zeros((*image.shape[:2], 1))
        for place, (at, features) in enumerate(_squares(image, self.entity)):
            total[at] += self.maps[place % len(self.maps)](features).reshape(total[at].shape)
            times[at] += 1.0
        lack = total / times
        if self.entity != Entity.FACE and seen.shape[0] > seen.shape[1]:
            lack = lack.transpose(1, 0, 2)
        lack = lack if seen.ndim == 3 else lack.mean(axis=2)
        method = cv2.INTER_CUBIC if seen.shape[0] > lack.shape[0] else cv2.INTER_AREA
        more = cv2.resize(np.ascontiguousarray(lack), seen.shape[1::-1], interpolation=method)
        if seen.ndim > more.ndim:  # of lines in colour, only the grey level is restored
            more = more[..., None]
        return np.clip(np.rint(seen + more), 0, 255).astype(np.uint8)


def learned(pairs: Sequence[Pair], entity: str) -> Restorer:
    """Fit a restorer to at least `LEAST_REGIONS` pairs of an entity, of `LEAST_IMAGES` images.

    The same pairs always give the same restorer.
    """
    squares: dict[int, list[tuple[np.ndarray, np.ndarray, str]]] = {}
    for pair in pairs:
        seen, clear = (_brought(each, entity) for each in (pair.seen, pair.clear))
        missing = clear - seen
        for place, (at, features) in enumerate(_squares(seen, entity)):
            rows = squares.setdefault(place if entity == Entity.FACE else 0, [])
            rows.append((features, missing[at].ravel(), pair.image))
    maps: list[Linear] = []
    for _, rows in sorted(squares.items()):
        features, targets, images = zip(*rows[:: -(-len(rows) // _MOST)], strict=True)
        shown, lacks = (np.stack(each).astype(np.float64) for each in (features, targets))
        left_out = np.unique(images, return_inverse=True)[1] % _LEFT_OUT == 0
        few, least = lacks[:, ::_EVERY], _FLAT * len(shown)
        with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
            fits = ridge(shown[~left_out], few[~left_out], STRENGTHS, least=least)
            apart = [found(shown[left_out]) - few[left_out] for found in fits]
            errors = [round(float(np.square(each).mean()), 6) for each in apart]
            best = STRENGTHS[errors.index(min(errors))]
            maps += ridge(shown, lacks, [best], least=least)
    return Restorer(entity, maps)


def _brought(window: np.ndarray, entity: str) -> np.ndarray:
    """Resize a window for division into squares, float32 [H, W, C]; lines are made grey."""
    if entity == Entity.FACE:
        image, height, width = as_rgb(window), 64, 64
    else:
        grey = as_grey(window)
        image = np.ascontiguousarray(grey.T if grey.shape[0] > grey.shape[1] else grey)
        height, width = 48, max(48, round(image.shape[1] * 48 / image.shape[0]))
    method = cv2.INTER_AREA if image.shape[0] > height else cv2.INTER_LINEAR
    resized = cv2.resize(image.astype(np.float32), (width, height), interpolation=method)
    return np.asarray(resized.reshape(height, width, -1))


def _squares(image: np.ndarray, entity: str) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Yield the place of each square of [H, W, C] with its visible pixels [D].

    Squares overlap by half. Seen of a face are also the pixels above and below a square.
    """
    side, beside, above = (16, 8, 8) if entity == Entity.FACE else (48, 48, 0)
    padded = np.pad(image, ((above, above), (beside, beside), (0, 0)), mode="edge")
    high, wide = side + 2 * above, side + 2 * beside
    lasts = [length - side for length in image.shape[:2]]
    rows, columns = (sorted({*range(0, last, side // 2), last}) for last in lasts)
    for row, column in product(rows, columns):
        seen = padded[row : row + high, column : column + wide]
        small = cv2.resize(seen, (_SEEN * wide // high, _SEEN), interpolation=cv2.INTER_AREA)
        yield np.s_[row : row + side, column : column + side], small.ravel()


class LearnedRestorers:
    """Restorers that learn once per method, from at most `most` train regions of each entity."""

    def __init__(self, published: Published, hiding: Anonymization, most: int, seed: int) -> None:
        boxes = published.boxes
        self._drawn = draw(boxes, published.train_ids(), most, seed)
        self._published, self._hiding = published, hiding
        self._regions = image_regions(boxes[boxes["id"].isin(set(self._drawn["id"]))])
        self._learned: dict[str, Mapping[str, Restorer]] = {}

    def lack(self, entity: str) -> str:
        """Reason, shown to people, why an entity's regions are not restored; empty if they are."""
        ids = self._drawn.loc[self._drawn["entity"] == entity, "id"]
        if len(ids) >= LEAST_REGIONS and ids.nunique() >= LEAST_IMAGES:
            return ""
        return (
            f"no restorer was learned: {len(ids)} regions in {ids.nunique()} train images, and "
            f"{LEAST_REGIONS} in {LEAST_IMAGES} are needed"
        )

    def restored(self, image: np.ndarray, region: Region, variant: Variant) -> np.ndarray:
        """Return a copy of an image, uint8 [H, W] or [H, W, 3], with a hidden region restored.

        Only for entities without a `lack`; regions of an original are left unchanged.
        """
        area = cover(region, image.shape, self._hiding.margin)
        if variant.method is None or area is None:
            return image
        if variant.method not in self._learned:
            self._learned[variant.method] = self._learn(variant.method)
        found = undone(image, region, variant, self._hiding)[0].copy()
        seen = found[area.window]
        put(seen, self._learned[variant.method][region.entity](seen), area)
        return found

    def _learn(self, method: str) -> dict[str, Restorer]:
        """Restorers of one method by entity; each image is hidden once for all of them."""
        hiding, originals = self._hiding, self._published.train
        assert originals is not None, "there are no train images"
        hidden = self._published.hidden_train(method, self._regions, hiding)
        pairs: dict[str, list[Pair]] = {}
        images = [
            (str(name), rows) for name, rows in self._drawn.groupby("id", sort=False)["order"]
        ]
        for image_id, orders in track(images, len(images), "train images hidden"):
            clear, shown = (each.read(image_id) for each in (originals, hidden))
            for order in sorted(orders):
                region = self._regions[image_id][order]
                area = cover(region, clear.shape, hiding.margin)
                if area is None or self.lack(region.entity):
                    continue
                seen = undone(shown, region, Variant(method, HIDDEN), hiding)[0][area.window]
                pair = Pair(seen.copy(), clear[area.window].copy(), image_id)
                pairs.setdefault(region.entity, []).append(pair)
        return {entity: learned(own, entity) for entity, own in pairs.items()}
