"""Exported images: numbered, whole, without names, and refused where something may be seen."""

import hashlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import yaml

import canaries
from anonbench.anonymization import export as module
from anonbench.anonymization.export import Exported, export_images
from anonbench.cli import main
from anonbench.config import Config, load
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.jobs.checksums import write_checksum
from anonbench.core.vocabulary import Method, Variant
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import decode, encode
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.workflow import planned_jobs
from anonbench.workflow.planned_jobs import Plan
from policy_evidence import make_measured

MASK, BLUR, HALF = Variant(Method.MASK, 100), Variant(Method.BLUR, 100), Variant(Method.MASK, 50)
IMAGES = 12
IDS = [f"{canaries.CLASSES[n % 2]}/{canaries.FILE}{n:02d}" for n in range(IMAGES)]
SHARD = "archive/images/mask-100/val/0"


def config_of(folder: Path, **changes: Any) -> Config:
    archive = {
        "layout": "folder",
        "path": str(folder / "images"),
        "detectors": ["zxing"],
        "label": "class",
        "degrees": [50, 100],
    }
    shown = {"show_originals": changes.pop("show_originals", False)}
    values = {"results": str(folder / "results"), "datasets": {"archive": archive | changes}}
    return load(values | {"presentation": shown})


@pytest.fixture
def run(tmp_path: Path) -> Config:
    """Return the config of a run whose image sets are finished: six images a split, two shards."""
    config = config_of(tmp_path)
    base = config.results / "archive"
    splits = ["train" if n < 6 else "val" for n in range(IMAGES)]
    labels = [image_id.partition("/")[0] for image_id in IDS]
    manifest = pd.DataFrame({"id": IDS, "path": IDS, "split": splits, "class": labels})
    write_parquet(manifest.sort_values("id"), base / "manifest.parquet")
    for number, image_id in enumerate(sorted(IDS)):
        shard = base / "detect" / splits[IDS.index(image_id)] / f"{number}.images.parquet"
        outcome = {"id": image_id, "status": "ok", "reason": "", "regions": 1, "doubts": ""}
        write_parquet(pd.DataFrame([outcome]), shard)
    for variant in (MASK, BLUR, HALF):
        for split in ("train", "val"):
            for half in range(2):
                own = sorted(i for i, s in zip(IDS, splits, strict=True) if s == split)
                path = base / "images" / str(variant) / split / f"{half}.tar"
                with ShardWriter.open(path) as shard:
                    for image_id in own[half::2]:
                        shard.add(image_id, encode(pixels(image_id, variant)), "png", 8, 8)
    return config


def pixels(image_id: str, variant: Variant) -> np.ndarray:
    seed = hashlib.sha256(f"{image_id} {variant}".encode()).digest()
    return np.frombuffer(seed * 2, np.uint8).reshape(8, 8)


def status(run: Config, image_id: str, status: str, reason: str = "", doubts: str = "") -> None:
    for path in (run.results / "archive/detect").glob("*/*.images.parquet"):
        table = pd.read_parquet(path)
        if table["id"].tolist() == [image_id]:
            write_parquet(table.assign(status=status, reason=reason, doubts=doubts), path)


def export(run: Config, to: Path, *variants: Variant, **options: Any) -> Exported:
    return export_images(run, "archive", variants or (MASK,), to, **options)


def refusal(run: Config, to: Path, *variants: Variant, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        export(run, to, *variants, **options)
    assert not to.exists()
    assert not list(to.parent.glob(".*.part"))
    return str(error.value)


def test_splits_that_no_run_anonymizes_are_not_missed(run: Config, tmp_path: Path) -> None:
    """A frozen system without a downstream task needs val alone."""
    frozen = {"system": "ours", "adaptions": [], "label": None}
    archive = run.datasets["archive"].model_dump(mode="json") | frozen
    systems = {"ours": {"kind": "timm"}}
    values = {"results": str(run.results), "datasets": {"archive": archive}, "systems": systems}
    config = load(values | {"privacy": {"enabled": False}})
    left = export(config, tmp_path / "left")  # of an earlier config
    shutil.rmtree(run.results / "archive/images/mask-100/train")
    done = export(config, tmp_path / "out")
    assert done == left and (done.images, done.splits) == (6, ("val",))
    assert set(pd.read_csv(tmp_path / "out/images.csv")["split"]) == {"val"}
    assert "it is incomplete" in refusal(run, tmp_path / "trained")


def test_every_image_has_its_number_and_no_name(run: Config, tmp_path: Path) -> None:
    to = tmp_path / "out"
    done = export(run, to, MASK, BLUR)
    assert (done.images, done.unhidden.total) == (IMAGES, 0)
    numbers = dict(zip(sorted(IDS), (f"{n:06d}" for n in range(1, IMAGES + 1)), strict=True))
    assert {p.relative_to(to).as_posix() for p in to.rglob("*") if p.is_file()} == {
        "images.csv",
        *(f"{variant}/{number}.png" for variant in (MASK, BLUR) for number in numbers.values()),
    }
    for image_id, number in numbers.items():
        for variant in (MASK, BLUR):
            written = decode((to / str(variant) / f"{number}.png").read_bytes())
            assert (written == pixels(image_id, variant)).all()
    table = pd.read_csv(to / "images.csv", dtype=str).set_index("number")
    assert list(table) == ["split", "class"]
    for image_id, number in numbers.items():
        first = sorted(canaries.CLASSES).index(image_id.partition("/")[0]) + 1
        split = "train" if IDS.index(image_id) < 6 else "val"
        assert table.loc[number].tolist() == [split, f"class {first}"]
    assert canaries.where(to) == {}


def test_the_owner_may_have_the_names(run: Config, tmp_path: Path) -> None:
    to, manifest = tmp_path / "out", run.results / "archive/manifest.parquet"
    listed = pd.read_parquet(manifest)
    listed.loc[0, "class"] = "=1+1"  # no name is a formula
    write_parquet(listed, manifest)
    export(run, to, names=True)
    for image_id in IDS:
        written = decode((to / "mask-100" / f"{image_id}.png").read_bytes())
        assert (written == pixels(image_id, MASK)).all()
    table = pd.read_csv(to / "images.csv", dtype=str)
    assert table["id"].tolist() == sorted(IDS)
    classes = [image_id.partition("/")[0] for image_id in sorted(IDS)]
    assert table["label"].tolist() == ["'=1+1", *classes[1:]]
    assert stat.S_IMODE(to.stat().st_mode) == 0o700
    assert stat.S_IMODE((to / "images.csv").stat().st_mode) == 0o600  # as it was written, too
    export(run, tmp_path / "out.tar", names=True)
    assert stat.S_IMODE((tmp_path / "out.tar").stat().st_mode) == 0o600


def test_key_is_its_owners_only_and_has_the_reports_numbers(run: Config, tmp_path: Path) -> None:
    key = tmp_path / "key.csv"
    export(run, tmp_path / "out.tar", key=key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert set(canaries.where(key)) == {*canaries.CLASSES, canaries.FILE}
    assert canaries.where(tmp_path / "out.tar") == {}
    table = pd.read_csv(key, dtype=str)
    names = Names.of(run.results / "archive/manifest.parquet", "class")
    assert names.images(table["id"], Path()).tolist() == table["number"].tolist()
    assert names.classes(table["label"], Path()).tolist() == table["class"].tolist()
    to = tmp_path / "b"
    assert "is there already" in refusal(run, to, key=key)
    assert "inside the exported folder" in refusal(run, to, key=to / "key.csv")


def test_a_tar_has_the_folders_files_and_same_bytes(run: Config, tmp_path: Path) -> None:
    export(run, tmp_path / "set", MASK, BLUR)
    for place in ("a", "b"):
        export(run, tmp_path / place / "set.tar", MASK, BLUR)
    assert (tmp_path / "a/set.tar").read_bytes() == (tmp_path / "b/set.tar").read_bytes()
    with tarfile.open(tmp_path / "a/set.tar") as tar:
        members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {
            (315532800, 0, 0, "", "")
        }
        tar.extractall(tmp_path / "unpacked", filter="data")
    plain, packed = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "set", tmp_path / "unpacked" / "set")
    )
    assert plain == packed and len(plain) == 1 + 2 * IMAGES
    assert {path.stat().st_mtime for path in (tmp_path / "set").rglob("*.*")} == {315532800}


def test_what_may_not_be_seen_is_refused(run: Config, tmp_path: Path) -> None:
    to = tmp_path / "out"
    assert "originals are not exported" in refusal(run, to, Variant())
    assert "originals are not exported" in refusal(run, to, MASK, Variant())
    assert "50 % of each image's regions are visible" in refusal(run, to, HALF)
    shown = config_of(tmp_path, show_originals=True)
    assert "originals are not exported" in refusal(shown, to, Variant())
    assert export(shown, to, HALF).images == IMAGES
    assert "not part of the config" in refusal(run, tmp_path / "b", Variant(Method.MASK, 75))
    for name in ("out.zip", "out.tar.gz", "out.TGZ"):
        assert "name a folder (out) or a tar (out.tar)" in refusal(run, tmp_path / name)


def test_nothing_is_written_among_the_originals(run: Config, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "images")
    (tmp_path / "images").mkdir()
    for place in (tmp_path / "images" / "out", tmp_path / "link" / "out.tar"):
        assert "in the folder of the originals" in refusal(run, place)
    key = tmp_path / "images" / "key.csv"
    assert "in the folder of the originals" in refusal(run, tmp_path / "out", key=key)
    assert not list((tmp_path / "images").iterdir())


def test_what_may_be_unhidden_is_counted_and_to_be_accepted(run: Config, tmp_path: Path) -> None:
    to = tmp_path / "out"
    status(run, IDS[0], "empty")
    status(run, IDS[1], "partial", "zxing failed")
    status(run, IDS[2], "empty", "zxing failed")
    status(run, IDS[3], "ok", doubts="faces of less than 24 pixels")
    counts = "1 image without a region, 2 images on which a detector failed, 1 doubtful image"
    told = refusal(run, to)
    assert counts in told and "quality/least_certain.csv" in told and "--accept-unhidden 3" in told
    assert counts in refusal(run, to, accepted=2)
    assert counts in refusal(run, to, accepted=4)
    done = export(run, to, accepted=3)
    assert str(done.unhidden) == counts


def test_the_command_says_what_to_look_at_and_the_verdict(
    run: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(planned_jobs, "collect", lambda given: Plan([], *[cast("Any", None)] * 2))
    values = run.model_dump(mode="json", exclude_unset=True)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(values))
    given = ["images", "export", "--configfile", str(tmp_path / "run.yaml"), "archive", "mask-100"]
    assert main([*given, "-o", str(tmp_path / "not judged")]) == 3
    assert "policy: not judged; anonbench run archive_policy --config" in capsys.readouterr().out
    measured = make_measured(("mask-100", "blur-100"), dataset="archive")
    write_csv(judge(evidence(measured), run.policy), run.results / "archive/policy.csv")
    assert main([*given, "-o", str(tmp_path / "sure")]) == 0
    assert main([*given, "blur-100", "-o", str(tmp_path / "failing")]) == 3
    capsys.readouterr()
    status(run, IDS[3], "ok", doubts="faces of less than 24 pixels")
    assert main([*given, "blur-100", "-o", str(tmp_path / "doubtful")]) == 3
    said = capsys.readouterr().out
    assert "1 doubtful image\npolicy: mask-100 pass, blur-100 fail (why: anonbench policy" in said


def test_images_that_are_in_no_set_are_not_counted(run: Config, tmp_path: Path) -> None:
    lost = sorted(i for i in IDS[6:])[0]
    status(run, lost, "empty")
    for variant in (MASK, BLUR, HALF):
        without(run.results / "archive/images" / str(variant) / "val/0.tar", lost)
    done = export(run, tmp_path / "out")
    assert (done.images, done.unhidden.total, done.left_out) == (IMAGES - 1, 0, 1)
    # the others keep their numbers
    numbers = pd.read_csv(tmp_path / "out/images.csv", dtype=str)["number"].tolist()
    assert f"{sorted(IDS).index(lost) + 1:06d}" not in numbers and numbers[-1] == f"{IMAGES:06d}"


def without(tar: Path, lost: str) -> None:
    images = ImageSet.open([tar])
    kept = {image_id: images.read_bytes(image_id) for image_id in images.ids if image_id != lost}
    with ShardWriter.open(tar) as shard:
        for image_id, data in kept.items():
            shard.add(image_id, data, "png", 8, 8)


def test_another_set_than_detection_left_is_refused(run: Config, tmp_path: Path) -> None:
    to, images = tmp_path / "out", run.results / "archive/images/mask-100"
    status(run, IDS[3], "unreadable", "truncated")
    assert "does not have the images of detection" in refusal(run, to)
    status(run, IDS[3], "ok")
    without(images / "val/0.tar", sorted(IDS[6:])[0])
    assert "incomplete" in refusal(run, to)
    (images / "val/0.parquet").unlink()
    assert "incomplete" in refusal(run, to)
    shutil.rmtree(images)
    assert "has no results" in refusal(run, to)


@pytest.mark.parametrize("to", ["out", "out.tar"])
def test_a_damaged_image_leaves_nothing(run: Config, tmp_path: Path, to: str) -> None:
    tar = run.results / f"{SHARD}.tar"
    content = bytearray(tar.read_bytes())
    offset = int(pd.read_parquet(tar.with_suffix(".parquet"))["offset"].iloc[-1])
    content[offset + 60] ^= 1
    tar.write_bytes(content)
    key = tmp_path / "key.csv"
    assert "is not as its index says" in refusal(run, tmp_path / to, BLUR, MASK, key=key)
    assert not key.exists()


def test_damaged_tables_are_named(run: Config, tmp_path: Path) -> None:
    index, to = run.results / f"{SHARD}.parquet", tmp_path / "out"
    tar, whole = index.with_suffix(".tar"), index.read_bytes()
    for file in (index, tar):
        shutil.copyfile(file, file.with_stem("7"))
    assert "the same image is in two shards" in refusal(run, to)
    for file in (index, tar):
        file.with_stem("7").unlink()
    for damage in (b"", whole[:100]):
        index.write_bytes(damage)
        assert f"{index} is damaged" in refusal(run, to)
    index.write_bytes(whole)
    write_checksum(index)
    write_parquet(pd.read_parquet(index).assign(offset=0), index)
    assert f"{index} is damaged" in refusal(run, to)
    index.write_bytes(whole)
    tar.unlink()
    assert f"{tar} is not there" in refusal(run, to)


def test_nothing_is_overwritten(run: Config, tmp_path: Path) -> None:
    to = tmp_path / "out"
    to.mkdir()
    export(run, to)
    before = {p: p.stat().st_mtime_ns for p in to.rglob("*")}
    with pytest.raises(InputError, match="is there already"):
        export(run, to)
    assert {p: p.stat().st_mtime_ns for p in to.rglob("*")} == before
    (tmp_path / "x.tar").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        export(run, tmp_path / "x.tar")
    assert (tmp_path / "x.tar").read_text() == "mine"


@pytest.mark.parametrize("to", ["out", "out.tar"])
def test_a_killed_export_leaves_nothing_that_looks_complete(
    run: Config, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = os.fork()
    if child == 0:

        def killed(images: Iterator[Any], *_: Any) -> Iterator[Any]:
            yield from islice(images, 6)
            os.kill(os.getpid(), 9)

        monkeypatch.setattr(module, "track", killed)
        try:
            export(run, tmp_path / to)
        finally:  # else a child whose export fails would run all other tests, too
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / to).exists() and len(list(tmp_path.glob(f".{to}.*.part"))) == 1
    assert export(run, tmp_path / to).images == IMAGES
    assert not list(tmp_path.glob(".*.part"))


def test_jpeg_keeps_suffix_and_no_class_without_labels(run: Config, tmp_path: Path) -> None:
    tar = run.results / f"{SHARD}.tar"
    images = ImageSet.open([tar])
    pictures = {i: encode(images.read(i), "jpeg") for i in images.ids}
    with ShardWriter.open(tar) as shard:
        for image_id, data in pictures.items():
            shard.add(image_id, data, "jpg", 8, 8)
    export(config_of(tmp_path, label=None), tmp_path / "out")
    assert len(list((tmp_path / "out/mask-100").glob("*.jpg"))) == len(pictures)
    assert list(pd.read_csv(tmp_path / "out/images.csv")) == ["number", "split"]


def test_exports_leave_what_others_are_writing(run: Config, tmp_path: Path) -> None:
    """Beside it, one is killed that wrote a tar, and one goes on in another process."""
    (tmp_path / ".copies.tar.999999999.part").touch()
    going = tmp_path / f".copies.{os.getppid()}.part"
    going.mkdir()
    export_images(run, "archive", [MASK], tmp_path / "copies")
    assert going.is_dir() and (tmp_path / "copies/images.csv").is_file()
