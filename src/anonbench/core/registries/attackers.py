"""Attackers: models that turn crops into vectors, so that crops of one person come close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from anonbench.core.model_files import model_files
from anonbench.core.registries.registry import Registered, Registry

if TYPE_CHECKING:
    import numpy as np


class LessonTooSmallError(Exception):
    """Why an attacker cannot learn from a lesson, for people."""


class Attacker(Protocol):
    """A model that crops are compared by.

    One with an attribute `aligned` that is true sees faces with eyes, nose and mouth where models
    of face recognition expect them (`is_aligned`).
    """

    side: int
    """Of its square input, in pixels."""

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Return unit vectors, float32 [N, D], of crops uint8 [N, side, side, 3] RGB."""
        ...


def is_aligned(attacker: Attacker) -> bool:
    """Return whether a model sees faces aligned by eyes, nose and mouth."""
    return bool(getattr(attacker, "aligned", False))


@dataclass(frozen=True)
class Lesson:
    """Regions of train images as they are, and hidden: what an attacker may learn from.

    None of their persons is attacked.
    """

    clear: np.ndarray
    """Features of the crops, float32 [N, D]: the unit vectors of the attackers that learn nothing,
    one after the other, then the pixels of a thumbnail within [0, 1]."""
    hidden: np.ndarray
    """Features of the same regions, hidden by the method that is attacked, float32 [N, D]."""
    compared: int
    """The leading features that are vectors of attackers."""
    who: np.ndarray
    """What matches share, int64 [N]: a number for each person, or for each region."""
    finds_itself: bool
    """Whether a region is searched in a gallery that has its own original."""


class Learned(Protocol):
    """What an attacker has learned of one method."""

    def vectors(self, features: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return vectors of length one (or zero), float32 [N, E], by which crops are compared.

        Args:
            features: of crops, float32 [N, D], as in `Lesson`.
            hidden: whether each crop is of a hidden region, bool [N].

        """
        ...


class AttackerKind(Registered):
    """One kind of attacker on hidden regions. Its fields are parameters, a section of `privacy`.

    It runs beside the experiment's own models (the naive and the adaptive attacker) where
    `privacy.attackers` names it.
    """

    entities: ClassVar[tuple[str, ...]] = ()
    """What it is shown, of `anonbench.core.vocabulary.Entity`; empty: every entity."""

    learns: ClassVar[bool] = False
    """Whether it learns from train images (`learn`) in place of being loaded (`load`)."""

    def is_given(self) -> bool:
        """Return whether its parameters say enough to run it."""
        return True

    def load(self) -> Attacker:
        """Load the model; import its package here.

        Raises:
            InputError: the model cannot be loaded.

        """
        raise NotImplementedError

    def lesson_size(self) -> int:
        """Return how many regions of each entity it learns from, at most."""
        raise NotImplementedError

    def restorer_size(self) -> int:
        """Return from how many regions of each entity a restorer is learned, through which this
        attacker sees all that is hidden; 0: it sees what is published."""
        return 0

    def context(self) -> float:
        """Return the factor by which a region's box is grown for an attacker that sees all of it
        but the region, in photographs of persons; 0: it sees the region itself."""
        return 0.0

    def untaught(self, features: int, compared: int) -> Mapping[bool, Learned]:
        """Return what it compares by where there is no lesson, as `learn` does; nothing: it does
        not attack then.

        Args:
            features: how many there are of a crop, as in `Lesson`.
            compared: the leading ones that are vectors of attackers.

        """
        return {}

    def learn(self, lesson: Lesson) -> Mapping[bool, Learned]:
        """Learn to compare crops; the same lesson always gives the same.

        Returns:
            What to compare by, by whether the gallery is hidden in the same way. Only galleries
            that are named are attacked; where regions find themselves, only clear ones.

        Raises:
            LessonTooSmallError: the lesson has too few regions or persons.

        """
        raise NotImplementedError

    def files(self) -> list[Path]:
        """List the files of the weights that its parameters name."""
        paths = [value for value in self.model_dump().values() if isinstance(value, Path)]
        return [file for path in paths for file in model_files(path) or [path]]


ATTACKERS = Registry(
    "anonbench.attacks", AttackerKind, "anonbench.evaluation.privacy.kinds:BUILT_IN"
)
