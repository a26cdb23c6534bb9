"""`anonbench completion`: completion of commands, options and paths for the shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")
_EPILOG = """\
Examples:
  anonbench completion bash > ~/.local/share/bash-completion/completions/anonbench
  anonbench completion zsh > "${fpath[1]}/_anonbench"
  anonbench completion tcsh > ~/.anonbench.tcsh    # and `source ~/.anonbench.tcsh` in ~/.tcshrc"""


def add(commands: Any, whole: argparse.ArgumentParser) -> None:
    """Add the command to the subparsers of `anonbench`, whose parser is `whole`."""
    parser = commands.add_parser(
        "completion",
        help="print the shell code that completes commands and paths",
        description="Prints a script for the shell. It is made from this version's options: make "
        "it again after an update.",
        epilog=_EPILOG,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=lambda options: run(options, whole))


def run(options: argparse.Namespace, whole: argparse.ArgumentParser) -> None:
    """Print the script."""
    import shtab

    for parser in _with_subcommands(whole):
        for action in parser._actions:
            if action.type is Path or action.metavar == "IMAGES":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(whole, options.shell))


def _with_subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _with_subcommands(each)
