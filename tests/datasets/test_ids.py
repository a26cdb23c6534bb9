"""Ids that name an image safely, and those that do not."""

from __future__ import annotations

import posixpath

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from anonbench.datasets.ids import id_problems

HOSTILE = ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "/", ".", "..", "./a", "a/.", "a/.."]
HOSTILE += ["a\nb", "a\0b", "\x1b[2J", "\x7f", "a\u2028b", "\x85", "", "a" * 1025, "ü" * 513]
FINE = ["a", "a/b c/ü", "...", "a/...", ".a/b.c", "a..b", " a ", "con", "~", "%2E", "\\", "C:\\x"]
FINE += ["a" * 1024, "ü" * 512, "身分証/#2", "-rf"]


def test_hostile_ids_are_told_apart() -> None:
    for image_id in HOSTILE:
        problems = id_problems(pd.Series(["a", image_id, "b"], dtype="str"))
        assert problems.iloc[0] == problems.iloc[2] == "" != problems.iloc[1], image_id


def test_unusual_ids_are_fine() -> None:
    assert id_problems(pd.Series(FINE, dtype="str")).eq("").all()
    assert id_problems(pd.Series([], dtype="str")).empty


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("/.\n"), max_size=20))
def test_what_is_accepted_is_a_path_in_its_shortest_form(image_id: str) -> None:
    if id_problems(pd.Series([image_id], dtype="str")).iloc[0] == "":
        assert posixpath.normpath(image_id) == image_id
        assert (
            not image_id.startswith(("/", "..")) or image_id.startswith("...") or image_id[2] != "/"
        )
        assert "\n" not in image_id and "\0" not in image_id
