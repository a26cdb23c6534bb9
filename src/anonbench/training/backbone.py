"""The vision transformer: built from settings, initialized, and run with masked patches."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anonbench.compat import install_torchvision_ops
from anonbench.config.training import Backbone, Crops, Recipe
from anonbench.errors import InputError
from anonbench.seeding import hash_int
from anonbench.training.heads import initialize_linear

install_torchvision_ops()  # timm imports torchvision

from timm.layers.drop import DropPath  # noqa: E402
from timm.layers.pos_embed import resample_abs_pos_embed  # noqa: E402
from timm.models import create_model, is_model  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

SINCOS_AMPLITUDE = 0.5


def seed_torch(*parts: object) -> None:
    """Seed torch's generators (all devices) by a hash of `parts`."""
    torch.manual_seed(hash_int(*parts) % 2**63)


def build_backbone(settings: Backbone, side: int, layer_scale: bool = True) -> nn.Module:
    """Return a timm ViT without a classification head, for square images of any size.

    Args:
        settings: which one.
        side: pixels; the size that its position embedding is made for.
        layer_scale: whether its blocks have LayerScale.

    Raises:
        InputError: timm has no such model, or it is no plain ViT.

    """
    options: dict[str, Any] = {"init_values": settings.layer_scale if layer_scale else None}
    model: nn.Module
    if settings.name is None:
        model = VisionTransformer(
            img_size=side,
            num_classes=0,
            dynamic_img_size=True,
            patch_size=settings.patch,
            embed_dim=settings.width,
            depth=settings.depth,
            num_heads=settings.heads,
            **options,
        )
    else:
        model = _named_model(settings.name, side, **options)
    _set_drop_path(model, settings.drop_path)
    return model


def _named_model(name: str, side: int, **options: Any) -> nn.Module:
    if not is_model(name):
        raise InputError(f"recipe.backbone.name: timm has no model {name!r}")
    try:
        model = create_model(name, img_size=side, num_classes=0, dynamic_img_size=True, **options)
    except (OSError, RuntimeError, TypeError, AssertionError) as error:
        raise InputError(f"recipe.backbone.name: {name} cannot be made: {error}") from error
    if not isinstance(model, VisionTransformer) or model.cls_token is None:
        raise InputError(f"recipe.backbone.name: {name} is no ViT with a class token")
    return cast(nn.Module, model)


def _set_drop_path(model: Any, rate: float) -> None:
    """Set the same rate in all blocks, as DINOv2 does; timm's own option rises with depth."""
    for block in model.blocks:
        for part in ("drop_path1", "drop_path2"):
            setattr(block, part, DropPath(rate) if rate > 0 else nn.Identity())


def init_backbone(recipe: Recipe, seed: int) -> nn.Module:
    """Return the backbone that a training starts from: random by `seed`, or pretrained.

    Raises:
        InputError: the pretrained weights are missing or do not fit, or a crop's side is no
            multiple of the patch.

    """
    settings, side = recipe.backbone, recipe.crops.global_size
    with torch.random.fork_rng():
        seed_torch("backbone", seed)
        if isinstance(settings.pretrained, Path):
            weights = _read_weights(settings.pretrained)
            model = build_backbone(settings, side, has_layer_scale(weights))
            _fit_positions(model, weights)
            load_strictly(model, weights, settings.pretrained)
        elif settings.pretrained == "timm" and settings.name is not None:
            model = _named_model(settings.name, side, pretrained=True)
            _set_drop_path(model, settings.drop_path)
        else:
            model = build_backbone(settings, side)
            _initialize(model, settings)
    _check_crops(model, recipe.crops)
    return model


def _check_crops(model: Any, crops: Crops) -> None:
    patch = model.patch_embed.patch_size[0]
    for field in ("global_size", "local_size"):
        if getattr(crops, field) % patch:
            raise InputError(
                f"recipe.crops.{field} {getattr(crops, field)} is no multiple of the patch, {patch}"
            )


def _initialize(model: Any, settings: Backbone) -> None:
    """Apply what differs from timm's own initialization."""
    if settings.init == "xavier":
        for module in model.modules():
            if isinstance(module, nn.Linear):
                initialize_linear(module, "xavier")
        projection = model.patch_embed.proj
        nn.init.xavier_uniform_(projection.weight.view(projection.weight.shape[0], -1))
        nn.init.zeros_(projection.bias)
    if settings.position == "sincos":
        patches = sincos_positions(model.patch_embed.grid_size[0], model.embed_dim)
        with torch.no_grad():
            model.pos_embed.zero_()  # stays so for class token and registers
            model.pos_embed[0, -len(patches) :] = SINCOS_AMPLITUDE * torch.from_numpy(patches)


def sincos_positions(side: int, width: int) -> np.ndarray:
    """Return float32 [side², width]: sines and cosines of both coordinates.

    Vaswani et al. 2017, section 3.5, for two dimensions: half of the width each.
    """
    rates = 10_000.0 ** (-np.arange(width // 4) / (width / 4))
    rows, columns = np.divmod(np.arange(side * side), side)
    waves = [trig(np.outer(axis, rates)) for axis in (columns, rows) for trig in (np.sin, np.cos)]
    table = np.concatenate(waves, axis=1).astype(np.float32)
    return np.pad(table, ((0, 0), (0, width - table.shape[1])))


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Read timm's weights of a ViT, without its classification head."""
    if not path.is_file():
        raise InputError(f"recipe.backbone.pretrained: {path} does not exist")
    try:
        weights = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
        return {name: value for name, value in weights.items() if not name.startswith("head.")}
    except (SafetensorError, UnpicklingError, RuntimeError, AttributeError) as error:
        raise InputError(f"recipe.backbone.pretrained: {path} holds no weights: {error}") from error


def has_layer_scale(weights: dict[str, Tensor]) -> bool:
    """Return whether a ViT's weights have LayerScale."""
    return "blocks.0.ls1.gamma" in weights


def _fit_positions(model: Any, weights: dict[str, Tensor]) -> None:
    """Interpolate the position embedding to the model's grid."""
    if "pos_embed" in weights:
        weights["pos_embed"] = resample_abs_pos_embed(
            weights["pos_embed"],
            list(model.patch_embed.grid_size),
            num_prefix_tokens=0 if model.no_embed_class else model.num_prefix_tokens,
        )


def load_strictly(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Load weights, all of them and no others.

    Raises:
        InputError: names or shapes differ; says which.

    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != given:
        differing = sorted(
            name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name)
        )
        lines = [
            f"{name}: model {expected.get(name)}, file {given.get(name)}" for name in differing[:5]
        ]
        raise InputError(
            f"{path}: {len(differing)} of its weights do not fit the model: {'; '.join(lines)}"
        )
    model.load_state_dict(weights)


def encode(
    model: Any, images: Tensor, masked: Tensor | None = None, mask_token: Tensor | None = None
) -> Tensor:
    """Run a ViT up to its final norm, with some patches replaced by the mask token.

    Args:
        model: a timm ViT of `build_backbone`.
        images: float [B, 3, S, S], normalized; S a multiple of the patch.
        masked: bool [B, patches].
        mask_token: float [width].

    Returns:
        float [B, prefix + patches, width]: class token first.

    """
    tokens = model.patch_embed(images)
    if masked is not None and mask_token is not None:
        where = masked.view(*tokens.shape[:3], 1)
        tokens = torch.where(where, mask_token.to(tokens.dtype), tokens)
    tokens = model.norm_pre(model.patch_drop(model._pos_embed(tokens)))
    return model.norm(model.blocks(tokens))  # type: ignore[no-any-return]
