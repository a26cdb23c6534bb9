"""The console blocks of the documentation, and how they are run.

A line above a block may say what a test cannot do, and why:

    <!-- console: not run; it takes half an hour -->
    <!-- console: planned; each takes minutes -->

`planned` runs its commands too, `snakemake` as a dry run. Everything else is run as it stands, each
block in a shell of its own, so that `cd` and `export` last to the block's end.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Way = Literal["run", "planned", "not run"]

MARK = r"<!-- console: (planned|not run); (\S[^\n]*\S) -->"
AT = "@@ line"
PROGRAMS = """snakemake() { "$FORKS/snakemake" "$@"; }
anonbench() { "$FORKS/anonbench" "$@"; }"""
"""Whatever a block does to PATH, these are found; `FORKS` is in the environment."""
PLANNED = """snakemake() {
    case " $* " in
        *" -n "* | *" --cores "*) "$FORKS/snakemake" "$@" --dry-run ;;
        *) echo 'snakemake runs nothing without --cores' >&2; return 1 ;;
    esac
}
anonbench() {
    case "$1" in
        run) "$FORKS/anonbench" "$@" --dry-run ;;
        *) "$FORKS/anonbench" "$@" ;;
    esac
}"""
FAILURES = (
    "anonbench: ",
    "WorkflowError",
    "not as published",
    "cannot be made",
    "policy: mask-100 fail",
)
"""What is printed by a command that is shown failing."""


@dataclass
class Command:
    """What stands after a `$`."""

    line: int
    text: str
    output: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        return any(failure in line for line in self.output for failure in FAILURES)


@dataclass
class Block:
    file: Path
    line: int
    way: Way
    reason: str
    commands: list[Command]

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


def blocks(file: Path) -> Iterator[Block]:
    """Yield the console blocks of a Markdown file; a ValueError names what is none."""
    text = file.read_text(encoding="utf-8")
    for mark in re.finditer("^.*<!-- console.*$", text, re.MULTILINE):
        if not re.match(rf" *{MARK}\s*^```console$", text[mark.start() :], re.MULTILINE):
            place = f"{file.name}:{text.count(chr(10), 0, mark.start()) + 1}"
            known = "`<!-- console: not run; why -->` or `planned; why`"
            raise ValueError(f"{place}: write {known} above a console block")
    whole = rf"(?:{MARK}\s*)?^```console\n(.*?)^```"
    for found in re.finditer(whole, text, re.MULTILINE | re.DOTALL):
        way, reason, lines = found.groups()
        first = text.count("\n", 0, found.start(3))
        block = Block(file, first, way or "run", reason or "", [])
        for number, line in enumerate(lines.splitlines(), first + 1):
            last = block.commands[-1] if block.commands else None
            if line.startswith("$ "):
                block.commands.append(Command(number, line[2:]))
            elif last is None:
                raise ValueError(f"{file.name}:{number}: a console block begins with `$ `")
            elif not last.output and (line.startswith("> ") or last.text.endswith("\\")):
                last.text += "\n" + line.removeprefix("> ")
            else:
                last.output.append(line)
        yield block


def run(
    block: Block, folder: Path, environment: dict[str, str]
) -> tuple[int | None, dict[int, str]]:
    """Run a block's commands; return the line of one that failed, and by line what was printed."""
    script = ["set -o pipefail", "shopt -s expand_aliases", f"cd {shlex.quote(str(folder))}"]
    script += [PLANNED if block.way == "planned" else PROGRAMS]
    for command in block.commands:
        script += [f"echo '{AT} {command.line}'", f"echo '{AT} {command.line}' >&2"]
        script += [command.text]
        script += [f"status=$?; [ $status {'!=' if command.fails else '='} 0 ] || exit 1"]
    captured = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], check=False, env=os.environ | environment, **captured
    )
    printed: dict[int, str] = {}
    for stream in (done.stdout, done.stderr):
        for part in stream.split(f"{AT} ")[1:]:
            number, _, text = part.partition("\n")
            printed[int(number)] = printed.get(int(number), "") + text
    return max(printed, default=block.line) if done.returncode else None, printed
