"""Settings of systems under test, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from anonbench.core.registries.systems import SYSTEMS, SystemKind

if TYPE_CHECKING:
    AnySystem = SystemKind
else:
    AnySystem = Annotated[Union[tuple(SYSTEMS.values())], Field(discriminator="kind")]  # noqa: UP007
