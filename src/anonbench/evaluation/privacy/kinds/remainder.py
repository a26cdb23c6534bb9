"""An attacker that sees what is not hidden around a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from anonbench.core.registries.attackers import AttackerKind, Learned, Lesson
from anonbench.core.settings import Count


class Remainder(AttackerKind):
    """An attacker that sees the surroundings of a face alone: hair, clothes, background.

    The face's own pixels are grey, as far as they are hidden (`anonymization.margin`), and so are
    regions that overlap it, as the box of another detector does. At the image's border the grey
    shows where the face is and how large it is, as a mask does. It learns from train images as the
    supervised attacker does, and compares by the models' own vectors where there are none. Its
    rates stand apart from those of hidden regions, since no method that leaves the surroundings as
    they are lowers them (for photographs see Oh et al. 2016, "Faceless person recognition"). Run
    where persons are looked for in other photographs; whoever has the very image finds it by its
    surroundings anyway.
    """

    name: ClassVar = "remainder"
    label: ClassVar = "Unmasked remainder"
    learns: ClassVar = True

    factor: Annotated[float, Field(gt=1.0, le=100.0)] = 3.0
    """By which the box is grown about its centre, as far as the image reaches."""
    regions: Count = 2000
    """Regions that it learns from, of train images. None of their persons is attacked."""

    def lesson_size(self) -> int:
        """See `AttackerKind.lesson_size`."""
        return self.regions

    def context(self) -> float:
        """See `AttackerKind.context`."""
        return self.factor

    def learn(self, lesson: Lesson) -> Mapping[bool, Learned]:
        """See `AttackerKind.learn`."""
        from anonbench.evaluation.privacy.supervised import learn

        return learn(lesson)

    def untaught(self, features: int, compared: int) -> Mapping[bool, Learned]:
        """See `AttackerKind.untaught`."""
        from anonbench.evaluation.privacy.supervised import as_they_are

        return dict.fromkeys((False, True), as_they_are(features, compared))
