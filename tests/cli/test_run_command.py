"""`anonbench run`: which command snakemake becomes, and when it does not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from anonbench.cli.main import main
from anonbench.core.jobs.checksums import write_checksum
from anonbench.workflow import plan_costs as costs
from anonbench.workflow import planned_jobs as jobs
from anonbench.workflow import snakefile

TABLE = Path("results/tables/effects.csv")


class BecameError(Exception):
    """Stands for the process that became another."""


@pytest.fixture
def became(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the command in a folder, and returns snakemake's arguments."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("seed: 1\n")

    def become(program: str, words: Sequence[str]) -> None:
        assert Path(program).name == words[0] == "snakemake"
        raise BecameError(*words[1:])

    def run(
        *words: str,
        gpus: int = 0,
        wanted: float = 0.0,
        planned: bool = True,
        growth: float = 0.0,
        missing: Sequence[str] = (),
        obstacle: str | None = None,
    ) -> list[str]:
        job = SimpleNamespace(gpus=wanted, stage="train", planned=planned, outputs=[TABLE])
        settings = SimpleNamespace(results=Path("results"))
        plan = SimpleNamespace(
            jobs=[job],
            free=10**6,
            obstacle=obstacle,
            planned=[job] if planned else [],
            started=SimpleNamespace(settings=settings),
        )
        monkeypatch.setattr(os, "execvp", become)
        monkeypatch.setattr(jobs, "collect", lambda arguments: plan)
        monkeypatch.setattr(
            costs, "as_data", lambda *_: {"missing": missing, "disk_growth": growth}
        )
        monkeypatch.setattr(costs, "total", lambda _: "About 5 s")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(gpus))))
        try:
            return [str(main(["run", *words]))]
        except BecameError as error:
            return list(error.args)

    return run


def test_cores_gpus_and_the_snakefile_are_added(
    became: Any, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cores = str(len(os.sched_getaffinity(0)))
    words = became("archive_boxes", "--configfile", "mine.yaml", gpus=3)
    assert words[:3] == ["archive_boxes", "--configfile", "mine.yaml"]
    assert words[3:] == [
        *("--snakefile", str(root / "Snakefile"), "--cores", cores, "--resources", "gpu=3")
    ]
    assert "1 job. About 5 s" in capfd.readouterr().err
    report = Path("results/report.html").resolve()
    report.parent.mkdir()
    report.touch()
    became(planned=False)
    assert f"The report: {report}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--configfile mine.yaml archive_boxes -n", "archive_boxes is read as a config file"),
        ("--configfile=archive_boxes", "archive_boxes is read as a config file"),
        *((f"--configfile {number}.yaml", f"{number}.yaml is not ") for number in range(4)),
    ],
)
def test_what_is_no_config_file_is_said(
    became: Any, words: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Snakemake's words for it do not say which file, nor what is wrong in it."""
    for number, text in enumerate(("", "# datasets:\n", "- a\n", "a: [\n")):
        Path(f"{number}.yaml").write_text(text)
    assert became(*words.split()) == ["1"]
    assert said in capfd.readouterr().err


def test_what_the_user_names_is_left_alone(became: Any) -> None:
    given = ["-s", "mine/Snakefile", "-c4", "--resources", "gpu=2", "mem_mb=9"]
    assert became("all", *given) == ["all", *given]
    on_a_cluster = ["--profile", "profiles/slurm", "--snakefile=a"]
    assert became(*on_a_cluster, wanted=1.0) == on_a_cluster


def test_missing_gpu_is_said_before_any_job(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert became(wanted=1.0) == ["1"]
    said = capfd.readouterr().err
    assert "1 job (train) would take a GPU, and this machine has none" in said
    assert "frozen system" in said
    assert became("-n", wanted=1.0)[0] == "-n", "a look is no run"
    assert became(wanted=1.0, gpus=1)[-1] == "gpu=1"


def test_run_that_fills_the_disk_is_refused(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert "--cores" in became(growth=1.9e6), "an estimate may be twice too high"
    assert became(growth=2.1e6) == ["1"]
    assert "the disk of results is too small" in capfd.readouterr().err


def test_results_need_a_place_first(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert became(obstacle="results cannot be written to") == ["1"]
    assert "results cannot be written to" in capfd.readouterr().err


def test_missing_results_named_in_the_end_(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    became(planned=False, missing=["results/a.csv"])
    assert "with --forcerun results/a.csv" in capfd.readouterr().err


def test_a_wheel_without_a_clone_says_so(
    became: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(snakefile.anonbench, "__file__", str(Path("a/b/c.py").resolve()))
    assert became() == ["1"]
    assert "a wheel has none" in capfd.readouterr().err


def test_damaged_unread_table_is_named(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    became(planned=False)  # where nothing is there yet
    TABLE.parent.mkdir(parents=True)
    TABLE.write_text("map,0.5\n")
    write_checksum(TABLE)
    assert "--cores" in became(planned=False)
    TABLE.write_text("map,0.9\n")
    assert became(planned=False) == ["1"]
    said = capfd.readouterr().err
    assert f"{TABLE} is damaged" in said and f"--forcerun {TABLE}" in said
    assert "--cores" in became(planned=True), "what is made again may be anything"
