"""Sample sizes of a comparison, from the variances seen."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.sample_sizes.variance import POWER, sample_size


def differences(
    generator: np.random.Generator, sizes: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences of mean `shift`, alike within persons, and their persons."""
    persons = np.repeat(np.arange(len(sizes)), sizes)
    own = 0.06 * generator.standard_normal(len(sizes))[persons]
    return shift + own + 0.12 * generator.standard_normal(len(persons)), persons


def test_with_as_many_as_are_needed_the_difference_is_shown() -> None:
    generator = np.random.default_rng(1)
    pilot = [
        sample_size(*differences(generator, np.full(60, 6), 0.0), 0.02, 0.95).needed
        for _ in range(100)
    ]
    needed = int(np.median([number or 0 for number in pilot]))
    assert needed > 60
    found = 0
    for _ in range(300):
        result = clustered_mean(*differences(generator, np.full(needed, 6), 0.02), 0.95)
        found += result.low > 0
    assert found / 300 == pytest.approx(POWER, abs=0.07)


def test_what_is_missing_is_what_is_needed_and_not_at_hand() -> None:
    values, persons = differences(np.random.default_rng(2), np.full(40, 6), 0.0)
    result = sample_size(values, persons, 0.02, 0.95)
    assert result.needed is not None and result.needed > 40
    assert (result.clusters, result.queries, result.missing) == (40, 6.0, result.needed - 40)
    assert sample_size(values, persons, 0.2, 0.95).missing == 0


def test_four_forms_are_too_few_and_one_tells_nothing() -> None:
    values, forms = differences(np.random.default_rng(3), np.full(4, 30), 0.0)
    result = sample_size(np.append(values, np.nan), np.append(forms, 9), 0.1, 0.95)
    assert result.needed is not None and result.needed >= 8
    assert result.missing == result.needed - 4
    for few in (values, values[:0]):
        one = sample_size(few, np.zeros(len(few)), 0.1, 0.95)
        assert (one.needed, one.missing) == (None, None)


def test_more_persons_are_missing_where_one_has_most_images() -> None:
    generator = np.random.default_rng(4)
    equal = sample_size(*differences(generator, np.full(40, 6), 0.0), 0.02, 0.95)
    values, persons = differences(generator, np.r_[np.full(39, 3), 123], 0.0)
    unequal = sample_size(values, persons, 0.02, 0.95)
    assert equal.needed is not None and unequal.needed is not None
    assert unequal.needed > 2 * equal.needed
