"""Settings of the attacks on anonymized images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from anonbench.core.registries.attackers import ATTACKERS, AttackerKind
from anonbench.core.registries.registry import section_of
from anonbench.core.settings import Count, Settings

if TYPE_CHECKING:
    AttackerName = str
else:
    AttackerName = Literal[tuple(ATTACKERS)]

A = TypeVar("A", bound=AttackerKind)


class Privacy(ATTACKERS.with_sections(Settings)):  # type: ignore[misc]
    """Re-identification: how often an attacker finds out whom or what a hidden region shows.

    See docs/explanation/privacy.md.
    """

    enabled: bool = True
    """Whether attacks are run. Without them the report gives no re-identification rate."""
    probes: Count = 1000
    """Regions of each entity that are attacked, drawn by a hash of their ids."""
    gallery: Annotated[int, Field(ge=2)] = 2000
    """Regions of each entity among which a probe's own is looked for, drawn likewise. A rate means
    nothing without this number: chance is about one over it."""
    identity: str = "identity"
    """Label column that names the person of an image. Where the manifest has it, faces are looked
    for among the person's other photographs."""
    margin: Annotated[float, Field(ge=1.0)] = 1.0
    """Factor by which a face's crop is grown where persons are looked for: more than 1 shows the
    attacker hair and background too, which no method hides."""
    attackers: tuple[AttackerName, ...] = ("recognizer", "supervised")
    """Attackers beside the experiment's own models."""

    def of(self, attacker: type[A]) -> A:
        """Return an attacker with its parameters."""
        return section_of(self, attacker)

    def named(self) -> list[AttackerKind]:
        """Return the attackers that are named, and given what they need."""
        named = [self.of(ATTACKERS[name]) for name in self.attackers]
        return [attacker for attacker in named if attacker.is_given()]
