"""Snakemake's own code as text, which names what the adapter uses."""

from __future__ import annotations

import inspect
from typing import Any

from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other


def source(function: Any) -> str:
    return " ".join(inspect.getsource(function).split())
