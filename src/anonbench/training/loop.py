"""One training from image sets to a backbone."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from anonbench.config.training import Recipe
from anonbench.errors import InputError
from anonbench.files import write_csv
from anonbench.imageset import ImageSet
from anonbench.provenance import file_digest, versions
from anonbench.training.checkpoint import read_checkpoint, write_checkpoint
from anonbench.training.pairs import BatchStream, check_pairs, open_sources
from anonbench.training.trainer import Trainer
from anonbench.training.weights import save_backbone
from anonbench.vocabulary import Adaption

logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    adaption: Adaption,
    original: ImageSet,
    anonymized: ImageSet | None,
    seed: int,
    output: Path,
    log: Path,
    checkpoint: Path,
) -> None:
    """Train a backbone by self-distillation and write the teacher's.

    On a CPU, the same arguments give the same bytes, also when a killed training goes on from its
    checkpoint. The images are never all in memory.

    Args:
        recipe: how.
        adaption: which crops come from the anonymized version.
        original: the train split.
        anonymized: the same images anonymized; None for the unadapted model alone.
        seed: of weights, batches, crops and masks.
        output: the backbone, see `save_backbone`.
        log: CSV, a line every `recipe.log_every` steps: step, the means since the last line of
            the terms (`trainer.TERMS`), learning_rate.
        checkpoint: written every `recipe.checkpoint_minutes`, removed at the end.

    Raises:
        InputError: the image sets do not fit together or are too small, the backbone cannot be
            made, or the loss is not finite.

    """
    ids = check_pairs(recipe, adaption, original, anonymized)
    device = prepare_torch(recipe)
    provenance = describe(recipe, adaption, original, anonymized, seed)
    identity = hashlib.sha256(json.dumps(provenance, sort_keys=True).encode()).hexdigest()
    trainer = Trainer(recipe, seed, device)
    state = read_checkpoint(checkpoint, identity)
    if state is not None:
        trainer.restore(state)
        logger.info("going on from step %d", trainer.step)
    with open_sources(recipe, adaption, original, anonymized) as sources:
        stream = BatchStream(ids, sources, recipe, trainer.patches_a_side, seed)
        _run(trainer, stream, checkpoint, identity)
    save_backbone(trainer.teacher.backbone, recipe, output, provenance)
    write_csv(pd.DataFrame(trainer.log), log)
    checkpoint.unlink(missing_ok=True)


def _run(trainer: Trainer, stream: BatchStream, checkpoint: Path, identity: str) -> None:
    """Take all steps that are left."""
    recipe, steps = trainer.recipe, range(trainer.step, len(stream))
    loader = DataLoader(
        stream,
        batch_size=None,
        sampler=steps,
        num_workers=recipe.workers,
        multiprocessing_context="fork" if recipe.workers else None,
    )
    saved = time.monotonic()
    with tqdm(
        total=len(stream),
        initial=trainer.step,
        desc="training",
        unit="image",
        unit_scale=recipe.optimizer.batch_size,
        mininterval=5.0,
        ascii=True,
        ncols=100,
    ) as progress:
        for batch in loader:
            trainer.advance(batch)
            progress.update()
            if time.monotonic() - saved >= 60.0 * recipe.checkpoint_minutes:
                write_checkpoint(checkpoint, identity, trainer.state())
                saved = time.monotonic()


def prepare_torch(recipe: Recipe) -> torch.device:
    """Set threads and determinism of this process, and return the device of the recipe.

    Raises:
        InputError: the recipe asks for CUDA and there is none.

    """
    torch.set_num_threads(recipe.threads)
    torch.set_flush_denormal(True)
    device = pick_device(recipe.device)
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return device


def pick_device(name: str) -> torch.device:
    """Return the device called `auto`, `cpu` or `cuda`.

    Raises:
        InputError: `cuda`, and there is none.

    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("recipe.device is cuda, but torch sees no GPU; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def describe(
    recipe: Recipe, adaption: Adaption, original: ImageSet, anonymized: ImageSet | None, seed: int
) -> dict[str, Any]:
    """Return all that a training's result depends on, as plain values."""
    settings = recipe.effective()
    if isinstance(recipe.backbone.pretrained, Path) and recipe.backbone.pretrained.is_file():
        settings["backbone"]["pretrained"] = file_digest(recipe.backbone.pretrained)
    hidden = adaption.global_anonymized or adaption.local_anonymized
    return {
        "recipe": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        "adaption": str(adaption),
        "seed": seed,
        "original": original.digest,
        "anonymized": anonymized.digest if hidden and anonymized is not None else None,
        "versions": versions("torch", "timm", "numpy"),
    }
