"""Whole trainings: they learn, repeat, go on after a kill, and say what is wrong."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.paired_dataset import BatchStream, open_sources
from anonbench.training.distributed import pick_device
from anonbench.training.loop.checkpoint import Checkpoint
from anonbench.training.loop.launch import TrainJob
from anonbench.training.loop.train import describe, train
from anonbench.training.loop.trainer import Trainer, schedules
from anonbench.training.model.backbone import encode
from anonbench.training.weights import load_backbone, read_description

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Result:
    backbone: bytes
    log: bytes
    checkpoint: Path


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def anywhere(original: ImageSet, anonymized: ImageSet) -> Callable[..., Result]:
    def train_once(
        folder: Path,
        recipe: Recipe,
        adaption: Adaption = Adaption.A,
        seed: int = 0,
        name: str = "a",
        **more: Path,
    ) -> Result:
        output, log = folder / f"{name}.safetensors", folder / f"{name}.csv"
        checkpoint, tar = folder / f"{name}.checkpoint", original.folder / "0.tar"
        train(
            TrainJob(
                recipe=recipe,
                adaption=adaption,
                original=[tar],
                root=tar.parent,
                anonymized=[anonymized.folder / "0.tar"],
                seed=seed,
                output=output,
                log=log,
                checkpoint=checkpoint,
                **more,
            )
        )
        return Result(output.read_bytes(), log.read_bytes(), checkpoint)

    return train_once


@pytest.fixture
def run(tmp_path: Path, anywhere: Callable[..., Result]) -> Run:
    return partial(anywhere, tmp_path)


@pytest.fixture(scope="module")
def usual(
    anywhere: Callable[..., Result], recipe: Make, tmp_path_factory: pytest.TempPathFactory
) -> Result:
    return anywhere(tmp_path_factory.mktemp("usual"), recipe())


def _steps(recipe: Recipe, original: ImageSet) -> Iterator[Trainer]:
    trainer = Trainer(recipe, 0, CPU)
    with open_sources(recipe, Adaption.UNADAPTED, original, None) as sources:
        stream = BatchStream(original.ids, sources, recipe, trainer.patches_a_side, 0)
        for step in range(len(stream)):
            trainer.advance(stream[step])
            yield trainer


@pytest.mark.slow
def test_same_arguments_same_bytes(run: Run, recipe: Make, usual: Result, tmp_path: Path) -> None:
    metrics_log = tmp_path / "metrics_log"
    changes = {"workers": 2, "checkpoint_minutes": 1e-9, "checkpoint_activations": True}
    again = run(recipe(**changes), metrics_log=metrics_log)
    assert (again.backbone, again.log) == (usual.backbone, usual.log)
    assert pd.read_csv(metrics_log / "speed.csv").step.tolist() == [2, 4, 6, 8]
    two = recipe(threads=2, optimizer={"steps": 1})
    assert run(two, name="fourth").backbone == run(two, name="fifth").backbone
    assert run(recipe(), seed=1).backbone != usual.backbone
    assert run(recipe(), Adaption.B).backbone != usual.backbone


@pytest.fixture
def before_step(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Return a function that has something done before a step, and notes the steps from then on."""
    advance = Trainer.advance

    def prepare(step: int, action: Callable[[Trainer, Any], object]) -> list[int]:
        taken: list[int] = []

        def noting(self: Trainer, parts: Any) -> bool:
            if self.step == step:
                action(self, parts)
            taken.append(self.step)
            return advance(self, parts)

        monkeypatch.setattr(Trainer, "advance", noting)
        return taken

    return prepare


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("end", "minutes", "error", "left"),
    [
        (killed, 1e-9, pytest.raises(KeyboardInterrupt), [5, 6, 7]),
        (
            lambda *_: os.kill(os.getpid(), signal.SIGUSR1),
            30,
            pytest.raises(Interrupted, match="SIGUSR1 at step 6; run again"),
            [6, 7],
        ),
    ],
    ids=["killed", "asked to end"],
)
def test_a_training_that_is_ended_goes_on_to_the_same_bytes(
    run: Run, recipe: Make, before_step: Any, end: Any, minutes: float, error: Any, left: list[int]
) -> None:
    others: dict[str, Any] = {"scratch": True, "workers": 1, "log_every": 3}
    made = recipe(checkpoint_minutes=minutes, heads={"centering": "softmax"}, **others)
    whole = run(made, name="whole")
    before_step(5, end)
    with error:
        run(made, name="ended")
    assert not whole.checkpoint.with_name("ended.safetensors").exists()
    steps = before_step(-1, end)
    resumed = run(made, name="ended")
    assert steps == left
    assert (resumed.backbone, resumed.log) == (whole.backbone, whole.log)
    assert not resumed.checkpoint.exists()


def test_a_checkpoint_of_something_else_or_damaged_is_not_used(
    run: Run, recipe: Make, usual: Result, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = tmp_path / "a.checkpoint"
    checkpoint.write_bytes(b"torn")
    assert run(recipe()).backbone == usual.backbone
    Checkpoint(checkpoint, "another identity", 1.0).write({"step": 3})
    assert run(recipe()).backbone == usual.backbone
    assert "starting from the beginning" in caplog.text
    path = tmp_path / "a.checkpoint"
    state = {"step": 3, "weights": torch.arange(10.0)}
    saved = Checkpoint(path, "this training", 1.0)
    saved.write(state)
    read: list[dict[str, Any]] = []
    saved.restore(read.append)
    assert torch.equal(read.pop()["weights"], state["weights"])
    content = path.read_bytes()
    for place in range(0, len(content), 31):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        saved.restore(read.append)
    path.write_bytes(content[:-1])
    saved.restore(read.append)
    assert not read


def test_log_and_description(run: Run, recipe: Make, tmp_path: Path, original: ImageSet) -> None:
    run(recipe(log_every=3, resize="squash"), Adaption.B, seed=3)
    log = pd.read_csv(tmp_path / "a.csv")
    assert list(log.columns) == [
        "step", "loss", "dino", "ibot", "koleo", "teacher_entropy", "prototypes_used", "kl",
        "feature_rank", "gradient_norm", "learning_rate",
    ]  # fmt: skip
    assert log["step"].tolist() == [3, 6, 8]
    np.testing.assert_allclose(log.loss, log.dino + log.ibot + 0.1 * log.koleo, rtol=1e-5)
    np.testing.assert_allclose(log.kl, log.dino - log.teacher_entropy, atol=1e-6)
    assert log.kl.min() > 0.0
    assert log.feature_rank.between(1.0, 16.0).all()
    assert log.prototypes_used.between(1.0, 32.0).all()
    described = read_description(tmp_path / "a.safetensors")
    assert described["preprocess"] == {"side": 32, "normalize": "per_crop", "resize": "squash"}
    made_by = {"adaption": "B", "seed": 3, "original": original.digest}
    assert made_by.items() <= described["provenance"].items()


def test_identity(recipe: Make, original: ImageSet, anonymized: ImageSet) -> None:
    def of(made: Recipe, adaption: Adaption = Adaption.A, seed: int = 0) -> Any:
        return describe(made, adaption, original, anonymized, seed)

    assert of(recipe()) == of(recipe(workers=3, checkpoint_minutes=1))
    assert of(recipe()) != of(recipe(optimizer={"steps": 9}))
    assert of(recipe()) != of(recipe(), Adaption.C)
    assert of(recipe()) != of(recipe(), seed=1)
    assert of(recipe(), Adaption.UNADAPTED)["anonymized"] is None


def _weights(recipe: Recipe, original: ImageSet) -> torch.Tensor:
    *_, trainer = _steps(recipe, original)
    return torch.cat([p.flatten() for p in trainer.teacher.backbone.parameters()])


@pytest.fixture(scope="module")
def plain(recipe: Make, original: ImageSet) -> torch.Tensor:
    return _weights(recipe(optimizer={"steps": 4}), original)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"backbone": {"drop_path": 0.5}},
        {"crops": {"normalize": "imagenet"}},
        {"optimizer": {"betas": [0.5, 0.9]}},
        {"precision": "bf16"},
    ],
    ids=str,
)
def test_each_setting_changes_the_weights(
    recipe: Make, original: ImageSet, plain: torch.Tensor, change: dict[str, Any]
) -> None:
    changed = recipe(**({"optimizer": {}} | change)).model_dump()
    changed["optimizer"]["steps"] = 4
    assert not torch.equal(_weights(Recipe.model_validate(changed), original), plain)


def test_the_last_layer_and_the_backbone_may_wait(recipe: Make, original: ImageSet) -> None:
    made = recipe(heads={"freeze_last_layer": 0.25}, optimizer={"heads_first": 0.5, "warmup": 0.0})

    def parts(trainer: Trainer) -> list[torch.Tensor]:
        head = trainer.student.dino_head
        backbone = torch.cat([p.flatten() for p in trainer.student.backbone.parameters()])
        return [head.last_layer.direction, backbone, head.layers[0].weight]

    start = [part.detach().clone() for part in parts(Trainer(made, 0, CPU))]
    for trainer in _steps(made, original):
        stands = [*map(torch.equal, start, parts(trainer))]
        assert stands == [trainer.step <= 2, trainer.step <= 4, False]
    made = recipe(optimizer={"steps": 100, "warmup": 0.1, "heads_first": 0.2})
    rates = schedules(made)
    share = rates["backbone_rate"] / np.maximum(rates["learning_rate"], 1e-12)
    assert (share[:20] == 0).all()
    np.testing.assert_allclose(share[20:30], np.arange(1, 11) / 10)
    np.testing.assert_allclose(share[30:], 1.0)


@pytest.mark.parametrize("patches", [0.0, 1.0])
def test_a_distilled_model_embeds_hidden_images_like_originals(
    run: Run,
    recipe: Make,
    original: ImageSet,
    anonymized: ImageSet,
    tmp_path: Path,
    patches: float,
) -> None:
    start, output = tmp_path / "unadapted.safetensors", tmp_path / "D.safetensors"
    run(recipe(optimizer={"steps": 2}), Adaption.UNADAPTED, name="unadapted")
    made = recipe(losses={"distilled_patches": patches}, optimizer={"steps": 24})
    run(made, Adaption.D, name="D", unadapted=start)
    log = pd.read_csv(tmp_path / "D.csv")
    assert log["distance"].tail(4).mean() < 0.8 * log["distance"].iloc[0]
    assert log[["dino", "ibot", "kl"]].isna().all(axis=None)
    assert (log["loss"] > log["distance"]).all() == bool(patches)
    assert read_description(output)["provenance"]["adaption"] == "D"
    with torch.no_grad():
        vectors = {
            (name, images is original): _embedded(file, images)
            for name, file in (("unadapted", start), ("D", output))
            for images in (original, anonymized)
        }
    target = vectors["unadapted", True]
    before, after = (
        torch.cosine_similarity(vectors[name, False], target).mean() for name in ("unadapted", "D")
    )
    assert 1 - after < 0.8 * (1 - before)


def _embedded(file: Path, images: ImageSet) -> torch.Tensor:
    model, preprocess = load_backbone(file)
    pixels = torch.cat([preprocess(images.read(image_id)) for image_id in images.ids])
    return encode(model, pixels)[:, 0]


def test_a_loss_that_is_not_finite_names_its_step_and_images(
    run: Run, recipe: Make, tmp_path: Path, before_step: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ids: list[str] = []

    def breaking(trainer: Trainer, parts: Any) -> None:
        ids.extend(parts[0].ids)
        next(trainer.student.backbone.parameters()).data.fill_(float("nan"))

    before_step(4, breaking)
    expected = r"step 4: the loss is not finite \(its images are named in the log; last good check"
    with pytest.raises(InputError, match=expected + r"point: .*a.checkpoint has step 4\); lower"):
        run(recipe(log_every=3, checkpoint_minutes=1e-9))
    assert "images of step 4: " + " ".join(ids) in caplog.text
    # it was not written again after the broken step
    assert torch.load(tmp_path / "a.checkpoint", weights_only=True)["state"]["step"] == 4


def test_devices_and_full_precision() -> None:
    """For trainings, embeddings and attackers, which all ask for their device here."""
    for flags in (torch.backends.cuda.matmul, torch.backends.cudnn):
        flags.allow_tf32 = True
        assert pick_device("cpu") == CPU
        assert not flags.allow_tf32
    if torch.cuda.is_available():
        assert pick_device("auto").type == "cuda"
    else:
        assert pick_device("auto") == CPU
        with pytest.raises(InputError, match=r"recipe.device is cuda"):
            pick_device("cuda")


def test_too_small_a_gpu(run: Run, recipe: Make, before_step: Callable[..., list[int]]) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    before_step(0, full)
    with pytest.raises(InputError, match=r"raise recipe.optimizer.accumulate \(now 1\)"):
        run(recipe())


def test_parts_of_a_batch_take_the_step_of_the_whole(recipe: Make, original: ImageSet) -> None:
    """With softmax centering, without KoLeo and stochastic depth, accumulation changes nothing."""
    gradients, centers, losses = [], [], []
    for parts in (1, 4):
        made = recipe(
            backbone={"drop_path": 0.0},
            heads={"centering": "softmax"},
            losses={"koleo": 0.0},
            optimizer={"accumulate": parts},
            log_every=1,
        )
        trainer = next(_steps(made, original))
        found = [p.grad.flatten() for p in trainer.student.parameters() if p.grad is not None]
        gradients.append(torch.cat(found))
        centers.append(torch.cat([c.center for c in trainer.centerings.values()]))
        losses.append(trainer.log[0]["loss"])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(centers[0], centers[1])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_compiled_blocks(recipe: Make, original: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are traced; `benchmarks/gpu.py` has the code that is made from that, too."""
    traced = partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    logs = []
    for how in ("off", "on"):
        made = recipe(compile=how, backbone={"depth": 1}, optimizer={"steps": 2}, log_every=1)
        *_, trainer = _steps(made, original)
        logs.append(pd.DataFrame(trainer.log))
    np.testing.assert_allclose(logs[0].loss, logs[1].loss, rtol=1e-4)
