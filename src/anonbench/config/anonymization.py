"""Settings of anonymization: methods, their strengths, shapes and written files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from anonbench.config.strengths import Strengths, completed, require_names
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS, least_information_left
from anonbench.core.registries.methods import Method as AnyMethod
from anonbench.core.registries.registry import section_of
from anonbench.core.settings import Settings
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import suggestion

Shape = Literal["box", "ellipse", "image"]


class Shapes(Settings):
    """What of a region is hidden, by entity.

    `box`: the region as found, straight or slanted. `ellipse`: the ellipse inside its box;
    the corners of the box stay visible (a fifth of it), and with them hair, ears, chin or whatever
    of the region reaches there. Slanted regions stay as they are. `image`: the whole image, as soon
    as it has such a region.
    """

    face: Shape = "box"
    text: Shape = "box"
    barcode: Shape = "box"
    mrz: Shape = "box"
    ink: Shape = "box"

    def of(self, entity: str) -> Shape:
        """Shape of an entity's hidden regions."""
        shape: Shape = getattr(self, entity)
        return shape


class _Margin(Settings):
    margin: Annotated[float, Field(ge=1.0, le=100.0)] = 1.0
    """Factor by which each region is enlarged about its centre (deface uses 1.3)."""
    shape: Shapes = Shapes()
    """Hidden area by entity: `box` as found, `ellipse` inside it (its corners stay visible) or the
    whole `image`."""
    coding_blocks: bool = True
    """Extend regions to the coding blocks of a lossy original, whose visible part depends on the
    hidden part."""


class Anonymization(METHODS.with_sections(_Margin)):  # type: ignore[misc]
    """Anonymization: a section for each method, and settings of the written images."""

    format: Literal["png", "jpeg"] = "png"
    """Format of anonymized images: `png` is lossless, `jpeg` (quality 95) needs less disk."""

    strengths: Strengths = Strengths()
    """Further strengths by method and name: `pixelate: { fine: { blocks: { face: 24 } } }` adds the
    method `pixelate_fine`."""

    def method(self, name: str) -> AnyMethod:
        """A method, or a strength of one, with its parameters.

        Raises:
            KeyError: there is no such method.
        """
        if registered := METHODS.get(name):
            return section_of(self, registered)
        base = base_of(name)
        method: AnyMethod = getattr(self.strengths, base, {})[name.removeprefix(f"{base}_")]
        return method

    def steps(self, name: str, entity: str) -> list[tuple[str, AnyMethod]]:
        """Methods that hide an entity's regions one after the other, with their names.

        Raises:
            KeyError: there is no such method.
        """
        method = self.method(name)
        if type(method).steps is AnyMethod.steps:
            return [(name, method)]
        return [found for step in method.steps(entity) for found in self.steps(step, entity)]

    def has(self, name: str) -> bool:
        """Whether a method, or a strength of one, has this name."""
        return name in METHODS or name in self.strengths.by_name

    @property
    def names(self) -> list[str]:
        """Names of all methods and of their configured strengths."""
        return [*METHODS, *self.strengths.by_name]

    def sections(self, *names: str) -> dict[str, Any]:
        """Sections with the parameters of methods, for `model_dump(include=…)`."""
        found: dict[str, Any] = {}
        for name in names:
            if name in METHODS:
                found[name] = True
            else:
                base = base_of(name)
                strength = name.removeprefix(f"{base}_")
                found.setdefault("strengths", {}).setdefault(base, {})[strength] = True
        return found

    def applied(self, *names: str) -> list[str]:
        """The given methods and the methods that they apply, each once.

        Raises:
            ValueError: a method is unknown, or applies itself.
        """
        return self._applied(names, ())

    def information_left(self, name: str, entity: str) -> str:
        """Information that a method leaves of an entity's regions."""
        return least_information_left(each.leaves() for _, each in self.steps(name, entity))

    def _applied(self, names: Iterable[str], path: tuple[str, ...]) -> list[str]:
        found: dict[str, None] = {}
        for name in names:
            if not self.has(name):
                raise ValueError(
                    f"{'.'.join(path)}: no method is called {name!r}; there are "
                    f"{', '.join(self.names)}{suggestion(name, self.names)}"
                )
            if name in path:
                raise ValueError(f"{path[0]}: {name} would apply itself")
            found[name] = None
            method = self.method(name)
            if type(method).steps is not AnyMethod.steps:
                steps = dict.fromkeys(step for kind in Entity for step in method.steps(kind))
                found |= dict.fromkeys(self._applied(steps, (*path, name)))
        return list(found)

    @model_validator(mode="before")
    @classmethod
    def _strengths_are_complete(cls, given: Any) -> Any:
        return completed(given)

    @model_validator(mode="after")
    def _methods_are_known(self) -> Self:
        require_names(self.strengths)
        for name in self.names:
            if METHODS[base_of(name)].steps is not AnyMethod.steps:
                self.applied(name)
        return self
