"""Map of hidden images' vectors: what it learns, what it refuses, and its file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

import anonbench
from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import unit_rows
from anonbench.embedding.mapping import STRENGTHS, Map, Pairs, folds_of
from anonbench.embedding.store import Embeddings, write_embeddings

WIDTH = 24


def drawn(count: int = 400, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Originals, hidden vectors that lost half of the directions, and clusters of two images."""
    draw = np.random.default_rng(1)
    originals = draw.standard_normal((count, 6)) @ draw.standard_normal((6, WIDTH))
    lost = np.eye(WIDTH) + 0.5 * draw.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5
    lost[:, : WIDTH // 2] *= 0.2
    hidden = originals @ lost + noise * draw.standard_normal((count, WIDTH)) + 1.0
    return (*(each.astype(np.float32) for each in (originals, hidden)), np.arange(count) // 2)


def test_equal_vectors_stay_equal_and_folds_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    originals, hidden, clusters = drawn()
    learned = Pairs(originals, hidden, folds_of(clusters, 0)).fit()
    hidden[[7, 200, 399]] = hidden[0]
    matmul = np.matmul

    def uneven(*given: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[:] = matmul(*given) + 1e-6 * np.arange(len(out), dtype=np.float32)[:, None]
        return out

    with monkeypatch.context() as patch:
        patch.setattr(np, "matmul", uneven)
        mapped = learned.apply(hidden)
    assert all(np.array_equal(mapped[row], mapped[0]) for row in (7, 200, 399))
    assert not np.array_equal(mapped[1], mapped[0])
    originals, hidden, clusters = drawn()
    folds = folds_of(clusters, 0)
    without = [0, 1, 2, 3, 4, None]
    for threads in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        maps = Pairs(originals, hidden, folds).fits(without)
        assert list(maps) == without
        for fold in without:
            alone = Pairs(originals, hidden, folds).fit(fold)
            assert maps[fold].card == alone.card
            np.testing.assert_array_equal(maps[fold].weights, alone.weights)


# fewer than dimensions; more in a fold than are summed up at once
@pytest.mark.parametrize("count", [16, 400, 12_000])
def test_weights_are_those_of_ridge_regression(count: int) -> None:
    from sklearn.linear_model import Ridge

    originals, hidden, clusters = drawn(count)
    learned = Pairs(originals, hidden, folds_of(clusters, 0)).fit(None, (0.1,))
    rows, targets = unit_rows(hidden).astype(float), unit_rows(originals).astype(float)
    centred = rows - rows.mean(axis=0)
    penalty = 0.1 * np.square(centred).sum() / WIDTH
    expected = Ridge(alpha=penalty).fit(rows, targets - rows)
    np.testing.assert_allclose(learned.weights.T, expected.coef_, atol=2e-4)
    np.testing.assert_allclose(learned.apply(hidden), rows + expected.predict(rows), atol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("similarity", ["cosine", "inner", "euclidean"])
@pytest.mark.parametrize("scale", [0.0, 1000.0])
def test_vectors_that_are_all_the_same_get_the_mean_shift(similarity: str, scale: float) -> None:
    originals, _, clusters = drawn()
    hidden = np.tile(originals[:1] * scale, (len(originals), 1))
    learned = Pairs(originals, hidden, folds_of(clusters, 0), similarity).fit()
    assert learned.card["strength"] == STRENGTHS[-1]
    assert not learned.weights.any()


def test_clusters_stay_together_and_too_few_are_refused() -> None:
    clusters = np.repeat(np.arange(40), 7)
    folds = folds_of(clusters, 0)
    assert all(len(set(folds[clusters == each])) == 1 for each in range(40))
    assert set(folds) == set(range(5))
    assert (folds != folds_of(clusters, 1)).any()
    with pytest.raises(InputError, match="4 clusters"):
        folds_of(np.arange(4), 0)


def test_query_side_ranks_a_stored_index_as_the_map_would() -> None:
    faiss = pytest.importorskip("faiss")
    originals, hidden, clusters = drawn()
    learned = Pairs(originals, hidden, folds_of(clusters, 0), "inner").fit()
    mapped = faiss.IndexFlatIP(WIDTH)
    mapped.add(learned.apply(hidden))
    stored = faiss.IndexFlatIP(WIDTH)  # as it is: hidden images' vectors
    stored.add(hidden)
    queries = originals[:20]
    expected, found = mapped.search(queries, 10)[1], stored.search(learned.queries(queries), 10)[1]
    np.testing.assert_array_equal(found, expected)
    assert (stored.search(queries, 10)[1] != expected).any()


def test_the_file_holds_the_map_and_what_is_none_is_refused(tmp_path: Path) -> None:
    originals, hidden, clusters = drawn()
    learned = Pairs(originals, hidden, folds_of(clusters, 0)).fit()
    for name in ("one", "two"):
        learned.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    read = Map.load(tmp_path / "one")
    assert read.card == learned.card
    np.testing.assert_array_equal(read.apply(hidden), learned.apply(hidden))
    whole = (tmp_path / "one").read_bytes()
    (tmp_path / "flipped").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="flipped: damaged"):
        Map.load(tmp_path / "flipped")
    (tmp_path / "cut.safetensors").write_bytes(whole[:-100])
    save_file({"weights": np.ones((2, 2), np.float32)}, tmp_path / "other.safetensors")
    arrays = {"weights": (3, 3), "mean": (2,), "shift": (3,)}
    tensors = {name: np.ones(shape, np.float32) for name, shape in arrays.items()}
    save_file(tensors, tmp_path / "mixed.safetensors", metadata={"anonbench": "{}"})
    with pytest.raises(InputError, match="24 dimensions"):
        learned.apply(hidden[:, :5])
    for wrong in (hidden[0], [], tmp_path):
        with pytest.raises(InputError, match=r"hidden: \w+ of shape .*shape \[n, 24\]"):
            learned.apply(wrong)  # type: ignore[arg-type]
    for call, name in ((learned.apply, "hidden"), (learned.queries, "originals")):
        with pytest.raises(InputError, match=f"{name}: .*no finite number"):
            call(np.full_like(hidden, np.nan))
    for damage in ("missing", "cut", "other", "mixed"):
        with pytest.raises(InputError, match=rf"{damage}\.safetensors: not a map"):
            Map.load(tmp_path / f"{damage}.safetensors")


def test_card_recommends_what_gains_and_warns_of_what_does_not(tmp_path: Path) -> None:
    originals, hidden, clusters = drawn()
    ids = [f"{row:04d}" for row in range(len(originals))]
    groups = pd.Series(clusters, index=ids)
    for name, values in (("originals", originals), ("hidden", hidden)):
        write_embeddings(tmp_path / f"{name}.h5", Embeddings(ids, values, {"system": "ours"}))
    files = tmp_path / "originals.h5", tmp_path / "hidden.h5"
    learned = anonbench.fit_map(*files, groups, method="mask-100")
    assert learned.card["recommended"]
    assert (learned.card["system"], learned.card["method"]) == ("ours", "mask-100")
    table = pd.DataFrame(learned.card["judged"])
    gains = table[(table["query"] == "original") & (table["metric"] == "map")]
    of = gains.drop_duplicates("remedy", keep="last").set_index("remedy")["gain"]
    assert of["mapped"] > max(of["shift"], of["whitening"], of["expansion"], 0.0)
    assert of["shuffled"] < 0.0
    curve = gains[gains["remedy"] == "mapped"]
    assert curve["pairs"].tolist() == [50, 100, 200, 320]
    assert gains.loc[gains["remedy"] == "extrapolated", "pairs"].tolist() == [640]
    assert set(table["metric"]) == {"map", "labelled"}

    random = np.random.default_rng(4).standard_normal(hidden.shape).astype(np.float32)
    useless = anonbench.fit_map((ids, originals), (ids, random), groups)
    assert not useless.card["recommended"]
    assert useless.card["why_not"]["original"]


def test_pairs_are_found_by_id_and_systems_may_not_differ() -> None:
    originals, hidden, _ = drawn()
    ids = [f"{row:04d}" for row in range(len(originals))]
    turn = np.random.default_rng(5).permutation(len(ids))
    given = originals.copy(), hidden.copy()
    one = anonbench.fit_map((ids, originals), (ids, hidden))
    np.testing.assert_array_equal(np.stack([originals, hidden]), np.stack(given))
    other = anonbench.fit_map((ids, originals), ([ids[row] for row in turn], hidden[turn]))
    np.testing.assert_array_equal(one.weights, other.weights)
    with pytest.raises(InputError, match="24 dimensions, hidden images 5"):
        anonbench.fit_map((ids, originals), (ids, hidden[:, :5]))
    two = [Embeddings(ids, originals, {"system": name}) for name in ("a", "b")]
    with pytest.raises(InputError, match="two systems"):
        anonbench.fit_map(two[0], two[1])
