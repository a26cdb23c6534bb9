"""The linear probe: what it learns, what it is chosen on, and that it repeats."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream.linear import linear_probe


def data(
    seed: int, count: int, spread: float = 1.0, scale: float = 1.0
) -> tuple[Embeddings, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.array(["a", "b", "c"])[np.arange(count) % 3]
    centres = np.random.default_rng(99).standard_normal((3, 10))
    values = centres[np.arange(count) % 3] + spread * generator.standard_normal((count, 10))
    values[:, 3] = 7.0  # a constant feature
    values[:, 4] *= 1e4 * scale
    return Embeddings([f"{seed}-{i:04d}" for i in range(count)], values.astype(np.float32)), labels


def alone(labels: np.ndarray) -> np.ndarray:
    """Every image a cluster of its own."""
    return np.arange(len(labels))


def test_equals_scikit_learns_pipeline_at_the_chosen_strength() -> None:
    train, labels = data(0, 300, spread=1.5)
    val, _ = data(1, 200, spread=1.5)
    probe = linear_probe(train, labels, alone(labels), val, seed=0)
    scaler = StandardScaler().fit(train.values)
    model = LogisticRegression(C=probe.strength, max_iter=500)
    model.fit(scaler.transform(train.values), labels)
    expected = model.predict(scaler.transform(val.values))
    assert (probe.predictions == expected).mean() > 0.99


def test_the_strength_is_the_best_on_the_held_out_part() -> None:
    train, labels = data(0, 120, spread=3.0)
    probe = linear_probe(train, labels, alone(labels), train, seed=0, strengths=(0.001, 0.1, 10.0))
    best = max(probe.held_out_accuracy.values())
    winners = [c for c, accuracy in probe.held_out_accuracy.items() if accuracy == best]
    assert probe.strength == min(winners)


def test_held_out_images_are_not_fitted() -> None:
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((200, 300)).astype(np.float32)
    train = Embeddings([f"{i:03d}" for i in range(200)], noise)
    labels = generator.choice(["a", "b"], 200)  # can be learned by heart and not otherwise
    probe = linear_probe(train, labels, alone(labels), train, seed=0, strengths=(1.0, 10.0))
    assert (probe.predictions == labels).mean() > 0.95
    assert max(probe.held_out_accuracy.values()) < 0.75


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


def test_too_few_iterations_are_reported_and_not_warned() -> None:
    train, labels = data(0, 120)
    probe = linear_probe(train, labels, alone(labels), train, seed=0, most_iterations=1)
    assert not probe.converged
    assert probe.iterations == 1


def test_one_image_a_class_leaves_nothing_to_hold_out() -> None:
    train, labels = data(0, 3)
    probe = linear_probe(train, labels, alone(labels), train, seed=0)
    assert not probe.held_out.images.any()
    assert probe.strength == 0.1
    assert not probe.beyond_grid
    assert np.array_equal(probe.predictions, labels)


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
