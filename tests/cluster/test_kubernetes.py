"""Snakemake's Kubernetes executor with the profile: what it asks the API for, and that it works.

No Kubernetes is there: its API is pretended, and pods are processes in empty folders.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from pretended_kubernetes import pretended
from small_runs import Storage, digests, snakemake

import preloaded

pytest.importorskip("snakemake_executor_plugin_kubernetes", reason="the plugin is missing")
pytestmark = [pytest.mark.slow, pytest.mark.workflow]

SOURCES = ("Snakefile", "workflow", "envs", "profiles")
TARGET = "results/portraits/counts.csv"
QUICK = ["--seconds-between-status-checks", "0", "--latency-wait", "5"]
DETECT_MB = 900
FOUND = """
from kubernetes.config import kube_config
kube_config.KUBE_CONFIG_DEFAULT_LOCATION = "{}"
"""
"""As KUBECONFIG does, which the client read when the process that is forked imported it."""


def test_every_job_is_a_pod_that_shares_the_bucket_alone(
    root: Path, tmp_path: Path, config: Any, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, project = tmp_path / "here", tmp_path / "project"
    project.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, project / name)
    local = snakemake(
        root / "Snakefile", here, config, "--cores", "2", "--workflow-profile", "none", TARGET
    )
    assert local.returncode == 0, local.stderr[-4000:]

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
        arguments += [*storage.arguments, *asked, "--", TARGET]
        run = snakemake(Path("Snakefile"), project, config, *arguments)
        said = [pod.says for pod in cluster.pods.values()]
    assert run.returncode == 0, run.stderr[-4000:] + "\n".join(said)[-6000:]

    made, expected = storage.digests(), digests(here)
    assert len(expected) > 8
    assert {key: made[key] for key in expected} == expected

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
