"""`benchmarks/gpu.py`, whole on a CPU, and its parts with planted faults: told, and no hang."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processes import has_ended, wait_for

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "gpu")]

from checks import CHECKS  # noqa: E402
from gpu_parts import guard, loader, setting, step  # noqa: E402

import gpu  # noqa: E402

pytestmark = pytest.mark.slow

BARRED = ["pydantic", "pandas", "cv2", "h5py", "pyarrow", "snakemake"]
CUSTOM = f"""import sys
for name in {BARRED!r}: sys.modules[name] = None
if "gpu_parts.child" in sys.orig_argv:  # traced code is not turned into C++, which takes 40 s
    import functools, torch
    torch.compile = functools.partial(torch.compile, backend="aot_eager")
"""
FAULT = "ValueError: a planted fault"
ABSENT_ON_A_CPU = {"memory_does_not_grow", "float32_is_not_rounded_to_tf32"}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_whole_command_needs_torch_and_timm_alone(tmp_path: Path) -> None:
    """On a CPU with a tiny model, with the project's other packages out of reach."""
    (tmp_path / "sitecustomize.py").write_text(CUSTOM, encoding="utf-8")
    output = tmp_path / "found" / "gpu.json"
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gpu.py", "--tiny", "--output", output],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = read(output)
    parts = {part["name"]: part for part in found["parts"]}
    outcomes = {name: part["outcome"] for name, part in parts.items()}
    assert outcomes == dict.fromkeys(["device", "checks", "two processes", "step"], "passed") | {
        "loader": "not applicable"
    }
    needed = parts["loader"]["reason"].removeprefix("the loader needs ")
    assert needed in BARRED  # whichever it imports first
    assert found["problems"] == []
    checks = parts["checks"]["found"]
    assert set(checks) == {check.__name__ for check in CHECKS}
    for name, ended in checks.items():
        expected = "not applicable: " if name in ABSENT_ON_A_CPU else "passed"
        assert ended.startswith(expected), (name, ended)
    step = parts["step"]["found"]
    assert step["compiled"]["blocks"] == step["compiled"]["blocks_wanted"] == 4
    assert step["ours_by_turns"]["images_per_second"]["median"] > 0
    assert parts["step"]["peak_memory_gb"] > 0.1
    assert found["ratio"] == step["ratio"]
    assert found["ratio"]["lowest"] <= found["ratio"]["median"] <= found["ratio"]["highest"]


def test_smaller_batch_after_one_that_does_not_fit(tmp_path: Path) -> None:
    run = gpu.Run(tmp_path / "gpu.json")
    run.largest("step", "planted:runs_out_of_memory", 60, [4, 2, 1])
    assert run.close() == []
    large, small = read(tmp_path / "gpu.json")["parts"]
    assert large["outcome"] == "out of memory"
    assert "CUDA out of memory" in large["reason"]
    assert small["outcome"] == "passed"
    assert (small["arguments"], small["found"]) == ({"batch": 2}, {"images_per_second": 2})
    run.largest("step", "planted:runs_out_of_memory", 60, [4])  # none fits
    (problem,) = run.close()
    assert problem.startswith("step: out of memory: OutOfMemoryError")


def test_batches_are_tried_that_may_fit() -> None:
    device = {"found": {"memory_gb": 80.0, "fixed_gb": 10.0, "gb_an_image": 0.5}}
    assert gpu.fitting(device, [256, 192, 128, 16]) == [128, 16]  # 1.25 x 80 GB
    assert gpu.fitting({"found": device["found"] | {"fixed_gb": 99.0}}, [32, 16]) == [16]
    assert gpu.fitting({"outcome": "failed"}, [32, 16]) == [32, 16]


def test_eager_run_is_not_reported_as_compiled(tmp_path: Path) -> None:
    run = gpu.Run(tmp_path / "gpu.json")
    outcome = run.part("step", "planted:falls_back_to_eager", 300, batch=8, tiny=True)
    assert outcome["found"]["compiled"]["blocks"] == 2
    (problem,) = run.close()
    assert "compiled: 2 of 4 blocks" in problem
    assert read(tmp_path / "gpu.json")["ratio"] is None
    assert not [name for name in outcome["found"] if name.startswith("ours")]


def test_no_ratio_without_lightly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "LIGHTLY", False)
    # to compile again would show no more
    monkeypatch.setattr(step, "recipe", lambda *of, compile: setting.recipe(*of, compile="off"))
    monkeypatch.setattr(step, "require", lambda compiled: None)
    step.measure(guard.Report(tmp_path / "report.json"), batch=2, tiny=True)
    found = read(tmp_path / "report.json")["found"]
    assert found["ours"]["images_per_second"]["median"] > 0
    assert "ratio" not in found


def test_no_ratio_of_unequal_losses() -> None:
    equal = {"dino": 4.0, "ibot": 3.0, "koleo": 1.0}
    losses = dict.fromkeys(("compiled", "not_compiled", "ours", "peer"), equal)
    step.require_equal(losses, "fp32")
    for side, term, value in (("peer", "ibot", 3.001), ("compiled", "dino", float("nan"))):
        with pytest.raises(AssertionError, match=f"the {term} term"):
            step.require_equal(losses | {side: equal | {term: value}}, "fp32")


@pytest.mark.parametrize(
    ("fault", "given", "reason", "found"),
    [
        ("has_a_rank_that_fails", {"tiny": True}, f"RuntimeError: process 1 of 2: {FAULT}", {}),
        ("crashes", {}, "ended by SIGSEGV", {"found_before": 1}),
        ("reports_no_number", {}, "", {"first": 1.0}),
    ],
)
def test_failing_part_is_told_with_what_it_found(
    fault: str, given: dict[str, Any], reason: str, found: dict[str, float]
) -> None:
    outcome = guard.run(f"planted:{fault}", 60, **given)
    assert (outcome["outcome"], outcome.get("found") or {}) == ("failed", found)
    assert outcome["reason"].startswith(reason)
    assert fault != "crashes" or outcome["last_output"] == ["the last words"]


def test_part_that_hangs_is_killed_with_all_it_started() -> None:
    outcome = guard.run("planted:hangs", 2)
    assert outcome["outcome"] == "failed"
    assert outcome["reason"] == "ran past its limit of 2 s and was killed"
    wait_for(lambda: has_ended(outcome["found"]["helper"]))


def test_no_part_starts_without_time(tmp_path: Path) -> None:
    run = gpu.Run(tmp_path / "gpu.json", seconds=0.0)
    run.part("device", "planted:crashes", 60)
    assert run.close() == ["device: no time: 0 s left"]


def test_ended_command_leaves_a_whole_file_and_no_process(tmp_path: Path) -> None:
    output = tmp_path / "gpu.json"
    command = [sys.executable, ROOT / "benchmarks" / "gpu.py", "--tiny", "--output", output]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(children.read_text)
    started = children.read_text().split()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert read(output)["problems"] == ["the command did not come to its end"]
    wait_for(lambda: has_ended(started[0]))


def test_loader_on_generated_images(tmp_path: Path) -> None:
    report = guard.Report(tmp_path / "report.json")
    loader.measure(report, tiny=True)
    assert read(tmp_path / "report.json")["found"]["one_process"] > 0
