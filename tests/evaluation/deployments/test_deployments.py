"""Deployments, against scores by a program of a few lines that sorts whole rows."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from anonbench.config import Deployments, Retrieval
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.vocabulary import DeploymentKind
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.deployments.rankings import (
    CEILING,
    AnonymizingOrder,
    Archive,
    Ranking,
    Scored,
    deployments,
    score_rankings,
)
from anonbench.evaluation.deployments.table import COLUMNS, read_deployments, score_deployments
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS as SCORES
from anonbench.evaluation.retrieval.stage.scenario import score as scored_alone

N, WIDTH, K = 60, 6, 5
EVERY = np.arange(N)
IDS = [f"{number:02d}" for number in range(N)]
PERSONS = EVERY // 3
KEYS = [(a, m) for m in ("blur", "mask") for a in ("unadapted", "A")]


def unit(seed: int, noise: float = 0.7) -> np.ndarray:
    shared = np.random.default_rng(0).standard_normal((N, WIDTH))
    values = shared + noise * np.random.default_rng(seed).standard_normal((N, WIDTH))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


REFERENCE = unit(1)
ANONYMIZED = {key: unit(10 + number) for number, key in enumerate(KEYS)}
ORIGINALS = {key: unit(20 + number, 0.3) for number, key in enumerate(KEYS)}


def originals(adaption: str, method: str) -> np.ndarray:
    return REFERENCE if adaption == "unadapted" else ORIGINALS[adaption, method]


def files() -> dict[tuple[str, str], Any]:
    """Return what stands for files of vectors, by model and variant."""
    found = {("unadapted", "original"): REFERENCE}
    for (adaption, method), values in ANONYMIZED.items():
        model = adaption if adaption == "unadapted" else f"{adaption}-{method}-100"
        found[model, f"{method}-100"] = values
        found[model, "original"] = originals(adaption, method)
    return {
        key: SimpleNamespace(units=lambda values=values: values) for key, values in found.items()
    }


ORDER = AnonymizingOrder(IDS, PERSONS, None, "test")
ARCHIVE = Archive(files(), 100, ORDER)


def score(
    rankings: list[Ranking], settings: Retrieval, queries: np.ndarray
) -> dict[Ranking, Scored]:
    return score_rankings(ARCHIVE, REFERENCE, rankings, settings, K, queries)


def asked(ranking: Ranking) -> np.ndarray:
    if ranking.query_method == "original":
        return originals(ranking.adaption, ranking.method)
    return ANONYMIZED[ranking.adaption, ranking.query_method]


def similarities(ranking: Ranking) -> np.ndarray:
    """Return what ranks, float64 [N, N], by definition."""
    hidden = ORDER.anonymized(ranking.share)
    database = originals(ranking.adaption, ranking.method).copy()
    if ranking.share:
        database[hidden] = ANONYMIZED[ranking.adaption, ranking.method][hidden]
    return asked(ranking).astype(float) @ database.T.astype(float)


def naive(ranks_by: np.ndarray, include_self: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return AP and nDCG of each query, means over the orders of images that rank the same."""
    truth = REFERENCE.astype(float) @ REFERENCE.T.astype(float)
    ap, ndcg = [], []
    for q in range(N):
        able = [d for d in range(N) if include_self or d != q]
        ideal = sorted(able, key=lambda d: -truth[q, d])
        order = sorted(able, key=lambda d: -ranks_by[q, d])
        relevant = set(ideal[:K])
        start, earlier, precision, gain = 0, 0, 0.0, 0.0
        for _, same in groupby(order, key=lambda d: ranks_by[q, d]):
            group = list(same)
            size, right = len(group), len(relevant.intersection(group))
            pace = (right - 1) / max(size - 1, 1)
            mean = np.mean([truth[q, d] for d in group])
            for r in range(size):
                precision += right / size * (earlier + 1 + r * pace) / (start + r + 1)
                gain += mean / np.log2(start + r + 2) if start + r < K else 0.0
            start, earlier = start + size, earlier + right
        ap.append(precision / K)
        best = sum(truth[q, d] / np.log2(r + 1) for r, d in enumerate(ideal[:K], start=1))
        ndcg.append(gain / best)
    return np.array(ap), np.array(ndcg)


@pytest.mark.slow
@given(
    kind=st.sampled_from(list(DeploymentKind)),
    number=st.integers(0, 100),
    include_self=st.booleans(),
)
@hypothesis_settings(max_examples=30)
def test_scores_are_those_of_sorted_rows(
    kind: DeploymentKind, number: int, include_self: bool
) -> None:
    wanted = deployments([kind], [20, 55], {"blur": ["A"], "mask": ["A"]})
    ranking = wanted[number % len(wanted)].ranking
    settings = Retrieval(include_self=include_self)
    found = score([CEILING, ranking], settings, EVERY)[ranking]
    ap, ndcg = naive(similarities(ranking), include_self)
    assert found.scores[SCORES.index("ap")] == pytest.approx(ap, abs=1e-9)
    assert found.scores[SCORES.index("ndcg")] == pytest.approx(ndcg, abs=1e-6)


def test_a_sample_of_queries_has_the_scores_that_all_have() -> None:
    rankings = [Ranking("blur", 55, query_method="blur"), Ranking("blur", 100, "A", "blur")]
    all_, some = (score(rankings, Retrieval(), queries) for queries in (EVERY, EVERY[7::9]))
    for ranking in rankings:
        assert np.array_equal(all_[ranking].scores[:, 7::9], some[ranking].scores)


def test_the_ends_of_a_mixed_curve_are_the_two_databases() -> None:
    wanted = deployments([DeploymentKind.MIXED], [50], {"blur": []})
    assert [each.ranking.share for each in wanted] == [0, 50, 100, 0, 50, 100]
    assert all((each.base is None) == (each.ranking.share == 0) for each in wanted)
    found = score([each.ranking for each in wanted], Retrieval(), EVERY)
    ap = [scored.scores[0].mean() for scored in found.values()]
    assert ap[0] == 1.0, "originals by the reference's model are the reference"
    assert ap[0] > ap[1] > ap[2]


def test_kinds_compare_with_what_they_replace() -> None:
    wanted = deployments(list(DeploymentKind), [50], {"blur": ["A"], "mask": ["A"]})
    changed = {
        kind: {
            field
            for each in wanted
            if each.kind is kind and each.base is not None
            for field in Ranking.__dataclass_fields__
            if getattr(each.ranking, field) != getattr(each.base, field)
        }
        for kind in DeploymentKind
    }
    assert changed == {
        DeploymentKind.MIXED: {"share"},
        DeploymentKind.KEPT: {"share"},
        DeploymentKind.QUERY_METHOD: {"query_method"},
    }
    assert len(wanted) == len(set(wanted))


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    shares=st.lists(st.integers(0, 100), min_size=2, max_size=5),
    seed=st.integers(0, 9),
    dated=st.booleans(),
)
@hypothesis_settings(max_examples=40)
def test_shares_nest_and_keep_clusters_together(
    sizes: list[int], shares: list[int], seed: int, dated: bool
) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    ids = [f"{number:03d}" for number in range(len(clusters))]
    years = pd.Series(np.random.default_rng(seed).integers(1990, 1994, len(ids)).astype(str))
    order = AnonymizingOrder(ids, clusters, years if dated else None, seed)
    before = np.zeros(len(ids), dtype=bool)
    for share in sorted(shares):
        hidden = order.anonymized(share)
        assert not (before & ~hidden).any(), "a larger share hides the same images"
        for cluster in range(len(sizes)):
            assert len(set(hidden[clusters == cluster])) == 1
        assert abs(hidden.sum() - share * len(ids) / 100) <= max(sizes) / 2
        if dated:
            due = years.astype(int).groupby(clusters).min().to_numpy()[clusters]
            if hidden.any() and not hidden.all():
                assert due[hidden].max() <= due[~hidden].min()
        before = hidden
    assert not order.anonymized(0).any() and order.anonymized(100).all()


def test_years_are_numbers_and_images_without_one_come_last() -> None:
    years = pd.Series(["9", "10", None, "2"])
    order = AnonymizingOrder(["a", "b", "c", "d"], np.arange(4), years, 0)
    assert [order.anonymized(share).tolist() for share in (25, 50, 75)] == [
        [False, False, False, True],
        [True, False, False, True],
        [True, True, False, True],
    ]
    names = pd.Series(["case 9", "case 10", " ", "case 2"])
    text = AnonymizingOrder(["a", "b", "c", "d"], np.arange(4), names, 0)
    assert text.anonymized(25).tolist() == [False, True, False, False], "text in its own order"


def test_a_draw_depends_on_ids_and_not_on_the_numbers_of_clusters() -> None:
    some = AnonymizingOrder(IDS, PERSONS, None, "a").anonymized(40)
    renamed = AnonymizingOrder(IDS, 1000 - PERSONS, None, "a").anonymized(40)
    other = AnonymizingOrder(IDS, PERSONS, None, "b").anonymized(40)
    assert np.array_equal(some, renamed) and not np.array_equal(some, other)


@pytest.fixture
def files(tmp_path: Path) -> dict[tuple[str, str], Path]:
    """Return the embeddings of an unadapted and of two adapted models, in odd orders."""

    def written(name: str, values: np.ndarray) -> Path:
        path = tmp_path / f"{name}.h5"
        write_embeddings(path, Embeddings(IDS[::-1], 3.0 * values[::-1]))
        return path

    found = {("unadapted", "original"): written("reference", REFERENCE)}
    for method in ("blur", "mask"):
        model, variant = f"A-{method}-100", f"{method}-100"
        found["unadapted", variant] = written(variant, ANONYMIZED["unadapted", method])
        found[model, "original"] = written(f"{model}-0", ORIGINALS["A", method])
        found[model, variant] = written(model, ANONYMIZED["A", method])
    return found


def table_of(
    files: dict[tuple[str, str], Path], second: Path | None = None, **settings: object
) -> pd.DataFrame:
    chosen = {"kinds": tuple(DeploymentKind)} | settings
    references = {"own": files["unadapted", "original"]} | ({"second": second} if second else {})
    return score_deployments(
        "faces",
        100,
        references,
        files,
        None,
        Deployments.model_validate(chosen),
        Retrieval(fraction=0.09),
        Judging(pd.Series(PERSONS, index=IDS), 0.9, 0.03),
    )


@pytest.mark.parametrize("similarity", ["euclidean", "inner"])
def test_vectors_are_compared_as_their_system_compares_them(
    files: dict[tuple[str, str], Path], similarity: str
) -> None:
    lengths = np.linspace(0.5, 2.0, N, dtype=np.float32)[:, None]
    plain = {"original": REFERENCE, "blur-100": ANONYMIZED["unadapted", "blur"]}
    given = {
        name: Embeddings(IDS, lengths * values, {"similarity": similarity})
        for name, values in plain.items()
    }
    own = {("unadapted", name): files["unadapted", name] for name in plain}
    for (_, name), path in own.items():
        write_embeddings(path, given[name])
    table = table_of(own)
    table = table[(table["share"] == 100) & (table["metric"] == "map")].set_index("query")
    expected = scored_alone(
        given["original"],
        {"original": given["original"], "anonymized": given["blur-100"]},
        given["blur-100"],
        Retrieval(fraction=0.09),
    ).table.set_index("query")
    for query in ("original", "anonymized"):
        row = table.loc[query]
        assert row["value"] == pytest.approx(expected.loc[query, "ap"].mean(), abs=1e-9)
        finds_itself = query == "anonymized" and similarity != "inner"
        assert bool(row["floor"] > row["chance"]) is finds_itself


def test_rows_have_intervals_levels_and_tests(
    files: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    second = tmp_path / "second.h5"
    write_embeddings(second, Embeddings(IDS, unit(5)))
    table = table_of(files, second)
    table.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(read_deployments(tmp_path / "table.csv"), table)
    assert list(table.columns) == COLUMNS
    assert set(table["reference"]) == {"own", "second"}
    row = table[
        (table["kind"] == "query_method")
        & (table["metric"] == "map")
        & (table["reference"] == "own")
        & (table["method"] == "blur")
    ].iloc[0]
    other, same = (
        naive(similarities(Ranking("blur", query_method=each)), True)[0]
        for each in ("mask", "blur")
    )
    assert row["value"] == pytest.approx(other.mean())
    expected = clustered_mean(other - same, PERSONS, 0.9)
    assert row["difference"] == pytest.approx(expected.value)
    assert row["difference_high"] == pytest.approx(expected.high)
    assert (row["n"], row["images"], row["clusters"]) == (N, N, N // 3)
    kept = table[(table["kind"] == "kept") & (table["metric"] == "map")]
    assert (kept["floor"] == kept["chance"]).all(), "the database has the original's vector"
    assert (kept["anonymized"] == 0).all()
    mixed = table[(table["kind"] == "mixed") & (table["metric"] == "map") & (table["share"] == 50)]
    own = mixed[mixed["reference"] == "own"]
    assert own["anonymized"].isin([N // 2, N // 2 + 1, N // 2 - 1]).all()
    assert (own["floor"] > own["chance"]).all()
    start = table[(table["kind"] == "mixed") & (table["share"] == 0) & (table["metric"] == "map")]
    assert (start["verdict"] == "").all() and start["difference"].isna().all()
    ceiling = start[
        (start["reference"] == "second")
        & (start["adaption"] == "unadapted")
        & (start["query"] == "original")
    ]
    assert (ceiling["value"] < 1).all() and np.allclose(ceiling["kept"], 1.0)


def test_without_adapted_models_what_needs_none_is_left(
    files: dict[tuple[str, str], Path],
) -> None:
    """A frozen system has one model."""
    frozen = {key: path for key, path in files.items() if key[0] == "unadapted"}
    table = table_of(frozen)
    assert set(table["kind"]) == {"mixed", "kept", "query_method"}
    assert set(table["adaption"]) == {"unadapted"}


def test_queries_are_a_sample_of_at_most_so_many(
    files: dict[tuple[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployments, "queries", 20)
    table = table_of(files, kinds=("kept",))
    assert set(table["n"]) == {20} and set(table["images"]) == {N}


def test_a_method_that_no_model_is_adapted_to_is_searched_by_the_unadapted_one() -> None:
    wanted = deployments(list(DeploymentKind), [50], {"blur": ["A"], "mask": []})
    models = {(each.ranking.method, each.ranking.adaption) for each in wanted}
    assert models == {("blur", "A"), ("blur", "unadapted"), ("mask", "unadapted")}
