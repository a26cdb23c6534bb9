from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic_results import FakeImages

from anonbench.config import Retrieval
from anonbench.core.io import write_parquet
from anonbench.core.vocabulary import Method, Variant
from anonbench.embedding.store import Embeddings, read_embeddings, write_embeddings
from anonbench.evaluation.retrieval.vectors import draw_queries
from anonbench.reporting import explorer
from anonbench.reporting.explorer import ScenarioEmbeddings, called, explore, scaled

IDS = [f"people/a name {i:02d}" for i in range(40)]
LABELS = [f"a person {i % 3}" for i in range(len(IDS))]
SETTINGS = Retrieval(fraction=0.2)  # k = 8


def embed(path: Path, seed: int, noise: float = 0.0) -> Path:
    """Write embeddings; `noise` moves them away from seed 0's."""
    base = np.random.default_rng(0).normal(size=(40, 6))
    moved = base + noise * np.random.default_rng(seed).normal(size=(40, 6))
    write_embeddings(path, Embeddings(IDS, moved.astype(np.float32)))
    return path


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> list[ScenarioEmbeddings]:
    """Return the unadapted and an adapted model on two variants, and a control on originals."""
    folder, found = tmp_path_factory.mktemp("embeddings"), []
    reference = embed(folder / "reference.h5", 0)
    manifest = reference.with_name("manifest.parquet")
    write_parquet(pd.DataFrame({"id": IDS, "class": LABELS}), manifest)
    for number, variant in enumerate((Variant(Method.BLUR, 100), Variant(Method.MASK, 50)), 1):
        images = embed(folder / f"{variant}.h5", number, 0.5)
        found.append(ScenarioEmbeddings("unadapted", variant, reference, images))
        own = embed(folder / f"A-{variant}-original.h5", 10 * number, 0.7)
        adapted = embed(folder / f"A-{variant}.h5", 10 * number, 0.9)
        found.append(ScenarioEmbeddings("A", variant, own, adapted))
    control = embed(folder / "control.h5", 7, 0.3)
    return [*found, ScenarioEmbeddings("control", Variant(), control, control)]


def pictures(originals: bool = False) -> dict[str, FakeImages]:
    given = {str(m): FakeImages(Variant(m, 100)) for m in (Method.BLUR, Method.MASK)}
    return given | ({"original": FakeImages(Variant())} if originals else {})


def build(
    scenarios: list[ScenarioEmbeddings], images: dict[str, FakeImages], **options: Any
) -> dict[str, Any]:
    reference, given = scenarios[0].originals, {"queries": 4, "results": 6} | options
    names = called(reference.with_name("manifest.parquet"), "class", "original" in images)
    return explore("people", reference, scenarios, images, names, SETTINGS, **given)


def similarities(queries: Path, database: Path, query: str) -> pd.Series:
    """Return the cosine of a query to all images by id, most similar first."""

    def units(path: Path) -> np.ndarray:
        values = read_embeddings(path).values.astype(np.float64)
        return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))

    found = pd.Series(units(database) @ units(queries)[IDS.index(query)], IDS)
    return found.sort_values(ascending=False)


def test_lists_are_first_results_with_their_ranks(scenarios: list[ScenarioEmbeddings]) -> None:
    shown = build(scenarios, pictures(originals=True))
    names = shown["names"]
    drawn = draw_queries(IDS, 4)
    assert [names[query["image"]] for query in shown["queries"]] == drawn
    assert shown["k"] == 8 and shown["images"] == 40 and len(shown["scenarios"]) == 9
    for number, query in enumerate(drawn):
        truth = similarities(scenarios[0].originals, scenarios[0].originals, query)
        own = shown["queries"][number]
        assert [names[i] for i in own["images"]] == list(truth.index[:6])
        assert own["ranks"] == [1, 2, 3, 4, 5, 6]
        for scenario in shown["scenarios"]:
            files = next(
                s
                for s in scenarios
                if s.adaption == scenario["adaption"]
                and (s.variant.method or "original") == scenario["method"]
            )
            asked = files.originals if scenario["query"] == "original" else files.images
            expected = similarities(asked, files.images, query)
            answer = scenario["results"][number]
            assert [names[i] for i in answer["images"]] == list(expected.index[:6])
            assert answer["similarities"] == pytest.approx(list(expected[:6]), abs=1e-4)
            ranks = [list(truth.index).index(names[i]) + 1 for i in answer["images"]]
            assert answer["ranks"] == ranks


def test_originals_and_names_stay_out_unless_asked_for(scenarios: list[ScenarioEmbeddings]) -> None:
    shown = build(scenarios, pictures())
    assert set(shown["thumbnails"]) == {"blur", "mask"} and not shown["originals"]
    assert "people/" not in json.dumps(shown) and "person" not in json.dumps(shown)
    assert all(len(name) == 6 and name.isdigit() for name in shown["names"])
    of_originals = [s for s in shown["scenarios"] if s["method"] == "original"]
    assert [(s["adaption"], s["query"]) for s in of_originals] == [("control", "original")]
    with_originals = build(scenarios, pictures(originals=True))
    assert with_originals["originals"] and set(with_originals["names"]) <= set(IDS)
    # both number the same images
    numbers = [int(name) - 1 for name in shown["names"]]
    assert [IDS[n] for n in numbers] == with_originals["names"]
    assert shown["labels"] == [f"class {n % 3 + 1}" for n in numbers]
    assert with_originals["labels"] == [f"class: a person {n % 3}" for n in numbers]


def test_one_image_is_an_example_by_each_method_where_all_may_show_it(
    scenarios: list[ScenarioEmbeddings], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = build(scenarios, pictures())
    found = shown["examples"]
    assert set(found) == {"blur", "mask"}
    assert all(each["source"].startswith("data:image/webp;base64,") for each in found.values())
    assert json.dumps(build(scenarios, pictures())) == json.dumps(shown), "not the same bytes"
    room = size(shown) * 3 // 4
    with monkeypatch.context() as little:
        little.setattr(explorer, "THUMBNAIL_BYTES", room)
        assert size(build(scenarios, pictures())) <= room
    monkeypatch.setattr(FakeImages, "__contains__", lambda *_: False)
    assert build(scenarios, pictures())["examples"] == {}


def size(shown: dict[str, Any]) -> int:
    return sum(len(s or "") for sources in shown["thumbnails"].values() for s in sources)


def test_every_picture_that_is_needed_is_there_once(scenarios: list[ScenarioEmbeddings]) -> None:
    images = pictures()
    shown = build(scenarios, images)
    needed: dict[str, set[int]] = {"blur": set(), "mask": set()}
    for query in shown["queries"]:
        for group in needed.values():
            group |= {query["image"], *query["images"]}
    for scenario in shown["scenarios"]:
        method = scenario["method"]
        for kind in needed if method == "original" else [method]:
            needed[kind] |= {i for answer in scenario["results"] for i in answer["images"]}
    for method, sources in shown["thumbnails"].items():
        assert {i for i, source in enumerate(sources) if source} == needed[method]
        reads = images[method].reads  # once more for the first page
        assert len(reads) == len(set(reads)) + 1
    source = next(source for source in shown["thumbnails"]["mask"] if source)
    head, data = source.split(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (140, 180)


@pytest.mark.parametrize(("given", "size"), [((20, 300), (4, 56)), ((3, 2), (3, 2))])
def test_pictures_keep_their_shape(given: tuple[int, int], size: tuple[int, int]) -> None:
    assert scaled(Image.new("RGB", given), 56).size == size


def test_a_data_set_without_labels_has_no_classes(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    pd.DataFrame({"id": ["a", "b"], "class": ["letter", "3"]}).to_parquet(path)
    assert called(path, None, show_originals=False)(["b", "a"]) == (["000002", "000001"], None)
    assert called(path, None, show_originals=True)(["b", "a"]) == (["b", "a"], None)
