"""What all parts of the config share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Range = tuple[Fraction, Fraction]


class Settings(BaseModel):
    """One section of the config: unknown keys are refused, values never change once read.

    The string under each field is its documentation: it goes into the schema and into
    config/defaults.yaml.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset()
    """Fields that no result depends on, such as the number of loader processes."""

    def effective(self) -> dict[str, Any]:
        """Return, as plain data, what results depend on."""
        return self.model_dump(mode="json", exclude=set(self.WITHOUT_EFFECT))

    def completing(self, effective: dict[str, Any]) -> Self:
        """Return the settings that `effective` describes, the other fields taken from these."""
        rest = self.model_dump(mode="json", include=set(self.WITHOUT_EFFECT))
        return type(self).model_validate(effective | rest)
