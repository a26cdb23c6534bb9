"""Statement to a data protection officer on one data set, as HTML and Markdown.

Its order is that of a data protection impact assessment. It ends with the SHA-256 of its Markdown:
anyone who has recorded the digest elsewhere can detect edits. It is not a cryptographic signature.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from anonbench.core.io import atomic
from anonbench.core.provenance import file_digest
from anonbench.core.registries.attacks import NOTHING_TO_ATTACK
from anonbench.core.registries.method_names import pictures_of, published_as
from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.policy.evidence import (
    ATTACK,
    INFORMATION_LEFT,
    MISSED,
    SEARCHED,
    STRENGTH,
)
from anonbench.evaluation.policy.verdicts import Verdict, above_control
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.reporting.choices.table import UNATTACKED, of_own_vectors
from anonbench.reporting.grids.grid import escape_markdown, markdown_grid
from anonbench.reporting.html.dataset_section import DatasetSection, digested
from anonbench.reporting.html.page import digest, environment, resource
from anonbench.reporting.html.texts import Texts
from anonbench.reporting.html.words import NAMES, Words, step
from anonbench.reporting.labels import NONE

STATED = ("counts.csv", "audit.csv", "policy.csv", "quality/summary.csv")
"""Files besides `choices.csv` from which the statement's numbers are taken."""


@dataclass(frozen=True)
class Made:
    """Versions of the code that made the image sets, and the digests of their shards."""

    packages: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    """Digest of the code of each stage."""
    image_sets: Sequence[tuple[str, str, Sequence[Path]]] = ()
    """Split, variant, and the files with the digests of the set's shards."""


@dataclass(frozen=True)
class Rows:
    """A table of texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    """Columns that are aligned right."""


def write_statement(
    section: DatasetSection,
    choices: pd.DataFrame,
    policy: pd.DataFrame,
    words: Words,
    made: Made,
    folder: Path,
    originals: bool = False,
) -> None:
    """Write ``statement.md`` and ``statement.html``: the same bytes for the same files.

    Args:
        section: files of the data set.
        choices: its choices in order (`choices.table.choices`); the statement is about the first.
        policy: its verdicts (`anonbench.evaluation.policy.verdicts.JUDGED`).
        words: words of the language.
        made: versions of what made the image sets.
        folder: folder for both files, with `choices.csv`.
        originals: whether the report shows original images.
    """
    top = next((row for row in choices.to_dict("records") if row["query"] == ORIGINAL), None)
    stated = _statement(section, choices, policy, words, made, folder, top)
    page = environment(md=_markdown, md_table=_markdown_table, digest=digest)
    template, style = page.get_template("statement.j2"), Markup(resource("statement.css"))

    def rendered(form: str, fingerprint: str = "") -> str:
        text = template.render(
            form=f"statement.{form}.j2",
            t=words.texts,
            s=stated | {"originals": originals},
            style=style,
            fingerprint=fingerprint,
        )
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"

    fingerprint = hashlib.sha256(rendered("md").encode("utf-8")).hexdigest()
    for form in ("md", "html"):
        with atomic(folder / f"statement.{form}") as temporary:
            temporary.write_text(rendered(form, fingerprint), encoding="utf-8")


def _statement(
    section: DatasetSection,
    choices: pd.DataFrame,
    policy: pd.DataFrame,
    words: Words,
    made: Made,
    folder: Path,
    top: Mapping[Any, Any] | None,
) -> dict[str, Any]:
    """Values of the statement's template."""
    texts = words.texts
    method, degree = (top["method"], top["degree"]) if top else ("", 100)
    judged = published_as(method, top["adaption"]) if top else ""
    rules = policy[(policy["method"] == judged) & (policy["degree"] == degree)]
    adapted = top["adaption"] if top and top["adaption"] in UNATTACKED else ""
    rules = of_own_vectors(rules) if adapted else rules
    of_rule = {rule: rows.to_dict("records") for rule, rows in rules.groupby("rule", sort=False)}
    entities = {
        bool(found): ", ".join(
            texts.named("entities", row["entity"])
            for row in of_rule.get(SEARCHED, [])
            if bool(row["value"]) is found
        )
        for found in (True, False)
    }
    known = [row["value"] for row in of_rule.get(INFORMATION_LEFT, []) if not pd.isna(row["value"])]
    left = INFORMATION_LEVELS[int(known[0])] if known else "unknown"
    tried, absent, not_tried = _tried(of_rule.get(ATTACK, []), words)
    written = _written(
        section.file("audit"), f"{pictures_of(judged)}-{degree}" if judged else "", texts
    )
    variant: Markup | str = NONE
    if top:
        name = texts.method(method) + words.with_({**top, "degree": 100})
        variant = texts("statement.variant", method=name, degree=degree)
    return {
        "dataset": section.name,
        "variant": variant,
        "toy": Markup(texts("toy").striptags()) if words.facts.toy else "",
        "answer": Markup(words.sentence(top, choices.to_dict("records")).striptags()),
        "images": _images(section.file("counts"), texts),
        "sought": entities[True],
        "not_sought": entities[False],
        "written": written,  # empty if the variant was not written here
        "left": texts(f"statement.left.{left}"),
        "visible": 100 - degree,
        "strengths": ", ".join(
            f"{row['measure']} = {row['value']:g}"
            for row in of_rule.get(STRENGTH, [])
            if not pd.isna(row["value"])
        ),
        "missed": _measured(_OF_ENTITIES, of_rule.get(MISSED, []), words),
        "attacks": tried,
        "absent": absent,
        "not_tried": not_tried,
        "adapted": adapted,  # attacks on vectors saw the unadapted model's
        "variants": _variants(choices, words),
        "notices": words.notices(),
        "step": step(top, words.facts, texts),
        "signatures": Rows(
            [str(texts(f"statement.decision.{head}")) for head in ("role", "name", "decision")],
            [
                [str(texts(f"statement.decision.{role}")), " ", " "]
                for role in ("controller", "officer")
            ],
        ),
        "packages": ", ".join(f"{name} {version}" for name, version in made.packages.items()),
        "digests": _digests(section, made, folder, texts),
    }


def _images(counts: Path | None, texts: Texts) -> Rows:
    """Number of images of each split that were listed, used and left out."""
    names = ("listed", "used", "without_regions", "failed", "unreadable")
    heads = [str(texts(f"statement.processed.{name}")) for name in ("split", *names)]
    rows = pd.read_csv(counts).to_dict("records") if counts else []
    table = [
        [str(texts.first(f"statement.splits.{row['split']}", "statement.splits.other")), *each]
        for row in rows
        for each in [[texts.number(row[name]) for name in names]]
    ]
    return Rows(heads, table, range(1, len(heads)))


def _written(audit: Path | None, variant: str, texts: Texts) -> dict[str, str]:
    """Counts of a variant's audit; empty if the variant was not written here."""
    table = pd.read_csv(audit) if audit else pd.DataFrame()
    rows = table[table["variant"] == variant] if len(table) else table
    names = ("images", "regions", "hidden_pixels", "failed_audits")
    return {name: texts.number(int(rows[name].sum())) for name in names} if len(rows) else {}


_OF_ENTITIES = ("entity", "missed", "interval", "images", "limit", "verdict")
_OF_ATTACKS = ("attack", "risk", "counted", "rate", "interval", "control", "n", "limit", "verdict")
_CELLS: dict[str, Callable[[Mapping[Any, Any], Texts], str]] = {
    "entity": lambda row, texts: texts.named("entities", row["entity"]),
    "missed": lambda row, texts: _percent(row["value"], texts),
    "images": lambda row, texts: texts.number(0 if pd.isna(row["n"]) else row["n"]),
    "attack": lambda row, texts: texts.named("statement.attacks", row["attack"]),
    "risk": lambda row, texts: texts.named("statement.risks", row["risk"]),
    "counted": lambda row, texts: _counted(str(row["measure"]), texts),
    "interval": lambda row, texts: _interval(row, texts),
    "control": lambda row, texts: _percent(row["control"], texts),
    "limit": lambda row, texts: _limit(row["limit"], texts),
    "verdict": lambda row, texts: _verdict(row["verdict"], texts),
}
_CELLS |= {"rate": _CELLS["missed"], "n": _CELLS["images"]}
_NUMBERS = ("missed", "rate", "interval", "control", "images", "n", "limit")


def _measured(names: Sequence[str], rows: Iterable[Mapping[Any, Any]], words: Words) -> Rows:
    """Table of measurements, by the names of its columns (`_CELLS`)."""
    texts = words.texts
    confidence = texts.confidence(words.facts.confidence)
    return Rows(
        [str(texts(f"statement.heads.{name}", confidence=confidence)) for name in names],
        [[_CELLS[name](row, texts) for name in names] for row in rows],
        [number for number, name in enumerate(names) if name in _NUMBERS],
    )


def _tried(rows: Sequence[Mapping[Any, Any]], words: Words) -> tuple[Rows, str, str]:
    """Strongest measurement of each attack, and attacks without any: nothing to attack, not run."""
    texts = words.texts
    strongest: dict[str, Mapping[Any, Any]] = {}
    for row in sorted((row for row in rows if not pd.isna(row["value"])), key=_weight):
        strongest.setdefault(row["attack"], row)
    others = {row["attack"]: row["reason"] for row in rows if row["attack"] not in strongest}
    for name in texts.names("statement.attacks"):
        if name not in strongest:
            others.setdefault(name, "")
    said = {
        absent: "; ".join(
            texts.named("statement.attacks", name)
            for name, reason in others.items()
            if (reason in NOTHING_TO_ATTACK) is absent
        )
        for absent in (True, False)
    }
    return _measured(_OF_ATTACKS, strongest.values(), words), said[True], said[False]


def _counted(measure: str, texts: Texts) -> str:
    """Noun for what an attack counts: its rate is a share of these."""
    if measure.startswith(SEEN):
        return str(texts("statement.seen", counted=_counted(measure.removeprefix(SEEN), texts)))
    kind, _, attribute = measure.partition("_of_")
    counted = texts.named("statement.counted", kind)
    values = {"counted": counted, "attribute": attribute}
    return str(texts("statement.attribute", **values)) if attribute else counted


def _weight(row: Mapping[Any, Any]) -> tuple[bool, float]:
    """Sort key: attacks with a limit first, then by rate above control, highest first."""
    rate = above_control(row["value"], row["control"])
    limit = 1.0 if pd.isna(row["limit"]) else max(row["limit"], 1e-9)
    return pd.isna(row["limit"]), -(rate if rate == rate else row["value"]) / limit


def _variants(choices: pd.DataFrame, words: Words) -> Rows:
    """Best choice of each method, with its strongest attack and verdict."""
    texts = words.texts
    shown = choices[choices["query"] == ORIGINAL].drop_duplicates("method")
    table = [
        [
            f"{texts.method(row['method'])}{words.with_(row)}",
            str(texts("table.unknown")) if row["unknown"] else _percent(row["kept"], texts),
            words.attack(row["attack"]),
            _percent(row["rate"], texts),
            _limit(row["limit"], texts),
            ": ".join(
                map(str, filter(None, [texts(f"short.{NAMES[row['verdict']]}"), words.short(row)]))
            ),
        ]
        for row in shown.to_dict("records")
    ]
    heads = [str(texts(f"table.{name}", limit="")) for name in ("method", "kept", "attack")]
    heads += [str(texts(f"statement.heads.{name}")) for name in ("above", "limit", "verdict")]
    return Rows(heads, table, (1, 3, 4))


def _digests(section: DatasetSection, made: Made, folder: Path, texts: Texts) -> Rows:
    """SHA-256 of each image set, of the code and of the files with the numbers.

    The digest of an image set covers its shards' digests, one per line.
    """
    sets = [
        (f"{variant}, {split}", hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest())
        for split, variant, files in made.image_sets
    ]
    files = {name: path for name, path in digested([section]).items() if path.is_file()}
    files[f"{section.name}/choices.csv"] = folder / "choices.csv"
    numbers = [
        (name, file_digest(path))
        for name, path in files.items()
        if name.partition("/")[2] in (*STATED, "choices.csv")
    ]
    code = [(str(texts(f"statement.versions.{stage}")), d) for stage, d in made.code.items()]
    heads = [str(texts(f"statement.versions.{name}")) for name in ("what", "digest")]
    return Rows(heads, [*sets, *code, *numbers])


def _percent(share: float, texts: Texts) -> str:
    return NONE if pd.isna(share) else f"{texts.percent(share)} %"


def _limit(share: float, texts: Texts) -> str:
    return _percent(share, texts).replace(f"{texts.raw('decimal')}0 %", " %")


def _interval(row: Mapping[Any, Any], texts: Texts) -> str:
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return NONE
    return f"{texts.percent(row['low'])} – {texts.percent(row['high'])} %"


def _verdict(verdict: str, texts: Texts) -> str:
    return str(texts(f"statement.verdicts.{Verdict(verdict).name.lower()}"))


def _markdown(text: str) -> Markup:
    return Markup(escape_markdown(unescape(str(text))))


def _markdown_table(grid: Rows) -> Markup:
    return Markup(markdown_grid(grid.heads, grid.rows, left=min(grid.numbers, default=9)))
