"""The page in one language, with all it embeds: texts, scripts, figures, a data set's files."""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup
from PIL import Image, UnidentifiedImageError

from anonbench.config.experiment import Experiment
from anonbench.config.outputs import Figure, Table
from anonbench.core.errors import InputError
from anonbench.core.registries.method_names import label_of
from anonbench.core.vocabulary import RESULTS
from anonbench.reporting.labels import METHODS, TEXTS, metric_label
from anonbench.reporting.shown_images import webp_uri

_LISTED: dict[str, Any] = yaml.safe_load(TEXTS.joinpath("figures.yaml").read_text("utf-8"))
FIGURES: dict[str, dict[str, str]] = _LISTED["figures"]
"""Kinds of figures in the report, in order: page, title, caption."""
SCRIPTS = ("pages.js", "tables.js", "chooser.js", "explorer.js")


class Texts:
    """Texts and number formats of one language."""

    def __init__(
        self, language: str = "en", configfiles: Sequence[str] = (), results: str = RESULTS
    ) -> None:
        """Read the catalogue of a language, or InputError; commands name config and results."""
        file = TEXTS.joinpath(f"{language}.yaml")
        if not file.is_file():
            raise InputError(f"presentation.language: there are no texts in {language!r}")
        self._texts: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        named = " ".join(map(shlex.quote, configfiles))
        self.configfile = f" --configfile {named}" if named else ""
        self.results, self.language = shlex.quote(results), language
        how: Any = {"autoescape": True, "undefined": StrictUndefined}
        loader = FunctionLoader(lambda key: str(self.raw(key)) if self.has(key) else None)
        self._jinja = Environment(loader=loader, cache_size=-1, **how)  # of hundreds of texts
        self._jinja.globals |= {"configfile": self.configfile, "results": self.results}

    def __call__(self, key: str, **values: Any) -> Markup:
        """Text of a key with dots, with its values filled in and escaped; or LookupError."""
        return Markup(self._jinja.get_template(key).render(**values))

    def raw(self, key: str) -> Any:
        """Template of a text, or those below a key; None without one."""
        found: Any = self._texts
        for name in key.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def has(self, key: str) -> bool:
        """Whether there is a text."""
        return self.raw(key) is not None

    def first(self, *keys: str, **values: Any) -> Markup:
        """First existing text among several keys."""
        return self(next(key for key in keys if self.has(key)), **values)

    def named(self, key: str, name: str) -> str:
        """Text of a name below a key, or the name itself if there is none."""
        return str(self(f"{key}.{name}")) if self.has(f"{key}.{name}") else name.replace("_", " ")

    def method(self, name: str) -> str:
        """Name of a method, in English if the catalogue does not name it."""
        return label_of(name, METHODS | self._texts.get("methods", {}))

    def number(self, value: float, digits: int = 0) -> str:
        """Format a number for the language."""
        marks = {",": self._texts["thousands"], ".": self._texts["decimal"], "-": "−"}
        return f"{value:z,.{digits}f}".translate(str.maketrans(marks))

    def confidence(self, share: float) -> str:
        """Format a confidence or limit in percent, not rounded: 99.5 % is not 100 %."""
        return f"{100 * share:g}".replace(".", self._texts["decimal"])

    def percent(self, share: float) -> str:
        """Format a share in percent, with one decimal below 10 %."""
        value = 100 * share
        return self.number(value, 0 if value == 0 or abs(value) >= 9.95 else 1)


def render(texts: Texts, **content: Any) -> str:
    """Render the whole page, whose security policy allows embedded content only, no network."""
    style, scripts = resource("style.css"), [resource(name) for name in SCRIPTS]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {digest(style)}; script-src {' '.join(digest(text) for text in scripts)}"
    )
    content |= {"style": Markup(style), "scripts": map(Markup, scripts), "policy": policy}
    system = content["system"] or ""  # under test, if models are not trained
    names = {"system": system, "not_shown": _LISTED["not_shown"]}
    key = "of_system" if system else "caption"
    found = {kind: each.get(key, each["caption"]) for kind, each in FIGURES.items()}
    captions = {kind: Template(text).render(**names) for kind, text in found.items()}
    content |= {"t": texts, "figures": FIGURES, "captions": captions}
    return environment().get_template("page.html.j2").render(**content)


def pictures(figures: Iterable[tuple[Figure, Path]], kind: str) -> list[dict[str, Any]]:
    """Figures of one kind for the page, from their PNGs, as lossless WebP.

    Raises:
        InputError: a file is not a PNG.
    """
    shown = []
    for figure, png in (each for each in figures if each[0].kind == kind):
        parts = [
            figure.dataset,
            metric_label(figure.metric) if figure.metric else "",
            f"{figure.query} queries" if figure.query else "",
            f"degree {figure.degree} %" if figure.degree is not None else "",
        ]
        title = ", ".join(filter(None, parts))
        about = {"stem": figure.stem, "title": title, "alt": f"{FIGURES[kind]['title']}: {title}."}
        try:
            with Image.open(png, formats=["PNG"]) as image:
                sizes = {"width": image.width, "height": image.height}
                source = webp_uri(image.convert("RGB"), lossless=True)
                shown.append(about | sizes | {"source": source})
        except UnidentifiedImageError as error:
            raise InputError(f"{png}: is not a PNG; make the figure again") from error
    return shown


def digest(text: str) -> str:
    """Digest of an inline style or script as a source expression for the security policy."""
    value = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{value}'"


def embedded(value: Any) -> Markup:
    """Encode plain data as JSON that is safe inside a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def opening(text: str) -> tuple[str, str]:
    """Split a text into its first two sentences and the rest."""
    parts = re.split(r"(?<=[.!?])\s+", text.strip())
    return " ".join(parts[:2]), " ".join(parts[2:])


def resource(name: str) -> str:
    """Read a template, style or script of this package."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def environment(**filters: Any) -> Environment:
    """Jinja environment of this package's templates, with additional filters."""
    how: Any = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    how |= {"autoescape": True, "undefined": StrictUndefined}
    made = Environment(loader=FunctionLoader(resource), **how)
    made.filters["unbroken"] = lambda text: type(text)(re.sub(r" (?=[%=])|(?<==) ", "\u00a0", text))
    made.filters |= {"opening": opening, "embedded": embedded}
    made.filters |= {"number": lambda value: f"{value:,}"} | filters
    return made


ATTACKED = "enabled: true"


@dataclass(frozen=True)
class DatasetSection:
    """Results of one data set that the report shows; a missing file is reported as not run."""

    name: str
    files: Mapping[str, Path]  # files by the keys of `FILES` and `UNTOLD`
    tables: Sequence[Table] = ()
    figures: Sequence[tuple[Figure, Path]] = ()  # each figure with its PNG
    correlations: Mapping[int, Path] = field(default_factory=dict)
    """Coefficients in long form, by degree."""
    attacked_by: str = ATTACKED  # setting of the section `privacy` that enables attacks on regions
    image_sets: Sequence[tuple[str, str, Sequence[Path]]] = ()
    """Split, variant, and the files with the digests of the shards of each published set."""

    def file(self, key: str) -> Path | None:
        """File of a key, if it exists."""
        path = self.files.get(key)
        return path if path is not None and path.is_file() else None


_TABLES = ["scores", "comparisons", "effects", "variance", "trainings", "best"]
_TABLES += ["deployments", "near_duplicates", "maps", "given", "counts", "audit", "policy"]
FILES = {name: f"{name}.csv" for name in _TABLES} | {
    "methods": "method_comparisons.csv",
    "rates": "privacy/reidentification.csv",
    "attacks": "privacy/attacks.csv",
    "quality": "quality/summary.csv",
    "attention": "attention/shares.csv",
    "explorer": "explorer.json",
}
"""Files whose digests are shown, those of `UNTOLD` are not: a digest confirms a guess of names."""
UNTOLD = {"skipped": "skipped.csv", "boxes": "boxes.parquet", "manifest": "manifest.parquet"}


def sections(
    experiment: Experiment, results: Path, image_sets: Mapping[str, Any]
) -> list[DatasetSection]:
    """Files of each data set that the workflow writes for the report, with its image sets."""
    found = []
    for name, dataset in experiment.datasets.items():
        own, absent = results / name, experiment.absent(name)
        degrees = sorted(dataset.degrees) if dataset.is_classified else []
        system = experiment.config.system_of(name)
        embedded = system is None or system.embeds_images
        figures = [figure for figure in experiment.figures if figure.dataset == name]
        section = DatasetSection(
            name=name,
            files={k: own / path for k, path in (FILES | UNTOLD).items() if k not in absent},
            tables=[table for table in experiment.tables if table.dataset == name],
            figures=[(each, results / f"figures/{each.stem}.png") for each in figures],
            correlations={degree: own / f"correlation/{degree}.csv" for degree in degrees},
            # precomputed vectors cover no crops, so that a recognizer is needed
            attacked_by=ATTACKED if embedded else "recognizer: {weights: face.onnx}",
            image_sets=image_sets.get(name, ()),
        )
        found.append(section)
    return found


def digested(datasets: Iterable[DatasetSection]) -> dict[str, Path]:
    """Files whose digests are shown, by their names in the page."""
    return {
        f"{s.name}/{FILES[key]}": s.files[key] for s in datasets for key in FILES if key in s.files
    }
