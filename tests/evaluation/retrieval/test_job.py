"""All scenarios of a data set in one job, and the agreement of trainings, against single scores."""

import json
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.embedding.store import Embeddings, read_embeddings, write_embeddings
from anonbench.evaluation.retrieval import job
from anonbench.evaluation.retrieval import training_agreement as agreement
from anonbench.evaluation.retrieval.job import Embedded, score_shard
from anonbench.evaluation.retrieval.scenario import Scores, score_scenario
from anonbench.evaluation.retrieval.scoring.chance import chance_ap
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, score_all
from anonbench.evaluation.retrieval.training_agreement import COLUMNS, agreement_of_trainings

SIZE = 450
IDS = [f"images/{number:03d}" for number in range(SIZE)]
SETTINGS = Retrieval(fraction=0.1, block=16)


def write(
    path: Path, seed: int, near: Path | None = None, width: int = 24, similarity: str = "cosine"
) -> Path:
    values = np.random.default_rng(seed).standard_normal((SIZE, width)).astype(np.float32)
    if near is not None:
        values += read_embeddings(near).values
    write_embeddings(path, Embeddings(IDS, values, {"similarity": similarity}))
    return path


@dataclass
class World:
    """Embeddings of a small data set, and where scores go."""

    folder: Path
    reference: Path
    scenarios: list[Embedded]

    def run(self, settings: Retrieval = SETTINGS, name: str = "out") -> dict[str, bytes]:
        """Score all shards and gather them; return the files of all scenarios."""
        out = self.folder / name
        shards = [out / f"{number}.parquet" for number in range(settings.shards)]
        for number, shard in enumerate(shards):
            score_shard(self.reference, self.scenarios, settings, number, shard)
        names = [scenario.name for scenario in self.scenarios]
        tables = [out / f"{name}.parquet" for name in names]
        summaries = [out / f"{name}.json" for name in names]
        job.gather_scenarios(shards, names, settings, tables, summaries)
        return {str(path.relative_to(out)): path.read_bytes() for path in tables + summaries}


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    alike = {"similarity": getattr(request, "param", "cosine")}
    reference = write(tmp_path / "reference.h5", 0, **alike)
    control = write(tmp_path / "control.h5", 1, reference, **alike)
    adapted = write(tmp_path / "adapted.h5", 2, width=10, **alike)
    blurred = write(tmp_path / "blurred.h5", 3, reference, **alike)
    masked = write(tmp_path / "masked.h5", 4, adapted, width=10, **alike)
    scenarios = [
        Embedded("unadapted/seed0/original", reference, reference),
        Embedded("unadapted/seed1/original", control, control),
        Embedded("unadapted/seed0/blur-50", reference, blurred),
        Embedded("A-mask-50/seed0/mask-50", adapted, masked),
    ]
    return World(tmp_path, reference, scenarios)


def scored_alone(reference: Path, scenario: Embedded) -> Scores:
    queries = {kind: read_embeddings(path) for kind, path in scenario.kinds.items()}
    truth, database = map(read_embeddings, (reference, scenario.database))
    return score_scenario(truth, queries, database, SETTINGS)


@pytest.mark.parametrize("world", ["cosine", "euclidean", "inner"], indirect=True)
def test_each_scenario_is_scored_as_it_is_alone(world: World) -> None:
    files = world.run()
    finds_itself = read_embeddings(world.reference).similarity != "inner"
    for scenario in world.scenarios:
        queries, alone = list(scenario.kinds), scored_alone(world.reference, scenario)
        found = pd.read_parquet(world.folder / "out" / f"{scenario.name}.parquet")
        pd.testing.assert_frame_equal(found, alone.table, check_exact=True, check_dtype=False)
        summary = json.loads(files[f"{scenario.name}.json"])
        assert (summary["images"], summary["k"], summary["top"]) == (SIZE, 45, 10)
        assert summary["chance"] == alone.chance
        assert list(summary["floor"]) == sorted(queries)
        with_self = summary["floor"][queries[-1]]  # the database's own vectors
        assert with_self["map"] == chance_ap(SIZE, SETTINGS, own_first=finds_itself)
        assert (with_self["mndcg"] > summary["chance"]["mndcg"]) is finds_itself
        assert finds_itself or with_self == summary["chance"]
        if len(queries) == 2:
            assert summary["floor"]["original"] == alone.chance
        assert list(summary["queries"]) == sorted(queries)
        for kind, means in summary["queries"].items():
            rows = alone.table[alone.table["query"] == kind]
            assert means["map"] == pytest.approx(rows["ap"].mean())
            assert means["mndcg"] == pytest.approx(rows["ndcg"].mean())
            assert means["overlap"] == pytest.approx(rows["overlap"].mean())
            assert (means["n"], means["undefined_ndcg"]) == (SIZE, 0)
    means = json.loads(files["unadapted/seed0/original.json"])["queries"]["original"]
    assert (means["map"], means["mndcg"], means["overlap"]) == (1.0, 1.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("queries", [None, 2])
def test_shards_blocks_and_memory_change_no_byte(world: World, queries: int | None) -> None:
    settings = SETTINGS.model_copy(update={"queries": queries})
    expected = world.run(settings)
    assert len(expected) == 2 * len(world.scenarios)
    rows = pd.read_parquet(world.folder / "out/unadapted/seed0/blur-50.parquet")
    assert len(rows) == 2 * (queries or SIZE)
    for other in (
        {"shards": 3, "block": 200},
        {"shards": 4, "memory_gb": 1e-6},
        {"memory_gb": 2 * 4 * SIZE * 24 / 1e9},
    ):
        assert world.run(settings.model_copy(update=other), str(other)) == expected


@pytest.mark.slow
def test_a_second_reference_scores_as_the_first_does(world: World) -> None:
    settings = SETTINGS.model_copy(update={"shards": 3})
    second = world.scenarios[1].queries
    files = [world.folder / f"second/{number}.parquet" for number in range(3)]
    names = [scenario.name for scenario in world.scenarios]
    for number, file in enumerate(files):
        score_shard(second, world.scenarios, settings, number, file)
    job.gather_in_one_file(files, names, world.folder / "second.parquet")
    found = pd.read_parquet(world.folder / "second.parquet")
    assert list(dict.fromkeys(found["scenario"])) == names
    for scenario in world.scenarios:
        alone = scored_alone(second, scenario).table
        rows = found[found["scenario"] == scenario.name].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[list(alone)], alone, check_exact=True, check_dtype=False)
    own = found[found["scenario"] == "unadapted/seed1/original"]
    assert (own[["ap", "ndcg", "overlap"]] == 1.0).all(axis=None)


def test_the_order_in_a_file_does_not_matter_and_the_reference_is_ranked_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked, reference = [], Engine.reference

    def counted(engine: Engine, searched: Any, queries: np.ndarray, own: np.ndarray) -> Any:
        ranked.append(len(set(own)))
        return reference(engine, searched, queries, own)

    monkeypatch.setattr(Engine, "reference", counted)
    expected = world.run()
    assert sum(ranked) == SIZE
    for number, path in enumerate(sorted(world.folder.glob("*.h5"))):
        given = read_embeddings(path)
        order = np.random.default_rng(number).permutation(SIZE)
        write_embeddings(path, Embeddings([IDS[i] for i in order], given.values[order]))
    assert world.run() == expected


def test_databases_are_released(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `memory_gb` for one, the reference's own and the latest are all that is held."""
    made: list[weakref.ref[Any]] = []
    held: list[int] = []

    def make(settings: Retrieval, images: int) -> Any:
        engine = Engine(settings, images)
        database = engine.database

        def remembered(*arguments: Any) -> Any:
            held.append(sum(each() is not None for each in made))
            found = database(*arguments)
            made.append(weakref.ref(found))
            return found

        monkeypatch.setattr(engine, "database", remembered)
        return engine

    monkeypatch.setattr(job, "Engine", make)
    world.run(SETTINGS.model_copy(update={"memory_gb": 1e-6}))
    assert held == [0, 1, 1, 1]


def test_queries_without_positive_gains_are_counted(world: World) -> None:
    # two opposite directions and no own image: all reference gains are -1 for the lone image
    values = np.tile(np.array([[1.0, 0.0]], np.float32), (SIZE, 1))
    values[0] = [-1.0, 0.0]
    write_embeddings(world.reference, Embeddings(IDS, values))
    world.scenarios = world.scenarios[:1]
    files = world.run(SETTINGS.model_copy(update={"include_self": False}))
    summary = json.loads(files["unadapted/seed0/original.json"])["queries"]["original"]
    assert summary["undefined_ndcg"] == 1
    assert summary["mndcg"] == 1.0


def test_embeddings_that_do_not_fit_are_named(world: World) -> None:
    path = world.scenarios[2].database
    given = read_embeddings(path)
    for ids, factor, message in (
        (["new", *given.ids[1:]], 1.0, "'new'.*missing.*'images/000'"),
        (given.ids, np.nan, "not finite"),
    ):
        write_embeddings(path, Embeddings(ids, given.values * np.float32(factor)))
        with pytest.raises(InputError, match=f"blurred.h5.*{message}"):
            world.run()


def test_zero_vectors(world: World, caplog: pytest.LogCaptureFixture) -> None:
    path = world.scenarios[2].database
    for file in (path, world.reference):
        found = read_embeddings(file)
        found.values[:2] = 0
        write_embeddings(file, found)
        if file == path:
            world.run()
            rows = pd.read_parquet(world.folder / "out/unadapted/seed0/blur-50.parquet")
            assert rows["ap"].notna().all()
            assert "blurred.h5: 2 zero embeddings" in caplog.text
    with pytest.raises(InputError, match=f"{world.reference}: 2 embeddings of originals are zero"):
        world.run()


NAMES = [f"{number:03d}" for number in range(120)]
PERSONS = pd.Series(np.arange(120) // 6, index=NAMES)
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
        write_embeddings(path, Embeddings(NAMES[::order], vectors(number)[::order]))
    return paths


def compared(files: list[Path], clusters: pd.Series = PERSONS, **settings: object) -> pd.DataFrame:
    asked = Retrieval().model_copy(update=settings)
    return agreement_of_trainings("faces", TRAININGS, files, clusters, asked, 0.95)


@pytest.mark.parametrize("include_self", [True, False])
def test_it_is_map_by_each_others_ranking(files: list[Path], include_self: bool) -> None:
    table = compared(files, include_self=include_self)
    assert list(table.columns) == COLUMNS and len(table) == 6
    pd.testing.assert_frame_equal(compared(files, include_self=include_self, ap_depth="k"), table)
    reference, judged = (Embeddings(NAMES, vectors(number)) for number in (1, 2))
    settings = Retrieval(include_self=include_self)
    scores = score_scenario(reference, {"original": judged}, judged, settings).table
    ap = scores.sort_values("id")["ap"].to_numpy()
    expected = clustered_mean(ap, PERSONS.to_numpy(), 0.95)
    rows = table[(table["reference_seed"] == 1) & (table["model"] == "A-blur-100")]
    (row,) = rows.to_dict("records")
    assert row["reference"] == "unadapted" and (row["n"], row["clusters"]) == (120, 20)
    assert row["value"] == pytest.approx(expected.value)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_memory_sampled_queries_and_few_clusters(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compared(files)
    together: list[int] = []

    def counted(engine: Engine, reference: Search, searches: list[Any], *given: Any) -> Any:
        together.append(len(searches))
        return score_all(engine, reference, searches, *given)

    monkeypatch.setattr(agreement, "score_all", counted)
    pd.testing.assert_frame_equal(compared(files, memory_gb=1e-9), whole)
    assert max(together) == 1 and sum(together) == 6
    few = compared(files, PERSONS // 5)
    assert few["low"].isna().all() and few["reason"].str.startswith("4 clusters").all()
    monkeypatch.setattr(agreement, "MOST_QUERIES", 40)
    assert set(compared(files)["n"]) == {40}


def test_similarity_of_the_system(files: list[Path]) -> None:
    given = [
        Embeddings(NAMES, 3.0 + vectors(number), {"similarity": "euclidean"}) for number in range(3)
    ]
    for path, each in zip(files, given, strict=True):
        write_embeddings(path, each)
    table = compared(files)
    scores = score_scenario(given[0], {"original": given[1]}, given[1], Retrieval()).table
    row = table[(table["reference_seed"] == 0) & (table["seed"] == 1)].iloc[0]
    assert row["value"] == pytest.approx(scores["ap"].mean(), abs=1e-12)


def test_what_cannot_be_compared(files: list[Path]) -> None:
    with pytest.raises(InputError, match="no trainings to compare"):
        agreement_of_trainings("faces", [], [], PERSONS, Retrieval(), 0.95)
    write_embeddings(files[2], Embeddings(NAMES[1:], vectors(2)[1:]))
    with pytest.raises(InputError, match="of the reference are missing"):
        compared(files)
