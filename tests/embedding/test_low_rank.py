"""Low-rank updates of a system's network: what they change, and what they leave as it is."""

import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from anonbench.config import LowRank
from anonbench.core.errors import InputError
from anonbench.core.io import read_json, write_json
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.low_rank import layer_names, learn_updates
from anonbench.embedding.systems.networks import Timm
from anonbench.embedding.systems.opening import identity_of, open_system
from anonbench.embedding.systems.torch_encoder import merge
from image_sets import write_set

install_torchvision_ops()  # timm and peft import torchvision

pytestmark = pytest.mark.skipif(find_spec("peft") is None, reason="adaption D needs peft")
MASK = Variant("mask", 100)
FILE = "adapter_model.safetensors"
Images = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def images() -> Images:
    """Draw 48 images of blocks in one of four tints, and hide the middle of each."""
    draw = np.random.default_rng(0)
    original = {}
    for number in range(48):
        blocks = draw.integers(0, 128, (8, 8, 3), dtype=np.uint8) + np.uint8(number % 4 * 40)
        original[f"{number:02d}"] = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
    hidden = {name: image.copy() for name, image in original.items()}
    for image in hidden.values():
        image[12:52, 12:52] = 0
    return {"original": original, "hidden": hidden}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Timm:
    """Return a small network with batch normalization, depthwise convolutions, random weights."""
    path = tmp_path_factory.mktemp("network") / "weights.safetensors"
    from timm import create_model

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_model("test_efficientnet", num_classes=0)
        network.train()
        with torch.no_grad():  # statistics as of a trained network: features differ
            network(torch.randn(32, 3, 64, 64))
    save_file(dict(network.state_dict()), path)
    return Timm(model="test_efficientnet", weights=path, device="cpu")


def learned(folder: Path, system: Timm, images: Images, **changes: float) -> Path:
    original, hidden = (
        write_set(folder / f"{kind}.tar", dict(list(images[kind].items())[:32]))
        for kind in ("original", "hidden")
    )
    settings = LowRank.model_validate({"epochs": 5, "rank": 4} | changes)
    learn_updates(system, original, hidden, MASK, settings, 0, folder / FILE, folder / "log.csv")
    return folder


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory, system: Timm, images: Images) -> Path:
    return learned(tmp_path_factory.mktemp("updates"), system, images)


def vectors(system: Timm, images: dict[str, np.ndarray]) -> np.ndarray:
    with open_system(system) as opened:
        found = opened.encode(list(images.values())[32:])
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@pytest.mark.slow
def test_hidden_images_come_nearer(system: Timm, images: Images, updates: Path) -> None:
    wanted, hidden = (vectors(system, images[each]) for each in ("original", "hidden"))
    found = vectors(system.model_copy(update={"adapter": updates / FILE}), images["hidden"])
    before, after = (np.linalg.norm(wanted - each, axis=1).mean() for each in (hidden, found))
    assert after < 0.6 * before
    log = pd.read_csv(updates / "log.csv")
    assert list(log.columns) == ["step", "learning_rate", "cosine"]
    assert list(log["step"]) == [*range(1, 11)]  # a warm-up of a tenth would be one step
    assert log["learning_rate"].is_monotonic_decreasing
    assert log["cosine"].iloc[-1] > log["cosine"].iloc[0]
    from peft import PeftModel

    plain, ours, theirs = (system.network() for _ in range(3))
    merge(ours.module, updates / FILE)
    peft = PeftModel.from_pretrained(theirs.module, str(updates)).eval()
    inputs = torch.from_numpy(ours.prepare(images["hidden"]["40"]))[None]
    with torch.no_grad():
        assert torch.allclose(ours.compute(inputs), peft(inputs), rtol=1e-4, atol=1e-5)
    before, after = plain.module.state_dict(), ours.module.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {f"{name}.weight" for name in layer_names(plain.module)}
    assert changed and len(changed) < len(before) / 4


@pytest.mark.slow
def test_equal_runs_give_equal_bytes(
    tmp_path: Path, system: Timm, images: Images, updates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    again = learned(tmp_path, system, images)
    for name in (FILE, "adapter_config.json", "log.csv"):
        assert (again / name).read_bytes() == (updates / name).read_bytes(), name


def test_the_files_content_is_part_of_a_system(tmp_path: Path, system: Timm, updates: Path) -> None:
    copied = Path(shutil.copytree(updates, tmp_path / "copied"))
    here, there = (
        identity_of(system.model_copy(update={"adapter": folder / FILE}))
        for folder in (updates, copied)
    )
    assert identity_of(system) != here == there
    _with(lora_alpha=1)(copied)
    assert identity_of(system.model_copy(update={"adapter": copied / FILE})) != here


def _with(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "adapter_config.json"
        write_json(file, read_json(file) | changes)

    return change


def _other_rank(folder: Path) -> None:
    weights = load_file(folder / FILE)
    first = next(name for name in weights if name.endswith("lora_A.weight"))
    save_file(weights | {first: weights[first][:1].clone()}, folder / FILE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / FILE).write_bytes(b"cut"), "cannot be read as low-rank updates"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "does not exist"),
        (_with(use_rslora=True), "more than plain low-rank updates"),
        (_with(init_lora_weights="pissa_niter_4"), "more than plain low-rank updates"),
        (_other_rank, "learned for another network"),
    ],
)
def test_what_are_no_updates_of_it_is_refused(
    change: Callable[[Path], object], message: str, tmp_path: Path, system: Timm, updates: Path
) -> None:
    folder = Path(shutil.copytree(updates, tmp_path / "changed"))
    change(folder)
    changed = system.model_copy(update={"adapter": folder / FILE})
    with pytest.raises(InputError, match=message) as caught, open_system(changed):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_what_cannot_be_learned_is_said(
    tmp_path: Path, system: Timm, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"not finite; lower low_rank\.learning_rate"):
        learned(tmp_path, system, images, learning_rate=1e30)
    assert not (tmp_path / FILE).exists()
    few = {kind: dict(list(each.items())[:15]) for kind, each in images.items()}
    with pytest.raises(InputError, match=r"15 train images of mask-100 are left.*needs 16"):
        learned(tmp_path, system, few)
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr(ImageSet, "read", None)  # nothing is computed
    with pytest.raises(InputError, match=r'^adaption D .* pip install "anonbench\[lora\]"$'):
        learned(tmp_path, system, images)


def test_layers_that_no_update_can_be_added_to_are_left_out() -> None:
    from timm.layers import StdConv2d
    from torch import nn

    others = {"standardized": StdConv2d(8, 8, 1), "dilated": nn.Conv2d(8, 8, 3, dilation=2)}
    others |= {"reflected": nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")}
    others |= {"by_channel": nn.Conv2d(8, 8, 1, groups=8)}
    others |= {"parametrized": nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))}
    assert layer_names(nn.ModuleDict(others | {"plain": nn.Conv2d(8, 8, 1)})) == ["plain"]
    with pytest.raises(InputError, match="no plain linear layer or convolution"):
        layer_names(nn.ModuleDict(others))
