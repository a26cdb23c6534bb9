"""Every kind of system under test: started, asked, and what it says where it cannot answer."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter
from torch import Tensor, nn

from anonbench.anonymization.checked import anonymize
from anonbench.config import AnySystem
from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.core.registries.systems import ImageInput
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.extract import write_untrained
from anonbench.embedding.given_systems import embed_sets
from anonbench.embedding.store import Embeddings, read_embeddings, write_embeddings
from anonbench.embedding.systems.inputs import Prepare
from anonbench.embedding.systems.opening import open_system
from anonbench.embedding.systems.torch_encoder import module_network, network_encoder
from image_sets import write_set
from onnx_file import UINT8, model, node, tensor

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
folder, output = map(Path, sys.argv[1:])
rows = []
for file in sorted(folder.iterdir()):
    small = Image.open(file).resize((2, 2), Image.Resampling.BOX)
    rows.append(np.asarray(small, np.float32).ravel())
np.savez(output, ids=[f.name for f in sorted(folder.iterdir())], embeddings=np.array(rows))
"""
MODULE = """
import numpy as np
from PIL import Image
print("loaded")
def encode(images):
    print("called")
    small = [Image.fromarray(i).resize((2, 2), Image.Resampling.BOX) for i in images]
    return np.array([np.asarray(each, np.float32).ravel() for each in small])
def short(images):
    return np.zeros((1, 4), np.float32)
def broken(images):
    return np.full((len(images), 4), np.nan)
def fails(images):
    raise ValueError("no\\nweights")
def learned(images):
    import torch
    return torch.tensor(encode(images), requires_grad=True)
def half(images):
    return learned(images).bfloat16()
def advised(images):
    return half(images).detach().cpu().float().numpy()
"""


def settings(**given: Any) -> Any:
    return TypeAdapter(AnySystem).validate_python(given)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    sizes = [(40, 60), (64, 64), (90, 30), (33, 47), (70, 71), (128, 40), (50, 50)]
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def encoded(system: Any, images: list[np.ndarray]) -> np.ndarray:
    with open_system(system) as opened:
        return opened.encode(images)


def quarters(image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(image).resize((2, 2), Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel()


def test_a_picture_becomes_the_input_that_timm_makes_of_it(pictures: list[np.ndarray]) -> None:
    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()
    from timm.data import create_transform

    for size, crop, interpolation in ((32, 0.875, "bicubic"), (48, 0.9, "bilinear")):
        ours = Prepare(ImageInput(size=(size, size), crop=crop, interpolation=interpolation))
        theirs = create_transform((3, size, size), crop_pct=crop, interpolation=interpolation)
        for picture in pictures:
            expected = theirs(Image.fromarray(picture)).numpy()
            assert np.array_equal(ours(picture), expected)
    grey = np.full((10, 20, 3), (10, 20, 30), np.uint8)
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "value_range": 255, "size": (8, 8)}
    squashed = Prepare(ImageInput(resize="squash", channels="bgr", layout="nhwc", **plain))(grey)
    assert squashed.shape == (8, 8, 3)
    assert squashed[0, 0].tolist() == [30, 20, 10]
    padded = Prepare(ImageInput(resize="pad", **plain | {"mean": (50.0, 50.0, 50.0)}))(grey)
    assert padded[:, 0, 0].tolist() == [0, 0, 0]
    assert padded[:, 4, 4].tolist() == [-40, -30, -20]


@pytest.mark.slow
def test_small_model(pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    small = settings(kind="timm", batch_size=4)
    flower = np.kron(np.eye(8), np.ones((8, 8)))[..., None] * np.uint8([200, 30, 90])
    flower = flower.astype(np.uint8)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = encoded(small, [flower, *pictures[:5]])
    assert found.shape == (6, 1280)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    again = encoded(small, [pictures[4], flower[::-1, ::-1]])
    assert np.array_equal(again[0], found[5])  # nor on the images beside it
    unit = [v / np.linalg.norm(v) for v in (found[0], again[1], found[1])]
    assert unit[0] @ unit[1] > unit[0] @ unit[2]


def test_timm_names_weights_and_an_unreachable_hub(
    tmp_path: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="did you mean vit_tiny_patch16_224"):
        encoded(settings(kind="timm", name="vit_tiny_patch16_223"), pictures)
    torch.save({"state_dict": {"a": torch.ones(1)}}, tmp_path / "w.pt")
    wrong = settings(kind="timm", name="resnet10t", weights=tmp_path / "w.pt")
    with pytest.raises(InputError, match="weights do not fit the model"):
        encoded(wrong, pictures)
    with pytest.raises(InputError, match="does not exist"):
        encoded(settings(kind="timm", name="resnet10t", weights=tmp_path / "none"), pictures)
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for system in (
        settings(kind="timm", name="resnet10t"),
        settings(kind="huggingface", name="nobody/nothing"),
    ):
        with pytest.raises(InputError, match="cannot be loaded from the hub"):
            encoded(system, pictures)


@pytest.mark.slow
def test_a_folder_in_the_format_of_transformers(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(
        **sizes, intermediate_size=16, image_size=32, patch_size=16, add_pooling_layer=False
    )
    torch.manual_seed(0)
    transformers.ViTModel(config).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(
            {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
        )
    )
    for pooling in ("cls", "mean"):
        found = encoded(settings(kind="huggingface", name=str(tmp_path), pooling=pooling), pictures)
        assert found.shape == (7, 16)
        assert len(np.unique(found, axis=0)) == 7


def test_a_checkpoint_of_anonbench(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    recipe = Recipe.model_validate({"crops": {"global_size": 32, "local_size": 16}})
    write_untrained(recipe, 0, tmp_path / "backbone.safetensors")
    system = settings(kind="checkpoint", file=tmp_path / "backbone.safetensors")
    found = encoded(system, pictures)
    assert found.shape == (7, recipe.backbone.width)
    torch.save({}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="use kind: timm"):
        encoded(settings(kind="checkpoint", file=tmp_path / "other.pt"), pictures)


def test_onnx(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    nodes = [node("GlobalAveragePool", ["images"], "means")]
    pooled = model(nodes, [], {"images": (3, 3, 32, 32)}, {"means": (3, 3, 1, 1)})
    (tmp_path / "pooled.onnx").write_bytes(pooled)
    system = settings(kind="onnx", file=tmp_path / "pooled.onnx", input={"resize": "squash"})
    squashed = ImageInput(size=(32, 32), resize="squash")
    expected = [Prepare(squashed)(each).mean(axis=(1, 2)) for each in pictures]
    assert np.allclose(encoded(system, pictures), expected, atol=1e-5)
    for given, message in (
        ({"input": {"size": (64, 64)}}, "takes size"),
        ({"output": "scores"}, "no output 'scores'; it has means"),
    ):
        with pytest.raises(InputError, match=message):
            encoded(settings(kind="onnx", file=tmp_path / "pooled.onnx", **given), pictures)
    nodes = [
        node("DequantizeLinear", ["images", "one"], "values"),
        node("ReduceMean", ["values"], "means", axes=[1, 2]),
        node("Flatten", ["means"], "out"),
    ]
    one = tensor("one", np.array(1.0, np.float32))
    taken, given = {"images": ("n", "height", "width", 3)}, {"out": ("n", 3)}
    pixels = model(nodes, [one], taken, given, UINT8)
    (tmp_path / "pixels.onnx").write_bytes(pixels)
    size: dict[str, Any] = {"size": (32, 32), "resize": "squash"}
    system = settings(kind="onnx", file=tmp_path / "pixels.onnx", input=size)
    raw = {"value_range": 255, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    expected = [Prepare(ImageInput(**size, **raw))(each).mean(axis=(1, 2)) for each in pictures]
    assert np.allclose(encoded(system, pictures), expected, atol=1e-3)
    wrong = settings(kind="onnx", file=system.file, input={"mean": (0.5, 0.5, 0.5)})
    with pytest.raises(InputError, match=r"takes mean \(0\.0, .*, and `input\.mean` says"):
        encoded(wrong, pictures)


def test_functions(
    tmp_path: Path,
    pictures: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "our_search.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    system = settings(kind="function", function="our_search:encode", batch_size=3)
    assert np.array_equal(encoded(system, pictures), [quarters(each) for each in pictures])
    said = capsys.readouterr()
    assert "loaded\ncalled" in said.err and not said.out, "--json prints one object alone"
    advised = encoded(settings(kind="function", function="our_search:advised"), pictures)
    assert np.allclose(advised, [quarters(each) for each in pictures], rtol=0.01)
    advice = re.escape("`.detach().cpu().float().numpy()`")
    for name, message in (
        ("our_search:none", "has no function 'none'"),
        ("nowhere:encode", "no module 'nowhere'"),
        ("our_search:short", "return a row"),
        ("our_search:broken", "not finite"),
        ("our_search:fails", r"our_search:fails raised ValueError: no weights \(.*_search.py, li"),
        ("our_search:learned", rf"function learned returned what is no array .*{advice}"),
        ("our_search:half", rf"function half returned what is no array .*{advice}"),
    ):
        with pytest.raises(InputError, match=message):
            encoded(settings(kind="function", function=name), pictures)


def test_commands(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    program = tmp_path / "embed folder.py"
    program.write_text(PROGRAM)
    line = f"{sys.executable} '{program}' {{images}} {{vectors}}"
    system = settings(kind="command", command=line, format="npz")
    assert system.files() == [Path(sys.executable), program]
    assert np.array_equal(encoded(system, pictures), [quarters(each) for each in pictures])
    for command, message in (
        ("false {images} {vectors}", "ended with status 1"),
        ("true {images} {vectors}", r"wrote no file vectors\.npy: it printed nothing"),
        ("no-such-program {images} {vectors}", "there is no program"),
    ):
        with pytest.raises(InputError, match=message):
            encoded(settings(kind="command", command=command), pictures)
    with pytest.raises(ValueError, match=r"where \{vectors\} goes"):
        settings(kind="command", command="true {images}")


def image_set(folder: Path, variant: str, pictures: list[np.ndarray]) -> ImageSet:
    named = {f"a.b/{number}": picture for number, picture in enumerate(pictures)}
    return write_set(folder / variant / "0.tar", named)


def test_only_new_images_are_embedded(
    tmp_path: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = "seen = []\ndef counted(images): return seen.extend(images) or encode(images)\n"
    (tmp_path / "counting_search.py").write_text(MODULE + counted)
    monkeypatch.chdir(tmp_path)
    system = settings(kind="function", function="counting_search:counted", similarity="inner")
    original = image_set(tmp_path, "original", pictures)
    # of three images something was hidden, the others are the same bytes
    masked = [anonymize(p, [], Variant("mask", 100)) for p in pictures]
    masked[:3] = [picture // 2 for picture in pictures[:3]]
    sets = [
        ("original", original, tmp_path / "original.h5"),
        ("mask-100", image_set(tmp_path, "mask-100", masked), tmp_path / "mask-100.h5"),
    ]
    embed_sets(system, sets, tmp_path / "kept")
    import counting_search  # type: ignore[import-not-found]

    def embedded() -> int:  # some are asked for twice, to see that the answer is the same
        return len({image.tobytes() for image in counting_search.seen})

    assert embedded() == 10
    found = read_embeddings(tmp_path / "mask-100.h5")
    assert found.ids == original.ids
    assert found.similarity == "inner"
    assert np.array_equal(found.values, [quarters(each) for each in masked])
    before = (tmp_path / "mask-100.h5").read_bytes()
    blurred = image_set(tmp_path, "blur-100", [masked[0], *pictures[1:6], pictures[6] // 3])
    again, asked = system.model_copy(update={"similarity": "cosine"}), len(counting_search.seen)
    embed_sets(again, [*sets, ("blur-100", blurred, tmp_path / "b.h5")], tmp_path / "kept")
    assert embedded() == 11
    assert len(counting_search.seen) - asked < 11, "what is compared by changes no vector"
    embed_sets(system, sets, tmp_path / "fresh")
    assert (tmp_path / "mask-100.h5").read_bytes() == before


def test_vectors_made_elsewhere(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    system = settings(kind="vectors", path=tmp_path / "theirs" / "{variant}.h5")
    (tmp_path / "theirs").mkdir()
    images = {name: image_set(tmp_path, name, pictures) for name in ("original", "blur-100")}
    sets = [(name, each, tmp_path / f"{name}.h5") for name, each in images.items()]
    ids = images["original"].ids
    said = f"{tmp_path}/blur-100/*.tar (7 images) -> {tmp_path}/theirs/blur-100.h5"
    with pytest.raises(InputError, match=re.escape(said)):
        embed_sets(system, sets, tmp_path)
    plain = system.model_copy(update={"path": system.path.with_suffix(".npy")})
    (tmp_path / "theirs/blur-100.npy").touch()
    with pytest.raises(InputError) as error:
        embed_sets(plain, sets, tmp_path)
    said = str(error.value)
    assert f"-> {tmp_path}/theirs/original.npy and {tmp_path}/theirs/original.ids.txt\n" in said
    assert f"-> {tmp_path}/theirs/blur-100.ids.txt\n" in said
    values = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    names = [*(f"a%2Eb/{number}.png" for number in range(7)), "another"]
    write_embeddings(tmp_path / "theirs/blur-100.h5", Embeddings(names[::-1], values[::-1]))
    write_embeddings(tmp_path / "theirs/original.h5", Embeddings(ids, values[:7]))
    embed_sets(system, sets, tmp_path)
    for name in ("original", "blur-100"):
        found = read_embeddings(tmp_path / f"{name}.h5")
        assert found.ids == ids
        assert np.array_equal(found.values, values[:7])
    other = image_set(tmp_path / "other", "blur-100", [pictures[0] // 2, *pictures[1:]])
    changed = [sets[0], ("blur-100", other, sets[1][2])]
    said = r"theirs/blur-100\.h5 was .* other images: 1 .* changed since, such as .a\.b/0."
    for _ in range(2):
        with pytest.raises(InputError, match=said):
            embed_sets(system, changed, tmp_path)
    write_embeddings(tmp_path / "theirs/blur-100.h5", Embeddings(names[:7], values[1:]))
    embed_sets(system, changed, tmp_path)
    write_embeddings(tmp_path / "theirs/original.h5", Embeddings(ids[1:], values[:6]))
    with pytest.raises(InputError, match=r"no vector of 1 of 7 images, such as .a\.b/0."):
        embed_sets(system, changed, tmp_path)


SQUARES = ImageInput(size=(32, 32), resize="squash")


class Network(nn.Module):
    """A convolution with a normalization that has seen something."""

    def __init__(self, decides: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.decides = decides
        self.calls = 0
        self.convolution = nn.Conv2d(3, 8, 5, 4)
        self.norm = nn.BatchNorm2d(8)
        self.norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr, operator]
        self.norm.running_var.uniform_(0.1, 2)  # type: ignore[union-attr, operator]

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        vectors = self.norm(self.convolution(images)).flatten(1)
        if self.decides and images.mean() > 0:
            return -vectors
        return vectors


@pytest.mark.parametrize("decides", [False, True])
def test_the_vectors_are_the_models_own(decides: bool) -> None:
    network, random = Network(decides), np.random.default_rng(0)
    images = [
        random.integers(0, int(brightest), (40, 50, 3), dtype=np.uint8)
        for brightest in np.linspace(2, 255, 10)
    ]
    given = module_network(network, SQUARES, 4, "fp32", torch.device("cpu"))
    with network_encoder(given) as encoder:
        calls = network.calls
        found = encoder.encode(images)
        is_folded = network.calls == calls
    assert is_folded is not decides
    prepare = Prepare(SQUARES)
    for start in (0, 4):  # whole batches: the network decides by their mean
        batch = torch.from_numpy(np.stack([prepare(each) for each in images[start : start + 4]]))
        with torch.inference_mode():
            expected = network(batch).numpy()
        assert found[start : start + 4] == pytest.approx(expected, abs=1e-4)
