"""Bundles: what is in them, what is not, and whether verification finds what was changed."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import yaml
from rocrate.rocrate import ROCrate

import bundled_results as made
from anonbench.bundle.contents import contents, image_counts
from anonbench.bundle.crate import METADATA
from anonbench.bundle.verify import verify
from anonbench.bundle.write import neutral_config, write_bundle
from anonbench.config import Config, load
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import listed_files, write_checksum
from anonbench.core.vocabulary import Split
from anonbench.workflow import planned_jobs

A_PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
TABLE = "published/tables/retrieval_portraits_100.csv"
SCORES = "published/portraits/scores.csv"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return the config of a finished run, whose results no test changes."""
    return made.finished(tmp_path_factory)


@pytest.fixture(scope="module")
def written(run: Config, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of scores, which no test changes."""
    to = tmp_path_factory.mktemp("written") / "bundle"
    assert write_bundle(run, root, to, date="2026-01-02").missing == ()
    return to


@pytest.fixture
def bundle(written: Path, tmp_path: Path) -> Path:
    """Return a bundle of scores, to be changed."""
    return shutil.copytree(written, tmp_path / "bundle")


@pytest.fixture
def copied(run: Config, tmp_path: Path) -> Config:
    """Return the run with results of its own, to be changed."""
    shutil.copytree(run.results, tmp_path / "results")
    return made.config_of(tmp_path)


def passed_on(bundle: Path) -> Config:
    """Return the config that is in a bundle, with its places there."""
    config = load(yaml.safe_load((bundle / "config.yaml").read_text(encoding="utf-8")))
    places = {"results": bundle / "results", "bundle": bundle / METADATA}
    return config.model_copy(update=places)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_nothing_makes_of_a_system_or_without_labels_is_not_missing(
    root: Path, tmp_path: Path
) -> None:
    dataset = {"layout": "folder", "path": "images", "system": "ours"}
    dataset |= {"detectors": ["zxing"], "adaptions": ["mapped"]}
    system = {"kind": "function", "function": "ours:encode"}
    config = load({"datasets": {"archive": dataset}, "systems": {"ours": system}})
    paths = {entry.path for entry in contents(config)}
    trained = ["effects.csv", "variance.csv", "trainings.csv", "attention/unadapted.parquet"]
    assert not paths & {f"archive/{name}" for name in trained}
    assert {"archive/best.csv", "archive/maps.csv"} <= paths
    dataset |= {"label": "class", "split": {"validation": 1.0}}  # which leaves none to learn from
    unlearned = load({"datasets": {"archive": dataset}, "systems": {"ours": system}})
    assert not [entry for entry in contents(unlearned) if "correlation" in entry.path]
    data = {made.NAME: made.CONFIG["datasets"][made.NAME] | {"label": None}}
    config = made.config_of(tmp_path, datasets=data)
    made.put_there(config)
    lacking = write_bundle(config, root, tmp_path / "b", keep_ids=True).missing
    assert "portraits/scores.csv" in lacking
    assert not [name for name in lacking if "downstream" in name or "correlation" in name]
    assert verify(tmp_path / "b").differences == []


@pytest.mark.parametrize("name", [TABLE, "config.yaml"])
def test_a_file_that_was_changed_is_named(bundle: Path, name: str) -> None:
    """Also by one byte, with its size as it was."""
    content = bytearray((bundle / name).read_bytes())
    content[-2] ^= 1
    (bundle / name).write_bytes(content)
    assert verify(bundle).differences == [f"{name}: differs from what {METADATA} lists"]


def test_what_is_made_from_a_bundle_is_compared_with_the_run(bundle: Path) -> None:
    for path in (TABLE, SCORES):
        again = bundle / path.replace("published", "results")
        again.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / path, again)
    for place in ("published", "results"):  # times are never the same
        times = bundle / place / "benchmarks/scores/portraits.tsv"
        times.parent.mkdir(parents=True, exist_ok=True)
        times.write_text(f"s\n{len(place)}\n")
    relisted = json.loads((bundle / METADATA).read_text(encoding="utf-8"))
    digest = {"@id": "published/benchmarks/scores/portraits.tsv", "contentSize": "4"}
    relisted["@graph"].append(digest | {"sha256": hashlib.sha256(b"s\n9\n").hexdigest()})
    (bundle / METADATA).write_text(json.dumps(relisted), encoding="utf-8")
    found = verify(bundle)
    assert (found.made_here, found.compared, found.differences) == (3, 2, [])
    again.write_text(again.read_text().replace("0.", "1.", 1))
    path = SCORES.replace("published", "results")
    assert verify(bundle).differences == [f"{path}: other bytes than {SCORES}"]


def test_the_same_results_give_the_same_bytes(
    run: Config, copied: Config, root: Path, tmp_path: Path
) -> None:
    for to, config in (("a.tar", run), ("b/a.tar", copied)):
        write_bundle(config, root, tmp_path / to, date="2026-01-02")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b/a.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {(m.mtime, m.uid, m.uname) for m in tar} == {(315532800, 0, "")}
    assert verify(tmp_path / "a.tar").differences == []


def test_no_image_no_id_and_no_place_is_in_a_bundle(written: Path, run: Config) -> None:
    pictures = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"RIFF", b"BM")
    tables = 0
    for file in files_of(written):
        content = file.read_bytes()
        assert not content.startswith(pictures), file
        if file.suffix == ".parquet":
            tables += 1
            buffer = io.StringIO()
            pd.read_parquet(file).to_csv(buffer)
            content = buffer.getvalue().encode()
        assert made.PERSON.encode() not in content, file
        assert str(run.results).encode() not in content, file
    assert tables > 5
    assert list(run.results.rglob("*.h5")) and not list(written.rglob("*.h5"))
    predicted = pd.read_parquet(next((written / "results").glob("*/downstream/*/*/*.parquet")))
    assert set(predicted["label"]) == {"class 1", "class 2", "class 3"}
    suffixes = {path.suffix for path in files_of(written / "results")}
    assert suffixes == {".csv", ".digest", ".json", ".parquet"}
    skipped = pd.read_csv(written / "results/portraits/skipped.csv")
    assert skipped["reason"].tolist() == ["is no image"]


def test_measured_times_have_no_parameters(copied: Config, root: Path, tmp_path: Path) -> None:
    folder = copied.results / "benchmarks/boxes"
    folder.mkdir(parents=True)
    # what --benchmark-extended writes
    (folder / "portraits.tsv").write_text(
        f"s\th:m:s\tcpu_time\tparams\n1.5\t0:00:01\t0.70\t{{'path': 'data/{made.PERSON}'}}\n"
    )
    write_bundle(copied, root, tmp_path / "bundle")
    found = tmp_path / "bundle/published/benchmarks/boxes/portraits.tsv"
    assert found.read_text() == "s\th:m:s\tcpu_time\n1.5\t0:00:01\t0.70\n"


def test_the_config_has_no_places_and_asks_for_the_same(written: Path, run: Config) -> None:
    values = yaml.safe_load((written / "config.yaml").read_text(encoding="utf-8"))
    config = load(values)
    assert config.datasets["portraits"].path == Path("withheld")
    assert (config.results, config.bundle) == (Path("results"), Path(METADATA))
    assert not config.presentation.show_originals
    same = {"recipes", "retrieval", "downstream", "correlation"}
    assert config.model_dump(include=same) == run.model_dump(include=same)
    passed_on, own = (each.anonymization.model_dump() for each in (config, run))
    for section in own.values():
        if isinstance(section, dict) and "key_file" in section:
            section["key_file"] = Path("withheld")
    assert passed_on == own


def test_nothing_of_a_disk_is_left_in_a_config() -> None:
    place = "/home/anna/secret"
    archive = {
        "layout": "table",
        "path": f"{place}/list.csv",
        "detectors": ["mtcnn", "ppocr", "boxes", "template"],
        "boxes": f"{place}/boxes.csv",
        "templates": f"{place}/templates",
        "corrections": f"{place}/more.csv",
        "truth": f"{place}/truth.csv",
        "recipe": "own",
    }
    given = {
        "results": f"{place}/results",
        "datasets": {"archive": archive, "hidden": archive | {"enabled": False}},
        "recipes": {"own": {"backbone": {"pretrained": f"{place}/model.safetensors"}}},
        "detection": {"ppocr": {"weights": f"{place}/text"}},
    }
    values = neutral_config(load(given))
    assert "anna" not in json.dumps(values)
    assert list(values["datasets"]) == ["archive"]
    config = load(values)
    assert config.datasets["archive"].truth == Path("withheld")
    assert config.recipes["own"].backbone.pretrained == Path("withheld")


def test_the_metadata_is_a_workflow_ro_crate(run: Config, root: Path, tmp_path: Path) -> None:
    about = {"authors": ["Ada", "Bo"], "licence": "CC-BY-4.0", "repository": "https://example.org"}
    write_bundle(run, root, tmp_path / "b", date="2026-01-02", **about)
    crate = ROCrate(tmp_path / "b")
    assert crate.mainEntity["codeRepository"] == about["repository"]
    assert "of https://example.org" in (tmp_path / "b/README.md").read_text()
    assert "ComputationalWorkflow" in crate.mainEntity.type
    assert crate.mainEntity.lang.name == "Snakemake"
    assert crate.root_dataset["datePublished"] == "2026-01-02"
    assert crate.root_dataset["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
    assert [person["name"] for person in crate.root_dataset["author"]] == ["Ada", "Bo"]
    profiles = [str(each) for each in crate.metadata["conformsTo"]]
    assert [each for each in profiles if "workflow-ro-crate" in each]
    assert crate.get("README.md")["about"].id == "./"
    listed = listed_files(tmp_path / "b" / METADATA)
    there = {path.relative_to(tmp_path / "b").as_posix(): path for path in files_of(tmp_path / "b")}
    assert set(listed) == set(there) - {METADATA}
    assert all(listed[name]["size"] == there[name].stat().st_size for name in listed)


def test_verify_prints_and_ends_with_a_status(bundle: Path, cli: Any) -> None:
    assert "everything is as published" in cli("verify", bundle).out
    lost = "results/portraits/downstream/unadapted/seed0/mask-100.parquet"
    (bundle / lost).unlink()
    told = cli("verify", bundle, status=1)
    assert f"{lost}: is not there" in told.out
    assert told.err.startswith("anonbench: ")
    in_json = cli("verify", bundle, "--json", status=1)
    assert in_json.err == told.err
    content = json.loads(in_json.out)
    assert content["as_published"] is False
    assert content["wrong"] == [f"{lost}: is not there"]


def test_what_a_half_finished_run_lacks_is_told(
    copied: Config, root: Path, tmp_path: Path, cli: Any, forks: None, monkeypatch: Any
) -> None:
    scenario = "portraits/retrieval/A-mask-100/seed0/mask-100.parquet"
    for lost in ("portraits/scores.csv", "portraits/comparisons.csv", scenario):
        (copied.results / lost).unlink()
    shutil.rmtree(copied.results / "tables")
    to = tmp_path / "bundle"
    asked = f"bundle --configfile {tmp_path}/config.yaml --root {root} --to"
    in_json = cli(asked, tmp_path / "another", "--json")
    content = json.loads(in_json.out)
    assert content["bundle"] == str(tmp_path / "another")
    missing = len(content["missing"])
    assert missing > 40
    assert scenario in content["missing"]
    assert "Snakemake's records of these results are not in" in in_json.err
    assert "it is not anonymous" in in_json.err
    # a second plan would take as long, and say the same
    monkeypatch.setattr(planned_jobs, "collect", Mock(side_effect=InputError("elsewhere")))
    told = cli(asked, to)
    assert f"  {scenario}\n" in told.out
    assert f"{missing} files that it would have are missing" in told.out
    assert "it is not anonymous" in told.err
    readme = (to / "README.md").read_text(encoding="utf-8")
    assert f"- `{scenario}`" in readme
    assert "- `portraits/scores.csv`" in readme
    assert "it is not anonymous" in readme
    verified = json.loads(cli("verify", to, "--json").out)
    assert verified["as_published"] is True
    assert verified["files"] == content["files"] - 1  # the metadata does not list itself
    assert verified["wrong"] == []


def test_what_cannot_be_bundled_is_refused(run: Config, root: Path, tmp_path: Path) -> None:
    def refused(config: Config, to: Path = tmp_path / "b", place: Path = root, **how: bool) -> str:
        with pytest.raises(InputError) as error:
            write_bundle(config, place, to, **how)
        return str(error.value)

    assert "name a folder (a) or a tar (a.tar)" in refused(run, tmp_path / "a.zip")
    assert "is in the folder of results" in refused(run, run.results / "inner")
    assert not any(tmp_path.iterdir())
    assert "is there already" in refused(run, run.results)
    assert "no Snakefile in" in refused(run, place=tmp_path)
    assert "there is no folder" in refused(made.config_of(tmp_path / "..", results="nowhere"))
    assert "belongs to a bundle" in refused(run.model_copy(update={"bundle": Path(METADATA)}))
    (tmp_path / "results").mkdir()
    assert "has nothing of this config" in refused(made.config_of(tmp_path))
    shutil.copytree(run.results, tmp_path / "results", dirs_exist_ok=True)
    (tmp_path / "results/portraits/manifest.parquet").unlink()
    assert "or pass --keep-ids" in refused(made.config_of(tmp_path))
    shutil.copytree(run.results, tmp_path / "results", dirs_exist_ok=True)
    os.truncate(tmp_path / "results/portraits/boxes.parquet", 200)
    assert "boxes.parquet cannot be bundled" in refused(made.config_of(tmp_path))
    assert not (tmp_path / "b").exists()


def test_the_workflow_starts_from_what_a_bundle_carries(bundle: Path) -> None:
    config = passed_on(bundle)
    expected = {Split.TRAIN: made.TRAIN + 1, Split.VAL: made.VAL}
    assert image_counts(config) == {"portraits": expected}
    missing = config.model_copy(update={"bundle": bundle / "nothing.json"})
    with pytest.raises(InputError, match="run snakemake in the bundle's folder"):
        image_counts(missing)
    counts = bundle / "results/portraits/counts.csv"
    counts.write_text(counts.read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    with pytest.raises(InputError, match=r"counts.csv is damaged: .* get it again"):
        image_counts(config)


def test_damaged_results_and_images_under_other_names_are_not_bundled(
    copied: Config, root: Path, tmp_path: Path
) -> None:
    results = copied.results / made.NAME
    for name in ("counts.csv", "manifest.parquet"):
        whole = (results / name).read_bytes()
        write_checksum(results / name)
        os.truncate(results / name, 20)
        with pytest.raises(InputError, match=f"{name} is damaged: 20 bytes"):
            write_bundle(copied, root, tmp_path / "bundle")
        (results / name).write_bytes(whole)
    (results / "audit.csv").write_bytes(A_PICTURE)
    with pytest.raises(InputError, match=r"results/portraits/audit\.csv is an image"):
        write_bundle(copied, root, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_what_somebody_put_into_a_bundle_is_named(bundle: Path, tmp_path: Path) -> None:
    (bundle / "results/portraits/new.csv").write_text("made here")
    (bundle / "results/.snakemake").mkdir()
    found = verify(bundle)
    assert (found.unlisted, found.made_here, found.differences) == ((), 1, [])
    compiled = "workflow/scripts/__pycache__/score.cpython-311.pyc"  # running it leaves none
    for path in (compiled, "workflow/photo.jpg", ".snakemake/scripts/score.py"):
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_bytes(A_PICTURE)
    found = verify(bundle)
    assert found.unlisted == ("workflow/photo.jpg", compiled) and len(found.differences) == 2
    with tarfile.open(tmp_path / "bundle.tar", "w") as tar:
        tar.add(bundle, "bundle")
    added = (".snakemake/scripts/score.py", "results/portraits/new.csv")
    assert verify(tmp_path / "bundle.tar").unlisted == (*added, *found.unlisted)


def test_a_tar_holds_one_folder(bundle: Path, tmp_path: Path) -> None:
    for beside in ("a/ro-crate-metadata.json", "z/new.csv", "extra.txt"):
        with tarfile.open(tmp_path / "bundle.tar", "w") as tar:
            tar.add(bundle, "bundle")
            tar.add(bundle / METADATA, beside)
        with pytest.raises(InputError, match="is one folder"):
            verify(tmp_path / "bundle.tar")


def test_a_tar_has_no_two_files_of_one_name(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "changed.csv").write_text("shown by readers that take the first one")
    for second in (f"bundle/{SCORES}", f"bundle/./{SCORES}"):
        with tarfile.open(tmp_path / "bundle.tar", "w") as tar:
            tar.add(tmp_path / "changed.csv", second)
            tar.add(bundle, "bundle")
        with pytest.raises(InputError, match=f"has bundle/{SCORES} twice"):
            verify(tmp_path / "bundle.tar")


def test_nothing_outside_of_a_bundle_is_read(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("not the bundle's")
    metadata = (bundle / METADATA).read_text(encoding="utf-8")
    outside = metadata.replace(f'"{SCORES}"', '"../secret.csv"')
    assert outside != metadata
    (bundle / METADATA).write_text(outside, encoding="utf-8")
    found = verify(bundle)
    assert found.wrong == ("../secret.csv: is not there",) and found.unlisted == (SCORES,)
    (bundle / METADATA).write_text(metadata, encoding="utf-8")
    for make in (lambda path: path.symlink_to(tmp_path / "secret.csv"), os.mkfifo):
        (bundle / SCORES).unlink()
        make(bundle / SCORES)
        with pytest.raises(InputError, match=f"{SCORES} is a link or a special file"):
            verify(bundle)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe or device"):
        verify(tmp_path / "pipe")


def test_metadata_that_nobody_could_read_is_refused(tmp_path: Path, cli: Any) -> None:
    for option, told in (
        ("--date 2026-13-45", "write a day as YYYY-MM-DD"),
        ("--date 20260102", "write a day as YYYY-MM-DD"),
        ("--repository javascript:alert(1)", "give an address with https://"),
    ):
        assert told in cli(f"bundle --to {tmp_path}/bundle {option}", status=1).err


def test_other_files_are_no_bundles(tmp_path: Path) -> None:
    (tmp_path / "no.tar").write_text("nothing")
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(10_000))
    with tarfile.open(tmp_path / "cut.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "noise")
    os.truncate(tmp_path / "cut.tar.gz", 5_000)
    for place, reason in (
        ("no.tar", "is no tar, or a damaged one"),
        ("cut.tar.gz", "is no tar, or a damaged one"),
        ("nowhere", "is not there"),
        ("", "is missing"),
    ):
        with pytest.raises(InputError, match=reason):
            verify(tmp_path / place)
    for text in ("{}", "[" * 200_000):
        (tmp_path / METADATA).write_text(text)
        with pytest.raises(InputError, match="is not the metadata of a bundle"):
            verify(tmp_path)
