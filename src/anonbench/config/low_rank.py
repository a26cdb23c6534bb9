"""Settings of low-rank updates of a system's network."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from anonbench.core.settings import Count, Positive, Settings

BATCH = 16
"""Images of a step."""


class LowRank(Settings):
    """Low-rank updates (LoRA) of a system's network: adaption D of a data set with a `system`."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """Of the update of each layer."""
    learning_rate: Positive = 2e-3
    """Largest, of AdamW with one cycle."""
    epochs: Count = 4
    """Times that each image is learned from."""
    images: Annotated[int, Field(ge=BATCH, le=2**31 - 1)] = 4096
    """Most train images that are learned from; of more, those are drawn."""
