"""Location of the workflow, arguments of snakemake, and the exit of a run that cannot begin."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import anonbench
from anonbench.core.errors import InputError

_OURS = Path("workflow/rules/anonymize.smk")
"""File by which a Snakefile is recognized as this project's."""
_NAMED = ("-s", "--snakefile")
START = "anonbench: "  # prefix of the message with which a run is refused


def with_snakefile(arguments: Sequence[str]) -> list[str]:
    """Arguments of snakemake that name the workflow: the user's Snakefile or this project's.

    Raises:
        InputError: no Snakefile is named, in this folder or beside the installed package; or a
            config file is missing, or no mapping.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    names = ("--configfile", "--configfiles")
    parser.add_argument(*names, nargs="*", action="extend", default=[], dest="words")
    words = parser.parse_known_args(arguments)[0].words
    for word in words:
        if not Path(word).is_file():
            raise InputError(
                f"{word} is read as a config file, but there is no such file; if it is a "
                "target, put it before --configfile"
            )
    if words:
        from anonbench.config.file import read

        for word in words:
            read(Path(word))
    if any(word.partition("=")[0] in _NAMED for word in arguments):
        return [*arguments]
    return [*arguments, "--snakefile", str(find())]


def find() -> Path:
    """The Snakefile of this folder, else of the repository that anonbench runs from.

    Raises:
        InputError: there is none: the package was installed without its repository.
    """
    repository = Path(anonbench.__file__).parents[2]
    for folder in (Path(), repository):
        if (folder / _OURS).is_file():
            return folder / "Snakefile"
    raise InputError(
        "the workflow is not here, and a wheel has none: run this in a clone of the repository, or "
        "name its Snakefile (--snakefile)"
    )


def refuse(error: InputError) -> NoReturn:
    """Exit Snakemake with an error's message.

    Of an exception, it would also print a line of the rule files, which is not where the error is.
    """
    from snakemake.logging import logger

    logger.error(f"{START}{error}")
    sys.exit(1)
