"""Options and texts shared by several commands; the parser, its suggestions and completion."""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from anonbench.core.errors import InputError
from anonbench.core.wording import suggestion

if TYPE_CHECKING:
    from anonbench.config import Config


DONE, FAILED, USAGE, DOUBTFUL, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses. `DOUBTFUL`: done, but some images were left out or may show what should be hidden.
A command's `run` returns one of them, or None when it is done; an `InputError` is `FAILED`."""


ROOT = "--root FOLDER  the repository"
CONFIG = "--configfile FILE  the config that the workflow ran with (config.yaml)"
OF_RUN = f"""\
{CONFIG}
-o, --output, --to PLACE  a new folder, or a new file .tar
{ROOT}"""
"""Options of commands that export results of a run."""
RUN_DEFAULTS: dict[str, Any] = {"configfile": Path("config.yaml"), "output": ..., "root": Path()}


def positive(text: str) -> int:
    """Parse a number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return int(text)


_TYPES = {
    **dict.fromkeys(("FILE", "FILE.h5", "FOLDER", "PLACE"), Path),
    **dict.fromkeys(("N", "PERCENT"), positive),
}
"""Types of values by their names in help texts; other values are text."""


def add_command(
    commands: Any,
    manual: str,
    run: Callable[[argparse.Namespace], int | None],
    types: Mapping[str, Any] = {},
    **defaults: Any,
) -> argparse.ArgumentParser:
    """Add a command to the subparsers of `anonbench`, or of a command of several words.

    Each argument begins a line of the manual's second paragraph, and two spaces end its names.
    `--json` is a flag, `--method NAME` has a value, `--method NAME...` may be repeated, `--gain
    {linear,exponential}` has choices. `IMAGES` and `shell {bash,zsh}` are positional, `PLACE...`
    is one or more of them, `[PLACE...]` any number. Arguments after `| ` exclude each other. A line
    that ends with a colon begins a group.

    Args:
        commands: the subparsers.
        manual: `name: help` with the description in the lines below; arguments (an empty
            paragraph if there are none); other text.
        run: runs the command.
        types: types by names of values, besides `_TYPES`.
        defaults: default values by destination; `...` for a required option.
    """
    head, options, epilog = manual.split("\n\n", 2)
    first, _, description = head.partition("\n")
    name, _, purpose = first.partition(": ")
    texts = {"description": " ".join(description.split()) or None, "epilog": epilog}
    parser: argparse.ArgumentParser = commands.add_parser(name.split()[-1], help=purpose, **texts)
    parser.set_defaults(run=run)
    group: argparse._ActionsContainer = parser
    exclusive = None
    for entry in re.split(r"\n(?! )", options) if options else ():
        spec, *said = re.split(r"\s{2,}", entry, maxsplit=1)
        if not said and spec.endswith(":"):
            group, exclusive = parser.add_argument_group(spec[:-1]), None
            continue
        if spec.startswith("| "):
            spec, exclusive = spec[2:], exclusive or group.add_mutually_exclusive_group()
        else:
            exclusive = None
        words = [word.rstrip(",") for word in spec.split()]
        value = "" if words[-1].startswith("-") else words.pop()
        name = value.strip("[.]")
        how: dict[str, Any] = {"help": " ".join("".join(said).split()) or None}
        if not value:
            how["action"] = "store_true"
        elif name.startswith("{"):
            how["choices"] = name.strip("{}").split(",")
        else:
            how |= {"metavar": name, "type": (_TYPES | {**types}).get(name)}
        if value != name:
            how |= {"action": "append"} if words else {"nargs": "*" if value[0] == "[" else "+"}
        action = (exclusive or group).add_argument(*words or [name.lower().split("|")[0]], **how)
        if defaults.get(action.dest) is ...:
            action.required = True
        else:
            action.default = defaults.get(action.dest, action.default)
    return parser


def require_suffix(path: Path | None, *suffixes: str, option: str = "--output") -> None:
    """Raise InputError if a file that is to be written has another suffix."""
    if path is not None and path.suffix not in suffixes:
        raise InputError(f"{option} {path}: the name must end in {' or '.join(suffixes)}")


def workflow_of(options: argparse.Namespace) -> list[str]:
    """Arguments of snakemake for the workflow at `--root`, or this project's, with the config."""
    from anonbench.workflow.snakefile import find

    here = options.root / "Snakefile"
    snakefile = here if here.is_file() else find()
    return ["-s", str(snakefile), "--configfile", str(options.configfile)]


def read_config(path: Path) -> Config:
    """Read the config of a run.

    Raises:
        InputError: the file is missing, not YAML, or not a valid config.
    """
    try:
        path.open("rb").close()  # checked before an import that takes half a second
    except OSError as error:
        raise InputError(f"--configfile: {path} cannot be read ({error.strerror})") from None

    from anonbench.config import load
    from anonbench.config.file import read

    try:
        return load(read(path))
    except InputError as error:
        raise InputError(f"--configfile: {error}") from None


def tell(options: argparse.Namespace, content: Any, text: str) -> None:
    """Print a result: as JSON with `--json`, else as text."""
    print(json.dumps(content, indent=2, ensure_ascii=False) if options.json else text)


def first_of(lines: Sequence[str], most: int, where: str = "") -> list[str]:
    """Indented lines, at most so many, and how many more there are."""
    more = [f"and {len(lines) - most:,} more{where}"] if len(lines) > most else []
    return [f"  {line}" for line in [*lines[:most], *more]]


def aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Format rows of cells as a table, the first `left` columns flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


FIRST_COMMANDS = ("anonymize", "review", "detect", "evaluate", "score", "init", "plan", "run")
"""Commands for the first day, in the order of use; `--help` lists all others below them."""


_COMPLETION = """\
completion: print the shell code that completes commands and paths
Prints a script for the shell. It is made from this version's options: make it again after an
update.

shell {bash,zsh,tcsh}

Examples:
  anonbench completion bash > ~/.local/share/bash-completion/completions/anonbench
  anonbench completion zsh > "${fpath[1]}/_anonbench"
  anonbench completion tcsh > ~/.anonbench.tcsh    # and `source ~/.anonbench.tcsh` in ~/.tcshrc"""


class Parser(argparse.ArgumentParser):
    """Parser whose errors suggest the likely option; subcommands use the same class.

    Lines of description and epilog that begin with two spaces are examples and are not re-wrapped.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        super().__init__(*arguments, **options)
        self.set_defaults(parser=self)  # innermost subcommand that was requested

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Check choices, as `argparse` asks; Python 3.14 makes suggestions by itself."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = suggestion(value, map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Exit with an error that names the unknown options and the most similar known ones."""
        known = self._option_string_actions
        names = [each.partition("=")[0] for each in unknown if each.startswith("--")]
        near = [suggestion(name, known) for name in names if name not in known]
        if unknown[0][:1] != "-" and any(each.dest == "images" for each in self._actions):
            near.append("; IMAGES is one path: give a folder, or `-` and paths on standard input")
        self.error(f"unknown arguments: {' '.join(unknown)}{''.join(near)}")


class _Formatter(argparse.HelpFormatter):
    def _format_action(self, action: argparse.Action) -> str:
        """Format one entry; the list of all commands gets two headings."""
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        entries = {entry.dest: entry for entry in action._choices_actions}
        if not entries.keys() >= set(FIRST_COMMANDS):
            return super()._format_action(action)
        first = [entries.pop(name) for name in FIRST_COMMANDS]
        others = [entries[name] for name in sorted(entries)]
        parts = [*map(self._format_action, first), "\nmore commands:\n"]
        return self._join_parts([*parts, *map(self._format_action, others)])

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wrap the text but keep the examples unchanged."""
        lines: list[str] = []
        for is_kept, group in groupby(text.splitlines(), lambda line: line[:2] in ("", "  ")):
            kept = list(group)
            lines += kept if is_kept else textwrap.wrap(" ".join(kept), width - len(indent))
        return "\n".join(indent + line for line in lines)


def add_completion(commands: Any, whole: argparse.ArgumentParser) -> None:
    """Add `completion` to the subparsers of `anonbench`, whose parser is `whole`."""
    add_command(commands, _COMPLETION, lambda options: _complete(options, whole))


def _complete(options: argparse.Namespace, whole: argparse.ArgumentParser) -> None:
    import shtab

    for parser in with_subcommands(whole):
        for action in parser._actions:
            if action.type is Path or action.metavar == "IMAGES":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(whole, options.shell))


def with_subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of all its commands, whose `prog` is the whole command."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from with_subcommands(each)
