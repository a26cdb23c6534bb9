"""An attacker that restores hidden regions before it compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from anonbench.core.registries.attackers import AttackerKind, Learned, Lesson
from anonbench.core.settings import Count


class Restored(AttackerKind):
    """A supervised attacker that sees each hidden region as a learned restorer guesses it.

    The restorer learns from one part of the train images' persons, and the attacker from the
    others, as restored regions look better where the restorer knows them. Not run unless it is
    named: it costs about as much as all other attackers.
    """

    name: ClassVar = "restored"
    label: ClassVar = "Supervised attacker, after restoration"
    learns: ClassVar = True

    regions: Count = 2000
    """Regions of each entity that it learns from, of train images. None of their persons is
    attacked."""
    restored_from: Count = 300
    """Regions of each entity, of other train images, from which a restorer is learned for each
    method."""

    def lesson_size(self) -> int:
        """See `AttackerKind.lesson_size`."""
        return self.regions

    def restorer_size(self) -> int:
        """See `AttackerKind.restorer_size`."""
        return self.restored_from

    def learn(self, lesson: Lesson) -> Mapping[bool, Learned]:
        """See `AttackerKind.learn`."""
        from anonbench.evaluation.privacy.supervised import learn

        return learn(lesson)
