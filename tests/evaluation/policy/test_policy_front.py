"""The area under a front: the quality kept, on average over all limits on a risk."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.config import Policy
from anonbench.config.privacy import AttackLimits
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import area, exposed, exposures, judge
from policy_evidence import make_attacks, make_measured
from synthetic_rates import make_rates

points = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8)


@settings(max_examples=25)
@given(points)
def test_it_is_the_mean_over_all_limits(some: list[tuple[float, float]]) -> None:
    cost, gain = np.array(some).T
    limits = (np.arange(20_000) + 0.5) / 20_000
    kept = np.where(cost[None] <= limits[:, None], gain[None], 0.0).max(axis=1)
    assert area(cost, gain) == pytest.approx(kept.mean(), abs=1e-3)


def test_a_variant_is_exposed_by_its_strongest_attack_and_not_without_one_that_is_known() -> None:
    variants = ("mask-100", "blur-100")
    attacks = make_attacks("portraits", variants, {"residual": 0.5, "readability": 0.2})
    attacks.loc[(attacks["method"] == "blur") & (attacks["attack"] == "residual"), "reason"] = "few"
    judged = judge(evidence(make_measured(variants, attacks=attacks)), Policy())
    found = exposures(judged).set_index(["risk", "method"])["rate"]
    assert found["singling_out", "mask"] == pytest.approx((0.5 - 0.01) / 0.99)
    assert ("singling_out", "blur") not in found.index
    # one that tells nothing of any variant does not hide the others
    attacks.loc[attacks["attack"] == "residual", "reason"] = "few"
    judged = judge(evidence(make_measured(variants, attacks=attacks, rates=None)), Policy())
    assert exposures(judged)["rate"].to_list() == pytest.approx([(0.2 - 0.01) / 0.99] * 2)


@pytest.mark.parametrize("adaption", ["mapped", "D"])
def test_own_vectors_are_judged_by_what_attacks_find_in_them(adaption: str) -> None:
    """Attacks on vectors are their own; those on pictures are their method's."""
    variants = ("mask-100", f"{adaption}_mask-100")
    attacks = make_attacks("portraits", ("mask-100",), {"residual": 0.02, "linkage": 0.03})
    limited = Policy(attacks=AttackLimits(linkage=0.1))
    judged = judge(evidence(make_measured(variants, attacks=attacks)), limited)
    linkage = judged[judged["attack"] == "linkage"].set_index("method")
    assert list(linkage["verdict"]) == ["pass", "not known"]
    assert linkage.loc[f"{adaption}_mask", "reason"] == "this attack was not run"
    own = make_attacks("portraits", (f"{adaption}_mask-100",), {"linkage": 0.4})
    attacks = pd.concat([attacks, own[own["method"] != "original"]], ignore_index=True)
    judged = judge(evidence(make_measured(variants, attacks=attacks)), Policy())
    found = judged[judged["rule"] == "attack"].set_index(["method", "attack"])["value"]
    assert found[f"{adaption}_mask", "linkage"] == 0.4
    assert found["mask", "linkage"] == 0.03
    assert found[f"{adaption}_mask", "residual"] == found["mask", "residual"] == 0.02
    points = pd.DataFrame({"method": "mask", "degree": 100, "adaption": ["A", adaption]})
    rates = exposed(judged, points).set_index("adaption")["rate"]
    assert rates[adaption] > 0.3 > rates["A"]


def test_what_surroundings_give_away_makes_no_two_methods_alike() -> None:
    rates = make_rates("portraits", remainder=0.6)
    given_rates = judge(evidence(make_measured(rates=rates)), Policy())
    found = exposures(given_rates).set_index("risk")["rate"]
    assert "remainder" in set(given_rates["attack"])
    assert found["singling_out"] < 0.05  # of the mask; by the surroundings it would be 0.6
