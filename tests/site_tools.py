"""Modules of tools/site, which are no package."""

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def load(name: str) -> Any:
    """Return a module of tools/site."""
    folder = str(ROOT / "tools/site")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)
