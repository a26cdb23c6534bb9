"""Network that draws hidden pixels anew: a small U-Net.

After Shvai, Llanza and Nakib, "Adaptive image anonymization in the context of image classification
with neural networks" (2023): new content is made where regions are hidden, such that a model that
nobody changes decides as it did on the original. Encoder and decoder with skips are those of
Ronneberger, Fischer and Brox 2015, "U-Net" (MICCAI, 234-241).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from anonbench.training.model.backbone import seed_torch

_SMALLEST = 8
"""Pixels: a picture is halved until a side has no more, so that each hidden pixel is drawn by all
that is seen, whatever the picture's size."""
_WIDEST = 4
"""The most channels, as a multiple of the first layer's."""
_GROUPS = 4


class Redrawer(nn.Module):
    """Draws hidden pixels from an anonymized picture and what of it is hidden."""

    def __init__(self, width: int, side: int) -> None:
        """Make a network with random weights.

        Args:
            width: channels of the first layer, a multiple of 4.
            side: of its pictures in pixels.

        """
        super().__init__()
        halvings = max(1, (max(side - 1, 1) // _SMALLEST).bit_length())
        widths = [width * min(2**level, _WIDEST) for level in range(halvings + 1)]
        self.down = nn.ModuleList(
            _convolutions(before, after)
            for before, after in zip([4, *widths], widths, strict=False)
        )
        pairs = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up = nn.ModuleList(_convolutions(low + skip, skip) for low, skip in pairs)
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, hidden: Tensor, share: Tensor) -> Tensor:
        """Return pictures whose hidden pixels are drawn; the others are as they were.

        Args:
            hidden: anonymized pictures, float32 [N, 3, S, S] in 0 … 1.
            share: of each pixel that is hidden, float32 [N, 1, S, S] in 0 … 1.

        """
        values, skips = torch.cat([2.0 * hidden - 1.0, share], dim=1), []
        for level, convolutions in enumerate(self.down):
            values = convolutions(values if level == 0 else nn.functional.avg_pool2d(values, 2))
            skips.append(values)
        for convolutions, skip in zip(self.up, skips[-2::-1], strict=True):
            values = interpolate(values, skip.shape[-2:])
            values = convolutions(torch.cat([values, skip], dim=1))
        drawn: Tensor = self.last(values).sigmoid()
        return hidden + share * (drawn - hidden)


def random_redrawer(width: int, side: int, seed: int) -> Redrawer:
    """Return the network that a training starts from."""
    with torch.random.fork_rng():
        seed_torch("redrawing", seed)
        return Redrawer(width, side)


def _convolutions(before: int, after: int) -> nn.Module:
    parts = (
        part
        for channels in (before, after)
        for part in (
            nn.Conv2d(channels, after, 3, padding=1),
            nn.GroupNorm(_GROUPS, after),
            nn.SiLU(),
        )
    )
    return nn.Sequential(*parts)
