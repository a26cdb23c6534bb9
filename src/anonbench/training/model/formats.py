"""Names of a ViT's weights in other programs' checkpoints, and reading of these.

Ours are timm's (`VisionTransformer`). `dinov2` are files of facebookresearch/dinov2 (torch.hub, and
training checkpoints with the backbone inside `teacher`), `huggingface` those of transformers, in
the names of its published files and in those that version 5 has in memory. Besides names differ:

- Positions. DINOv2 and this package have one for the class token and none for registers. timm has
  one for all prefix tokens or for none of them.
- SwiGLU. DINOv2's `w12` and timm's packed `fc1` hold the same: first the half that is activated,
  then the half that it multiplies. Transformers has them packed in files, apart in memory.
- Query, key and value: one matrix, in transformers three.
- The mask token is no part of a timm model. It travels beside the weights.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.training.model.vit import grid_side, is_square

logger = logging.getLogger(__name__)

Format = Literal["timm", "dinov2", "huggingface"]
Weights = Mapping[str, Tensor]  # weights by name; in our names unless stated otherwise
Names = tuple[tuple[str, str], ...]  # pairs of (theirs, ours): the parts in which names differ

TITLES: dict[Format, str] = {
    "timm": "timm's format",
    "dinov2": "DINOv2's format",
    "huggingface": "Hugging Face's format",
}

MASK_TOKEN = "mask_token"

# names of all models, those that SwiGLU adds, and those that transformers has in memory only
TABLES: dict[Format, tuple[Names, Names, Names]] = {
    "timm": ((), (), ()),
    "dinov2": (
        (("register_tokens", "reg_token"),),
        ((".mlp.w12.", ".mlp.fc1."), (".mlp.w3.", ".mlp.fc2.")),
        (),
    ),
    "huggingface": (
        (
            ("embeddings.cls_token", "cls_token"),
            ("embeddings.register_tokens", "reg_token"),
            ("embeddings.position_embeddings", "pos_embed"),
            ("embeddings.mask_token", MASK_TOKEN),
            ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
            ("encoder.layer.", "blocks."),
            (".attention.attention.query.", ".attn.qkv[0]."),
            (".attention.attention.key.", ".attn.qkv[1]."),
            (".attention.attention.value.", ".attn.qkv[2]."),
            (".attention.output.dense.", ".attn.proj."),
            (".layer_scale1.lambda1", ".ls1.gamma"),
            (".layer_scale2.lambda1", ".ls2.gamma"),
            ("layernorm.", "norm."),
        ),
        ((".mlp.weights_in.", ".mlp.fc1."), (".mlp.weights_out.", ".mlp.fc2.")),
        (
            (".attention.q_proj.", ".attn.qkv[0]."),
            (".attention.k_proj.", ".attn.qkv[1]."),
            (".attention.v_proj.", ".attn.qkv[2]."),
            (".attention.o_proj.", ".attn.proj."),
            (".mlp.gate_proj.", ".mlp.fc1[0]."),
            (".mlp.up_proj.", ".mlp.fc1[1]."),
            (".mlp.down_proj.", ".mlp.fc2."),
        ),
    ),
}
PARTS = {"qkv": 3, "fc1": 2}  # stacked parts into which transformers splits our tensors
WRAPPERS = ("teacher", "model", "state_dict")  # keys of weights, the wanted one first
PREFIXES = (  # of a backbone's names inside a larger model
    *("teacher.backbone.", "module.backbone.", "backbone.", "module."),
    *("dinov2_with_registers.", "dinov2.", ""),
)
HEADS = ("head.", "classifier.")  # classification heads, which are not used here


@dataclass(frozen=True)
class Checkpoint:
    """A backbone's weights in our names."""

    format: Format  # original format
    weights: dict[str, Tensor]
    mask_token: Tensor | None  # float32 [D]
    ignored: tuple[str, ...]  # names of weights that are not used
    class_position: bool  # whether the position embedding has an entry for the class token too
    side: int | None  # pixels of the square images of the positions; None without positions


def count_registers(weights: Weights) -> int:
    """Return the number of register tokens in our names' weights."""
    return weights["reg_token"].shape[1] if "reg_token" in weights else 0


def count_blocks(weights: Weights) -> int:
    """Return the number of blocks in our names' weights."""
    numbers = [int(name.split(".")[1]) for name in weights if re.match(r"blocks\.\d+\.", name)]
    return max(numbers, default=-1) + 1


def has_layer_scale(weights: Weights) -> bool:
    """Check whether weights in our names have LayerScale."""
    return "blocks.0.ls1.gamma" in weights


def uses_swiglu(weights: Weights) -> bool:
    """Check whether weights in our names have SwiGLU: two halves go in, one comes out."""
    first, second = (weights.get(f"blocks.0.mlp.{layer}.weight") for layer in ("fc1", "fc2"))
    return first is not None and second is not None and first.shape[0] == 2 * second.shape[1]


def read_checkpoint(content: object) -> Checkpoint:
    """Recognize a checkpoint's format and return its backbone in our names, without copies.

    The content is tensors by name, possibly inside `WRAPPERS` and `PREFIXES`. InputError: no ViT's
    weights, parts of one are missing, or the images are not square.
    """
    named, ignored = _unwrapped(content)
    kind = recognize(named)
    weights = _joined(renamed_to_ours(named, sum(TABLES[kind], ())))
    mask_token = weights.pop(MASK_TOKEN, None)
    if kind == "timm":
        weights = _without_register_positions(weights)
    token = None if mask_token is None else mask_token.float().flatten()
    positions, patches = weights.get("pos_embed"), weights.get("patch_embed.proj.weight")
    # in our names, the number of positions tells whether the class token has one
    count = 0 if positions is None else positions.shape[1]
    class_position = kind != "timm" or not is_square(count)
    side = None  # loading reports what is missing
    if positions is not None and patches is not None:
        side = grid_side(count - class_position) * patches.shape[-1]
    return Checkpoint(kind, weights, token, tuple(ignored), class_position, side)


def _unwrapped(content: object) -> tuple[dict[str, Tensor], list[str]]:
    """Return a backbone's tensors in a checkpoint, without prefix, and the names of the rest."""
    found: Any = content if isinstance(content, Mapping) else {}
    while inner := [found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)]:
        found = inner[0]
    named = {str(name): each for name, each in found.items()}
    tokens = "cls_token", "embeddings.cls_token"
    prefixes = [each for each in PREFIXES if any(f"{each}{token}" in named for token in tokens)]
    if not prefixes:
        raise InputError(
            "no ViT with a class token in the names of timm, DINOv2 or Hugging Face; "
            f"it begins with {', '.join([*named][:3]) or 'nothing'}"
        )
    tensors, rest = {}, []
    for name, value in named.items():
        own = name.removeprefix(prefixes[0])
        if name.startswith(prefixes[0]) and not own.startswith(HEADS) and isinstance(value, Tensor):
            tensors[own] = value
        else:
            rest.append(name)
    return tensors, rest


def recognize(weights: Weights) -> Format:
    """Return the format of a backbone's weights without prefix.

    DINOv2 and timm share most names: registers, SwiGLU, chunks and a mask token [1, D] (ours: [D])
    tell them apart.
    """
    if "embeddings.cls_token" in weights:
        return "huggingface"
    masked = MASK_TOKEN in weights and weights[MASK_TOKEN].ndim > 1
    other = re.compile(r"register_tokens|.*\.mlp\.w12\..*|blocks\.\d+\.\d+\..*")
    return "dinov2" if masked or any(map(other.fullmatch, weights)) else "timm"


def renamed_to_ours(weights: Weights, table: Names) -> dict[str, Tensor]:
    """Return weights renamed to our names; unknown ones stay, and loading reports them.

    InputError: two of their names become the same.
    """
    names: dict[str, str] = {}
    for name in weights:
        # DINOv2's training code may keep blocks in chunks: `blocks.1.7.` is its block 7
        ours = re.sub(r"^blocks\.\d+\.(?=\d+\.)", "blocks.", renamed(name, table))
        if ours in names:
            raise InputError(f"{names[ours]} and {name} are the same weight")
        names[ours] = name
    return {ours: weights[name] for ours, name in names.items()}


def renamed(name: str, pairs: Names) -> str:
    """Replace the first text of each pair in a name by the second."""
    for before, after in pairs:
        name = name.replace(before, after)
    return name


def _joined(weights: Weights) -> dict[str, Tensor]:
    """Return the weights with parts such as `qkv[0]` joined."""
    joined: dict[str, Tensor] = {}
    for name, value in weights.items():
        part = re.fullmatch(r"(.*\.)(qkv|fc1)\[\d\](\..*)", name)
        if part is None:
            joined[name] = value
            continue
        before, layer, after = part.groups()
        whole = f"{before}{layer}{after}"
        parts = [f"{before}{layer}[{number}]{after}" for number in range(PARTS[layer])]
        if missing := [each for each in parts if each not in weights]:
            raise InputError(f"{len(missing)} of {len(parts)} parts of {whole} are missing")
        if whole not in joined:
            joined[whole] = torch.cat([weights[each] for each in parts])
    return joined


def _without_register_positions(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in our names with positions of registers, if any, added to the registers."""
    count, positions = count_registers(weights), weights.get("pos_embed")
    if not count or positions is None or not is_square(positions.shape[1] - 1 - count):
        return weights
    return weights | {
        "reg_token": weights["reg_token"] + positions[:, 1 : 1 + count],
        "pos_embed": torch.cat([positions[:, :1], positions[:, 1 + count :]], dim=1),
    }


FIELD = "recipe.backbone.pretrained"
SHOWN = 5  # greatest number of differing weights that an error lists


def read_pretrained(path: Path) -> Checkpoint:
    """Read a backbone from a file that may hold what `formats` says; InputError if it does not."""
    content = read_weights(path, FIELD)
    try:
        return read_checkpoint(content)
    except InputError as error:
        raise InputError(f"{FIELD}: {path}: {error}") from error


def read_weights(path: Path, field: str) -> Any:
    """Return the content of a safetensors or PyTorch file; nothing is executed.

    InputError, which names the `field` of the config: the file is missing or neither.
    """
    if not path.is_file():
        raise InputError(f"{field}: {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"{field}: {path} holds no weights ({text})") from error


def load_pretrained(model: Any, checkpoint: Checkpoint, path: Path) -> None:
    """Load a checkpoint of `read_pretrained`, from a path, into a model; log the result.

    InputError: architectures, names or shapes differ.
    """
    what = f"{FIELD}: {path} ({TITLES[checkpoint.format]})"
    wanted, given = _architecture(model.state_dict()), _architecture(checkpoint.weights)
    differing = [
        f"{name} {given[name]} in the file, {wanted[name]} in the model"
        for name in wanted
        if given[name] not in (wanted[name], None)
    ]
    if differing:
        raise InputError(f"{what} is of another architecture: {'; '.join(differing)}")
    load_strictly(model, checkpoint.weights, what)
    mask_token = checkpoint.mask_token
    if mask_token is not None and mask_token.shape != (model.embed_dim,):
        raise InputError(
            f"{what}: the mask token has {mask_token.numel()} values, the model {model.embed_dim}"
        )
    logger.info(
        "%s: %d weights loaded; positions for images of %s px; mask token: %s; %d names ignored",
        what,
        len(checkpoint.weights),
        checkpoint.side,
        "none" if mask_token is None else "taken",
        len(checkpoint.ignored),
    )


def _architecture(weights: Mapping[str, Tensor]) -> dict[str, object]:
    """Architecture of a backbone, from weights in our names; None where they do not tell it."""

    def side(name: str, axis: int) -> int | None:
        return weights[name].shape[axis] if name in weights else None

    return {
        "width": side("cls_token", -1),
        "depth": count_blocks(weights),
        "patch": side("patch_embed.proj.weight", -1),
        "registers": count_registers(weights),
        "ffn": "swiglu" if uses_swiglu(weights) else "mlp",
        "hidden width": side("blocks.0.mlp.fc2.weight", 1),
        "LayerScale": has_layer_scale(weights),
    }


def load_strictly(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Load weights by the model's names, all of them and no others; float types are converted.

    InputError: names or shapes differ; says which, and of `what`.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    if expected != given:
        differing = sorted(
            name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name)
        )
        lines = [
            f"{name}: model {expected.get(name, 'none')}, file {given.get(name, 'none')}"
            for name in differing[:SHOWN]
        ]
        raise InputError(
            f"{what}: {len(differing)} of its weights do not fit the model: {'; '.join(lines)}"
        )
    model.load_state_dict(dict(weights))
