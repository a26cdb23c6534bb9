"""Block noise: traces of a hidden line that lossy coding left in visible pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import rng
from anonbench.core.registries.attacks import NO_CODING, Equipment, LoadedAttack, RegionShares
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.dictionary import (
    Candidates,
    ranked,
    stands,
    texts_like,
)
from anonbench.evaluation.privacy.attacks.kinds.reading import Readability, known_text

if TYPE_CHECKING:
    from anonbench.evaluation.privacy.attacks.coding import Coding
    from anonbench.evaluation.privacy.attacks.typesetting import Typesetting

_AROUND = 40
"""Pixels around a line that are looked at: two of the largest blocks, and what methods add."""
_SMOOTHED = 3  # pixels by which colour that is coded at half the size reaches beyond its block
VALUES = 2**23  # of candidates that are coded at once: they take some 30 bytes each
_CHANGED = 16
"""Grey levels from which a pixel of a lossy copy may be hidden: below it is coding noise."""


class BlockNoise(Candidates):
    """True lines, ranked among candidates by the JPEG noise beside the hidden region.

    JPEG codes blocks of 8 or 16 pixels a side. In a block that a region's edge cuts, the visible
    part has noise of what is hidden. Each candidate is drawn into the hidden pixels and coded with
    the tables of the original; the one that changes the visible pixels least is the likeliest. The
    attacker knows the tables and how the line is set (type face, size, place), as whoever has
    another page of the same form. The true text is what the recognizer reads in the original where
    it is confident. Rates of originals are those of a mask at the region's edge in a lossless copy.
    """

    name: ClassVar = "block_noise"
    label: ClassVar = "Noise of coding blocks"
    entities: ClassVar = (Entity.TEXT,)
    seconds_a_region: ClassVar = 0.2
    reads_files: ClassVar = True
    guesses: ClassVar = 3

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        return _Coding(self.candidates, Readability().load(equipment))


@dataclass(frozen=True)
class _Seen:
    """A line with its surroundings."""

    pixels: np.ndarray  # uint8 [h, w] or [h, w, 3]
    inside: np.ndarray  # bool [h, w]: the region
    corner: tuple[int, int]  # first row and column in the image
    coding: Coding | None  # of the image's file, where it is a JPEG
    lossless: bool = True  # of other files that are no JPEG, the hidden pixels cannot be known
    upright: np.ndarray | None = None
    """Transformation from the upright line to `pixels`, float64 [3, 3]. Only for originals, like
    the following fields."""
    candidates: Sequence[str] = ()  # the true text first; empty if it is unknown
    setting: Typesetting | None = None
    levels: np.ndarray | None = None  # of the paper, and what ink adds to it, [2, C]
    beyond: bool = False  # whether only blocks without hidden pixels count (the control)


@dataclass(frozen=True)
class _Coding:
    most: int  # candidates
    reader: LoadedAttack

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        return self.look_at_file(None, image, regions, variant)

    def look_at_file(
        self, data: bytes | None, image: np.ndarray, regions: Sequence[Region], variant: Variant
    ) -> list[Any]:
        """Do the same as `look` with an image's file; None: it was never stored."""
        from anonbench.anonymization.geometry import cover
        from anonbench.evaluation.privacy.attacks.coding import coding_of, is_lossless
        from anonbench.evaluation.privacy.attacks.typesetting import moved

        coding = None if data is None else coding_of(data)
        lossless = data is None or is_lossless(data)
        found: list[_Seen | None] = [None] * len(regions)
        for place, region in enumerate(regions):
            area = cover(region, image.shape, around=_AROUND)
            if area is None or stands(region):
                continue
            top, left = (side.start for side in area.window)
            seen = _Seen(image[area.window].copy(), area.inside, (top, left), coding, lossless)
            if variant.method is None and coding is not None:
                seen = self._known(seen, moved(region, -left, -top))
            found[place] = seen
        return found

    def _known(self, seen: _Seen, region: Region) -> _Seen:
        """An original's line with its text, candidates and typesetting."""
        from anonbench.detection.base import as_grey
        from anonbench.evaluation.privacy.attacks.typesetting import typesetting_of, upright

        (line,) = self.reader.look(seen.pixels, [region], Variant())
        text = known_text(line)
        candidates = texts_like(text, self.most, rng("block noise", text)) if text else []
        if len(candidates) < self.most:
            return seen
        matrix, size = upright(region)
        back, border = np.linalg.inv(matrix), cv2.BORDER_REPLICATE
        grey = cv2.warpPerspective(as_grey(seen.pixels), back, size, borderMode=border)
        setting = typesetting_of(grey, text)
        if setting is None:
            return seen
        ink = setting.drawn(text, seen.inside.shape, matrix)[seen.inside] / 255.0
        known = seen.pixels[seen.inside].reshape(ink.size, -1).astype(np.float64)
        terms = np.stack([np.ones(ink.size), ink], axis=1)
        levels = np.linalg.lstsq(terms, known, rcond=None)[0]
        return replace(seen, upright=matrix, candidates=candidates, setting=setting, levels=levels)

    def shares(self, truth: _Seen, found: _Seen) -> RegionShares:
        if not truth.candidates or not (found.coding or found.lossless):
            return {}
        line = truth if found.setting is None else found
        changes = changes_by_text(truth.candidates, line, found)
        return {} if changes is None else ranked(-changes)

    def control(self, truth: _Seen) -> _Seen:
        """Secret that nothing tells of; in place of masked images, which may hold what it uses."""
        return replace(truth, beyond=True)

    def not_applicable(self, truths: Sequence[_Seen | None]) -> str:
        """Reason why none of these truths can be attacked; empty: they are not known."""
        coded = any(truth is not None and truth.coding is not None for truth in truths)
        return "" if coded else NO_CODING


def changes_by_text(candidates: Sequence[str], line: _Seen, found: _Seen) -> np.ndarray | None:
    """Change of visible pixels by coding if each of the texts is hidden, float [N]."""
    from anonbench.detection.base import as_grey, as_rgb

    coding, setting, onto = line.coding, line.setting, line.upright
    assert coding and setting and line.levels is not None and onto is not None
    seen = (as_grey if line.pixels.ndim == 2 else as_rgb)(found.pixels)
    hidden, others = _hidden(line, found, seen)
    if hidden.all() and not line.inside.all():
        return None  # the copy was coded with loss and then stored without loss
    touched = coding.touched(hidden, line.corner)
    ring = touched & ~hidden & ~coding.touched(others, line.corner)
    if found.beyond:
        ring = _grown(touched, _AROUND) & ~_grown(touched, _SMOOTHED)
    paper, more = line.levels

    def changes(texts: Sequence[str]) -> np.ndarray:
        drawn = [setting.drawn(text, hidden.shape, onto)[hidden] for text in texts]
        ink = np.stack(drawn)[..., None] / 255.0
        pages = np.repeat(seen[None], len(texts), axis=0)
        levels = np.clip(np.rint(paper + more * ink), 0, 255).astype(np.uint8)
        pages[:, hidden] = levels if seen.ndim == 3 else levels[..., 0]
        coded = coding.repeated(pages, line.corner)
        if found.coding and found.setting is None:  # the copy was coded when the line was hidden
            coded[:, hidden] = seen[hidden]
            coded = found.coding.repeated(coded, line.corner)
        apart = np.abs(coded[:, ring].astype(np.int64) - seen[ring])
        return np.asarray(apart.reshape(len(texts), -1).sum(axis=1), np.float64)

    size = max(1, VALUES // seen.size)
    starts = range(0, len(candidates), size)
    every = [changes(candidates[start : start + size]) for start in starts]
    return np.asarray(np.concatenate(every))


def _hidden(line: _Seen, found: _Seen, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hidden pixels of a line, convex as masks are, and others around it, bool [h, w] each."""
    if found.setting is not None:  # an original: as if a mask ended at the region's edge
        return line.inside, np.zeros_like(line.inside)
    apart = cv2.absdiff(seen, line.pixels)
    apart = apart if apart.ndim == 2 else apart.max(axis=2)
    least = 0 if found.lossless else max(_CHANGED, int(apart[line.inside].max()) // 2)
    changed = apart > least
    _, parts = cv2.connectedComponents((changed | line.inside).astype(np.uint8))
    own = np.isin(parts, np.unique(parts[line.inside]))
    hull = cv2.convexHull(cv2.findNonZero(own.astype(np.uint8)))
    hidden = cv2.fillConvexPoly(np.zeros(own.shape, np.uint8), hull, [1]).astype(bool)
    return hidden, changed & ~hidden


def _grown(pixels: np.ndarray, reach: int) -> np.ndarray:
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(pixels.astype(np.uint8), around) > 0)
