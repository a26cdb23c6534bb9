"""Synthetic re-identification rates in the shape that the workflow writes."""

import pandas as pd

from anonbench.evaluation.privacy.attacks.table import COLUMNS as ATTACK_COLUMNS
from anonbench.evaluation.privacy.rates import RATE_COLUMNS

METHODS = {"pixelate": 0.3, "blur": 0.45, "mask": 0.01}
"""What is left of the rate where every region is hidden."""
CHANCE, GALLERY = 0.01, 200
NOT_ADAPTED = "no model is adapted to this variant"


def make_rates(
    dataset: str,
    degrees: tuple[int, ...] = (100,),
    entity: str = "face",
    match: str = "person",
    adapted: bool = True,
    remainder: float | None = None,
) -> pd.DataFrame:
    """Return rates that fall with the degree; the adaptive attacker beats the naive one.

    By `remainder`, the surroundings of regions alone are looked at, too: one rate for all methods.
    """
    rows = [_row("original", 0, "all", "naive", rank, 0.9) for rank in (1, 10)]
    if remainder is not None:
        seen = [("original", 0), *((method, degree) for degree in degrees for method in METHODS)]
        rows += [
            _row(method, degree, "remainder", "remainder", rank, remainder)
            for method, degree in seen
            for rank in (1, 10)
        ]
    for degree in degrees:
        for method, left in METHODS.items():
            for attacker, strength in (("naive", 0.5), ("parrot", 1.0)):
                hidden = max(CHANCE, strength * left)
                whole = hidden * degree / 100 + 0.9 * (1 - degree / 100)
                if attacker == "parrot" and not adapted:
                    row = _row(method, degree, "all", attacker, 1, 0.0)
                    known = ("degree", "method", "regions", "attacker", "against")
                    rows.append({name: row[name] for name in known} | {"reason": NOT_ADAPTED})
                    continue
                for rank in (1, 10):
                    for regions, rate in (("all", whole), ("hidden", hidden)):
                        rows.append(_row(method, degree, regions, attacker, rank, rate))
    table = pd.DataFrame(rows, columns=RATE_COLUMNS)
    table = table.assign(dataset=dataset, entity=entity, match=match)
    return table.astype(dict.fromkeys(("rank", "n", "clusters", "gallery", "one_gallery"), "Int64"))


def make_attacks(dataset: str) -> pd.DataFrame:
    """Return rates of other attacks, and one that was not run."""
    numbers = {"control": 0.02, "chance": 0.01, "n": 150, "clusters": 50, "reason": ""}
    kinds = [
        {
            "attack": "readability",
            "measure": "exact_lines",
            "risk": "singling_out",
            "entity": "text",
        },
        {"attack": "linkage", "measure": "rank_1", "risk": "linkability", "entity": ""},
    ]
    rows = []
    for kind in kinds:
        for method, rate in {"original": 0.9, **METHODS}.items():
            row = {"method": method, "degree": 0 if method == "original" else 100, "rate": rate}
            bounds = {"low": max(0.0, rate - 0.04), "high": min(1.0, rate + 0.04)}
            rows.append(kind | row | bounds | numbers)
    absent = {"attack": "inference", "risk": "inference", "method": "original", "degree": 0}
    absent |= {"n": 0, "clusters": 0, "reason": "the data set has no label"}
    table = pd.DataFrame([*rows, absent]).assign(dataset=dataset)[ATTACK_COLUMNS]
    return table.fillna({"measure": "", "entity": ""})


def _row(
    method: str, degree: int, regions: str, attacker: str, rank: int, rate: float
) -> dict[str, object]:
    row: dict[str, object] = {"degree": degree, "method": method, "regions": regions}
    row |= {"attacker": attacker, "against": "original", "reason": ""}
    rate = min(1.0, rate * (1 if rank == 1 else 2))
    numbers = {"low": max(0.0, rate - 0.04), "high": min(1.0, rate + 0.04), "n": 150}
    sizes = {"clusters": 50, "gallery": GALLERY, "chance": rank * CHANCE}
    low, high = max(0.0, rate - 0.14), max(0.0, rate - 0.06)
    one = {"one_rate": max(0.0, rate - 0.1), "one_low": low, "one_high": high}
    one |= {"one_chance": rank / 50, "one_gallery": 50}
    return row | {"rank": rank, "rate": rate} | numbers | sizes | one
