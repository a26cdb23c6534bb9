"""What all commands share: exit statuses, help, suggestions, completion, a quick start."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anonbench.cli import main
from anonbench.cli.main import command_parser
from anonbench.cli.shared import with_subcommands
from anonbench.cli.workflow import bundle as bundle_command
from anonbench.core.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scoer"], "did you mean score?"),
        ([], "required: command"),
        (["score", "--k", "3", "--fraction", "0.1"], "not allowed with argument --k"),
        (["detect", "x", "--workers", "0"], "must be 1 or more"),
        (["images", "exprt"], "did you mean export?"),
        (["bundle", "--to", "x", "--auhtor", "y"], "did you mean --author?"),
        (["export", "a", "b", "--format", "tim"], "did you mean timm?"),
        (["--vresion"], "unknown arguments: --vresion\n"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments + (["config"] if said.endswith("\n") else []))
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(said if said.endswith("\n") else f"{said}\n")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(None, 0), (3, 3), (InputError("no"), 1), (KeyboardInterrupt(), 130), (OSError("no"), 1)],
)
def test_exit_statuses(
    monkeypatch: pytest.MonkeyPatch, outcome: int | BaseException | None, status: int
) -> None:
    def run(options: argparse.Namespace) -> int | None:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(bundle_command, "run_verify", run)
    assert main(["verify", "x"]) == status


def test_the_help_of_every_command_has_an_example_of_it() -> None:
    texts = {each.prog: each.format_help() for each in with_subcommands(command_parser())}
    told = {n: text for n, text in texts.items() if not any(o.startswith(f"{n} ") for o in texts)}
    assert len(told) > 20
    assert [name for name, text in told.items() if f"\n  {name}" not in text] == []


def test_completion_knows_options_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    asked = "COMP_WORDS=(anonbench bundle --keep); COMP_CWORD=2"
    command = ["bash", "-c", f'{script}\n{asked}; _shtab_anonbench; echo "$COMPREPLY"']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "--keep-ids"
    for shell in ("zsh", "tcsh"):
        assert main(["completion", shell]) == 0
        script = capsys.readouterr().out
        assert "bundle" in script
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)


ABSENT = [
    *("detect none", "anonymize none -o copies", "embed none -o vectors.h5", "evaluate none"),
    *("attack none none", "plan --configfile none", "run --configfile none", "verify none"),
    *("init none", "bundle --to b --configfile none", "review archive --configfile none"),
    "score --reference none --queries none --database none",
]
HELP = ["--help", "plan --help", "score --help"]
CODE = f"""
import sys
from anonbench.cli import main
for line in {HELP}:
    try:
        main(line.split())
    except SystemExit:
        assert "PIL" not in sys.modules and "yaml" not in sys.modules, line
for line in {ABSENT}:
    print(line, file=sys.stderr)
    assert main(line.split()) == 1, line
    for name in ("numpy", "pandas", "pydantic", "snakemake", "torch"):
        assert name not in sys.modules, (name, line)
"""


@pytest.mark.slow
def test_help_and_a_place_that_is_not_there_load_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[::2] == ABSENT
    assert all(said.startswith("anonbench: ") and "none" in said for said in lines[1::2])
    assert not any(tmp_path.iterdir())
