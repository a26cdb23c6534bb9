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
    "context": "float64",
    "gallery": "int64",
    **{f"{what}_{rank}": "float64" for rank in RANKS for what in ("hit", "chance")},
    **dict.fromkeys(("one_above", "one_tied", "one_others"), "int64"),
    "reason": "str",
}
"""A row a probe. `against`: whether the gallery shows originals or the same variant; `hidden`:
whether the region is anonymized at this degree; `cluster`: probes of one person or image share it;
`context`: the factor by which boxes are grown where all but the region is seen, else 0.
`one_…`: where its match comes in a gallery with one crop of each person (or each region): how many
of so many others are more similar to the probe, and how many as similar.
A row without an id says in `reason` what was not run."""
