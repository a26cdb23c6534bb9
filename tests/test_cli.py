"""The command `anonbench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.cli import main
from anonbench.config import load
from anonbench.config.document import DEFAULTS, SCHEMA
from anonbench.datasets.listing import count_images, list_images
from anonbench.vocabulary import Split


def test_config_writes_the_files_that_are_committed(root: Path, tmp_path: Path) -> None:
    assert main(["config", "--root", str(tmp_path)]) == 0
    for path in (SCHEMA, DEFAULTS):
        assert (tmp_path / path).read_bytes() == (root / path).read_bytes()


def test_standins_have_the_publishers_sizes(tmp_path: Path) -> None:
    assert main(["standin", str(tmp_path)]) == 0
    datasets = {
        "celeba": {"layout": "celeba", "path": str(tmp_path / "celeba")},
        "rvl_cdip": {"layout": "rvl_cdip", "path": str(tmp_path / "rvl_cdip")},
    }
    config = load({"datasets": {n: d | {"detectors": ["mtcnn"]} for n, d in datasets.items()}})
    counts = {
        name: count_images(list_images(name, dataset, 0, labels=False))
        for name, dataset in config.datasets.items()
    }
    assert counts["celeba"] == {Split.TRAIN: 162_770, Split.VAL: 19_867}
    assert counts["rvl_cdip"] == {Split.TRAIN: 320_000, Split.VAL: 40_000}


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["config", "--wrong"]])
def test_wrong_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: anonbench" in capsys.readouterr().err
