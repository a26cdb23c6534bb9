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


@pytest.mark.slow
def test_two_processes_on_two_days_write_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for seed, day in (("1", "86400"), ("2", "864000000")):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": day}
        subprocess.run([sys.executable, "-c", DRAW, str(folder)], check=True, env=environment)
        written.append([(folder / name).read_bytes() for name in ("a.png", "a.svg")])
    png, svg = written[0]
    assert written[0] == written[1] and min(len(png), len(svg)) > 2000
    kinds, place = [], 8
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        kinds.append(kind.decode())
        place += 12 + length
    assert kinds[0] == "IHDR" and kinds[-1] == "IEND"
    assert set(kinds) <= {"IHDR", "pHYs", "IDAT", "IEND"}
    assert b"clipPath id=" in svg  # ids are there, and the same for the same content
    for word in (b"dc:date", b"dc:creator", b"matplotlib.org/", b"1970", b"1997"):
        assert word not in svg, word
