"""Settings before and now, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from anonbench.workflow.plan.settings import Change, changes, config_name, described

CONFIG = {
    "anonymization": {"mask": {"colour": [0, 0, 9]}},
    "datasets": {"ids": {"recipe": "small"}},
    "downstream": {"k": 3},
    "recipes": {
        "small": {"optimizer": {"steps": 7}},
        "large": {"optimizer": {"steps": 5}},
    },
    "retrieval": {"k": 3},
}


def test_values_inside_of_a_slice_are_compared_key_by_key() -> None:
    old = {"recipe": {"optimizer": {"steps": 4, "rate": 0.1}, "seed": 1}}
    new = {"recipe": {"optimizer": {"steps": 5, "rate": 0.1}}, "label": "kind"}
    found = changes({"slice": old, "shards": 2}, {"slice": new, "shards": 2})
    assert [(".".join(change.key), described(change)) for change in found] == [
        ("slice.label", "(none) → kind"),
        ("slice.recipe.optimizer.steps", "4 → 5"),
        ("slice.recipe.seed", "1 → (none)"),
    ]
    assert changes({}, {"a": {"b": 1}}) == [Change(("a", "b"), "(none)", 1)]
    assert changes({"a": {}}, {"a": {}}) == []


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ([0, 0, 0], [0, 0, 9], "[0, 0, 0] → [0, 0, 9]"),
        ([*range(30)], [*range(1, 30), 99], "added [99], removed [0]"),
        (None, "x" * 100, f"None → {'x' * 92}…"),
    ],
)
def test_long_values_are_shortened_to_what_differs(old: Any, new: Any, text: str) -> None:
    assert described(Change(("any",), old, new)) == text


@pytest.mark.parametrize(
    ("key", "new", "name"),
    [
        ("slice.settings.mask.colour", [0, 0, 9], "anonymization.mask.colour"),
        ("slice.settings.mask.colour", [1, 1, 1], "settings.mask.colour"),
        ("slice.recipe.optimizer.steps", 7, "recipes.small.optimizer.steps"),
        ("slice.settings.k", 3, "settings.k"),
        ("shards", 4, "shards"),
    ],
)
def test_a_setting_has_its_name_in_the_config_where_that_is_clear(
    key: str, new: Any, name: str
) -> None:
    assert config_name(Change(tuple(key.split(".")), 1, new), CONFIG) == name
