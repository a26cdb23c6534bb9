"""The page of every command, from the parsers that also print `--help`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from anonbench.cli.main import command_parser

HEAD = """\
# The command line

<!-- Written from src/anonbench/cli by `make docs`. Do not edit. -->

What `anonbench <command> --help` prints. [Commands and targets](commands.md) says which command is
for what, and lists the targets of `snakemake`.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_commands(command_parser(), "")])


def _commands(parser: argparse.ArgumentParser, help_text: str) -> Iterator[str]:
    subcommands = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for each in subcommands:
        told = {action.dest: action.help or "" for action in each._choices_actions}
        for name, inner in sorted(each.choices.items()):
            yield from _commands(inner, told.get(name, ""))
    if subcommands:
        return
    yield f"## {parser.prog}\n"
    text = parser.description or help_text
    yield f"{text[:1].upper()}{text[1:].rstrip('.')}.\n"
    hidden = "help", argparse.SUPPRESS
    rows = [_row(parser, a) for a in parser._actions if not {a.dest, a.help} & {*hidden}]
    if rows:
        yield "\n".join(["| argument | meaning |", "| --- | --- |", *rows]) + "\n"
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```\n"


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    help_text = parser._get_formatter()._expand_help(action) if action.help else ""
    return f"| {_written(action)} | {_cell(help_text)} |"


def _written(action: argparse.Action) -> str:
    """Return an argument as one writes it."""
    value = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices is not None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if isinstance(value, tuple):
        value = " ".join(value)
    value = "" if action.nargs == 0 else value + ("…" if action.nargs in ("+", "*") else "")
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    if not names:
        return f"`{value}`"
    return f"{names} `{value}`" if value else names


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
