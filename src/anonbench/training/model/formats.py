"""Names of a ViT's weights in other programs' checkpoints, converted to ours and back.

Ours are timm's (`VisionTransformer`). Three formats are known:

- `timm`: the same names; also the backbones that this package writes;
- `dinov2`: facebookresearch/dinov2, the files of torch.hub `dinov2_vit{s,b,l,g}14` with and without
  registers, and training checkpoints that hold the backbone inside `teacher`;
- `huggingface`: `Dinov2Model` and `Dinov2WithRegistersModel` of transformers, in the names of its
  published files and in those that version 5 has in memory.

What differs besides names:

- Positions. DINOv2 and this package have one for the class token and none for registers. timm has
  one for all prefix tokens or for none of them. A register's position is added to the register on
  reading, and the class token's to the class token on the way to timm: that is what a model does at
  every forward pass.
- SwiGLU. DINOv2's `w12` and timm's packed `fc1` hold the same: first the half that is activated,
  then the half that it multiplies. Transformers has them packed in files, apart in memory.
- Query, key and value: one matrix, in transformers three.
- LayerScale: both formats always have it; a model without gets ones.
- The mask token is no part of a timm model. It travels beside the weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor

from anonbench.core.errors import InputError
from anonbench.training.model.positions import grid_side
from anonbench.training.model.weight_names import (
    DINOV2,
    DINOV2_MLP,
    DINOV2_SWIGLU,
    HUGGINGFACE,
    HUGGINGFACE_MLP,
    HUGGINGFACE_SWIGLU,
    MASK_TOKEN,
    PARTS,
    TABLES,
    TITLES,
    Format,
    Names,
    Weights,
)

CHUNK = r"(?:\d+\.)?"
"""DINOv2's training code may keep blocks in chunks: `blocks.1.7.` is its block 7."""

WRAPPERS = ("teacher", "model", "state_dict")
"""Keys under which training checkpoints keep weights, the wanted one first."""

PREFIXES = (
    "teacher.backbone.",
    "module.backbone.",
    "backbone.",
    "module.",
    "dinov2_with_registers.",
    "dinov2.",
    "",
)
"""What stands before a backbone's names inside a larger model."""

HEADS = ("head.", "classifier.")
"""Classification heads; nothing here needs them."""


@dataclass(frozen=True)
class Checkpoint:
    """A backbone's weights in our names."""

    format: Format
    """What it was."""
    weights: dict[str, Tensor]
    mask_token: Tensor | None
    """float32 [D]."""
    sources: dict[str, tuple[str, ...]]
    """Of each weight, the names that it had."""
    ignored: tuple[str, ...]
    """Names of what is not used."""
    class_position: bool
    """Whether the position embedding has an entry for the class token too."""
    side: int | None
    """Of the square images, in pixels, that the positions are for; None without positions."""

    @property
    def registers(self) -> int:
        """Number of register tokens."""
        return count_registers(self.weights)

    @property
    def layer_scale(self) -> bool:
        """Whether the blocks have LayerScale."""
        return has_layer_scale(self.weights)


def count_registers(weights: Weights) -> int:
    """Return the number of register tokens in our names' weights."""
    return weights["reg_token"].shape[1] if "reg_token" in weights else 0


def has_layer_scale(weights: Weights) -> bool:
    """Return whether weights in our names have LayerScale."""
    return "blocks.0.ls1.gamma" in weights


def has_class_position(weights: Weights) -> bool:
    """Return whether the positions include the class token's, none being those of registers.

    Their number tells it, since patches make a square.
    """
    return "pos_embed" not in weights or not _is_square(weights["pos_embed"].shape[1])


def image_side(weights: Weights, class_position: bool) -> int | None:
    """Return the side of the square images, in pixels, that the positions are for.

    None where there are no positions or no patch embedding, for loading to complain.

    Raises:
        InputError: the patches make no square.

    """
    if "pos_embed" not in weights or "patch_embed.proj.weight" not in weights:
        return None
    grid = grid_side(weights["pos_embed"].shape[1] - class_position)
    return grid * weights["patch_embed.proj.weight"].shape[-1]


def _is_square(number: int) -> bool:
    return number > 0 and isqrt(number) ** 2 == number


def uses_swiglu(weights: Weights) -> bool:
    """Return whether weights in our names have SwiGLU: two halves go in, one comes out."""
    first, second = (weights.get(f"blocks.0.mlp.{layer}.weight") for layer in ("fc1", "fc2"))
    return first is not None and second is not None and first.shape[0] == 2 * second.shape[1]


def read_checkpoint(content: object) -> Checkpoint:
    """Recognize a checkpoint's format and return its backbone in our names.

    Tensors are taken over without a copy where nothing changes.

    Args:
        content: what a file held: tensors by name, possibly inside `WRAPPERS` and `PREFIXES`.

    Raises:
        InputError: no ViT's weights, or parts of one are missing.

    """
    named, ignored = unwrapped(content)
    kind = recognize(named)
    renamed = renamed_to_ours(named, TABLES[kind])
    weights, sources = _merged({ours: named[theirs] for ours, theirs in renamed.items()}, renamed)
    mask_token = weights.pop(MASK_TOKEN, None)
    sources.pop(MASK_TOKEN, None)
    if kind == "timm":
        weights = without_register_positions(weights)
    class_position = kind != "timm" or has_class_position(weights)
    return Checkpoint(
        kind,
        weights,
        None if mask_token is None else mask_token.float().flatten(),
        sources,
        tuple(ignored),
        class_position,
        image_side(weights, class_position),
    )


def unwrapped(content: object) -> tuple[dict[str, Tensor], list[str]]:
    """Return a backbone's tensors in a checkpoint, without prefix, and the names of the rest.

    Raises:
        InputError: there is no class token in it, so no ViT that this package can use.

    """
    while isinstance(content, Mapping):
        inner = [content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    names = content.keys() if isinstance(content, Mapping) else ()
    prefix = next(
        (
            prefix
            for prefix in PREFIXES
            if f"{prefix}cls_token" in names or f"{prefix}embeddings.cls_token" in names
        ),
        None,
    )
    if not isinstance(content, Mapping) or prefix is None:
        raise InputError(
            "no ViT with a class token in the names of timm, DINOv2 or Hugging Face; "
            f"it begins with {', '.join(map(str, list(names)[:3])) or 'nothing'}"
        )
    tensors: dict[str, Tensor] = {}
    ignored: list[str] = []
    for name, value in content.items():
        short = str(name).removeprefix(prefix)
        wanted = str(name).startswith(prefix) and not short.startswith(HEADS)
        if wanted and isinstance(value, Tensor):
            tensors[short] = value
        else:
            ignored.append(str(name))
    return tensors, ignored


def recognize(weights: Weights) -> Format:
    """Return the format of a backbone's weights without prefix.

    DINOv2 and timm share most names: registers, SwiGLU, chunks and a mask token [1, D] (ours: [D])
    tell them apart. Without any of them both mean the same.
    """
    if "embeddings.cls_token" in weights:
        return "huggingface"
    masked = MASK_TOKEN in weights and weights[MASK_TOKEN].ndim > 1
    other = any(
        name == "register_tokens" or ".mlp.w12." in name or re.match(r"blocks\.\d+\.\d+\.", name)
        for name in weights
    )
    return "dinov2" if masked or other else "timm"


def renamed_to_ours(names: Iterable[str], table: Names) -> dict[str, str]:
    """Return their names by ours; those that the table lacks stay, for loading to complain.

    Raises:
        InputError: two of their names are one and the same of ours.

    """
    rules = [(_pattern(theirs), ours) for theirs, ours in table]
    renamed: dict[str, str] = {}
    for name in names:
        ours = _translated(name, rules) or name
        if ours in renamed:
            raise InputError(f"{renamed[ours]} and {name} are the same weight")
        renamed[ours] = name
    return renamed


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template).replace(r"\#", CHUNK + r"(\d+)")
    return re.compile(f"^{escaped}(weight|bias)$" if template.endswith(".") else f"^{escaped}$")


def _translated(name: str, rules: Iterable[tuple[re.Pattern[str], str]]) -> str | None:
    for pattern, template in rules:
        if match := pattern.match(name):
            parts = list(match.groups())
            filled = template + parts.pop() if template.endswith(".") else template
            return filled.replace("#", parts[0]) if parts else filled
    return None


def _merged(
    weights: Weights, names: Mapping[str, str]
) -> tuple[dict[str, Tensor], dict[str, tuple[str, ...]]]:
    """Return the weights with parts such as `qkv[0]` joined, and where each came from."""
    merged: dict[str, Tensor] = {}
    sources: dict[str, tuple[str, ...]] = {}
    for name, value in weights.items():
        part = re.fullmatch(r"(.*\.)(qkv|fc1)\[\d\](\..*)", name)
        if part is None:
            merged[name], sources[name] = value, (names[name],)
            continue
        before, layer, after = part.groups()
        whole = f"{before}{layer}{after}"
        if whole in merged:
            continue
        wanted = [f"{before}{layer}[{number}]{after}" for number in range(PARTS[layer])]
        if missing := [other for other in wanted if other not in weights]:
            raise InputError(
                f"beside {names[name]}, {len(missing)} of the other parts of {whole} are missing"
            )
        merged[whole] = torch.cat([weights[other] for other in wanted])
        sources[whole] = tuple(names[other] for other in wanted)
    return merged, sources


def without_register_positions(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return our names' weights with positions of registers, where there are any, in the registers.

    timm models may have such, and so do files that earlier versions of this package wrote.
    """
    count, positions = count_registers(weights), weights.get("pos_embed")
    if not count or positions is None or not _is_square(positions.shape[1] - 1 - count):
        return weights
    return weights | {
        "reg_token": weights["reg_token"] + positions[:, 1 : 1 + count],
        "pos_embed": torch.cat([positions[:, :1], positions[:, 1 + count :]], dim=1),
    }


def to_timm(weights: Weights, class_position: bool) -> dict[str, Tensor]:
    """Return weights as timm's own models have them.

    timm's models with registers have positions for patches alone (`no_embed_class`): there, the
    class token's is added to the token, as the model does at every forward pass.

    Args:
        weights: in our names.
        class_position: whether the positions include the class token's.

    """
    if not count_registers(weights) or not class_position:
        return dict(weights)
    positions = weights["pos_embed"]
    return dict(weights) | {
        "cls_token": weights["cls_token"] + positions[:, :1],
        "pos_embed": positions[:, 1:],
    }


def to_dinov2(
    weights: Weights, mask_token: Tensor | None, class_position: bool
) -> dict[str, Tensor]:
    """Return weights in the names of DINOv2's torch.hub models.

    Args:
        weights: in our names.
        mask_token: float [D]; None gives zeros, which DINOv2 begins with.
        class_position: whether the positions include the class token's.

    Raises:
        InputError: the format has no place for some weight.

    """
    table = DINOV2 + (DINOV2_SWIGLU if uses_swiglu(weights) else DINOV2_MLP)
    return _renamed_to_theirs(_completed(weights, mask_token, class_position), table, "dinov2")


def to_huggingface(
    weights: Weights, mask_token: Tensor | None, class_position: bool
) -> dict[str, Tensor]:
    """Return weights in the names of transformers' published Dinov2 models.

    Args:
        weights: in our names.
        mask_token: float [D]; None gives zeros.
        class_position: whether the positions include the class token's.

    Raises:
        InputError: the format has no place for some weight.

    """
    table = HUGGINGFACE + (HUGGINGFACE_SWIGLU if uses_swiglu(weights) else HUGGINGFACE_MLP)
    complete = _split(_completed(weights, mask_token, class_position))
    return _renamed_to_theirs(complete, table, "huggingface")


def _completed(
    weights: Weights, mask_token: Tensor | None, class_position: bool
) -> dict[str, Tensor]:
    """Return the weights with all that DINOv2's models have, and positions as they have them."""
    complete = dict(weights)
    for name in ("cls_token", "pos_embed", "norm.weight"):
        if name not in complete:
            raise InputError(f"the model has no {name}, which DINOv2's has")
    width, positions = complete["cls_token"].shape[-1], complete["pos_embed"]
    if not class_position:
        complete["pos_embed"] = torch.cat([positions.new_zeros(1, 1, width), positions], dim=1)
    for number in range(count_blocks(complete)):
        for part in ("ls1", "ls2"):
            complete.setdefault(f"blocks.{number}.{part}.gamma", positions.new_ones(width))
        if f"blocks.{number}.attn.qkv.bias" not in complete:
            complete[f"blocks.{number}.attn.qkv.bias"] = positions.new_zeros(3 * width)
    mask = positions.new_zeros(width) if mask_token is None else mask_token
    return complete | {MASK_TOKEN: mask[None]}


def count_blocks(weights: Weights) -> int:
    """Return the number of blocks in our names' weights."""
    numbers = [int(name.split(".")[1]) for name in weights if re.match(r"blocks\.\d+\.", name)]
    return max(numbers, default=-1) + 1


def _split(weights: Weights) -> dict[str, Tensor]:
    """Return the weights with queries, keys and values apart."""
    apart: dict[str, Tensor] = {}
    for name, value in weights.items():
        if ".attn.qkv." in name:
            for number, part in enumerate(value.chunk(PARTS["qkv"])):
                apart[name.replace(".qkv.", f".qkv[{number}].")] = part
        else:
            apart[name] = value
    return apart


def _renamed_to_theirs(weights: Weights, table: Names, kind: Format) -> dict[str, Tensor]:
    rules = [(_pattern(ours), theirs) for theirs, ours in table]
    renamed = {name: _translated(name, rules) for name in weights}
    if unknown := [name for name, theirs in renamed.items() if theirs is None]:
        raise InputError(
            f"{TITLES[kind]} has no place for {len(unknown)} of the model's weights: "
            f"{', '.join(unknown[:5])}"
        )
    return {str(theirs): weights[name] for name, theirs in renamed.items()}
