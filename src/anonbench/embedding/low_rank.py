"""Low-rank updates of a system's network, learned so that hidden images keep their vectors.

Adaption D of a frozen system: the network that it has, with updates (LoRA, Hu et al. 2022) by which
it embeds a hidden image as the unchanged network embeds its original.
"""

import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from anonbench.config.training import LOW_RANK_BATCH as BATCH
from anonbench.config.training import LowRank
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_json
from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.similarity import threads
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import Network, NetworkKind, adapter_files
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.detection.base import as_rgb
from anonbench.embedding.given_images import ahead
from anonbench.embedding.systems import kind_named
from anonbench.embedding.systems.opening import identity_of
from anonbench.embedding.systems.torch_encoder import network_encoder, vectors_of
from anonbench.training.data.paired_dataset import check_aligned
from anonbench.training.model.backbone import seed_torch
from anonbench.training.weights import KEY, write_weights

_TOGETHER = 4  # images of a step that one thread computes, on a CPU
_READ = 32
_WEIGHT_DECAY, _WARMUP = 0.01, 0.1


def learn_updates(
    system: NetworkKind,
    original: ImageSet,
    hidden: ImageSet,
    variant: Variant,
    settings: LowRank,
    seed: int,
    adapter: Path,
    log: Path,
) -> None:
    """Learn low-rank updates of a system's network and write them in the format of peft.

    Its weights, and the statistics of its normalizations, stay as they are. Every image is also
    learned from mirrored. On a CPU, the same arguments give the same bytes for any number of
    threads. The images are never all in memory.

    Args:
        system: without updates of its own.
        original: the train split.
        hidden: the same images anonymized, as `variant` says.
        adapter: `adapter_model.safetensors`; peft's settings are written beside it.
        log: CSV with a line a step: step, learning rate, and the mean cosine similarity of hidden
            images and their originals.

    Raises:
        InputError: the image sets do not fit together, there are fewer images than a step has,
            peft is missing, the network has no layer to update, or the loss is not finite.
    """
    check_aligned(original, hidden)
    if len(original) < BATCH:
        raise InputError(
            f"{len(original)} train images of {variant} are left, and adaption D needs {BATCH}"
        )
    draw = rng("images of low-rank updates", seed).permutation(len(original))[: settings.images]
    ids = [original.ids[row] for row in np.sort(draw).tolist()]
    # not system.network(): a job's fingerprint has the code that is named
    network = kind_named(system.name).network(system)  # type: ignore[attr-defined]
    peft = _peft()  # what it refuses, and the next line, is refused before hours of embedding
    layer_names(network.module)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        wanted = _vectors(network, original, ids)
        adapted, rows = _learned(peft, network, hidden, ids, wanted, variant, settings, seed)
    finally:
        torch.set_num_threads(before)
    described = {
        "system": identity_of(system),
        "settings": settings.model_dump(mode="json"),
        "variant": str(variant),
        "seed": seed,
        "original": original.digest,
        "hidden": hidden.digest,
        "versions": versions("torch", "timm", "numpy", "peft"),
    }
    peft_settings = adapted.peft_config["default"].to_dict()
    # the network's name or folder on this machine is no part of the updates
    peft_settings |= {"base_model_name_or_path": None, "inference_mode": True, "task_type": None}
    write_json(adapter_files(adapter)[1], peft_settings)
    weights = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    write_weights(weights, adapter, KEY, described)
    write_csv(pd.DataFrame(rows), log)


def _vectors(network: Network, images: ImageSet, ids: Sequence[str]) -> Tensor:
    """Return the network's vectors of images and of mirrored ones, length 1, float32 [2, N, D]."""
    starts = range(0, len(ids), _READ)
    parts = []
    with network_encoder(network) as encoder, ThreadPoolExecutor(threads()) as pool:

        def read(start: int) -> list[np.ndarray]:
            return [as_rgb(e) for e in pool.map(images.read, ids[start : start + _READ])]

        with closing(ahead(map(read, starts))) as groups:
            for group in track(groups, len(starts), f"groups of {_READ} originals embedded"):
                both = group, [_mirrored(image) for image in group]
                parts.append(np.stack([encoder.encode(each) for each in both]))
    return normalize(torch.from_numpy(np.concatenate(parts, axis=1)).float(), dim=-1)


def _learned(
    peft: Any,
    network: Network,
    hidden: ImageSet,
    ids: Sequence[str],
    wanted: Tensor,
    variant: Variant,
    settings: LowRank,
    seed: int,
) -> tuple[Any, list[dict[str, float]]]:
    """Return the network as peft adapts it, and the lines of the log."""
    # a list would become a set without an order
    names = "|".join(map(re.escape, layer_names(network.module)))
    rank = settings.rank
    lora = peft.LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=names)
    with torch.random.fork_rng():
        seed_torch("low-rank updates", seed)
        adapted = peft.get_peft_model(network.module, lora).eval()  # changes nothing yet
    updates = [each for each in adapted.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(updates, lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY)
    steps = settings.epochs * (len(ids) // BATCH)
    # PyTorch divides by zero in a warm-up of exactly one step
    warmup = _WARMUP if _WARMUP * steps > 1.0 else 0.0
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=steps, pct_start=warmup
    )
    together = BATCH if network.place.type == "cuda" else _TOGETHER
    rows: list[dict[str, float]] = []
    with ThreadPoolExecutor(threads()) as reading, ThreadPoolExecutor(threads()) as computing:

        def batch(step: int) -> tuple[Tensor, Tensor]:
            epoch, place = divmod(step, len(ids) // BATCH)
            order = rng("order of low-rank updates", seed, epoch).permutation(len(ids))
            chosen = order[place * BATCH : (place + 1) * BATCH].tolist()
            mirrored = rng("mirrored for low-rank updates", seed, step).integers(0, 2, BATCH)
            names = [ids[row] for row in chosen]
            images = [as_rgb(image) for image in reading.map(hidden.read, names)]
            images = [
                _mirrored(e) if is_so else e for e, is_so in zip(images, mirrored, strict=True)
            ]
            inputs = reading.map(network.prepare, images)
            return torch.from_numpy(np.stack(list(inputs))), wanted[mirrored, chosen]

        def gradients(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Sequence[Tensor | None]]:
            inputs, target = (each.to(network.place) for each in part)
            found = normalize(vectors_of(network.compute(inputs)).float(), dim=-1)
            alike = (found * target).sum(dim=1)
            loss = (1.0 - alike).sum() / BATCH
            # a pooler that no vector depends on has no gradient
            return alike.detach(), torch.autograd.grad(loss, updates, allow_unused=True)

        with closing(ahead(map(batch, range(steps)))) as batches:
            for whole in track(batches, steps, f"steps of adaption D to {variant}"):
                parts = zip(*(torch.split(each, together) for each in whole), strict=True)
                found, each_grad = zip(*computing.map(gradients, parts), strict=True)
                alike = float(torch.cat(found).mean())
                if not math.isfinite(alike):
                    raise InputError(
                        f"step {len(rows) + 1} of adaption D to {variant}: the loss is not finite; "
                        "lower low_rank.learning_rate"
                    )
                rate = optimizer.param_groups[0]["lr"]
                rows.append({"step": len(rows) + 1, "learning_rate": rate, "cosine": alike})
                for update, grads in zip(updates, zip(*each_grad, strict=True), strict=True):
                    update.grad = None if grads[0] is None else torch.stack(grads).sum(dim=0)
                optimizer.step()
                schedule.step()
    return adapted, rows


def _peft() -> Any:
    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()  # peft imports transformers, and that torchvision
    try:
        import peft
    except ImportError as error:
        text = 'adaption D of a system needs peft: pip install "anonbench[lora]"'
        raise InputError(text) from error
    return peft


def _mirrored(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def layer_names(module: nn.Module) -> list[str]:
    """List the layers to update: linear ones and 1 x 1 convolutions, if they have most weights.

    Otherwise, as in a ResNet without bottlenecks, all convolutions. Never those by channels, nor
    layers that compute from something else than their weights, such as standardized ones: the
    updates that are learned beside them could not be added to the weights.

    Raises:
        InputError: there are none.
    """
    layers = {name: layer for name, layer in module.named_modules() if _is_plain(layer)}
    if not layers:
        raise InputError("adaption D: the network has no plain linear layer or convolution")
    linear = (1, 1)
    small = [name for name in layers if getattr(layers[name], "kernel_size", linear) == linear]
    weights = {name: layer.weight.numel() for name, layer in layers.items()}
    is_most = 2 * sum(weights[name] for name in small) >= sum(weights.values())
    return small if is_most else list(layers)


def _is_plain(layer: nn.Module) -> bool:
    if not isinstance(getattr(layer, "weight", None), nn.Parameter):  # parametrized weights
        return False
    if isinstance(layer, nn.Conv2d):
        plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.padding_mode == "zeros"
        return plain and type(layer).forward is nn.Conv2d.forward
    return isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward
