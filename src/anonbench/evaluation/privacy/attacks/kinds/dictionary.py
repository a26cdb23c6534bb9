"""Dictionary attack: draw candidates, hide them alike and compare with published pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.numeric.seeding import rng
from anonbench.core.registries.attacks import (
    Equipment,
    LoadedAttack,
    RegionAttack,
    RegionShares,
    Risk,
)
from anonbench.core.settings import Count
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import (
    MrzReading,
    Readability,
    known_text,
    zone_of,
)

RANKS = (1, 10)
_FEW = 8
"""Number of candidates for choosing settings; all candidates are then drawn in the best of them."""
_EQUAL = 1e-6


class Candidates(RegionAttack):
    """An attack that ranks the true line among candidates."""

    reads_text: ClassVar = True

    candidates: Count = 100
    """Candidates that the true text is ranked among, including itself."""
    images: Count = 40
    """Largest number of images that are attacked."""
    regions: Count = 2
    """Largest number of lines or zones of each image."""


class Dictionary(Candidates):
    """True lines and machine-readable zones, ranked among candidates of the same kind.

    The attacker knows where the region is, what kind of text it shows (where digits, vowels and
    dates stand), the method and its strength, but no key. Each candidate is drawn in several type
    faces and margins, hidden by the same method and correlated with the published region. Of zones,
    candidates are other holders, with check digits that agree. The true text is what the recognizer
    reads in the original where it is confident.
    """

    name: ClassVar = "dictionary"
    label: ClassVar = "Dictionary of candidates"
    risk: ClassVar = Risk.SINGLING_OUT
    entities: ClassVar = (Entity.TEXT, Entity.MRZ)
    seconds_a_region: ClassVar = 0.1
    tells_hidden: ClassVar = True
    guesses: ClassVar = 1

    images: Count = 80
    """Most images that are attacked; at least 73 independent ones can pass the policy's limit of 5
    %."""
    tries: Count = 4
    """Likeliest combinations of typeface and margin in which all candidates are drawn."""

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        return _Ranking(self, equipment)


@dataclass
class _Seen:
    """A published region, with the surroundings that its method uses."""

    pixels: np.ndarray  # uint8 [h, w] or [h, w, 3]
    region: Region  # in the coordinates of `pixels`
    variant: Variant
    candidates: list[tuple[str, ...]] | None = None
    """Lines of each candidate, the true one first; empty where the truth is not known."""
    known: dict[bytes, RegionShares] = field(default_factory=dict)
    """Results for this truth by digest of the pixels; several degrees show the same pixels."""

    def digest(self) -> bytes:
        about = f"{self.variant.method} {self.region} {self.pixels.shape}".encode()
        return hashlib.sha256(about + self.pixels.tobytes()).digest()


class _Ranking:
    def __init__(self, settings: Dictionary, equipment: Equipment) -> None:
        self._settings = settings
        self._hiding = equipment.anonymization
        self._equipment = equipment
        self._readers: dict[str, LoadedAttack] = {}

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        return [self._one(image, region, variant) for region in regions]

    def _one(self, image: np.ndarray, region: Region, variant: Variant) -> _Seen | None:
        from anonbench.anonymization.geometry import cover

        if variant.method is not None and not self._hiding.has(str(variant.method)):
            return None  # the methods of other programs are unknown, so candidates cannot be hidden
        form, margin = getattr(self._hiding.shape, region.entity), self._hiding.margin
        if form == "image" or stands(region):
            return None
        plain = cover(region, image.shape, margin)
        if plain is None:
            return None
        windows = [plain.window]
        if variant.method is not None:
            for _, step in self._hiding.steps(variant.method, region.entity):
                sides = step.least_side, form, step.surroundings
                area = cover(region, image.shape, margin, *sides, self._hiding.coding_blocks)
                windows += [] if area is None else [area.window]
        top, left = (min(window[axis].start for window in windows) for axis in (0, 1))
        bottom, right = (max(window[axis].stop for window in windows) for axis in (0, 1))
        return _Seen(image[top:bottom, left:right].copy(), moved(region, -left, -top), variant)

    def shares(self, truth: _Seen, found: _Seen) -> RegionShares:
        if truth.candidates is None:
            truth.candidates = self._candidates(truth)
        if len(truth.candidates) < self._settings.candidates:
            return {}
        key = found.digest()
        if key not in truth.known:
            truth.known[key] = ranked(self._scores(truth.candidates, found))
        return truth.known[key]

    def _candidates(self, truth: _Seen) -> list[tuple[str, ...]]:
        """The true lines and others like them; empty if the truth is unknown."""
        from anonbench.evaluation.privacy.attacks.candidates import texts_like, zones_like

        count = self._settings.candidates
        (found,) = self._reader(truth.region.entity).look(truth.pixels, [truth.region], Variant())
        if truth.region.entity == Entity.MRZ:
            zone = zone_of(found)
            if zone is None:
                return []
            lines, layout = tuple(zone[0]), zone[1]
            return zones_like(lines, layout, count, rng("dictionary", *lines))
        text = known_text(found)
        drawn = texts_like(text, count, rng("dictionary", text)) if text else []
        return [(each,) for each in drawn]

    def _reader(self, entity: str) -> LoadedAttack:
        if entity not in self._readers:  # the zones' reader is loaded only if there are zones
            kind = MrzReading() if entity == Entity.MRZ else Readability()
            self._readers[entity] = kind.load(self._equipment)
        return self._readers[entity]

    def _scores(self, candidates: Sequence[tuple[str, ...]], found: _Seen) -> np.ndarray:
        """Fit of each candidate to the published pixels, float [N]; higher is better."""
        from anonbench.evaluation.privacy.attacks.typesetting import (
            FIXED,
            PROPORTIONAL,
            Hypotheses,
            settings,
        )

        faces = FIXED if found.region.entity == Entity.MRZ else PROPORTIONAL
        hypotheses = Hypotheses(found.pixels, found.region, found.variant.method, self._hiding)
        if not hypotheses.target.any():
            return np.zeros(len(candidates))
        # the true candidate must not influence which settings are tried
        few = candidates[1 : 1 + _FEW]
        tried = settings(faces)
        fit = [hypotheses.envelope(few, setting) for setting in tried]
        best = np.argsort(-np.array(fit), kind="stable")[: self._settings.tries]
        scores = [hypotheses.scores(candidates, tried[n]) for n in best]
        return np.asarray(np.max(np.stack(scores), axis=0))


def ranked(scores: np.ndarray) -> RegionShares:
    """Whether the first candidate is within each of `RANKS`, and 1 over its rank.

    Ties count as the mean over all their orders. Scores, float [N], are the higher the better.
    """
    above = int((scores > scores[0] + _EQUAL).sum())
    tied = int((np.abs(scores - scores[0]) <= _EQUAL).sum())
    places = np.arange(above + 1, above + tied + 1)
    found = {f"top_{rank}": float((places <= rank).mean()) for rank in RANKS}
    return found | {"reciprocal_rank": float((1.0 / places).mean())}


def moved(region: Region, right: float, down: float) -> Region:
    """Shift a region into an image that is cropped on the left and at the top."""
    quad: Any = None
    if region.quad is not None:
        quad = tuple((np.array(region.quad) + np.tile((right, down), 4)).tolist())
    x0, y0, x1, y1 = region.x0 + right, region.y0 + down, region.x1 + right, region.y1 + down
    blocks = tuple(
        each._replace(
            **{name: getattr(each, name) + right for name in ("left", "right", "x")},
            **{name: getattr(each, name) + down for name in ("top", "bottom", "y")},
        )
        for each in region.blocks
    )
    return replace(region, x0=x0, y0=y0, x1=x1, y1=y1, quad=quad, blocks=blocks)


def stands(region: Region) -> bool:
    """Whether a line stands on its end; nothing is drawn into such lines."""
    from anonbench.detection.text_recognizer import ways_to_read

    return len(ways_to_read(region)) > 1
