"""Which files a model is made of: those that its library opens by itself included."""

import json
from pathlib import Path

import numpy as np
import pytest

from anonbench.core.errors import InputError
from anonbench.core.provenance import model_files
from onnx_file import external, field, model, node, tensor


def onnx(*locations: str, more: bytes = b"") -> bytes:
    """Return a model with one constant in each of other files, and one in itself."""
    inside = tensor("own", np.arange(64, dtype=np.float32))
    weights = [external(f"w{n}", (4,), place) for n, place in enumerate(locations)]
    nodes = [node("Relu", ["x"], "y"), *([more] if more else [])]
    return model(nodes, [*weights, inside], {"x": (1, 4)}, {"y": (1, 4)})


def write(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def names(path: Path, root: Path) -> list[str]:
    return [str(file.relative_to(root)) for file in model_files(path)]


def test_weights_beside_a_graph_belong_to_it(tmp_path: Path) -> None:
    write(tmp_path, net_onnx=onnx("net.bin", "more.bin", "net.bin"), net_bin=b"1", more_bin=b"2")
    write(tmp_path, other_bin=b"3", plain_onnx=onnx())
    assert names(tmp_path / "net.onnx", tmp_path) == ["net.onnx", "more.bin", "net.bin"]
    assert names(tmp_path / "plain.onnx", tmp_path) == ["plain.onnx"]
    long = "w" * 150 + ".bin"
    write(tmp_path, a_weights=onnx(long))  # known by its content
    (tmp_path / long).touch()
    assert names(tmp_path / "a.weights", tmp_path) == ["a.weights", long]


def test_constants_of_nodes_and_of_graphs_in_them_are_found(tmp_path: Path) -> None:
    inner = field(5, external("deep", (4,), "deep.bin"))  # a graph with one initializer
    constant = field(5, external("flat", (4,), "flat.bin"))  # an attribute with a tensor
    branch = field(4, "If") + field(5, field(1, "then_branch") + field(6, inner))
    write(tmp_path, a_onnx=onnx(more=branch), b_onnx=onnx(more=field(5, constant)))
    write(tmp_path, deep_bin=b"1", flat_bin=b"2")
    assert names(tmp_path / "a.onnx", tmp_path) == ["a.onnx", "deep.bin"]
    assert names(tmp_path / "b.onnx", tmp_path) == ["b.onnx", "flat.bin"]


def test_shards_belong_to_their_index(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    write(tmp_path, one_safetensors=b"1", two_safetensors=b"2")
    write(tmp_path, model_safetensors_index_json=json.dumps(index).encode())
    found = names(tmp_path / "model.safetensors.index.json", tmp_path)
    assert found == ["model.safetensors.index.json", "one.safetensors", "two.safetensors"]


def test_a_folder_counts_with_all_in_it_and_what_its_graphs_need(tmp_path: Path) -> None:
    write(tmp_path, m__inference_onnx=onnx("../w.bin"), m__inference_yml=b"a: 1", w_bin=b"1")
    write(tmp_path, m__deep__x_txt=b"2", far__y_txt=b"3", m___git__HEAD=b"")
    (tmp_path / "m" / "linked").symlink_to(tmp_path / "far")
    (tmp_path / "m" / "round").symlink_to(tmp_path / "m")
    found = [str(file.resolve().relative_to(tmp_path)) for file in model_files(tmp_path / "m")]
    assert sorted(found) == [
        *("far/y.txt", "m/deep/x.txt", "m/inference.onnx", "m/inference.yml", "w.bin")
    ]


def test_missing_weights_are_named(tmp_path: Path) -> None:
    write(tmp_path, net_onnx=onnx("gone.bin"))
    with pytest.raises(InputError, match=r"net\.onnx: .*its weights in gone\.bin.*copy it there"):
        model_files(tmp_path / "net.onnx")
    assert model_files(tmp_path / "nothing.onnx") == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\x08", b"\x08\x07\x3a\xff\xff\xff\x7f", b"\x08" + b"\xff" * 40, b"PK\3\4", b"\x0b"],
)
def test_what_is_no_model_is_one_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    assert names(tmp_path / "net.onnx", tmp_path) == ["net.onnx"]
