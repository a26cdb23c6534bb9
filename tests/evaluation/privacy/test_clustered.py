"""Clusters of probes: as coarse as persons, images and the data set's clusters together."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.errors import InputError
from anonbench.evaluation.privacy.probes import COLUMNS
from anonbench.evaluation.privacy.rates import rates, with_clusters


def probes(cluster: list[int], entity: str = "face") -> pd.DataFrame:
    """Return one probe an image, every other one found."""
    rows = {
        "id": [f"i{number}" for number in range(len(cluster))],
        "cluster": cluster,
        "hit_1": [float(number % 2) for number in range(len(cluster))],
    }
    values = {"entity": entity, "match": "person", "method": "blur", "degree": 50}
    values |= {"attacker": "naive", "against": "original", "order": 0, "hidden": True}
    values |= {"gallery": 100, "chance_1": 0.01, "hit_10": 1.0, "chance_10": 0.1, "reason": ""}
    values |= {"context": 0.0, "one_above": 0, "one_tied": 0, "one_others": 99}
    return pd.DataFrame(rows).assign(**values)[list(COLUMNS)]


def series(numbers: list[int]) -> pd.Series:
    return pd.Series(numbers, [f"i{number}" for number in range(len(numbers))])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_probes_share_a_cluster_where_a_chain_links_them(pairs: list[tuple[int, int]]) -> None:
    one, other = (list(each) for each in zip(*pairs, strict=True))
    found = with_clusters(probes(one), series(other))["cluster"].tolist()
    expected = list(range(len(pairs)))
    for _ in pairs:  # the smallest number reaches every link of its chain
        expected = [
            min(expected[j] for j in range(len(pairs)) if one[i] == one[j] or other[i] == other[j])
            for i in range(len(pairs))
        ]
    assert (
        pd.factorize(pd.Series(found))[0].tolist() == pd.factorize(pd.Series(expected))[0].tolist()
    )


def test_entities_have_numbers_of_their_own() -> None:
    both = pd.concat([probes([0, 0, 1, 1]), probes([0, 1, 2, 3], "text")], ignore_index=True)
    found = with_clusters(both, series([0, 1, 2, 3]))
    assert found.groupby("entity")["cluster"].nunique().to_dict() == {"face": 2, "text": 4}


def test_coarser_clusters_widen_the_interval_and_keep_the_rate() -> None:
    attack = probes(list(range(40)))
    cases = series([number % 2 + 2 * (number // 8) for number in range(40)])
    alone, together = (
        rates("a", each, 0.95).iloc[0] for each in (attack, with_clusters(attack, cases))
    )
    assert (alone["clusters"], together["clusters"]) == (40, 10)
    assert alone["rate"] == together["rate"]
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_what_was_not_run_stays() -> None:
    absent = probes([0]).assign(id="", entity="text", reason="no region")
    both = pd.concat([probes([0, 1]), absent], ignore_index=True)
    found = with_clusters(both, series([5, 5]))
    assert found["cluster"].tolist()[:2] == [0, 0]
    pd.testing.assert_frame_equal(found.iloc[2:], both.iloc[2:])


def test_probes_of_other_data() -> None:
    with pytest.raises(InputError, match="1 images have scores and no cluster"):
        with_clusters(probes([0, 1]), series([5]))
