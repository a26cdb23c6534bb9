"""Sample sizes of a comparison, and the sentences that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.sample_sizes.sample_size import POWER, sample_size


def differences(
    generator: np.random.Generator, sizes: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences of mean `shift`, alike within persons, and their persons."""
    persons = np.repeat(np.arange(len(sizes)), sizes)
    own = 0.06 * generator.standard_normal(len(sizes))[persons]
    return shift + own + 0.12 * generator.standard_normal(len(persons)), persons


@pytest.mark.parametrize("sizes", [np.full(40, 6), np.r_[np.full(30, 2), np.full(10, 18)]])
def test_the_power_at_hand_is_that_of_archives_like_this(sizes: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    said, found = [], 0
    for _ in range(400):
        values, persons = differences(generator, sizes, 0.03)
        said.append(sample_size(values, persons, 0.03, 0.95).power)
        found += clustered_mean(values, persons, 0.95).low > 0
    assert np.mean(said) == pytest.approx(found / 400, abs=0.06)


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


def test_the_sentence_says_how_many_are_missing() -> None:
    values, persons = differences(np.random.default_rng(2), np.full(40, 6), 0.0)
    result = sample_size(values, persons, 0.02, 0.95)
    assert result.needed is not None and result.needed > 40
    assert result.sentence("persons") == (
        f"{result.needed - 40} more persons with 6 images each would show a difference of 2 points "
        f"in 80 of 100 archives; the 40 at hand do in {100 * result.power:.0f}"
    )
    assert 0.02 < result.detectable < 0.06
    # with 80 % power that difference, and nothing less, needs the persons at hand
    assert sample_size(values, persons, result.detectable + 1e-4, 0.95).needed == 40
    assert (sample_size(values, persons, 0.97 * result.detectable, 0.95).needed or 0) > 40
    large = sample_size(values, persons, 0.2, 0.95)
    assert large.sentence("persons") == ("40 persons are enough to show a difference of 20 points")


def test_four_forms_show_nothing_and_say_so() -> None:
    values, forms = differences(np.random.default_rng(3), np.full(4, 30), 0.0)
    result = sample_size(np.append(values, np.nan), np.append(forms, 9), 0.1, 0.95)
    assert (result.power, result.clusters) == (0.0, 4) and np.isnan(result.detectable)
    assert result.needed is not None and result.needed >= 8
    assert result.sentence("forms").startswith(f"{result.needed - 4} more forms with 30 images")
    for few in (values, values[:0]):
        one = sample_size(few, np.zeros(len(few)), 0.1, 0.95)
        assert one.needed is None
        assert one.sentence("forms") == (
            "too few forms to tell how many would show a difference of 10 points"
        )


def test_more_persons_are_missing_where_one_has_most_images() -> None:
    generator = np.random.default_rng(4)
    equal = sample_size(*differences(generator, np.full(40, 6), 0.0), 0.02, 0.95)
    values, persons = differences(generator, np.r_[np.full(39, 3), 123], 0.0)
    unequal = sample_size(values, persons, 0.02, 0.95)
    assert equal.needed is not None and unequal.needed is not None
    assert unequal.needed > 2 * equal.needed
    assert unequal.power < equal.power
