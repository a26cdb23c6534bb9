"""The same network as timm's own code has it, weights included."""

from typing import Any

import torch
from torch import nn

from anonbench.core.libraries.compat import install_torchvision_ops

install_torchvision_ops()

from timm.layers.mlp import SwiGLUPacked  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402


def as_timms(model: Any) -> Any:
    """A timm ViT with the weights of one of ours, which runs timm's forward pass alone."""
    weights = dict(model.state_dict())
    registers, width = model.num_reg_tokens, model.embed_dim
    if registers:  # timm has positions for all tokens, or for patches alone
        given = weights["pos_embed"]
        zeros = torch.zeros(1, registers, width)
        weights["pos_embed"] = torch.cat([given[:, :1], zeros, given[:, 1:]], dim=1)
    packed, taken = (weights[f"blocks.0.mlp.fc{layer}.weight"] for layer in (1, 2))
    gated: dict[str, Any] = {}
    if len(packed) == 2 * taken.shape[1]:
        ratio = (len(packed) + 0.5) / width  # the half more is for timm's rounding down
        gated = {"mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU, "mlp_ratio": ratio}
    patch = model.patch_embed.patch_size[0]
    timms = VisionTransformer(
        img_size=patch * model.patch_embed.grid_size[0],
        patch_size=patch,
        num_classes=0,
        dynamic_img_size=True,
        embed_dim=width,
        depth=len(model.blocks),
        num_heads=model.blocks[0].attn.num_heads,
        reg_tokens=registers,
        init_values=1.0,
        **gated,
    )
    timms.load_state_dict(weights)
    return timms.eval().requires_grad_(False)
