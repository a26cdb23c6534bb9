"""What is passed on names nobody and shows no region in plain sight, unless originals may be shown.

Distinctive words stand wherever a user's names can stand: for files, folders, classes, persons,
templates and places of a machine. Every file that is meant to be passed on is unpacked, decoded and
searched for them, and every picture for the magenta of the regions. Where originals may be shown,
the search finds both.
"""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import canaries
import preloaded
import small_archive
from anonbench.cli import main
from anonbench.cli.shared import DONE, DOUBTFUL
from anonbench.core.provenance import file_digest
from edited_config import edited

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TARGETS = ("report", "detection_quality")
OF_IMAGES = ("examples", "attention")


@pytest.fixture(scope="module")
def run(output_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of a finished run in which originals may not be shown."""
    folder = tmp_path_factory.mktemp("passing")
    canaries.draw(folder)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("USER", "LOGNAME"):
            patch.setenv(variable, canaries.USER)
        made(output_of, folder, show_originals=False)
        patch.chdir(folder)
        patch.setattr("sys.executable", preloaded.python())
        yield folder


def made(output_of: Any, folder: Path, show_originals: bool) -> None:
    tiny = {k: v for k, v in small_archive.config().items() if k != "detection"}
    config = canaries.config(folder, tiny, show_originals)
    output_of(folder, config, "--cores", "2", *TARGETS)


def passed_on(folder: Path) -> list[Path]:
    results = folder / "results"
    statements = sorted(results.glob("*/statement.*"))
    assert len(statements) == 4  # HTML and Markdown of two data sets
    return [results / "report.html", results / "tables", results / "figures", *statements]


def colours(folder: Path) -> list[Counter[str]]:
    results = folder / "results"
    files = [results / "report.html", *sorted((results / "figures").rglob("*.??g"))]
    found = {file.name: canaries.colours(file.read_bytes()) for file in files}
    return [+Counter({name: each[place] for name, each in found.items()}) for place in (0, 1)]


def follow(said: str, hint: str) -> None:
    (command,) = re.findall(hint, said)
    assert main(shlex.split(command)) == 0


def called(root: Path, *arguments: str, status: int = DONE) -> None:
    assert main([*arguments, "--root", str(root)]) == status


def test_report_tables_and_figures_name_nobody(run: Path) -> None:
    assert canaries.where(*passed_on(run)) == {}
    page = (run / "results/report.html").read_text(encoding="utf-8")
    assert '"class 1"' in page and "path: withheld" in page
    named = [run / "results/archive" / f for f in ("skipped.csv", "manifest.parquet")]
    for file in named:
        assert canaries.where(file), file
        assert file_digest(file) not in page
        assert file_digest(file) not in (run / "results/archive/statement.md").read_text("utf-8")
    assert file_digest(run / "results/archive/scores.csv") in page
    review = pd.read_csv(run / "results/archive/quality/least_certain.csv", dtype=str)
    manifest = pd.read_parquet(run / "results/archive/manifest.parquet")
    ids = sorted(manifest["id"])
    assert [ids[int(number) - 1] for number in review["number"]] == review["id"].tolist()


def test_no_region_in_plain_sight_is_shown(run: Path) -> None:
    magenta, green = colours(run)
    assert not magenta
    seen = {f"{kind}_archive.{suffix}" for kind in OF_IMAGES for suffix in ("png", "svg")}
    assert set(green) == {"report.html", *seen}  # and nothing of `register`, half of it hidden
    assert "“not shown” stands" in (run / "results/report.html").read_text(encoding="utf-8")


def test_a_bundle_names_nobody(run: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called(root, "bundle", "--to", "scores to check.tar")
    follow(capsys.readouterr().out.split("scores to check.tar: ")[1], "anonbench (verify .*)")
    assert canaries.where(run / "scores to check.tar") == {}
    called(root, "bundle", "--to", "named.tar", "--keep-ids")
    named = {*canaries.CLASSES, *canaries.LABELS, canaries.FILE, canaries.IDS}
    assert set(canaries.where(run / "named.tar")) == named
    assert main(["verify", "named.tar"]) == 0


def exported(root: Path, name: str, variant: str, *more: str) -> dict[str, str]:
    """Export images to a file that has to name nobody; return their numbers by id."""
    file, key = Path(f"{name}.tar"), Path(f"{name}.key.csv")
    arguments = "images", "export", name, variant, "--to", str(file), "--key", str(key), *more
    called(root, *arguments, status=DOUBTFUL)  # regions are in sight, or were not found
    assert canaries.where(file) == {}
    assert canaries.where(key)
    table = pd.read_csv(key, dtype=str)
    return dict(zip(table["id"], table["number"], strict=True))


def test_exported_images_name_nobody(run: Path, root: Path) -> None:
    called(root, "bundle", "--to", "numbers")
    numbers = exported(root, "archive", "mask-100", "--accept-unhidden", "8")
    file = "results/archive/boxes.parquet"
    boxes, own = (pd.read_parquet(folder / file) for folder in (run / "numbers", run))
    assert boxes["id"].tolist() == [numbers[image_id] for image_id in own["id"]]


@contextmanager
def other_boxes(run: Path) -> Iterator[None]:
    """Change a file of boxes for a while: what is there was made of others."""
    boxes = run / canaries.HOME / "archive.csv"
    before, times = boxes.read_bytes(), boxes.stat()
    try:
        boxes.write_bytes(before.replace(b",10,60,50", b",10,70,50"))
        yield
    finally:
        boxes.write_bytes(before)
        os.utime(boxes, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_no_export_of_old_images(run: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with other_boxes(run):
        given = ["images", "export", "archive", "mask-100", "--to", "stale", "--root", str(root)]
        assert main(given) == 1
        said = capsys.readouterr().err
        assert "jobs have to run before the images are what the config" in said
        assert not (run / "stale").exists()
        follow(said, r"anonbench (plan .*)\)")
        assert "jobs would run (snakemake -n says why)" in capsys.readouterr().out


def test_an_export_tells_that_its_verdict_is_of_old_results(
    run: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    given = ["images", "export", "archive", "mask-100", "--accept-unhidden", "8", "--to"]
    for probes, is_old in ((4, False), (7, True)):
        text = yaml.safe_dump(edited(config, "privacy.probes", probes))
        (run / "judged.yaml").write_text(text, encoding="utf-8")
        to = f"judged {probes}.tar"
        called(root, *given, to, "--configfile", "judged.yaml", status=DOUBTFUL)
        said = capsys.readouterr().out
        assert "policy: mask-100 " in said
        assert ("outdated: results of" in said and "run archive_policy" in said) is is_old


def test_no_bundle_of_old_results(
    run: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["bundle", "--to", "stale.tar", "--root", str(root)]
    with other_boxes(run):
        assert main(given) == 1
        told = capsys.readouterr().err
        assert "are not what the config, the data and the code say" in told
        assert re.search(rf"changed since: \S+/{canaries.HOME}/archive\.csv\)", told)
        main(["policy", "check", "--configfile", "config.yaml"])
        told = capsys.readouterr().err
        assert re.search(r"outdated: results of \d+ jobs .* anonbench run policy --config", told)
        assert not (run / "stale.tar").exists()
    (run / "results/report.html").rename(run / "kept.html")
    assert main(given) == 0, "what an unfinished run lacks is no hindrance"
    (run / "kept.html").rename(run / "results/report.html")


def test_names_are_found_where_they_may_be_shown(output_of: Any, run: Path, root: Path) -> None:
    made(output_of, run, show_originals=True)
    assert len(exported(root, "register", "mask-50")) == canaries.IMAGES
    report = run / "results/report.html"
    shown = {*canaries.CLASSES, *canaries.LABELS, canaries.FILE, canaries.IDS}
    assert set(canaries.where(report)) == shown
    magenta, _ = colours(run)
    everywhere = {f"{kind}_{name}.png" for kind in OF_IMAGES for name in ("archive", "register")}
    assert everywhere <= set(magenta) and magenta["report.html"] > len(everywhere)
