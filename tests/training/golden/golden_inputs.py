"""Inputs of our own in the layout of the official numbers' ones, the same on every machine.

numpy promises the stream of a `RandomState` for all its versions.
"""

import numpy as np
import torch
from golden_results import IMAGES, SIZES, STEPS, TRANSFORMERS, Results, official_names, recipe_of

from anonbench.config.training import Backbone
from anonbench.training.export import to_dinov2
from anonbench.training.model.backbone import build_backbone
from anonbench.training.model.network import Network

PROTOTYPES = 97


def _normal(random: np.random.RandomState, *shape: int) -> np.ndarray:
    return random.standard_normal(shape).astype(np.float32)


def _targets(random: np.random.RandomState, *shape: int) -> np.ndarray:
    powers = np.exp(3.0 * _normal(random, *shape))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def _weights(shapes: dict[str, torch.Size], random: np.random.RandomState) -> Results:
    return {
        name: np.float32(0.1) * _normal(random, *shapes[name])
        + np.float32(name.endswith((".gamma", "norm.weight", "norm1.weight", "norm2.weight", "_g")))
        for name in sorted(shapes)
    }


def _masks(random: np.random.RandomState, images: int, patches: int) -> np.ndarray:
    """Return bool [images, patches], every second image without a mask."""
    return (random.random_sample((images, patches)) < 0.3) & (np.arange(images) % 2 == 1)[:, None]


def parts() -> Results:
    random = np.random.RandomState(0)
    given: Results = {}
    for step, patches in enumerate((30, 17, 5, 22)):
        here = f"centering/{step}"
        given[f"{here}/class_logits"] = _normal(random, 12, PROTOTYPES)
        given[f"{here}/patch_logits"] = _normal(random, patches, PROTOTYPES)
        given[f"{here}/temperature"] = np.float64(0.04 + 0.005 * step)
    for case, images in enumerate((12, 48, 300)):
        given[f"sinkhorn/{case}/logits"] = np.float32(0.3) * _normal(random, images, PROTOTYPES)
    given["ibot/masks"] = _masks(random, 12, 49)
    for term, count in (("dino_pair", 6), ("ibot", int(given["ibot/masks"].sum()))):
        given[f"{term}/student"] = _normal(random, count, PROTOTYPES)
        given[f"{term}/target"] = _targets(random, count, PROTOTYPES)
    for case, distance in enumerate((1.0, 1e-3, 2e-5)):  # of pairs, so that rounding decides none
        one, aside = _normal(random, 8, 32), _normal(random, 8, 32)
        given[f"koleo/{case}/features"] = np.concatenate([one, one + np.float32(distance) * aside])
    for name, settings in TRANSFORMERS.items():
        given |= {f"vit/{name}/{key}": value for key, value in _transformer(settings, random)}
    return given


def _transformer(
    settings: dict[str, object], random: np.random.RandomState
) -> list[tuple[str, np.ndarray]]:
    side = int(SIZES[0])
    model = build_backbone(Backbone.model_validate(settings), side)
    named = to_dinov2(model.state_dict(), None, class_position=True)
    shapes = {f"weights/{name}": value.shape for name, value in named.items()}
    images = [(f"{size}/image", _normal(random, 2, 3, int(size), int(size))) for size in SIZES]
    masked = [("masked/image", images[0][1]), ("masked/mask", _masks(random, 2, 16))]
    return [*_weights(shapes, random).items(), *images, *masked]


def steps(run: str) -> Results:
    random = np.random.RandomState(1)
    network = Network(recipe_of(run), 0)
    shapes = {name: weight.shape for name, weight in official_names(network).items()}
    weights = _weights(shapes, random)
    given = {f"init/{kind}/{k}": v for kind in ("student", "teacher") for k, v in weights.items()}
    for step in range(STEPS):
        here = f"step{step}/in"
        given[f"{here}/global_crops"] = _normal(random, 2 * IMAGES, 3, 48, 48)
        given[f"{here}/local_crops"] = _normal(random, 4 * IMAGES, 3, 32, 32)
        given[f"{here}/masks"] = _masks(random, 2 * IMAGES, 36)
        rate, decay, temperature = 5e-4 * step, 0.04 + 0.01 * step, 0.04 + 0.003 * step
        last_layer_rate = rate if step > 1 else 0.0
        schedule = [rate, decay, last_layer_rate, temperature, 0.992 + 1e-3 * step]
        given[f"{here}/schedule"] = np.array(schedule)
    return given
