"""Command line: one module for each command."""

from anonbench.cli.main import main

__all__ = ["main"]
