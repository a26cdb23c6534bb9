"""Worked examples that pages show: each line gives what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        "explanation/correlation.md",
        "explanation/metrics.md",
        "explanation/paper.md",
        "explanation/retrieval-bias.md",
        "explanation/statistics.md",
    ],
)
def test_the_examples_of_a_page_give_what_it_says(root: Path, page: str) -> None:
    text = (root / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest("".join(blocks), {}, page, page, 0)
    assert len(examples.examples) > 3 * len(blocks) > 0
    said: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert not results.failed, "".join(said)
