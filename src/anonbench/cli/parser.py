"""Parser of the command line: examples in help, and suggestions for what is misspelt."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NoReturn

from anonbench.core.wording import suggestion

_GONE = {
    ("bundle", "--embeddings"): "; it is gone, a bundle holds scores and no embeddings",
    ("verify", "--sample"): "; it is gone, every file of a bundle is compared with its digest",
}
"""What is told of options of earlier versions."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors name what was probably meant; its subcommands' parsers are the same.

    Lines of description and epilog that begin with two spaces are examples, and stay as they are.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        super().__init__(*arguments, **options)
        self.set_defaults(parser=self)  # the innermost one that was asked for

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """See `argparse`, which calls this for choices; Python 3.14 makes suggestions by itself."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = suggestion(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with what is unknown, and the options that are nearest to it."""
        known = self._option_string_actions
        names = [each.partition("=")[0] for each in unknown if each.startswith("--")]
        command = self.prog.rpartition(" ")[2]
        near = [
            _GONE.get((command, name)) or suggestion(name, known)
            for name in names
            if name not in known
        ]
        self.error(f"unknown arguments: {' '.join(unknown)}{''.join(near)}")


class _Formatter(argparse.HelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wrap what is between examples; keep those."""
        lines: list[str] = []
        for is_kept, group in groupby(text.splitlines(), lambda line: line[:2] in ("", "  ")):
            kept = list(group)
            lines += kept if is_kept else textwrap.wrap(" ".join(kept), width - len(indent))
        return "\n".join(indent + line for line in lines)
