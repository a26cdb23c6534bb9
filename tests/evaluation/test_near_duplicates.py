"""Scores without near-duplicates: which images are left, and where it matters."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Presentation, Retrieval
from anonbench.core.io import write_csv, write_parquet
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation import scores
from anonbench.evaluation.near_duplicates import COLUMNS, nearest_distances, score_without, warning
from anonbench.evaluation.retrieval.job import Embedded, gather_scenarios, score_shard
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.vectors import Vectors
from anonbench.reporting.dataset_tables import write_dataset_table

SETTINGS = Retrieval(near_duplicates=(0, 3, 32))
NAMES = ["unadapted/seed0/original", "unadapted/seed0/blur-100"]
RUNS = [("unadapted", 0, "original"), ("unadapted", 0, "blur-100")]


@dataclass
class World:
    """Vectors of an archive of which some images are copies, and scores of all."""

    originals: Embeddings
    hidden: Embeddings
    hashes: np.ndarray
    table: pd.DataFrame


def make(folder: Path, copies: int) -> World:
    """200 images, of which the last `copies` repeat earlier ones up to three bits."""
    draw = np.random.default_rng(0)
    ids, of = [f"{number:03d}" for number in range(200)], np.arange(200)
    of[200 - copies :] %= 10
    vectors = draw.standard_normal((200, 16))
    # a system that hiding confuses sees copies as alike as before
    hidden = (vectors + 1.5 * draw.standard_normal((200, 16)))[of].astype(np.float32)
    hashes = draw.integers(0, 1 << 64, 200, dtype=np.uint64)[of]
    hashes[200 - copies :] ^= np.uint64(0b111)
    originals = Embeddings(ids, vectors[of].astype(np.float32))
    files = [folder / "originals.h5", folder / "hidden.h5"]
    for path, given in zip(files, (originals.values, hidden), strict=True):
        write_embeddings(path, Embeddings(ids, given))
    write_parquet(pd.DataFrame({"id": ids, "hash": hashes}), folder / "hashes.parquet")
    runs = [Embedded(NAMES[0], files[0], files[0]), Embedded(NAMES[1], *files)]
    shard, tables = folder / "0.parquet", [folder / "a.parquet", folder / "b.parquet"]
    summaries = [path.with_suffix(".json") for path in tables]
    score_shard(files[0], runs, SETTINGS, 0, shard)
    gather_scenarios([shard], NAMES, SETTINGS, tables, summaries)
    texts = ([str(path) for path in paths] for paths in (summaries, tables))
    clusters = pd.Series(ids, index=ids)
    whole = scores.collect("a", scores.scenario_files(RUNS, *texts, [], []), clusters, 0, (), 0.95)
    given = [folder / "hashes.parquet"], files[0], runs, whole, clusters, SETTINGS, 0, (), 0.95
    return World(originals, Embeddings(ids, hidden), hashes, score_without("a", *given))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("many"), 60)


def chosen(table: pd.DataFrame, kept: str, distance: int | None = None) -> pd.DataFrame:
    found = table[(table["kept"] == kept) & (table["method"] == "blur")]
    return found if distance is None else found[found["distance"] == distance]


def test_scores_are_those_of_the_images_left(world: World) -> None:
    table = world.table
    assert table.columns.tolist() == COLUMNS
    images = table.groupby(["kept", "distance"], dropna=False)["images"].first().to_dict()
    # copies share a hash with each other, and differ in three bits from their original
    assert images["distinct", 0] == images["random", 0] == 150
    assert images["distinct", 3] == images["random", 3] == 140
    left = [f"{number:03d}" for number in range(140)]
    of_left = {
        name: Embeddings(left, given.values[:140])
        for name, given in (("original", world.originals), ("anonymized", world.hidden))
    }
    expected = score_scenario(of_left["original"], of_left, of_left["anonymized"], SETTINGS).table
    found = chosen(table, "distinct", 3).set_index(["query", "metric"])["value"]
    for query, rows in expected.groupby("query"):
        # another image of a pair may be left, with the same vector
        assert found[query, "map"] == pytest.approx(rows["ap"].mean(), abs=1e-9)
        assert found[query, "mndcg"] == pytest.approx(rows["ndcg"].mean(), abs=1e-6)
    assert set(chosen(table, "all")["metric"]) == set(chosen(table, "random", 3)["metric"])
    (few,) = table[table["distance"] == 32].to_dict("records")
    assert np.isnan(few["value"])
    assert few["reason"] == f"{few['images']} images are left, and 100 are needed"


def test_the_share_of_images_beside_a_near_duplicate(world: World) -> None:
    near = world.table.groupby("distance")["near"].first()
    assert near[0] == pytest.approx(0.30) and near[3] == pytest.approx(0.35)
    ids = [f"{number}" for number in range(3)]
    values = np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)
    vectors = Vectors.of(Embeddings(ids, values), "vectors")
    assert nearest_distances(vectors, np.array([0, 1, 7], np.uint64)).tolist() == [1, 1, 2]


@pytest.mark.parametrize("copies", [60, 2])
def test_where_they_matter_the_log_and_the_table_say_so(
    tmp_path: Path, copies: int, caplog: pytest.LogCaptureFixture
) -> None:
    world = make(tmp_path, copies)
    text = warning(world.table)
    assert text in caplog.text
    assert ("blur 100 %" in text) == text.startswith("near-duplicates change") == (copies == 60)
    write_csv(world.table, tmp_path / "near.csv")
    paths = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    files = {"near_duplicates": tmp_path / "near.csv"}
    write_dataset_table("near_duplicates", "a", files, Presentation(), paths)
    text = paths[1].read_text(encoding="utf-8")
    assert paths[0].read_bytes() == (tmp_path / "near.csv").read_bytes()
    value = chosen(world.table, "distinct", 3).query("metric == 'map' and query == 'original'")
    assert f"{100 * value['value'].item():.1f}" in text
    assert ("Near-duplicates change the scores: " in text) == (copies == 60)
    assert ("At no distance does mAP leave" in text) == (copies == 2)
    assert "Distance 32: " in text and "images are needed" not in text.split("Distance 32: ")[0]
