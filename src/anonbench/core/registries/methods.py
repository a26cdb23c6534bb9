"""Anonymization methods: the pixels of one region in, hidden pixels of the same shape out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import ClassVar, Literal, get_args

import numpy as np

from anonbench.core.registries.registry import Registered, Registry


@dataclass(frozen=True)
class RegionWindow:
    """The window of one region before and after a method, as the audit judges it."""

    original: np.ndarray  # uint8 [c, h, w], with one or three channels.
    written: np.ndarray  # uint8 [c, h, w].
    mask: np.ndarray  # bool [h, w]: the pixels that show this region and no other one.
    entity: str
    hidden: np.ndarray
    """bool [h, w]: upright boxes of all regions that are hidden in the image, if a method has
    surroundings.
    """
    edge: np.ndarray
    """bool [h, w]: pixels beside `mask`, on slanted edges, that may show the region or not."""


class Method(Registered):
    """One way to hide a region. Its fields are the strengths, a section of `anonymization`.

    Strengths are best relative to the region's shorter side, so that large and small faces,
    headlines and footnotes are hidden alike.
    """

    line_colour: ClassVar[str] = ""
    """In figures, as #RRGGBB; told apart from those of other methods with any colour vision. A
    method without one gets the next of a palette that no other method has."""
    seconds_an_image: ClassVar[tuple[float, float]] = (0.002, 0.05)
    """On a core, and those that each of its megapixels adds; for the plan and the time limits of
    clusters. From file to audited file."""

    information_left: ClassVar[str] = "unknown"
    """What a hidden region still holds: `none` of it, `coarse` (its means, no detail), `most` of it
    (weak by design: it is still recognized by eye), or `all` (every value is still there, in
    another place or in other colours: who knows how gets it back). Where regions of several
    methods overlap, the one that leaves least is seen."""

    fakes: ClassVar[tuple[str, ...]] = ()
    """Entities that it replaces by fakes, which detectors find: that shows nothing."""

    surroundings: ClassVar[int] = 0
    """Width in pixels of the surroundings of a region that `hide_among` needs; 0: none."""

    def leaves(self) -> str:
        """Information that regions hidden with these settings still hold."""
        return self.information_left

    @classmethod
    def lacks(cls) -> str:
        """Missing parts of the class; without a check the audit refuses all of its images."""
        if cls.information_left not in (*INFORMATION_LEVELS, UNKNOWN):
            levels = ", ".join((*INFORMATION_LEVELS, UNKNOWN))
            return f"has information_left {cls.information_left!r}, which is none of {levels}"
        if cls.steps is not Method.steps:
            return ""
        if (cls.is_hidden, cls.is_hidden_in) == (Method.is_hidden, Method.is_hidden_in):
            return (
                "has no is_hidden, without which the audit refuses every image; write it "
                "(docs/how-to/adding.md)"
            )
        if (cls.hide, cls.hide_among) == (Method.hide, Method.hide_among):
            return "has no hide; write it (docs/how-to/adding.md)"
        return ""

    @property
    def least_side(self) -> int:
        """Least width and height, in pixels, of a window that the method works on.

        A region that is narrower is computed in a larger window: the mean of a single pixel would
        be that pixel.
        """
        return 1

    def steps(self, entity: str) -> tuple[str, ...]:
        """Return the names of the methods that hide a region of this kind, one after the other.

        Only what stands for other methods has other steps than itself.
        """
        return (self.name,)

    def hide_among(self, pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return hidden pixels, of regions and what is around them.

        Only a method that has surroundings is asked. Regions so near to each other that their
        surroundings meet are hidden together.

        Args:
            pixels: uint8 [h, w] or [h, w, 3] RGB of the original; they are not changed.
            hidden: bool [h, w]: what must have no part in the result, which is the boxes of all
                regions that are hidden in the image, these ones' among them.

        Returns:
            uint8 of the same shape; only the regions' own pixels are taken.
        """
        raise NotImplementedError

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Return hidden pixels.

        Args:
            pixels: uint8 [h, w] or [h, w, 3] RGB of the original; they are not changed.
            entity: what they show, one of `anonbench.core.vocabulary.Entity`.

        Returns:
            uint8 of the same shape.
        """
        raise NotImplementedError

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        """Return bool [h, w]: which pixels are as the method promises; the audit asks for all.

        Computed in another way than `hide` does: no function of the method's own package may run
        in both, so that an error in one is found by the other. Both may call functions of other
        libraries, such as a conversion of colours that defines the result; errors of these are not
        found. The audit refuses a method without this check.

        Args:
            original: uint8 [c, h, w] of a region's window before, with one or three channels.
            written: uint8 [c, h, w] as the image was written. Pixels that belong to other regions
                are there too, and are not counted.
            entity: what they show, one of `anonbench.core.vocabulary.Entity`.
        """
        raise NotImplementedError

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """Return the same where it depends on the region's shape or on the image's other ones."""
        return self.is_hidden(inside.original, inside.written, inside.entity)


InformationLeft = Literal["none", "coarse", "most", "all"]
INFORMATION_LEVELS: tuple[str, ...] = get_args(InformationLeft)
"""What a method may leave, from the least to the most."""
UNKNOWN = "unknown"  # what a method leaves that does not say so
WEAK = ("most", "all")  # levels of methods that are weak by design
LEAST_LEFT_FIRST = ("none", "coarse", UNKNOWN, *WEAK)

METHODS = Registry("anonbench.methods", Method, "anonbench.anonymization.methods:BUILT_IN")

_PALETTE = ("#AA3377", "#4477AA", "#228833", "#CCBB44", "#EE6677", "#66CCEE")
"""Of Paul Tol, for any colour vision."""


def with_colours(own: Mapping[str, str]) -> dict[str, str]:
    """Give a colour to each method that has none of its own; `own` are `line_colour` by method."""
    free = cycle([colour for colour in _PALETTE if colour not in own.values()])
    return {name: colour or next(free) for name, colour in own.items()}


def least_information_left(of_steps: Iterable[str]) -> str:
    """Information left by methods applied one after the other: that of the strongest.

    Unknown if one is unknown and none of the others is strong.
    """
    levels = (each if each in LEAST_LEFT_FIRST else UNKNOWN for each in of_steps)
    return min(levels, key=LEAST_LEFT_FIRST.index, default=UNKNOWN)
