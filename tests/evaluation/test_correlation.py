"""The correlation matrices, and the paper's recomputed from its tables."""

import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.core.errors import InputError
from anonbench.evaluation.correlation import (
    COLUMNS,
    METRICS,
    WITHIN,
    correlation_matrices,
    metric_rows,
    within_matrix,
)

METHODS = {"pixelation": "pixelate", "blurring": "blur", "masking": "mask"}
ACCURACIES = {"knn_accuracy": "knn", "linear_accuracy": "linear"}


@pytest.fixture(scope="module")
def paper(shared: Path) -> pd.DataFrame:
    """The paper's tables in our layout; CelebA's only degree is 100."""
    table = pd.read_csv(shared / "paper" / "paper_results.csv", dtype=str)
    table = table[table["method"].isin(METHODS) & table["adaption"].notna()]
    table = table.replace({"method": METHODS, "metric": ACCURACIES})
    return table.assign(
        adaption=table["adaption"].replace("none", "unadapted"),
        degree=table["degree"].fillna("100").astype(int),
        value=table["value"].astype(float) / 100,
        query=table["query"].fillna(""),
        seed=0,
    )


def at(matrix: pd.DataFrame, a: str, b: str) -> pd.Series:
    return matrix[(matrix["metric"] == a) & (matrix["metric_b"] == b)].iloc[0]


@pytest.mark.parametrize(("dataset", "degree"), [("celeba", 100), ("rvl_cdip", 50)])
def test_the_papers_matrices(paper: pd.DataFrame, shared: Path, dataset: str, degree: int) -> None:
    matrix = correlation_matrices(metric_rows(paper[paper["dataset"] == dataset], degree))
    expected = pd.read_csv(shared / "paper" / "paper_corr_recomputed.csv")
    expected = expected.replace({"metric": ACCURACIES, "metric_b": ACCURACIES})
    expected = expected[expected["dataset"] == dataset]
    expected = expected[expected["degree"].fillna(100) == degree]
    both = matrix.merge(expected, on=["metric", "metric_b"], validate="1:1")
    assert len(both) == len(matrix) == 36
    assert (matrix["n"] == 12).all()
    assert np.allclose(both["pearson"], both["pearson_recomputed"], atol=1e-6)


def example(rows: int = 12, downstream: bool = True) -> pd.DataFrame:
    """Random scores of `rows` combinations of method and adaption, two seeds each."""
    names = [*product(("pixelate", "blur", "mask"), ("unadapted", "A", "B", "C"))][:rows]
    metrics = [name.partition("_")[::2] for name in METRICS if downstream or "_" in name]
    keys = [(*name, seed, *metric) for name, metric, seed in product(names, metrics, (0, 1))]
    table = pd.DataFrame(keys, columns=["method", "adaption", "seed", "metric", "query"])
    values = np.random.default_rng(0).random(len(table))
    return table.assign(dataset="demo", degree=50, value=values)


def test_coefficients_equal_pandas() -> None:
    scores = example()
    matrix = correlation_matrices(metric_rows(scores, 50))
    assert list(matrix.columns) == COLUMNS
    rows = metric_rows(scores, 50)[list(METRICS)]
    for column, method in (("pearson", "pearson"), ("spearman", "spearman")):
        square = matrix[column].to_numpy().reshape(6, 6)
        assert np.allclose(square, rows.corr(method).to_numpy())
        assert np.array_equal(square, square.T)
    assert matrix["metric"].tolist()[::6] == list(METRICS)
    assert (matrix["low"] <= matrix["pearson"]).all() and (matrix["reason"] == "").all()


def test_seeds_are_averaged_and_other_rows_do_not_count() -> None:
    scores = example()
    original = scores[scores["method"] == "blur"].assign(method="original", degree=0)
    other = scores.assign(degree=75, value=0.5)
    unadapted = scores[scores["adaption"] == "unadapted"]
    control = unadapted.assign(adaption="control", value=0.1)
    unknown = [scores[scores["metric"] == "map"].assign(metric=m) for m in ("rbo", "tau")]
    unknown += [scores[scores["metric"] == "knn"].assign(metric=m) for m in ["knn@5"]]
    only = unknown[0].assign(adaption="D")  # has none of the six metrics: no row
    more = pd.concat([scores, original, other, control, *unknown, only])
    first, second = (correlation_matrices(metric_rows(table, 50)) for table in (scores, more))
    pd.testing.assert_frame_equal(first, second)
    assert (first["n"] == 12).all() and len(metric_rows(more, 50)) == 12
    mean = metric_rows(scores, 50).set_index(["method", "adaption"]).loc[("blur", "A"), "knn"]
    cell = scores.query("method == 'blur' and adaption == 'A' and metric == 'knn'")
    assert mean == pytest.approx(cell["value"].mean())


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (example(downstream=False), "k-NN: no downstream task"),
        (example(rows=2), "2 rows (model × method), at least 3 are needed"),
        (example(rows=0).reindex(columns=example().columns), "0 rows"),
        (example().assign(value=0.3), "k-NN is the same in all 12 rows"),
        # but for the order in which accuracies were added
        (example().assign(value=np.resize([*[0.3] * 4, 0.1 + 0.2], 144)), "k-NN is the same"),
    ],
)
def test_what_does_not_exist_has_a_reason_and_no_warning(scores: pd.DataFrame, reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix = correlation_matrices(metric_rows(scores, 50))
    cell = at(matrix, "knn", "knn")
    assert np.isnan(cell["pearson"]) and np.isnan(cell["low"])
    assert cell["reason"].startswith(reason)


@pytest.mark.parametrize(("rows", "known"), [(4, False), (7, False), (8, True)])
def test_few_rows_have_a_coefficient_and_no_interval(rows: int, known: bool) -> None:
    """Few rows repeat in a bootstrap, and its interval of four of them may have no width."""
    matrix = correlation_matrices(metric_rows(example(rows=rows), 50))
    assert matrix["pearson"].notna().all()
    assert matrix["low"].notna().eq(known).all() and matrix["high"].notna().eq(known).all()


def test_a_missing_cell_leaves_its_row_out_and_several_data_sets_are_refused() -> None:
    scores = example()
    gone = scores.query("method == 'blur' and adaption == 'A' and metric == 'knn'").index
    matrix = correlation_matrices(metric_rows(scores.drop(gone), 50))
    assert at(matrix, "knn", "linear")["n"] == 11
    assert at(matrix, "map_original", "linear")["n"] == 12
    both = pd.concat([scores, scores.assign(dataset="other")])
    with pytest.raises(InputError, match="demo, other"):
        correlation_matrices(metric_rows(both, 50))


def test_the_papers_coefficient_within_methods(paper: pd.DataFrame) -> None:
    """What is left of 0.95 once masking, which lowers everything, is no correlation of models."""
    table = within_matrix(metric_rows(paper[paper["dataset"] == "celeba"], 100))
    assert list(table.columns) == WITHIN
    assert len(table) == 15 and (table["rows"] == 12).all() and (table["methods"] == 3).all()
    strongest = at(table, "mndcg_anonymized", "knn")
    assert strongest["coefficient"] == pytest.approx(0.90, abs=0.005)
    assert (strongest["low"], strongest["high"]) == pytest.approx((0.62, 0.98), abs=0.005)
    assert 0.04 < strongest["p_holm"] < 0.06 and strongest["p_models"] == pytest.approx(1 / 24)
    # 0.70 over all rows, and no sign of it within methods
    assert at(table, "map_original", "knn")["p"] > 0.2
    assert (table["p_holm"] >= table["p"]).all()
    kept = paper[(paper["metric"] != "linear") & (paper["dataset"] == "celeba")]
    table = within_matrix(metric_rows(kept, 100))
    missing = at(table, "knn", "linear")
    assert missing["reason"] == "linear: no downstream task" and np.isnan(missing["p_holm"])
    assert at(table, "mndcg_anonymized", "knn")["reason"] == ""
