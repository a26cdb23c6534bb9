"""Commands of the report's tables, shown on demand."""

from __future__ import annotations

from pathlib import Path

from report_results import section
from synthetic_results import make_scores

from anonbench.reporting.grids.grid import TableCommands
from anonbench.reporting.html.build import build_report


def test_a_table_has_its_commands_and_those_of_its_cells(tmp_path: Path) -> None:
    made = TableCommands("run table_x", (("A, Blur", "run 'one' <file>.json"),), "where to look")
    commands = {"retrieval_a_100": made, "deployments_a": TableCommands("run table_deployments_a")}
    output = tmp_path / "report.html"
    parts = [section(tmp_path, "a", make_scores("a", (100,)), (100,))]
    build_report("T", parts, {}, {}, output, commands=commands)
    page = output.read_text(encoding="utf-8")
    of_table = page.partition('id="table-retrieval_a_100"')[2].partition("</details>")[0]
    assert "<code>run table_x</code>" in of_table and "where to look" in of_table
    # a summary is reached and opened by the keyboard, and is named after its table
    assert '<summary aria-label="Commands for Retrieval quality' in of_table
    assert "<li>A, Blur: <code>run &#39;one&#39; &lt;file&gt;.json</code></li>" in of_table
    of_grid = page.partition('id="grid-deployments_a"')[2].partition("</details>")[0]
    assert "<code>run table_deployments_a</code>" in of_grid and "<li>" not in of_grid
    assert page.count('<details class="commands">') == 2
