"""Documents of several pages: shared by processes, and continued where a run was ended."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from codes import anonymized, files, photograph, records, save_pages, statuses

from anonbench.anonymization.files.pages import pages_of
from anonbench.datasets.inputs import ImageFile, open_images
from anonbench.detection.search import Search

TEXTS = ("one", "two", "three", "four")


@pytest.fixture
def searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with a line for each search: the process that made it."""
    monkeypatch.chdir(tmp_path)
    save_pages(tmp_path / "in/a.pdf", *map(photograph, TEXTS))
    lines, searched = tmp_path / "searches", Search.searched

    def counted(*given: Any) -> Any:
        with lines.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.1)  # so that no process is through before another one begins
        return searched(*given)

    monkeypatch.setattr(Search, "searched", counted)
    return lines


def ended_after(pages: int, searches: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    """Run until some pages are done; remove the list of searches."""
    searched = Search.searched

    def ending(*given: Any) -> Any:
        if len(searches.read_text().split()) == pages if searches.exists() else not pages:
            raise KeyboardInterrupt
        return searched(*given)

    with monkeypatch.context() as during:
        during.setattr(Search, "searched", ending)
        with pytest.raises(KeyboardInterrupt):
            anonymized(Path("in"), Path("out"), workers=1, **how)
    searches.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_processes_share_a_document_and_count_its_pages(
    searches: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    done = anonymized(Path("in"), Path("out"), workers=workers)
    by = searches.read_text().split()
    assert (done.written, done.regions, len(by), len({*by})) == (1, 4, 4, workers)
    assert "images and pages anonymized: 100%" in (said := capsys.readouterr().err)
    assert " 4/4 " in said
    assert len([*Path().glob("*out*")]) == 3  # the copies and two records
    assert not [*Path().glob(".*out*")]


def test_pages_are_counted_without_reading_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_pages(tmp_path / "in/a.pdf", *map(photograph, TEXTS))
    first, *others = map(photograph, TEXTS[:3])
    first.save(tmp_path / "in/b.tiff", save_all=True, append_images=others)
    (tmp_path / "in/c.pdf").write_bytes(b"no PDF")
    (tmp_path / "in/d.tif").write_bytes((tmp_path / "in/a.pdf").read_bytes())
    (tmp_path / "in/e.pdf").write_bytes((tmp_path / "in/a.pdf").read_bytes()[:500])
    (tmp_path / "in/f.tif").touch()
    monkeypatch.setattr(ImageFile, "data", None)
    images = open_images(tmp_path / "in", documents=True)
    counts = {image.name: pages_of(image, 10**6) for image in images}
    several = {"a.pdf": 4, "b.tiff": 3}
    assert counts == several | dict.fromkeys(["c.pdf", "d.tif", "e.pdf", "f.tif"], 1)


def test_an_ended_run_goes_on_within_a_document(
    searches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_after(3, searches, monkeypatch)
    (folder,) = Path().glob(".out.*-pages")
    assert folder.stat().st_mode & 0o77 == 0 and not files(Path("out"))
    next(folder.glob("*/*-2")).write_bytes(b"damaged")
    done = anonymized(Path("in"), Path("out"), workers=1)
    assert len(searches.read_text().split()) == 2 and not folder.exists()
    again = anonymized(Path("in"), Path("again"), workers=2)
    assert files(Path("out")) == files(Path("again")) and records(done) == records(again)


@pytest.mark.parametrize("changed", ["document", "settings"])
def test_pages_of_another_document_or_run_are_not_used(
    searches: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    ended_after(3, searches, monkeypatch)
    method = "mask"
    if changed == "document":
        save_pages(Path("in/a.pdf"), *map(photograph, reversed(TEXTS)))
    else:
        method = "blur"
        Path("out").rmdir()
        Path(".out.journal").unlink()
    anonymized(Path("in"), Path("out"), workers=1, method=method)
    anonymized(Path("in"), Path("again"), workers=1, method=method)
    assert len(searches.read_text().split()) == 8
    assert files(Path("out")) == files(Path("again"))


def test_a_page_that_refuses_a_document_ends_the_work_on_it(searches: Path) -> None:
    pages = [photograph(text, code=text != "two") for text in TEXTS]
    save_pages(Path("in/a.pdf"), *pages)
    done = anonymized(Path("in"), Path("out"), workers=1)
    assert statuses(done) == {"a.pdf": "without_regions"} and "page 2" in records(done)[0]["reason"]
    assert len(searches.read_text().split()) == 3  # the second page twice: to say why
