"""The frame of a job: log, threads, and errors as one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from processes import python, wait_for

SCRIPT = """
import sys
from anonbench.core.jobs.job import logged
with logged(sys.argv[1], 3):
    import logging, os
    from anonbench.core.errors import InputError
    print("threads", os.environ["OMP_NUM_THREADS"])
    os.system("echo from a child")
    logging.getLogger("x").info("noted")
    {action}
"""

STOP = "from anonbench.core.errors import Interrupted; raise Interrupted('SIGTERM', 41)"


def run(action: str, log: Path) -> subprocess.CompletedProcess[str]:
    return python(SCRIPT.format(action=action), log)


def test_all_output_goes_to_the_log_and_what_is_loud_to_the_terminal_too(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "a.log"
    action = (
        "from anonbench.core.jobs.job import warn_on_terminal; x = logging.getLogger('x'); "
        "x.warning('quiet'); warn_on_terminal(x, 'LOUD')"
    )
    done = run(action, log)
    said = f"anonbench: LOUD ({log})\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
    text = log.read_text(encoding="utf-8")
    for line in ("threads 3", "from a child", "INFO x: noted", "WARNING x: quiet", "x: LOUD"):
        assert line in text


@pytest.mark.parametrize(
    ("action", "line", "status"),
    [
        ("raise InputError('x.path: no such folder')", "x.path: no such folder", 1),
        ("open('/nowhere/file')", "No such file or directory (/nowhere/file)", 1),
        ("raise OSError(28, 'No space left on device')", "the disk is full; make room", 1),
        ("1 / 0", "ZeroDivisionError, an error of the program", 1),
        (STOP, "stopped by SIGTERM at step 41; run again to go on from there", 75),
    ],
)
def test_errors_are_one_line(tmp_path: Path, action: str, line: str, status: int) -> None:
    log = tmp_path / "a.log"
    done = run(action, log)
    assert done.returncode == status
    assert done.stderr.startswith("anonbench: ")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    text = log.read_text(encoding="utf-8")
    assert ("ERROR" if status == 1 else line) in text
    assert status == 1 or "Traceback" not in text


@pytest.mark.slow
def test_a_job_that_is_still_going_on_is_not_begun_twice(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    wait = "print('the first', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", SCRIPT.format(action=wait), str(log)]
    first = subprocess.Popen(command, stdin=subprocess.PIPE)
    wait_for(lambda: log.exists() and "the first" in log.read_text(encoding="utf-8"))
    log.unlink()  # as Snakemake does before it starts a job
    hurry = "import anonbench.core.jobs.job; anonbench.core.jobs.job.WAIT_SECONDS = 0.5\n"
    second = python(hurry + SCRIPT.format(action="print('the second')"), log)
    assert second.returncode == 1
    assert "this job is still running from an earlier, killed run" in second.stderr
    assert "the first" in log.read_text(encoding="utf-8")
    first.kill()
    first.communicate()
    assert run("print('the third')", log).returncode == 0
    assert "the first" not in log.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [log]


def test_a_user_s_module_may_be_called_as_a_script(tmp_path: Path) -> None:
    """Snakemake adds the folder of its scripts to their path."""
    for folder in ("rules", "scripts"):
        (tmp_path / "workflow" / folder).mkdir(parents=True)
    for name in ("table", "embed"):
        script = tmp_path / f"workflow/scripts/{name}.py"
        script.write_text("whose = 'a script'", encoding="utf-8")
    (tmp_path / "table.py").write_text("whose = 'the user'", encoding="utf-8")
    code = f"""
import sys
from types import SimpleNamespace
from snakemake.iocontainers import InputFiles, OutputFiles
sys.path += ["{tmp_path}/workflow/rules/../scripts", "{tmp_path}"]
from anonbench.core.jobs.job import job
task = SimpleNamespace(input=InputFiles(), output=OutputFiles(), log=["{tmp_path}/log"])
task.params, task.threads, task.config = {{}}, 1, {{}}
with job(task, "{tmp_path}/workflow/scripts/embed.py"):
    import table
open("{tmp_path}/whose", "w").write(table.whose)
"""
    done = python(code, cwd=tmp_path, env=os.environ | {"PYTHONSAFEPATH": "1"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "whose").read_text(encoding="utf-8") == "the user"
