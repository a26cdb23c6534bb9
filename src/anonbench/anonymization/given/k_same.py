"""Pictures whose faces are means of at least k (k-same), to be judged as another program's.

Newton, Sweeney and Malin 2005, "Preserving privacy by de-identifying face images", IEEE
Transactions on Knowledge and Data Engineering 17:232-243. It is no method of the registry, because
a picture depends on all images, and what a method makes on one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from anonbench.anonymization.files.places import remove, require_apart, target
from anonbench.anonymization.given.k_same_faces import (
    FaceFile,
    Sorted,
    align_face,
    draw_averages,
    small,
    sort_regions,
)
from anonbench.anonymization.given.k_same_groups import k_same_groups
from anonbench.anonymization.given.k_same_persons import persons_of
from anonbench.config import Anonymization, Detection
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import atomic, write_json, writing_to
from anonbench.core.progress import track
from anonbench.core.wording import count
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
    """Of its pixels."""
    regions: Sorted
    first: int
    """Number of its first face."""

    @property
    def faces(self) -> range:
        """The numbers of its faces."""
        return range(self.first, self.first + len(self.regions.faces))


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
    given, folder = open_images(images), Path(to)
    require_apart(given, folder)
    _require_own(folder, given)
    known = None if persons is None else persons_of(given, persons)
    hidden, settings = anonymization or Anonymization(), detection or Detection()
    search = _FaceSearch(searching(detectors), settings, hidden, known)
    record = folder.parent / f"{folder.name}.k_same.json"
    with writing_to(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
        with closing(FaceFile(folder.parent)) as faces, closing(FaceFile(folder.parent)) as means:
            seen = [*search.all(given, faces)]
            members = _members(seen, known, faces)
            if len(members) < k:
                raise InputError(_too_few(k, len(members), known is not None, given.place))
            groups = _average(members, k, faces, means)
            group_of = {face: n for n, group in enumerate(groups) for m in group for face in m}
            written = [*_write(seen, group_of, means, folder, search)]
        done = _counted(k, known is not None, written, groups)
        done = replace(done, left_out=(*given.left_out, *search.left_out))
        for image in {each.id for each in given} - {each.image.id for each in written}:
            remove(folder, f"{image}.png")  # of an earlier run
        _record(done, record, search.names)
    return done


class _FaceSearch:
    """Search of images for what is averaged and what is masked, and what is left out."""

    def __init__(
        self,
        names: Sequence[str],
        detection: Detection,
        hidden: Anonymization,
        persons: Mapping[str, str] | None,
    ) -> None:
        from anonbench.detection.faces.landmarks import Landmarks

        try:
            self._points = Landmarks()
        except ImportError as error:
            raise InputError(_NEEDS) from error
        self.names, self.hidden = names, hidden
        self.left_out: list[LeftOut] = []
        self._search, self._detection, self._persons = Search(names, detection), detection, persons

    def all(self, images: Images, faces: FaceFile) -> Iterator[_Seen]:
        """Yield each image that has a face, and append its aligned faces to a file."""
        number = 0
        for image in track(images, len(images), "images searched"):
            if self._persons is not None and image.id not in self._persons:
                self.left_out.append(LeftOut(image.name, NO_PERSON))
                continue
            try:
                pixels = image.pixels(self._detection.max_pixels)
                found = self._search(pixels)
            except (DetectorFailed, UnreadableImage) as error:
                self.left_out.append(LeftOut(image.name, str(error)))
                continue
            regions = sort_regions(found, pixels.shape, self._persons is not None)
            if not regions.faces:
                self.left_out.append(LeftOut(image.name, NO_FACE))
                continue
            points = self._points.find(pixels, regions.faces)
            for face, own in zip(regions.faces, points, strict=True):
                faces.append(align_face(pixels, face, own, regions.masked, self.hidden))
            yield _Seen(image, _digest(pixels), regions, number)
            number += len(regions.faces)

    def again(self, seen: _Seen) -> np.ndarray | None:
        """Return the pixels of an image that was searched; None, left out, if it has changed."""
        try:
            pixels = seen.image.pixels(self._detection.max_pixels)
        except UnreadableImage as error:
            self.left_out.append(LeftOut(seen.image.name, str(error)))
            return None
        if _digest(pixels) == seen.digest:
            return pixels
        self.left_out.append(LeftOut(seen.image.name, CHANGED))
        return None


def _members(
    seen: Sequence[_Seen], persons: Mapping[str, str] | None, faces: FaceFile
) -> list[list[int]]:
    """Return what k counts: the faces of each person, or those that are equal to the last bit.

    Copies of one picture are one face: their mean would be the face itself.
    """
    members: dict[str | bytes, list[int]] = {}
    for each in seen:
        for number in each.faces:
            own = hashlib.sha256(faces[number].tobytes()).digest()
            members.setdefault(own if persons is None else persons[each.image.id], []).append(
                number
            )
    return list(members.values())


def _average(
    members: Sequence[Sequence[int]], k: int, faces: FaceFile, means: FaceFile
) -> list[list[Sequence[int]]]:
    """Write the average of each group to a file, in which each member weighs alike.

    Returns:
        The members of each group.

    """
    vectors = np.stack([small(np.rint(faces.mean(each)).astype(np.uint8)) for each in members])
    groups = [[members[row] for row in rows] for rows in k_same_groups(vectors, k)]
    for group in groups:
        total = sum((faces.mean(each) for each in group), np.zeros(()))
        means.append(np.rint(total / len(group)).astype(np.uint8))
    return groups


def _write(
    seen: Sequence[_Seen],
    group_of: Mapping[int, int],
    means: FaceFile,
    folder: Path,
    search: _FaceSearch,
) -> Iterator[_Seen]:
    """Write the pictures; yield the images that have one."""
    for each in track(seen, len(seen), "pictures"):
        pixels = search.again(each)
        if pixels is None:
            continue
        averages = [means[group_of[face]] for face in each.faces]
        drawn = draw_averages(pixels, each.regions, averages, search.hidden)
        with atomic(target(folder, f"{each.image.id}.png")) as temporary:
            temporary.write_bytes(encode(drawn))
        yield each


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()


def _too_few(k: int, members: int, by_person: bool, place: str) -> str:
    what = count(members, "person" if by_person else "different face")
    return f"k = {k}: {place} has only {what}; give a smaller k, or more images"


def _counted(
    k: int, by_person: bool, written: Sequence[_Seen], groups: Sequence[Sequence[Sequence[int]]]
) -> Averaged:
    return Averaged(
        k=k,
        by_person=by_person,
        written=len(written),
        faces=sum(len(each.regions.faces) for each in written),
        masked=sum(len(each.regions.masked) for each in written),
        members=sum(map(len, groups)),
        groups=len(groups),
        smallest=min(map(len, groups)),
        left_out=(),
    )


def _require_own(folder: Path, images: Iterable[ImageFile]) -> None:
    """Check that a folder holds nothing but pictures of these images, whole or half written.

    Raises:
        InputError: it does. Pictures of another run, or originals, would pass for averaged ones.

    """
    own = {folder / f"{image.id}.png" for image in images}
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        is_part = path.name.startswith(".") and path.suffix == ".part"  # of a killed run
        if path not in own and not is_part and not path.is_dir():
            raise InputError(f"{path} is no picture of these images: name a new folder")


def _record(done: Averaged, path: Path, detectors: Sequence[str]) -> None:
    counts = asdict(replace(done, left_out=())) | {"left_out": len(done.left_out)}
    write_json(path, counts | {"detectors": list(detectors)})
