"""Pictures whose faces are means of at least k (k-same), to be judged as another program's.

Newton, Sweeney and Malin 2005, "Preserving privacy by de-identifying face images", IEEE
Transactions on Knowledge and Data Engineering 17:232-243. It is no method of the registry, since a
picture depends on all images and not on its own alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from anonbench.anonymization.files.places import OF_NAMES, remove, require_apart, target
from anonbench.anonymization.given.k_same_faces import (
    Sorted,
    align_face,
    draw_averages,
    sort_regions,
)
from anonbench.anonymization.given.k_same_means import FaceFile, average, digest_of, members_of
from anonbench.anonymization.given.k_same_persons import persons_of
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import in_blocks
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import atomic, require_folder, write_json, writing_to
from anonbench.core.progress import track
from anonbench.core.wording import count, tally
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.images import encode
from anonbench.datasets.inputs import ImageFile, Images, LeftOut, open_images
from anonbench.detection.search import DetectorFailed, Search, searching

NO_PERSON = "no person is named for it"
NO_FACE = "no face was found in it"
CHANGED = "it changed while the command ran"
_NEEDS = (
    "eyes, nose and mouth are found by MTCNN, which is not there: "
    "pip install --no-deps facenet-pytorch==2.6.0"
)


@dataclass(frozen=True)
class Averaged:
    """What was written."""

    k: int
    """As it was asked for."""
    by_person: bool
    """Whether k counts persons. Otherwise it counts faces, of which several may be one person's."""
    written: int
    """Pictures."""
    faces: int
    """Faces that an average took the place of."""
    masked: int
    """Other regions, which are masked."""
    members: int
    """Persons, or different faces, in all groups."""
    groups: int
    """Different averages."""
    smallest: int
    """Members of the smallest group, at least k."""
    left_out: tuple[LeftOut, ...]
    """Images without a picture, and why: also those in which no face was found."""


@dataclass(frozen=True)
class _Seen:
    """One image as it was searched."""

    image: ImageFile
    digest: bytes
    regions: Sorted
    faces: tuple[int, ...]
    """Numbers of its faces."""


def k_same_pictures(
    images: str | Path | Iterable[str | Path],
    to: str | Path,
    k: int,
    detectors: Sequence[str] = ("mtcnn",),
    *,
    persons: Mapping[str, str] | str | Path | None = None,
    detection: Detection | None = None,
    anonymization: Anonymization | None = None,
) -> Averaged:
    """Write a picture of each image, in which every face is the mean of a group of at least k.

    With `persons`, a group has at least k persons: a person's faces are averaged first, each
    person weighs alike, and all images of a group's persons get its mean. The largest face of an
    image is its person's; others are masked. Without `persons` each different face counts, and
    nothing is promised of a person who is there several times. All else that detectors find is
    masked. What they miss is in sight.

    Images are read twice. Beside one image, memory holds about 3 KB of each face; 36 KB of each are
    on the disk of the output, in a file without a name. The same inputs give the same bytes. Beside
    the folder, `<folder>.k_same.json` says k, groups and counts, and names nobody; without it the
    pictures are those of a run that was ended.

    Args:
        images: see `anonbench.datasets.inputs.open_images`: train and validation images together.
        to: a folder apart from the originals. A picture is a PNG by its image's id.
        k: persons, or faces, of a group at least; 2 or more.
        detectors: whose regions are hidden.
        persons: see `anonbench.anonymization.given.k_same_persons.persons_of`. An image without a
            person gets no picture.
        detection: settings of the detectors.
        anonymization: of which the margin and the shape `image` count.

    Raises:
        InputError: k is below 2, or there are fewer persons, or faces; the folder is among the
            originals, or holds other files; a detector or MTCNN's network cannot be loaded; the
            persons cannot be read.

    """
    if k < 2:
        raise InputError(f"k = {k}: of fewer than 2 nothing is averaged; 5 or 10 are usual")
    given, folder = open_images(images), Path(to).absolute()
    require_apart(given, folder)
    require_folder(folder)
    known = None if persons is None else persons_of(given, persons)
    reader = _Reader(detectors, detection or Detection(), anonymization or Anonymization())
    _require_own(folder, given)
    left_out = list(given.left_out)
    with writing_to(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with closing(FaceFile(folder.parent)) as faces, closing(FaceFile(folder.parent)) as means:
            seen = [*_search(given, known, reader, faces, left_out)]
            members = members_of({each.image.id: each.faces for each in seen}, known, faces)
            if len(members) < k:
                raise _too_few(k, len(members), known is not None, given, left_out)
            groups = average(members, k, faces, means)
            _require_own(folder, (each.image for each in seen))
            record = folder.parent / f"{folder.name}.k_same.json"
            record.unlink(missing_ok=True)
            group_of = {face: n for n, each in enumerate(groups) for m in each for face in m}
            written = [*_write(seen, group_of, means, reader, folder, left_out)]
        done = Averaged(
            k=k,
            by_person=known is not None,
            written=len(written),
            faces=sum(len(each.regions.faces) for each in written),
            masked=sum(len(each.regions.masked) for each in written),
            members=len(members),
            groups=len(groups),
            smallest=min(map(len, groups)),
            left_out=tuple(sorted(left_out)),
        )
        write_json(record, _as_record(done))
    return done


class _Reader:
    """Images with their regions: what detection finds is sorted, and faces are aligned."""

    def __init__(
        self, detectors: Sequence[str], detection: Detection, anonymization: Anonymization
    ) -> None:
        from anonbench.detection.faces.landmarks import Landmarks  # loads torch

        self._search = Search(searching(detectors), detection)
        self._max_pixels = detection.max_pixels
        self.anonymization = anonymization
        try:
            self._landmarks = Landmarks()
        except ImportError as error:
            raise InputError(_NEEDS) from error

    def pixels(self, image: ImageFile) -> np.ndarray:
        """Return an image, uint8 [H, W] or [H, W, 3]; see `ImageFile.pixels`."""
        return image.pixels(self._max_pixels)

    def regions(self, image: ImageFile, pixels: np.ndarray, only_largest: bool) -> Sorted:
        """Return what is found in an image; see `Search` on what is raised."""
        found = self._search(pixels)
        if found:
            found = in_blocks(found, coding_blocks(image.data(self._max_pixels)))
        return sort_regions(found, pixels.shape, only_largest)

    def aligned(self, pixels: np.ndarray, regions: Sorted) -> Iterator[np.ndarray]:
        """Yield an image's faces as `align_face` does, one after another."""
        points = self._landmarks.find(pixels, regions.faces)
        for face, own in zip(regions.faces, points, strict=True):
            yield align_face(pixels, face, own, regions.masked, self.anonymization)


def _search(
    images: Images,
    persons: Mapping[str, str] | None,
    reader: _Reader,
    faces: FaceFile,
    left_out: list[LeftOut],
) -> Iterator[_Seen]:
    """Yield the images with faces, and keep these; append what is left out."""
    for image in track(images, len(images), "images searched"):
        if persons is not None and image.id not in persons:
            left_out.append(LeftOut(image.name, NO_PERSON))
            continue
        try:
            pixels = reader.pixels(image)
            regions = reader.regions(image, pixels, persons is not None)
        except (DetectorFailed, UnreadableImage) as error:
            left_out.append(LeftOut(image.name, str(error)))
            continue
        if not regions.faces:
            left_out.append(LeftOut(image.name, NO_FACE))
            continue
        numbers = tuple(faces.append(face) for face in reader.aligned(pixels, regions))
        yield _Seen(image, digest_of(pixels), regions, numbers)


def _write(
    seen: Sequence[_Seen],
    group_of: Mapping[int, int],
    means: FaceFile,
    reader: _Reader,
    folder: Path,
    left_out: list[LeftOut],
) -> Iterator[_Seen]:
    """Write the pictures and yield their images; append what is left out."""
    for each in track(seen, len(seen), "pictures written"):
        averages = [means[group_of[number]] for number in each.faces]
        try:
            pixels = reader.pixels(each.image)
            if digest_of(pixels) != each.digest:  # what was found may be elsewhere in it
                raise UnreadableImage(CHANGED)
            picture = draw_averages(pixels, each.regions, averages, reader.anonymization)
            with atomic(target(folder, _name(each.image))) as temporary:
                temporary.write_bytes(encode(picture))
            yield each
        except UnreadableImage as error:
            remove(folder, _name(each.image))  # an earlier run's, of other averages
            left_out.append(LeftOut(each.image.name, str(error)))
        except OSError as error:
            if error.errno not in OF_NAMES:
                raise
            left_out.append(LeftOut(each.image.name, f"its name cannot be used ({error.strerror})"))


def _name(image: ImageFile) -> str:
    return f"{image.id}.png"


def _require_own(folder: Path, images: Iterable[ImageFile]) -> None:
    """Refuse a folder with other pictures than those of the images: they would count as averaged.

    Raises:
        InputError: it has some.

    """
    own = {_name(image) for image in images}
    there = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    others = sorted(name for name in there if name not in own and not name.endswith(".part"))
    if others:
        raise InputError(
            f"{folder} holds {count(len(others), 'file')} that this command does not write, "
            f"{others[0]} for one: remove them, or name another folder"
        )


def _too_few(
    k: int, members: int, by_person: bool, images: Images, left_out: Sequence[LeftOut]
) -> InputError:
    found = count(members, "person" if by_person else "different face")
    skipped = Counter(each.reason for each in left_out if not each.quiet)
    why = f" ({tally(skipped)})" if skipped else ""
    return InputError(
        f"k = {k}: {images.place} has {found}{why}, and a mean needs {k}; name a smaller k, or "
        "more images"
    )


def _as_record(done: Averaged) -> dict[str, object]:
    """Return counts only: names of images may be those of persons."""
    return asdict(done) | {"left_out": sum(not each.quiet for each in done.left_out)}
