"""Mixed archives, against scores of the same vectors as one archive."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from anonbench.config import Deployments, Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation import deployments
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scenario import score_scenario

N, WIDTH, K = 60, 6, 5
IDS = [f"{number:02d}" for number in range(N)]
PERSONS = np.arange(N) // 3


def unit(seed: int, noise: float = 0.7) -> np.ndarray:
    shared = np.random.default_rng(0).standard_normal((N, WIDTH))
    values = shared + noise * np.random.default_rng(seed).standard_normal((N, WIDTH))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


REFERENCE = unit(1)
ANONYMIZED = {"blur": unit(10), "mask": unit(11)}


def alone(queries: np.ndarray, database: np.ndarray, include_self: bool = True) -> pd.DataFrame:
    reference, asked, searched = (Embeddings(IDS, each) for each in (REFERENCE, queries, database))
    settings = Retrieval(fraction=0.09, include_self=include_self)
    found = score_scenario(reference, {"original": asked}, searched, settings).table
    return found.sort_values("id")


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    shares=st.lists(st.integers(0, 100), min_size=2, max_size=5),
    seed=st.integers(0, 9),
    dated=st.booleans(),
)
@hypothesis_settings(max_examples=40)
def test_shares_nest(sizes: list[int], shares: list[int], seed: int, dated: bool) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    ids = [f"{number:03d}" for number in range(len(clusters))]
    years = pd.Series(np.random.default_rng(seed).integers(1990, 1994, len(ids)).astype(str))
    asked = (0, 100, *shares)
    masks = deployments.anonymized_images(ids, clusters, years if dated else None, asked, seed)
    before = np.zeros(len(ids), dtype=bool)
    for share in sorted(shares):
        hidden = masks[share]
        assert not (before & ~hidden).any(), "a larger share hides the same images"
        for cluster in range(len(sizes)):
            assert len(set(hidden[clusters == cluster])) == 1
        assert abs(hidden.sum() - share * len(ids) / 100) <= max(sizes) / 2
        if dated:
            due = years.astype(int).groupby(clusters).min().to_numpy()[clusters]
            if hidden.any() and not hidden.all():
                assert due[hidden].max() <= due[~hidden].min()
        before = hidden
    assert not masks[0].any() and masks[100].all()


def test_years_are_numbers_in_order_and_a_draw_depends_on_ids() -> None:
    years = pd.Series(["9", "10", None, "2"])
    found = deployments.anonymized_images(list("abcd"), np.arange(4), years, (25, 50, 75), 0)
    assert [mask.tolist() for mask in found.values()] == [
        [False, False, False, True],
        [True, False, False, True],
        [True, True, False, True],
    ]
    days = pd.to_datetime(pd.Series(["2009-01-01", "2010-01-01", None, "2002-01-01"]))
    dated = deployments.anonymized_images(list("abcd"), np.arange(4), days, (25, 50, 75), 0)
    assert [mask.tolist() for mask in dated.values()] == [mask.tolist() for mask in found.values()]
    names = pd.Series(["case 9", "case 10", " ", "case 2"])
    text = deployments.anonymized_images(list("abcd"), np.arange(4), names, (25,), 0)
    assert text[25].tolist() == [False, True, False, False], "text in its own order"
    # a draw depends on ids and seed, and not on the numbers of clusters
    some, renamed, other = (
        deployments.anonymized_images(IDS, clusters, None, (40,), seed)[40]
        for clusters, seed in ((PERSONS, "a"), (1000 - PERSONS, "a"), (PERSONS, "b"))
    )
    assert np.array_equal(some, renamed) and not np.array_equal(some, other)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Return embeddings of originals and of two methods, in an odd order."""
    found = {}
    for name, values in ({"original": REFERENCE} | ANONYMIZED).items():
        found[name] = tmp_path / f"{name}.h5"
        write_embeddings(found[name], Embeddings(IDS[::-1], 3.0 * values[::-1]))
    return found


def table_of(
    files: dict[str, Path], second: Path | None = None, **settings: object
) -> pd.DataFrame:
    references = {"own": files["original"]} | ({"second": second} if second else {})
    methods = {name: path for name, path in files.items() if name != "original"}
    retrieval = Retrieval.model_validate({"fraction": 0.09} | settings)
    judging = Judging(pd.Series(PERSONS, index=IDS), 0.9, 0.03)
    how = None, Deployments(mixed=True), retrieval, judging
    return deployments.score_deployments("faces", 100, references, methods, *how)


@pytest.mark.parametrize("include_self", [True, False])
def test_scores_are_those_of_one_archive(files: dict[str, Path], include_self: bool) -> None:
    table = table_of(files, include_self=include_self)
    masks = deployments.anonymized_images(IDS, PERSONS, None, range(101), "faces")
    for (method, query, share), rows in table.groupby(["method", "query", "share"]):
        hidden = masks[share][:, None]
        database = np.where(hidden, ANONYMIZED[method], REFERENCE)
        asked = REFERENCE if query == "original" else ANONYMIZED[method]
        expected = alone(asked, database, include_self)[["ap", "ndcg"]].mean()
        found = rows.set_index("metric").loc[["map", "mndcg"], "value"].to_numpy()
        assert found == pytest.approx(expected.to_numpy(), abs=1e-6)
    table = table_of(files, queries=20)  # a sample is scored in the whole archive
    assert set(table["n"]) == {20} and set(table["images"]) == {N}


@pytest.mark.parametrize("similarity", ["euclidean", "inner"])
def test_similarity_of_the_system(files: dict[str, Path], similarity: str) -> None:
    lengths = np.linspace(0.5, 2.0, N, dtype=np.float32)[:, None]
    given = {}
    for name, values in {"original": REFERENCE, "blur": ANONYMIZED["blur"]}.items():
        given[name] = Embeddings(IDS, lengths * values, {"similarity": similarity})
        write_embeddings(files[name], given[name])
    table = table_of({name: files[name] for name in given})
    table = table[(table["share"] == 100) & (table["metric"] == "map")].set_index("query")
    queries = {"original": given["original"], "anonymized": given["blur"]}
    found = score_scenario(given["original"], queries, given["blur"], Retrieval(fraction=0.09))
    expected = found.table.set_index("query")
    for query in ("original", "anonymized"):
        row = table.loc[query]
        assert row["value"] == pytest.approx(expected.loc[query, "ap"].mean(), abs=1e-9)
        finds_itself = query == "anonymized" and similarity != "inner"
        assert bool(row["floor"] > row["chance"]) is finds_itself


def test_rows_have_intervals_levels_and_tests(files: dict[str, Path], tmp_path: Path) -> None:
    second = tmp_path / "second.h5"
    write_embeddings(second, Embeddings(IDS, unit(5)))
    table = table_of(files, second)
    table.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(deployments.read_deployments(tmp_path / "table.csv"), table)
    assert list(table.columns) == deployments.COLUMNS
    assert set(table["reference"]) == {"own", "second"}
    found = table[(table["metric"] == "map") & (table["method"] == "blur")]
    own = found[(found["reference"] == "own") & (found["query"] == "anonymized")]
    start, end = (own[own["share"] == share].iloc[0] for share in (0, 100))
    asked = ANONYMIZED["blur"]
    whole, none = (alone(asked, each)["ap"].to_numpy() for each in (asked, REFERENCE))
    expected = clustered_mean(whole - none, PERSONS, 0.9)
    assert end["difference"] == pytest.approx(expected.value)
    assert end["difference_high"] == pytest.approx(expected.high)
    assert (end["n"], end["images"], end["clusters"]) == (N, N, N // 3)
    assert start["verdict"] == "" and np.isnan(start["difference"])
    assert start["floor"] == start["chance"], "the query's own vector is not in the database"
    assert end["floor"] > own[own["share"] == 50].iloc[0]["floor"] > start["floor"]
    ceiling = found[(found["reference"] == "second") & (found["query"] == "original")].iloc[0]
    assert ceiling["share"] == 0 and ceiling["value"] < 1 and ceiling["kept"] == pytest.approx(1)
    write_embeddings(second, Embeddings(IDS[1:], REFERENCE[1:]))
    with pytest.raises(InputError, match=r"second\.h5: it is of other images"):
        table_of(files, second)
