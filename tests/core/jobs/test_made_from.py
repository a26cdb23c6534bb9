"""What records say a job's outputs were made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.core.jobs import made_from as module
from anonbench.core.jobs.checksums import input_digest, made_from, read_made_from, write_checksum
from anonbench.core.jobs.job_cache import JobCache
from anonbench.core.provenance import file_digest


def test_inputs_are_named_from_the_results_and_parameters_are_plain(tmp_path: Path) -> None:
    results, own = tmp_path / "results", tmp_path / "own.csv"
    made = results / "boxes/boxes.csv"
    made.parent.mkdir(parents=True)
    for path in (made, own):
        path.write_text(path.name, encoding="utf-8")
    found = made_from({"pair": (1, "a"), "folder": tmp_path}, [made, own], results)
    assert found == {
        "parameters": {"pair": [1, "a"], "folder": str(tmp_path)},
        "inputs": {"./boxes/boxes.csv": file_digest(made), str(own): file_digest(own)},
    }


def test_an_input_has_the_digest_that_its_job_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models"
    path.touch()
    monkeypatch.setattr(module, "_SMALL", -1)
    assert input_digest(path) is None, "a large file is not read"
    write_checksum(path, "a" * 64)
    path.unlink()
    assert input_digest(path) == "a" * 64


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_job_records_it_with_each_output(tmp_path: Path, root: Path, is_kept: bool) -> None:
    script, output = root / "workflow/scripts/enough.py", tmp_path / "output"

    def job(code: str) -> JobCache:
        parameters = {"code": code, "slice": {"k": 1}}
        return JobCache(str(script), [], [str(output)], parameters, results=tmp_path)

    for code in ("old", "new"):
        cache = job(code)
        cache.begin()
        restored = is_kept and cache.restored()
        assert restored == (is_kept and code == "new")
        if not restored:
            output.write_text("made", encoding="utf-8")
        cache.end()
        assert read_made_from([tmp_path / "none", output]) == {
            "parameters": {"code": code, "slice": {"k": 1}},
            "inputs": {},
        }
