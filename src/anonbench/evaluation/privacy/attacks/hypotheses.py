"""Candidate texts, drawn over a region, hidden like it and compared with published pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from anonbench.anonymization.apply import anonymize
from anonbench.anonymization.geometry import cover
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Variant
from anonbench.detection.text.recognizer import ways_to_read
from anonbench.evaluation.privacy.attacks.typesetting import Setting, set_in, strips

_SOFT = 0.08
"""Blur of a region that is not hidden, as a share of its height: strokes need not meet."""
_PAPER, _INK, _CONTRAST = 235.0, 25.0, 100.0
"""Grey levels; where the surroundings are brighter than the sum of the last two, they are paper."""
_APART = 1e-3
"""Length of a candidate's own part (of 1) below which it equals all others up to rounding."""


class Hypotheses:
    """Appearance of a region for each text that it might hide."""

    def __init__(
        self, pixels: np.ndarray, region: Region, method: str | None, hiding: Anonymization
    ) -> None:
        """Take the published pixels of a region.

        Args:
            pixels: uint8 [H, W] or [H, W, 3]: the region and the relevant part of its surroundings.
            region: a horizontal line, or a zone, with at least one pixel in the image.
            method: that hid it; None: it is not hidden.
            hiding: the methods' strengths.

        """
        self._region, self._method, self._hiding = region, method, hiding
        self._grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        form = hiding.shape.of(region.entity)
        area = cover(region, self._grey.shape, hiding.margin, 1, form)
        assert area is not None
        self._window, self._inside = area.window, area.inside
        corners = ways_to_read(region)[0]
        sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
        self._size = (max(1, round(sides[1::2].max())), max(1, round(sides[::2].max())))
        self._corners = corners - (area.window[1].start, area.window[0].start)
        beside = np.ones(self._grey.shape, bool)
        beside[self._window] = False if self._inside is None else ~self._inside
        # dark surroundings are not paper
        paper = np.median(self._grey[beside]) if beside.any() else 0.0
        self._paper = float(paper) if paper > _INK + _CONTRAST else _PAPER
        self.target = self._vector(self._grey)
        """Of what is seen, float [P] of mean 0 and length 1; 0 where all is one colour."""

    def envelope(self, candidates: Sequence[tuple[str, ...]], setting: Setting) -> float:
        """Fit between the mean of candidates and the published pixels."""
        return float(_unit(self._vectors(candidates, setting).mean(axis=0)) @ self.target)

    def scores(self, candidates: Sequence[tuple[str, ...]], setting: Setting) -> np.ndarray:
        """Correlations of candidates with the published pixels, float [N].

        The common part of all candidates (the place of ink and paper) is removed from both sides:
        it does not distinguish between them.
        """
        vectors = self._vectors(candidates, setting)
        common = _unit(vectors.mean(axis=0))
        rest = vectors - np.outer(vectors @ common, common)
        target = self.target - (self.target @ common) * common
        lengths = np.linalg.norm(rest, axis=1)
        apart = lengths > _APART
        scores = rest @ target / np.where(apart, lengths, 1.0) / max(np.linalg.norm(target), _APART)
        return np.asarray(np.where(apart, scores, 0.0))

    def _vectors(self, candidates: Sequence[tuple[str, ...]], setting: Setting) -> np.ndarray:
        """Candidates as drawn and hidden, float32 [N, P], each with mean 0 and length 1."""
        return np.stack([self._vector(page) for page in self._pages(candidates, setting)])

    def _pages(
        self, candidates: Sequence[tuple[str, ...]], setting: Setting
    ) -> Iterator[np.ndarray]:
        """Yield the published appearance of each candidate, uint8 [h, w]."""
        count = len(candidates[0])
        lines = tuple(line for candidate in candidates for line in candidate)
        drawn = strips(lines, setting.face, self._size[0] // count)
        coverage = np.linspace(0.0, 1.0, 256)
        levels = np.rint(self._paper - (self._paper - _INK) * coverage).astype(np.uint8)
        for start in range(0, len(drawn), count):
            page = self._grey.copy()
            ink = self._placed(set_in(drawn[start : start + count], self._size, setting))
            written = levels[ink]
            inside = slice(None) if self._inside is None else self._inside
            page[self._window][inside] = written[inside]
            if self._method is not None:
                page = anonymize(page, [self._region], Variant(self._method, 100), self._hiding)
            yield page

    def _placed(self, ink: np.ndarray) -> np.ndarray:
        """Ink coverage of an upright region, transformed to its window, uint8 [h, w]."""
        rows, columns = self._window
        size = (columns.stop - columns.start, rows.stop - rows.start)
        if self._region.quad is None:
            return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))
        height, width = ink.shape
        upright = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        # the transformation uses pixel centres as positions
        source, target = upright - 0.5, self._corners.astype(np.float32) - 0.5
        return np.asarray(
            cv2.warpPerspective(ink, cv2.getPerspectiveTransform(source, target), size)
        )

    def _vector(self, page: np.ndarray) -> np.ndarray:
        """Pixels of a region, float [P], with mean 0 and length 1 (or 0)."""
        seen: np.ndarray = page[self._window].astype(np.float32)
        if self._method is None:
            seen = cv2.GaussianBlur(seen, (0, 0), max(0.5, _SOFT * self._size[0]))
        inside = seen.ravel() if self._inside is None else seen[self._inside]
        return _unit(inside - inside.mean())


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > _APART else np.zeros_like(vector), np.float32)
