"""Runs docs/tutorials/explore.ipynb on the demo's results and keeps what it shows.

`python tools/site/run_notebook.py`, after `make demo`. The notebook's metadata get a digest of its
sources, by which a test tells that the outputs are theirs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs/tutorials/explore.ipynb"


def executed(notebook: Any, folder: Path) -> Any:
    """Return the notebook with its outputs, run from top to bottom in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
        if "outputs" in cell:
            # progress and warnings are no part of what a cell shows
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    return notebook


def digest(notebook: Any) -> str:
    """Return the digest of all cells' sources."""
    sources = "\0".join(cell.source for cell in notebook.cells)
    return hashlib.sha256(sources.encode()).hexdigest()


if __name__ == "__main__":
    notebook = executed(nbformat.read(NOTEBOOK, as_version=4), NOTEBOOK.parent)
    language = {"name": "python"}
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": language,
        "sources": digest(notebook),
    }
    nbformat.write(notebook, NOTEBOOK)
    print(f"wrote {NOTEBOOK}, {NOTEBOOK.stat().st_size // 1024} KiB")
