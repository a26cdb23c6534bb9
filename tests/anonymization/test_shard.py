"""A shard of an image set, from files to tar, and the audit file that counts all shards."""

import tarfile
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import written_counts
from anonbench.anonymization import checked
from anonbench.anonymization import shard as module
from anonbench.anonymization.checked import Hidden
from anonbench.anonymization.published import COLUMNS, gather_audit, read_doubts
from anonbench.anonymization.shard import anonymize_shard
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import ChangedImage, InputError
from anonbench.core.io import read_json, write_json
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.image_sets.doubts import Doubts
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode
from image_sets import listed


@pytest.fixture
def shard(tmp_path: Path) -> dict[str, object]:
    status = []
    for number, state in enumerate(["ok", "empty", "partial", "unreadable"]):
        values = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        exif = Image.Exif()
        exif[0x010E] = "secret description"
        Image.fromarray(values).save(tmp_path / f"{number}.jpg", exif=exif)
        status.append((f"{number}", state, int(state in ("ok", "partial"))))
    found = {str(n): [Region(Entity.FACE, 5.5, 5, 20, 25, 0.9)] for n in (0, 2)}
    return {
        "manifest": listed(tmp_path, [f"{number}.jpg" for number in range(len(status))]),
        "root": tmp_path,
        "boxes": box_table(found, seed=0),
        "images": pd.DataFrame(status, columns=["id", "status", "regions"]),
    }


def write(shard: dict[str, object], output: Path, variant: str, **changes: object) -> ImageSet:
    settings = Anonymization.model_validate(changes.pop("settings", {}))
    keep = bool(changes.pop("keep", False))
    anonymize_shard(
        variant=Variant.parse(variant),
        settings=settings,
        keep_without_regions=keep,
        output=output,
        **shard,  # type: ignore[arg-type]
    )
    return ImageSet.open([output])


def test_images_without_regions_dropped_or_kept(shard: dict[str, object], tmp_path: Path) -> None:
    assert write(shard, tmp_path / "a.tar", "mask-100").ids == ["0", "2"]
    assert write(shard, tmp_path / "b.tar", "mask-100", keep=True).ids == ["0", "1", "2"]
    assert read_json(tmp_path / "b.audit.json") == {
        "images": 3,
        "without_regions": 1,
        "regions": 2,
        "outside_image": 0,
        "hidden_pixels": 2 * 33 * 30,  # whole coding blocks
        "failed": 0,
    }


def test_nothing_of_an_image_is_left_when_the_next_one_is_read(
    shard: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, left, seen = module.read_image, list[int](), list[weakref.ref[np.ndarray]]()

    def counting(*args: object) -> np.ndarray:
        left.append(sum(each() is not None for each in seen))
        image = read(*args)  # type: ignore[arg-type]
        seen.append(weakref.ref(image))
        return image

    monkeypatch.setattr(module, "read_image", counting)
    write(shard, tmp_path / "a.tar", "mask-100", keep=True)
    assert left == [0, 0, 0]


def test_same_input_same_bytes_of_a_plain_tar(shard: dict[str, object], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(shard, tmp_path / f"{name}.tar", "blur-100", settings={"format": "jpeg"})
    for suffix in (".tar", ".parquet"):
        first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
        assert first == second and b"secret" not in first
    assert b"secret" in (tmp_path / "0.jpg").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["0.jpg", "2.jpg"]
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(0, 0, "")}


def test_changed_original_is_named(shard: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "2.jpg"
    path.write_bytes(path.read_bytes() + b"?")
    with pytest.raises(ChangedImage, match="image '2' was changed or replaced"):
        write(shard, tmp_path / "a.tar", "mask-100")
    assert not (tmp_path / "a.tar").exists()
    assert not list(tmp_path.glob(".a*"))


def careless(image: np.ndarray, *_: object) -> list[np.ndarray]:
    image[:] = 0
    return [image]


FIRST = list[bytes]()
READ_BACK = ShardWriter.read_back


def earlier(self: ShardWriter, image_id: str) -> bytes:
    """Read another image's file in an image's place."""
    FIRST.append(READ_BACK(self, image_id))
    return FIRST[0]


FAULTS: dict[str, tuple[object, str, Callable[..., object], str]] = {
    "not hidden": (
        *(checked, "layers", lambda image, *_: [image.copy()]),
        r"image '0' as \w+-100 fails its audit",
    ),
    "coding blocks cut": (
        *(module, "add_coding_blocks", lambda regions, *_: regions),
        r"image '0' as \w+-100 fails its audit",
    ),
    "more in the file": (
        *(module, "encode", lambda *asked: encode(*asked) + b"thumbnail"),
        "fails its audit",
    ),
    "another image's file": (ShardWriter, "read_back", earlier, r"image '2' as .* fails its audit"),
    "an image more": (
        *(module, "used_rows", lambda manifest, *_: manifest),
        "image '1': detection left no such image",
    ),
    "original written to": (checked, "layers", careless, "read-only"),
}


@pytest.mark.parametrize(("variant", "form"), [("mask-100", "png"), ("blur-100", "jpeg")])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_shard(
    shard: dict[str, object],
    tmp_path: Path,
    fault: str,
    variant: str,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FIRST.clear()
    where, name, wrong, message = FAULTS[fault]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises((InputError, ValueError), match=message):
        write(shard, tmp_path / "a.tar", variant, settings={"format": form})
    assert not list(tmp_path.glob("*a.*"))


def test_an_image_too_large_for_its_format_is_named(
    shard: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = Hidden(np.zeros((1, 65_501), np.uint8), {})
    monkeypatch.setattr(module, "hidden", lambda *_, **more: wide)
    with pytest.raises(InputError, match="image '0': an image of 65501 × 1 pixels cannot be"):
        write(shard, tmp_path / "a.tar", "mask-100", settings={"format": "jpeg"})


def test_image_not_hidden_is_masked_and_counted(shard: dict[str, object], tmp_path: Path) -> None:
    """Equalization leaves black and white as they are; nothing can be averaged in one pixel."""
    halves = np.repeat(np.kron(np.eye(12), np.ones((2, 2))).astype(np.uint8)[..., None], 3, 2) * 255
    for values, variant in ((halves, "equalize-100"), (halves[:1, :1], "pixelate-100")):
        Image.fromarray(values).save(tmp_path / "0.png")
        height, width = values.shape[:2]
        region = Region(Entity.FACE, 0, 0, width, height, 0.9)
        one = shard | {
            "manifest": listed(tmp_path, ["0.png"]),
            "boxes": box_table({"0": [region]}, seed=0),
            "images": pd.DataFrame([("0", "ok", 1)], columns=["id", "status", "regions"]),
        }
        settings = {"mask": {"colour": "mean"}}
        assert not write(one, tmp_path / "a.tar", variant, settings=settings).read("0").any()
        counts = read_json(tmp_path / "a.audit.json")
        assert (counts["images"], counts["failed"]) == (1, 1)
        assert counts["hidden_pixels"] == height * width


def audit(folder: Path, images: int = 9) -> Path:
    rows = [("train", 13, 1, 1, 2, 9, 0, 1, 2), ("val", 8, 0, 0, 1, 7, 0, 0, 1)]
    written_counts.write(folder, rows)
    copies = {"digest": ["x", "x"], "id": ["a", "b"], "split": ["train"] * 2, "kept": [True, False]}
    pd.DataFrame(copies).to_csv(folder / "duplicates.csv", index=False)
    shards = []
    for split, sizes in (("train", (4, images - 4)), ("val", (7,))):
        for variant in ("blur-50", "mask-100"):
            files = [folder / f"{split}-{variant}-{n}.json" for n in range(len(sizes))]
            for file, size in zip(files, sizes, strict=True):
                found = {"images": size, "regions": 2 * size, "hidden_pixels": 50, "failed": 0}
                found["outside_image"] = size
                write_json(file, found | {"whatever": "else"})
            shards.append((split, variant, files))
    tables = [folder / f"{name}.csv" for name in ("counts", "duplicates")]
    gather_audit(*tables, shards, folder / "audit.csv")
    return folder / "audit.csv"


def test_every_variant_and_every_doubt_is_counted(tmp_path: Path) -> None:
    table = pd.read_csv(audit(tmp_path))
    assert table.columns.tolist() == COLUMNS
    counted = ["split", "variant", "images", "regions", "outside_image", "hidden_pixels"]
    assert table[counted].to_numpy().tolist() == [
        ["train", "blur-50", 9, 18, 9, 100],
        ["train", "mask-100", 9, 18, 9, 100],
        ["val", "blur-50", 7, 14, 7, 50],
        ["val", "mask-100", 7, 14, 7, 50],
    ]
    assert table["left_out_duplicates"].tolist() == [1, 1, 0, 0]
    assert table["failed_detector"].tolist() == [1, 1, 0, 0] and not table["failed_audits"].any()
    assert read_doubts(tmp_path / "audit.csv") == Doubts(3, 1, 0, 1, 3)


def test_other_counts_or_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"blur-50, split 'train', has 10 images, .* left 9"):
        audit(tmp_path, images=10)
    assert not (tmp_path / "audit.csv").exists()
    file = audit(tmp_path)
    pd.read_csv(file).drop(columns="used_doubtful").to_csv(file, index=False)
    with pytest.raises(InputError, match=r"audit\.csv: column 'used_doubtful' is missing"):
        read_doubts(file)
