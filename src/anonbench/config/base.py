"""What all parts of the config share."""

from __future__ import annotations

from typing import Annotated

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
