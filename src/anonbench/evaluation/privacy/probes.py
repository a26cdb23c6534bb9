"""Table of an attack's probes; apart from the attack, so that readers need no torch."""

from __future__ import annotations

NAIVE, ADAPTIVE = "naive", "parrot"
"""The attackers that are models of the experiment, by their names in results."""
ANONYMIZED = "anonymized"
RANKS = (1, 10)
"""Ranks at which a match counts as found."""
COLUMNS = {
    "entity": "str",
    "match": "str",
    "method": "str",
    "degree": "int64",
    "attacker": "str",
    "against": "str",
    "id": "str",
    "order": "int64",
    "cluster": "int64",
    "hidden": "bool",
    "gallery": "int64",
    **{f"{what}_{rank}": "float64" for rank in RANKS for what in ("hit", "chance")},
    "reason": "str",
}
"""A row a probe. `against`: whether the gallery shows originals or the same variant; `hidden`:
whether the region is anonymized at this degree; `cluster`: probes of one person or image share it.
A row without an id says in `reason` what was not run."""
