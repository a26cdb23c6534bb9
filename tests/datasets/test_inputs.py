"""Images as commands are given them, and files, links and kinds below a folder."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from small_sets import touch

from anonbench.core.errors import InputError, UnreadableImage
from anonbench.datasets import walk
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.images import FORMATS, read_image
from anonbench.datasets.inputs import Images, open_images
from anonbench.datasets.walk import HIDDEN, scan

NAMES = ("b.png", "a.JPG", "sub folder/Übung 中文 😀.png", "sub folder/b.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of four images, each of its own grey, and files that are none."""
    place = tmp_path / "photos"
    for grey, name in enumerate(NAMES):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 4), grey * 10).save(place / name, "png")
    (place / "notes.txt").write_text("text")
    (place / "photo.cr2").write_bytes(b"raw")
    return place


def packed(folder: Path, name: str = "photos.tar", mode: Literal["w", "w:gz"] = "w") -> Path:
    with tarfile.open(folder.parent / name, mode) as tar:
        tar.add(folder, ".")
    return folder.parent / name


def pairs(images: Images) -> list[tuple[str, str]]:
    return [(image.id, image.name) for image in images]


EXPECTED = [
    ("a", "a.JPG"),
    ("b", "b.png"),
    ("sub folder/b", "sub folder/b.png"),
    ("sub folder/Übung 中文 😀", "sub folder/Übung 中文 😀.png"),
]


def greys(images: Images) -> list[int]:
    return [int(read_image(image.data())[0, 0]) for image in images]


def test_a_folder_is_walked_and_hidden_files_are_said(folder: Path) -> None:
    images = open_images(folder)
    assert pairs(images) == EXPECTED and greys(images) == [10, 0, 30, 20]
    assert images.folder == folder
    assert [(each.name, each.quiet) for each in images.left_out] == [
        ("notes.txt", True),
        ("photo.cr2", False),
    ]
    (folder / ".scan.png").write_bytes((folder / "a.JPG").read_bytes())
    (folder / ".cache").mkdir()
    (folder / ".cache" / "more").mkdir()
    (folder / ".link").symlink_to("a" * 300)  # to nowhere: no name is so long
    for name in ("b.png", "more/b.jpg", "notes.txt"):
        (folder / ".cache" / name).touch()
    left = open_images(folder).left_out
    hidden = {(each.name, each.quiet) for each in left if each.reason == HIDDEN}
    images = {".scan.png", ".cache/b.png", ".cache/more/b.jpg"}
    quiet = {(".cache", True), (".link", True)}
    assert hidden == {*quiet, *((name, False) for name in images)}
    assert pairs(open_images(folder)) == EXPECTED
    of_tar = open_images(packed(folder))
    assert pairs(of_tar) == EXPECTED
    assert images == {each.name for each in of_tar.left_out if each.name in images}


def test_a_tar_has_the_images_of_the_folder(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(packed(folder), "a") as tar:
        for name in ("../outside.png", "/root.png"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    images = open_images(f"{folder}.tar")
    assert pairs(images) == EXPECTED and greys(images) == [10, 0, 30, 20]
    assert images.images[0].data() == (folder / "a.JPG").read_bytes()
    left = {each.name for each in images.left_out if not each.quiet}
    assert left == {"../outside.png", "/root.png", "link.png", "photo.cr2"}
    with pytest.raises(InputError, match="gunzip"):
        open_images(packed(folder, "photos.tar.gz", "w:gz"))
    images = open_images(path := packed(folder))
    os.truncate(path, 512 + 10)
    with pytest.raises(UnreadableImage, match="ends within"):
        images.images[-1].data()
    path = tmp_path / "twice.tar"
    with tarfile.open(path, "w") as tar:
        for content in (b"old", b"newer"):
            member = tarfile.TarInfo("a.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    images = open_images(path)
    assert [image.data() for image in images] == [b"newer"]
    assert [each.name for each in images.left_out] == ["a.png"]


def test_a_table_names_images_and_ids(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    rows = ["path,id,split", f"photos/b.png,one,test\n{folder}/a.JPG,two,train"]
    path.write_text("\n".join(rows), encoding="utf-8")
    images = open_images(path)
    assert [image.id for image in images] == ["two", "one"] and greys(images) == [10, 0]
    path.write_text("file\nphotos/b.png\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^\S*table\.csv has no column `path`"):
        open_images(path)
    path.write_text("path,id\nphotos/b.png,photos/b\nphotos/a.JPG,two\n", encoding="utf-8")
    assert [image.key for image in open_images(path)] == ["two", "photos/b"]
    for other in ("photos/a.JPG", "one.png"):
        path.write_text(f"path,id\n{other},one\none.jpg,one\n", encoding="utf-8")
        with pytest.raises(InputError, match="two images have the id 'one'"):
            open_images(path)


@pytest.mark.parametrize("end", ["\n", "\0"])
def test_a_list_on_standard_input(folder: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = end.join([f"./{NAMES[0]}", NAMES[2], NAMES[2], str(folder / "a.JPG")])
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
    images = open_images("-")
    outside = str(folder / "a.JPG").lstrip("/")
    expected = sorted([(NAMES[0], 0), (outside, 10), (NAMES[2], 20)])
    assert [*zip([image.name for image in images], greys(images), strict=True)] == expected


def test_names_that_leave_their_place_or_are_alike(folder: Path, tmp_path: Path) -> None:
    paths = [str(folder / "sub folder" / ".." / "b.png"), "../../x.png", "a\nb.png"]
    images = open_images([*paths, folder / "b.png"])
    assert [image.name for image in images] == [f"{folder}/b.png".lstrip("/"), "x.png"]
    assert len(images.left_out) == 2
    for name in ("a.png", "a.jpg", "a.jpg.png", "b.png", "c.tar.png", "d/a.png"):
        (tmp_path / "alike" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "alike" / name).touch()
    ids = [image.id for image in open_images(tmp_path / "alike")]
    assert ids == ["a.jpg", "a.jpg.png", "a.png", "b", "c.tar", "d/a"]


def test_pages_are_images_where_they_are_asked_for(tmp_path: Path) -> None:
    frames = [Image.new("L", (5, 4), grey) for grey in (10, 20)]
    frames[0].save(tmp_path / "b.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "c.PDF", "pdf", save_all=True, append_images=frames[1:])
    (tmp_path / "a.png").touch()
    images = open_images(tmp_path)
    assert [image.id for image in images] == ["a", "b"]
    assert [(each.name, each.quiet) for each in images.left_out] == [("c.PDF", False)]
    images = open_images(tmp_path, pages=True)
    ids = [f"{name}/page-000{number}" for name in "bc" for number in (1, 2)]
    assert [image.id for image in images] == ["a", *ids] and not images.left_out
    for image, grey in zip(images.images[1:3], (10, 20), strict=True):
        assert read_image(image.data(), page=Page(image.page))[0, 0] == grey
    table = tmp_path / "t.csv"
    table.write_text("id,path,document_page\nlast,b.tif,2\nfirst,b.tif,1\n")
    assert [(image.id, image.page) for image in open_images(table, pages=True)] == [
        ("last", 2),
        ("first", 1),
    ]
    with pytest.raises(InputError, match="2: a page of a file, of which no copy can be written"):
        open_images(table)


@pytest.mark.parametrize("given", ["missing", "empty", "notes"])
def test_a_place_without_images_is_refused(tmp_path: Path, given: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").touch()
    with pytest.raises(InputError, match=f"{given}.*: (there|no image)"):
        open_images(tmp_path / given)


def test_a_file_that_is_no_image_says_so_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    (tmp_path / "b.png").touch()
    for name in ("c.png", "d.pdf", "e.tif"):
        os.mkfifo(tmp_path / name)
    images = open_images(tmp_path)
    assert [each.name for each in images.left_out] == ["c.png", "d.pdf", "e.tif"]
    for image in images:
        with pytest.raises(UnreadableImage):
            read_image(image.data())
    # the pages of a pipe are not waited for
    assert len(open_images([tmp_path / "d.pdf", tmp_path / "e.tif"], pages=True)) == 2


def test_listing_loads_nothing_heavy(folder: Path) -> None:
    code = "import sys\nfrom anonbench.datasets.inputs import open_images\n"
    code += "open_images(sys.argv[1])\n"
    code += "print([m for m in ('numpy', 'pandas', 'pydantic', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def entries_of(root: Path, **options: bool) -> dict[str, str]:
    entries = list(walk.walk(str(root), **options))
    assert len({path for path, _ in entries}) == len(entries)
    return dict(entries)


def test_no_folder_is_used_twice_and_mutual_links_end(tmp_path: Path) -> None:
    names = "abcdefgh"
    touch(tmp_path, *(f"{name}/file" for name in names))
    for name in names:
        for other in names.replace(name, ""):
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    entries = entries_of(tmp_path)
    assert {path for path, reason in entries.items() if not reason} == {f"{n}/file" for n in names}
    assert list(entries.values()).count(walk.FOLLOWED) == 0
    assert list(entries.values()).count(walk.TWICE) == 8 * 7
    touch(tmp_path, "pool/a", "pool/deep/b", "data/c")
    for name in ("one", "two"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "pool")
    (tmp_path / "data" / "inner").symlink_to(tmp_path / "pool" / "deep")
    links = {"one": walk.TWICE, "two": walk.FOLLOWED, "inner": walk.TWICE}
    assert entries_of(tmp_path / "data") == {"c": "", "two/a": "", "two/deep/b": ""} | links
    links = dict.fromkeys(links, walk.LINKED)
    assert entries_of(tmp_path / "data", everything=True) == {"c": ""} | links


@pytest.mark.parametrize("target", ["..", ".", "/"])
def test_links_to_what_encloses_them_are_not_followed(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "data/a", "secret/b")
    (tmp_path / "data" / "up").symlink_to(target)
    assert entries_of(tmp_path / "data") == {"a": "", "up": walk.ENCLOSING}


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a", "closed/b")
    scandir = os.scandir

    def closed(path: str) -> object:
        if "closed" in path:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(walk.os, "scandir", closed)
    assert entries_of(tmp_path) == {"a": "", "closed": walk.UNREADABLE}
    with pytest.raises(PermissionError):
        entries_of(tmp_path / "closed")


def test_kinds_are_told_apart_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    known = {suffix for suffix, kind in Image.EXTENSION.items() if kind in (*FORMATS, "MPO")}
    assert known == walk.SUFFIXES
    for name in ("a.txt", "jpg", ".jpg", "a.jpeg_original", "a.", "a.png.bak"):
        assert walk.suffix_reason(name) == walk.NOT_IMAGE
    for name, kind in (("a.AVIF", "AVIF"), ("a.b.cr2", "camera RAW"), ("x/a.djvu", "DjVu")):
        told = walk.suffix_reason(name)
        assert told.startswith(f"an image of a kind that is not read ({kind}); convert it")
        assert not walk.is_quiet(name, told)
    assert walk.suffix_reason("x/a.PDF") == walk.suffix_reason("a.heic") == ""
    monkeypatch.setattr(walk, "reads_heif", lambda: False)
    missing = walk.suffix_reason("a.HEIC")
    assert "HEIC" in missing and "`heic`" in missing and not walk.is_quiet("a.HEIC", missing)


@pytest.mark.parametrize("format", FORMATS)
def test_images_under_another_suffix_are_found_by_content(tmp_path: Path, format: str) -> None:
    file = tmp_path / "photo.JPEG_original"
    Image.new("RGB", (20, 20), (1, 2, 3)).save(file, format)
    # the first bytes of PPM are a letter and a digit of a text, DIB has no header of a file
    weak = format in ("PPM", "DIB")
    assert walk.content_reason(file) == (walk.NOT_IMAGE if weak else walk.RENAMED)


def test_other_kinds_are_found_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(content: bytes) -> str:
        (tmp_path / "IMG_0001").write_bytes(content)
        return walk.content_reason(tmp_path / "IMG_0001")

    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1"
    assert "(AVIF)" in told(b"\0\0\0\x18ftypavif\0\0\0\0mif1")
    assert "(DICOM)" in told(b"\0" * 128 + b"DICM")
    assert told(b"%PDF-1.7\n") == told(heic) == walk.RENAMED
    monkeypatch.setattr(walk, "reads_heif", lambda: False)
    assert "`heic`" in told(heic) and "`heic`" not in told(b"%PDF-1.7\n")
    for content in (b"", b"text", b"ftypheic", b"\xff"):
        assert told(content) == walk.NOT_IMAGE
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", ".", "a\0b"):
        assert walk.content_reason(f"{tmp_path}/{name}") == walk.NOT_IMAGE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in "abc":
        (tmp_path / "images" / f"{name}.jpg").write_text(name)
    (tmp_path / "list.txt").write_text("a b c")
    return tmp_path


PATHS = [f"images/{name}.jpg" for name in "abc"]


@pytest.mark.parametrize(
    "change", ["older", "longer", "removed", "list", "added", "beside", "elsewhere"]
)
def test_changes_are_seen(
    root: Path, change: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    far = tmp_path_factory.mktemp("elsewhere") / "far.jpg"
    far.write_text("far")
    paths, image = [*PATHS, str(far)], root / PATHS[0]
    (root / "notes.md").write_text("no list and no image")
    before = scan(root, paths)
    assert scan(root, paths) == before
    match change:
        case "older":
            image.write_text("z")
            os.utime(image, (1, 1))
        case "longer":
            stat = image.stat()
            image.write_text("longer")
            os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        case "removed":
            image.unlink()
        case "list":
            (root / "list.txt").write_text("a c b d")
        case "beside":
            (root / "images" / "d.heic").write_text("d")
        case "elsewhere":
            far.write_text("other")
        case "added":
            (root / "images" / "d.jpg").write_text("d")
            paths.append("images/d.jpg")
    assert scan(root, paths) != before
