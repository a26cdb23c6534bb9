"""Given paths, names and values steer no terminal, whatever says them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import preloaded
from anonbench.cli import main
from anonbench.core.errors import InputError
from anonbench.core.wording import harmless

BAD = "no\x1b[31m\x1b]0;title\x07\x9b2J\u202egpj\x7f"
SHOWN = r"no\u001b[31m\u001b]0;title\u0007\u009b2J\u202egpj\u007f"


def python(code: str) -> str:
    """Return what a process of its own says on standard error."""
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


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


def test_an_unexpected_error_is_shown_too() -> None:
    done = python(
        f"""
import sys
from anonbench.cli import main
def fail(*_):
    raise ValueError({BAD!r})
sys.modules["anonbench.cli.main"].command_parser = fail
main()
"""
    )
    assert f"ValueError: {SHOWN}" in done and not steers(done)


def test_bytes_that_are_no_utf_8_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    assert main(["verify", str(folder)]) == 1
    assert r"\udcff" in capsys.readouterr().err


def test_logs_and_messages_of_jobs(tmp_path: Path) -> None:
    said = python(
        f"""
from anonbench.core.jobs.job import logged
with logged({str(tmp_path / "job.log")!r}, 1):
    print({BAD!r})
    raise OSError(2, "none", {BAD!r})
"""
    )
    assert said == f"anonbench: none ({SHOWN})\n"
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert log.count(SHOWN) == 2 and not steers(log)


@pytest.mark.slow
@pytest.mark.workflow
def test_the_logger_of_snakemake(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(
        f"""
from pathlib import Path
from snakemake_logger_plugin_anonbench import begin_run
onstart:
    begin_run(Path("results"), {{}}, lambda: [{BAD!r}])
    logger.error({BAD!r})
rule all:
    log: "own.log"
    shell: "printf {BAD[:8]!r} >{{log}}; exit 1"
""",
        encoding="utf-8",
    )
    done = preloaded.completed("snakemake", ["--cores", "1", "--logger", "anonbench"], tmp_path)
    assert done.stderr.count(SHOWN) == 2, done.stderr
    assert not steers(done.stderr), ascii(done.stderr)
