"""Scenarios from embeddings to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from anonbench.config import Retrieval
from anonbench.embeddings import Embeddings, write_embeddings
from anonbench.errors import InputError
from anonbench.retrieval.scenario import score, score_scenario, write_scenario

SIZE, WIDTH = 150, 24


def embeddings(seed: int, near: Embeddings | None = None, noise: float = 1.0) -> Embeddings:
    values = noise * np.random.default_rng(seed).standard_normal((SIZE, WIDTH))
    if near is not None:
        values = near.values + values
    ids = [f"images/{(7 * i) % SIZE:03d}" for i in range(SIZE)]
    return Embeddings(ids, values.astype(np.float32))


@pytest.fixture(scope="module")
def reference() -> Embeddings:
    return embeddings(0)


def shuffled(given: Embeddings, seed: int) -> Embeddings:
    order = np.random.default_rng(seed).permutation(SIZE)
    return Embeddings([given.ids[i] for i in order], given.values[order])


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("ap_depth", ["full", "k"])
def test_the_reference_against_itself_is_exactly_one(
    reference: Embeddings, include_self: bool, ap_depth: str
) -> None:
    settings = Retrieval.model_validate({"include_self": include_self, "ap_depth": ap_depth})
    copy = Embeddings(reference.ids, reference.values.copy())
    table = score_scenario(reference, copy, shuffled(reference, 1), settings)
    assert (table["ap"] == 1.0).all()
    assert (table["ndcg"] == 1.0).all()
    assert table["id"].tolist() == sorted(reference.ids)


def test_the_order_of_images_does_not_matter(reference: Embeddings) -> None:
    queries, database = embeddings(1, reference, 0.5), embeddings(2, reference, 0.5)
    first = score_scenario(reference, queries, database, Retrieval())
    second = score_scenario(
        shuffled(reference, 3), shuffled(queries, 4), shuffled(database, 5), Retrieval()
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_block_and_threads_do_not_matter(reference: Embeddings) -> None:
    queries, database = embeddings(1, reference), embeddings(2, reference)
    for include_self in (True, False):
        settings = Retrieval(block=512, include_self=include_self)
        expected = score(reference, {"q": queries}, database, settings)
        for block, threads in ((1, 1), (64, 2), (100, 2)):
            settings = Retrieval(block=block, include_self=include_self)
            with threadpool_limits(threads, user_api="blas"):
                found = score(reference, {"q": queries}, database, settings)
            pd.testing.assert_frame_equal(expected.table, found.table, check_exact=True)
            assert expected.chance == found.chance


def test_copies_of_an_image_are_ranked_by_id(reference: Embeddings) -> None:
    values = np.tile(reference.values[:1], (SIZE, 1))
    same = Embeddings(reference.ids, values)
    table = score_scenario(same, same, same, Retrieval())
    assert (table["ap"] == 1.0).all()


def test_more_noise_scores_lower_and_noise_alone_is_chance(reference: Embeddings) -> None:
    means = []
    for noise in (0.1, 0.5, 2.0):
        anonymized = embeddings(1, reference, noise)
        scores = score(reference, {"anonymized": anonymized}, anonymized, Retrieval())
        means.append(scores.table[["ap", "ndcg"]].mean())
    assert means[0]["ap"] > means[1]["ap"] > means[2]["ap"]
    assert means[0]["ndcg"] > means[1]["ndcg"] > means[2]["ndcg"]
    unrelated = score(
        reference, {"original": embeddings(8)}, embeddings(9), Retrieval(include_self=False)
    )
    assert unrelated.table["ap"].mean() == pytest.approx(unrelated.chance["map"], abs=0.02)
    assert unrelated.table["ndcg"].mean() == pytest.approx(unrelated.chance["mndcg"], abs=0.05)


def test_kinds_together_equal_each_alone(reference: Embeddings) -> None:
    original, anonymized = embeddings(1, reference), embeddings(2, reference)
    both = score(
        reference, {"original": original, "anonymized": anonymized}, anonymized, Retrieval()
    ).table
    for kind, queries in (("original", original), ("anonymized", anonymized)):
        alone = score_scenario(reference, queries, anonymized, Retrieval())
        rows = both[both["query"] == kind].drop(columns="query").reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, alone, check_exact=True)


def test_the_model_may_have_other_dimensions_than_the_reference(reference: Embeddings) -> None:
    wide = Embeddings(reference.ids, np.hstack([reference.values, reference.values]))
    table = score_scenario(reference, wide, wide, Retrieval())
    assert table["ap"].mean() > 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: Embeddings(["new", *e.ids[1:]], e.values), "'new'.*'images/000'"),
        (lambda e: Embeddings(e.ids[:-1], e.values[:-1]), "1 ids of the reference are missing"),
        (lambda e: Embeddings([e.ids[1], *e.ids[1:]], e.values), "'images/007' is there twice"),
    ],
)
def test_ids_that_differ_are_named(reference: Embeddings, change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(InputError, match=f"database: .*{message}"):
        score_scenario(reference, reference, change(reference), Retrieval())


def test_dimensions_that_differ_are_named(reference: Embeddings) -> None:
    narrow = Embeddings(reference.ids, reference.values[:, :7])
    with pytest.raises(InputError, match="24 dimensions, the database has 7"):
        score_scenario(reference, reference, narrow, Retrieval())


def test_files(reference: Embeddings, tmp_path: Path) -> None:
    given = {"reference": reference, "original": embeddings(1, reference)}
    given["anonymized"] = embeddings(2, reference)
    for name, value in given.items():
        write_embeddings(tmp_path / f"{name}.h5", value)
    outputs = []
    for run, block in (("a", 512), ("b", 64)):
        table, summary = tmp_path / run / "s.parquet", tmp_path / run / "s.json"
        paths = [tmp_path / f"{name}.h5" for name in ("reference", "original", "anonymized")]
        write_scenario(*paths, Retrieval(block=block), table, summary)
        outputs.append((table.read_bytes(), summary.read_bytes()))
    assert outputs[0] == outputs[1]

    rows = pd.read_parquet(tmp_path / "a" / "s.parquet")
    assert list(rows.columns) == ["id", "query", "ap", "ndcg"]
    assert len(rows) == 2 * SIZE
    values = json.loads((tmp_path / "a" / "s.json").read_text())
    assert (values["images"], values["k"]) == (SIZE, 7)
    assert values["queries"]["original"]["map"] == pytest.approx(
        rows.loc[rows["query"] == "original", "ap"].mean()
    )
    assert 0 < values["chance"]["map"] < 0.2
    assert values["versions"].keys() == {"anonbench", "numpy"}


def test_queries_without_positive_gains_are_counted(tmp_path: Path) -> None:
    # two opposite directions and no own image: all reference gains are -1 for a lone image
    values = np.tile(np.array([[1.0, 0.0]], np.float32), (21, 1))
    values[0] = [-1.0, 0.0]
    ids = [f"{i:02d}" for i in range(21)]
    write_embeddings(tmp_path / "e.h5", Embeddings(ids, values))
    paths = [tmp_path / "e.h5"] * 3
    settings = Retrieval(include_self=False)
    write_scenario(*paths, settings, tmp_path / "s.parquet", tmp_path / "s.json")
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["queries"]["original"]["undefined_ndcg"] == 1
    assert summary["queries"]["original"]["mndcg"] == 1.0
