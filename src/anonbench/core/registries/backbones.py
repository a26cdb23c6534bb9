"""Backbones: vision transformers of other packages, beside one's own sizes and timm's models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anonbench.core.registries.registry import Registered, Registry

if TYPE_CHECKING:
    from torch import nn


class BackboneKind(Registered):
    """One architecture. Its fields are its parameters, a section of a recipe's `backbone`.

    A recipe takes it where `backbone.name` is its name.
    """

    width: ClassVar[int]
    """Embedding dimension."""
    patch: ClassVar[int]
    """Side of a patch in pixels."""
    is_large: ClassVar[bool] = False
    """Whether a training is planned as one of ViT-L on GPUs, else as one of a small model."""

    def build(self, side: int, **options: Any) -> nn.Module:
        """Return a model; import torch and timm here. Random numbers are seeded already.

        Args:
            side: pixels of the square images that its position embedding is made for.
            options: for `timm.models.vision_transformer.VisionTransformer`, to be passed on.

        Returns:
            a timm VisionTransformer with class token and without head, for images of any size
            (`dynamic_img_size`).

        """
        raise NotImplementedError


BACKBONES = Registry("anonbench.backbones", BackboneKind, "anonbench.training.model.kinds:BUILT_IN")
