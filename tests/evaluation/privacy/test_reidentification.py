"""Attacks on drawn persons: what must be found, what cannot be, and that it comes out the same."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization, Backbone, Crops, Privacy, Recipe
from anonbench.core.boxes import Region, box_table, image_regions
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.evaluation.privacy.attackers import backbone, onnx_recognizer
from anonbench.evaluation.privacy.probes import COLUMNS, NO_STRANGER
from anonbench.evaluation.privacy.published import Published
from anonbench.evaluation.privacy.rates import rates, worst
from anonbench.evaluation.privacy.reidentification import reidentify
from anonbench.training.model.network import Network
from anonbench.training.weights import save_backbone
from image_sets import write_set

PEOPLE = {f"{number:03d}": str(number // 3) for number in range(36)}
FACE = Region(Entity.FACE, 8, 6, 40, 42, 0.9)
LINES = [Region(Entity.TEXT, 4, 50 + 12 * line, 60, 60 + 12 * line, 0.9) for line in range(4)]
PUPILS = {f"t{number:03d}": f"other {number // 3}" for number in range(90)}
"""Photographs and persons of the train split, of whom the attacker may learn."""
EVERYONE = PEOPLE | PUPILS
BOXES = box_table({name: [FACE, *LINES] for name in EVERYONE}, seed=0)
RECIPE = Recipe(
    backbone=Backbone(width=32, depth=2, heads=2, patch=8, layer_scale=1.0, init="xavier"),
    crops=Crops(global_size=32, local_size=16, normalize="per_crop"),
    device="cpu",
)
HIDDEN = Variant(Method.MASK, 100)
HIDING = Anonymization.model_validate({"pixelate": {"blocks": {"text": 1}}})
"""A mosaic that shows enough of a line to tell it from the others, as the default does not."""


def photograph(name: str) -> np.ndarray:
    """A person's own pattern, seen a little differently each time, above lines of their own."""
    page = rng("page", name).uniform(0, 255, (20, 6, 3)).astype(np.float32)
    image = np.clip(cv2.resize(page, (64, 100), interpolation=cv2.INTER_CUBIC), 0, 255)
    pattern = rng("person", EVERYONE[name]).uniform(0, 255, (5, 5, 3)).astype(np.float32)
    face = cv2.resize(pattern, (32, 36), interpolation=cv2.INTER_CUBIC)
    face += rng("light", name).normal(0, 6, face.shape) + rng("sun", name).uniform(-15, 15)
    image[6:42, 8:40] = np.clip(face, 0, 255)
    return image.astype(np.uint8)


def image_set(folder: Path, variant: Variant, names: Collection[str] = PEOPLE) -> ImageSet:
    path, regions = folder / f"{variant}-{len(names)}.tar", image_regions(BOXES)
    if path.exists():
        return ImageSet.open([path])
    return write_set(
        path, {n: anonymize(photograph(n), regions[n], variant, HIDING) for n in names}
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two untrained models, which tell colours and shapes apart."""
    folder = tmp_path_factory.mktemp("attack")
    for seed, name in enumerate(("unadapted", "adapted")):
        save_backbone(Network(RECIPE, seed).state_dict(), RECIPE, folder / name, {})
    return folder


def attack(
    world: Path,
    *variants: Variant,
    people: dict[str, str] = EVERYONE,
    adapted: bool = True,
    attackers: tuple[str, ...] = ("recognizer",),
    **settings: Any,
) -> pd.DataFrame:
    probes = reidentify(
        Published(
            image_set(world, Variant()),
            {variant: image_set(world, variant) for variant in variants},
            BOXES,
            people,
            image_set(world, Variant(), PUPILS),
        ),
        dict.fromkeys(variants, world / "adapted") if adapted else {},
        [Entity.FACE, Entity.TEXT, Entity.MRZ],
        backbone(world / "unadapted"),
        Privacy(attackers=attackers, **settings),
        HIDING,
        seed=0,
    )
    write_parquet(probes, world / "probes.parquet")
    assert probes.columns.tolist() == list(COLUMNS)
    return rates("drawn", probes, 0.95)


def rate(table: pd.DataFrame, **where: object) -> float:
    wanted = {"rank": 1, "regions": "all"} | where
    chosen = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    return float(chosen["rate"].item())


@pytest.mark.slow
def test_faces_are_found_in_originals_and_masks_are_at_chance(world: Path) -> None:
    table = attack(world, Variant(Method.BLUR, 100), HIDDEN, attackers=("supervised",))
    faces = table[table["entity"] == "face"]
    chance = 2 / 35  # two more photographs of the person among 35 others
    assert faces["chance"][faces["rank"] == 1].to_numpy() == pytest.approx(chance)
    found = faces[(faces["rank"] == 1) & (faces["regions"] == "all")]
    rates = found.set_index(["method", "attacker", "against"])["rate"].sort_index()
    assert rates["original", "naive"].item() > 0.8
    blurred = rates["blur", "naive", "anonymized"]
    assert blurred > 5 * chance
    assert rates["blur", "supervised", "anonymized"] >= blurred - 0.06
    assert rates["blur", "supervised", "original"] > 5 * chance
    for attacker in ("naive", "parrot", "supervised"):
        # equal crops: exactly chance among their like, and one fixed order among originals
        assert rates["mask", attacker, "anonymized"] == pytest.approx(chance)
        assert rates["mask", attacker, "original"] < 3 * chance
    strongest = worst(faces).set_index("method")["rate"]
    assert strongest["original"] >= strongest["blur"] > strongest["mask"]


def test_what_a_degree_leaves_in_sight_is_found(world: Path) -> None:
    table = attack(world, Variant(Method.MASK, 50), HIDDEN, adapted=False)
    lines = table[(table["entity"] == "text") & (table["attacker"] == "naive")]
    # of five regions three are hidden; the others are as in the original
    assert rate(lines, degree=50, regions="hidden") < 0.05
    assert 0.3 < rate(lines, degree=50) < 0.5
    assert rate(lines, degree=50) > rate(lines, degree=100) + 0.25


def test_what_is_missing_is_said(world: Path) -> None:
    # persons who are attacked teach nobody
    same = dict.fromkeys(PUPILS, PEOPLE["000"])
    table = attack(world, HIDDEN, people=PEOPLE | same, attackers=("supervised",))
    reasons = table[table["attacker"] == "supervised"].set_index("entity")["reason"]
    assert set(reasons[["face"]]) == {NO_STRANGER}
    table = attack(world, HIDDEN, adapted=False, people={})
    reasons = table[table["rate"].isna()].set_index(["entity", "attacker"])["reason"]
    assert reasons["face", "parrot"] == "no model is adapted to this variant"
    assert reasons["mrz", ""] == "no region in the validation images"
    assert ("barcode", "") not in reasons  # nobody looked for one
    # without persons a face is a region like others
    faces = table[(table["entity"] == "face") & table["rate"].notna()]
    kinds = faces[["match", "against"]].drop_duplicates().to_numpy().tolist()
    assert kinds == [["region", "original"]]
    assert rate(faces, method="original", attacker="naive") == 1


@pytest.mark.slow
def test_the_same_attack_gives_the_same_bytes(world: Path) -> None:
    settings: dict[str, Any] = {"probes": 7, "gallery": 20, "attackers": ("supervised",)}
    attack(world, Variant(Method.BLUR, 100), **settings)
    before = (world / "probes.parquet").read_bytes()
    table = attack(world, Variant(Method.BLUR, 100), **settings)
    assert (world / "probes.parquet").read_bytes() == before
    assert table["n"].max() == 7 and table["gallery"].max() <= 20


@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_wrong_recognizer_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "face.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"privacy\.recognizer: .*face\.onnx"):
        onnx_recognizer(path)


def test_a_recognizer_gives_unit_vectors_of_faces(shared: Path) -> None:
    weights = shared / "weights/face/mobilefacenet.onnx"
    if not weights.is_file():
        pytest.skip("no MobileFaceNet beside the checkout")
    recognizer = onnx_recognizer(weights)
    crops = rng("crops").integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    vectors = recognizer.embed(crops)
    assert recognizer.side == 112 and vectors.shape == (3, 128)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    np.testing.assert_allclose(recognizer.embed(crops[1:2])[0], vectors[1], atol=1e-6)
