"""Pictures drawn anew in the workflow: embedded by an unchanged model, attacked as all are."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planned_jobs import planned

import small_archive
from anonbench.anonymization.export import check_request
from anonbench.config import load
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet

DRAWN = Variant("redrawn_mask", 100)
NEW = {"train_redrawer", "redraw"}
ATTACKS = {"attackers": ["supervised"], "attacks": ["barcodes", "linkage"], "restored_from": 0}
ATTACKS |= {"probes": 8, "gallery": 8}
pytestmark = pytest.mark.workflow


def config(*redrawn: str) -> dict[str, Any]:
    whole = small_archive.config() | {"privacy": ATTACKS, "redrawing": {"steps": 3}}
    whole["datasets"]["archive"] |= {"redrawn": list(redrawn)}
    return whole


def test_it_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audit can prove what a network drew"):
        check_request(load(config("mask")), "archive", [DRAWN], tmp_path / "new", None)


@pytest.mark.slow
def test_an_archive_is_drawn_anew(tmp_path: Path, output_of: Any) -> None:
    small_archive.draw(tmp_path)
    arguments = ("--workflow-profile", "none", "--quiet", "rules", "progress", "--cores", "2")
    targets = ("table_retrieval_archive_100", "archive_images", "archive_privacy")
    output_of(tmp_path, config("mask"), *arguments, *targets)
    results = tmp_path / "results" / "archive"
    scores = pd.read_csv(results / "scores.csv")
    models = scores[scores["method"] == DRAWN.method]["adaption"]
    assert set(models) == {"unadapted", "pixels", "untrained"}
    for name in ("reidentification", "attacks"):
        assert DRAWN.method in set(pd.read_csv(results / "privacy" / f"{name}.csv")["method"])
    text = (tmp_path / "results/tables/retrieval_archive_100.md").read_text(encoding="utf-8")
    assert "Mask, redrawn" in text
    assert set(pd.read_csv(results / "audit.csv")["variant"]) == {"mask-100"}
    log = pd.read_csv(results / "redrawing" / "mask-100" / "log.csv")
    assert list(log["step"]) == [1, 2, 3]
    hidden, drawn = (
        ImageSet.open(sorted((results / "images" / name / "val").glob("*.tar")))
        for name in ("mask-100", str(DRAWN))
    )
    assert hidden.ids == drawn.ids
    assert any((np.atleast_3d(hidden.read(name)) != drawn.read(name)).any() for name in drawn.ids)
    # another network: no other training, and no image is hidden again
    changed = config("mask") | {"redrawing": {"steps": 2}}
    again = planned(output_of(tmp_path, changed, "--workflow-profile", "none", "-n", *targets))
    assert set(again) >= NEW | {"embed_archive_unadapted_seed0", "reidentify", "attack", "scores"}
    made_before = {"detect", "anonymize", "gather_archive", "train_unadapted", "train_adapted"}
    assert not set(again) & (made_before | {"embed_archive_mask_100_seed0"})
