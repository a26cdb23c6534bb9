"""Vision transformer: built from settings, initialized, run with masked patches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.numeric.seeding import hash_int
from anonbench.training.model.heads import initialize_linear
from anonbench.training.model.positions import resize_positions
from anonbench.training.model.pretrained import load_pretrained, read_pretrained

if TYPE_CHECKING:
    from anonbench.config.training import Backbone, Crops, Recipe

install_torchvision_ops()  # timm imports torchvision

from timm.layers.mlp import GluMlp, SwiGLUPacked  # noqa: E402
from timm.models import create_model, is_model  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

from anonbench.training.model.blocks import pack_blocks  # noqa: E402

SINCOS_AMPLITUDE = 0.5


def seed_torch(*parts: object) -> None:
    """Seed torch's generators (all devices) by a hash of `parts`."""
    torch.manual_seed(hash_int(*parts) % 2**63)


def build_backbone(
    settings: Backbone, side: int, layer_scale: bool = True, class_position: bool | None = None
) -> nn.Module:
    """Return a timm ViT without a classification head, for square images of any size.

    Args:
        settings: which one.
        side: pixels; the size that its position embedding is made for.
        layer_scale: whether its blocks have LayerScale.
        class_position: whether class token and registers have positions too; None: as the named
            model, and yes where there is no name.

    Raises:
        InputError: timm has no such model, or it is no plain ViT.

    """
    options: dict[str, Any] = {"init_values": settings.layer_scale if layer_scale else None}
    if class_position is not None:
        options["no_embed_class"] = not class_position
    model: nn.Module
    if (other := settings.registered) is not None:
        model = other.build(side, **options)
    elif settings.name is None:
        options |= _swiglu(settings.width) if settings.ffn == "swiglu" else {}
        model = VisionTransformer(
            img_size=side,
            num_classes=0,
            dynamic_img_size=True,
            patch_size=settings.patch,
            embed_dim=settings.width,
            depth=settings.depth,
            num_heads=settings.heads,
            reg_tokens=settings.registers,
            **options,
        )
    else:
        model = _named_model(settings.name, side, **options)
    pack_blocks(model, settings.name or "the backbone")
    return model


def swiglu_width(width: int, ratio: int = 4) -> int:
    """Return the hidden width of DINOv2's SwiGLU: two thirds of an MLP's, up to a multiple of 8."""
    return (int(width * ratio * 2 / 3) + 7) // 8 * 8


def _swiglu(width: int) -> dict[str, Any]:
    """Return timm's options for DINOv2's SwiGLU.

    `mlp_ratio` counts both halves of the packed layer; the half more is for timm's rounding down.
    """
    return {
        "mlp_layer": SwiGLUPacked,
        "mlp_ratio": (2 * swiglu_width(width) + 0.5) / width,
        "act_layer": nn.SiLU,  # a block hands its own activation on, GELU without this
    }


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


def init_backbone(recipe: Recipe, seed: int) -> nn.Module:
    """Return the backbone of `init_with_mask_token` alone."""
    return init_with_mask_token(recipe, seed)[0]


def init_with_mask_token(recipe: Recipe, seed: int) -> tuple[nn.Module, Tensor | None]:
    """Return what a training starts from: random by `seed`, or pretrained.

    Returns:
        the backbone, and the mask token, float32 [width], of weights from a file that has one.

    Raises:
        InputError: the pretrained weights are missing or do not fit, or a crop's side is no
            multiple of the patch.

    """
    settings, side = recipe.backbone, recipe.crops.global_size
    mask_token: Tensor | None = None
    with torch.random.fork_rng():
        seed_torch("backbone", seed)
        if isinstance(settings.pretrained, Path):
            file = read_pretrained(settings.pretrained)
            model = build_backbone(settings, side, file.layer_scale, file.class_position)
            load_pretrained(model, file, settings.pretrained)
            mask_token = file.mask_token
        elif settings.pretrained == "timm" and settings.name is not None:
            model = _named_model(settings.name, side, pretrained=True)
            pack_blocks(model, settings.name)
        else:
            model = build_backbone(settings, side)
            _initialize(model, settings)
    _check_crops(model, recipe.crops)
    return model, mask_token


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
        if projection.bias is not None:
            nn.init.zeros_(projection.bias)
    for block in model.blocks:
        if isinstance(block.mlp, GluMlp):  # timm starts it nearly constant, DINOv2 does not
            initialize_linear(cast(nn.Linear, block.mlp.fc1), settings.init)
    if model.reg_token is not None and not model.no_embed_class:
        with torch.no_grad():  # DINOv2's registers have no positions
            model.pos_embed[:, 1 : model.num_prefix_tokens] = 0.0
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


def embed_patches(
    model: Any, images: Tensor, masked: Tensor | None = None, mask_token: Tensor | None = None
) -> Tensor:
    """Return a ViT's tokens before its first block, some patches replaced by the mask token.

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
    return model.norm_pre(_with_positions(model, tokens))  # type: ignore[no-any-return]


def _with_positions(model: Any, patches: Tensor) -> Tensor:
    """Return class token, registers and patches with their positions, [B, prefix + h · w, D].

    timm's own method would interpolate all models' positions with antialiasing; DINOv2 does so
    with registers alone.

    Args:
        model: a timm ViT.
        patches: float [B, h, w, D].

    """
    prefix = [token for token in (model.cls_token, model.reg_token) if token is not None]
    first = torch.cat(prefix, dim=1).expand(len(patches), -1, -1)
    without = 0 if model.no_embed_class else model.num_prefix_tokens
    positions = resize_positions(
        model.pos_embed,
        (patches.shape[1], patches.shape[2]),
        without,
        antialias=model.reg_token is not None,
    )
    if model.no_embed_class:
        return torch.cat([first, patches.flatten(1, 2) + positions], dim=1)
    return torch.cat([first, patches.flatten(1, 2)], dim=1) + positions


def encode(model: Any, images: Tensor) -> Tensor:
    """Run a ViT up to its final norm.

    Args:
        model: a timm ViT of `build_backbone`.
        images: float [B, 3, S, S], normalized; S a multiple of the patch.

    Returns:
        float [B, prefix + patches, width]: class token first.

    """
    return model.norm(model.blocks(embed_patches(model, images)))  # type: ignore[no-any-return]
