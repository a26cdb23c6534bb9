"""Scores of anyone's embeddings: the Python call, and two scorings compared in pairs."""

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

import anonbench
from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation import external
from anonbench.evaluation.against import compare_scorings, read_scores
from anonbench.evaluation.external import cluster_numbers, run, score
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.scoring.metrics import MIN_K, PER_QUERY, cutoff

SIZE = 200
Pair = tuple[list[str], np.ndarray]


def vectors(seed: int, near: np.ndarray | float = 0.0, width: int = 12) -> np.ndarray:
    return near + np.random.default_rng(seed).standard_normal((SIZE, width))


IDS = [f"i{(3 * number) % SIZE:03d}" for number in range(SIZE)]
REFERENCE: Pair = (IDS, vectors(0))
DATABASE: Pair = (IDS, vectors(1, REFERENCE[1]))
QUERIES: Pair = (IDS, vectors(2, REFERENCE[1]))


def value(table: pd.DataFrame, metric: str, column: str = "value") -> float:
    return float(table.set_index("metric").loc[metric, column])


def test_values_are_those_of_the_pipeline() -> None:
    reference, queries, database = (
        Embeddings(ids, values.astype(np.float32)) for ids, values in (REFERENCE, QUERIES, DATABASE)
    )
    scored = score_scenario(reference, {"original": queries}, database, Retrieval()).table
    scored = scored.sort_values("id")
    found = run(REFERENCE, QUERIES, DATABASE)
    assert type(found.table[found.table["value"] > 0]) is pd.DataFrame
    assert repr(found.table).splitlines()[0].split() == list(found.table.columns)  # intervals, too
    table, ap = found.table.set_index("metric"), scored["ap"].to_numpy()
    assert list(table.index) == list(PER_QUERY)
    assert table["value"].tolist() == pytest.approx(scored[[*PER_QUERY.values()]].mean(), abs=1e-6)
    assert table.loc["map", "se"] == pytest.approx(np.std(ap, ddof=1) / SIZE**0.5, abs=1e-6)
    assert table.loc["map", "low"] < np.mean(ap) < table.loc["map", "high"]
    assert (table[["queries", "k"]] == (SIZE, 10)).all(axis=None)
    assert found.per_query["id"].tolist() == sorted(IDS)
    assert found.per_query["ap"].to_numpy() == pytest.approx(ap, abs=1e-6)


def test_an_unchanged_system_is_at_the_ceiling_and_noise_at_chance() -> None:
    same = run(REFERENCE, REFERENCE, REFERENCE)
    assert (same.table["value"] == same.table["ceiling"]).all()
    assert same.near_chance().empty
    noise = run(REFERENCE, (IDS, vectors(8)), (IDS, vectors(9)), include_self=False)
    assert noise.near_chance()["metric"].tolist() == ["map", "mndcg"]
    for metric in ("map", "overlap", "overlap_top", "rbo", "tau"):
        found, chance, error = (value(noise.table, metric, c) for c in ("value", "chance", "se"))
        assert abs(found - chance) < 4 * error


def test_files_embeddings_and_arrays_score_the_same(tmp_path: Path) -> None:
    expected = score(REFERENCE, QUERIES, DATABASE)
    sets = {"reference": REFERENCE, "queries": QUERIES, "database": DATABASE}
    for name, (ids, values) in sets.items():
        values = values.astype(np.float32)
        write_embeddings(tmp_path / f"{name}.h5", Embeddings(ids, values))
        np.save(tmp_path / f"{name}.npy", values)
        (tmp_path / f"{name}.ids.txt").write_text("\n".join(ids))
        frame = pd.DataFrame({"id": ids, "embedding": list(values)})
        frame.sample(frac=1, random_state=0).to_parquet(tmp_path / f"{name}.parquet")
    for suffix in ("h5", "npy", "parquet"):
        paths = [str(tmp_path / f"{name}.{suffix}") for name in sets]
        pd.testing.assert_frame_equal(score(*paths), expected, check_exact=True)
    in_memory = [Embeddings(ids, values.astype(np.float32)) for ids, values in sets.values()]
    pd.testing.assert_frame_equal(score(*in_memory), expected, check_exact=True)


def test_a_blank_image_has_a_zero_vector(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As in the workflow: a hidden one is similar to nothing, an original has no ranking."""
    blank = np.arange(SIZE)[:, None] != 7
    table = score(REFERENCE, (IDS, QUERIES[1] * blank), (IDS, DATABASE[1] * blank))
    assert "database: 1 zero embedding," in caplog.text
    assert 0.0 < value(score(*[REFERENCE, QUERIES, DATABASE]), "map") - value(table, "map") < 0.02
    with pytest.raises(InputError, match="reference: 1 embeddings of originals are zero"):
        score((IDS, REFERENCE[1] * blank), QUERIES, DATABASE)
    file = tmp_path / "originals.h5"
    write_embeddings(file, Embeddings(IDS, (REFERENCE[1] * blank).astype(np.float32)))
    for refused in (
        lambda: score(file, QUERIES, DATABASE),
        lambda: anonbench.fit_map(file, DATABASE),
    ):
        with pytest.raises(InputError, match=rf"originals\.h5: 1 .* zero, .*{IDS[7]!r}.*leave"):
            refused()


@pytest.mark.parametrize("common", [False, True])
def test_vectors_are_compared_as_their_file_says(tmp_path: Path, common: bool) -> None:
    lengths = np.random.default_rng(5).uniform(0.2, 5.0, (SIZE, 1))
    sets = [(ids, (lengths * values).astype(np.float32)) for ids, values in (REFERENCE, DATABASE)]
    (_, own), (_, searched) = sets
    truth, found = (np.argsort(-(own @ each.T), axis=1) for each in (own, searched))
    overlap = [len({*truth[row, :10]} & {*found[row, :10]}) / 10 for row in range(SIZE)]
    in_memory = [Embeddings(ids, values, {"similarity": "inner"}) for ids, values in sets]
    paths = [tmp_path / f"{number}.h5" for number in range(2)]
    for path, embeddings in zip(paths, in_memory, strict=True):
        write_embeddings(path, embeddings)
    by_cosine = value(score(sets[0], sets[0], sets[1]), "overlap")
    given: list[tuple[Any, Any]] = [(in_memory[0], in_memory[1]), (paths[0], paths[1])]
    for reference, database in given:
        if common:  # an image that the other set does not have
            whole = in_memory[1]
            ids = [*whole.ids[1:], "other"]
            database = Embeddings(ids, np.roll(whole.values, -1, axis=0), whole.provenance)
        table = score(reference, reference, database, common=common)
        measured = value(table, "overlap")
        assert measured == pytest.approx(np.mean(overlap), abs=0.02 if common else 1e-6)
        assert abs(measured - by_cosine) > 0.05


def test_gains_near_zero_cut_no_interval() -> None:
    """A negative gain is many times the ideal one: the mean of nDCG is far below −1."""
    directions = np.eye(12)[np.arange(24) % 12] * np.where(np.arange(24) < 12, 1.0, -1.0)[:, None]
    values = directions + 0.05 * np.random.default_rng(1).standard_normal(directions.shape)
    ids = [f"{number:02d}" for number in range(24)]
    opposite = np.roll(values, 12, axis=0)
    table = score((ids, values), (ids, opposite), (ids, values), k=5, include_self=False)
    mndcg = table.set_index("metric").loc["mndcg"]
    assert mndcg["value"] < -1.0 and mndcg["low"] < mndcg["value"] < mndcg["high"]


def test_a_few_queries_score_as_among_all() -> None:
    everyone = run(REFERENCE, QUERIES, DATABASE).per_query
    for count in (5, 150):  # an archive that is streamed, and one in memory
        rows = np.random.default_rng(count).permutation(SIZE)[:count]
        some = ([IDS[row] for row in rows], QUERIES[1][rows])
        found = run(REFERENCE, some, DATABASE).per_query
        expected = everyone[everyone["id"].isin(some[0])].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


@given(st.integers(1, 3_000_000), st.data(), st.booleans())
def test_k_is_the_k_that_was_asked_for(images: int, data: st.DataObject, own: bool) -> None:
    images += 1
    settings = Retrieval(include_self=own)
    k = data.draw(st.integers(1, images if own else images - 1))
    assume(k >= MIN_K or k < images)  # for so small a k, the own image is left out
    assert cutoff(images, external.cutoff_settings(settings, images, k)) == k


@pytest.mark.slow
def test_a_sample_says_how_far_it_may_be_from_all() -> None:
    full = score(REFERENCE, QUERIES, DATABASE)
    scores: list[float] = []
    for turn in range(40):  # other names are drawn in another way
        ids = [f"{turn}/{name}" for name in IDS]
        sets = [(ids, values) for _, values in (REFERENCE, QUERIES, DATABASE)]
        sampled = score(*sets, sample=80)
        assert (sampled["queries"] == 80).all()
        error = value(sampled, "map", "sampling_error")
        assert error < value(sampled, "map", "se")
        scores.append((value(sampled, "map") - value(full, "map")) / error)
    assert abs(np.mean(scores)) < 0.45
    assert 0.75 < np.std(scores) < 1.25
    everyone = score(REFERENCE, QUERIES, DATABASE, sample=10 * SIZE)
    assert (everyone["sampling_error"] == 0.0).all()
    assert "sampling_error" not in full


def test_queries_of_a_cluster_are_no_independent_evidence(tmp_path: Path) -> None:
    persons = pd.Series(np.arange(SIZE) // 5, IDS)
    given = persons.rename("cluster").rename_axis("id").reset_index()
    given.to_csv(tmp_path / "persons.csv", index=False)
    given.astype({"cluster": str}).to_parquet(tmp_path / "persons.parquet")
    found = run(REFERENCE, QUERIES, DATABASE, clusters=persons)
    for name in ("persons.csv", "persons.parquet"):
        again = score(REFERENCE, QUERIES, DATABASE, clusters=tmp_path / name)
        pd.testing.assert_frame_equal(again, found.table)
    ap = found.per_query.set_index("id")["ap"]
    expected = clustered_mean(ap.to_numpy(), persons[ap.index].to_numpy(), 0.95)
    row = found.table.set_index("metric").loc["map"]
    ends = expected.low, expected.high, expected.se
    assert tuple(row[["low", "high", "se"]]) == pytest.approx(ends)
    assert found.clusters == SIZE // 5 and not found.without_intervals
    few = run(REFERENCE, QUERIES, DATABASE, clusters=persons // 10)
    assert few.table["value"].notna().all() and few.table[["low", "high"]].isna().all(axis=None)
    assert few.without_intervals.startswith("4 clusters, and at least 8")
    given.drop(columns="cluster").to_csv(tmp_path / "persons.csv", index=False)
    with pytest.raises(InputError, match=r"persons\.csv has no column 'cluster'"):
        run(REFERENCE, QUERIES, DATABASE, clusters=tmp_path / "persons.csv")


def test_space_around_a_cluster_makes_no_other_one() -> None:
    labels = pd.Series(["p 1", "p 1 ", " p 1", "p 2"], list("abcd"))
    ids = pd.Series(list("abcd"), dtype="str")
    assert cluster_numbers(ids, labels).tolist() == [0, 0, 0, 1]
    with pytest.raises(InputError, match="1 queries have none, such as 'd'"):
        cluster_numbers(ids, labels.replace("p 2", " "))


def renamed(pair: Pair, **names: str) -> Pair:
    return [names.get(name, name) for name in pair[0]], pair[1]


def test_common_scores_what_all_have() -> None:
    odd = renamed(REFERENCE, i000="new", i001="another")
    with pytest.raises(InputError, match=r"2 ids of reference are not .*'another'") as e:
        score(odd, QUERIES, DATABASE)
    assert str(e.value).count("ids of") == 2  # nothing is said twice
    result = run(odd, QUERIES, DATABASE, common=True)
    assert result.images == SIZE - 2
    keep = [row for row, name in enumerate(IDS) if name not in ("i000", "i001")]
    sets = [([IDS[r] for r in keep], values[keep]) for _, values in (REFERENCE, QUERIES, DATABASE)]
    pd.testing.assert_frame_equal(result.table, score(*sets), check_exact=True)
    others = [f"x{name}" for name in IDS]
    with pytest.raises(InputError, match="reference, queries and database have no id in common"):
        score((others, REFERENCE[1]), QUERIES, DATABASE, common=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": renamed(QUERIES, i005="q")}, "1 ids of queries are not in database, .*'q'"),
        ({"database": (IDS[:150], DATABASE[1][:150])}, "50 ids of reference are not.*--common"),
        ({"database": (IDS, vectors(1, width=7))}, "queries has 12 dimensions, database 7: embed"),
        ({"queries": QUERIES[1]}, "queries: is ndarray; give a path"),
        ({"queries": "absent.npy"}, r"absent\.npy: no such file"),
        ({"fraction": 2}, r"fraction: should be less than or equal to 1 \(given: 2\)"),
        ({"gains": "linear"}, "gains: no such setting; there are ap_depth, .*gain_of"),
        ({"k": SIZE + 1}, "k: 201 of 200 images that can be found"),
        ({"k": True}, "k: True cannot be used"),
        ({"fraction": 1e-300}, "is no image at all; it needs at least 1e300 images"),
        ({"sample": -1}, "sample: -1 cannot be used"),
        ({"clusters": pd.Series([[0]] * SIZE, IDS)}, "clusters: a label is no text or number"),
        ({"clusters": pd.Series(0, IDS[:-3])}, "clusters: 3 queries have none, such as '"),
        ({"clusters": pd.Series(0, [*IDS, IDS[0]])}, "clusters: '.*' is there twice"),
        ({"clusters": "absent.csv"}, r"clusters: absent\.csv cannot be read"),
        ({"clusters": {IDS[0]: 0}}, "clusters: a dict has no labels by id; give a file, or pandas"),
        ({"confidence": 95}, "confidence: 95 cannot be used, it should be less than or equal to 0"),
    ],
)
def test_what_cannot_be_scored_is_said_in_a_line(change: dict[str, Any], message: str) -> None:
    given = {"reference": REFERENCE, "queries": QUERIES, "database": DATABASE} | change
    with pytest.raises(InputError, match=message) as refused:
        anonbench.score(**given)
    assert "\n" not in str(refused.value)


def test_cosines_that_float32_cannot_tell_apart_are_no_ground_for_a_statement() -> None:
    def of(reference: np.ndarray, database: np.ndarray) -> str:
        pair = (IDS, reference.astype(np.float32))
        return run(pair, pair, (IDS, database.astype(np.float32)), k=10).unknown

    original, changed = REFERENCE[1], DATABASE[1]
    for offset in (300, 1000, 10_000):
        assert "float32 hardly tells" in of(original + offset, changed + offset)
        assert of(original + offset - offset, changed) == ""
    # equal vectors are equal in truth: their ties are exact
    assert of(np.repeat(original[:40], 5, axis=0), np.repeat(changed[:40], 5, axis=0)) == ""
    assert "all images are equally similar" in of(np.ones_like(original), changed)


def test_names_that_look_missing_are_names(tmp_path: Path) -> None:
    labels = ["NA", "None", "nan", "null", *(f"person {n}" for n in range(SIZE // 10 - 4))] * 10
    names = pd.DataFrame({"id": IDS, "cluster": labels[:SIZE]})
    names.loc[:2, "id"] = odd = ["NA", "None", "nan"]
    names.to_csv(tmp_path / "names.csv", index=False)
    sets = [([*odd, *IDS[3:]], vectors) for _, vectors in (REFERENCE, QUERIES, DATABASE)]
    assert run(*sets, clusters=tmp_path / "names.csv").clusters == SIZE // 10
    names.loc[5, "cluster"] = ""
    names.to_csv(tmp_path / "names.csv", index=False)
    with pytest.raises(InputError, match="1 queries have none"):
        run(*sets, clusters=tmp_path / "names.csv")


def test_two_systems_and_scores_that_support_no_conclusion_give_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The reference may be another system's."""
    a, b = (Embeddings(list(IDS), REFERENCE[1], {"system": name}) for name in ("a", "b"))
    assert anonbench.score(b, a, a, k=10).attrs["unknown"] == ""
    assert "two systems" not in caplog.text and "NOT KNOWN" not in caplog.text
    found = anonbench.score(a, a, b, k=2)
    assert "queries and database were embedded by two systems" in caplog.text
    assert found.attrs["unknown"].startswith("k is 2, and below 5 no ranking")
    assert "NOT KNOWN what the change costs: k is 2" in caplog.text


NAMES = ["NA", *(f"image-{n:03d}" for n in range(119))]


def scored(noise: float, seed: int) -> tuple[external.Evaluation, np.ndarray, np.ndarray]:
    original = np.random.default_rng(0).standard_normal((120, 16))
    changed = original + noise * np.random.default_rng(seed).standard_normal((120, 16))
    pair = (NAMES, original)
    return external.run(pair, pair, (NAMES, changed)), original, changed


def test_the_difference_is_that_of_a_paired_t_test() -> None:
    first, second = scored(0.4, 1)[0].per_query, scored(0.6, 2)[0].per_query
    found = compare_scorings(first, second).set_index("metric")
    expected = ttest_rel(first["ap"], second["ap"])
    low, high = expected.confidence_interval(0.95)
    numbers = [(first["ap"] - second["ap"]).mean(), low, high, expected.pvalue]
    assert found.loc["map", ["difference", "low", "high", "p"]].tolist() == pytest.approx(numbers)
    assert found.loc["map", "verdict"] == "better"
    persons = pd.Series(np.arange(120) // 10, index=NAMES)
    assert set(compare_scorings(first, second, persons)["clusters"]) == {12}
    assert set(compare_scorings(first[:50], second)["queries"]) == {50}


def test_what_cannot_be_compared_is_said() -> None:
    first = scored(0.4, 1)[0].per_query
    for one, other, why in (
        (first, first.assign(id=first["id"] + "x"), "other scoring: has no query of this scoring"),
        (first, first.drop(columns="ap"), "other scoring: has no column 'ap'"),
        (pd.concat([first, first]), first, "first scoring: has a query twice"),
    ):
        with pytest.raises(InputError, match=why):
            compare_scorings(one, other)
    for name, wrong in (("confidence", 95), ("margin", float("nan"))):
        with pytest.raises(InputError, match=f"{name}: .* cannot be used, it should be"):
            compare_scorings(first, first, **{name: wrong})  # type: ignore[arg-type]


def test_scorings_by_different_references_and_settings_are_not_compared() -> None:
    def of(reference: Pair, **settings: Any) -> pd.DataFrame:
        return run(reference, QUERIES, DATABASE, **settings).per_query

    first = of(REFERENCE)
    reordered = (IDS[::-1], REFERENCE[1][::-1])
    compare_scorings(first, of(reordered, k=SIZE // 20, clusters=None, confidence=0.9, block=64))
    for other, told in (
        (of(REFERENCE, k=5), "its k is 5 and not 10"),
        (of(REFERENCE, top=5, ap_depth="k"), "its ap_depth is k and not full and its top is 5"),
        (of(REFERENCE, include_self=False, k=10), "its include_self is False and not True"),
        (of((IDS, REFERENCE[1] + 0.01)), "its reference has other vectors or ids"),
    ):
        with pytest.raises(InputError, match=f"blur: cannot be compared .* since {told}"):
            compare_scorings(first, other, name="blur")
    first.attrs.clear()
    with pytest.raises(InputError, match=r"first scoring: does not say .* score it again"):
        compare_scorings(first, of(REFERENCE))


def test_command_against_earlier(tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (_, original, blur), (_, _, mask) = scored(0.4, 1), scored(0.6, 2)
    for name, values in {"original": original, "blur": blur, "mask": mask}.items():
        table = pd.DataFrame(values, columns=[f"d{n}" for n in range(16)]).assign(id=NAMES)
        table.to_csv(f"{name}.csv", index=False)
    given = "score --reference=original.csv --queries=original.csv"
    cli(f"{given} --database=blur.csv --per-query=own.parquet")
    again = f"{given} --database=mask.csv --against=own.parquet"
    assert "in pairs, this less" in cli(again).out
    rows = {row["metric"]: row for row in json.loads(cli(f"{again} --json").out)["against"]}
    assert (rows["map"]["verdict"], rows["map"]["queries"]) == ("worse", 120)
    assert read_scores(Path("own.parquet"))["id"].iloc[0] == "NA"
    assert "own.parquet: cannot be compared" in cli(f"{again} --k=7", status=1).err
    pd.read_parquet("own.parquet").to_parquet("earlier.parquet")
    cli(f"{given} --database=blur.csv --per-query=b.csv")
    for untold in ("earlier.parquet", "b.csv"):
        assert f"{untold}: does not say" in cli(f"{again} --against={untold}", status=1).err


def test_the_package_lists_what_it_offers_and_the_example_runs() -> None:
    tried = doctest.testmod(external)
    assert tried.attempted > 0 and tried.failed == 0
    assert {"evaluate", "score", "embed", "check_method"} <= set(dir(anonbench))
    for name in dir(anonbench):
        getattr(anonbench, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        anonbench.nothing  # noqa: B018
