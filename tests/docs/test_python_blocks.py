"""Python that pages show, run as a reader would: from the first block of a page to its last."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "result"),
    [
        ("how-to/install.md", "(hidden != image)[30:120, 40:110].mean() > 0.9"),
        (
            "how-to/anonymize.md",
            "(len(found.boxes), done.written, done.without_regions) == (13, 12, 1)",
        ),
        ("how-to/evaluate.md", "result.to_markdown().count('keeps most: mAP') == 2"),
        ("how-to/score.md", "table.set_index('metric')['value']['map'].round(4) == 0.8436"),
        ("tutorials/own-archive.md", "len([*Path('photos').rglob('*.jpg')]) == len(rows) == 240"),
    ],
)
def test_the_blocks_of_a_page_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, result: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert eval(result, names)
