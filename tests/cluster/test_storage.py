"""Results in S3, by local jobs and by pods of Kubernetes: the bytes of a run without it.

No Kubernetes is there: its API is pretended, and pods are processes in empty folders.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from pretended_kubernetes import pretended
from small_runs import Storage, command, config_of, digests, snakemake, wait_for

import preloaded

pytestmark = [pytest.mark.slow, pytest.mark.workflow]

NO_PROFILE = ["--workflow-profile", "none", "--rerun-triggers", "mtime", "params", "input"]
RUN = ["--cores", "2", "--resources", "gpu=4", *NO_PROFILE, "--rerun-incomplete"]
# everything is shared but inputs and outputs: these go through the bucket
NOT_SHARED = ["--shared-fs-usage", "persistence", "software-deployment", "sources", "source-cache"]
TARGETS = [
    "results/figures/examples_portraits.png",
    "results/portraits/models/unadapted/seed0/backbone.safetensors",
]
SOURCES = ("Snakefile", "workflow", "envs", "profiles")
QUICK = ["--seconds-between-status-checks", "0", "--latency-wait", "5"]
COUNTS = "results/portraits/counts.csv"
DETECT_MB = 900
FOUND = """
from kubernetes.config import kube_config
kube_config.KUBE_CONFIG_DEFAULT_LOCATION = "{}"
"""
"""As KUBECONFIG does, which the client read when the process that is forked imported it."""


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    server = pytest.importorskip("moto.server", reason="moto, an S3 server for tests, is missing")
    boto3 = pytest.importorskip("boto3", reason="boto3 is missing")
    pytest.importorskip("snakemake_storage_plugin_s3", reason="the S3 plugin is missing")
    for name in ("ACCESS", "SECRET"):
        monkeypatch.setenv(f"SNAKEMAKE_STORAGE_S3_{name}_KEY", "testing")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # servers of one process share what they hold
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="bench")
    yield Storage(endpoint, "bench", client)
    running.stop()


@pytest.fixture(scope="module")
def here(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working folder in which all has run without a storage, its images on a volume."""
    folder = tmp_path_factory.mktemp("without")
    local = snakemake(root / "Snakefile", folder, config_of(root, folder), *RUN, "--", *TARGETS)
    assert local.returncode == 0, local.stderr[-4000:]
    return folder


@pytest.fixture
def config(root: Path, here: Path) -> dict[str, Any]:
    return config_of(root, here)


def planned(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    assert run.returncode == 0, run.stderr[-4000:]
    stats = (run.stdout + run.stderr).split("Job stats:")[1]
    table = re.findall(r"^(\w+) +(\d+)$", stats, re.MULTILINE)
    return {rule: int(count) for rule, count in table}


def test_results_in_s3_are_those_of_one_folder(
    root: Path, tmp_path: Path, here: Path, config: dict[str, Any], storage: Storage
) -> None:
    snakefile = root / "Snakefile"
    one, other = (tmp_path / name for name in ("one", "other"))
    through = [*storage.arguments, *NOT_SHARED]

    relative = deepcopy(config)
    relative["datasets"]["portraits"]["path"] = "data/portraits"
    refused = snakemake(snakefile, one, relative, *RUN, *storage.arguments, "-n")
    assert refused.returncode != 0
    assert "datasets.portraits.path: data/portraits is relative" in refused.stdout

    # killed where the first images are anonymized
    said = tmp_path / "said.txt"
    _, *given = command(snakefile, one, config, *RUN, *through, "--", *TARGETS)
    programs = tmp_path / "bin"
    programs.mkdir()
    arguments = [preloaded.programs(programs) / "snakemake", *given]
    with said.open("wb") as file:
        run = subprocess.Popen(
            arguments, cwd=one, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        images = "results/portraits/images/original/train/0.parquet.digest"
        wait_for(lambda: images in storage.times(), run, said)
        os.killpg(run.pid, signal.SIGKILL)  # as a machine that is switched off
        run.wait()
    before = storage.times()
    assert not (one / "results").exists()

    # what it made is described by its own folder alone
    refused = snakemake(snakefile, other, config, *RUN, *through, "-n", "--", *TARGETS)
    assert refused.returncode != 0
    assert "Snakemake's records of these results are not in" in refused.stdout
    unlocked = snakemake(snakefile, one, config, *RUN, *through, "--unlock")
    assert unlocked.returncode == 0, unlocked.stderr[-4000:]
    went_on = snakemake(snakefile, one, config, *RUN, *through, "--", *TARGETS)
    assert went_on.returncode == 0, went_on.stderr[-4000:]
    after = storage.times()
    for key in ("manifest.parquet.digest", "detect/train/0.images.parquet.digest"):
        assert after[f"results/portraits/{key}"] == before[f"results/portraits/{key}"]

    expected = digests(here)
    assert len(expected) > 15
    assert storage.digests() == expected

    # it plans what a run without a storage plans
    edited = deepcopy(config)
    edited["recipes"]["portraits"]["optimizer"]["steps"] = 3
    edited["presentation"] = {"dpi": 77}
    plain = planned(snakemake(snakefile, here, edited, *RUN, "-n", "--", *TARGETS))
    assert plain == {"train_unadapted": 1, "examples": 1, "total": 2}
    stored = snakemake(snakefile, one, edited, *RUN, *through, "-n", "--", *TARGETS)
    assert planned(stored) == plain

    # a job is done again whose outputs are in the bucket alone
    forced = ["--forcerun", "gather_portraits", "--", COUNTS]
    again = snakemake(snakefile, one, config, *RUN, *through, *forced)
    assert again.returncode == 0, again.stderr[-4000:]
    assert storage.digests() == expected


def test_every_job_is_a_pod_that_shares_the_bucket_alone(
    root: Path,
    tmp_path: Path,
    here: Path,
    config: dict[str, Any],
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin = "snakemake_executor_plugin_kubernetes"
    pytest.importorskip(plugin, reason="the plugin is missing")
    project = tmp_path / "project"
    project.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, project / name)

    # the image: Python with all plugins, so that a pod has nothing to fetch
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pip").symlink_to(shutil.which("true") or "/bin/true")
    places = preloaded.programs(programs), Path(sys.executable).parent, os.environ["PATH"]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, places)))

    with pretended(tmp_path, enough_mb=DETECT_MB) as (cluster, kubeconfig):
        (programs / "sitecustomize.py").write_text(FOUND.format(kubeconfig), encoding="utf-8")
        path = [str(programs), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
        asked = ["--set-resources", "detect:gpu=1", f"detect:mem_mb={DETECT_MB // 2}*attempt"]
        arguments = ["--profile", "profiles/kubernetes", "--workflow-profile", "none", *QUICK]
        arguments += [*storage.arguments, *asked, "--", COUNTS]
        run = snakemake(Path("Snakefile"), project, config, *arguments)
        said = [pod.says for pod in cluster.pods.values()]
    assert run.returncode == 0, run.stderr[-4000:] + "\n".join(said)[-6000:]

    made = storage.digests()
    assert COUNTS in made and len(made) > 8
    assert made.items() <= digests(here).items()

    detections = [pod for pod in cluster.pods.values() if "--allowed-rules detect" in str(pod.spec)]
    assert {pod.megabytes for pod in detections} == {DETECT_MB // 2, DETECT_MB}
    for pod in cluster.pods.values():
        limits = pod.container["resources"]["limits"]
        assert limits.get("nvidia.com/gpu", "0") == ("1" if pod in detections else "0")
        assert limits["memory"] == pod.container["resources"]["requests"]["memory"]
        assert pod.container["image"] == "registry.example.org/anonbench:latest"
        mounts = {mount["mountPath"] for mount in pod.container["volumeMounts"]}
        assert "/data" in mounts
        secret = {variable["name"] for variable in pod.container["env"]}
        assert secret >= {f"SNAKEMAKE_STORAGE_S3_{name}_KEY" for name in ("ACCESS", "SECRET")}
        assert "testing" not in str(pod.spec)
