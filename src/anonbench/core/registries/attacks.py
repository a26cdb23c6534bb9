"""Attacks: attackers that search crops, and attacks on published regions and vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from anonbench.core.registries.registry import Registered, Registry

if TYPE_CHECKING:
    import numpy as np

    from anonbench.core.boxes import Region
    from anonbench.core.vocabulary import Entity, Variant
    from anonbench.evaluation.privacy.attacks.restorer import LearnedRestorers


class Attacker(Protocol):
    """A model that crops are compared by."""

    side: int  # of its square input, in pixels

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Return unit vectors, float32 [N, D], of crops uint8 [N, side, side, 3] RGB."""
        ...


class AttackerKind(Registered):
    """One kind of attacker on hidden regions, which runs where `privacy.attackers` names it."""

    entities: ClassVar[tuple[str, ...]] = ()
    """Entities it is shown, of `anonbench.core.vocabulary.Entity`; empty: every entity."""
    learns: ClassVar[bool] = False
    """Whether it learns from train images in place of being loaded (`load`)."""

    def is_given(self) -> bool:
        """Check whether the parameters suffice to run the attack."""
        return True

    def load(self) -> Attacker:
        """Load the model; import its package here. InputError if it cannot be loaded."""
        raise NotImplementedError

    def training_size(self) -> int:
        """Greatest number of regions of each entity to learn from, its field `regions`."""
        return int(getattr(self, "regions", 2000))

    def context(self) -> float:
        """Factor to enlarge boxes by for one that sees only surroundings, its field `factor`."""
        return float(getattr(self, "factor", 0.0))


ATTACKERS = Registry(
    "anonbench.attacks", AttackerKind, "anonbench.evaluation.privacy.kinds:BUILT_IN"
)


NO_REGION = "no such region in the published images"
ONLY_TRAIN = "no region in the validation images, but in the train images"
NO_CODING = "not applicable, because no original is a JPEG file whose coding can be repeated"
FAKES = "not applicable, because the method draws fakes, which detectors find"
NOTHING_TO_ATTACK = (NO_REGION, NO_CODING, FAKES)
"""Reasons of attacks that have nothing to attack; they concern no variant."""
LEARNED = "learned_"  # prefix of measures of a learned restorer
RegionShares = Mapping[str, float]


class Risk(StrEnum):
    """What an attack shows (Article 29 Working Party, Opinion 05/2014, WP216, section 2)."""

    SINGLING_OUT = "singling_out"
    LINKABILITY = "linkability"
    INFERENCE = "inference"


@dataclass(frozen=True)
class Equipment:
    """What an attack on regions may use besides its own parameters."""

    detection: Any  # the section `detection` of the config
    anonymization: Any  # the section: attackers know how images were anonymized
    detectors: Sequence[str] = ()  # that found the data set's regions
    threads: int = 1  # CPU threads of the attack's own inference engine
    restorers: LearnedRestorers | None = None  # None: nothing is learned from train images


class LoadedAttack(Protocol):
    """A loaded attack on regions."""

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """Secrets that the attacker recovers, one per region; None if that cannot be told.

        They are personal data: they are kept in memory, compared, and never written. `image` is the
        whole image, uint8 [H, W] or [H, W, 3] RGB; `regions` are of the attack's entities, hidden
        or not; the attacker knows the variant.
        """
        ...

    def shares(self, truth: Any, found: Any) -> RegionShares:
        """Share of a secret that was recovered, within [0, 1], by measure.

        `truth` is the result of `look` for a region of the original, `found` that of the region in
        another version, or of another region (a guess). Empty if `truth` is no secret that can be
        told right from wrong.
        """
        ...


@dataclass(frozen=True)
class EachRegion:
    """A loaded attack that looks at one region at a time; see `LoadedAttack`."""

    secret: Callable[[np.ndarray, Region, Variant], Any]
    shares: Callable[[Any, Any], RegionShares]
    prepare: Callable[[np.ndarray], np.ndarray] = lambda image: image  # once an image

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """See `LoadedAttack.look`."""
        shown = self.prepare(image)
        return [self.secret(shown, region, variant) for region in regions]


class PrivacyAttack(Registered):
    """One kind of attack, which runs where `privacy.attacks` names it."""

    risk: ClassVar[Risk]


class RegionAttack(PrivacyAttack):
    """An attack on sensitive regions, by looking at the published images."""

    risk: ClassVar[Risk] = Risk.SINGLING_OUT
    entities: ClassVar[tuple[str, ...]] = ()
    """Entities it attacks, of `anonbench.core.vocabulary.Entity`; empty: every entity."""
    seconds_an_image: ClassVar[tuple[float, float]] = (0.0, 0.0)
    """On a core, and those that each of its megapixels adds; for the plan and the time limits of
    clusters."""
    seconds_a_region: ClassVar[float] = 0.02  # on a core, besides those of its image
    tells_hidden: ClassVar[bool] = False
    """Whether it has to know which regions a degree hides: visible ones are then attacked
    separately, like regions of an original."""
    reads_files: ClassVar[bool] = False
    """Whether it uses how images are stored; what it loads then has three more methods, see
    `anonbench.evaluation.privacy.attacks.kinds.block_noise`."""
    restores: ClassVar[bool] = False
    """Whether it also attacks regions restored by learned models (`Equipment.restorers`)."""
    reads_text: ClassVar[bool] = False  # by the recognizer of the detector mrz
    guesses: ClassVar[int] = 5
    """Number of other probes' secrets compared with each probe's, for the random baseline."""

    def load(self, equipment: Equipment) -> LoadedAttack:
        """Load models; import packages here.

        InputError says where to put a missing model; AttackNotPossibleError, whose reason is in the
        table, that there is nothing to attack by.
        """
        raise NotImplementedError

    def detectors(self, own: Sequence[str]) -> tuple[str, ...]:
        """Detectors whose settings and weights it uses, beside the data set's `own`."""
        return ("mrz",) if self.reads_text else ()

    def most_images(self) -> int | None:
        """Greatest number of images of each entity to attack, its field `images`; None: all."""
        return getattr(self, "images", None)

    def most_in_an_image(self) -> int | None:
        """Greatest number of regions of an entity and image, its field `regions`; None: all."""
        return getattr(self, "regions", None)


class AttackNotPossibleError(Exception):
    """Reason, shown to people, why an attack is not possible."""


@dataclass(frozen=True)
class Archive:
    """Published vectors of validation images, and what is known of the images.

    Persons and classes are numbers, int64 [N], -1 for an image where it is not known; None: of no
    image.
    """

    ids: Sequence[str]  # [N]
    vectors: Mapping[Variant, np.ndarray]
    """Of each version, float32 [N, D], compared by inner product; originals included."""
    queries: np.ndarray  # places of the images that are attacked, int64 [Q]
    persons: np.ndarray | None
    attribute: np.ndarray | None  # each image's class
    clusters: np.ndarray  # of images that are no independent evidence, int64 [N]
    asked: np.ndarray  # vectors of the originals that are attacked, as queries, float32 [Q, D]
    seed: int
    others: Mapping[str, np.ndarray | None] = field(default_factory=dict)
    """Further attributes by name, each as `attribute`."""
    pictures: Callable[[int], np.ndarray] | None = None
    """From a side to what originals show, uint8 [N, side, side, 3]: faces, or whole images."""
    recognizer: Callable[[np.ndarray], np.ndarray] | None = None
    """From pictures to unit vectors of their faces; None: there is no face recognizer."""
    training_set: Archive | None = None  # of other images, which the attacker has


@dataclass(frozen=True)
class Outcome:
    """One measure of an attack on one version of the images."""

    measure: str  # such as `exact_lines`; empty where no probe's truth is known
    variant: Variant | None  # None: all sensitive regions masked, the control
    shares: np.ndarray
    """Result of each probe, float [P] within [0, 1]; NaN where it cannot be told."""
    clusters: np.ndarray  # of each probe, int64 [P]
    chance: float  # rate that a random guess reaches on the same probes
    entity: Entity | None = None  # None: whole images
    reason: str = ""  # why this measure has no rate, where another of the same attack has one


class ArchiveAttack(PrivacyAttack):
    """An attack on the vectors of published images."""

    def seconds(self, taught: int) -> float:
        """Seconds on one core for one version, with `taught` images to learn from; for the plan."""
        return 0.0

    def outcomes(self, archive: Archive) -> Iterator[Outcome]:
        """Attack each version of the images, the originals (the ceiling) among them.

        AttackNotPossibleError if nothing can be told; its reason is in the table.
        """
        raise NotImplementedError


PRIVACY_ATTACKS = Registry(
    "anonbench.privacy_attacks",
    PrivacyAttack,
    "anonbench.evaluation.privacy.attacks.kinds:BUILT_IN",
)
