"""Settings of the network that redraws hidden regions."""

from __future__ import annotations

from typing import ClassVar

from anonbench.core.settings import Count, Positive, Settings


class Redrawing(Settings):
    """The network that redraws hidden regions (`datasets.<name>.redrawn`), and its training.

    It sees pictures as the unadapted model does. Seed, device, threads, loader processes and
    checkpoints are those of that model's training.
    """

    width: ClassVar[int] = 16
    """Channels of the first layer; deeper ones have up to four times as many."""
    steps: Count = 2000
    """Optimizer steps."""
    batch_size: ClassVar[int] = 32
    """Images in a step."""
    learning_rate: Positive = 2e-3
    """Learning rate of AdamW, after a warm-up over a twentieth of the steps and before a cosine
    decay."""
