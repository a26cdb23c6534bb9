"""A training step of DINOv2 or of adaption D, its schedules, and the state that it changes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from math import nan
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from torch.nn.parallel import DistributedDataParallel

from anonbench.core.numeric.seeding import rng
from anonbench.training.data.augment import to_device
from anonbench.training.data.batch import Batch, finish
from anonbench.training.distributed import Ranks
from anonbench.training.loop.metrics_log import rank_me, used_prototypes
from anonbench.training.losses import Centering, dino_loss, ibot_loss, koleo_loss
from anonbench.training.model.blocks import CompiledBlock, DropPath, draw_drop_path
from anonbench.training.model.network import Network, clip_gradients, parameter_groups

if TYPE_CHECKING:
    from anonbench.config.training import Recipe

TERMS = ("loss", "dino", "ibot", "koleo", "teacher_entropy", "prototypes_used", "gradient_norm")
"""Measurements of every step; the entropy (in nats) is that of the DINO targets."""


class NotFinite(Exception):  # noqa: N818 - what happened in a step
    """The loss or its gradient is infinite or NaN."""

    def __init__(self, step: int, ids: Sequence[str]) -> None:
        super().__init__(f"step {step}: the loss is not finite")
        self.step, self.ids = step, ids


class Trainer:
    """Student, teacher, centers and optimizer of one training, or one rank's part of them."""

    terms: ClassVar[tuple[str, ...]] = TERMS

    def __init__(
        self, recipe: Recipe, seed: int, device: torch.device, ranks: Ranks | None = None
    ) -> None:
        self.recipe, self.seed, self.device = recipe, seed, device
        self.ranks, self.step = ranks or Ranks(), 0
        self.schedules = schedules(recipe)
        self.student = self._network().to(device).train()
        self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False)
        heads = recipe.heads
        kind = heads.centering, heads.prototypes, heads.center_momentum
        self.centerings = {
            term: Centering(*kind, self.ranks).to(device) for term in ("dino", "ibot")
        }
        self._student: nn.Module = self._prepare()
        groups = parameter_groups(self.student, recipe.optimizer)
        self.optimizer = torch.optim.AdamW(groups, betas=recipe.optimizer.betas, fused=True)
        self._measured: list[Tensor] = []
        self._ids: list[list[str]] = []
        self._features = torch.zeros(0)
        self.log: list[dict[str, float]] = []

    def _network(self) -> Network:
        return Network(self.recipe, self.seed)

    def _prepare(self) -> nn.Module:
        """Compile and shard the networks as the recipe says; return the student to be called."""
        is_compiled = {"auto": self.device.type == "cuda", "on": True, "off": False}
        for network in (self.student, self.teacher):
            blocks: Any = network.backbone.blocks
            for block in blocks if network is self.student else ():
                block.keep_activations = not self.recipe.checkpoint_activations
            if is_compiled[self.recipe.compile]:
                for block in blocks[:-1]:  # the number of its masked tokens varies
                    block.__class__ = CompiledBlock
        if self.ranks.world == 1:
            return self.student
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(self.student, device_ids=devices)

    @property
    def patches_a_side(self) -> int:
        """Patches along a side of a global crop."""
        patch: tuple[int, int] = self.student.backbone.patch_embed.patch_size  # type: ignore
        return self.recipe.crops.global_size // patch[0]

    def advance(self, parts: Sequence[Batch]) -> bool:
        """Take one step: student by gradient, teacher by moving average; whether the log grew.

        The parts, which follow each other, are this rank's share of the batch. NotFinite: the loss
        of one of the steps since the last line of the log.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self._now(group["schedule"]) * group["rate_factor"]
            group["weight_decay"] = self._now("weight_decay") * group["decay_factor"]
        self.optimizer.zero_grad()
        measured = []
        for number, batch in enumerate(parts):
            # ranks exchange gradients after the last part only
            is_kept = self.ranks.world > 1 and number < len(parts) - 1
            with self._student.no_sync() if is_kept else nullcontext():  # type: ignore[operator]
                terms = self._losses(batch, number)
                (terms["loss"] / len(parts)).backward()  # type: ignore[no-untyped-call]
            measured.append(torch.stack([value.detach().float() for value in terms.values()]))
        norm = clip_gradients(self.student, self.recipe.optimizer.clip)
        self.optimizer.step()
        for centering in self.centerings.values():
            centering.update()
        self.teacher.follow(self.student, self._now("teacher_momentum"))
        self._measured.append(torch.cat([torch.stack(measured).mean(dim=0), norm[None].float()]))
        self._ids.append([image_id for batch in parts for image_id in batch.ids])
        self.step += 1
        if self.step % self.recipe.log_every and self.step < self.recipe.optimizer.steps:
            return False
        self._write_log()
        return True

    def _now(self, schedule: str) -> float:
        return float(self.schedules[schedule][self.step])

    def _losses(self, batch: Batch, part: int) -> dict[str, Tensor]:
        """Return the terms, the weighted loss first, then what is measured without gradient."""
        heads, weights = self.recipe.heads, self.recipe.losses
        views, local_views = self._views(batch)
        kept = draw_drop_path(  # the same on every kind of device
            self.recipe.backbone.drop_path,
            len(self.student.backbone.blocks),  # type: ignore[arg-type]
            [len(crops) for crops in (views, local_views) if len(crops)],
            batch.masked_indices.numpy() // batch.masked.shape[1],
            rng("depth", self.seed, self.step, self.ranks.rank, part),
        )
        small = [batch.masked_indices, batch.masked, batch.masked_weights]
        dropped = [kept.tokens, kept.scale, *kept.images] if kept else []
        indices, masked, masked_weights, *rest = to_device([*small, *dropped], self.device)
        size, temperature = len(batch.ids), heads.student_temperature
        with self._autocast():
            class_targets, patch_targets = self._targets(views, indices)
            local = local_views if len(local_views) else None
            depth = DropPath(rest[2:], *rest[:2]) if kept else None
            found = self._student(views, indices, masked, local, depth)
        classes, class_scores, patch_scores = found
        scores = class_scores.view(-1, size, heads.prototypes)
        dino = dino_loss(class_targets.view(2, size, -1), scores, temperature)
        ibot = ibot_loss(patch_targets, patch_scores, masked_weights, len(views), temperature)
        first, second = classes.chunk(2)
        koleo = koleo_loss(first, self.ranks) + koleo_loss(second, self.ranks)
        self._features = classes.detach()
        return {
            "loss": weights.dino * dino + weights.ibot * ibot + weights.koleo * koleo,
            "dino": dino,
            "ibot": ibot,
            "koleo": koleo,
            "teacher_entropy": torch.special.entr(class_targets).sum(dim=-1).mean(),
            "prototypes_used": used_prototypes(class_targets),
        }

    def _views(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the global and the local crops as the networks' input, float32 [N, 3, S, S]."""
        shared = self.recipe.crops, self.device
        large = finish(batch.global_crops, batch.global_augmentations, *shared)
        return large, finish(batch.local_crops, batch.local_augmentations, *shared)

    @torch.no_grad()
    def _targets(self, views: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the teacher's targets for class tokens [2 B, K] and masked patches [M, K]."""
        temperature = self._now("teacher_temperature")
        _, *scores = self.teacher(views, indices)
        first, second = (
            center(given, temperature)
            for center, given in zip(self.centerings.values(), scores, strict=True)
        )
        return first, second

    def _autocast(self) -> torch.autocast:
        is_half = self.recipe.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=is_half)

    def check(self) -> None:
        """Raise NotFinite unless all steps since the last line were finite; waits for a GPU."""
        if self._measured:
            measured = self.ranks.sum(torch.stack(self._measured))  # all ranks stop together
            broken = (~measured.isfinite().all(dim=1)).nonzero()
            if len(broken):
                first = int(broken[0])
                raise NotFinite(self.step - len(measured) + first, self._ids[first])

    def _write_log(self) -> None:
        """Add a line: means over the steps since the last one. The only wait for a GPU."""
        self.check()
        # ranks first, as in `state`: a resumed run writes the same line
        means = self.ranks.mean(torch.stack(self._measured)).double().mean(dim=0).tolist()
        row = dict.fromkeys(TERMS, nan) | dict(zip(self.terms, means, strict=True))
        row["kl"] = row["dino"] - row["teacher_entropy"]
        row["feature_rank"] = rank_me(self._features)
        row["gradient_norm"] = row.pop("gradient_norm")  # in the order of the log's columns
        row["learning_rate"] = float(self.schedules["learning_rate"][self.step - 1])
        self.log.append({"step": self.step, **row})
        self._measured.clear()
        self._ids.clear()

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs; all ranks must call it."""
        return {
            "step": self.step,
            "log": self.log,
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "centerings": {name: part.state_dict() for name, part in self.centerings.items()},
            "optimizer": self.optimizer.state_dict(),
            "measured": [self.ranks.mean(values) for values in self._measured],
            "ids": self._ids,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state, on the same number of ranks or another."""
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        for name, part in self.centerings.items():
            part.load_state_dict(state["centerings"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self._measured = [values.to(self.device) for values in state["measured"]]
        self._ids = state["ids"]
        self.log = state["log"]


class Distiller(Trainer):
    """Trainer of adaption D, which moves hidden images' embeddings to their originals'.

    Its target is a frozen copy of the weights that it starts from. The global crops of a batch are
    hidden, its local crops are the same crops of the originals.
    """

    terms: ClassVar[tuple[str, ...]] = ("loss", "distance", "gradient_norm")

    def _network(self) -> Network:
        network = super()._network()
        network.dino_head = network.ibot_head = nn.Identity()  # type: ignore[assignment]
        network.mask_token.requires_grad_(False)  # nothing is masked
        return network

    def _prepare(self) -> nn.Module:
        self._target = copy.deepcopy(self.teacher)
        return super()._prepare()

    def _losses(self, batch: Batch, part: int) -> dict[str, Tensor]:
        """Return 1 minus the mean cosine of class tokens and, if configured, of patches."""
        weight = self.recipe.losses.distilled_patches
        views, originals = self._views(batch)
        patches = batch.masked.numel() if weight else 0
        rows = torch.arange(patches, device=self.device)
        with self._autocast():
            with torch.no_grad():
                _, class_targets, patch_targets = self._target(originals, rows)
            classes, _, patch_tokens = self._student(views, rows)
        self._features = classes.detach()
        distance = loss = _distance(classes, class_targets)
        if weight:
            loss = distance + weight * _distance(patch_tokens, patch_targets)
        return {"loss": loss, "distance": distance}


def _distance(found: Tensor, targets: Tensor) -> Tensor:
    return 1.0 - cosine_similarity(found.float(), targets.float(), dim=-1).mean()


REFERENCE_BATCH = 1024


def cosine(start: float, end: float, steps: int) -> np.ndarray:
    """Return float64 [steps], half a cosine wave from `start` (first) towards `end`."""
    phase = np.arange(steps) / max(steps, 1)
    return end + 0.5 * (start - end) * (1.0 + np.cos(np.pi * phase))


def schedules(recipe: Recipe) -> dict[str, np.ndarray]:
    """Return the schedules of a recipe, float64 [steps]: DINOv2's, with lengths as shares.

    They are `learning_rate` of the heads; `backbone_rate`, of which the backbone's layers have
    fractions, the same but zero while only the heads learn, and rising again after that;
    `last_layer_rate`, the same as the heads' but zero while their last layer is frozen;
    `weight_decay`, `teacher_momentum` and `teacher_temperature`.
    """
    settings, steps = recipe.optimizer, recipe.optimizer.steps
    peak = settings.learning_rate
    if settings.scale_rate:
        peak *= (settings.batch_size / REFERENCE_BATCH) ** 0.5
    warmup = round(settings.warmup * steps)
    fall = cosine(peak, settings.min_learning_rate, steps - warmup)
    rate = np.concatenate([np.linspace(0.0, peak, warmup), fall])[:steps]
    done = np.arange(steps)
    frozen = round(recipe.heads.freeze_last_layer * steps)
    alone = round(settings.heads_first * steps)
    released = np.clip((done - alone + 1) / max(warmup, 1), 0.0, 1.0) if alone else np.ones(steps)
    cold, hot = recipe.heads.teacher_temperature
    heated = round(recipe.heads.teacher_temperature_warmup * steps)
    temperature = np.concatenate([np.linspace(cold, hot, heated), np.full(steps - heated, hot)])
    return {
        "learning_rate": rate,
        "backbone_rate": rate * released,
        "last_layer_rate": np.where(done < frozen, 0.0, rate),
        "weight_decay": cosine(*settings.weight_decay, steps),
        "teacher_momentum": cosine(*settings.ema, steps),
        "teacher_temperature": temperature[:steps],
    }
