"""Training of the network: it learns, repeats, and goes on after a kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_portraits import MASK, Portraits

from anonbench.config import Anonymization, Embedding
from anonbench.core.errors import InputError, Interrupted
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.extract import features
from anonbench.training import redrawing_training as module
from anonbench.training.redrawing_network import redraw_shard
from anonbench.training.weights import load_backbone


@pytest.mark.slow
def test_a_model_embeds_new_pictures_as_their_originals(
    portraits: Portraits, tmp_path: Path
) -> None:
    network = portraits.train(tmp_path, steps=40, learning_rate=6e-3)
    tar = tmp_path / "val.tar"
    shard = portraits.tars["val"], portraits.boxes["val"], MASK, Anonymization()
    redraw_shard(*shard, network, tar)
    model, preprocess = load_backbone(portraits.backbone)

    def embedded(images: ImageSet) -> np.ndarray:
        vectors = features(model, preprocess, images, Embedding())
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    wanted = embedded(portraits.original["val"])
    before = (embedded(portraits.hidden["val"]) * wanted).sum(axis=1)
    after = (embedded(ImageSet.open([tar])) * wanted).sum(axis=1)
    assert 1 - after.mean() < (1 - before.mean()) / 2
    log = pd.read_csv(tmp_path / "log.csv")
    assert list(log.columns) == ["step", "learning_rate", "cosine", "cosine_hidden"]
    assert log["step"].iloc[-1] == len(log) == 40
    assert log["cosine"].iloc[-1] > log["cosine_hidden"].iloc[-1]


def test_same_arguments_same_bytes(portraits: Portraits, tmp_path: Path) -> None:
    def made(**changes: Any) -> tuple[bytes, bytes]:
        return portraits.train(tmp_path, **changes).read_bytes(), log.read_bytes()

    log = tmp_path / "log.csv"
    first = made()
    assert made(recipe={"workers": 2, "checkpoint_minutes": 1e-9}) == first
    assert made(seed=1)[0] != first[0]


def test_a_training_that_is_ended_goes_on_to_the_same_bytes(
    portraits: Portraits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    whole = portraits.train(tmp_path / "whole").read_bytes()
    steps = []

    def ended(batches: Iterable[Any], *_: Any) -> Iterator[Any]:
        for batch in batches:
            steps.append(len(steps) + 1)
            if len(steps) == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    monkeypatch.setattr(module, "track", ended)
    with pytest.raises(Interrupted):
        portraits.train(tmp_path)
    assert (tmp_path / "checkpoint").exists() and not (tmp_path / "network.safetensors").exists()
    assert portraits.train(tmp_path).read_bytes() == whole
    assert steps == [1, 2, 3, 4, 5, 6]
    assert (tmp_path / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    assert not (tmp_path / "checkpoint").exists()


def test_what_cannot_be_learned_is_said(
    portraits: Portraits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cosine_similarity", lambda a, b: (a * b).sum(1) * float("nan"))
    with pytest.raises(InputError, match=r"the loss is not finite; lower redrawing\.learning_rate"):
        portraits.train(tmp_path)
    monkeypatch.setitem(portraits.hidden, "train", portraits.hidden["val"])
    with pytest.raises(InputError, match="images exist in one version only"):
        portraits.train(tmp_path)
