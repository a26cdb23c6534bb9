"""Strengths: registered methods with their own parameters, under names given in the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    create_model,
    model_serializer,
)

from anonbench.core.registries.method_names import base_of, is_audited, is_method
from anonbench.core.registries.methods import METHODS, Method
from anonbench.core.settings import Settings, merged

StrengthName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]


class _Named(Settings):
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


_FIELDS: dict[str, Any] = {
    name: (dict[StrengthName, each], Field(default_factory=dict))  # type: ignore[valid-type]
    for name, each in METHODS.items()
    if each.model_fields
}


class Strengths(create_model("Strengths", __base__=_Named, **_FIELDS)):  # type: ignore[misc]
    """Further strengths of methods, by method and name."""


def _method(name: str) -> str:
    if is_method(name) and is_audited(name):
        return name
    raise ValueError(
        f"no method is called so; there are {', '.join(METHODS)}, and <method>_<strength> of "
        "`anonymization.strengths`"
    )


MethodName = Annotated[
    str,
    AfterValidator(_method),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(METHODS), "type": "string"},
                {"pattern": f"^({'|'.join(METHODS)})_[a-z][a-z0-9_]*$", "type": "string"},
            ]
        }
    ),
]
"""Name of a registered method or possibly of a strength, which only the config can check."""


def completed(given: Any) -> Any:
    """Section `anonymization` in which strengths have all parameters of their methods.

    Args:
        given: the section as YAML gives it; anything else is returned unchanged.
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("strengths"), Mapping):
        return given
    strengths = {
        method: {name: merged(given.get(method), own) for name, own in named.items()}
        if isinstance(named, Mapping)
        else named
        for method, named in given["strengths"].items()
    }
    return {**given, "strengths": strengths}


def require_names(strengths: Strengths) -> None:
    """Check that the name of each strength is unique.

    Raises:
        ValueError: a name is that of another method, or can be read as one.
    """
    for method in type(strengths).model_fields:
        for strength in getattr(strengths, method):
            name = f"{method}_{strength}"
            if (other := base_of(name)) != method:
                what = "is a method" if other == name else f"reads as a strength of {other}"
                raise ValueError(
                    f"strengths.{method}.{strength}: {name} {what}; give it another name"
                )
