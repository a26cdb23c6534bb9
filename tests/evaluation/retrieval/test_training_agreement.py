"""Agreement of trainings against the scores of the retrieval stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.retrieval import training_agreement as job
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, score_all
from anonbench.evaluation.retrieval.training_agreement import COLUMNS, agreement_of_trainings

IDS = [f"{number:03d}" for number in range(120)]
PERSONS = pd.Series(np.arange(120) // 6, index=IDS)
TRAININGS = [(Model(), 0), (Model(), 1), (Model(Adaption.A, Variant("blur", 100)), 0)]


def vectors(training: int) -> np.ndarray:
    common = np.random.default_rng(9).standard_normal((120, 12))
    own = np.random.default_rng(training).standard_normal((120, 12))
    return (common + own).astype(np.float32)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return three trainings' embeddings, in different orders."""
    paths = [tmp_path / f"{number}.h5" for number in range(3)]
    for number, path in enumerate(paths):
        order = -1 if number else 1
        write_embeddings(path, Embeddings(IDS[::order], vectors(number)[::order]))
    return paths


def compared(files: list[Path], clusters: pd.Series = PERSONS, **settings: object) -> pd.DataFrame:
    asked = Retrieval().model_copy(update=settings)
    return agreement_of_trainings("faces", TRAININGS, files, clusters, asked, 0.95)


@pytest.mark.parametrize("include_self", [True, False])
def test_it_is_map_by_each_others_ranking(files: list[Path], include_self: bool) -> None:
    table = compared(files, include_self=include_self)
    assert list(table.columns) == COLUMNS and len(table) == 6
    reference, judged = (Embeddings(IDS, vectors(number)) for number in (1, 2))
    settings = Retrieval(include_self=include_self)
    scores = score_scenario(reference, {"original": judged}, judged, settings).table.sort_values(
        "id"
    )
    expected = clustered_mean(scores["ap"].to_numpy(), PERSONS.to_numpy(), 0.95)
    (row,) = table[(table["reference_seed"] == 1) & (table["model"] == "A-blur-100")].to_dict(
        "records"
    )
    assert row["reference"] == "unadapted" and (row["n"], row["clusters"]) == (120, 20)
    assert row["value"] == pytest.approx(expected.value)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_no_more_trainings_are_held_than_memory_allows(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compared(files)
    together: list[int] = []

    def counted(engine: Engine, reference: Search, searches: list[Any], *given: Any) -> Any:
        together.append(len(searches))
        return score_all(engine, reference, searches, *given)

    monkeypatch.setattr(job, "score_all", counted)
    pd.testing.assert_frame_equal(compared(files, memory_gb=1e-9), whole)
    assert max(together) == 1 and sum(together) == 6


def test_vectors_are_compared_as_their_system_compares_them(files: list[Path]) -> None:
    given = [
        Embeddings(IDS, 3.0 + vectors(number), {"similarity": "euclidean"}) for number in range(3)
    ]
    for path, each in zip(files, given, strict=True):
        write_embeddings(path, each)
    table = compared(files)
    scores = score_scenario(given[0], {"original": given[1]}, given[1], Retrieval()).table
    row = table[(table["reference_seed"] == 0) & (table["seed"] == 1)].iloc[0]
    assert row["value"] == pytest.approx(scores["ap"].mean(), abs=1e-12)


def test_many_queries_are_a_sample_and_few_clusters_have_a_reason(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "MOST_QUERIES", 40)
    assert set(compared(files)["n"]) == {40}
    few = compared(files, PERSONS // 5)
    assert few["low"].isna().all() and few["reason"].str.startswith("4 clusters").all()


def test_what_cannot_be_compared(files: list[Path]) -> None:
    with pytest.raises(InputError, match="no trainings to compare"):
        agreement_of_trainings("faces", [], [], PERSONS, Retrieval(), 0.95)
    write_embeddings(files[2], Embeddings(IDS[1:], vectors(2)[1:]))
    with pytest.raises(InputError, match="of the reference are missing"):
        compared(files)
