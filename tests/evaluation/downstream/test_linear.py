"""The linear probe: its solution, what it is chosen on, and that it repeats."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream import linear
from anonbench.evaluation.downstream.linear import HeldOut, hold_out, linear_probe
from anonbench.evaluation.downstream.softmax import Problem, Standardization


def data(seed: int, count: int, spread: float = 1.0) -> tuple[Embeddings, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.array(["a", "b", "c"])[np.arange(count) % 3]
    centres = np.random.default_rng(99).standard_normal((3, 10))
    values = centres[np.arange(count) % 3] + spread * generator.standard_normal((count, 10))
    values[:, 3] = 7.0  # a constant feature
    values[:, 4] *= 1e4
    return Embeddings([f"{seed}-{i:04d}" for i in range(count)], values.astype(np.float32)), labels


def alone(labels: np.ndarray) -> np.ndarray:
    return np.arange(len(labels))


def test_the_strength_is_the_best_on_the_held_out_part() -> None:
    train, labels = data(0, 120, spread=3.0)
    probe = linear_probe(train, labels, alone(labels), train, seed=0, strengths=(0.001, 0.1, 10.0))
    best = max(probe.held_out_accuracy.values())
    winners = [c for c, accuracy in probe.held_out_accuracy.items() if accuracy == best]
    assert probe.strength == min(winners)


def test_repeats_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = data(0, 5000, spread=2.5)  # three parts: fewer rows are never shared
    val, _ = data(1, 300, spread=2.5)
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        with threadpool_limits(threads):
            found.append(linear_probe(train, labels, alone(labels), val, seed=0))
    for other in found[1:]:
        assert np.array_equal(found[0].predictions, other.predictions)
        assert found[0].iterations == other.iterations
        assert found[0].held_out_accuracy == other.held_out_accuracy


def test_too_few_iterations_are_reported_and_one_image_a_class_leaves_nothing_to_hold_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, labels = data(0, 3)
    probe = linear_probe(train, labels, alone(labels), train, seed=0)
    assert not probe.held_out.images.any()
    assert probe.strength == 0.1
    assert not probe.beyond_grid
    assert np.array_equal(probe.predictions, labels)
    monkeypatch.setattr(linear, "MOST_ITERATIONS", 1)
    train, labels = data(0, 120)
    probe = linear_probe(train, labels, alone(labels), train, seed=0)
    assert not probe.converged
    assert probe.iterations == 1


def test_features_that_tell_persons_do_not_make_the_choice() -> None:
    """Persons are memorized by weak regularization; of new persons only one feature tells a class.

    Where photographs of one person are in both parts, the weakest strength is best on held-out
    photographs, and worse on new persons than the one chosen on held-out persons.
    """
    generator = np.random.default_rng(0)

    def split(persons: int, name: str) -> tuple[Embeddings, np.ndarray, np.ndarray]:
        who = np.repeat(np.arange(persons), 6)
        codes = np.arange(persons)[who] % 2
        own = generator.standard_normal((persons, 60))[who]
        values = np.column_stack([0.3 * (2 * codes - 1), own])
        values = values + 0.3 * generator.standard_normal(values.shape)
        ids = [f"{name}{row:04d}" for row in range(len(who))]
        return Embeddings(ids, values.astype(np.float32)), np.array(["a", "b"])[codes], who

    train, labels, who = split(60, "t")
    val, truth, _ = split(200, "v")
    grid = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    by_image = linear_probe(train, labels, alone(labels), val, seed=0, strengths=grid)
    by_person = linear_probe(train, labels, who, val, seed=0, strengths=grid)
    accuracy = {p.strength: (p.predictions == truth).mean() for p in (by_image, by_person)}
    assert by_person.strength < by_image.strength
    assert accuracy[by_person.strength] > accuracy[by_image.strength]
    assert max(by_image.held_out_accuracy.values()) > accuracy[by_image.strength] + 0.2


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as threads:
        yield threads


def correlated(count: int, depth: int, classes: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Features whose spread falls with the axis, the axes in general position."""
    generator = np.random.default_rng(count + classes)
    codes = generator.integers(0, classes, count)
    axes = np.linalg.qr(generator.standard_normal((depth, depth)))[0]
    values = generator.standard_normal((count, depth))
    values += generator.standard_normal((classes, depth))[codes]
    values = values * np.arange(1, depth + 1) ** -power @ axes + 3.0
    return values.astype(np.float32), codes


@pytest.mark.parametrize(
    ("shape", "fitted", "classes", "power", "strength"),
    [((900, 12), 900, 2, 1.0, 10.0), ((900, 12), 900, 5, 1.0, 0.01), ((160, 90), 40, 3, 0.5, 0.3)],
)
def test_softmax_equals_scikit_learn(
    pool: ThreadPoolExecutor,
    shape: tuple[int, int],
    fitted: int,
    classes: int,
    power: float,
    strength: float,
) -> None:
    """Also with more features than rows: those not fitted lie outside the fitted ones' span."""
    values, codes = correlated(*shape, classes, power)
    standard = Standardization.of(values[:fitted], pool)
    assert standard.axes.shape == (shape[1], min(fitted, shape[1]))
    features = standard(values, np.arange(len(values)), pool)
    found = Problem(features[:fitted], codes[:fitted], classes, standard.variance, pool).fit(
        strength, 500
    )
    assert found.converged

    scaler = StandardScaler().fit(values[:fitted].astype(np.float64))
    scaled = scaler.transform(values.astype(np.float64))
    # with two classes scikit-learn has one weight vector, the difference of ours: half the penalty
    peer = LogisticRegression(C=strength * (2 if classes == 2 else 1), tol=1e-8, max_iter=20_000)
    expected = peer.fit(scaled[:fitted], codes[:fitted]).predict_proba(scaled)
    ours = special.softmax(features.astype(np.float64) @ found.weights, axis=1)
    assert ours == pytest.approx(expected, abs=2e-4)
    assert (found.predict(features, pool) == peer.predict(scaled)).mean() > 0.998


def ids_of(count: int) -> list[str]:
    return [f"{row:04d}" for row in range(count)]


def each(labels: np.ndarray, found: HeldOut) -> dict[str, int]:
    return {str(name): int(found.images[labels == name].sum()) for name in np.unique(labels)}


archives = st.integers(1, 25).flatmap(
    lambda persons: st.tuples(
        st.lists(st.integers(0, persons), min_size=2, max_size=80),
        st.lists(st.sampled_from("abc"), min_size=80, max_size=80),
    )
)


@given(archive=archives, share=st.floats(0.01, 0.9), seed=st.integers(0, 3))
def test_held_out_clusters(archive: tuple[list[int], list[str]], share: float, seed: int) -> None:
    clusters, labels = np.array(archive[0]), np.array(archive[1][: len(archive[0])])
    found = hold_out(ids_of(len(labels)), labels, clusters, share, seed)
    assert set(labels[~found.images]) == set(labels)
    if found.whole_clusters:
        both = set(clusters[found.images]) & set(clusters[~found.images])
        assert not both
        assert found.clusters == len(set(clusters[found.images]))
    else:
        assert all(len(set(clusters[labels == name])) == 1 for name in set(labels))


def test_persons_are_held_out_as_a_whole_by_the_share_of_each_class() -> None:
    persons = np.repeat(np.arange(90), 6)
    labels = np.where(persons % 3 == 0, "few", "many")
    found = hold_out(ids_of(540), labels, persons, 0.2, 0)
    assert each(labels, found) == {"few": 36, "many": 72}
    assert (found.clusters, found.whole_clusters) == (18, True)
    labels = np.array(list("aabbcc" * 20))  # of several classes each
    found = hold_out(ids_of(120), labels, persons[:120], 0.4, 0)
    assert each(labels, found) == dict.fromkeys("abc", 16)
    assert set(found.images.reshape(20, 6).sum(axis=1)) == {0, 6}


def test_the_part_depends_on_seed_and_ids_and_not_on_order_or_numbers() -> None:
    persons = np.repeat(np.arange(40), 3)
    labels = np.where(persons % 2 == 0, "a", "b")
    ids = ids_of(120)
    order = np.random.default_rng(0).permutation(120)
    mixed = [ids[row] for row in order]
    for clusters in (persons, np.arange(120)):
        held = hold_out(ids, labels, clusters, 0.2, 0).images
        named = 1000 - clusters[order]
        assert np.array_equal(held[order], hold_out(mixed, labels[order], named, 0.2, 0).images)
        assert not np.array_equal(held, hold_out(ids, labels, clusters, 0.2, 1).images)
        assert each(labels, hold_out(ids, labels, clusters, 0.2, 0)) == {"a": 12, "b": 12}
