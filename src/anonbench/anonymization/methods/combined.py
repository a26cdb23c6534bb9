"""Methods made of others: several in order, and another one for each kind of region."""

from typing import Annotated, ClassVar

from pydantic import Field

from anonbench.core.registries.methods import Method


class Layers(Method):
    """Several methods in order, each applied to the result of the one before.

    Each has the strengths of its own section of `anonymization`. Together they leave at most what
    the strongest of them leaves.
    """

    name: ClassVar = "layers"
    label: ClassVar = "Layers"
    line_colour: ClassVar = "#393B79"
    seconds_an_image: ClassVar = (0.002, 0.1)

    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("pixelate", "blur")
    """Methods in the order in which they are applied."""

    def steps(self, entity: str) -> tuple[str, ...]:
        """See `Method.steps`."""
        return self.methods


class ByEntity(Method):
    """A separate method for each kind of region.

    Each has the strengths of its own section of `anonymization`.
    """

    name: ClassVar = "by_entity"
    label: ClassVar = "By entity"
    line_colour: ClassVar = "#637939"

    face: str = "blur"  # Method for faces.
    text: str = "mask"  # Method for lines of text.
    barcode: str = "mask"  # Method for barcodes.
    mrz: str = "mask"  # Method for machine-readable zones.
    ink: str = "mask"  # Method for ink: signatures, handwriting and stamps.

    def steps(self, entity: str) -> tuple[str, ...]:
        """See `Method.steps`."""
        return (str(getattr(self, entity)),)
