"""What the report says of re-identification by the surroundings of faces."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from anonbench.evaluation.privacy.rates import REMAINDER
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS
from anonbench.reporting.html.choices.risk import risks, said_of_remainder
from synthetic_rates import make_rates

KEY = ("a", "mask", 100)


def rates(originals: float, hidden: float) -> pd.DataFrame:
    """Return rates of which those of surroundings differ between originals and methods."""
    table, other = make_rates("a", remainder=originals), make_rates("a", remainder=hidden)
    lowered = (table["regions"] == REMAINDER) & (table["method"] != "original")
    return pd.concat([table[~lowered], other[lowered]])


def said(table: pd.DataFrame, widest: float = DEFAULTS.widest) -> str:
    found = risks({"a": table}, replace(DEFAULTS, widest=widest))[KEY]
    assert found.rate == pytest.approx(1.0)  # of the strongest attack on the face itself
    return said_of_remainder([found])


def test_whether_hiding_faces_suffices_is_said_beside_what_it_hides() -> None:
    assert said(rates(0.3, 0.3)) == (
        "By what is around a face alone (hair, clothes, background), the person is found in "
        "30.0 % (26.0 to 34.0; chance 1 %) of the photographs: hiding faces alone does not suffice."
    )
    assert said(rates(0.3, 0.01)).endswith(
        "in 1.0 % (0.0 to 5.0; chance 1 %) of the photographs: this attack may do no better than "
        "chance."
    )


@pytest.mark.parametrize(
    ("table", "widest"),
    [
        (make_rates("a"), 0.2),  # it was not run
        (rates(0.01, 0.01), 0.2),  # it finds nobody in originals either, so it shows nothing
        (rates(0.3, 0.01), 0.001),  # its interval is too wide to say that it finds nobody
    ],
)
def test_what_is_not_known_of_surroundings_is_not_said(table: pd.DataFrame, widest: float) -> None:
    assert said(table, widest) == ""


def test_that_persons_are_found_is_said_however_wide_the_interval() -> None:
    assert said(rates(0.3, 0.3), widest=0.07) == said(rates(0.3, 0.3)) != ""
