"""Vectors that other programs write: read, and matched with the images that they are of."""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Place

if TYPE_CHECKING:
    import numpy as np

    from anonbench.datasets.image_sets.shards import ImageSet
    from anonbench.embedding.store import Embeddings

VARIANT = "{variant}"


class Vectors(SystemKind):
    """Vectors of the original images and of each variant, in files that another program wrote.

    A run makes the anonymized images, then says which of them need vectors, and goes on once the
    files are there. Crops cannot be embedded: attacks on privacy need a recognizer of their own.
    """

    name: ClassVar = "vectors"
    label: ClassVar = "Vectors made elsewhere"
    embeds_images: ClassVar = False

    kind: Literal["vectors"] = "vectors"  # Kind of system.
    path: Place
    """Path of the files with `{variant}` for `original`, `blur-100` and so on, such as
    `vectors/{variant}.h5`."""

    def _contradictions(self) -> Iterator[str]:
        if VARIANT not in self.path.name:
            yield f"path: needs {VARIANT} in its file name, such as {VARIANT}.h5"

    def stored(self, variant: str) -> Path:
        """Path of a variant's vectors."""
        return self.path.with_name(self.path.name.replace(VARIANT, variant))

    def files(self) -> list[Path]:
        """List the files that are there already, with the lists of ids beside NPY files."""
        found = sorted(self.path.parent.glob(glob.escape(self.path.name).replace(VARIANT, "*")))
        return [*found, *(ids for each in found for ids in _id_list(each) if ids.is_file())]

    def start(self) -> AbstractContextManager[Encoder]:
        """Refuse to start: no image can be embedded here."""
        raise InputError("systems: vectors that are made elsewhere can embed no image here")

    def image_set_vectors(
        self, sets: Sequence[tuple[str, ImageSet]], kept: Path
    ) -> list[np.ndarray]:
        """Return the vectors of image sets (by variant), float32 [N, D], in the order of their ids.

        The folder `kept` remembers of which images a file was read.

        Raises:
            InputError: a file is missing (the message names the images that need vectors), or it
                lacks images, is of other ones, or has other dimensions than the others.
        """
        wanted = []
        for variant, images in sets:
            needed = [self.stored(variant), *_id_list(self.stored(variant))]
            if missing := [str(file) for file in needed if not file.is_file()]:
                original = f"the originals in {images.folder}"
                where = original if variant == "original" else f"{images.folder}/*.tar"
                wanted.append(f"  {where} ({len(images):,} images) -> {' and '.join(missing)}")
        if wanted:
            raise InputError(
                f"systems: vectors of {len(wanted)} image sets are missing. Embed these images by "
                "your system, write the files, and run the same command again:\n"
                + "\n".join(wanted)
                + "\nIds are the names of the files in these tars, or the images' ids."
            )
        for variant, images in sets:
            _require_same(self.stored(variant), images, kept / f"{variant}.images.parquet")
        found = [_matched(self.stored(variant), images) for variant, images in sets]
        widths = {str(self.stored(v)): f.shape[1] for (v, _), f in zip(sets, found, strict=True)}
        if len({*widths.values()}) > 1:
            text = ", ".join(f"{path} {width}" for path, width in widths.items())
            raise InputError(f"systems: the files have vectors of several dimensions: {text}")
        return found


def _id_list(file: Path) -> list[Path]:
    """The list of ids that an NPY file needs beside it; other files have their ids in them."""
    from anonbench.embedding.formats import ID_LIST

    return [file.with_suffix(ID_LIST)] if file.suffix.lower() == ".npy" else []


def _require_same(file: Path, images: ImageSet, record: Path) -> None:
    """Refuse a file that an earlier run read, where an image is another one since then."""
    import pandas as pd

    from anonbench.core.io import write_parquet
    from anonbench.core.provenance import file_digest

    digest = file_digest(file)
    now = pd.DataFrame({"id": images.ids, "digest": images.digests, "file": digest}, dtype="str")
    if record.is_file() and (before := pd.read_parquet(record))["file"].eq(digest).all():
        both = before.merge(now, on="id", suffixes=("", "_now"))
        changed = both["id"][both["digest"] != both["digest_now"]]
        if len(changed):
            raise InputError(
                f"systems: {file} was written for other images: {len(changed)} of {len(now)} have "
                f"changed since, such as {changed.iloc[0]!r}. Embed the images in {images.folder} "
                f"again and write the file (if its vectors are right nevertheless: delete {record})"
            )
        now = pd.concat([before, now]).drop_duplicates("id")  # train images have the same file
    write_parquet(now, record)


def _matched(file: Path, images: ImageSet) -> np.ndarray:
    """Return a file's vectors of the images of a set."""
    import numpy as np

    from anonbench.datasets.image_sets.shards import member_name

    given = read_vectors(file)
    rows = {name: row for row, name in enumerate(given.ids)}
    places = []
    for image_id in images.ids:
        plain = member_name(image_id, "").removesuffix(".")
        names = [image_id, images.path(image_id), f"{plain}.png", f"{plain}.jpg", plain]
        places.append(next((rows[name] for name in names if name in rows), None))
    if absent := [name for name, row in zip(images.ids, places, strict=True) if row is None]:
        raise InputError(
            f"systems: {file} has no vector of {len(absent)} of {len(images)} images, such as "
            f"{absent[0]!r}; ids are those of the images, or the names of their files"
        )
    return np.asarray(given.values)[np.array(places, np.int64)]


def read_vectors(file: Path) -> Embeddings:
    """Read vectors: formats of `anonbench.embedding.formats`, or NPZ (`ids`, `embeddings`).

    InputError: the file is in none of them.
    """
    import numpy as np

    from anonbench.embedding.formats import checked, read

    if file.suffix != ".npz":
        return read(file)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            ids, values = arrays["ids"], arrays["embeddings"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file}: cannot be read as NPZ with `ids` [N] and `embeddings` [N, D] "
            f"({type(error).__name__})"
        ) from None
    return checked(ids, values, str(file))
