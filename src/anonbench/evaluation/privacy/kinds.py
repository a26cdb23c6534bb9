"""Attackers in addition to the experiment's own models."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from anonbench.core.registries.attacks import Attacker, AttackerKind
from anonbench.core.settings import Count, Place
from anonbench.core.vocabulary import Entity


class Recognizer(AttackerKind):
    """Face recognition model that attacks faces; a plain path sets its weights."""

    name: ClassVar = "recognizer"
    label: ClassVar = "Recognizer"
    entities: ClassVar = (Entity.FACE,)

    weights: Place | None = None
    """ONNX file of a face recognizer (RGB crops, scaled as (x - 127.5) / 128); without it the
    attacker is left out."""
    aligned: bool = True
    """Align faces as models of the ArcFace family expect, by MTCNN's landmarks of the original
    face."""

    @model_validator(mode="before")
    @classmethod
    def _of_a_path(cls, given: Any) -> Any:
        return {"weights": given} if given is None or isinstance(given, str | Path) else given

    def is_given(self) -> bool:
        """See `AttackerKind.is_given`."""
        return self.weights is not None

    def load(self) -> Attacker:
        """See `AttackerKind.load`."""
        from anonbench.evaluation.privacy.attackers import onnx_recognizer

        return onnx_recognizer(Path(str(self.weights)), self.aligned)


class Supervised(AttackerKind):
    """A supervised attacker: it anonymizes train images itself and learns to undo that."""

    name: ClassVar = "supervised"
    label: ClassVar = "Supervised attacker"
    learns: ClassVar = True

    regions: Count = 2000
    """Train regions of each entity that it learns from, of persons who are not attacked."""


class Remainder(AttackerKind):
    """An attacker that sees only the surroundings of a face: hair, clothes, background.

    The hidden pixels of the face itself are grey (`anonymization.margin`), and so are regions that
    overlap it, such as the box of another detector. At the image's border the grey area shows the
    place and size of the face, as a mask does. The attacker learns from train images like the
    supervised attacker, and compares by the models' own vectors if there are no train images. Its
    rates are listed separately from those of hidden regions, because a method that leaves the
    surroundings unchanged cannot lower them (for photographs see Oh et al. 2016, "Faceless person
    recognition"). It runs if persons are searched in other photographs; an attacker who has the
    very image finds it by its surroundings anyway.
    """

    name: ClassVar = "remainder"
    label: ClassVar = "Unmasked remainder"
    learns: ClassVar = True

    factor: Annotated[float, Field(gt=1.0, le=100.0)] = 3.0
    """Factor by which the box is enlarged about its centre, within the image."""


BUILT_IN = (Recognizer, Supervised, Remainder)
KINDS: dict[str, type[AttackerKind]] = {each.name: each for each in BUILT_IN}
