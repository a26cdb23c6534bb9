"""Statement to a data protection officer on one data set, as HTML and Markdown.

Its order is that of a data protection impact assessment. It ends with the SHA-256 of its Markdown:
anyone who has recorded the digest elsewhere can detect edits. It is not a cryptographic signature.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from anonbench.core.io import write_text
from anonbench.core.provenance import file_digest
from anonbench.core.registries.attacks import NOTHING_TO_ATTACK
from anonbench.core.registries.method_names import pictures_of, published_as
from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.policy import evidence
from anonbench.evaluation.policy.verdicts import Verdict, above_control, rank
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.privacy.rates import ALL, REMAINDER, read_rates, worst
from anonbench.reporting.choice_table import UNATTACKED, of_own_vectors
from anonbench.reporting.grid import escape_markdown, markdown_grid
from anonbench.reporting.html import page
from anonbench.reporting.html.page import DatasetSection, Texts
from anonbench.reporting.html.words import NAMES, Words
from anonbench.reporting.labels import NONE

_STATED = ("counts", "audit", "policy", "quality", "rates")  # files of the numbers
_IMAGES = ["listed", "used", "without_regions", "failed", "unreadable"]
_OF_ENTITIES = ["entity", "missed", "interval", "images", "limit", "verdict"]
_OF_ATTACKS = ["attack", "risk", "counted", "rate", "interval", "control", "n", "limit", "verdict"]
_NUMBERS = {*_IMAGES, *_OF_ENTITIES[1:5], *_OF_ATTACKS[3:8], "above"}


def write_statement(
    section: DatasetSection,
    choices: pd.DataFrame,
    policy: pd.DataFrame,
    words: Words,
    versions: Mapping[str, str],
    stages: Mapping[str, str],
    folder: Path,
    originals: bool = False,
) -> None:
    """Write ``statement.md`` and ``statement.html`` on the first choice of a data set.

    `policy` are its verdicts (`anonbench.evaluation.policy.verdicts.JUDGED`), `versions` the
    packages that made the images, `stages` the digests of each stage's code.
    """
    texts = words.texts
    records = choices.to_dict("records")
    top = next((row for row in records if row["query"] == ORIGINAL), None)
    method, degree, adapted, variant = "", 100, "", NONE
    if top:
        method, degree = published_as(top["method"], top["adaption"]), top["degree"]
        adapted = top["adaption"] if top["adaption"] in UNATTACKED else ""
        name = texts.method(top["method"]) + words.with_({**top, "degree": 100})
        variant = texts("statement.variant", method=name, degree=degree)
    rules = policy[(policy["method"] == method) & (policy["degree"] == degree)]
    rules = of_own_vectors(rules) if adapted else rules
    of_rule = {rule: rules[rules["rule"] == rule] for rule in evidence.RULES}
    known = of_rule[evidence.INFORMATION_LEFT]["value"].dropna()
    left = INFORMATION_LEVELS[int(known.iloc[0])] if len(known) else "unknown"
    searched = of_rule[evidence.SEARCHED]
    sought, not_sought = (
        ", ".join(texts.named("entities", entity) for entity in searched["entity"][is_asked])
        for is_asked in (searched["value"] == 1, searched["value"] != 1)
    )
    strengths = of_rule[evidence.STRENGTH].dropna(subset=["value"])
    tried, absent, not_tried = _tried(of_rule[evidence.ATTACK], section.file("rates"), texts)
    images, written = pd.DataFrame(), {}
    if (path := section.file("counts")) is not None:
        counts, key = pd.read_csv(path), "statement.splits."
        images = counts[_IMAGES].map(texts.number)
        splits = [str(texts.first(f"{key}{split}", f"{key}other")) for split in counts["split"]]
        images.insert(0, "split", splits)
    if (path := section.file("audit")) is not None:
        audit = pd.read_csv(path)
        rows = audit[audit["variant"] == f"{pictures_of(method)}-{degree}"]
        names = ("images", "regions", "hidden_pixels", "failed_audits") if len(rows) else ()
        written = {name: texts.number(int(rows[name].sum())) for name in names}
    roles = [str(texts(f"statement.decision.{role}")) for role in ("controller", "officer")]
    signatures = pd.DataFrame({"role": roles, "name": " ", "decision": " "})
    stated = {
        "dataset": section.name,
        "variant": variant,
        "toy": Markup(texts("toy").striptags()) if words.facts.toy else "",
        "answer": Markup(words.sentence(top, records).striptags()),
        "images": images.add_prefix("statement.processed."),
        "sought": sought,
        "not_sought": not_sought,
        "written": written,
        "left": texts(f"statement.left.{left}"),
        "visible": 100 - degree,
        "strengths": ", ".join(
            f"{name} = {value:g}"
            for name, value in zip(strengths["measure"], strengths["value"], strict=True)
        ),
        "missed": _measured(of_rule[evidence.MISSED].to_dict("records"), _OF_ENTITIES, texts),
        "attacks": tried,
        "absent": absent,
        "not_tried": not_tried,
        "adapted": adapted,  # attacks on vectors saw the unadapted model's
        "variants": _variants(choices, words),
        "notices": words.notices(),
        "step": words.step(top),
        "originals": originals,
        "signatures": signatures.add_prefix("statement.decision."),
        "packages": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "digests": _digests(section, stages, folder, texts),
    }
    confidence = texts.confidence(words.facts.needs.confidence)

    def is_number(column: Any) -> bool:  # and thus aligned right
        return str(column).rpartition(".")[2] in _NUMBERS

    def head(column: Any) -> str:
        return str(texts(column, confidence=confidence, limit=""))

    def markdown_table(table: pd.DataFrame) -> Markup:
        numbers = [place for place, name in enumerate(table) if is_number(name)]
        rows = table.to_numpy().tolist()
        return Markup(markdown_grid([*map(head, table)], rows, left=min(numbers, default=9)))

    jinja = page.environment(md=_markdown, md_table=markdown_table, digest=page.digest, head=head)
    jinja.tests["number_column"] = is_number
    template = jinja.get_template("statement.j2")
    given = {"t": texts, "s": stated, "style": Markup(page.resource("statement.css"))}

    def rendered(form: str, fingerprint: str = "") -> str:
        text = template.render(form=f"statement.{form}.j2", fingerprint=fingerprint, **given)
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"

    fingerprint = hashlib.sha256(rendered("md").encode("utf-8")).hexdigest()
    for form in ("md", "html"):
        write_text(folder / f"statement.{form}", rendered(form, fingerprint))


def _measured(rows: Iterable[Mapping[Any, Any]], names: list[str], texts: Texts) -> pd.DataFrame:
    found = []
    for row in rows:
        ends = [texts.percent(row[end]) for end in ("low", "high") if not pd.isna(row[end])]
        attack = texts.named("statement.attacks", row["attack"])
        rate, control = (_percent(row[name], texts) for name in ("value", "control"))
        if str(row["measure"]).endswith("rank_1") and not pd.isna(row["chance"]):
            chance = _percent(row["chance"], texts)
            control = str(texts("statement.chance", control=control, chance=chance))
        number = texts.number(0 if pd.isna(row["n"]) else row["n"])
        cells = {
            "entity": texts.named("entities", row["entity"]),
            "attack": str(texts("statement.membership")) if _is_membership(row) else attack,
            "risk": texts.named("statement.risks", row["risk"]),
            "counted": _counted(str(row["measure"]), texts),
            "interval": f"{' – '.join(ends)} %" if len(ends) == 2 else NONE,
            "control": control,
            "limit": _limit(row["limit"], texts),
            "verdict": str(texts(f"statement.verdicts.{Verdict(row['verdict']).name.lower()}")),
            **{"missed": rate, "rate": rate, "images": number, "n": number},
        }
        found.append(cells)
    return pd.DataFrame(found, columns=names).add_prefix("statement.heads.")


def _is_membership(row: Mapping[Any, Any]) -> bool:
    return str(row["measure"]).removeprefix(SEEN) == "member"


def _tried(rules: pd.DataFrame, rates: Path | None, texts: Texts) -> tuple[pd.DataFrame, str, str]:
    """Decisive measurement of each attack, and attacks without any: nothing to attack, not run.

    An attack has the worst verdict of all its rows. What lacks a measurement of some kind of region
    or of one measure is named with it.
    """
    records, keys = rules.to_dict("records"), ("method", "degree", "entity")
    regions = {evidence.REIDENTIFICATION: ALL, evidence.OF_REMAINDER: REMAINDER}
    # intervals also of the rates that show too little for a verdict
    table = pd.DataFrame() if rates is None else read_rates(rates)
    for attack, of in regions.items() if len(table) else ():
        found = worst(table, by=keys, regions=of).to_dict("records")
        rate_of = {tuple(row[key] for key in keys): row for row in found}
        for row in records:
            rate = rate_of.get((pictures_of(row["method"]), row["degree"], row["entity"]))
            if row["attack"] == attack and pd.isna(row["low"]) and rate:
                row |= {end: rate[end] for end in ("low", "high")}

    def weight(row: Mapping[Any, Any]) -> tuple[bool, bool, int, float, float]:
        # attacks with a limit first, then by verdict, rate above control, rate: the worst first
        rate = above_control(row["value"], row["control"])
        limit = 1.0 if pd.isna(row["limit"]) else max(row["limit"], 1e-9)
        share = (rate if rate == rate else row["value"]) / limit
        return (*question(row)[1:], -rank(row["verdict"]), -share, -row["value"])

    def question(row: Mapping[Any, Any]) -> tuple[str, bool, bool]:
        return row["attack"], pd.isna(row["limit"]), _is_membership(row)  # a question of its own

    decisive: dict[tuple[str, bool], dict[Any, Any]] = {}
    known = [row for row in records if not pd.isna(row["value"])]
    for row in sorted(known, key=weight):
        said = max((r["verdict"] for r in records if question(r) == question(row)), key=rank)
        decisive.setdefault((row["attack"], _is_membership(row)), row | {"verdict": said})
    measured = {(row["attack"], row["entity"]) for row in known}
    told = {(row["attack"], row["entity"], row["measure"]) for row in known}
    reasons = dict(zip(rules["attack"], rules["reason"], strict=True))
    names = dict.fromkeys([*reasons, *texts.raw("statement.attacks")])
    unknown = [name for name in names if (name, False) not in decisive]
    others = [(name, "", "", reasons.get(name, "")) for name in unknown]
    for row in records:
        attack, entity, measure = row["attack"], row["entity"], row["measure"]
        if (attack, False) in decisive and (attack, entity, measure) not in told:
            part = measure if (attack, entity) in measured else ""
            others.append((attack, entity, part, row["reason"]))
    absent, not_tried = (
        "; ".join(
            dict.fromkeys(  # an attack's measures may differ only in their reasons
                texts.named("statement.attacks", name)
                + (f" ({texts.named('entities', entity)})" if entity else "")
                + (f": {_counted(measure, texts).strip()}" if measure else "")
                for name, entity, measure, reason in others
                if (reason in NOTHING_TO_ATTACK) is nothing
            )
        )
        for nothing in (True, False)
    )
    return _measured(decisive.values(), _OF_ATTACKS, texts), absent, not_tried


def _counted(measure: str, texts: Texts) -> str:
    if measure.startswith(SEEN):
        counted = _counted(measure.removeprefix(SEEN), texts)
        return texts("statement.seen", counted=counted).unescape()  # a table's cells are escaped
    kind, _, attribute = measure.partition("_of_")
    counted = texts.named("statement.counted", kind)
    said = texts("statement.attribute", counted=counted, attribute=attribute)
    return said.unescape() if attribute else counted


def _variants(choices: pd.DataFrame, words: Words) -> pd.DataFrame:
    texts = words.texts
    shown = choices[choices["query"] == ORIGINAL].drop_duplicates("method")
    rows = []
    for row in shown.to_dict("records"):
        name = f"{texts.method(row['method'])}{words.with_(row)}"
        kept = _percent(row["kept"], texts) + words.chosen(row)
        kept = str(texts("table.unknown")) if row["unknown"] else kept
        rate, limit = _percent(row["rate"], texts), _limit(row["limit"], texts)
        verdict = [str(texts(f"short.{NAMES[row['verdict']]}")), str(words.short(row))]
        said = ": ".join(filter(None, verdict))
        rows.append((name, kept, words.strongest(row), rate, limit, said))
    heads = ["table.method", "table.kept", "table.attack"]
    heads += [f"statement.heads.{each}" for each in ("above", "limit", "verdict")]
    return pd.DataFrame(rows, columns=heads)


def _digests(
    section: DatasetSection, stages: Mapping[str, str], folder: Path, texts: Texts
) -> pd.DataFrame:
    """SHA-256 of image sets (of their shards' digests), of the code and of the numbers' files."""
    rows = [
        (f"{variant}, {split}", hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest())
        for split, variant, files in section.image_sets
    ]
    rows += [(str(texts(f"statement.versions.{stage}")), d) for stage, d in stages.items()]
    stated = {page.FILES[key]: section.file(key) for key in page.FILES if key in _STATED}
    stated["choices.csv"] = folder / "choices.csv"
    there = {name: path for name, path in stated.items() if path is not None and path.is_file()}
    rows += [(f"{section.name}/{name}", file_digest(path)) for name, path in there.items()]
    return pd.DataFrame(rows, columns=["what", "digest"]).add_prefix("statement.versions.")


def _percent(share: float, texts: Texts) -> str:
    return NONE if pd.isna(share) else f"{texts.percent(share)} %"


def _limit(share: float, texts: Texts) -> str:
    return _percent(share, texts).replace(f"{texts.raw('decimal')}0 %", " %")


def _markdown(text: str) -> Markup:
    """Text of a sentence as Markdown, its `<code>` in backticks."""
    parts = [unescape(part) for part in re.split("</?code>", str(text))]
    for number, part in enumerate(parts):
        is_code = number % 2 and "`" not in part
        parts[number] = f"`{part}`" if is_code else escape_markdown(part)
    return Markup("".join(parts))
