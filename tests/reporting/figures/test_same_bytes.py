"""Figures have no dates, versions or random ids inside: other processes write the same bytes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

DRAW = """
import os
import sys
from pathlib import Path
import matplotlib
import numpy as np
matplotlib.rcParams["font.size"] = 10 * int(os.environ["PYTHONHASHSEED"])  # the user's own
from anonbench.reporting.figures.style import new_figure, save, styled
from anonbench.reporting.labels import METHOD_COLOURS
with styled():
    figure = new_figure(4, 3)
    for place, colour in enumerate([*METHOD_COLOURS.values()][:3], 1):
        axes = figure.add_subplot(1, 3, place)
        axes.plot([0, 1, 2], [1, 3, 2], marker="o", color=colour)
        axes.fill_between([0, 1, 2], 0, [1, 2, 1], hatch="//", alpha=0.3)
        axes.imshow(np.arange(9).reshape(3, 3), extent=(0, 2, 0, 3))
        axes.set_xlim(0.2, 1.8)
    save(figure, [Path(sys.argv[1], f"a.{suffix}") for suffix in ("png", "svg")], 100)
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return where two processes drew the same figure, on two days and with two hash seeds."""
    folders = []
    for seed, day in (("1", "86400"), ("2", "864000000")):
        folder = tmp_path_factory.mktemp(f"seed{seed}")
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": day}
        subprocess.run([sys.executable, "-c", DRAW, str(folder)], check=True, env=environment)
        folders.append(folder)
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_two_processes_write_the_same_bytes(drawn: list[Path], name: str) -> None:
    first, second = ((folder / name).read_bytes() for folder in drawn)
    assert len(first) > 2000
    assert first == second


@pytest.mark.slow
def test_a_png_says_nothing_of_when_and_by_what(drawn: list[Path]) -> None:
    data = (drawn[0] / "a.png").read_bytes()
    kinds, place = [], 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        kinds.append(kind.decode())
        place += 12 + length
    assert kinds[0] == "IHDR" and kinds[-1] == "IEND"
    assert set(kinds) <= {"IHDR", "pHYs", "IDAT", "IEND"}


def test_an_svg_says_nothing_of_when_and_by_what(drawn: list[Path]) -> None:
    text = (drawn[0] / "a.svg").read_text()
    assert "clipPath id=" in text  # ids are there, and the same for the same content
    for word in ("dc:date", "dc:creator", "matplotlib.org/", "1970", "1997"):
        assert word not in text, word
