"""Vision transformer: built from settings, initialized, run with masked patches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.numeric.seeding import hash_int
from anonbench.training.model import formats
from anonbench.training.model.vit import VisionTransformer, initialize_linear, resize_positions

if TYPE_CHECKING:
    from anonbench.config.training import Backbone, Recipe

SINCOS_AMPLITUDE = 0.5


def seed_torch(*parts: object) -> None:
    """Seed torch's generators (all devices) by a hash of `parts`."""
    torch.manual_seed(hash_int(*parts) % 2**63)


def build_backbone(
    settings: Backbone, side: int, layer_scale: bool = True, class_position: bool | None = None
) -> nn.Module:
    """Return a ViT without a classification head, with positions for images of `side` pixels.

    `layer_scale`: whether its blocks have LayerScale; `class_position`: whether the class token has
    a position (None: as the named model, and yes where there is no name). InputError: timm has no
    such model, or it is no plain ViT.
    """
    if settings.name is None:
        return VisionTransformer(settings, side, layer_scale, class_position is not False)
    # timm takes seconds to import
    from anonbench.training.model.timm_models import drop_register_positions, named_model

    options: dict[str, Any] = {"init_values": settings.layer_scale if layer_scale else None}
    if class_position is not None:
        options["no_embed_class"] = not class_position
    model = named_model(settings.name, img_size=side, **options)
    drop_register_positions(model)
    return model


def init_backbone(recipe: Recipe, seed: int) -> tuple[nn.Module, Tensor | None]:
    """Initial backbone of a training, random by `seed` or pretrained, and its mask token.

    Pretrained positions keep the size that they were trained for: every pass resamples them once
    to the size of its crops, as DINOv2's code does. Only some files have a mask token.

    Raises:
        InputError: the pretrained weights are missing or do not fit, or a crop's side is no
            multiple of the patch.
    """
    settings, side = recipe.backbone, recipe.crops.global_size
    mask_token: Tensor | None = None
    with torch.random.fork_rng():
        seed_torch("backbone", seed)
        if isinstance(settings.pretrained, Path):
            file = formats.read_pretrained(settings.pretrained)
            kind = formats.has_layer_scale(file.weights), file.class_position
            model = build_backbone(settings, file.side or side, *kind)
            formats.load_pretrained(model, file, settings.pretrained)
            mask_token = file.mask_token
        elif settings.pretrained == "timm" and settings.name is not None:
            from anonbench.training.model.timm_models import named_model

            model = named_model(settings.name, pretrained=True)
        else:
            model = build_backbone(settings, side)
            _initialize(model, settings)
    patch: int = model.patch_embed.patch_size[0]  # type: ignore[union-attr, assignment, index]
    for field in ("global_size", "local_size"):
        if (length := getattr(recipe.crops, field)) % patch:
            raise InputError(f"recipe.crops.{field} {length} is no multiple of the patch, {patch}")
    return model, mask_token


def _initialize(model: Any, settings: Backbone) -> None:
    """Change a model's own initialization where it differs from the recipe's."""
    if settings.init == "xavier":
        for module in model.modules():
            if isinstance(module, nn.Linear):
                initialize_linear(module, "xavier")
        projection = model.patch_embed.proj
        nn.init.xavier_uniform_(projection.weight.flatten(1))
        if projection.bias is not None:
            nn.init.zeros_(projection.bias)
    if formats.uses_swiglu(model.state_dict()):  # timm starts it nearly constant, DINOv2 does not
        for block in model.blocks:
            initialize_linear(block.mlp.fc1, settings.init)
    if settings.position == "sincos":
        patches = sincos_positions(model.patch_embed.grid_size[0], model.embed_dim)
        with torch.no_grad():
            model.pos_embed.zero_()  # stays so for the class token
            model.pos_embed[0, -len(patches) :] = SINCOS_AMPLITUDE * torch.from_numpy(patches)


def sincos_positions(side: int, width: int) -> np.ndarray:
    """Sines and cosines of both coordinates, float32 [side², width] (Vaswani et al. 2017, 3.5)."""
    rates = 10_000.0 ** (-np.arange(width // 4) / (width / 4))
    rows, columns = np.divmod(np.arange(side * side), side)
    waves = [trig(np.outer(axis, rates)) for axis in (columns, rows) for trig in (np.sin, np.cos)]
    table = np.concatenate(waves, axis=1).astype(np.float32)
    return np.pad(table, ((0, 0), (0, width - table.shape[1])))


def embed_patches(
    model: Any, images: Tensor, masked: Tensor | None = None, mask_token: Tensor | None = None
) -> Tensor:
    """Return a ViT's tokens before its first block, class token first, [B, tokens, width].

    Images [B, 3, S, S] are normalized, S is a multiple of the patch. Patches that are `masked`,
    bool [B, patches], are replaced by the mask token [width].
    """
    tokens = model.patch_embed(images)
    if masked is not None and mask_token is not None:
        where = masked.view(*tokens.shape[:3], 1)
        tokens = torch.where(where, mask_token.to(tokens.dtype), tokens)
    # unlike timm's own method, this interpolates with antialiasing only where DINOv2 does,
    # and supports positions for only some of the tokens before the patches
    first = [token for token in (model.cls_token, model.reg_token) if token is not None]
    prefix = torch.cat(first, dim=1)
    placed = model.pos_embed.shape[1] - model.patch_embed.num_patches
    grid, has_registers = (tokens.shape[1], tokens.shape[2]), model.reg_token is not None
    positions = resize_positions(model.pos_embed, grid, placed, antialias=has_registers)
    parts = [prefix[:, :placed] + positions[:, :placed], prefix[:, placed:]]
    before = torch.cat(parts, dim=1).expand(len(tokens), -1, -1)
    whole = torch.cat([before, tokens.flatten(1, 2) + positions[:, placed:]], dim=1)
    return model.norm_pre(whole)  # type: ignore[no-any-return]


def encode(model: Any, images: Tensor) -> Tensor:
    """Run a ViT of `build_backbone` on images as `embed_patches`, up to its final norm.

    Returns float [B, prefix + patches, width], class token first.
    """
    return model.norm(model.blocks(embed_patches(model, images)))  # type: ignore[no-any-return]
