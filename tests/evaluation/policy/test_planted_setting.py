"""A weak setting planted in drawn documents: anonymized, audited, attacked, and it fails.

Every number is measured here on the images; none is made up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from anonbench.anonymization.published import gather_audit
from anonbench.anonymization.shard import anonymize_shard, audit_path
from anonbench.config import Anonymization, Detection, Policy, Privacy
from anonbench.config.privacy import Missed
from anonbench.core.boxes import box_table
from anonbench.core.io import write_csv
from anonbench.core.provenance import file_digest
from anonbench.core.registries.attacks import Equipment
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode
from anonbench.detection.gather import COUNTS
from anonbench.evaluation.policy.evidence import Measured, evidence
from anonbench.evaluation.policy.table import why_not
from anonbench.evaluation.policy.verdicts import Verdict, judge, standings
from anonbench.evaluation.privacy.attackers import unit
from anonbench.evaluation.privacy.attacks.run import attack
from anonbench.evaluation.privacy.published import Published
from anonbench.evaluation.privacy.rates import rates
from anonbench.evaluation.privacy.reidentification import reidentify
from anonbench_demo import ids
from anonbench_demo.listing import TEMPLATES

DOCUMENTS = 24
WEAK, STRONG = Variant("pixelate", 50), Variant("mask", 100)
HIDING = Anonymization.model_validate(
    {"pixelate": {"blocks": dict.fromkeys(map(str, Entity), 1000)}}
)
"""Blocks of three by three pixels, whatever a region's size."""
POLICY = Policy(missed=Missed(face=None, text=None, barcode=None, mrz=None))
"""The default one; what a detector misses is no matter here, as the regions are those drawn."""
READING = ("readability", "mrz_reading", "barcodes")


class Pixels:
    """An attacker that compares small crops as they are."""

    side = 16

    def embed(self, crops: np.ndarray) -> np.ndarray:
        values = crops.reshape(len(crops), -1).astype(np.float32)
        return unit(values - values.mean(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return the verdicts on both variants of drawn documents, rule by rule."""
    folder = tmp_path_factory.mktemp("planted")
    drawings = {
        f"{number:02d}": ids.draw(0, TEMPLATES[number % len(TEMPLATES)], str(number))
        for number in range(DOCUMENTS)
    }
    rows = []
    with ShardWriter(folder / "originals.tar") as originals:
        for name, drawing in drawings.items():
            height, width = drawing.image.shape[:2]
            originals.add(name, encode(drawing.image), "png", width, height)
            path = folder / f"{name}.png"
            path.write_bytes(encode(drawing.image))
            rows.append((name, path.name, path.stat().st_size, file_digest(path)))
    boxes = box_table({name: drawing.regions for name, drawing in drawings.items()}, seed=0)
    counts = boxes.groupby("id").size()
    status = pd.DataFrame({"id": counts.index, "status": "ok", "regions": counts.to_numpy()})
    versions: dict[Variant, ImageSet] = {}
    for variant in (WEAK, STRONG):
        output = folder / f"{variant}.tar"
        anonymize_shard(
            manifest=pd.DataFrame(rows, columns=["id", "path", "bytes", "digest"]),
            root=folder,
            boxes=boxes,
            images=status,
            variant=variant,
            settings=HIDING,
            keep_without_regions=False,
            output=output,
        )
        versions[variant] = ImageSet.open([output])
    measured = Measured(
        dataset="documents",
        sought=tuple(map(str, Entity)),
        variants=tuple(map(str, versions)),
        methods=HIDING.model_dump(mode="json"),
        information_left={
            n: {str(e): HIDING.information_left(n, e) for e in Entity} for n in METHODS
        },
        audit=audited(folder),
        rates=reidentified(ImageSet.open([folder / "originals.tar"]), versions, boxes),
        attacks=read(ImageSet.open([folder / "originals.tar"]), versions, boxes),
    )
    return judge(evidence(measured), POLICY)


def audited(folder: Path) -> pd.DataFrame:
    counts = {"split": "val", **dict.fromkeys(COUNTS[1:], 0), "used": DOCUMENTS}
    write_csv(pd.DataFrame([counts]), folder / "counts.csv")
    shards = [
        ("val", str(variant), [audit_path(folder / f"{variant}.tar")]) for variant in (WEAK, STRONG)
    ]
    gather_audit(folder / "counts.csv", None, shards, folder / "audit.csv")
    return pd.read_csv(folder / "audit.csv")


def reidentified(
    originals: ImageSet, versions: dict[Variant, ImageSet], boxes: pd.DataFrame
) -> pd.DataFrame:
    with threadpool_limits(1, user_api="blas"):
        probes = reidentify(
            Published(originals, versions, boxes, train=originals),
            {},
            list(Entity),
            Pixels(),
            Privacy(attackers=()),
            HIDING,
            seed=0,
        )
    return rates("documents", probes, 0.95)


def read(
    originals: ImageSet, versions: dict[Variant, ImageSet], boxes: pd.DataFrame
) -> pd.DataFrame:
    # zones take long to read: those of a part of the documents
    slow = (boxes["entity"] == "mrz") & (boxes["id"] >= "12")
    published = Published(
        originals=originals,
        versions=versions,
        boxes=boxes[~slow],
        clusters=pd.Series({name: number for number, name in enumerate(originals.ids)}),
    )
    equipment = Equipment(Detection(), HIDING)
    settings = Privacy(attacks=READING, attacked_regions=DOCUMENTS)
    return attack("documents", published, settings, equipment, 0, 0.95)


def verdicts(judged: pd.DataFrame, variant: Variant, *attacks: str) -> pd.DataFrame:
    mine = judged[(judged["method"] == variant.method) & (judged["degree"] == variant.degree)]
    return mine[mine["attack"].isin(attacks)] if attacks else mine


@pytest.mark.slow
def test_a_weak_mosaic_over_half_of_the_regions_fails(judged: pd.DataFrame) -> None:
    assert standings(verdicts(judged, WEAK)) == {("documents", "pixelate", 50): Verdict.FAIL}
    why = why_not(verdicts(judged, WEAK))
    assert "regions hidden: 50 %, at least 100 %" in why
    assert "pixelate.blocks.text: 1000, at most 0.25" in why
    for name in ("readability", "barcodes", "reidentification"):
        rows = verdicts(judged, WEAK, name)
        assert (rows["verdict"] == str(Verdict.FAIL)).any(), name


@pytest.mark.slow
def test_a_mask_over_all_of_them_does_not_fail(judged: pd.DataFrame) -> None:
    """Nothing is read or decoded; that so few documents show it is said, and is no failure."""
    found = verdicts(judged, STRONG, *READING)
    known = found[found["measure"].isin(["exact_lines", "decoded", "exact_zones"])]
    assert set(known["attack"]) == set(READING)
    assert (known["value"] == 0.0).all()
    assert str(Verdict.FAIL) not in set(verdicts(judged, STRONG)["verdict"])
    rows = verdicts(judged, STRONG)
    assert (
        rows.loc[rows["rule"].isin(["degree", "information_left", "audit"]), "verdict"] == "pass"
    ).all()
