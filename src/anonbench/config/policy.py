"""Policy: requirements for a variant to be recommended."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from anonbench.config.strengths import MethodName
from anonbench.core.registries.methods import METHODS, Residue
from anonbench.core.settings import Fraction, Settings
from anonbench.core.vocabulary import Entity

Limit = Fraction | None
"""Highest rate, or None for no limit."""


class Strength(Settings):
    """A bound on a parameter of a method, and of each of its strengths."""

    parameter: str
    """Method and parameter as in the section `anonymization`, such as `pixelate.blocks.face`."""
    least: float | None = None
    """Smaller values fail."""
    most: float | None = None
    """Greater values fail."""

    @model_validator(mode="after")
    def _is_one_of_a_method(self) -> Self:
        method = self.parameter.partition(".")[0]
        if method not in METHODS or "." not in self.parameter:
            raise ValueError(
                f"parameter {self.parameter!r} is not of the form method.parameter; methods "
                f"are {', '.join(METHODS)}"
            )
        if (self.least is None) == (self.most is None):
            raise ValueError(f"{self.parameter}: give it either `least` or `most`")
        return self

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.parameter.partition(".")[0]


class Missed(Settings):
    """Greatest share of the true area of each entity that may be missed."""

    face: Limit = 0.03
    text: Limit = 0.03
    barcode: Limit = 0.03
    mrz: Limit = 0.03
    ink: Limit = None


class AttackLimits(Settings):
    """Greatest rate of each attack above its control."""

    reidentification: Fraction = 0.1
    """Share of the regions that the strongest attacker re-identifies. Its control is chance, at
    most about one in a hundred, and not subtracted. The report's reader may choose another limit on
    the page, or none."""
    remainder: Limit = None
    """Share of the persons that are found by what is around their faces. No method that leaves the
    surroundings as they are can lower it, so there is no default; the report states the rate."""
    readability: Limit = 0.05
    """Of text lines, and of their characters, that are read."""
    mrz_reading: Limit = 0.05
    """Of machine-readable zones that are read, with their check digits as an aid."""
    barcodes: Limit = 0.05
    """Of barcodes that are decoded."""
    residual: Limit = 0.1
    """Of regions in which a detector still finds something."""
    reconstruction: Limit = 0.05
    """Of text lines that are read, and barcodes that are decoded, once their hiding is undone."""
    dictionary: Limit = 0.05
    """Of text lines and machine-readable zones that are ranked first among candidates (or among
    the first ten of them; or one over their rank, in the mean)."""
    block_noise: Limit = None
    """Of text lines that are ranked first among candidates by coding noise beside them. It finds
    little where the documents' type faces are not among those that it knows, so there is no
    default; the report states the rate."""
    likeness: Limit = None
    """Of what a region looks like that is restored: a likeness of pixels identifies nobody yet."""
    linkage: Limit = None
    """Of whole images that are linked to their originals. Images that can still be searched can be
    linked, by all that was not hidden: the control links as many, so there is no default."""
    inference: Limit = None
    """Of attributes that are inferred from whole images."""
    inversion: Limit = None
    """Of images that are told from others by what a decoder draws of their vectors. What was not
    hidden is drawn, too: the control tells as many, so there is no default."""


class Policy(Settings):
    """What a variant has to fulfil before the report recommends it and `anonbench policy check`
    passes. See docs/explanation/policy.md.

    A rate passes only where the upper end of its interval is within its limit; what is not known
    does not pass. A failed audit of the written images never does, whatever stands here.
    """

    searched: tuple[Entity, ...] = ()
    """Entities that the detectors of every data set have to look for."""
    methods: tuple[MethodName, ...] = ()
    """Methods that may be used, each strength by its own name; empty: all."""
    degree: Annotated[int, Field(ge=1, le=100)] = 100
    """Percent of the regions of each image that have to be hidden, at least."""
    residue: Residue = "coarse"
    """The most that a method may leave of a hidden region by design: `none` of it, `coarse` means,
    `most` of it, or `all`, as keyed shuffling does. See docs/reference/methods.md."""
    strength: tuple[Strength, ...] = (
        Strength(parameter="pixelate.blocks.face", most=8),
        Strength(parameter="pixelate.blocks.text", most=0.25),
        Strength(parameter="pixelate.blocks.barcode", most=4),
        Strength(parameter="pixelate.blocks.mrz", most=0.25),
        Strength(parameter="pixelate.blocks.ink", most=0.25),
        Strength(parameter="blur.sigma.face", least=0.12),
        Strength(parameter="blur.sigma.text", least=2.0),
        Strength(parameter="blur.sigma.barcode", least=0.25),
        Strength(parameter="blur.sigma.mrz", least=2.0),
        Strength(parameter="blur.sigma.ink", least=2.0),
    )
    """Bounds on parameters of methods. The default ones are the methods' own defaults."""
    unsearched: Fraction = 0.0
    """Greatest share of the published images on which a detector failed."""
    missed: Missed = Missed()
    """Greatest share of an entity's true area that may be missed, for entities that a data set's
    detectors look for; null: no limit. It takes true boxes (`truth`): without them, nothing
    passes."""
    attacks: AttackLimits = AttackLimits()
    """Greatest rate of each attack above its control, (rate - control) / (1 - control); null: no
    limit. A limited attack that was not run is not known, and nothing passes."""
