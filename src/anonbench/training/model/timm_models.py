"""Vision transformers of timm, by name or from another package, adapted to run here."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.wording import suggestion
from anonbench.training.model.blocks import PackedBlock

install_torchvision_ops()  # timm imports torchvision

from timm.layers.attention import Attention  # noqa: E402
from timm.layers.mlp import GluMlp, Mlp  # noqa: E402
from timm.models import create_model, get_pretrained_cfg, is_model, list_models  # noqa: E402
from timm.models.vision_transformer import Block, VisionTransformer  # noqa: E402

FIELD = "recipe.backbone.name"


def require_name(name: str, field: str) -> None:
    """Check that timm has a plain ViT with a class token by this name, and its tag if given.

    InputError: there is none; the message suggests similar names.
    """
    model = name.partition(".")[0]
    with torch.device("meta"):
        named_model(model, field)
    try:
        get_pretrained_cfg(name)
    except RuntimeError:
        near = suggestion(name, list_models("*vit*", pretrained=True))
        raise InputError(f"{field}: timm has no weights {name!r}{near}") from None


def named_model(name: str, field: str = FIELD, **options: Any) -> nn.Module:
    """Return one of timm's plain ViTs with a class token by its name: packed, without a head.

    InputError, which names the config's `field`: timm has no such model, or it is no plain ViT.
    """
    if not is_model(name):
        near = suggestion(name, list_models("*vit*"))
        raise InputError(f"{field}: timm has no model {name!r}{near}")
    try:
        model = create_model(name, num_classes=0, dynamic_img_size=True, **options)
    except (OSError, RuntimeError, TypeError, AssertionError) as error:
        raise InputError(f"{field}: {name} cannot be made: {error}") from error
    if not isinstance(model, VisionTransformer) or model.cls_token is None:
        raise InputError(f"{field}: {name} is no ViT with a class token")
    pack_blocks(model, name, field)
    return cast(nn.Module, model)


def pack_blocks(model: Any, name: str, field: str = FIELD) -> None:
    """Replace a plain ViT's blocks by `PackedBlock`s, without their own stochastic depth."""
    for block in model.blocks:
        plain = type(block) is Block and type(block.attn) is Attention and block.attn.gate is None
        if not plain:
            raise InputError(f"{field}: the blocks of {name} are not those of a plain ViT")
        block.__class__ = PackedBlock  # it has the same state
        block.drop_path1 = block.drop_path2 = nn.Identity()


def drop_register_positions(model: Any) -> None:
    """Remove the registers' positions: otherwise two trained tensors would move each register."""
    if model.num_reg_tokens and not model.no_embed_class:
        positions: Tensor = model.pos_embed.detach()
        parts = [positions[:, :1], positions[:, model.num_prefix_tokens :]]
        model.pos_embed = nn.Parameter(torch.cat(parts, dim=1))


def is_mlp(part: nn.Module) -> bool:
    """Check whether a feed-forward part of timm is an MLP with exact GELU."""
    return type(part) is Mlp and type(part.act) is nn.GELU and part.act.approximate == "none"


def is_swiglu(part: nn.Module) -> bool:
    """Check whether a feed-forward part of timm is SwiGLU with the gate in the first half."""
    return type(part) is GluMlp and type(part.act) is nn.SiLU and not part.gate_last
