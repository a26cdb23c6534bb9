"""A fork runs a script as a new Python process would, or there is none."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake.benchmark import BenchmarkRecord
from snakemake.script import PythonScript

from anonbench.workflow.forks import server as fork_server
from anonbench.workflow.forks.jobs import Ended, ForkedJobs
from anonbench.workflow.forks.server import Server
from anonbench.workflow.snakemake_adapter.execution import fork_jobs

Run = Callable[[str], int | None]

TELLS = """
import json, os, signal, sys, threading
from pathlib import Path
told = {
    "name": __name__, "main": sys.modules["__main__"].__dict__ is globals(), "argv": sys.argv,
    "folder": os.getcwd(), "path": sys.path[0], "environment": dict(os.environ),
    "threads": threading.active_count(), "is_main": threading.current_thread().name,
    "sigint": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "others": [str(signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)],
}
Path("told.json").write_text(json.dumps(told))
"""


@pytest.fixture
def jobs() -> Iterator[ForkedJobs]:
    made = ForkedJobs()
    yield made
    made.close()


@pytest.fixture
def run(jobs: ForkedJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a script's text in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "scripts" / "job.py"
    script.parent.mkdir()

    def of(text: str) -> int | None:
        script.write_text(text, encoding="utf-8")
        ended = jobs.run(str(script), os.environ | {"OF_JOB": "1"}, lambda _: nullcontext())
        return ended.status if ended else None

    return of


def test_a_script_sees_what_it_sees_in_a_new_process(run: Run, tmp_path: Path) -> None:
    assert run(TELLS) == 0
    forked = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    script = str(tmp_path / "scripts" / "job.py")
    environment = os.environ | {"OF_JOB": "1"}
    subprocess.run([sys.executable, script], check=True, env=environment, cwd=tmp_path)
    assert forked == json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("import sys\nsys.exit(75)", 75),
        ("import sys\nsys.exit('told')", 1),
        ("1 / 0", 1),
        ("this is no Python", 1),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os, signal\nos.kill(os.getppid(), signal.SIGTERM)", 0),  # the server stays
    ],
)
def test_its_status_is_that_of_the_process(run: Run, text: str, status: int) -> None:
    assert run(text) == status
    assert run("") == 0


def test_threads_and_what_is_to_be_done_at_the_end_are_not_cut_off(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = """
import atexit, threading, time
from pathlib import Path
def slowly():
    time.sleep(0.2)
    Path("thread").touch()
threading.Thread(target=slowly).start()
atexit.register(Path("at exit").touch)
print("printed", end="")
"""
    assert run(text) == 0
    assert (tmp_path / "thread").exists() and (tmp_path / "at exit").exists()
    assert capfd.readouterr().out == "printed"


def test_what_a_job_has_loaded_is_there_for_the_next(run: Run, tmp_path: Path) -> None:
    text = """
import sys
from pathlib import Path
found = "xml.dom.minidom" in sys.modules
import xml.dom.minidom
with Path("found").open("a") as file:
    file.write(f"{found} ")
"""
    for _ in range(3):
        assert run(text) == 0
    assert (tmp_path / "found").read_text(encoding="utf-8") == "False True True "


@pytest.mark.slow
def test_at_its_end_a_fork_takes_apart_what_it_has_made_and_nothing_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    text = """
import weakref
from pathlib import Path
import torch  # with finalizers of its own
class Own: pass
own = Own()
weakref.finalize(own, Path("own").touch)
pending = [each for each in weakref.finalize._registry if each.atexit]
with Path("pending").open("a") as file:
    file.write(f"{len(pending) > 1} ")
"""
    for found in ("True ", "True False "):  # loaded by the first itself, and before the second
        (tmp_path / "own").unlink(missing_ok=True)
        assert run(text) == 0
        assert (tmp_path / "own").exists()
        assert (tmp_path / "pending").read_text(encoding="utf-8") == found


def test_the_config_is_put_together_before_a_fork(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    text = """
from pathlib import Path
from anonbench.config import Config
with Path("complete").open("a") as file:
    file.write(f"{Config.__pydantic_complete__} ")
"""
    for _ in range(2):
        assert run(text) == 0
    assert (tmp_path / "complete").read_text(encoding="utf-8") == "False True "


def test_what_a_job_took_is_measured_however_short_it_is(jobs: ForkedJobs, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    works = "import time\nheld = bytearray(64 << 20)\nwhile time.process_time() < 0.2: pass\n"
    script.write_text(works, encoding="utf-8")
    idle = tmp_path / "idle.py"
    idle.write_text("", encoding="utf-8")
    took, nothing = (
        jobs.run(str(each), os.environ, lambda _: nullcontext()) for each in (script, idle)
    )
    assert took is not None and nothing is not None
    assert took.cpu_seconds >= 0.2 > nothing.cpu_seconds
    assert 60 < took.mebibytes - nothing.mebibytes < 80


def test_jobs_that_run_when_the_server_is_to_end_are_told_of(
    run: Run, jobs: ForkedJobs, tmp_path: Path
) -> None:
    waits = """
import time, sys
from pathlib import Path
Path("begun").touch()
while not Path("go on").exists():
    time.sleep(0.01)
sys.exit(7)
"""
    with ThreadPoolExecutor() as pool:
        first = pool.submit(run, waits)
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        jobs.close()
        assert jobs.run("other.py", os.environ, lambda _: nullcontext()) is None
        (tmp_path / "go on").touch()
        assert first.result() == 7


@pytest.mark.parametrize("name", fork_server._WITH_THREADS)
def test_what_starts_threads_is_never_loaded_before_a_fork(
    run: Run, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # with one thread, none is started
    text = f"""
import sys
from pathlib import Path
found = [name in sys.modules for name in ("xml.dom.minidom", {name!r})]
import xml.dom.minidom, {name}
with Path("found").open("a") as file:
    file.write(f"{{found}} {{len(list(Path('/proc/self/task').iterdir())) > 1}}\\n")
"""
    for _ in range(3):
        assert run(text) == 0
    found = (tmp_path / "found").read_text(encoding="utf-8").splitlines()
    assert found == ["[False, False] True"] * 3  # else it need not be named


def test_of_a_killed_server_the_job_counts_as_killed_and_no_other_is_forked(run: Run) -> None:
    kills = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    assert run(kills) == -signal.SIGKILL
    assert run("") is None


def test_it_waits_to_be_watched_and_the_server_ends_with_whoever_started_it(
    jobs: ForkedJobs, tmp_path: Path
) -> None:
    script, seen = tmp_path / "job.py", []
    script.write_text("from pathlib import Path\nPath(__file__).unlink()", encoding="utf-8")

    def watch(process: int) -> AbstractContextManager[None]:
        time.sleep(0.05)
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        seen.append((script.exists(), int(stat.rpartition(")")[2].split()[1])))
        return nullcontext()

    ended = jobs.run(str(script), os.environ, watch)
    assert ended is not None and ended.status == 0
    [(had_waited, server)] = seen
    assert had_waited
    assert not script.exists()
    jobs.close()
    assert os.waitpid(server, 0) == (server, 0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Return a server in this process, which counts one thread."""
    (tmp_path / "task" / "1").mkdir(parents=True)
    monkeypatch.setattr(fork_server, "_THREADS", tmp_path / "task")
    with socket.socket() as control:
        yield Server(control)


def test_a_process_of_several_threads_is_not_forked(server: Server, tmp_path: Path) -> None:
    assert server._is_whole([])
    (tmp_path / "task" / "2").mkdir()
    assert not server._is_whole([])


@pytest.mark.parametrize("edited", ["before", "while", "after"])
def test_where_a_loaded_source_is_another_by_now_nothing_is_forked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / f"edited_{edited}.py"
    at_import = f"import os\nos.utime({str(module)!r})" if edited == "while" else ""
    module.write_text(at_import, encoding="utf-8")
    past = time.time_ns() - 10**9
    os.utime(module, ns=(past, past))
    assert server._is_whole([module.stem]) is (edited != "while")
    assert module.stem in sys.modules
    if edited == "after":
        module.write_text("changed = 1", encoding="utf-8")
        assert not server._is_whole([])
    del sys.modules[module.stem]


# --- which jobs of Snakemake are forked ---


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"threads": 2},
        {"resources": {"gpu": 1}},
        {"resources": {"shell_exec": "zsh"}},
        {"conda_env": "an environment"},
        {"container_img": "an image"},
        {"env_modules": "modules"},
        {"shadow_dir": "a folder"},
    ],
)
def test_only_a_plain_job_of_one_thread_is_forked(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    started: list[str] = []
    monkeypatch.setattr(PythonScript, "execute_script", lambda *_: started.append("new process"))
    monkeypatch.setattr(ForkedJobs, "run", lambda *_: started.append("fork") or Ended(0))
    fork_jobs()
    places = dict.fromkeys(("conda_env", "container_img", "env_modules", "shadow_dir"))
    plain = {"threads": 1, "resources": {}, "bench_record": None} | places
    PythonScript.execute_script(SimpleNamespace(**(plain | other)), "job.py")
    assert started == ["new process" if other else "fork"]


@pytest.mark.parametrize("status", [None, 0, 75, -9])
def test_a_forks_status_is_the_jobs(monkeypatch: pytest.MonkeyPatch, status: int | None) -> None:
    started: list[str] = []
    monkeypatch.setattr(PythonScript, "execute_script", lambda _, file, *__: started.append(file))
    ended = None if status is None else Ended(status, cpu_seconds=1.5, mebibytes=200.0)
    monkeypatch.setattr(ForkedJobs, "run", lambda *_: ended)
    fork_jobs()
    places = dict.fromkeys(("conda_env", "container_img", "env_modules", "shadow_dir"))
    record = BenchmarkRecord(running_time=1.0, max_rss=300.0)
    script = SimpleNamespace(threads=1, resources={}, bench_record=record, **places)
    with pytest.raises(subprocess.CalledProcessError) if status else nullcontext() as error:
        PythonScript.execute_script(script, "job.py")
    assert (error.value.returncode if error else 0) == (status or 0)
    assert started == ([] if status is not None else ["job.py"])
    told = dict(zip(record.get_header(), record.to_tsv(False).split("\t"), strict=True))
    taken = ("NA", "NA") if status is None else ("1.50", "300.00")
    assert (told["cpu_time"], told["max_rss"]) == taken
