"""Settings of the attacks on anonymized images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from anonbench.core.registries.attacks import ATTACKERS, PRIVACY_ATTACKS, AttackerKind, RegionAttack
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.registry import Registered, section_of
from anonbench.core.settings import Count, Settings

if TYPE_CHECKING:
    AttackerName = str
    AttackName = str
else:
    AttackerName = Literal[tuple(ATTACKERS)]
    AttackName = Literal[tuple(PRIVACY_ATTACKS)]

R = TypeVar("R", bound=Registered)


class Privacy(ATTACKERS.with_sections(Settings, PRIVACY_ATTACKS)):  # type: ignore[misc]
    """Attacks on anonymized images and their vectors.

    See docs/explanation/privacy.md.
    """

    enabled: bool = True
    """Run attacks; without them the report gives no rates."""
    probes: Count = 1000
    """Regions of each entity that are attacked, drawn by a hash of their ids."""
    gallery: Annotated[int, Field(ge=2)] = 2000
    """Regions of each entity that a probe is compared with; chance is about one over their
    number."""
    identity: str = "identity"
    """Label column that names the person in an image; attacks search for that person's other
    photographs."""
    margin: Annotated[float, Field(ge=1.0, le=100.0)] = 1.0
    """Factor by which a face's crop is enlarged for re-identification; above 1 it shows hair and
    background too."""
    attackers: tuple[AttackerName, ...] = tuple(ATTACKERS)
    """Attackers in addition to the experiment's own models."""
    attacks: tuple[AttackName, ...] = tuple(PRIVACY_ATTACKS)
    """Attacks in addition to re-identification."""
    attacked_regions: Count = 300
    """Regions of each entity that these attacks use, in as many images as possible."""
    restored_from: Annotated[int, Field(ge=0)] = 300
    """Train regions of each entity that a restorer learns from, for `likeness` and
    `reconstruction`; 0 for none."""

    def restores(self) -> bool:
        """Whether an attack uses a restorer learned from train images."""
        kinds = (PRIVACY_ATTACKS[name] for name in self.attacks)
        learning = any(issubclass(kind, RegionAttack) and kind.restores for kind in kinds)
        return learning and self.restored_from > 0

    def of(self, registered: type[R]) -> R:
        """An attacker or an attack with its parameters."""
        return section_of(self, registered)

    def detectors_of_attacks(self, own: Sequence[str]) -> list[str]:
        """Detectors whose settings the attacks use on a data set with the detectors `own`."""
        attacks = (self.of(PRIVACY_ATTACKS[name]) for name in self.attacks)
        used = {
            name
            for attack in attacks
            if isinstance(attack, RegionAttack)
            for name in attack.detectors(own)
        }
        return sorted(used & set(DETECTORS))

    def named(self) -> list[AttackerKind]:
        """The named attackers that have all they need, with their parameters."""
        named = [self.of(ATTACKERS[name]) for name in self.attackers]
        return [attacker for attacker in named if attacker.is_given()]
