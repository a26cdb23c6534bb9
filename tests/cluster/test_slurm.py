"""The workflow on a real Slurm: one node, pretended GPUs, and the bytes of one machine.

Skipped where Slurm's programs or root are missing; `sudo tools/slurm-one-node` installs them.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from small_runs import command, config_of, digests, snakemake, wait_for

import preloaded

CONFIGURATION = Path("/etc/slurm/slurm.conf")
STEPS = 120
TRAINING = "train_unadapted"
GPU_RULES = (TRAINING, "embed_portraits_unadapted_seed0")
TARGETS = ("portraits_boxes", "portraits_embeddings")
QUICK = [
    *("--slurm-no-account", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--latency-wait", "5", "--max-jobs-per-timespan", "50/1s"),
]
QUICK_CHECKS = """
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor as Remote
Remote.next_seconds_between_status_checks = property(lambda _: 1, lambda *_: None)
"""
"""Without it, the time between status checks grows by ten seconds while no job ends."""
LIMITED = f"gather_portraits {TRAINING}"
"""Rules whose processes Slurm measures and ends."""
NO_PROFILE = ["--workflow-profile", "none"]
TOO_LITTLE_MB = 100  # a job takes more within a second of its start; four times as much is enough
TOO_FEW_MINUTES = 1  # a training stops a minute before its end


def reason_to_skip() -> str | None:
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm is not installed"
    missing = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: sudo tools/slurm-one-node installs them"
    if os.geteuid() != 0:
        return "Slurm's daemons want root"
    if CONFIGURATION.exists() and not CONFIGURATION.is_symlink():
        return f"{CONFIGURATION}: this machine has a Slurm of its own"
    return None


pytestmark = [
    pytest.mark.slow,
    pytest.mark.workflow,
    pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip())),
]


class Job(NamedTuple):
    number: str
    state: str
    memory: str
    comment: str


def jobs(rule: str = "") -> list[Job]:
    out = subprocess.check_output(
        ["squeue", "--noheader", "--states=all", "--sort=i", "--format=%i %T %m %k"], text=True
    )
    all_jobs = [Job(*line.split(maxsplit=3)) for line in out.splitlines()]
    return [job for job in all_jobs if job.comment.startswith(rule)]


def described(job: Job) -> dict[str, str]:
    out = subprocess.check_output(["scontrol", "--details", "show", "job", job.number], text=True)
    return dict(re.findall(r"(\w+)=(\S+)", out))


def pre_empt(folder: Path, run: subprocess.Popen[bytes], said: Path) -> Job:
    """Let an urgent job take all GPUs from the training, tried again; return the latter's job."""
    speed = folder / "results/logs/train/portraits/unadapted/seed0/speed.csv"
    wait_for(
        lambda: speed.exists() and speed.read_text(encoding="utf-8").count("\n") > 1, run, said
    )
    training = jobs(f"rule_{TRAINING}")[-1]
    urgent = ["sbatch", "--partition=urgent", "--gpus=4", "--time=1", "--comment=urgent"]
    subprocess.run([*urgent, "--output=/dev/null", "--wrap=true"], check=True)
    wait_for(lambda: described(training)["Restarts"] != "0", run, said)
    wait_for(lambda: jobs("urgent")[0].state == "COMPLETED", run, said)
    # Slurm waits two minutes before it starts such a job again
    release = ["scontrol", "update", f"JobId={training.number}", "StartTime=now"]
    subprocess.run(release, check=True)
    return training


@pytest.fixture
def slurm(root: Path) -> Iterator[None]:
    tool = root / "tools/slurm-one-node"
    subprocess.run([tool], check=True)
    yield
    subprocess.run([tool, "stop"], check=True)


def test_the_cluster_makes_the_bytes_of_one_machine(
    root: Path, tmp_path: Path, slurm: None
) -> None:
    config = config_of(root, tmp_path)
    here, there = tmp_path / "here", tmp_path / "there"
    portraits = {"path": "data/portraits", "shard_size": 24}
    config["datasets"]["portraits"] |= portraits
    config["recipes"]["portraits"]["optimizer"]["steps"] = STEPS
    snakefile = root / "Snakefile"
    profile = ["--profile", str(root / "profiles/slurm"), *QUICK]
    partitions = ["--slurm-partition-config", str(root / "profiles/slurm/partitions.yaml")]
    little = [
        f"gather_portraits:mem_mb={TOO_LITTLE_MB}*attempt**2",
        f"{TRAINING}:runtime={TOO_FEW_MINUTES}*attempt",
    ]
    gpus = [f"{rule}:gpu=1" for rule in GPU_RULES]
    arguments = [*profile, *partitions, "--set-resources", *little, *gpus, "--", *TARGETS]
    _, *started = command(snakefile, there, config, *NO_PROFILE, *arguments)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sitecustomize.py").write_text(QUICK_CHECKS, encoding="utf-8")
    path = [str(programs), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), preloaded.REAL: LIMITED}
    started.insert(0, str(preloaded.programs(programs) / "snakemake"))
    output = there / "said.txt"
    with output.open("wb") as file:
        into = {"stdout": file, "stderr": subprocess.STDOUT}
        run = subprocess.Popen(started, cwd=there, env=environment, **into)
        try:
            training = pre_empt(there, run, output)
            run.wait(timeout=1200)
        finally:
            run.kill()
    said = output.read_text(encoding="utf-8")
    assert run.returncode == 0, said[-6000:]
    assert "[100 %]" in said

    # detection is scattered, tiny jobs travel together, GPU jobs have one each
    detections = jobs("rule_detect")
    assert len(detections) > 2
    assert {job.state for job in detections} == {"COMPLETED"}
    assert len(jobs("rule_images_anonymize")) == 1
    for rule in GPU_RULES:
        for job in jobs(f"rule_{rule}"):
            assert described(job)["TresPerJob"] == "gres:gpu:1"
    assert "TresPerJob" not in described(detections[0])

    # a job that exceeds its memory succeeds when it asks for more
    tried = jobs("rule_gather_portraits")
    assert len(tried) > 1
    assert tried[-1].state == "COMPLETED"
    assert {job.state for job in tried[:-1]} == {"FAILED"}
    asked = [TOO_LITTLE_MB * attempt**2 for attempt in range(1, len(tried) + 1)]
    assert [job.memory for job in tried] == [f"{megabytes}M" for megabytes in asked]
    logs = sorted((there / ".snakemake/slurm_logs/rule_gather_portraits").rglob("*.log"))
    assert "exceeded memory limit" in logs[0].read_text(encoding="utf-8")

    # a training whose time is over goes on in a job that has more; pre-empted, in the same job
    first, *_, last = jobs(f"rule_{TRAINING}")
    assert (first.state, last.state) == ("FAILED", "COMPLETED")
    assert first.number != training.number and int(described(training)["Restarts"]) >= 1
    log = (there / "results/logs/train/portraits/unadapted/seed0.log").read_text(encoding="utf-8")
    assert re.search(r"going on from step ([5-9]|[1-9]\d)", log), "steps of both jobs before"

    # jobs on nodes name their runs as the process that submits them does
    look = [*NO_PROFILE, "-n", "--rerun-triggers", "mtime", "params", "input", "--", *TARGETS]
    assert "Nothing to be done" in snakemake(snakefile, there, config, *look).stdout

    local = [*NO_PROFILE, "--cores", "2", "--resources", "gpu=4", "--", *TARGETS]
    done = snakemake(snakefile, here, config, *local)
    assert done.returncode == 0, done.stderr[-4000:]
    expected, made = digests(here), digests(there)
    assert len(expected) > 30
    assert made == expected
