"""What all commands share: exit statuses, help, completion, a safe terminal."""

import argparse
import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import anonbench
from anonbench.cli import main
from anonbench.cli.main import command_parser
from anonbench.cli.shared import with_subcommands
from anonbench.cli.workflow import bundle as bundle_command
from anonbench.core.errors import InputError
from anonbench.core.wording import harmless
from processes import python


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scoer"], "did you mean score?"),
        ([], "required: command"),
        (["score", "--k", "3", "--fraction", "0.1"], "not allowed with argument --k"),
        (["detect", "x", "--workers", "0"], "must be a whole number, 1 or more"),
        (["images", "exprt"], "did you mean export?"),
        (["bundle", "--to", "x", "--auhtor", "y"], "did you mean --author?"),
        (["export", "a", "b", "--format", "tim"], "did you mean timm?"),
        (["--vresion"], "unknown arguments: --vresion\n"),
        (["anonymize", "a.jpg", "b.jpg", "-o", "c"], "or `-` and paths on standard input"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments + (["config"] if said.endswith("\n") else []))
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(said if said.endswith("\n") else f"{said}\n")


def test_the_version_that_citations_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"anonbench {anonbench.__version__}\n"


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


def test_completion_knows_options_of_commands(cli: Any) -> None:
    script = cli("completion bash").out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    asked = "COMP_WORDS=(anonbench bundle --keep); COMP_CWORD=2"
    command = ["bash", "-c", f'{script}\n{asked}; _shtab_anonbench; echo "$COMPREPLY"']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "--keep-ids"
    for shell in ("zsh", "tcsh"):
        script = cli(f"completion {shell}").out
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
    done = python(CODE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[::2] == ABSENT
    assert all(said.startswith("anonbench: ") and "none" in said for said in lines[1::2])
    assert not any(tmp_path.iterdir())


BAD = "no\x1b[31m\x1b]0;title\x07\x9b2J\u202egpj\x7f"
SHOWN = r"no\u001b[31m\u001b]0;title\u0007\u009b2J\u202egpj\u007f"


def steers(text: str) -> bool:
    return harmless(text) != text


@pytest.mark.parametrize(
    "words",
    [
        *(f"detect {BAD}", f"anonymize . -o {BAD} --detector zxing", f"embed {BAD} -o vectors.h5"),
        *(f"anonymize a.png -o copies --method {BAD}", f"evaluate {BAD}", f"attack {BAD} {BAD}"),
        *(f"plan {BAD} --configfile config.yaml", "run --configfile bad.yaml", f"verify {BAD}"),
        *(f"init {BAD}", f"review {BAD} --configfile config.yaml", f"score {BAD}", BAD),
        f"score --reference {BAD} --queries {BAD} --database {BAD}",
    ],
)
def test_what_is_given_is_shown(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("title: x\n", encoding="utf-8")
    text = json.dumps({"datasets": {BAD: {"layout": BAD}}})
    Path("bad.yaml").write_text(text, encoding="utf-8")
    Path(BAD).mkdir()
    Path(BAD, f"{BAD}.txt").write_text("x", encoding="utf-8")
    with suppress(SystemExit):
        main(words.split(" "))
    said = "".join(capsys.readouterr())
    assert str(InputError(BAD)) == SHOWN
    assert said and not steers(said), ascii(said)


def test_an_unexpected_error_and_odd_bytes_are_shown(tmp_path: Path, cli: Any) -> None:
    code = f"""
import sys
from anonbench.cli import main
def fail(*_):
    raise ValueError({BAD!r})
sys.modules["anonbench.cli.main"].command_parser = fail
main()
"""
    done = python(code).stderr
    assert f"ValueError: {SHOWN}" in done and not steers(done)
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    assert r"\udcff" in cli(f"verify {folder}", status=1).err


def test_logs_and_messages_of_jobs(tmp_path: Path) -> None:
    code = f"""
from anonbench.core.jobs.job import logged
with logged({str(tmp_path / "job.log")!r}, 1):
    print({BAD!r})
    raise OSError(2, "none", {BAD!r})
"""
    assert python(code).stderr == f"anonbench: none ({SHOWN})\n"
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert log.count(SHOWN) == 2 and not steers(log)


def test_the_logger_of_snakemake() -> None:
    code = f"""
import logging
from snakemake_logger_plugin_anonbench import LogHandler, begin_run
class Settings:
    quiet, dryrun = None, False
begin_run(None, {{}}, lambda: [{BAD!r}])
LogHandler(Settings(), None).handle(logging.makeLogRecord({{"msg": {BAD!r}, "levelno": 40}}))
"""
    done = python(code).stderr
    assert done.count(SHOWN) == 2 and not steers(done), ascii(done)
