"""Strengths that hide next to nothing, told by what they leave of a drawn pattern."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from anonbench.anonymization.apply import MethodFailed, layers
from anonbench.anonymization.audit.visibility import ACROSS, detail_left
from anonbench.anonymization.methods import BUILT_IN
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.core.vocabulary import Entity, Variant

_LIMIT = 0.3
"""Share of a thumbnail's detail. Blocks across a face: 24 are weak, and 16 are not; sigma: 0.02 is
weak, and 0.04 is not."""
_ACROSS = {Entity.TEXT: 12, Entity.MRZ: 12, Entity.INK: 12}
"""Pixels of a thumbnail's shorter side, in which a line can be read; for others it is `ACROSS`."""
_SIDE, _LONG = 192, 4


def weak_strengths(
    method: str, entities: Iterable[str], settings: Anonymization
) -> dict[str, float]:
    """Share of detail that a method leaves, by each entity of which too much is.

    Only methods that promise to leave no detail are asked: others are weak whatever their strength.
    """
    found = {each: _left(method, Entity(each), settings) for each in entities}
    return {each: left for each, left in found.items() if left >= _LIMIT}


def sentence(method: str, left: dict[str, float]) -> str:
    """Warning about a strength that hides next to nothing."""
    shares = ", ".join(f"{share:.0%} of a {entity}'s" for entity, share in left.items())
    return f"{method}: weak, its strength leaves detail visible ({shares}); take a stronger one"


def _left(method: str, entity: Entity, settings: Anonymization) -> float:
    applied = {type(step) for _, step in settings.steps(method, entity)}
    if settings.information_left(method, entity) != INFORMATION_LEVELS[1] or applied - {*BUILT_IN}:
        return 0.0
    image = _pattern(entity in _ACROSS)
    height, width = image.shape[:2]
    region = Region(entity, 0.0, 0.0, float(width), float(height), 1.0)
    try:
        hidden = layers(image, [region], Variant(method, 100), settings)[-1]
    except (InputError, MethodFailed):  # no key of its random numbers yet, or too strong for it
        return 0.0
    before, after = (np.ascontiguousarray(each.transpose(2, 0, 1)) for each in (image, hidden))
    own = np.ones((height, width), bool)
    return detail_left(before, after, own, _ACROSS.get(entity, ACROSS))


@lru_cache(maxsize=2)
def _pattern(is_long: bool) -> np.ndarray:
    """Noise of the spectrum of photographs, 1 / frequency; uint8 [h, w, 3]."""
    shape = (_SIDE, _SIDE * (_LONG if is_long else 1), 3)
    spectrum = np.fft.fft2(np.random.default_rng(0).normal(size=shape), axes=(0, 1))
    down, across = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])
    spectrum /= np.maximum(np.hypot(down, across), 1 / _SIDE)[..., None]
    shades = np.fft.ifft2(spectrum, axes=(0, 1)).real
    return np.asarray(np.clip(128 + 50 * shades / shades.std(), 0, 255).astype(np.uint8))
