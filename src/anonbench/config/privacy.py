"""Settings of the attacks on anonymized images, and the policy that variants must meet."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from anonbench.config.anonymization import MethodName
from anonbench.core.registries.attacks import ATTACKERS, PRIVACY_ATTACKS, AttackerKind, RegionAttack
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.methods import METHODS, InformationLeft
from anonbench.core.settings import Count, Fraction, Settings
from anonbench.core.vocabulary import Entity


class Privacy(ATTACKERS.with_sections(Settings, PRIVACY_ATTACKS)):  # type: ignore[misc]
    """Attacks on anonymized images and their vectors.

    See docs/explanation/privacy.md.
    """

    enabled: bool = True  # Run attacks; without them the report gives no rates.
    probes: Count = 1000  # Regions of each entity that are attacked, drawn by a hash of their ids.
    gallery: Annotated[int, Field(ge=2)] = 2000
    """Regions of each entity that a probe is compared with; chance is about one over their
    number."""
    identity: str = "identity"
    """Label column that names the person in an image; attacks search for that person's other
    photographs."""
    margin: Annotated[float, Field(ge=1.0, le=100.0)] = 1.0
    """Factor by which a face's crop is enlarged for re-identification; above 1 it shows hair and
    background too."""
    attackers: tuple[Annotated[str, ATTACKERS], ...] = tuple(ATTACKERS)
    """Attackers in addition to the experiment's own models."""
    attacks: tuple[Annotated[str, PRIVACY_ATTACKS], ...] = tuple(PRIVACY_ATTACKS)
    """Attacks in addition to re-identification."""
    attacked_regions: Count = 300
    """Regions of each entity that these attacks use, in as many images as possible."""
    restored_from: Annotated[int, Field(ge=0)] = 300
    """Train regions of each entity that a restorer learns from, for `likeness` and
    `reconstruction`; 0 for none."""

    def _contradictions(self) -> Iterator[str]:
        for field in ("attackers", "attacks"):
            names = getattr(self, field)
            if len({*names}) < len(names):
                yield f"{field} names something twice: {', '.join(names)}"

    def restores(self) -> bool:
        """Whether an attack uses a restorer learned from train images."""
        kinds = (PRIVACY_ATTACKS[name] for name in self.attacks)
        learning = any(issubclass(kind, RegionAttack) and kind.restores for kind in kinds)
        return learning and self.restored_from > 0

    def detectors_of_attacks(self, own: Sequence[str]) -> list[str]:
        """Detectors whose settings the attacks use on a data set with the detectors `own`."""
        attacks = [self.of(PRIVACY_ATTACKS[name]) for name in self.attacks]
        of_regions = [each for each in attacks if isinstance(each, RegionAttack)]
        used = {name for attack in of_regions for name in attack.detectors(own)}
        return sorted(used & set(DETECTORS))

    def named(self) -> list[AttackerKind]:
        """The named attackers that have all they need, with their parameters."""
        named = [self.of(ATTACKERS[name]) for name in self.attackers]
        return [attacker for attacker in named if attacker.is_given()]


Limit = Fraction | None  # highest rate, or None for no limit


class Strength(Settings):
    """A bound on a parameter of a method, and of each of its strengths."""

    parameter: str
    """Method and parameter as in the section `anonymization`, such as `pixelate.blocks.face`."""
    least: float | None = None  # Smallest value that passes.
    most: float | None = None  # Largest value that passes.

    def _contradictions(self) -> Iterator[str]:
        if self.method not in METHODS or "." not in self.parameter:
            yield (
                f"parameter {self.parameter!r} is not of the form method.parameter; methods "
                f"are {', '.join(METHODS)}"
            )
        if (self.least is None) == (self.most is None):
            yield f"{self.parameter}: give it either `least` or `most`"

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.parameter.partition(".")[0]


class Missed(Settings):
    """Largest share of the true area of each entity that may be missed."""

    face: Limit = 0.03
    text: Limit = 0.03
    barcode: Limit = 0.03
    mrz: Limit = 0.03
    ink: Limit = None


class AttackLimits(Settings):
    """Largest rate of each attack above its control, as a share."""

    reidentification: Fraction = 0.1
    """Regions that the strongest attacker re-identifies; chance, its control, is not subtracted."""
    remainder: Limit = None
    """Persons that are recognized by the surroundings of their faces, which no method here
    hides."""
    readability: Limit = 0.05  # Text lines, and their characters, that are read.
    mrz_reading: Limit = 0.05
    """Machine-readable zones that are read with the help of their check digits."""
    barcodes: Limit = 0.05  # Barcodes that are decoded.
    residual: Limit = 0.1  # Regions in which a detector still finds something.
    reconstruction: Limit = 0.05
    """Text lines and zones that are read, and barcodes that are decoded, after restoration."""
    dictionary: Limit = 0.05
    """Text lines and machine-readable zones whose true text is ranked first among candidates."""
    block_noise: Limit = None
    """Text lines whose true text is ranked first by the coding noise around them."""
    likeness: Limit = None
    """Similarity of restored regions to their originals, which alone identifies nobody."""
    linkage: Limit = None  # Whole images that are linked to their originals by their visible part.
    inference: Limit = None  # Attributes that are inferred from whole images.
    inversion: Limit = None  # Images that are recognized in a decoder's drawing of their vectors.


class Policy(Settings):
    """Requirements for the report's recommendation and for `anonbench policy check`.

    A rate passes if the upper end of its interval is within its limit; an unknown one does not
    pass, and neither does a failed audit of the written images. See docs/explanation/policy.md.
    """

    searched: tuple[Entity, ...] = ()
    """Entities that the detectors of every data set must search for."""
    methods: tuple[MethodName, ...] = ()
    """Allowed methods, each strength by its own name; empty for all."""
    degree: Annotated[int, Field(ge=1, le=100)] = 100
    """Smallest percentage of an image's regions that must be hidden."""
    information_left: InformationLeft = "coarse"
    """How much of a hidden region a method may leave by design: `none`, `coarse` means, `most` of
    it or `all`."""
    strength: tuple[Strength, ...] = (
        *(
            Strength(parameter=f"pixelate.blocks.{e}", most=8 if e == "face" else 0.25)
            for e in Entity
        ),
        *(
            Strength(parameter=f"blur.sigma.{e}", least=0.12 if e == "face" else 2.0)
            for e in Entity
        ),
    )  # Bounds on parameters of methods; the default ones are the methods' own defaults.
    unsearched: Fraction = 0.0  # Largest share of the published images on which a detector failed.
    missed: Missed = Missed()
    """Largest share of an entity's true area (`truth`) that detectors may miss; null for no
    limit."""
    attacks: AttackLimits = AttackLimits()
    """Largest rate of each attack above its control, (rate - control) / (1 - control); null for no
    limit, but for reidentification."""

    def _contradictions(self) -> Iterator[str]:
        names = [each.parameter for each in self.strength]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield f"strength: {name} is bounded twice; keep one bound"
