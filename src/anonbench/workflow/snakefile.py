"""Where the workflow is, and which arguments of snakemake a machine needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import anonbench
from anonbench.core.errors import InputError

_OURS = Path("workflow/rules/anonymize.smk")
"""By it a Snakefile is known as this project's."""
_NAMED = ("-s", "--snakefile")


def require_configfiles(arguments: Sequence[str]) -> None:
    """Refuse arguments of snakemake whose config files are not there, or no configs.

    Raises:
        InputError: one is missing, or is no YAML with keys at its top.

    """
    words = [*_configfiles(arguments)]
    for word in words:
        if not Path(word).is_file():
            raise InputError(
                f"{word} is read as a config file, and there is none of this name. If it is a "
                "target, put it before --configfile"
            )
    if words:
        from anonbench.config.file.text import read

        for word in words:
            read(Path(word))


def with_snakefile(arguments: Sequence[str]) -> list[str]:
    """Return arguments of snakemake that name the workflow: the user's, or ours.

    Raises:
        InputError: it is neither named, nor in this folder, nor beside the installed package; or a
            config file is missing.

    """
    require_configfiles(arguments)
    if any(word.partition("=")[0] in _NAMED for word in arguments):
        return [*arguments]
    return [*arguments, "--snakefile", str(find())]


def _configfiles(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the words that snakemake takes as config files: all up to the next option."""
    is_file = False
    for word in arguments:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            is_file = option in ("--configfile", "--configfiles")
            if is_file and equals:
                yield value
        elif is_file:
            yield word


def find() -> Path:
    """Return the Snakefile of this folder, else of the repository that anonbench runs from.

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
