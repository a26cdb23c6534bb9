from __future__ import annotations

from itertools import product

import pytest
from paper_numbers import ADAPTIONS

from anonbench.config.outputs import PAPER_TABLES
from anonbench.core.vocabulary import Method
from anonbench.reporting.paper.comparison import CELL, METRICS, published
from anonbench.reporting.paper.ours import ROLE_NAMES


def test_all_tables_are_whole() -> None:
    table = published()
    assert len(table) == 408
    assert not table.duplicated(CELL).any()
    assert set(table["metric"]) == set(METRICS) and set(table["role"]) == set(ROLE_NAMES)
    assert table["value"].between(0, 100).all()
    for number, (role, kind, degree) in PAPER_TABLES.items():
        here = table[table["table"] == number]
        assert set(here["role"]) == {role.value} and set(here["degree"]) == {degree}
        queries = ["original", "anonymized"] if kind == "retrieval" else [""]
        metrics = ["map", "mndcg"] if kind == "retrieval" else ["knn", "linear"]
        wanted = set(product(Method, ADAPTIONS, queries, metrics))
        found = here[["method", "adaption", "query", "metric"]].itertuples(index=False, name=None)
        assert set(found) == wanted


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (("celeba", 100, "pixelate", "unadapted", "original", "map"), 73.2),
        (("celeba", 100, "mask", "C", "original", "mndcg"), 58.6),
        (("rvl_cdip", 75, "mask", "C", "", "linear"), 55.5),
        (("rvl_cdip", 100, "mask", "A", "original", "map"), 6.7),
        (("dokiq", 100, "blur", "unadapted", "anonymized", "mndcg"), 85.2),
    ],
)
def test_values_are_as_printed(cell: tuple[str | int, ...], value: float) -> None:
    assert published().set_index(CELL)["value"][cell] == value
