"""Keys of images: an id, or a path relative to the data set's root or absolute; exact."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.datasets.source import plain_path

UNUSED = -1
"""An image that the data set lists and does not use."""
UNKNOWN = -2
SEVERAL = -3
APART = -4
REASONS = {
    UNKNOWN: "no image of the data set has this {key}",
    SEVERAL: "several images of the data set have this {key}",
    APART: "{id} and {path} are those of two images",
}
"""Why a row reaches no image. `key`, `id` and `path` stand for what the file calls them."""
_NOT_GIVEN = -5


class Images:
    """The images that a file of annotations may name.

    Names are compared character by character. Paths lose `./` and doubled slashes before, and an
    absolute path inside the root becomes relative to it; nothing else is cut, folded or guessed.
    """

    def __init__(
        self, root: Path, images: pd.DataFrame, others: pd.DataFrame | None = None
    ) -> None:
        """Index the images.

        Args:
            root: the folder that the paths are relative to.
            images: those that are used: columns id and path and, where sizes are to be checked,
                width and height.
            others: images that are known and not used, columns id and path. Rows of those are not
                mistaken. Those whose id is in `images` are passed over.

        """
        self.root = root
        self.ids = images["id"].to_numpy(object)
        self.sizes: np.ndarray | None = None
        """Width and height, upright, float [N, 2]; None: not known."""
        if "width" in images:
            self.sizes = images[["width", "height"]].to_numpy(float)
        known = images[["id", "path"]]
        if others is not None:
            more = others[~others["id"].isin(images["id"])]
            known = pd.concat([known, more[["id", "path"]]])
        self._ids, self._paths = (_Column(known[key].to_numpy(object)) for key in ("id", "path"))
        # the root as it is called, and as it is without links: one folder
        self._roots = {f"{str(base).rstrip('/')}/" for base in (root.absolute(), root.resolve())}

    def __len__(self) -> int:
        """Return the number of images that are used."""
        return len(self.ids)

    def match(self, ids: pd.Series, paths: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return each row's image, and which rows an id (and not a path) decides.

        Args:
            ids: text [N], empty where a row gives none.
            paths: the same of paths. A row that gives both must mean one image by both.

        Returns:
            int64 [N], places in `ids`, or one of the negative numbers above; bool [N].

        """
        by_id = self._ids.find(ids.to_numpy(object))
        plain = self._relative(paths)
        by_path = self._paths.find(plain)
        # of several images of one path, the id says which
        both = (by_path == SEVERAL) & (by_id >= 0)
        both[both] = self._paths.names[by_id[both]] == plain[both]
        by_path[both] = by_id[both]
        use_id = (by_path == _NOT_GIVEN) | ((by_id < 0) & (by_id != _NOT_GIVEN))
        result = np.where(use_id, by_id, by_path)
        result[(by_id >= 0) & (by_path >= 0) & (by_id != by_path)] = APART
        result[result == _NOT_GIVEN] = UNKNOWN
        result[result >= len(self)] = UNUSED
        return result, use_id

    def _relative(self, paths: pd.Series) -> np.ndarray:
        codes, distinct = pd.factorize(paths.to_numpy(object))
        plain = [self._plain(path) for path in distinct]
        return np.array([*plain, ""], dtype=object)[codes]

    def _plain(self, path: str) -> str:
        if not path:
            return path
        plain = plain_path(path)
        inside = [base for base in self._roots if plain.startswith(base)]
        if not inside or plain in self._paths:
            return plain
        return plain[len(max(inside, key=len)) :]

    def hint(self, name: str, is_path: bool) -> str:
        """Return what may be wrong with a name that no image has; empty where nothing is seen."""
        column, other = (self._paths, self._ids) if is_path else (self._ids, self._paths)
        if name != name.strip():
            return "there is white space around it"
        if name in other:
            kinds = ("a path", "an id") if is_path else ("an id", "a path")
            return f"it is not {kinds[0]} but {kinds[1]}: name the column so"
        if "\\" in name and name.replace("\\", "/") in column:
            return "write it with / in place of \\"
        folded = _folded(name)
        near = next((known for known in column.names if _folded(known) == folded), None)
        if near is not None:
            if near.casefold() == name.casefold():
                return "there is one that differs in upper and lower case"
            return "there is one that looks alike in another Unicode form"
        if is_path:
            return f"paths are relative to {self.root}, or absolute, and have their suffix"
        return ""


class _Column:
    """One column of names, which need not be unique."""

    def __init__(self, names: np.ndarray) -> None:
        self.names = names
        whole = pd.Index(names, dtype=object)
        first = ~whole.duplicated()
        self._distinct = whole[first]
        self._places = np.flatnonzero(first)
        self._several = whole.duplicated(keep=False)[first]

    def __contains__(self, name: str) -> bool:
        return name in self._distinct

    def find(self, names: np.ndarray) -> np.ndarray:
        """Return the place of each name; UNKNOWN, SEVERAL or _NOT_GIVEN (empty) otherwise."""
        if not len(self._distinct):
            found = np.full(len(names), -1)
        else:
            found = self._distinct.get_indexer(names)
        result = np.full(len(names), UNKNOWN, dtype=np.int64)
        result[found >= 0] = self._places[found[found >= 0]]
        several = np.zeros(len(names), dtype=bool)
        several[found >= 0] = self._several[found[found >= 0]]
        result[several] = SEVERAL
        result[names == ""] = _NOT_GIVEN
        return result


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
