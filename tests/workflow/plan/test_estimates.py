"""What jobs ask of a scheduler grows with the data."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.vocabulary import Split
from anonbench.embedding.extract import SIDE
from anonbench.workflow import estimates as module
from anonbench.workflow.estimates import PIXELS, STARTED, Estimates

STAGES = (
    *("manifest", "detect", "anonymize", "train", "embed", "retrieve"),
    *("trainings", "downstream", "reidentify", "attack"),
)
SIGLIP = "vit_so400m_patch14_siglip_224"
SECTIONS = ("datasets", "privacy", "retrieval", "detection")


def estimates(
    root: Path, train: int, val: int | None = None, name: str = "celeba", **changes: Any
) -> Estimates:
    """Return those of the paper's experiment, with changes of sections or of all recipes."""
    values = yaml.safe_load((root / "config/paper.yaml").read_text(encoding="utf-8"))
    for field, change in changes.items():
        if field in SECTIONS:
            values[field] = change
        for each in values["recipes"].values() if field not in SECTIONS else ():
            each[field] = change
    experiment = Experiment(load(values))
    counts = {Split.TRAIN: train, Split.VAL: train if val is None else val}
    return Estimates(experiment, name, counts)


def test_every_stage_is_estimated_and_grows(root: Path) -> None:
    few, many = (estimates(root, images, name="rvl_cdip") for images in (1_000, 100_000))
    for stage in STAGES:
        assert 5 <= few.minutes(stage) <= many.minutes(stage), stage
    with pytest.raises(ValueError, match="no stage is called 'dream'"):
        few.seconds("dream")


def test_inversion_takes_time_up_to_its_bound(root: Path) -> None:
    paper = yaml.safe_load((root / "config/paper.yaml").read_text(encoding="utf-8"))

    def taken(train: int, *adaptions: str) -> float:
        data = {"celeba": paper["datasets"]["celeba"] | {"adaptions": [*adaptions]}}
        without, with_it = (
            estimates(root, train, 100, datasets=data, privacy={"attacks": a, "gallery": 50_000})
            for a in (["linkage"], ["linkage", "inversion"])
        )
        return with_it.seconds("attack") - without.seconds("attack")

    assert taken(100, "A") < taken(1_000, "A") < taken(2_000, "A")
    assert taken(2_000, "A") == pytest.approx(taken(50_000, "A"))
    assert taken(2_000, "A") < taken(2_000, "D") < taken(2_000, "D", "mapped")
    assert taken(2_000, "A") > 30  # four versions, nearly ten seconds each


def of_a_system(
    counts: dict[Split, int], megapixels: float, privacy: Any, **data: Any
) -> Estimates:
    """Return those of an archive that a system searches, of images of this size."""
    archive = {"layout": "folder", "path": "photos", "system": "tested", "degrees": [100], **data}
    systems = {"tested": {"kind": "timm", "name": "tf_efficientnet_lite0"}}
    values = {"datasets": {"archive": archive}, "systems": systems, "privacy": privacy}
    return Estimates(Experiment(load(values)), "archive", counts, megapixels)


@pytest.mark.parametrize(
    ("images", "megapixels", "detectors", "methods", "used"),
    [
        (288, 0.15, ["centerface", "zxing"], 4, (101, 13, 58, 36, 94)),  # photographs of CelebA
        (120, 0.12, ["centerface", "zxing"], 4, (37, 12, 27, 7, 74)),
        (12, 12.0, ["centerface"], 2, (13, 18, 7, 6, 113)),  # the same, enlarged
        (60, 0.76, ["centerface", "ppocr", "ink"], 4, (22, 20, 150, 9, 147)),  # pages of RVL-CDIP
    ],
)
def test_first_runs_took_what_is_said_within_a_factor_of_two(
    images: int, megapixels: float, detectors: list[str], methods: int, used: tuple[float, ...]
) -> None:
    """CPU seconds of detection, hiding, re-identification, embedding and attacks, as measured."""
    data = {"detectors": detectors, "methods": ["blur", "mask", "pixelate", "replace"][:methods]}
    data |= {"split": {"validation": 0.5}, "adaptions": ["mapped"]}
    privacy = {"probes": 300, "gallery": 500, "supervised": {"regions": 500}}
    privacy |= {"attacked_regions": 100, "restored_from": 100}
    made = of_a_system(dict.fromkeys(Split, images // 2), megapixels, privacy, **data)
    said = 2 * made.seconds("detect") + STARTED * (2 + 2 * methods)
    said += 2 * methods * made.seconds("anonymize")
    for stage in ("reidentify", "embed_system", "attack"):
        said += STARTED + made.seconds(stage)
    assert 0.5 < said / sum(used) < 2
    # all of it on one core, with the short jobs; one after the other it takes no longer
    assert said < made.first_run(1) < 2 * said + 60
    assert made.first_run(100) < made.first_run(1)


@pytest.mark.parametrize(
    ("attack", "detector", "methods", "images", "megapixels", "regions", "used"),
    [
        ("residual", "centerface", 1, 40, 0.039, 300, 16.0),  # photographs of CelebA
        ("readability", "ppocr", 4, 30, 0.76, 100, 14.7),  # pages of RVL-CDIP
        ("readability", "ppocr", 4, 30, 0.76, 1000, 120.5),  # all their 885 lines
        ("dictionary", "ppocr", 4, 8, 0.76, 16, 7.6),
    ],
)
def test_an_attack_took_what_is_said_within_a_factor_of_two(
    attack: str,
    detector: str,
    methods: int,
    images: int,
    megapixels: float,
    regions: int,
    used: float,
) -> None:
    """CPU seconds on images that are hidden, in black and as they are, as measured."""
    data = {"detectors": [detector], "methods": ["pixelate", "blur", "mask", "replace"][:methods]}
    privacy = {"attacks": [attack], "attacked_regions": regions}
    made = of_a_system({Split.TRAIN: 0, Split.VAL: images}, megapixels, privacy, **data)
    assert 0.5 < made.seconds("attack") / used < 2


PAPER_IMAGE = 1.153e12
"""FLOPs of an image in the paper's recipe: 1.14e12 of ViT-L and 1 % of the heads."""


def test_a_training_on_gpus_takes_as_long_as_its_flops(root: Path) -> None:
    paper = estimates(root, 1_000)
    seconds = 125_000 * 64 * PAPER_IMAGE / (0.30 * 312e12)
    assert paper.seconds("train") == pytest.approx(seconds, rel=2e-3)
    full = estimates(root, 1_000, precision="fp32").seconds("train")
    assert full == pytest.approx(16 * seconds, rel=2e-3)
    again = estimates(root, 1_000, checkpoint_activations=True).seconds("train")
    assert again >= paper.seconds("train")
    sets = paper.seconds("embed", None, 3)
    assert sets == pytest.approx(3000 * 123.1e9 / (0.30 * 19.5e12), rel=1e-3)


@pytest.mark.parametrize(
    ("recipe", "rate"),
    [
        ({"device": "cpu", "backbone": {"width": 64}}, 350.0),
        ({"backbone": {"width": 192, "heads": 3}}, 350.0),  # keeps no GPU busy
        # of unknown size
        ({"backbone": {"name": SIGLIP}, "crops": {"local_size": 98}}, 92.6),
    ],
)
def test_other_trainings_by_their_images(root: Path, recipe: dict[str, Any], rate: float) -> None:
    found = estimates(root, 1_000, **recipe).seconds("train")
    assert found == pytest.approx(125_000 * 64 / rate)


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H200", 989e12), (None, 312e12), ("NVIDIA H20", 312e12)],  # unknown: as an A100
)
def test_the_machines_own_gpu(
    monkeypatch: pytest.MonkeyPatch, name: str | None, peak: float
) -> None:
    monkeypatch.setattr(module, "model_name", lambda: name)
    module.flops_per_second.cache_clear()
    assert module.flops_per_second("bf16") == pytest.approx(0.30 * peak)
    module.flops_per_second.cache_clear()


def test_several_gpus_share_the_work_and_each_needs_memory_and_threads(root: Path) -> None:
    one = estimates(root, 1_000, threads=4)
    many = estimates(root, 1_000, threads=4, gpus=8)
    assert one.seconds("train") == pytest.approx(8 * many.seconds("train"))
    assert many.training_mb == 8 * one.training_mb
    assert many.recipe.gpus_needed == 8
    assert one.embedding_gpus == many.embedding_gpus == 1
    on_cpu = estimates(root, 1_000, device="cpu", gpus=2)
    assert on_cpu.recipe.gpus_needed == on_cpu.embedding_gpus == 0


def test_threads_grow_with_the_vectors(root: Path) -> None:
    assert estimates(root, 1_000, name="rvl_cdip").downstream_threads == 1
    assert 1 < estimates(root, 320_000, 40_000, "rvl_cdip").downstream_threads <= 8
    assert PIXELS == 3 * SIDE**2 + 1


def test_a_retrieval_job_is_sized_by_its_share_of_the_queries(root: Path) -> None:
    whole, third, sampled = (
        estimates(root, 40_000, name="rvl_cdip", retrieval=change)
        for change in ({}, {"shards": 3}, {"queries": 400})
    )
    assert estimates(root, 1_000).retrieval_threads == 1
    assert whole.retrieval_threads == 16
    assert sampled.retrieval_threads < whole.retrieval_threads
    work, part = (each.seconds("retrieve") * each.retrieval_threads for each in (whole, third))
    assert work / 3 < part < 0.4 * work  # every job reads all embeddings
    # 122 databases and sets of queries of 40,000 x 1,024, 25 x 3,073 and 98 x 1,024, on 16 cores
    rankings = 3  # beside the tables' own one without own images and one by a second reference
    assert 300 < whole.seconds("retrieve") / rankings < 1800


def test_large_backbones_and_detectors_ask_for_more(root: Path) -> None:
    named = estimates(root, 1000)
    sized = estimates(root, 1000, preset="long", backbone={})
    small = estimates(root, 1000, backbone={"width": 64})
    ask = [each.training_mb for each in (named, sized, small)]
    assert ask == [32_000, 32_000, 2_000]
    for device, faces in (("cpu", 0), ("auto", 1), ("cuda", 1)):
        portraits, pages = (
            estimates(root, 9, name=name, detection={"device": device})
            for name in ("celeba", "rvl_cdip")
        )
        assert (portraits.detection_gpus, pages.detection_gpus) == (faces, 0)
        assert portraits.detection_mb > pages.detection_mb > 1_500
