"""Embeddings of a data set by model and variant, in memory as they are needed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Adaption, Model, Variant
from anonbench.evaluation.retrieval.vectors import Vectors


class Files:
    """Unit vectors of the variants of one degree."""

    def __init__(self, vectors: Mapping[tuple[str, str], Vectors], degree: int) -> None:
        """Take files that are of the same images.

        Args:
            vectors: by model and variant, as they are written in paths.
            degree: of the variants.

        """
        self._vectors, self._degree = vectors, degree
        self._units: dict[tuple[str, str], np.ndarray] = {}

    @property
    def methods(self) -> list[str]:
        """The methods of the variants, in the order of the files."""
        variants = [Variant.parse(variant) for _, variant in self._vectors]
        return list(dict.fromkeys(each.method for each in variants if each.method))

    @property
    def adaptions(self) -> dict[str, list[str]]:
        """The adaptions of the models that are adapted to each method."""
        models = [
            Model.parse(model) for model in dict.fromkeys(model for model, _ in self._vectors)
        ]
        return {
            method: [each.adaption.value for each in models if each.variant.method == method]
            for method in self.methods
        }

    def forget(self) -> None:
        """Free the memory of all vectors."""
        self._units.clear()

    def anonymized(self, adaption: str, method: str) -> np.ndarray:
        """Return the vectors of images anonymized by a method, float32 [N, D]."""
        variant = ORIGINAL if method == ORIGINAL else str(Variant(method, self._degree))
        return self._read(self._model(adaption, method), variant)

    def originals(self, adaption: str, method: str) -> np.ndarray:
        """Return the vectors of originals by the model that is adapted to a method."""
        return self._read(self._model(adaption, method), ORIGINAL)

    def _model(self, adaption: str, method: str) -> str:
        if adaption == UNADAPTED:
            return UNADAPTED
        return str(Model(Adaption(adaption), Variant(method, self._degree)))

    def _read(self, model: str, variant: str) -> np.ndarray:
        key = model, variant
        if key not in self._units:
            self._units[key] = self._vectors[key].units()
        return self._units[key]
