"""Training of a network that redraws hidden regions."""

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from anonbench.anonymization.geometry import hidden_pixels
from anonbench.config import Anonymization, Recipe, Redrawing
from anonbench.core.boxes import image_regions
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.io import write_csv
from anonbench.core.numeric.seeding import rng
from anonbench.core.progress import track
from anonbench.core.provenance import file_digest, versions
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.augment import normalize_images
from anonbench.training.data.batch import loaded
from anonbench.training.data.paired_dataset import check_aligned
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.distributed import prepare_torch
from anonbench.training.loop.checkpoint import Checkpoint, Interrupts
from anonbench.training.model.backbone import encode
from anonbench.training.redrawing_network import KEY, Redrawer, as_picture, shown_hidden
from anonbench.training.weights import load_backbone, write_weights

_LINES = 100  # approximate number of lines of the log
_WARMUP = 0.05


def train_redrawer(
    original: ImageSet,
    hidden: ImageSet,
    boxes: pd.DataFrame,
    variant: Variant,
    hiding: Anonymization,
    backbone: Path,
    settings: Redrawing,
    recipe: Recipe,
    seed: int,
    output: Path,
    log: Path,
    checkpoint: Path,
) -> None:
    """Train a network until a model embeds its pictures like their originals, and write it.

    The model is unchanged. Of a picture, the network gets the visible part and the mask of hidden
    pixels. Its drawing is compared with the original by the model's class token, never by pixels:
    it learns to show what the model needs. On a CPU, the same arguments give the same bytes, also
    when a killed training resumes from its checkpoint. The images are never all in memory.

    Args:
        original: the train split, with its table of boxes.
        hidden: the same images anonymized, as `variant` and `hiding` say.
        backbone: of the model, see `save_backbone`.
        recipe: of the model, for device, threads, loader processes and minutes between checkpoints.
        output: the weights, which `load_redrawer` reads.
        log: CSV: step, learning rate, mean cosine similarity of drawn pictures and their originals,
            and that of the hidden ones.
        checkpoint: written regularly and when the process is asked to end; removed at the end.

    Raises:
        InputError: the image sets do not fit together, or the loss is not finite.
        Interrupted: the process was asked to end; the checkpoint is written.
    """
    device, _ = prepare_torch(recipe)
    check_aligned(original, hidden)
    if not len(original):
        raise InputError(f"no train image of {variant} is left to learn from")
    described = {
        "settings": settings.model_dump(mode="json"),
        "hiding": hiding.model_dump(mode="json", include={"margin", "shape", "coding_blocks"}),
        "variant": str(variant),
        "seed": seed,
        "device": recipe.device,
        "threads": recipe.threads,
        "backbone": file_digest(backbone),
        "original": original.digest,
        "hidden": hidden.digest,
        "versions": versions("torch", "timm", "numpy"),
    }
    identity = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    model, preprocess = load_backbone(backbone)
    network = Redrawer(settings.width, preprocess.side, seed).to(device)
    training = _Training(model.to(device), preprocess, settings, network)
    saved = Checkpoint(checkpoint, identity, recipe.checkpoint_minutes)
    saved.restore(training.restore)
    where = shown_hidden(image_regions(boxes), variant.degree)
    names, batch = original.ids, min(settings.batch_size, len(original))

    def pairs_of(step: int) -> list[Tensor]:  # an incomplete last batch of an epoch is left out
        epoch, place = divmod(step, len(names) // batch)
        order = rng("redrawing order", seed, epoch).permutation(len(names))
        parts = []
        for image_id in (names[row] for row in order[place * batch : (place + 1) * batch]):
            clear, picture = original.read(image_id), hidden.read(image_id)
            share = as_picture(hidden_pixels(where.get(image_id, ()), picture.shape, hiding))
            fitted, fitted_hidden, fitted_share = map(preprocess.fit, (clear, picture, share))
            parts.append((fitted, fitted_hidden, fitted_share[..., 0]))
        return [torch.from_numpy(np.stack(each)) for each in zip(*parts, strict=True)]

    left = range(training.step, settings.steps)
    loader = loaded(pairs_of, left, recipe.workers)
    with Interrupts() as interrupts:
        for pairs in track(loader, len(left), f"steps of drawing {variant}"):
            training.advance(*(each.to(device) for each in pairs))
            reason = interrupts.reason(saved.seconds)
            if reason or saved.is_due:
                saved.write(training.state())
            if reason and training.step < settings.steps:
                raise Interrupted(reason, training.step)
    described |= {"preprocess": asdict(preprocess)}
    write_weights(training.network.state_dict(), output, KEY, described)
    write_csv(pd.DataFrame(training.log), log)
    checkpoint.unlink(missing_ok=True)


class _Training:
    """A network, its optimizer, and the model that it draws for."""

    def __init__(
        self, model: nn.Module, preprocess: Preprocess, settings: Redrawing, network: Redrawer
    ) -> None:
        self._model, self._preprocess, self._settings = model, preprocess, settings
        self.network = network
        self._optimizer = torch.optim.AdamW(self.network.parameters(), fused=True)
        self.step = 0
        self.log: list[dict[str, float]] = []

    def advance(self, original: Tensor, hidden: Tensor, share: Tensor) -> None:
        """Take one step on whole images, as a model gets them, uint8 [B, S, S, 3].

        `share` is the hidden share of each pixel, uint8 [B, S, S]: 255 is all of it.

        Raises:
            InputError: the loss is not finite, in a step that is logged.
        """
        settings = self._settings
        start = max(1, round(_WARMUP * settings.steps))
        rate = settings.learning_rate * (self.step + 1) / start
        if self.step >= start:
            way = (self.step - start) / max(1, settings.steps - start)
            rate = settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * way))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        hidden = hidden.permute(0, 3, 1, 2).float().div(255.0)
        share = share[:, None].float().div(255.0)
        with torch.no_grad():
            wanted = encode(self._model, self._preprocess.normalized(original))[:, 0]
        alike = cosine_similarity(self._embedded(self.network(hidden, share)), wanted)
        loss = 1.0 - alike.mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        if self.step % max(1, settings.steps // _LINES) and self.step < settings.steps:
            return
        if not math.isfinite(loss.item()):
            raise InputError(
                f"step {self.step}: the loss is not finite; lower redrawing.learning_rate"
            )
        with torch.no_grad():
            before = cosine_similarity(self._embedded(hidden), wanted)
        line = {"cosine": alike.mean().item(), "cosine_hidden": before.mean().item()}
        self.log.append({"step": self.step, "learning_rate": rate} | line)

    def _embedded(self, pictures: Tensor) -> Tensor:
        inputs = normalize_images(pictures, self._preprocess.normalize)
        return encode(self._model, inputs)[:, 0]

    def state(self) -> dict[str, Any]:
        parts = {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}
        return {**parts, "step": self.step, "log": self.log}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.log = state["step"], state["log"]
