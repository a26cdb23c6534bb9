"""Attackers: models that turn crops into vectors, so that crops of one person come close."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from anonbench.core.registries.registry import Registered, Registry

if TYPE_CHECKING:
    import numpy as np


class Attacker(Protocol):
    """A model that crops are compared by."""

    side: int
    """Of its square input, in pixels."""

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Return unit vectors, float32 [N, D], of crops uint8 [N, side, side, 3] RGB."""
        ...


class AttackerKind(Registered):
    """One kind of attacker on hidden regions. Its fields are parameters, a section of `privacy`.

    It runs beside the experiment's own models (the naive and the adaptive attacker) where
    `privacy.attackers` names it.
    """

    entities: ClassVar[tuple[str, ...]] = ()
    """What it is shown, of `anonbench.core.vocabulary.Entity`; empty: every entity."""

    def is_given(self) -> bool:
        """Return whether its parameters say enough to run it."""
        return True

    def load(self) -> Attacker:
        """Load the model; import its package here.

        Raises:
            InputError: the model cannot be loaded.

        """
        raise NotImplementedError

    def files(self) -> list[Path]:
        """Return what its parameters name: weights, as files."""
        return [value for value in self.model_dump().values() if isinstance(value, Path)]


ATTACKERS = Registry(
    "anonbench.attacks", AttackerKind, "anonbench.evaluation.privacy.kinds:BUILT_IN"
)
