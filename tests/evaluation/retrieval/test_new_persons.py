"""Intervals over new persons, from files of embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Adaption, Model, QueryKind, Variant
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.retrieval import new_persons as job
from anonbench.evaluation.retrieval.leave_out import over_persons
from anonbench.evaluation.retrieval.new_persons import COLUMNS, new_persons
from anonbench.evaluation.retrieval.stage.job import Embedded
from anonbench.evaluation.retrieval.stage.scenario import score

IDS = [f"{number:03d}" for number in range(120)]
PERSONS = pd.Series(np.arange(120) // 6, index=IDS)
BLUR = Variant("blur", 100)
ADAPTED = Model(Adaption.A, BLUR)
RUNS = [Scenario(Model(), 0, BLUR), Scenario(ADAPTED, 0, BLUR)]


def vectors(seed: int, noise: float = 1.0) -> np.ndarray:
    persons = np.random.default_rng(0).standard_normal((20, 12))[PERSONS.to_numpy()]
    drawn = np.random.default_rng(seed).standard_normal((120, 12))
    return (persons + noise * drawn).astype(np.float32)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, list[Embedded]]:
    """Return the reference's embeddings, and those of an unadapted and an adapted model."""

    def written(name: str, values: np.ndarray, order: int = 1) -> Path:
        path = tmp_path / f"{name}.h5"
        write_embeddings(path, Embeddings(IDS[::order], values[::order]))
        return path

    reference = written("reference", vectors(1))
    blurred, other = written("blurred", vectors(2), -1), written("other", vectors(3))
    adapted = written("adapted", vectors(4, 2.0))
    return reference, [
        Embedded(RUNS[0].path, reference, blurred),
        Embedded(RUNS[1].path, other, adapted),
    ]


def found(files: tuple[Path, list[Embedded]], **settings: object) -> pd.DataFrame:
    asked = Retrieval().model_copy(update=settings)
    return new_persons("faces", files[0], RUNS, files[1], PERSONS, asked, 0.95)


def test_values_are_those_of_the_tables(files: tuple[Path, list[Embedded]]) -> None:
    table = found(files)
    assert list(table.columns) == COLUMNS
    assert table["adaption"].tolist() == ["unadapted", "unadapted", "A", "A"]
    assert table["query"].tolist() == 2 * ["original", "anonymized"]
    reference = Embeddings(IDS, vectors(1))
    queries = {
        "original": Embeddings(IDS, vectors(3)),
        "anonymized": Embeddings(IDS, vectors(4, 2)),
    }
    scored = score(reference, queries, queries["anonymized"], Retrieval()).table
    means = scored.groupby("query")["ap"].mean()
    assert table["value"].tolist()[2:] == pytest.approx([means["original"], means["anonymized"]])
    assert set(table["n"]) == set(table["images"]) == {120} and set(table["groups"]) == {20}
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
    assert table["difference"][:2].isna().all()
    assert table["difference"][2] == pytest.approx(table["value"][2] - table["value"][0])
    assert (table["difference_high"][2:] < 0).all()


@pytest.mark.slow
def test_an_archive_without_a_person_is_scored_anew(files: tuple[Path, list[Embedded]]) -> None:
    """The jackknife of smaller archives, each scored by itself."""
    maps = []
    for person in range(20):
        kept = PERSONS.to_numpy() != person
        ids = [each for each, stays in zip(IDS, kept, strict=True) if stays]
        reference, database = (Embeddings(ids, vectors(seed)[kept]) for seed in (1, 2))
        # 6 of 120 are relevant, and 5.7 of 114
        k = [
            score(reference, {"original": reference}, database, Retrieval(fraction=of / 114)).table
            for of in (5.0001, 6.0001)
        ]
        maps.append(np.dot([0.3, 0.7], [table["ap"].mean() for table in k]))
    row = found(files).iloc[0]
    expected = over_persons(row["value"], np.array(maps), 120, 0.95)
    assert row["se"] == pytest.approx(expected.se, rel=1e-6)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_the_difference_is_jackknifed_as_a_pair() -> None:
    draw = np.random.default_rng(5).standard_normal
    base, lost = 0.6 + 0.05 * draw(20), 0.1 + 0.01 * draw(20)
    kind = QueryKind.ORIGINAL
    pair = [
        job._Row(Model(), kind, 0.6, base, 1),
        job._Row(ADAPTED, kind, 0.5, base - lost, 1),
    ]
    unadapted, adapted = job._rows(pair, 120, 0.95)
    expected = over_persons(-0.1, -lost, 120, 0.95)
    found = [adapted[name] for name in ("difference", "difference_low", "difference_high")]
    assert found == pytest.approx([expected.value, expected.low, expected.high])
    # what both models share between persons cancels
    assert expected.high - expected.low < (adapted["high"] - adapted["low"]) / 3
    assert "difference" not in unadapted


def test_seeds_are_averaged(files: tuple[Path, list[Embedded]]) -> None:
    reference, (first, second) = files
    runs = [Scenario(Model(), seed, BLUR) for seed in (0, 1)]
    table = new_persons("x", reference, runs, [first, second], PERSONS, Retrieval(), 0.95)
    assert table["seeds"].tolist() == [2, 2]
    assert table["value"][0] == pytest.approx(found(files)["value"][[0, 2]].mean())


def test_many_queries_are_a_sample_and_few_clusters_have_a_reason(
    files: tuple[Path, list[Embedded]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(found(files, queries=50)["n"]) == {50}
    monkeypatch.setattr(job, "MOST_QUERIES", 30)
    table = found(files)
    assert set(table["n"]) == {30} and set(table["images"]) == {120}
    few = new_persons("x", files[0], RUNS, files[1], PERSONS // 4, Retrieval(), 0.95)
    assert set(few["groups"]) == {5} and few["low"].isna().all()
    assert few["reason"].str.startswith("5 clusters").all()


def test_every_image_needs_a_cluster(files: tuple[Path, list[Embedded]]) -> None:
    with pytest.raises(InputError, match="20 images have scores and no cluster"):
        new_persons("x", files[0], RUNS, files[1], PERSONS[20:], Retrieval(), 0.95)
