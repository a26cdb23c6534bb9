"""A whole evaluation in one process: equal to the pipeline's stages, and what it refuses."""

import doctest
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import anonbench
from anonbench.anonymization.shard import anonymize_shard
from anonbench.config import Anonymization, Detection, Presentation, Retrieval
from anonbench.core.boxes import Region, read_boxes
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity, Model, Variant
from anonbench.datasets.image_sets.shards import ImageSet, write_index
from anonbench.detection import search, shard
from anonbench.detection.base import as_rgb
from anonbench.embedding import given_systems as embed_module
from anonbench.embedding.given_images import look_at
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.comparisons.best import compare_methods
from anonbench.evaluation.comparisons.columns import columns_of
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.end_to_end import evaluate as evaluate_module
from anonbench.evaluation.end_to_end.encoded import COLUMNS, COMPARED
from anonbench.evaluation.end_to_end.result import OF_MAPS, Result, advise
from anonbench.evaluation.retrieval.job import Embedded, gather_scenarios, score_shard
from anonbench.evaluation.scores import ScenarioFiles, collect
from image_sets import listed

SIZE = 108
VARIANTS = [Variant(method, degree) for degree in (100, 50) for method in ("blur", "mask")]
ASKED = {"methods": ["blur", "mask"], "degrees": [100, 50]}


def encode(images: Sequence[np.ndarray]) -> np.ndarray:
    small = [cv2.resize(image, (6, 6), interpolation=cv2.INTER_AREA) for image in images]
    return np.array([image.astype(np.float32).ravel() - 127.5 for image in small])


class Counting:
    """A system with an identity, which counts what it encodes."""

    similarity = "cosine"

    def __init__(self, identity: str = "v1") -> None:
        self.identity, self.count = identity, 0

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.count += len(images)
        return encode(images)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(3)
    for number in range(SIZE):
        height, width = draw.integers(30, 60, 2)
        coarse = draw.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (int(width), int(height)))
        path = folder / ("Ä b" if number % 3 else "c") / f"img {number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0] if number % 10 == 0 else image).save(path)
    return folder


@pytest.fixture(scope="module")
def faces(photos: Path) -> dict[str, list[Region]]:
    """One to three regions of each image but one, slanted ones among them."""
    draw = np.random.default_rng(4)
    found: dict[str, list[Region]] = {}
    for path in sorted(photos.rglob("*.png"))[1:]:
        regions = []
        for each in range(int(draw.integers(1, 4))):
            x, y = (float(value) for value in draw.uniform(1, 12, 2))
            quad = (x + 5, y, x + 17, y + 6, x + 12, y + 17, x, y + 9) if each == 1 else None
            regions.append(Region(Entity.FACE, x, y, x + 17, y + 17, 0.9, quad))
        found[path.relative_to(photos).with_suffix("").as_posix()] = regions
    return found


@pytest.fixture(scope="module")
def result(photos: Path, faces: dict[str, list[Region]]) -> Result:
    return anonbench.evaluate(encode, photos, boxes=faces, **ASKED)


def test_the_examples_of_the_docstrings() -> None:
    for module, name in ((evaluate_module, "evaluate"), (embed_module, "embed")):
        (example,) = doctest.DocTestFinder(recurse=False).find(getattr(module, name))
        assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.slow
def test_the_package_loads_nothing_and_evaluating_a_function_no_torch() -> None:
    code = (
        "import sys, anonbench\n"
        "assert 'numpy' not in sys.modules\n"
        "import numpy as np\n"
        "ids, values = list(range(40)), np.random.default_rng(0).standard_normal((40, 4))\n"
        "anonbench.score((ids, values), (ids, values), (ids, values))\n"
        "loaded = {'torch', 'cv2', 'torchvision', 'timm', 'sklearn'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "sys.modules['torch'] = sys.modules['onnxruntime'] = None\n"
        "from anonbench.core.boxes import Region\n"
        "photos = list(np.random.default_rng(0).integers(0, 255, (120, 9, 9, 3), np.uint8))\n"
        "boxes = {f'{n:03d}': [Region('face', 2, 2, 6, 6, 1.0)] for n in range(120)}\n"
        "encode = lambda images: np.array([image.ravel() - 127.5 for image in images])\n"
        "print(anonbench.evaluate(encode, photos, ['mask'], boxes=boxes).advice[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "mask keeps most" in done.stdout, done.stderr


def manifest_of(photos: Path) -> pd.DataFrame:
    paths = (path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    return listed(photos, sorted(paths))


@pytest.mark.slow
def test_the_numbers_are_the_pipelines(
    photos: Path, faces: dict[str, list[Region]], tmp_path: Path
) -> None:
    settings = Anonymization(format="jpeg")
    manifest = manifest_of(photos)
    job = shard.Job(photos, ["boxes"], Detection(), seed=7, boxes=faces)
    shard.detect_shard(manifest, job, tmp_path / "boxes.parquet", tmp_path / "images.parquet")
    boxes = read_boxes(tmp_path / "boxes.parquet")
    images = pd.read_parquet(tmp_path / "images.parquet")

    vectors = {}
    for variant in [Variant(), *VARIANTS]:
        if variant == Variant():
            index = tmp_path / "original.parquet"
            write_index(manifest, images, False, index)
            found = ImageSet.open([index], photos)
        else:
            tar = tmp_path / f"{variant}.tar"
            anonymize_shard(manifest, photos, boxes, images, variant, settings, False, tar)
            found = ImageSet.open([tar])
        vectors[variant] = tmp_path / f"{variant}.h5"
        values = encode([as_rgb(found.read(image_id)) for image_id in found.ids])
        embedded = Embeddings(found.ids, values, {"similarity": "inner"})
        write_embeddings(vectors[variant], embedded)
    scenarios = [Embedded(str(each), vectors[Variant()], vectors[each]) for each in VARIANTS]
    score_shard(vectors[Variant()], scenarios, Retrieval(), 0, tmp_path / "scores.parquet")
    names = [each.name for each in scenarios]
    tables = [tmp_path / f"{name}.per_query.parquet" for name in names]
    summaries = [tmp_path / f"{name}.json" for name in names]
    gather_scenarios([tmp_path / "scores.parquet"], names, Retrieval(), tables, summaries)
    files = [
        ScenarioFiles(Model(), 0, variant, summary, table)
        for variant, summary, table in zip(VARIANTS, summaries, tables, strict=True)
    ]
    ids = sorted(manifest_of(photos)["id"])
    clusters = pd.Series({image_id: n // 2 for n, image_id in enumerate(ids)})
    expected = collect("own", files, clusters, 0, (), 0.95)

    asked = {"boxes": faces, "clusters": clusters, "seed": 7, "similarity": "inner"}
    found = anonbench.evaluate(encode, photos, anonymization=settings, **asked, **ASKED)
    shown = Presentation()
    judging = Judging(clusters, shown.confidence, shown.equivalence_margin)
    tests = compare_methods("own", columns_of(files, 0, ()), judging)
    for own, other, order in (
        (found.table, expected[COLUMNS], ["degree", "method", "query", "metric"]),
        (found.comparisons, tests[COMPARED], ["degree", "query", "metric"]),
    ):
        both = (each.sort_values(order, ignore_index=True) for each in (own, other))
        pd.testing.assert_frame_equal(*both, check_exact=True)


def test_boxes_of_a_file_in_any_order_and_any_number_of_threads_give_the_same(
    photos: Path, faces: Any, result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, object]] = []
    for image_id, regions in reversed(faces.items()):
        for region in regions:
            box = {name: getattr(region, name) for name in ("x0", "y0", "x1", "y1", "score")}
            corners = region.quad or ("",) * 8
            quad = {f"q{corner}": value for corner, value in enumerate(corners)}
            rows.append({"id": image_id, "entity": "face"} | box | quad)
    pd.DataFrame(rows).to_csv(tmp_path / "boxes.csv", index=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    again = anonbench.evaluate(encode, photos, boxes=tmp_path / "boxes.csv", **ASKED)
    assert again.to_json() == result.to_json()


def test_iterators_of_arrays(photos: Path, faces: dict[str, list[Region]], result: Result) -> None:
    paths = sorted(photos.rglob("*.png"), key=lambda path: path.relative_to(photos).as_posix())
    arrays = [np.asarray(Image.open(path)) for path in paths]
    numbered = {
        f"{number:03d}": faces[image_id]
        for number, path in enumerate(paths)
        if (image_id := path.relative_to(photos).with_suffix("").as_posix()) in faces
    }
    # the draw of regions is by id, and decides nothing where all are masked
    found = anonbench.evaluate(
        encode,
        iter(arrays),
        methods=iter(["mask"]),
        degrees=iter([100]),
        detectors=iter(["boxes"]),
        boxes={image_id: iter(regions) for image_id, regions in numbered.items()},
    )
    expected = result.table.query("degree == 100 and method == 'mask'").reset_index(drop=True)
    pd.testing.assert_frame_equal(found.table, expected, check_exact=True)


def test_json_and_card_are_plain_and_say_what_made_them(result: Result) -> None:
    content = json.loads(result.to_json())
    card = content["card"]
    assert "nothing of privacy" in content["advice"][-1]
    assert len(content["scores"]) == len(result.table) == len(VARIANTS) * 2 * 7
    assert (card["images"]["scored"], card["images"]["without_regions"]) == (SIZE - 1, 1)
    cell = "{value:.1%} ({low:.1%} to {high:.1%})".format(**result.table.iloc[0]).replace("%", "")
    shown = result.to_markdown()
    assert f"| blur | 100 | {cell} |" in shown and "1 without regions" in shown
    turned = replace(result, images=result.images.assign(converted="turned by EXIF"))
    assert f"; converted while they were read: {SIZE}: turned by EXIF. Percent" in turned.counts()
    assert card["settings"]["variants"] == [str(variant) for variant in VARIANTS]
    assert {"format", "margin", "shape", "coding_blocks"} < {*card["settings"]["anonymization"]}
    assert card["similarity"] == "cosine" and card["digests"]["system"] is card["clusters"] is None
    assert {len(card["digests"][name]) for name in ("images", "boxes")} == {64}
    assert {"anonbench", "numpy"} <= card["versions"].keys()
    assert not any("img" in json.dumps(content[part]) for part in content)  # no file is named


def test_runs_and_judgments_give_the_same_average_precision(result: Result, tmp_path: Path) -> None:
    judgments, *runs = result.trec_runs(tmp_path / "trec")
    assert len(runs) == 2 * len(VARIANTS)

    def read(path: Path, *more: str) -> pd.DataFrame:
        names = ["query", "iteration", "image", *more]
        return pd.read_csv(path, sep=" ", names=names, dtype={"query": str, "image": str})

    relevant = read(judgments, "hit")
    assert (relevant["hit"] == 1).all() and set(relevant.groupby("query").size()) == {result.k}
    for path in runs:
        variant, kind = path.stem.split(".")
        run = read(path, "rank", "score", "system")
        run = run.sort_values(["query", "score", "rank"], ascending=[True, False, True])
        assert (run["rank"] == run.groupby("query").cumcount() + 1).all()
        run = run.merge(relevant[["query", "image", "hit"]], how="left")
        precision = run.fillna({"hit": 0}).groupby("query")["hit"].cumsum() / run["rank"]
        average = (precision * run["hit"]).groupby(run["query"]).sum() / result.k
        rows = result.per_query
        expected = rows.loc[(rows["variant"] == variant) & (rows["query"] == kind), "ap"]
        np.testing.assert_allclose(sorted(average), sorted(expected), rtol=0, atol=1e-12)


def test_equal_similarities_are_written_apart(tmp_path: Path) -> None:
    same = [np.full((9, 9, 3), 200 if n < 55 else 20 + n, np.uint8) for n in range(110)]
    boxes = {f"{number:03d}": [Region(Entity.FACE, 2, 2, 5, 5, 1.0)] for number in range(110)}
    found = anonbench.evaluate(encode, same, ["mask"], boxes=boxes)
    run = found.trec_runs(tmp_path, depth=30)[1]
    rows = [line.split(" ") for line in run.read_text().splitlines()]
    first = [float(row[4]) for row in rows[:30]]
    assert len(rows) == 30 * 110 and first == sorted(set(first), reverse=True)
    assert max(first) - min(first) < 1e-12


class Finder:
    """A detector that finds the same in each image, or fails with grey ones."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.count = fails, 0

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        self.count += len(images)
        if self.fails and any(image.ndim == 2 for image in images):
            raise ValueError("secret content")
        return [[Region(Entity.BARCODE, 2, 2, 9, 9, 1.0)] for _ in images]


@pytest.mark.slow
def test_cache(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = Finder()
    monkeypatch.setattr(search, "build_all", lambda *_: {"zxing": finder})
    asked = {"methods": ["mask"], "detectors": ["zxing"], "cache": tmp_path / "kept"}
    systems = Counting(), Counting(), Counting("v2")
    first, again, _ = (anonbench.evaluate(system, photos, **asked).to_json() for system in systems)
    count = systems[0].count
    assert [system.count for system in systems] == [count, 0, count] and count > SIZE
    assert again == first
    assert finder.count == SIZE


def test_failed_detector_excludes_image(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "build_all", lambda *_: {"zxing": Finder(fails=True)})
    found = anonbench.evaluate(encode, photos, ["mask"], detectors=["zxing"])
    counts = found.card()["images"]
    assert counts["failed_detector"] == found.doubtful == 11
    assert counts["scored"] == SIZE - 11
    assert "secret" not in found.images.to_csv()


def test_broken_files_are_left_out_and_one_that_changes_meanwhile_is_refused(
    photos: Path, tmp_path: Path
) -> None:
    good, other = (path.read_bytes() for path in sorted(photos.rglob("*.png"))[:2])
    for number, data in enumerate([b"", b"none", good[: len(good) // 2], good]):
        (tmp_path / f"{number}.png").write_bytes(data)
    (tmp_path / "notes.txt").write_text("no image")
    found = anonbench.embed(encode, tmp_path)
    assert found.ids == ["3.png"]
    assert [name for name, _ in found.provenance["left_out"]] == ["0.png", "1.png", "2.png"]
    assert all(reason for _, reason in found.provenance["left_out"])
    pictures = embed_module.look_at(tmp_path)
    (tmp_path / "3.png").write_bytes(other)
    with pytest.raises(InputError, match=r"3\.png changed while it was in use"):
        list(pictures.batches(1))


def rates_of(reason: str = "", ceiling: float = 0.9, **lows: float) -> pd.DataFrame:
    """Rates of faces 10 points above their intervals' lower ends, at 100 %."""
    names = ["method", "rate", "low", "high"]
    rows = [(name, low + 0.1, low, low + 0.2) for name, low in lows.items()]
    more = {"chance": 0.01, "gallery": 99, "ceiling": ceiling, "reason": reason}
    return pd.DataFrame(rows, columns=names).assign(degree=100, entity="face", **more)


def test_what_is_surely_re_identified_is_not_advised(result: Result) -> None:
    best = result.advice[0].split(" original queries, ")[1].split()[0]
    other = "mask" if best == "blur" else "blur"

    def advised(of_best: float, of_other: float, said: str = "", **more: Any) -> str:
        rates = rates_of(said, **{best: of_best, other: of_other})
        return advise(result, SIZE, Presentation(), rates, **more)[0]

    safe = advised(-0.1, -0.1)
    assert f" {best} keeps most: " in safe
    assert "NOT KNOWN" not in safe
    assert "uled out" not in safe
    assert "re-identified: face: its interval contains the limit." in advised(0.05, 0.0)
    assert "if at most 10 % are re-identified: 8 images." in advised(-0.1, -0.1, "8 images")
    weak_attack = rates_of(ceiling=0.05, **{best: -0.1, other: -0.1})
    found = advise(result, SIZE, Presentation(), weak_attack)[0]
    assert "re-identified: face: as little may be found of originals." in found
    found = advised(0.4, -0.1)
    assert f" {other} keeps most of what is not ruled out: " in found
    assert f"Ruled out: {best} (50.0 % re-identified, 40.0 or more, allowed 10)." in found
    assert f" {other} keeps most of what is not ruled out: " in advised(
        -0.1, -0.1, weak={best: "most"}
    )
    lost = advised(0.4, 0.4)
    assert f" {best} keeps most: " in lost
    assert (
        "All are ruled out: blur (50.0 % re-identified, 40.0 or more, allowed 10), mask (" in lost
    )
    rates = rates_of(**{best: 0.0})
    assert OF_MAPS not in advise(result, SIZE, Presentation(), rates)
    mapped = result.table.assign(method="mapped_" + result.table["method"])
    both = replace(result, table=pd.concat([result.table, mapped], ignore_index=True))
    assert OF_MAPS in advise(both, SIZE, Presentation(), rates)


def test_what_is_left_is_judged_as_the_best_is(result: Result) -> None:
    """Also where the best is ruled out: chance, ties and wide intervals are named."""
    best = result.advice[0].split(" original queries, ")[1].split()[0]
    other = "mask" if best == "blur" else "blur"
    rates = rates_of(**{best: 0.4, other: -0.1})
    lost = result.table["method"] == other
    ends = {end: result.table[end].mask(lost, result.table["floor"]) for end in ("low", "high")}
    poor = result.table.assign(**ends)
    wide = result.table.assign(low=0.0, high=1.0)

    def advised(table: pd.DataFrame) -> str:
        return advise(replace(result, table=table), SIZE, Presentation(), rates)[0]

    assert "cannot be told from chance" not in advised(result.table)
    assert "It cannot be told from chance." in advised(poor)
    assert f"NOT KNOWN what {other} keeps: its interval" in advised(wide)
    third = result.table[lost].assign(method="replace")
    both = pd.concat([rates, rates_of(replace=-0.1)])
    for p, is_alike in ((1.0, True), (0.0, False)):
        more = result.comparisons.assign(a=other, b="replace", p_holm=p)
        three = replace(result, table=pd.concat([result.table, third]), comparisons=more)
        (said, *_) = advise(three, SIZE, Presentation(), both)
        assert ("; replace cannot be told from it. Ruled" in said) is is_alike


@pytest.mark.slow
def test_an_attacker_that_sees_nothing_shows_nothing(
    photos: Path, faces: dict[str, list[Region]]
) -> None:
    def blind(images: Sequence[np.ndarray]) -> np.ndarray:
        """Whole pictures apart, but no regions, which are seen as squares."""
        return encode([i[:20] if i.shape[0] != i.shape[1] else i * 0 + 9 for i in images])

    methods = ["blur", "recolour"]
    found = anonbench.evaluate(blind, photos, methods, boxes=faces, attack=True)
    assert found.rates is not None
    assert found.rates["reason"].str.contains("no more than chance in originals")[1:].all()
    said = " ".join(found.advice)
    assert said.count("NOT KNOWN whether it resists: face: attacks find no more than chance") == 2
    assert said.count("NOT KNOWN if at most 10 % are re-identified: face: attacks") == 2
    assert said.count("uled out: recolour (leaves all of a region).") == 2


def test_the_correction_for_choosing_is_said_to_be_made(result: Result) -> None:
    chosen = replace(result, best=result.best.assign(optimism=0.01, unbiased=0.312))
    (said, *_) = advise(chosen, SIZE, Presentation())
    assert "), 31.2 % after correction for choosing the highest" in said
    slight = replace(result, best=result.best.assign(optimism=1e-6))
    assert "after correction" not in advise(slight, SIZE, Presentation())[0]
    unknown = replace(result, best=result.best.assign(reason="8 clusters"))
    (said, *_) = advise(unknown, SIZE, Presentation())
    assert "queries: NOT KNOWN which method keeps most: 8 clusters (" in said


@pytest.mark.slow
def test_an_attack_finds_what_is_not_hidden(photos: Path, faces: dict[str, list[Region]]) -> None:
    found = anonbench.evaluate(encode, photos, ["mask"], [1, 100], boxes=faces, attack=True)
    assert found.rates is not None
    rates = found.rates.set_index(["method", "degree"])["rate"]
    chance = found.rates["chance"].iloc[0]
    assert rates["original", 0] == 1.0 > rates["mask", 1] > rates["mask", 100]
    assert rates["mask", 100] <= 4 * chance < rates["mask", 1]
    count = sum(map(len, faces.values()))
    assert set(found.rates["gallery"]) == {count}
    assert any(
        line.startswith("With 100 % hidden by mask, the system finds the original of ")
        for line in found.advice
    )
    assert "lower bounds" in found.advice[-1]
    assert json.loads(found.to_json())["reidentification"][0]["method"] == "original"


@pytest.mark.slow
def test_each_kind_of_region_is_judged() -> None:
    """The attack on text is the strongest, but the interval of fewer faces contains the limit."""
    images = list(np.random.default_rng(0).integers(0, 256, (100, 40, 50, 3), np.uint8))
    places = [(x, y) for y in range(2, 38, 9) for x in range(2, 48, 9)][:20]
    kinds = [Entity.FACE, *[Entity.TEXT] * 19]
    each = [Region(k, x, y, x + 6, y + 6, 1.0) for k, (x, y) in zip(kinds, places, strict=True)]
    boxes = {f"{number:02d}": each for number in range(100)}
    found = anonbench.evaluate(encode, images, ["mask"], [95], boxes=boxes, attack=True)
    assert found.rates is not None
    text, face = found.rates[found.rates["method"] == "mask"].to_dict("records")
    assert (text["entity"], face["entity"]) == ("text", "face")
    assert text["high"] < 0.1 < face["high"]
    for said in found.advice[:2]:
        assert "NOT KNOWN if at most 10 % are re-identified: face: its interval" in said
    of_each = zip((text, face), found.advice[2:4], strict=True)
    assert all(
        f"{100 * row['rate']:.1f} % of the {row['entity']} regions" in s for row, s in of_each
    )


def test_no_advice_for_few_images(photos: Path, result: Result) -> None:
    for copies, said in ((SIZE - 100, "keeps most: "), (SIZE - 99, "add 1.")):
        assert said in advise(result, SIZE, Presentation(), copies=copies)[0]
    some = sorted(photos.rglob("*.png"))[1:60]
    everywhere = [Region(Entity.FACE, 2, 2, 9, 9, 1.0)]
    boxes = {path.as_posix().removesuffix(".png").lstrip("/"): everywhere for path in some}
    found = anonbench.evaluate(encode, some, ["mask"], boxes=boxes)
    assert found.advice[0].startswith("NOT KNOWN what anonymizing costs: k is 2 (59 images)")
    # 100 images are enough, though below five relevant ones a query's own does not count
    assert "it takes 100 images: add 41" in found.advice[0]
    assert "keeps most: " not in " ".join(found.advice)


def test_copies_of_an_image_are_no_independent_evidence(photos: Path, tmp_path: Path) -> None:
    """Whatever cluster they are given, and however many they are."""
    some = sorted(photos.rglob("*.png"))[:20]
    for number in range(120):
        shutil.copyfile(some[number % 20], tmp_path / f"{number:03d}.png")
    names = [f"{number:03d}" for number in range(120)]
    boxes = {name: [Region(Entity.FACE, 2, 2, 9, 9, 1.0)] for name in names}
    pairs = pd.Series({name: number // 2 for number, name in enumerate(names)})
    for clusters, expected in ((None, 20), (pairs, 10)):
        found = anonbench.evaluate(
            encode, tmp_path, ["mask"], boxes=boxes, clusters=clusters, attack=True
        )
        assert found.rates is not None
        assert set(found.table["clusters"]) == set(found.rates["clusters"]) == {expected}
        assert found.card()["copies"] == 100
        assert "120 images scored, 100 of them copies of others" in found.counts()
        # without persons, the only clusters are those of the copies
        assert ("name clusters" in found.counts()) is (clusters is None)
        assert "without copies there are 20 images, and it takes 100: add 80" in found.advice[0]


class Manhattan(Counting):
    similarity = "manhattan"

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        raise AssertionError("nothing is encoded")


GREY = np.zeros((4, 4), np.uint8)
Wrong = dict[str, object]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"methods": ["blurr"]}, "no method is called 'blurr'.*did you mean blur"),
        ({"methods": "blur"}, "methods: 'blur' is no list"),
        *(({"degrees": [each]}, f"{each} is no whole percentage") for each in (0, 50.5, True)),
        ({"detectors": ["template"]}, "only the pipeline has that"),
        ({"detectors": ["boxes"], "boxes": None}, "boxes needs your own regions"),
        ({"boxes": {"unknown": []}}, "1 ids are of no image, such as 'unknown'"),
        ({"boxes": {}}, "nothing was found by boxes in 108 images.*boxes of your own"),
        ({"cache": "kept"}, "a function has no identity"),
        ({"encoder": 5}, "int is neither a function nor a system"),
        ({"encoder": "tim"}, "no kind 'tim'.*did you mean timm"),
        ({"encoder": "vectors:{variant}.h5"}, "scored by `anonbench score`"),
        ({"similarity": "manhattan"}, "similarity: 'manhattan' is not one of cosine"),
        ({"encoder": "timm:resnet18,weights"}, "write key=value"),
        ({"encoder": "timm:resnet18,weight=x"}, "system timm: weight: is unknown"),
        ({"encoder": "function:search.encode"}, "write it as module:function, such as"),
        ({"encoder": "onnx:a.onnx,input.resize=no"}, "system onnx: input.resize: .*'squash'"),
        ({"encoder": "onnx:a.onnx,input=1,input.resize=pad"}, "'input.resize=pad' is no setting"),
        ({"encoder": lambda images: np.zeros((1, 3))}, r"shape \(1, 3\) for 31 images"),
        (
            {"encoder": lambda images: np.zeros((len(images), 3))},
            "images: 107 embeddings of originals are zero",
        ),
        ({"images": [np.zeros((4, 4), np.float32)]}, "image 0 is float32.*uint8"),
        ({"images": "nowhere"}, "nowhere: there is no such file or folder"),
        ({"images": {"a": GREY}}, "images: dict is no list; give a folder"),
        ({"images": ["a.png", GREY]}, "images: number 1 is ndarray, not a path"),
        ({"images": [Image.fromarray(GREY)]}, r"images: number 0 is Image, not .*np\.asarray"),
        ({"images": [GREY, "a.png"]}, "image 1 is str .*an array has to be uint8"),
        ({"degrees": 100}, r"degrees: int is no list; give whole numbers, 1 to 100"),
        ({"methods": {"blur", "mask"}}, "methods: set is no list"),
        ({"methods": [3]}, "methods: no method is called 3"),
        ({"encoder": Manhattan()}, "similarity: 'manhattan' is not one of cosine"),
        ({"boxes": [Region("face", 1, 1, 9, 9, 1.0)]}, "boxes: a list has no regions by id; give"),
        ({"clusters": {"a": 1}}, "clusters: a dict has no labels by id; give"),
        ({"retrieval": {"k": 3}}, r"retrieval: dict is no section .*anonbench\.config\.Retrieval"),
        ({"presentation": Retrieval()}, "presentation: Retrieval is no section"),
        ({"seed": "a"}, "seed: 'a' cannot be used, it should be a valid integer"),
    ],
)
def test_what_is_wrong_is_named(
    photos: Path, faces: Any, tmp_path: Path, monkeypatch: Any, wrong: Wrong, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given: Wrong = {"encoder": encode, "images": photos, "boxes": faces} | wrong
    with pytest.raises(InputError, match=message):
        anonbench.evaluate(**given)  # type: ignore[arg-type]


def test_an_exception_of_an_encoder_names_its_images() -> None:
    def fails(images: Sequence[np.ndarray]) -> np.ndarray:
        raise KeyError("no such layer")

    arrays = [np.full((8, 8, 3), level, np.uint8) for level in range(40)]
    for count, named in ((40, "one of the images 00 to 31"), (1, "image 0")):
        with pytest.raises(KeyError) as raised:
            anonbench.embed(fails, arrays[:count])
        assert raised.value.__notes__ == [f"while it encoded {named}"]
    with pytest.raises(InputError, match=r"not finite .*, while it encoded image 0$"):
        anonbench.embed(lambda images: np.full((len(images), 3), np.nan), arrays[:1])


def test_an_encoder_that_writes_into_its_images_changes_no_score_and_no_image() -> None:
    photos = list(np.random.default_rng(0).integers(0, 255, (120, 16, 16, 3), np.uint8))
    before = np.array(photos)
    faces = {f"{number:03d}": [Region("face", 4, 4, 9, 9, 1.0)] for number in range(120)}

    def in_place(images: Sequence[np.ndarray]) -> np.ndarray:
        for image in images:
            image[:] = image // 64 * 64
        return np.array([image.ravel() - 127.5 for image in images])

    def coarse(images: Sequence[np.ndarray]) -> np.ndarray:
        return in_place([image.copy() for image in images])

    tables = [
        anonbench.evaluate(each, photos, ["blur", "mask"], boxes=faces).table
        for each in (coarse, in_place)
    ]
    pd.testing.assert_frame_equal(*map(pd.DataFrame, tables))
    assert anonbench.embed(in_place, photos).ids and np.array_equal(np.array(photos), before)
    (batch, *_) = look_at(photos).batches(1)
    assert not batch[0].pixels.flags.writeable  # what a detector gets


def test_what_a_method_leaves_visible_is_masked_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in the published images: equalization leaves black and white as they are."""
    noise = np.random.default_rng(0).integers(0, 2, (30, 24, 24, 1), np.uint8) * np.uint8(255)
    photos = list(noise.repeat(3, axis=3))
    faces = {f"{number:02d}": [Region("face", 0, 0, 24, 24, 1.0)] for number in range(1, 30)}
    seen: list[np.ndarray] = []

    def kept(images: Sequence[np.ndarray]) -> np.ndarray:
        seen.extend(images)
        return np.array([[1.0, *image[:2, :2, 0].ravel()] for image in images])

    found = anonbench.evaluate(kept, photos, ["equalize"], boxes=faces)
    assert [image.any() for image in seen[-29:]] == [False] * 29
    assert "equalize-100: 29 images with a region that the method leaves" in caplog.text
    assert found.card()["failed_audits"] == {"equalize-100": 29}


def test_an_image_without_a_cluster_is_refused_before_anything_is_encoded(photos: Path) -> None:
    system = Counting()
    labels = pd.Series(0, manifest_of(photos)["id"][1:])
    with pytest.raises(InputError, match="clusters: 1 queries have none, such as 'c/img 000'"):
        anonbench.evaluate(system, photos, clusters=labels, **ASKED)
    assert system.count == 0


def test_mapped_vectors(photos: Path, faces: dict[str, list[Region]]) -> None:
    asked = {"methods": ["mask"], "boxes": faces, "keep_without_regions": True}
    plain = anonbench.evaluate(encode, photos, **asked)
    assert plain.card()["images"]["scored"] == SIZE
    assert f"{SIZE} images scored, 1 of them unchanged: without regions, k = " in plain.counts()
    result = anonbench.evaluate(encode, photos, mapped=True, **asked)
    assert result.table["method"].unique().tolist() == ["mask", "mapped_mask"]
    alone = result.table[result.table["method"] == "mask"].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.DataFrame(alone), pd.DataFrame(plain.table))
    hidden, mapped = (result.vectors[Variant(name, 100)] for name in ("mask", "mapped_mask"))
    assert hidden.ids == mapped.ids
    assert not np.array_equal(hidden.values, mapped.values)
    with pytest.raises(InputError, match="3 clusters"):
        groups = pd.Series({name: number % 3 for number, name in enumerate(hidden.ids)})
        anonbench.evaluate(encode, photos, mapped=True, clusters=groups, **asked)


def test_a_map_by_which_persons_are_found_is_ruled_out() -> None:
    """As `anonbench map fit` does; without persons nobody can know, and the map gains."""
    draw = np.random.default_rng(0).standard_normal
    persons = np.arange(150) // 5
    vectors = 128 + 20 * draw((30, 16))[persons] + 10 * draw((150, 16))
    pictures = np.full((150, 16, 16, 3), 255, np.uint8)
    pictures[:, 8, :, 0] = vectors.clip(0, 255)
    faces = {f"{number:03d}": [Region("face", 0, 0, 4, 4, 1.0)] for number in range(150)}

    def turned(images: Sequence[np.ndarray]) -> np.ndarray:
        found = [image[8, :, 0] - 128.0 for image in images]
        return np.array([np.roll(v, i[1, 1, 0] == 0) for v, i in zip(found, images, strict=True)])

    asked = {"methods": ["mask"], "boxes": faces, "mapped": True}
    labels = pd.Series(persons, index=list(faces))
    dear, free = (
        anonbench.evaluate(turned, list(pictures), clusters=given, **asked).advice[0]
        for given in (labels, None)
    )
    assert "original queries, mask keeps most of what is not ruled out" in dear
    assert "Ruled out: mapped_mask (it finds the same person or document more easily, +" in dear
    assert "original queries, mapped_mask keeps most: " in free and "uled out" not in free
