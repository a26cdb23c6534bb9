"""Pictures that are passed on, of hidden images or blank; canary pixels; the explorer."""

import ast
import base64
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic_results import FakeImages, outputs

import canaries
from anonbench.config import Retrieval
from anonbench.core.io import write_parquet
from anonbench.core.vocabulary import Method, Variant
from anonbench.datasets.image_sets.shards import ShardWriter, index_path, open_sets
from anonbench.datasets.images import encode
from anonbench.embedding.attention_maps import AttentionMaps, write_maps
from anonbench.embedding.store import Embeddings, read_embeddings, write_embeddings
from anonbench.evaluation.retrieval.vectors import draw_queries
from anonbench.reporting import explorer
from anonbench.reporting.explorer import ScenarioEmbeddings, display_names, explore, scaled
from anonbench.reporting.figures import style
from anonbench.reporting.figures.attention import attention, panels
from anonbench.reporting.figures.examples import examples
from anonbench.reporting.shown_images import blank, choose, open_shown, read_outlines
from anonbench.training.data.preprocess import Preprocess

STATES = ("empty", "failed", "ok", "partial", "unreadable")
ALL = [*STATES, "unlisted"]
VARIANTS = ["mask-50", "mask-100"]


def test_what_is_seen(tmp_path: Path) -> None:
    """Of two sets with detection's outcome in two shards; ids are states."""
    files = []
    for variant in VARIANTS:
        path = tmp_path / variant / "val" / "0.tar"
        path.parent.mkdir(parents=True)
        with ShardWriter.open(path) as shard:
            for number, name in enumerate(sorted(ALL)):
                shard.add(name, encode(np.full((5, 4), number, np.uint8)), "png", 4, 5)
        files += [path, index_path(path)]
    found = []
    for number, states in enumerate((STATES[:2], STATES[2:])):
        found.append(tmp_path / f"{number}.images.parquet")
        write_parquet(pd.DataFrame({"id": states, "status": states}), found[-1])
    shown = open_shown(VARIANTS, files, tmp_path, found, show_originals=False)
    assert shown["mask-50"].ids == [] and shown["mask-100"].ids == ["ok"]
    for variant in VARIANTS:
        for name in ALL:
            seen = variant == "mask-100" and name == "ok"
            assert (name in shown[variant]) == seen
            assert np.array_equal(shown[variant].read(name), blank()) != seen
    heads = np.ones((1, 2, 2), np.float32)
    maps = {(variant, name): heads for variant in VARIANTS for name in ("ok", "empty")}
    write_maps(AttentionMaps(Preprocess(16, "imagenet", "squash"), maps), tmp_path / "maps.npz")
    panes = panels({"unadapted": tmp_path / "maps.npz"}, shown)
    seen_in_maps = [(p.variant, p.image_id) for p in panes if p.picture is not None]
    assert len(panes) == 4 and seen_in_maps == [("mask-100", "ok")]
    shown = open_shown(VARIANTS, files, tmp_path, [], show_originals=True)
    for variant in VARIANTS:
        assert shown[variant].ids == sorted(ALL)
        values = [int(shown[variant].read(name)[0, 0]) for name in shown[variant].ids]
        assert values == list(range(len(ALL)))


def test_examples_without_an_image_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    blank = style.blank
    monkeypatch.setattr(style, "blank", lambda text: texts.append(text) or blank(text))
    variant = Variant.parse("mask-50")
    examples({variant: FakeImages(variant)}, [], False, outputs(tmp_path))
    assert texts == ["Not shown: no image has all of its regions hidden"]
    assert all(path.is_file() for path in outputs(tmp_path))


def test_no_other_way_leads_from_image_sets_to_pictures(root: Path) -> None:
    readers = {"anonbench.datasets.image_sets.shards", "anonbench.datasets.images"}
    places = [*root.glob("src/anonbench/reporting/**/*.py"), *root.glob("workflow/scripts/*.py")]
    found = {path.stem for path in places if readers & set(imported(path))}
    # these write no picture that is shown
    no_pictures = {"attack", "attend", "reidentify", "hash_images", "embed"}
    no_pictures |= {"embed_system", "distill_system", "gather"}
    assert found == {"shown_images", "train_redrawer", *no_pictures}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


BOX = ["x0", "y0", "x1", "y1"]
CORNERS = [f"q{number}" for number in range(8)]


def region(image_id: str, entity: str, x: float, y: float) -> tuple[object, ...]:
    """Return a region of 10 x 5 pixels; an upright one, such as a face, has no corners."""
    corners = (x, y, x + 10, y, x + 10, y + 5, x, y + 5) if entity != "face" else 8 * (np.nan,)
    return image_id, entity, x, y, x + 10, y + 5, *corners


def test_a_typical_image_with_most_kinds_is_outlined(tmp_path: Path) -> None:
    boxes, manifest = tmp_path / "boxes.parquet", tmp_path / "manifest.parquet"
    rows = [region("a", "text", 1, y) for y in range(9)]
    rows += [region("b", e, 2, y) for y, e in enumerate(("face", "text", "text"))]
    rows += [region("c", "face", 3, 4), region("c", "text", 30, 40)]
    rows += [region("d", "face" if y else "text", 4, y) for y in range(9)]
    regions = pd.DataFrame(rows, columns=["id", "entity", *BOX, *CORNERS])
    write_parquet(regions, boxes)
    write_parquet(pd.DataFrame({"id": ["b"], "width": [64], "height": [48]}), manifest)
    found = read_outlines(boxes, manifest)
    assert found is not None and (found.width, found.height) == (64, 48)
    assert found.shapes[0] == ("face", "2 0 12 0 12 5 2 5") and len(found.shapes) == 3
    assert list(found.colours) == ["face", "text"]
    # without sizes, the extent of the regions counts
    write_parquet(pd.DataFrame({"id": ["a", "b", "c"]}), manifest)
    for sizes in (manifest, None):
        found = read_outlines(boxes, sizes)
        assert found is not None and (found.width, found.height) == (20, 15)
    write_parquet(regions.iloc[:0], boxes)
    assert read_outlines(boxes, manifest) is None


IDS = [f"{number:02d}" for number in range(12)]
KINDS = ("examples", "attention", "explorer")
"""Figures that show magenta, the colour of visible regions, unless read through the gate."""


def page(hidden: bool) -> np.ndarray:
    pixels = np.full((120, 96, 3), (0, 200, 0), np.uint8)
    pixels[10:50, 8:88] = 0
    pixels[60:110, 8:88] = 0 if hidden else (255, 0, 255)
    return pixels


def made(folder: Path, variant: str, visible: str) -> tuple[list[Path], list[Path]]:
    """Write an image set and detection's outcome; every other image has the status `visible`."""
    tar, outcome = folder / variant / "0.tar", folder / "0.images.parquet"
    states = [visible if number % 2 else "ok" for number in range(len(IDS))]
    with ShardWriter.open(tar) as shard:
        for image_id, state in zip(IDS, states, strict=True):
            shard.add(image_id, encode(page(state == "ok" and "100" in variant)), "png", 96, 120)
    write_parquet(pd.DataFrame({"id": IDS, "status": states}), outcome)
    return [tar, index_path(tar)], [outcome]


def embedded(path: Path, seed: int) -> Path:
    values = np.random.default_rng(seed).normal(size=(len(IDS), 6)).astype(np.float32)
    write_embeddings(path, Embeddings(IDS, values))
    return path


def draw(kind: str, images: Mapping[str, Any], folder: Path) -> bytes:
    """Return what the workflow's job of this name writes, all files together."""
    ((name, shown),) = images.items()
    variant, reference = Variant.parse(name), embedded(folder / "reference.h5", 0)
    database, files = embedded(folder / "images.h5", 1), outputs(folder, kind)
    if kind == "examples":
        examples({variant: shown}, choose(shown.ids, 6), show_originals=False, outputs=files)
    elif kind == "attention":
        maps = {(name, image_id): np.ones((2, 4, 4), np.float32) for image_id in IDS[:4]}
        write_maps(AttentionMaps(Preprocess(32, "imagenet", "squash"), maps), folder / "maps.npz")
        attention(panels({"unadapted": folder / "maps.npz"}, images), files)
    else:
        manifest = folder / "manifest.parquet"
        write_parquet(pd.DataFrame({"id": IDS}), manifest)
        method = str(variant.method)
        scenario = ScenarioEmbeddings("unadapted", variant, reference, database)
        given = reference, [scenario], {method: shown}, manifest, None, Retrieval(fraction=0.5)
        explorer = explore("ids", *given, queries=4, results=6)
        return json.dumps(explorer).encode()
    return b"".join(path.read_bytes() for path in files)


def colours(data: bytes) -> list[bool]:
    return [number > 0 for number in canaries.colours(data)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_region_is_shown(tmp_path: Path, kind: str) -> None:
    for variant, visible in (
        *(("mask-50", "ok"), ("mask-100", "empty")),
        *(("mask-100", "partial"), ("mask-100", "failed")),
    ):
        folder = tmp_path / f"{variant} {visible}"
        files, outcome = made(folder, variant, visible)
        gated = draw(kind, open_shown([variant], files, folder, outcome, False), folder)
        assert colours(gated) == [False, variant == "mask-100"], visible
    assert colours(draw(kind, open_sets([variant], files), folder)) == [True, True]
    everything = draw(kind, open_shown([variant], files, folder, [], True), folder)
    assert colours(everything) == [True, True]


NAMED = [f"people/a name {i:02d}" for i in range(40)]
LABELS = [f"a person {i % 3}" for i in range(len(NAMED))]
SETTINGS = Retrieval(fraction=0.2)  # k = 8


def embed(path: Path, seed: int, noise: float = 0.0) -> Path:
    """Write embeddings; `noise` moves them away from seed 0's."""
    base = np.random.default_rng(0).normal(size=(40, 6))
    moved = base + noise * np.random.default_rng(seed).normal(size=(40, 6))
    write_embeddings(path, Embeddings(NAMED, moved.astype(np.float32)))
    return path


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> list[ScenarioEmbeddings]:
    """Return the unadapted and an adapted model on two variants, and a control on originals."""
    folder, found = tmp_path_factory.mktemp("embeddings"), []
    reference = embed(folder / "reference.h5", 0)
    manifest = reference.with_name("manifest.parquet")
    write_parquet(pd.DataFrame({"id": NAMED, "class": LABELS}), manifest)
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
    manifest = reference.with_name("manifest.parquet")
    return explore("people", reference, scenarios, images, manifest, "class", SETTINGS, **given)


def similarities(queries: Path, database: Path, query: str) -> pd.Series:
    def units(path: Path) -> np.ndarray:
        values = read_embeddings(path).values.astype(np.float64)
        return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))

    found = pd.Series(units(database) @ units(queries)[NAMED.index(query)], NAMED)
    return found.sort_values(ascending=False)


def test_lists_are_first_results_with_their_ranks(scenarios: list[ScenarioEmbeddings]) -> None:
    shown = build(scenarios, pictures(originals=True))
    names = shown["names"]
    drawn = draw_queries(NAMED, 4)
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


def test_names_only_if_asked_for(scenarios: list[ScenarioEmbeddings], tmp_path: Path) -> None:
    shown = build(scenarios, pictures())
    assert set(shown["thumbnails"]) == {"blur", "mask"} and not shown["originals"]
    assert "people/" not in json.dumps(shown) and "person" not in json.dumps(shown)
    assert all(len(name) == 6 and name.isdigit() for name in shown["names"])
    of_originals = [s for s in shown["scenarios"] if s["method"] == "original"]
    assert [(s["adaption"], s["query"]) for s in of_originals] == [("control", "original")]
    with_originals = build(scenarios, pictures(originals=True))
    assert with_originals["originals"] and set(with_originals["names"]) <= set(NAMED)
    # both number the same images
    numbers = [int(name) - 1 for name in shown["names"]]
    assert [NAMED[n] for n in numbers] == with_originals["names"]
    assert shown["labels"] == [f"class {n % 3 + 1}" for n in numbers]
    assert with_originals["labels"] == [f"class: a person {n % 3}" for n in numbers]
    path = tmp_path / "manifest.parquet"
    pd.DataFrame({"id": ["a", "b"], "class": ["letter", None]}).to_parquet(path)
    assert display_names(path, None, ["b", "a"], False) == (["000002", "000001"], None)
    assert display_names(path, None, ["b", "a"], True) == (["b", "a"], None)
    assert display_names(path, "class", ["b", "a"], False)[1] == [None, "class 1"]
    assert display_names(path, "class", ["b", "a"], True)[1] == [None, "class: letter"]


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
    for given, size in (((20, 300), (4, 56)), ((3, 2), (3, 2))):  # pictures keep their shape
        assert scaled(Image.new("RGB", given), 56).size == size
