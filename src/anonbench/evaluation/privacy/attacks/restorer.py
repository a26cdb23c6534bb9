"""Learned restoration of hidden regions: ridge regressions on the output of deconvolution.

The restorer adds the missing part of the original to a window, square by square. Each square is
predicted from the visible pixels in and around it, by least squares over pairs of train images that
were hidden alike. It needs no knowledge of the method. Faces are resized to one square; eyes and
mouths of all faces are then at the same places, and each place has its own regression (position
patches: Ma, Zhang and Qi 2010, "Hallucinating face by position-patch", Pattern Recognition
43:2224-2236). Other regions are resized to one height, and all their squares share one regression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.anonymization.geometry import cover
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, image_regions
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attackers import Linear
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


@dataclass(frozen=True)
class _Form:
    """Division of an entity's regions into squares, in pixels."""

    height: int  # height of resized regions; also the width of a face
    square: int
    step: int  # distance between squares, which overlap; the result is their mean
    around: int
    """Visible margin on the left and right of a square; for faces also above and below it."""
    seen: int  # pixels of the height of what is seen, made smaller


_FACE = _Form(height=64, square=16, step=8, around=8, seen=8)
_LINE = _Form(height=48, square=48, step=24, around=48, seen=8)


@dataclass(frozen=True)
class Pair:
    """The window of one region in a train image."""

    seen: np.ndarray  # hidden, and undone as far as deconvolution can, uint8 [h, w] or [h, w, 3]
    clear: np.ndarray  # the same window of the original
    image: str


@dataclass(frozen=True)
class Restorer:
    """Restoration learned for one method and entity."""

    entity: str
    maps: Sequence[Linear]  # of each place of a face; of anything else, one

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """Estimate the original of a window (`Pair.seen`), uint8 [h, w] or [h, w, 3]."""
        form, image = _form(self.entity), _brought(seen, self.entity)
        total, times = np.zeros(image.shape), np.zeros((*image.shape[:2], 1))
        for place, (row, column, features) in enumerate(_squares(image, form)):
            mend = self.maps[place % len(self.maps)](features)
            at = slice(row, row + form.square), slice(column, column + form.square)
            total[at] += mend.reshape(form.square, form.square, -1)
            times[at] += 1.0
        lack = total / times
        if self.entity != Entity.FACE and seen.shape[0] > seen.shape[1]:
            lack = lack.transpose(1, 0, 2)
        lack = lack if seen.ndim == 3 else lack.mean(axis=2)
        method = cv2.INTER_CUBIC if seen.shape[0] > lack.shape[0] else cv2.INTER_AREA
        mended = cv2.resize(np.ascontiguousarray(lack), seen.shape[1::-1], interpolation=method)
        if seen.ndim > mended.ndim:  # of lines in colour, only the grey level is restored
            mended = mended[..., None]
        return np.clip(np.rint(seen + mended), 0, 255).astype(np.uint8)


def lack_of(regions: int, images: int) -> str:
    """Message why this number of pairs is too small to learn from; empty if it is enough."""
    if regions >= LEAST_REGIONS and images >= LEAST_IMAGES:
        return ""
    return (
        f"no restorer was learned: {regions} regions in {images} train images, and "
        f"{LEAST_REGIONS} in {LEAST_IMAGES} are needed"
    )


def learned(pairs: Sequence[Pair], entity: str) -> Restorer:
    """Fit a restorer to at least `LEAST_REGIONS` pairs of an entity, of `LEAST_IMAGES` images.

    The same pairs always give the same restorer.
    """
    form = _form(entity)
    squares: dict[int, list[tuple[np.ndarray, np.ndarray, str]]] = {}
    for pair in pairs:
        seen, clear = (_brought(each, entity) for each in (pair.seen, pair.clear))
        lacks = clear - seen
        for place, (row, column, found) in enumerate(_squares(seen, form)):
            square = lacks[row : row + form.square, column : column + form.square]
            key = place if entity == Entity.FACE else 0
            squares.setdefault(key, []).append((found, square.ravel(), pair.image))
    maps = []
    for _, rows in sorted(squares.items()):
        features, targets, images = zip(*rows[:: -(-len(rows) // _MOST)], strict=True)
        shown, missing = (np.stack(each).astype(np.float64) for each in (features, targets))
        with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
            maps.append(_chosen(shown, missing, np.array(images)))
    return Restorer(entity, tuple(maps))


def _chosen(features: np.ndarray, targets: np.ndarray, images: np.ndarray) -> Linear:
    """Regression with the penalty that is best on left-out images."""
    left_out = np.unique(images, return_inverse=True)[1] % _LEFT_OUT == 0
    few = targets[:, ::_EVERY]
    fits = _fits(features[~left_out], few[~left_out], STRENGTHS)
    apart = [found(features[left_out]) - few[left_out] for found in fits]
    errors = [round(float(np.square(each).mean()), 6) for each in apart]
    (chosen,) = _fits(features, targets, [STRENGTHS[errors.index(min(errors))]])
    return chosen


def _fits(
    features: np.ndarray, targets: np.ndarray, strengths: Sequence[float]
) -> Iterator[Linear]:
    """Yield the ridge regression of targets [N, E] on features [N, D] for each penalty."""
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    standard = features - centre
    gram, product = standard.T @ standard, standard.T @ (targets - mean)
    power = max(float(np.trace(gram)) / len(gram), _FLAT * len(features))
    for strength in strengths:
        penalized = gram + strength * power * np.eye(len(gram))
        yield Linear(centre, cho_solve(cho_factor(penalized), product), mean)


def _form(entity: str) -> _Form:
    return _FACE if entity == Entity.FACE else _LINE


def _brought(window: np.ndarray, entity: str) -> np.ndarray:
    """Resize a window for division into squares, float32 [H, W, C]; lines are made grey."""
    height = _form(entity).height
    if entity == Entity.FACE:
        colour = window if window.ndim == 3 else np.repeat(window[..., None], 3, axis=2)
        return np.asarray(_resized(colour, height, height), np.float32)
    grey = window if window.ndim == 2 else cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    lying = np.ascontiguousarray(grey.T if grey.shape[0] > grey.shape[1] else grey)
    width = max(height, round(lying.shape[1] * height / lying.shape[0]))
    return np.asarray(_resized(lying, height, width), np.float32)[..., None]


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    method = cv2.INTER_AREA if image.shape[0] > height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image.astype(np.float32), (width, height), interpolation=method))


def _squares(image: np.ndarray, form: _Form) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the row and column of each square of [H, W, C] with its visible pixels [D]."""
    beside = form.around
    above = beside if form.square < form.height else 0
    padded = np.pad(image, ((above, above), (beside, beside), (0, 0)), mode="edge")
    high, wide = form.square + 2 * above, form.square + 2 * beside
    size = (form.seen * wide // high, form.seen)
    lasts = [side - form.square for side in image.shape[:2]]
    rows, columns = (sorted({*range(0, last, form.step), last}) for last in lasts)
    for row in rows:
        for column in columns:
            seen = padded[row : row + high, column : column + wide]
            yield row, column, cv2.resize(seen, size, interpolation=cv2.INTER_AREA).ravel()


class LearnedRestorers:
    """Restorers that learn once per method, from at most `most` train regions of each entity."""

    def __init__(self, published: Published, hiding: Anonymization, most: int, seed: int) -> None:
        boxes = published.boxes
        self._drawn = draw(boxes, published.train_ids(), most, seed)
        self._published, self._hiding = published, hiding
        self._regions = image_regions(boxes[boxes["id"].isin(set(self._drawn["id"]))])
        of_entity = self._drawn.groupby("entity")["id"]
        sizes, images = of_entity.size(), of_entity.nunique()
        self._lacks = {
            entity: lack_of(int(sizes.get(entity, 0)), int(images.get(entity, 0)))
            for entity in Entity
        }
        self._learned: dict[str, Mapping[str, Restorer]] = {}

    def lack(self, entity: str) -> str:
        """Reason, shown to people, why an entity's regions are not restored; empty if they are."""
        return self._lacks[Entity(entity)]

    def restored(self, image: np.ndarray, region: Region, variant: Variant) -> np.ndarray:
        """Return a copy of an image, uint8 [H, W] or [H, W, 3], with a hidden region restored.

        Only for entities without a `lack`; regions of an original are left unchanged.
        """
        area = cover(region, image.shape, self._hiding.margin)
        method = variant.method
        if method is None or area is None:
            return image
        if method not in self._learned:
            self._learned[method] = self._learn(method)
        found = undone(image, region, variant, self._hiding)[0].copy()
        seen = found[area.window]
        put(seen, self._learned[method][region.entity](seen), area)
        return found

    def _learn(self, method: str) -> dict[str, Restorer]:
        """Restorers of one method by entity; each image is hidden once for all of them."""
        settings, variant = self._hiding, Variant(method, HIDDEN)
        originals = self._published.train
        assert originals is not None, "there are no train images"
        hidden = self._published.hidden_train(method, self._regions, settings)
        pairs: dict[str, list[Pair]] = {}
        rows = self._drawn.groupby("id", sort=False)["order"]
        images = [(str(name), sorted(orders)) for name, orders in rows]
        for image_id, orders in track(images, len(images), "train images hidden"):
            clear, shown = (each.read(image_id) for each in (originals, hidden))
            for order in orders:
                region = self._regions[image_id][order]
                area = cover(region, clear.shape, settings.margin)
                if area is None or self.lack(region.entity):
                    continue
                seen = undone(shown, region, variant, settings)[0][area.window]
                pair = Pair(seen.copy(), clear[area.window].copy(), image_id)
                pairs.setdefault(region.entity, []).append(pair)
        return {entity: learned(own, entity) for entity, own in pairs.items()}
