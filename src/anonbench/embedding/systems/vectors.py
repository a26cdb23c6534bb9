"""Systems whose vectors are made elsewhere: a file for each version of the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Place

VARIANT = "{variant}"


class Vectors(SystemKind):
    """Vectors of the original images and of each variant, in files that another program wrote.

    A run makes the anonymized images, then says which of them need vectors, and goes on once the
    files are there. Crops cannot be embedded: attacks on privacy need a recognizer of their own.
    """

    name: ClassVar = "vectors"
    label: ClassVar = "Vectors made elsewhere"
    embeds_images: ClassVar = False

    kind: Literal["vectors"] = "vectors"
    path: Place
    """With `{variant}` where `original` or a variant such as `blur-100` stands, in a format of
    `anonbench score`: `vectors/{variant}.h5`. Ids are those of the images, or names of their files.
    """

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if VARIANT not in self.path.name:
            raise ValueError(f"path: needs {VARIANT} in its file name, such as {VARIANT}.h5")
        return self

    def stored(self, variant: str) -> Path:
        """Return where the vectors of a variant are."""
        return self.path.with_name(self.path.name.replace(VARIANT, variant))

    def files(self) -> list[Path]:
        """Return the files that are there already."""
        return sorted(self.path.parent.glob(self.path.name.replace(VARIANT, "*")))

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Refuse: no image can be embedded here."""
        raise InputError("systems: vectors that are made elsewhere can embed no image here")
        yield  # a context manager is a generator
