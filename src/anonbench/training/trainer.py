"""One training step of DINOv2, and the state that steps change."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from anonbench.config.training import Recipe
from anonbench.errors import InputError
from anonbench.training.backbone import seed_torch
from anonbench.training.losses.centering import Centering
from anonbench.training.losses.dino import dino_loss
from anonbench.training.losses.ibot import ibot_loss
from anonbench.training.losses.koleo import koleo_loss
from anonbench.training.network import Network, clip_gradients, parameter_groups
from anonbench.training.pairs import Batch, finish
from anonbench.training.schedules import Schedules

TERMS = ("loss", "dino", "ibot", "koleo", "teacher_entropy", "gradient_norm")
"""What is measured in every step; the entropy (in nats) is that of the DINO targets."""


class Trainer:
    """Student, teacher, centers and optimizer of one training."""

    def __init__(self, recipe: Recipe, seed: int, device: torch.device) -> None:
        self.recipe = recipe
        self.seed = seed
        self.device = device
        self.step = 0
        self.schedules = Schedules.of(recipe)
        self.student = Network(recipe, seed).to(device).train()
        self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False)
        heads = recipe.heads
        self.centerings = nn.ModuleDict(
            {
                term: Centering(heads.centering, heads.prototypes, heads.center_momentum)
                for term in ("dino", "ibot")
            }
        ).to(device)
        groups = parameter_groups(self.student, recipe.optimizer)
        self.optimizer = torch.optim.AdamW(groups, betas=recipe.optimizer.betas, fused=True)
        self._measured: list[Tensor] = []
        self.log: list[dict[str, float]] = []

    @property
    def patches_a_side(self) -> int:
        """Patches along a side of a global crop."""
        grid: tuple[int, int] = self.student.backbone.patch_embed.grid_size  # type: ignore
        return grid[0]

    def advance(self, batch: Batch) -> None:
        """Take one step: student by gradient, teacher by moving average.

        Raises:
            InputError: the loss of one of the steps since the last line of the log is not finite.

        """
        seed_torch("step", self.seed, self.step)  # stochastic depth
        self._set_schedules()
        terms, entropy = self._losses(batch)
        self.optimizer.zero_grad()
        terms["loss"].backward()  # type: ignore[no-untyped-call]
        norm = clip_gradients(self.student, self.recipe.optimizer.clip)
        self.optimizer.step()
        self.teacher.follow(self.student, float(self.schedules.teacher_momentum[self.step]))
        values = [*terms.values(), entropy, norm]
        self._measured.append(torch.stack([value.detach().float() for value in values]))
        self.step += 1
        if self.step % self.recipe.log_every == 0 or self.step == self.recipe.optimizer.steps:
            self._write_log()

    def _set_schedules(self) -> None:
        schedules, step = self.schedules, self.step
        for group in self.optimizer.param_groups:
            rates = schedules.last_layer_rate if group["last_layer"] else schedules.learning_rate
            group["lr"] = float(rates[step]) * group["rate_factor"]
            group["weight_decay"] = float(schedules.weight_decay[step]) * group["decay_factor"]

    def _losses(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Return the terms, the weighted loss first, and the entropy of the DINO targets."""
        crops, heads, weights = self.recipe.crops, self.recipe.heads, self.recipe.losses
        views = finish(batch.global_crops, batch.global_looks, crops, self.device)
        local_views = finish(batch.local_crops, batch.local_looks, crops, self.device)
        masked = batch.masked_indices.to(self.device, non_blocking=True)
        temperature = float(self.schedules.teacher_temperature[self.step])
        size = len(batch.ids)
        with self._autocast():
            class_targets, patch_targets = self._targets(views, masked, temperature)
            classes, patches = self.student.tokens(views, batch.masked.to(self.device))
            every_class = [classes]
            if len(local_views):
                every_class.append(self.student.tokens(local_views)[0])
            class_scores, patch_scores = self.student.scores(
                torch.cat(every_class), patches.flatten(0, 1)[masked]
            )
        terms = {
            "dino": dino_loss(
                class_targets.view(2, size, -1),
                class_scores.view(-1, size, heads.prototypes),
                heads.student_temperature,
            ),
            "ibot": ibot_loss(
                patch_targets,
                patch_scores,
                batch.masked_weights.to(self.device),
                len(views),
                heads.student_temperature,
            ),
            "koleo": sum((koleo_loss(chunk) for chunk in classes.chunk(2)), classes.new_zeros(())),
        }
        loss = (
            weights.dino * terms["dino"]
            + weights.ibot * terms["ibot"]
            + weights.koleo * terms["koleo"]
        )
        entropy = torch.special.entr(class_targets).sum(dim=-1).mean()
        return {"loss": loss, **terms}, entropy

    @torch.no_grad()
    def _targets(self, views: Tensor, masked: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Return the teacher's targets for class tokens [2 B, K] and masked patches [M, K]."""
        classes, patches = self.teacher.tokens(views)
        class_scores, patch_scores = self.teacher.scores(classes, patches.flatten(0, 1)[masked])
        return (
            self.centerings["dino"](class_scores, temperature),
            self.centerings["ibot"](patch_scores, temperature),
        )

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"
        )

    def _write_log(self) -> None:
        """Add a line: means over the steps since the last one. The only wait for a GPU."""
        measured = torch.stack(self._measured).cpu()
        broken = (~measured[:, 0].isfinite()).nonzero()
        if len(broken):
            step = self.step - len(measured) + int(broken[0])
            raise InputError(
                f"step {step}: the loss is not finite; lower recipe.optimizer.learning_rate or "
                "lengthen recipe.optimizer.warmup"
            )
        means = dict(zip(TERMS, measured.double().mean(dim=0).tolist(), strict=True))
        rate = float(self.schedules.learning_rate[self.step - 1])
        self.log.append({"step": self.step, **means, "learning_rate": rate})
        self._measured.clear()

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        return {
            "step": self.step,
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "centerings": self.centerings.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "measured": [values.cpu() for values in self._measured],
            "log": self.log,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.centerings.load_state_dict(state["centerings"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._measured = [values.to(self.device) for values in state["measured"]]
        self.log = state["log"]
