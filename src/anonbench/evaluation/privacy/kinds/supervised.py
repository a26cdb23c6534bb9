"""An attacker that learns from regions of which it knows the originals and the persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from anonbench.core.registries.attackers import AttackerKind, Learned, Lesson
from anonbench.core.settings import Count


class Supervised(AttackerKind):
    """A supervised attacker: it anonymizes train images itself and learns to undo that."""

    name: ClassVar = "supervised"
    label: ClassVar = "Supervised attacker"
    learns: ClassVar = True

    regions: Count = 2000
    """Regions of each entity that it learns from, of train images. None of their persons is
    attacked."""

    def lesson_size(self) -> int:
        """See `AttackerKind.lesson_size`."""
        return self.regions

    def learn(self, lesson: Lesson) -> Mapping[bool, Learned]:
        """See `AttackerKind.learn`."""
        from anonbench.evaluation.privacy.supervised import learn

        return learn(lesson)
