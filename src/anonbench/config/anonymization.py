"""Settings of anonymization: methods, their strengths, shapes and written files."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    create_model,
    model_serializer,
    model_validator,
)

from anonbench.core.registries.method_names import base_of, is_audited, is_method
from anonbench.core.registries.methods import METHODS, Method, least_information_left
from anonbench.core.settings import NAME, Settings, merged
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import suggestion


def _require_method(name: str) -> str:
    if is_method(name) and is_audited(name):
        return name
    raise ValueError(
        f"no method is called so; there are {', '.join(METHODS)}, and <method>_<strength> of "
        f"`anonymization.strengths`{suggestion(name, METHODS)}"
    )


_STRENGTH = f"^({'|'.join(METHODS)})_[a-z][a-z0-9_]*$"
_METHOD_SCHEMA = [
    {"enum": list(METHODS), "type": "string"},
    {"pattern": _STRENGTH, "type": "string"},
]
MethodName = Annotated[
    str, AfterValidator(_require_method), WithJsonSchema({"anyOf": _METHOD_SCHEMA})
]
"""Name of a registered method or possibly of a strength, which only the config can check."""
StrengthName = Annotated[str, Field(pattern=NAME, max_length=32)]
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


class _Strengths(Settings):
    @property
    def by_name(self) -> dict[str, Method]:
        """Strengths by their names as methods."""
        return {
            f"{method}_{name}": strength
            for method in type(self).model_fields
            for name, strength in getattr(self, method).items()
        }

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {method: named for method, named in handler(self).items() if named}

    def _contradictions(self) -> Iterator[str]:
        for method in type(self).model_fields:
            for strength in getattr(self, method):
                name = f"{method}_{strength}"
                if (other := base_of(name)) != method:
                    what = "is a method" if other == name else f"reads as a strength of {other}"
                    yield f"{method}.{strength}: {name} {what}; give it another name"


_FIELDS: dict[str, Any] = {
    name: (dict[StrengthName, each], Field(default_factory=dict))  # type: ignore[valid-type]
    for name, each in METHODS.items()
    if each.model_fields
}


class Strengths(create_model("Strengths", __base__=_Strengths, **_FIELDS)):  # type: ignore[misc]
    """Further strengths of methods, by method and name."""


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

    @model_validator(mode="before")
    @classmethod
    def _complete_strengths(cls, given: Any) -> Any:
        """Give strengths the parameters of their methods that they leave open."""
        if not isinstance(given, Mapping) or not isinstance(given.get("strengths"), Mapping):
            return given
        strengths = {
            method: {name: merged(given.get(method), own) for name, own in named.items()}
            if isinstance(named, Mapping)
            else named
            for method, named in given["strengths"].items()
        }
        return {**given, "strengths": strengths}

    @model_validator(mode="after")
    def _methods_are_known(self) -> Self:
        self.applied(*(n for n in self.names if METHODS[base_of(n)].steps is not Method.steps))
        return self

    @property
    def names(self) -> list[str]:
        """Names of all methods and of their configured strengths."""
        return [*METHODS, *self.strengths.by_name]

    def method(self, name: str) -> Method:
        """A method, or a strength of one, with its parameters; KeyError if there is none."""
        found: Method = self.of(METHODS[name]) if name in METHODS else self.strengths.by_name[name]
        return found

    def steps(self, name: str, entity: str) -> list[tuple[str, Method]]:
        """Methods that hide an entity in turn, with their names; KeyError if one is unknown."""
        method = self.method(name)
        if type(method).steps is Method.steps:
            return [(name, method)]
        return [found for step in method.steps(entity) for found in self.steps(step, entity)]

    def part(self, *names: str) -> dict[str, Any]:
        """Settings that images of these methods depend on, as plain data."""
        fields: dict[str, Any] = dict.fromkeys(("format", "margin", "shape", "coding_blocks"), True)
        for name in self.applied(*names):
            if name in METHODS:
                fields[name] = True
            else:
                of_base = fields.setdefault("strengths", {}).setdefault(base_of(name), {})
                of_base[name.removeprefix(f"{base_of(name)}_")] = True
        found: dict[str, Any] = self.model_dump(mode="json", include=fields)
        return found

    def information_left(self, name: str, entity: str) -> str:
        """Information that a method leaves of an entity's regions."""
        return least_information_left(each.leaves() for _, each in self.steps(name, entity))

    def applied(self, *names: str, _path: tuple[str, ...] = ()) -> list[str]:
        """The given methods and the methods that they apply, each once.

        Raises:
            ValueError: a method is unknown, or applies itself.
        """
        found: dict[str, None] = {}
        for name in names:
            if name not in self.names:
                raise ValueError(
                    f"{'.'.join(_path)}: no method is called {name!r}; there are "
                    f"{', '.join(self.names)}{suggestion(name, self.names)}"
                )
            if name in _path:
                raise ValueError(f"{_path[0]}: {name} would apply itself")
            found[name] = None
            method = self.method(name)
            if type(method).steps is not Method.steps:
                steps = dict.fromkeys(step for kind in Entity for step in method.steps(kind))
                found |= dict.fromkeys(self.applied(*steps, _path=(*_path, name)))
        return list(found)
