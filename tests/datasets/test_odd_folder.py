"""A folder of which nothing is known, to its manifest and the report of what was read."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from odd_folder import NFC, NFD, picture, text_page, write_odd_folder
from small_sets import dataset, written

from anonbench.cli import main
from anonbench.core.errors import ChangedImage, InputError
from anonbench.datasets.documents import DOCUMENT, PAGE
from anonbench.datasets.image_sets.shards import ImageSet, write_index
from anonbench.datasets.images import read_original
from anonbench.datasets.listing import list_images
from anonbench.embedding.given_images import look_at
from image_files import coded
from pdf_files import pages as pdf

OWN = {"validation": 0.4}
AKTE, BRIEF = ([f"{name}/page-000{n}" for n in (1, 2, 3)] for name in ("Akte", "brief"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the odd folder `f` and what its manifest's job writes."""
    place = tmp_path_factory.mktemp("odd")
    (place / "f").mkdir()
    write_odd_folder(place / "f")
    written(dataset("folder", place / "f", split=OWN), place)
    return place


def test_what_is_used_left_out_and_converted(odd: Path) -> None:
    manifest = pd.read_parquet(odd / "m.parquet").set_index("id")
    pages = [*AKTE, *BRIEF]
    assert set(manifest.index) == {
        *pages,
        *(NFC, NFD, "Ordner mit Leerzeichen/tief/Bild 1", "身分証/表", "party 🎉"),
        *("alpha", "cmyk", "copy", "deep.png", "deep.tif", "deep_colour", "document", "lab"),
        *("link", "more/elsewhere", "moving.gif", "moving.webp", "one", "palette", "profile"),
        *("still", "turned", "two.jpg", "two.png", "wrong.pdf", "wrong.tif"),
    }
    assert manifest.loc["turned", ["width", "height"]].tolist() == [32, 48]
    assert manifest.loc["one", ["width", "height"]].tolist() == [300, 150]
    assert manifest.loc[pages, PAGE].tolist() == [1, 2, 3, 1, 2, 3]
    assert manifest.loc[pages, DOCUMENT].tolist() == ["Akte"] * 3 + ["brief"] * 3
    assert manifest[PAGE].notna().sum() == manifest[DOCUMENT].notna().sum() == 6
    assert manifest["digest"].is_unique is False  # the link and the copy
    assert manifest.loc[pages, "digest"].is_unique
    assert skipped_in(odd) == {
        ".hidden.png": "a hidden file",
        "bomb.png": "more than 1000000 pixels",
        "cut.jpg": "not an image, or of an unknown kind",
        "cut.pdf": "a damaged PDF, or none; save it again as PDF, in a program that opens it",
        "empty.png": "empty file",
        "gone.png": "a link to nowhere",
        "huge.pdf": "more than 1000000 pixels",
        "itself.png": "a link to nowhere",
        "notes.txt": "not an image by its suffix",
        "photo": "an image whose suffix is not one of an image; rename it",
        "plain.png": "same content as an image of val (duplicates.csv names it)",
        "round": "a link to a folder that encloses it",
        "scan.djvu": "an image of a kind that is not read (DjVu); convert it to PNG or JPEG",
        "secret.pdf": "an encrypted PDF; save it without its password",
        "text.png": "not an image, or of an unknown kind",
    }
    table = pd.read_csv(odd / "converted.csv")
    assert table.columns.tolist() == ["id", "path", PAGE, "converted"]
    drawn = "PDF page drawn at 150 dpi"
    assert table.set_index("id")["converted"].to_dict() == {
        **dict.fromkeys(AKTE, "page of a document"),
        **dict.fromkeys(BRIEF, drawn),
        "alpha": "transparency laid on white",
        "cmyk": "CMYK to RGB without a colour profile",
        "deep.png": "16 to 8 bits",
        "deep.tif": "16 to 8 bits",
        "deep_colour": "16 to 8 bits",
        "document": drawn,
        "lab": "L*a*b* to RGB",
        "moving.gif": "first frame of an animation",
        "moving.webp": "first frame of an animation",
        "one": drawn,
        "profile": "colour profile other than sRGB dropped, values kept",
        "turned": "turned upright by EXIF",
    }


def test_every_image_of_it_is_read_as_the_manifest_says(odd: Path, tmp_path: Path) -> None:
    manifest = pd.read_parquet(odd / "m.parquet").sort_values("id")
    write_index(manifest, manifest[["id"]].assign(status="ok"), False, tmp_path / "0.parquet")
    images = ImageSet.open([tmp_path / "0.parquet"], odd / "f")
    assert images.ids == manifest["id"].tolist()
    seen = {}
    for row in manifest.itertuples():
        image = images.read(row.id)
        assert image.shape[:2] == (row.height, row.width) and image.dtype == np.uint8
        assert len(np.unique(image)) > 1 or row.id == "lab"
        seen[row.digest] = image.tobytes()
    assert len(set(seen.values())) == manifest["digest"].nunique()  # no page is another one


def files_of(folder: Path) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in paths}


def skipped_in(odd: Path) -> dict[str, str]:
    return pd.read_csv(odd / "s/m.csv").set_index("path")["reason"].to_dict()


def test_commands_read_what_the_workflow_reads(odd: Path) -> None:
    manifest = pd.read_parquet(odd / "m.parquet").set_index("id")
    given = look_at(odd / "f", 10**6)
    found = {each.id: each for each in given.images}
    copy = found.pop("plain")  # the workflow leaves it out as a copy across splits
    assert copy.digest == found["copy"].digest
    assert {name: each.digest for name, each in found.items()} == manifest["digest"].to_dict()
    converted = pd.read_csv(odd / "converted.csv").set_index("id")["converted"].to_dict()
    assert {name: each.converted for name, each in found.items() if each.converted} == converted
    skipped = skipped_in(odd)
    del skipped["plain.png"]
    assert dict(map(tuple, given.left_out)) == skipped
    assert {each.name for each in given.left_out if each.quiet} == {"notes.txt"}


@pytest.mark.parametrize("packed", [False, True])
def test_detect_counts_and_names_every_file(
    odd: Path, tmp_path: Path, packed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "f.tar" if packed else odd / "f"
    if packed:
        with tarfile.open(place, "w", dereference=False) as tar:
            tar.add(odd / "f", ".")
    output = tmp_path / "found.json"
    assert main(["detect", str(place), "-o", str(output), *_options(tmp_path)]) == 3
    said = capsys.readouterr().out
    for told in (
        "converted while they were read (5: PDF page drawn at 150 dpi; ",
        "an encrypted PDF; save it without its password",
        "an image of a kind that is not read (DjVu)",
        "1: an image whose suffix is not one of an image; rename it",
    ):
        assert told in said
    assert not [name for name in (NFC, "brief", "secret", "party") if name in said]
    entries = json.loads(output.read_text(encoding="utf-8"))
    names = [each["name"] for each in (*entries["images"], *entries["left_out"])]
    files = files_of(odd / "f")
    if not packed:
        files = files - {"more"} | {"more/elsewhere.png"}
    assert sorted(names) == sorted([*files, *["brief.pdf", "Akte.TIF"] * 2])
    pages = {each["id"] for each in entries["images"] if each["name"] == "brief.pdf"}
    assert pages == {*BRIEF}


def test_anonymize_names_all(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--method", "mask", "--keep-without-regions", *_options(tmp_path)]
    assert main(["anonymize", str(odd / "f"), "-o", str(tmp_path / "out"), *options]) == 3
    said = capsys.readouterr().out
    assert "3: 16 to 8 bits" in said and "1: CMYK to RGB without a colour profile" in said
    with (tmp_path / "out.audit.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert files_of(odd / "f") - {"more"} <= rows.keys()
    assert rows["Akte.TIF"]["output"] == "Akte.TIF.pdf"
    several = "animated or of several pages, of which no copy is made: save each as an image"
    assert rows["moving.gif"]["reason"] == f"{several}, or all as a PDF or TIFF file"
    assert rows["secret.pdf"]["reason"] == "an encrypted PDF; save it without its password"
    assert rows["cmyk.jpg"]["converted"] == "CMYK to RGB without a colour profile"
    written = {name: row["output"] for name, row in rows.items() if row["status"] == "written"}
    assert {"brief.pdf", "one.PDF"} <= written.keys()
    assert files_of(tmp_path / "out") == set(written.values())


def test_embed_counts_and_names_every_file(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mean_colour.py").write_text(
        "import numpy as np\ndef encode(images):\n"
        "    return np.array([image.mean((0, 1)) + 1.0 for image in images])\n"
    )
    monkeypatch.chdir(tmp_path)
    system = ["--system", "function:mean_colour:encode", "-o", "v.h5", "--json"]
    assert main(["embed", str(odd / "f"), *system]) == 3
    told = json.loads(capsys.readouterr().out)
    left = {each["name"] for each in told["left_out_files"]}
    # a copy is embedded; and what does not look like an image is not named
    assert left == skipped_in(odd).keys() - {"plain.png", "notes.txt"}
    assert told["left_out"] == len(left) and told["converted"]["page of a document"] == 3
    assert told["converted"]["PDF page drawn at 150 dpi"] == 5


def _options(folder: Path) -> list[str]:
    """Return options of a quick search in which no claimed size is drawn."""
    text = json.dumps({"detection": {"max_pixels": 10**6, "speed": "single"}})
    (folder / "limits.yaml").write_text(text)
    options = ["--detector", "zxing", "--workers", "1"]
    return [*options, "--configfile", str(folder / "limits.yaml")]


def test_pages_stay_together_and_a_lone_document_is_refused(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.pdf").write_bytes(pdf([text_page(str(number))] * 5))
    for validation in (0.1, 0.37, 0.9):
        listing = list_images("d", dataset("folder", tmp_path, split={"validation": validation}), 3)
        assert len(listing) == 30
        assert (listing.groupby("document")["split"].nunique() == 1).all()
    for number in range(1, 6):
        (tmp_path / f"{number}.pdf").unlink()
    with pytest.raises(InputError, match="pages of one document, which cannot be split"):
        list_images("d", dataset("folder", tmp_path, split=OWN), 3)


def test_a_manifest_of_pages_is_a_table_again(odd: Path, tmp_path: Path) -> None:
    first = pd.read_parquet(odd / "m.parquet")
    (odd / "f" / "again.csv").write_text(first.to_csv(index=False))
    try:
        second, *_ = written(dataset("table", odd / "f" / "again.csv"), tmp_path)
    finally:
        (odd / "f" / "again.csv").unlink()
    columns = ["id", "path", "split", "digest", PAGE, DOCUMENT]
    pd.testing.assert_frame_equal(first[columns], second[columns], check_dtype=False)


def test_table_names_pages_and_a_replaced_document_is_refused_by_page(tmp_path: Path) -> None:
    file, table = tmp_path / "a.pdf", tmp_path / "t.csv"
    file.write_bytes(pdf([text_page("1"), text_page("2")]))
    (tmp_path / "b.png").write_bytes(coded(picture(0), "PNG"))
    table.write_text("id,path,document_page,split\nlast,a.pdf,2,train\nx,b.png,,val")
    manifest, *_ = written(dataset("table", table), tmp_path)
    assert manifest[["id", PAGE]].to_numpy(object).tolist()[0] == ["last", 2]
    assert len(manifest) == 2
    row = manifest.iloc[0]
    file.write_bytes(pdf([text_page("2"), text_page("1")]))
    with pytest.raises(ChangedImage, match="other content"):
        read_original(row["id"], file, int(row["bytes"]), row["digest"])
    table.write_text("path,document_page\na.pdf,first\n")
    with pytest.raises(InputError, match=r"row 1 .*document_page is no page's number"):
        list_images("t", dataset("table", table, split=OWN), 0)
