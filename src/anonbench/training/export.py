"""Export of a trained backbone to timm, DINOv2's own code and transformers.

The exported model gives the same output in each of them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.io import atomic, write_json
from anonbench.training.model import formats
from anonbench.training.model.vit import EPSILON, Mlp, SwiGlu, resize_positions, swiglu_width
from anonbench.training.weights import load_backbone, read_description

_PLACES = re.compile(  # our names of the weights that DINOv2's models have
    r"(blocks\.\d+\.)?"
    r"(cls_token|reg_token|pos_embed|mask_token|ls[12]\.gamma"
    r"|(patch_embed\.proj|norm[12]?|attn\.qkv(\[\d\])?|attn\.proj|mlp\.fc[12])\.(weight|bias))"
)


def export_backbone(path: Path, output: Path, kind: formats.Format) -> str:
    """Write a trained backbone (of `save_backbone`) in another program's format.

    The output is for timm a safetensors file, for dinov2 a PyTorch file, and for huggingface a
    folder, which gets `config.json` and `model.safetensors`. Returns what was written, how to load
    it and what its input must look like.

    Raises:
        InputError: `path` is no backbone, the format cannot express it, or `output` is in the way.
    """
    if output.exists() and output.is_dir() != (kind == "huggingface"):
        raise InputError(f"{output}: is {'a folder' if output.is_dir() else 'no folder'}")
    loaded, preprocess = load_backbone(path)
    model: Any = loaded
    file = formats.read_checkpoint(load_file(path))
    class_position = not model.no_embed_class
    try:
        # timm and transformers resample positions in other ways, so they must not have to
        grid = preprocess.side // model.patch_embed.patch_size[0]
        positions, registers = file.weights["pos_embed"], int(model.num_reg_tokens)
        positions = resize_positions(positions, (grid, grid), int(class_position), registers > 0)
        weights = file.weights | {"pos_embed": positions}
        if kind == "timm":
            _save_safetensors(_to_timm(weights, class_position), output)
            name = read_description(path)["backbone"]["name"]
            call = _timm_call(model, name, preprocess.side, output)
        elif kind == "dinov2":
            arguments = {
                "img_size": preprocess.side,
                **_sizes(model),
                "mlp_ratio": feed_forward_ratio(model),
                "ffn_layer": "swiglufused" if formats.uses_swiglu(weights) else "mlp",
                "init_values": 1.0,
                "num_register_tokens": registers,
                "interpolate_antialias": registers > 0,
                "interpolate_offset": 0.0 if registers else 0.1,
                "block_chunks": 0,
            }
            converted = to_dinov2(weights, file.mask_token, class_position)
            with atomic(output) as temporary, temporary.open("wb") as opened:
                torch.save(converted, opened)  # a path would be in the bytes
            call = _call("dinov2.models.vision_transformer.DinoVisionTransformer", arguments)
        else:
            config = _huggingface_config(model, preprocess.side)
            converted = to_dinov2(weights, file.mask_token, class_position, "huggingface")
            _save_safetensors(converted, output / "model.safetensors")
            write_json(output / "config.json", config)
            call = f"transformers.{config['architectures'][0]}.from_pretrained({str(output)!r})"
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    normalized = {
        "imagenet": "by ImageNet's mean and deviation",
        "per_crop": "each image to zero mean and unit variance over all of its pixels and channels "
        "(not ImageNet's constants, which these programs use unless told otherwise)",
    }[preprocess.normalize]
    cut = "the centre crop of" if preprocess.resize == "crop" else "squashed to"
    size = f"{preprocess.side}×{preprocess.side} pixels"
    return (
        f"wrote {output} ({formats.TITLES[kind]})\nto load it: {call}\n"
        f"its input: {cut} {size}, normalized {normalized}"
    )


def _timm_call(model: Any, name: str | None, side: int, path: Path) -> str:
    # a model without a name in timm is made, and the weights are loaded by hand
    weights = model.state_dict()
    options: dict[str, object] = {"img_size": side, "num_classes": 0, "dynamic_img_size": True}
    if formats.has_layer_scale(weights):
        options["init_values"] = 1.0
    if model.num_reg_tokens:
        options["no_embed_class"] = True
    if name is not None:
        return _call("timm.create_model", options | {"checkpoint_path": str(path)}, repr(name))
    options |= _sizes(model)
    if model.num_reg_tokens:
        options["reg_tokens"] = model.num_reg_tokens
    text = _call("timm.models.VisionTransformer", options)
    if not formats.uses_swiglu(weights):
        return text
    ratio = (model.blocks[0].mlp.fc1.out_features + 0.5) / model.embed_dim
    layers = "mlp_layer=timm.layers.SwiGLUPacked, act_layer=torch.nn.SiLU"
    return f"{text[:-1]}, {layers}, mlp_ratio={ratio!r})"


def _huggingface_config(model: Any, side: int) -> dict[str, Any]:
    registers = int(model.num_reg_tokens)
    config: dict[str, Any] = {
        "architectures": ["Dinov2WithRegistersModel" if registers else "Dinov2Model"],
        "model_type": "dinov2_with_registers" if registers else "dinov2",
        "image_size": side,
        "patch_size": model.patch_embed.patch_size[0],
        "num_channels": 3,
        "hidden_size": model.embed_dim,
        "num_hidden_layers": len(model.blocks),
        "num_attention_heads": model.blocks[0].attn.num_heads,
        "mlp_ratio": feed_forward_ratio(model),
        "use_swiglu_ffn": formats.uses_swiglu(model.state_dict()),
        "hidden_act": "gelu",
        "layer_norm_eps": EPSILON,
        "qkv_bias": True,
        "layerscale_value": 1.0,
        "use_mask_token": True,
        "drop_path_rate": 0.0,
        "torch_dtype": "float32",
    }
    return config | ({"num_register_tokens": registers} if registers else {})


def feed_forward_ratio(model: Any) -> int:
    """Return the `mlp_ratio` for DINOv2's version of the model's blocks.

    InputError: DINOv2 has no such blocks, by activation, norms' epsilon or width.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    if any(norm.eps != EPSILON for norm in norms):
        raise InputError(f"its norms have another epsilon than DINOv2's, {EPSILON}")
    parts = [block.mlp for block in model.blocks]
    swiglu = all(isinstance(part, SwiGlu) for part in parts)
    if not (swiglu or all(isinstance(part, Mlp) for part in parts)):
        from anonbench.training.model.timm_models import is_mlp, is_swiglu  # takes seconds

        swiglu = all(is_swiglu(part) for part in parts)
        if not (swiglu or all(is_mlp(part) for part in parts)):
            raise InputError("its feed-forward part is neither DINOv2's MLP with GELU nor SwiGLU")
    width, hidden = model.embed_dim, model.blocks[0].mlp.fc2.in_features
    for ratio in range(1, 17):
        if hidden == (swiglu_width(width, ratio) if swiglu else width * ratio):
            return ratio
    raise InputError(f"its feed-forward part's {hidden} is none of DINOv2's for width {width}")


def _to_timm(weights: formats.Weights, class_position: bool) -> dict[str, Tensor]:
    if not formats.count_registers(weights) or not class_position:
        return dict(weights)
    # timm's models with registers have no position of the class token: it is added to the token
    positions = weights["pos_embed"]
    moved = {"cls_token": weights["cls_token"] + positions[:, :1], "pos_embed": positions[:, 1:]}
    return dict(weights) | moved


def to_dinov2(
    weights: formats.Weights,
    mask_token: Tensor | None,
    class_position: bool,
    kind: Literal["dinov2", "huggingface"] = "dinov2",
) -> dict[str, Tensor]:
    """Return weights by the names of DINOv2's torch.hub models or of transformers' models.

    These always have LayerScale, biases, a mask token (here float [D]) and a position of the class
    token: ones and zeros without. InputError: the format has no place for some weight.
    """
    complete = dict(weights)
    for name in ("cls_token", "pos_embed", "norm.weight"):
        if name not in complete:
            raise InputError(f"the model has no {name}, which DINOv2's has")
    width, positions = complete["cls_token"].shape[-1], complete["pos_embed"]
    if not class_position:
        complete["pos_embed"] = torch.cat([positions.new_zeros(1, 1, width), positions], dim=1)
    for number in range(formats.count_blocks(complete)):
        for part in ("ls1", "ls2"):
            complete.setdefault(f"blocks.{number}.{part}.gamma", positions.new_ones(width))
        complete.setdefault(f"blocks.{number}.attn.qkv.bias", positions.new_zeros(3 * width))
    mask = positions.new_zeros(width) if mask_token is None else mask_token
    complete[formats.MASK_TOKEN] = mask[None]
    if kind == "huggingface":  # with separate queries, keys and values
        for name in [name for name in complete if ".attn.qkv." in name]:
            for number, rows in enumerate(complete.pop(name).chunk(formats.PARTS["qkv"])):
                complete[name.replace(".qkv.", f".qkv[{number}].")] = rows
    if unknown := [name for name in complete if not _PLACES.fullmatch(name)]:
        raise InputError(
            f"{formats.TITLES[kind]} has no place for {len(unknown)} of the model's weights: "
            f"{', '.join(unknown[:5])}"
        )
    names, with_swiglu, _ = formats.TABLES[kind]
    names += with_swiglu if formats.uses_swiglu(weights) else ()
    pairs = tuple((ours, theirs) for theirs, ours in names)
    return {formats.renamed(name, pairs): value for name, value in complete.items()}


def _sizes(model: Any) -> dict[str, object]:
    return {
        "patch_size": model.patch_embed.patch_size[0],
        "embed_dim": model.embed_dim,
        "depth": len(model.blocks),
        "num_heads": model.blocks[0].attn.num_heads,
    }


def _call(function: str, options: Mapping[str, object], *first: str) -> str:
    return f"{function}({', '.join([*first, *(f'{k}={v!r}' for k, v in options.items())])})"


def _save_safetensors(weights: Mapping[str, Tensor], path: Path) -> None:
    with atomic(path) as temporary:
        save_file(dict(weights), temporary, metadata={"format": "pt"})  # required by transformers
