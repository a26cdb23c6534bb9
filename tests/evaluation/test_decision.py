"""Verdicts against intervals and SciPy, and choices in simulated archives."""

import numpy as np
import pytest
import scipy.stats

from anonbench.core.numeric.clusters import Estimate, clustered_mean
from anonbench.core.numeric.statistics import holm
from anonbench.evaluation.decision import Verdict, judge, select_best

PERSONS = np.repeat(np.arange(60), 5)


def estimate(low: float, high: float) -> Estimate:
    """Return the estimate whose 95 % interval is given, with 40 clusters."""
    value, df = (low + high) / 2, 39.0
    se = (high - value) / scipy.stats.t.ppf(0.975, df)
    return Estimate(value, se, df, low, high, 200, 40)


def archive(generator: np.random.Generator, truth: list[float]) -> np.ndarray:
    """Return scores [300, M] of systems with these true means; photographs of a person alike."""
    shape = (len(PERSONS), len(truth))
    hard = generator.standard_normal((60, 1))[PERSONS]  # queries differ far more than systems
    own = generator.standard_normal((60, len(truth)))[PERSONS]
    noise = generator.standard_normal(shape)
    return 0.5 + np.array(truth) + 0.2 * hard + 0.05 * own + 0.08 * noise


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.09, Verdict.BETTER),
        (-0.09, -0.001, Verdict.WORSE),
        (-0.029, 0.029, Verdict.EQUIVALENT),
        (-0.02, -0.01, Verdict.EQUIVALENT),  # a real difference that does not matter
        (-0.029, 0.05, Verdict.NOT_WORSE),
        (-0.05, 0.029, Verdict.NOT_BETTER),
        (-0.031, 0.031, Verdict.UNDECIDED),
    ],
)
def test_one_comparison_agrees_with_its_interval(low: float, high: float, verdict: Verdict) -> None:
    assert judge([estimate(low, high)], 0.03, 0.95)[0].verdict is verdict


def test_p_values_are_scipys() -> None:
    differences = np.random.default_rng(0).normal(0.01, 0.05, 30)
    (result,) = judge([clustered_mean(differences, np.arange(30), 0.95)], 0.03, 0.95)

    def p(bound: float, side: str) -> float:
        return float(scipy.stats.ttest_1samp(differences, bound, alternative=side).pvalue)

    assert result.p_different == pytest.approx(p(0.0, "two-sided"))
    assert result.p_not_worse == pytest.approx(min(1.0, 2 * p(-0.03, "greater")))
    assert result.p_not_better == pytest.approx(min(1.0, 2 * p(0.03, "less")))
    assert result.p_equivalent == pytest.approx(max(result.p_not_worse, result.p_not_better))


def test_each_question_is_adjusted_over_the_family() -> None:
    family = [estimate(0.002, 0.09), estimate(-0.02, 0.02), estimate(0.05, 0.06)]
    alone = [judge([each], 0.03, 0.95)[0] for each in family]
    together = judge(family, 0.03, 0.95)
    for question in ("p_different", "p_not_worse", "p_not_better", "p_equivalent"):
        expected = holm(np.array([getattr(each, question) for each in alone]))
        assert [getattr(each, question) for each in together] == pytest.approx(list(expected))
    verdicts = [Verdict.BETTER, Verdict.EQUIVALENT, Verdict.BETTER]
    assert [each.verdict for each in alone] == verdicts
    # the first is one of three that are shown, and p = 0.04 is no longer enough
    assert [each.verdict for each in together] == [Verdict.NOT_WORSE, *verdicts[1:]]


def test_what_has_no_interval_is_no_test() -> None:
    few = clustered_mean(np.arange(4.0), np.arange(4), 0.95)
    result, other = judge([few, estimate(0.002, 0.09)], 0.03, 0.95)
    assert result.verdict is Verdict.UNKNOWN and result.estimate.reason
    assert np.isnan(result.p_different)
    assert other.verdict is Verdict.BETTER
    assert judge([], 0.03, 0.95) == []
    # without any spread, there is one
    same = clustered_mean(np.zeros(20), np.arange(20), 0.95)
    shifted = clustered_mean(np.full(20, 0.1), np.arange(20), 0.95)
    verdicts = [each.verdict for each in judge([same, shifted], 0.03, 0.95)]
    assert verdicts == [Verdict.EQUIVALENT, Verdict.BETTER]


def test_the_optimism_of_the_best_is_what_choosing_adds() -> None:
    # twelve systems of the same true mean: the highest of twelve means is too high
    generator = np.random.default_rng(7)
    observed, corrected = [], []
    for number in range(150):
        values = archive(generator, [0.0] * 12)
        shared = values.mean(axis=1)  # what all systems find hard is no choice
        chosen = select_best(values - shared[:, None], PERSONS, 100, number)
        observed.append(chosen.observed)
        corrected.append(chosen.corrected)
    assert np.mean(observed) > 0.01
    assert abs(np.mean(corrected)) < 0.1 * np.mean(observed)
    # a clear choice adds nothing
    values = archive(np.random.default_rng(8), [0.0, 0.3, 0.0])
    chosen = select_best(values, PERSONS, 200, "x")
    assert (chosen.best, chosen.optimism) == (1, 0.0)
    assert list(chosen.wins) == [0.0, 1.0, 0.0]
    assert chosen.corrected == chosen.observed == pytest.approx(values[:, 1].mean())
