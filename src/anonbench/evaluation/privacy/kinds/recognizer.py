"""A face recognition model of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import model_validator

from anonbench.core.registries.attackers import Attacker, AttackerKind
from anonbench.core.settings import Place
from anonbench.core.vocabulary import Entity


class Recognizer(AttackerKind):
    """A face recognition model, an attacker on faces; the path alone says the same."""

    name: ClassVar = "recognizer"
    label: ClassVar = "Recognizer"
    entities: ClassVar = (Entity.FACE,)

    weights: Place | None = None
    """ONNX file: RGB crops, scaled as (x - 127.5) / 128, to one vector each. Without it, the
    attacker is left out."""
    aligned: bool = True
    """Whether faces are turned, scaled and moved so that eyes, nose and mouth are where models of
    the ArcFace family expect them, by MTCNN's points of the original face. Without, a crop is the
    box, squashed into a square."""

    @model_validator(mode="before")
    @classmethod
    def _of_a_path(cls, given: Any) -> Any:
        return {"weights": given} if given is None or isinstance(given, str | Path) else given

    def is_given(self) -> bool:
        """See `AttackerKind.is_given`."""
        return self.weights is not None

    def load(self) -> Attacker:
        """See `AttackerKind.load`."""
        from anonbench.evaluation.privacy.attackers import OnnxRecognizer

        return OnnxRecognizer(Path(str(self.weights)), self.aligned)
