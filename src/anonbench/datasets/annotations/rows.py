"""Rows of annotation files: read from tables (CSV or Parquet), checked, found among images."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from anonbench.core.boxes import QUAD_COLUMNS, region_fault, regions_of
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.source import plain_path, read_csv

BOX = ["x0", "y0", "x1", "y1"]
KEYS = ["id", "path"]
ROW_COLUMNS = ["where", *KEYS, "entity", *BOX, *QUAD_COLUMNS, "score"]
IMAGE_COLUMNS = ["where", *KEYS, "width", "height"]
ROW_TYPES = dict.fromkeys([*BOX, *QUAD_COLUMNS, "score"], np.float64)
SLACK = 1.0  # pixels beyond an image's edge that are cut off: some tools count from 1
MISSING = ("", "nan")  # cells without a number, in lower case: tables write NaN for an empty one
NOTHING = (np.nan,) * 8
_ANY_SIZE = 2.0**24  # assumed width and height in pixels if the size is not known
# instead of an image's place; `UNUSED`: an image that the data set lists and does not use
UNUSED, UNKNOWN, SEVERAL, APART, _NOT_GIVEN = range(-1, -6, -1)
REASONS = {  # `key`, `id` and `path` stand for the file's names of them
    UNKNOWN: "no image of the data set has this {key}",
    SEVERAL: "several images of the data set have this {key}",
    APART: "{id} and {path} are those of two images",
}


@dataclass(frozen=True)
class Rows:
    """The boxes of one file before they are checked."""

    file: Path
    table: pd.DataFrame
    """Columns `ROW_COLUMNS`: the place in the file, the image's id and path (empty where the file
    gives none), the entity's name, float64 numbers (NaN where there is none)."""
    unit: str = "row"  # what one row is called in the file
    column: str = ""  # name of the field that holds a box; empty if each number has its own column
    keys: tuple[str, str] = ("id", "path")  # the file's names of id and path
    images: pd.DataFrame | None = None
    """Images that the file lists, whether or not they have boxes: columns `IMAGE_COLUMNS`, with the
    width and height that it states (NaN where it states none). None: it has no such list."""

    def refuse(self, bad: np.ndarray, column: str, text: str) -> None:
        """Raise InputError for the first row of `bad` (bool [N]), if there is one.

        The text is reason and remedy; `{name}` stands for the row's value of that column.
        """
        if not bad.any():
            return
        first = self.table.iloc[int(bad.argmax())]
        others = int(bad.sum()) - 1
        more = f" ({others} more like it)" if others else ""
        shown = self.column if self.column and column in (*BOX, *QUAD_COLUMNS) else column
        values = {
            str(name): f"{value:g}" if isinstance(value, float) else printable(str(value))
            for name, value in first.items()
        }
        raise InputError(
            f"{self.file}: {self.unit} {values['where']} (image {values['id'] or values['path']}), "
            f"{shown}: {text.format(**values)}{more}"
        )


def printable(text: str) -> str:
    """Return a text with control and unprintable characters made visible."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def check_values(rows: Rows, boxed: np.ndarray) -> None:
    """Raise InputError for an unknown entity, or numbers that are no box where `boxed`."""
    table = rows.table
    is_finite = np.isfinite(table[[*BOX, "score", *QUAD_COLUMNS]].to_numpy(float))
    entities = f"'{{entity}}' is none of {', '.join(Entity)}; rename it or leave such rows out"
    rows.refuse(~table["entity"].isin([*Entity]).to_numpy(), "entity", entities)
    for place, name in enumerate(BOX):
        text = "missing or not a finite number; fill it in or leave the row out"
        rows.refuse(boxed & ~is_finite[:, place], name, text)
    for low, high in (("x0", "x1"), ("y0", "y1")):
        rows.refuse(
            boxed & (table[high] <= table[low]).to_numpy(),
            high,
            f"empty or inverted box: {high} ({{{high}}}) is not greater than {low} ({{{low}}}); "
            f"a box goes from x0, y0 (left, top) to x1, y1 (right, bottom)",
        )
    rows.refuse(~is_finite[:, 4], "score", "not a finite number; leave it out")
    corners = is_finite[:, 5:]
    bad = table[QUAD_COLUMNS].notna().any(axis=1).to_numpy() & ~corners.all(axis=1)
    name = QUAD_COLUMNS[int(corners[bad.argmax()].argmin())] if bad.any() else ""
    rows.refuse(bad, name, "a quadrilateral needs all of q0 … q7 (x, y of four corners), or none")


def cut_at_edges(rows: Rows, sizes: np.ndarray | None, boxed: np.ndarray) -> pd.DataFrame:
    """Return rows with their boxes cut at the images' edges (sizes, float [N, 2]), where known.

    InputError for a box beyond an edge by more than `SLACK`, or see `region_fault`.
    """
    known = np.full((len(rows.table), 2), _ANY_SIZE) if sizes is None else sizes
    table = rows.table.assign(width=known[:, 0], height=known[:, 1])
    checked = Rows(rows.file, table, rows.unit, rows.column)
    text = (
        "{%s} is outside the image, which has {width} × {height} pixels (upright by its EXIF); is "
        "the box in pixels, and of this image at this size?"
    )
    for name in BOX if sizes is not None else ():
        limit = known[:, 0 if name[0] == "x" else 1]
        value = table[name].to_numpy(float)
        checked.refuse((value < -SLACK) | (value > limit + SLACK), name, text % name)
        table[name] = np.clip(value, 0, limit)
    if sizes is None:  # planning checks only faults that are independent of the image, to save time
        doubtful = table[QUAD_COLUMNS[0]].notna() | (table[["x1", "y1"]] < 2).all(axis=1)
        boxed = boxed & doubtful.to_numpy()
    places = np.flatnonzero(boxed)
    for place, region in zip(places, regions_of(rows.table.iloc[places]), strict=True):
        if (fault := region_fault(region, *known[place].tolist())) is not None:
            bad = np.arange(len(table)) == place
            checked.refuse(bad, BOX[0], f"the region {fault} (give pixels, or leave the row out)")
    return table.drop(columns=["width", "height"])


def turn_names(names: Iterable[Any]) -> list[str]:
    """Names of fields with a shape's rotation, such as `box_angle` and `Theta`."""
    words = {"rotation", "rotate", "rotated", "angle", "theta"}
    return [str(name) for name in names if words & {*re.split(r"[\W_]+", str(name).lower())}]


def turns(fields: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the names of fields that turn a shape, and the angle.

    0 and missing values, including NaN, are left out; the angle is NaN if it is no number.
    """
    for name in turn_names(fields):
        turn, value = np.nan, fields[name]
        with suppress(ValueError, TypeError, OverflowError):
            turn = float(value)
        if turn != 0 and value is not None and str(value).strip().lower() not in MISSING:
            yield name, turn


class Images:
    """The images that a file of annotations may name.

    Names are compared character by character. Paths first lose `./` and doubled slashes, and an
    absolute path inside the root becomes relative to it; nothing else is cut, folded or guessed.
    """

    def __init__(
        self, root: Path, images: pd.DataFrame, others: pd.DataFrame | None = None
    ) -> None:
        """Index images below `root`: used (id, path, perhaps width, height) and known others."""
        self.root = root
        self.ids = images["id"].to_numpy(object)
        self.sizes: np.ndarray | None = None  # width, height, float [N, 2]; None: not known
        if "width" in images:
            self.sizes = images[["width", "height"]].to_numpy(float)
        known = images[["id", "path"]]
        if others is not None:
            more = others[~others["id"].isin(images["id"])]
            known = pd.concat([known, more[["id", "path"]]])
        self._all_paths = known["path"].to_numpy(object)
        self._ids, self._paths = _places(known["id"]), _places(known["path"])
        # the root by its given name and without links: one folder
        self._roots = {f"{str(base).rstrip('/')}/" for base in (root.absolute(), root.resolve())}

    def match(self, ids: pd.Series, paths: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return each row's image, and a mask of rows decided by an id (and not a path).

        Ids and paths are text [N], empty if a row has none. Images are places in `self.ids`, int64
        [N], or one of the negative numbers above.
        """
        plain = {path: self._plain(path) for path in paths.unique()}
        found = [self._find(*row, plain[row[1]]) for row in zip(ids, paths, strict=True)]
        places = np.array([place for place, _ in found], np.int64)
        places[places >= len(self.ids)] = UNUSED
        return places, np.array([by_id for _, by_id in found], bool)

    def _find(self, image_id: str, path: str, plain: str) -> tuple[int, bool]:
        by_id = self._ids.get(image_id, UNKNOWN) if image_id else _NOT_GIVEN
        by_path = self._paths.get(plain, UNKNOWN) if path else _NOT_GIVEN
        if by_path == SEVERAL and by_id >= 0 and self._all_paths[by_id] == plain:
            by_path = by_id  # if several images have one path, the id decides
        if by_id >= 0 and by_path >= 0 and by_id != by_path:
            return APART, False
        use_id = by_path == _NOT_GIVEN or (by_id < 0 and by_id != _NOT_GIVEN)
        place = by_id if use_id else by_path
        return (UNKNOWN if place == _NOT_GIVEN else place), use_id

    def _plain(self, path: str) -> str:
        plain = plain_path(path) if path else path
        inside = [base for base in self._roots if plain.startswith(base)]
        if not inside or plain in self._paths:
            return plain
        return plain[len(max(inside, key=len)) :]


def _places(names: Iterable[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places[name] = SEVERAL if name in places else place
    return places


def read_table(file: Path) -> Rows:
    """Read columns id (or path, or both), entity, x0, y0, x1, y1, optionally q0 … q7 and score.

    Ids and paths are taken as they are, white space and all. Other columns are ignored. InputError
    for no such table, a cell that is no number, and corrections with removals, which would become
    boxes.
    """
    frame = load_texts(file)
    if "action" in frame and frame["action"].astype(str).str.strip().eq("remove").any():
        raise InputError(
            f"{file} has corrections (rows with the action remove), as `anonbench review` writes "
            "them, and not boxes only: name it as `corrections` of the data set, or "
            "FOLDER.corrections.csv beside the copies, or take out these rows"
        )
    return make_rows(file, frame, [*BOX, *QUAD_COLUMNS, "score"])


def make_rows(file: Path, frame: pd.DataFrame, numbers: Sequence[str]) -> Rows:
    """Return the rows of a table whose cells may still be text; a missing score is 1."""
    keys = [key for key in KEYS if key in frame]
    missing = [column for column in ("entity", *BOX) if column not in frame]
    if not keys or missing:
        wanted = missing[0] if keys else "id (or path)"
        raise InputError(
            f"{file} has no column {wanted}; a table of boxes needs id (or path), entity, "
            f"{', '.join(BOX)}; a CSV's first line names them, separated by commas"
        )
    table = pd.DataFrame(index=frame.index, columns=ROW_COLUMNS)
    table["where"] = np.arange(1, len(frame) + 1) if file.suffix == ".parquet" else frame.index + 1
    for key in KEYS:
        table[key] = _texts(frame[key]) if key in frame else ""
    table["entity"] = _texts(frame["entity"]).str.strip().str.lower()
    rows = Rows(file, table)
    for key in keys:
        cells = frame[key].tolist()
        is_name = [isinstance(e, str | int) and not isinstance(e, bool) for e in cells]
        is_other = ~np.array(is_name, dtype=bool) & frame[key].notna().to_numpy()  # 1.0 may be 1
        text = "neither text nor a whole number, and may have been another; write it as text"
        rows.refuse(is_other, key, text)
    rows.refuse((table[keys] == "").all(axis=1).to_numpy(), keys[0], "empty; say whose box this is")
    for column in numbers:
        table[column] = _numbers(rows, frame, column)
    table["score"] = table["score"].astype(float).fillna(1.0)
    has_corners = table[QUAD_COLUMNS[0]].notna().to_numpy()
    way_out = "its corners as q0 … q7" if QUAD_COLUMNS[0] in numbers else "the box around it"
    for column in turn_names(frame.columns):
        is_turned = np.array([any(turns({column: cell})) for cell in frame[column]], bool)
        text = f"not read, and the box may be turned; give {way_out}, without this"
        rows.refuse(is_turned & ~has_corners, column, text)
    return rows


def load_texts(file: Path) -> pd.DataFrame:
    """Return a CSV's cells as text without the empty lines, or a Parquet table as it is.

    The index counts the rows from 0, the header and no line else left out. InputError without it.
    """
    if not file.is_file():
        raise InputError(f"{file} does not exist")
    try:
        if file.suffix == ".parquet":
            frame: pd.DataFrame = pq.read_table(file).to_pandas(ignore_metadata=True)
        else:
            options: dict[str, Any] = {"encoding": "utf-8-sig", "skip_blank_lines": False}
            # read separately: pandas renames repeated columns, and names those without a name
            names = read_csv(file, header=None, nrows=1, **options).iloc[0]
            frame = read_csv(file, **options).fillna("")
            pairs = zip(frame.columns, names, strict=True)
            frame.columns = [own if pd.isna(name) else str(name).strip() for own, name in pairs]
            frame = frame[(frame != "").any(axis=1)]
    except pd.errors.EmptyDataError:
        raise InputError(f"{file} is empty; its first line must name the columns") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text in UTF-8; save it as CSV in UTF-8") from None
    except Exception as error:  # the libraries may raise anything for a damaged file
        reason = printable((str(error).strip() or type(error).__name__).splitlines()[0])
        raise InputError(f"{file} cannot be read as CSV or Parquet: {reason}") from None
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(
            f"{file} has two columns {printable(str(twice[0]))}; rename one, or take it out"
        )
    return frame


def _texts(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), "").astype(str)


def _numbers(rows: Rows, frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as float64; NaN where a cell is empty or the column is missing."""
    if column not in frame:
        return pd.Series(np.nan, index=frame.index)
    values = frame[column]
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float)
    texts = _texts(values).str.strip()
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    wrong = numbers.isna() & ~texts.str.lower().isin(MISSING)
    rows.table[column] = texts
    rows.refuse(wrong.to_numpy(), column, f"'{{{column}}}' is not a number")
    return numbers
