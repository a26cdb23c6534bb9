"""Persons of images, by whom k-same counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.core.wording import count
from anonbench.datasets.inputs import Images
from anonbench.datasets.source import read_csv

_PLACE = "persons"


def persons_of(images: Images, persons: Mapping[str, str] | str | Path) -> dict[str, str]:
    """Return the person of each image that has one, by the image's id.

    Rows of images that are not there are no error: a list may be of a larger archive.

    Args:
        images: what is averaged.
        persons: the person by an image's id or its path, as the images have them; or a CSV file
            with a column `id` or `path`, and a column `person`.

    Raises:
        InputError: the file is no such table, two rows differ on an image, or none of the images
            has a person.

    """
    if isinstance(persons, Mapping):
        place, known = _PLACE, {str(key): str(each) for key, each in persons.items()}
    else:
        place, known = f"{_PLACE}: {persons}", _read(Path(persons))
    found: dict[str, str] = {}
    for image in images:
        named = {known[key].strip() for key in (image.id, image.name) if key in known} - {""}
        if len(named) > 1:
            raise InputError(f"{place}: image {image.name!r} is of two persons; leave one of them")
        if named:
            found[image.id] = named.pop()
    if not found:
        example = f"{images.images[0].name!r} or {images.images[0].id!r}"
        raise InputError(
            f"{place}: {count(len(known), 'image')} with a person, and none of {images.place} is "
            f"among them; an image is called as here: {example}"
        )
    return found


def _read(path: Path) -> dict[str, str]:
    """Return persons by what the file calls their images."""
    place = f"{_PLACE}: {path}"
    try:
        table = read_csv(path).fillna("")
    except (OSError, ValueError) as error:
        raise InputError(f"{place} cannot be read as CSV ({error})") from None
    key = next((name for name in ("id", "path") if name in table), None)
    if key is None or "person" not in table:
        has = ", ".join(map(str, table.columns)) or "none"
        raise InputError(f"{place} needs columns id (or path) and person; it has {has}")
    pairs = table[[key, "person"]].drop_duplicates()
    if (twice := pairs[key].duplicated()).any():
        name = pairs.loc[twice, key].iloc[0]
        raise InputError(f"{place}: {key} {name!r} is of two persons; leave one of its rows")
    return dict(zip(pairs[key], pairs["person"], strict=True))
