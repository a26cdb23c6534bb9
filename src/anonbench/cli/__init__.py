"""The command line: a module a command, and `main`, which finds them."""

from anonbench.cli.main import main

__all__ = ["main"]
