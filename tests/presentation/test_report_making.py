"""What the report says of the machines that trainings ran on."""

from __future__ import annotations

from pathlib import Path

from anonbench.files import write_json
from anonbench.presentation.report.making import machines


def test_machines_are_counted(tmp_path: Path) -> None:
    assert machines(tmp_path / "nowhere") == []
    cpu = {"processor": "Some CPU", "cores": 2, "memory_gb": 24, "gpu": None, "torch": "2.13.0"}
    gpu = cpu | {"gpu": "Some GPU", "cores": 1}
    for number, description in enumerate([cpu, gpu, cpu]):
        write_json(tmp_path / "portraits" / str(number) / "machine.json", description)
    assert machines(tmp_path) == [
        ("Some CPU, 2 cores, 24 GB, torch 2.13.0", "2 trainings"),
        ("Some GPU, 1 core, 24 GB, torch 2.13.0", "1 training"),
    ]
