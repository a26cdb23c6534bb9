"""Every kind of table in one LaTeX document that needs booktabs and nothing else."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from synthetic_results import make_best, make_comparisons, make_scores, write_results

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.config.outputs import Table
from anonbench.reporting.grid import Grid, GridBlock, to_latex, write_grid
from anonbench.reporting.grid_layout import write_layout
from anonbench.reporting.grid_tables import write_sizes
from anonbench.reporting.paper.claims import evaluate, write_claims
from anonbench.reporting.paper.comparison import write_comparison
from anonbench.reporting.paper.ours import our_data
from anonbench.reporting.paper.scenario_tables import (
    profiles,
    scenario_grid,
    scenario_rows,
    write_profiles,
)

NASTY = r"50 % & a_b #1 $x^2$ ~ \end{it} {} <b> | “Größe” – naïve ± † ’é’ …"
HEAD = r"""\documentclass{article}
\usepackage[margin=25mm]{geometry}
\usepackage{booktabs}
\begin{document}
"""


def test_tables_compile(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine (Debian: texlive-latex-recommended)")
    texts = write_all_tables(tmp_path / "tables")
    texts.append(to_latex(nasty_grid()))
    document = tmp_path / "document.tex"
    body = "\n\\clearpage\n".join(texts)
    document.write_text(HEAD + body + "\n\\end{document}\n", encoding="utf-8")
    made = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", document.name],
        cwd=tmp_path,
        capture_output=True,
        timeout=100,
        env=os.environ | {"TEXMFVAR": str(tmp_path / "texmf")},
    )
    log = made.stdout.decode("utf-8", "replace")
    assert made.returncode == 0, log[-3000:]
    assert (tmp_path / "document.pdf").stat().st_size > 10_000
    assert "Missing character" not in log and "undefined" not in log
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert not [points for points in wide if points > 5], "a table is wider than the page"


def write_all_tables(folder: Path) -> list[str]:
    entry = {"path": "x", "detectors": ["mtcnn", "ppocr"], "label": NASTY}
    faces = entry | {"layout": "celeba", "paper_role": "celeba"}
    docs = entry | {"layout": "folder", "paper_role": "rvl_cdip", "degrees": [25, 75, 100]}
    config = load({"control_seeds": [9], "datasets": {"a_b": faces, "docs": docs}})
    experiment, datasets = Experiment(config), our_data(config)
    scores = {
        "a_b": make_scores("a_b", missing=(("C", "mask", 100),), control=True),
        "docs": make_scores("docs", (25, 75, 100), seeds=(0, 1)),
    }

    def three(name: str) -> list[Path]:
        return [folder / f"{name}.{suffix}" for suffix in ("csv", "md", "tex")]

    files: dict[str, list[Path]] = {kind: [] for kind in ("scores", "counts", "tests", "best")}
    for name, table in scores.items():
        results, tests = write_results(folder / name, table), make_comparisons(table)
        results |= {kind: folder / name / f"{kind}.csv" for kind in ("tests", "best")}
        tests.to_csv(results["tests"], index=False)
        make_best(table).to_csv(results["best"], index=False)
        for kind, paths in files.items():
            paths.append(results[kind])
        kind = Table("retrieval", name, 100) if name == "a_b" else Table("downstream", name, 75)
        write_layout(kind, table, three(kind.kind), comparisons=tests)
        rows, grid = scenario_rows(experiment, name), scenario_grid(experiment, name)
        write_grid(grid, pd.DataFrame(rows), three(f"scenarios_{name}"))
    write_sizes(dict(zip(scores, files["counts"], strict=True)), three("sizes"))
    write_profiles(profiles(config), files["counts"], three("experiment"))
    given = (files["scores"], files["tests"], files["best"], 0.05)
    cases, comparison = evaluate(datasets, *given)
    write_comparison(comparison, three("comparison"))
    write_claims(cases, datasets, three("claims"), folder / "c.csv")
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tex"))]


def nasty_grid() -> Grid:
    rows = ((NASTY, "-1.5"), ("\\", "+0.1"))
    block = GridBlock(NASTY, rows)
    return Grid("a b_%", NASTY, ("_x_", "%"), (block,), notes=(NASTY,), wrapped=((0, 0.5),))
