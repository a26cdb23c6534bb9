"""Results of this package for given inputs, named as the numbers of DINOv2's code are.

Inputs and results are arrays by name. The names, and those of weights, are the ones in which the
official code's numbers are kept: `centering/0/class_target`, `step2/grad_norm/backbone.cls_token`.
"""

from collections.abc import Mapping
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from anonbench.config.training import Recipe
from anonbench.training.data.batch import Batch
from anonbench.training.loop import trainer as loop
from anonbench.training.losses import Centering, dino_loss, ibot_loss, koleo_loss, sinkhorn
from anonbench.training.model.backbone import build_backbone, embed_patches, encode
from anonbench.training.model.formats import load_strictly, read_checkpoint, uses_swiglu
from anonbench.training.model.network import Network

Arrays = Mapping[str, np.ndarray]
Results = dict[str, np.ndarray]

TEMPERATURE = 0.1
SINKHORN_TEMPERATURE = 0.05
SIZES = ("56", "28", "98")
TRANSFORMERS = {
    f"{ffn}_{registers}_registers": {"width": 48, "depth": 3, "heads": 4, "patch": 14}
    | {"ffn": "mlp" if ffn == "mlp" else "swiglu", "registers": registers}
    for ffn in ("mlp", "swiglufused")
    for registers in (0, 4)
}
ITERATIONS_AN_EPOCH = 13
PRESETS = {"short": 100, "long": 500}  # number of "epochs"
IMAGES = 6
CROPS = ("global_crops", "local_crops")
STEPS = 4
RUNS: dict[str, dict[str, Any]] = {
    "softmax_shared_mlp": {
        "backbone": {"ffn": "mlp"},
        "heads": {"shared": True, "centering": "softmax"},
        "losses": {"koleo": 0.1},
    },
    "sinkhorn_separate_swiglu_registers": {
        "backbone": {"ffn": "swiglu", "registers": 4},
        "heads": {"shared": False, "centering": "sinkhorn"},
        "losses": {"koleo": 0.0},
    },
}
HEAD_NAMES = {
    "_head.layers.": "_head.mlp.",
    "last_layer.direction": "last_layer.weight_v",
    "last_layer.gain": "last_layer.weight_g",
}
MLP_NAMES = HEAD_NAMES | {
    "backbone.reg_token": "backbone.register_tokens",
    "mask_token": "backbone.mask_token",
}
SWIGLU_NAMES = MLP_NAMES | {".mlp.fc1.": ".mlp.w12.", ".mlp.fc2.": ".mlp.w3."}  # ours: DINOv2's


def below(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }


def parts(given: Arrays) -> Results:
    results = {**_centering(given), **_sinkhorn(given), **_dino_pair(given), **_ibot(given)}
    results |= _koleo(given)
    for name in TRANSFORMERS:
        results |= _transformer(below(given, f"vit/{name}/"), name)
    return results


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values))


def _centering(given: Arrays) -> Results:
    results: Results = {}
    centerings = {"class": Centering("softmax", 97, 0.9), "patch": Centering("softmax", 97, 0.9)}
    for step in range(STEPS):
        here = f"centering/{step}"
        temperature = float(given[f"{here}/temperature"])
        for kind, centering in centerings.items():
            target = centering(_tensor(given[f"{here}/{kind}_logits"]), temperature)
            centering.update()
            results[f"{here}/{kind}_target"] = target.numpy()
            results[f"{here}/{kind}_center"] = centering.center.numpy().copy()
    return results


def _sinkhorn(given: Arrays) -> Results:
    return {
        f"sinkhorn/{case}/target": sinkhorn(
            _tensor(given[f"sinkhorn/{case}/logits"]), SINKHORN_TEMPERATURE
        ).numpy()
        for case in range(3)
    }


def _with_gradient(loss: Tensor, of: Tensor, name: str) -> Results:
    loss.backward()  # type: ignore[no-untyped-call]
    assert of.grad is not None
    return {f"{name}/loss": loss.detach().numpy(), f"{name}/gradient": of.grad.numpy()}


def _dino_pair(given: Arrays) -> Results:
    """Both pairs of two equal crops: their mean is one pair's loss."""
    target, student = (_tensor(given[f"dino_pair/{name}"]) for name in ("target", "student"))
    student.requires_grad_()
    loss = dino_loss(torch.stack([target] * 2), torch.stack([student] * 2), TEMPERATURE)
    return _with_gradient(loss, student, "dino_pair")


def _ibot(given: Arrays) -> Results:
    target, student = (_tensor(given[f"ibot/{name}"]) for name in ("target", "student"))
    student.requires_grad_()
    batch = _batch({"masks": given["ibot/masks"]})
    weights = batch.masked_weights
    loss = ibot_loss(target, student, weights, len(batch.masked), TEMPERATURE)
    return {"ibot/weights": weights.numpy(), **_with_gradient(loss, student, "ibot")}


def _koleo(given: Arrays) -> Results:
    results: Results = {}
    for case in range(3):
        features = _tensor(given[f"koleo/{case}/features"]).requires_grad_()
        results |= _with_gradient(koleo_loss(features), features, f"koleo/{case}")
    return results


@torch.no_grad()
def _transformer(given: Arrays, name: str) -> Results:
    file = read_checkpoint({key: _tensor(v) for key, v in below(given, "weights/").items()})
    assert file.side is not None and file.mask_token is not None
    settings = Recipe.model_validate({"backbone": TRANSFORMERS[name], "preset": "long"}).backbone
    model: Any = build_backbone(settings, file.side, class_position=True).eval()
    load_strictly(model, file.weights, name)
    results = {}
    for size in SIZES:
        tokens = encode(model, _tensor(given[f"{size}/image"])).numpy()
        results[f"vit/{name}/{size}/class"] = tokens[:, 0]
        results[f"vit/{name}/{size}/patches"] = tokens[:, model.num_prefix_tokens :]
    image, mask = (_tensor(given[f"masked/{part}"]) for part in ("image", "mask"))
    masked = model.norm(model.blocks(embed_patches(model, image, mask, file.mask_token)))
    return results | {f"vit/{name}/masked/class": masked[:, 0].numpy()}


def schedules() -> Results:
    results = {}
    for preset, epochs in PRESETS.items():
        steps = {"optimizer": {"steps": epochs * ITERATIONS_AN_EPOCH}}
        made = loop.schedules(Recipe.model_validate({"preset": preset} | steps))
        for name, values in made.items():
            if name != "backbone_rate":  # the same where heads do not learn first
                results[f"schedule/{preset}/{name}"] = values
    return results


def recipe_of(run: str) -> Recipe:
    common: dict[str, Any] = {
        "backbone": {"width": 48, "depth": 4, "heads": 4, "patch": 8, "layer_scale": 1.0}
        | {"drop_path": 0.0},
        "crops": {"global_size": 48, "local_size": 32, "local_count": 4},
        "heads": {"hidden": 64, "bottleneck": 24, "prototypes": 96},
        "losses": {},
        "optimizer": {"steps": STEPS, "batch_size": IMAGES, "layer_decay": 0.9, "patch_rate": 0.2},
    }
    changed = {key: values | RUNS[run].get(key, {}) for key, values in common.items()}
    return Recipe.model_validate(changed | {"device": "cpu", "log_every": 1})


def steps(given: Arrays, run: str) -> Results:
    trainer = loop.Trainer(recipe_of(run), 0, torch.device("cpu"))
    for kind, network in (("student", trainer.student), ("teacher", trainer.teacher)):
        _load(network, below(given, f"init/{kind}/"))
    trainer.schedules = _schedules(given)
    results: Results = {}
    clip = loop.clip_gradients

    def seen(student: Network, largest: float) -> Tensor:
        for name, parameter in official_names(student).items():
            norm = cast(Tensor, parameter.grad).double().norm()
            results[f"step{trainer.step}/grad_norm/{name}"] = norm.numpy()
        return clip(student, largest)

    with (
        patch.object(loop, "finish", lambda crops, *_: crops),  # they are augmented already
        patch.object(loop, "clip_gradients", seen),
    ):
        for step in range(STEPS):
            batch = _batch(below(given, f"step{step}/in/"))
            results[f"step{step}/in/mask_indices"] = batch.masked_indices.numpy()
            results[f"step{step}/in/mask_weights"] = batch.masked_weights.numpy()
            trainer.advance([batch])
    for step, row in enumerate(trainer.log):
        for term in ("dino", "ibot", "koleo"):
            results[f"step{step}/loss/{term}"] = np.float64(row[term])
    for kind, network in (("student", trainer.student), ("teacher", trainer.teacher)):
        for name, weight in official_names(network).items():
            results[f"final_norm/{kind}/{name}"] = weight.detach().double().norm().numpy()
    for name, weight in official_names(trainer.student).items():
        if name.startswith("backbone."):
            results[f"final/student/{name}"] = weight.detach().numpy()
    return results


def without_keys(results: Results) -> Results:
    """Return the results of a run without the biases of keys at its end.

    Softmax does not see what is added to all keys: their bias has no gradient but rounding, which
    Adam turns into steps of full length.
    """
    kept = {}
    for name, value in results.items():
        if not (name.startswith("final") and name.endswith("attn.qkv.bias")):
            kept[name] = value
        elif not name.startswith("final_norm"):
            width = len(value) // 3
            kept[name] = np.delete(value, slice(width, 2 * width))
    return kept


def _schedules(given: Arrays) -> Arrays:
    table = np.stack([given[f"step{step}/in/schedule"] for step in range(STEPS)])
    names = ("learning_rate", "weight_decay", "last_layer_rate")
    found = dict(zip((*names, "teacher_temperature", "teacher_momentum"), table.T, strict=True))
    return found | {"backbone_rate": found["learning_rate"]}


def _batch(given: Arrays) -> Batch:
    """Return a batch of the crops, if there are any, and masks."""
    nothing: Any = None
    crops = {name: _tensor(given[name]) if name in given else nothing for name in CROPS}
    return Batch(
        ids=tuple(map(str, range(IMAGES))),
        **crops,
        global_augmentations=nothing,
        local_augmentations=nothing,
        masked=_tensor(given["masks"]),
    )


def _load(network: Network, given: Arrays) -> None:
    """Load weights in official names, heads with them; a shared head is there once."""
    weights = {name: _tensor(value) for name, value in given.items()}
    backbone = read_checkpoint({k: v for k, v in weights.items() if k.startswith("backbone.")})
    state = {f"backbone.{name}": value for name, value in backbone.weights.items()}
    assert backbone.mask_token is not None
    state["mask_token"] = backbone.mask_token
    shared = network.ibot_head is network.dino_head
    for name in network.state_dict():
        if name.startswith(("dino_head.", "ibot_head.")):
            one = name.replace("ibot_head.", "dino_head.") if shared else name
            state[name] = weights[_replaced(one, HEAD_NAMES)]
    load_strictly(network, state, "given")


def official_names(network: Network) -> dict[str, nn.Parameter]:
    """Return a network's parameters by their official names, a shared head's once."""
    names = SWIGLU_NAMES if uses_swiglu(network.backbone.state_dict()) else MLP_NAMES
    return {_replaced(name, names): weight for name, weight in network.named_parameters()}


def _replaced(name: str, table: Mapping[str, str]) -> str:
    for ours, official in table.items():
        name = name.replace(ours, official)
    return name
