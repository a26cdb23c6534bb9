"""One training from image sets to a backbone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from tqdm import tqdm

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.io import write_csv
from anonbench.core.provenance import content_digest, file_digest, versions
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.batch import loaded
from anonbench.training.data.paired_dataset import BatchStream, check_pairs, open_sources
from anonbench.training.distributed import prepare_torch
from anonbench.training.loop.checkpoint import Checkpoint, Interrupts
from anonbench.training.loop.metrics_log import MetricsLog
from anonbench.training.loop.trainer import Distiller, NotFinite, Trainer
from anonbench.training.weights import save_backbone

if TYPE_CHECKING:  # it starts this one
    from anonbench.training.loop.launch import TrainJob

logger = logging.getLogger(__name__)

SMALL_BATCH = 256  # images in a step below which DINOv2's own learning rates have been seen to fail


def train(job: TrainJob) -> None:
    """Train a backbone by self-distillation and write the teacher's.

    On a CPU, the same arguments give the same bytes, also when a killed training goes on from its
    checkpoint. The images are never all in memory. Where torchrun started this process, it is one
    of several ranks that take each step together, and rank 0 writes.

    Raises:
        InputError: the image sets do not fit together or are too small, the backbone cannot be
            made, the loss is not finite, or a GPU's memory is too small.
        Interrupted: the process was asked to end; the checkpoint is written.
    """
    recipe, adaption, seed = job.recipe, job.adaption, job.seed
    original = ImageSet.open(job.original, job.root)
    anonymized = ImageSet.open(job.anonymized) if job.anonymized else None
    device, ranks = prepare_torch(recipe)
    is_paired = adaption is Adaption.D
    if job.unadapted is not None:
        recipe = recipe.distilling(job.unadapted)
    ids = check_pairs(recipe, adaption, original, anonymized)
    if recipe.backbone.name is not None and recipe.optimizer.batch_size < SMALL_BATCH:
        logger.warning(
            "a batch of %d images is small for DINOv2's rates (fewer than %d): watch the losses, "
            "or gather more by recipe.optimizer.accumulate",
            recipe.optimizer.batch_size,
            SMALL_BATCH,
        )
    provenance = describe(recipe, adaption, original, anonymized, seed)
    identity = content_digest(provenance)
    try:
        trainer = (Distiller if is_paired else Trainer)(recipe, seed, device, ranks)
        saved = Checkpoint(job.checkpoint, identity, recipe.checkpoint_minutes)
        saved.restore(trainer.restore)
        with open_sources(recipe, adaption, original, anonymized) as sources:
            share = trainer.patches_a_side, seed, ranks.rank, ranks.world
            stream = BatchStream(ids, sources, recipe, *share, is_paired)
            _run(trainer, stream, saved, job.metrics_log)
        teacher = trainer.state()["teacher"]
        if ranks.rank == 0:
            save_backbone(teacher, recipe, job.output, provenance)
            write_csv(pd.DataFrame(trainer.log), job.log)
            job.checkpoint.unlink(missing_ok=True)
    except torch.OutOfMemoryError as error:
        raise InputError(
            "the GPU's memory is too small for this training: raise recipe.optimizer.accumulate "
            f"(now {recipe.optimizer.accumulate}) or recipe.gpus (now {recipe.gpus}), set "
            "recipe.checkpoint_activations, or lower recipe.optimizer.batch_size"
        ) from error
    except Interrupted:
        ranks.leave()  # all ranks together
        raise
    ranks.leave()


def _run(trainer: Trainer, stream: BatchStream, saved: Checkpoint, folder: Path | None) -> None:
    """Take all remaining steps."""
    first = trainer.ranks.rank == 0
    left, on_gpu = range(trainer.step, len(stream)), trainer.device.type == "cuda"
    loader = loaded(stream.__getitem__, left, trainer.recipe.workers, pin_memory=on_gpu)
    folder = folder if first else None
    metrics_log = MetricsLog(folder, trainer.recipe, trainer.device, trainer.step)
    shown: dict[str, Any] = {"desc": "training", "unit": "image", "mininterval": 5.0}
    shown |= {"ascii": True, "ncols": 120, "unit_scale": trainer.recipe.optimizer.batch_size}
    shown |= {"total": len(stream), "initial": trainer.step, "disable": not first}
    progress: tqdm[Any] = tqdm(**shown)
    try:
        with progress, Interrupts() as interrupts:
            for parts in metrics_log.timed(loader):
                if trainer.advance(parts) and first:
                    progress.set_postfix_str(metrics_log.write(trainer.log[-1]), refresh=False)
                reason = interrupts.reason(saved.seconds)
                stop, due = trainer.ranks.any(reason is not None, first and saved.is_due)
                if stop or due:
                    trainer.check()  # all of its steps were finite
                    saved.write(trainer.state(), first)
                progress.update()
                if stop and trainer.step < len(stream):
                    raise Interrupted(reason or "another rank", trainer.step)
    except NotFinite as error:
        logger.error("images of step %d: %s", error.step, " ".join(error.ids))
        kept = f"{saved.path} has step {saved.step}" if saved.step else "there is none yet"
        raise InputError(
            f"{error} (its images are named in the log; last good checkpoint: {kept}); lower "
            "recipe.optimizer.learning_rate or lengthen recipe.optimizer.warmup"
        ) from error
    finally:
        metrics_log.close()


def describe(
    recipe: Recipe, adaption: Adaption, original: ImageSet, anonymized: ImageSet | None, seed: int
) -> dict[str, Any]:
    """Return all that a training's result depends on, as plain values."""
    settings = recipe.effective()
    if isinstance(recipe.backbone.pretrained, Path) and recipe.backbone.pretrained.is_file():
        settings["backbone"]["pretrained"] = file_digest(recipe.backbone.pretrained)
    hidden = adaption.global_anonymized or adaption.local_anonymized
    return {
        "recipe": content_digest(settings),
        "adaption": str(adaption),
        "seed": seed,
        "original": original.digest,
        "anonymized": anonymized.digest if hidden and anonymized is not None else None,
        "versions": versions("torch", "timm", "numpy"),
    }
