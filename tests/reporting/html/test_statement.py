"""Statement to a data protection officer: in the order of a DPIA, every number from its CSV."""

import hashlib
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_results import make_scores, write_results
from test_choices import table_of

from anonbench.anonymization.published import COLUMNS as AUDIT
from anonbench.core.io import write_csv
from anonbench.core.registries.attacks import NO_REGION, PRIVACY_ATTACKS
from anonbench.core.registries.methods import INFORMATION_LEVELS
from anonbench.evaluation.policy import evidence
from anonbench.evaluation.scores import read_scores
from anonbench.reporting.choice_table import choices
from anonbench.reporting.html.page import DatasetSection, Texts
from anonbench.reporting.html.statement import write_statement
from anonbench.reporting.html.words import Facts, Words
from anonbench.reporting.privacy_tables import MEASURES
from anonbench.reporting.summary import summarize
from synthetic_rates import make_rates

LANGUAGES = ("en", "de")
SCORES = make_scores("a", (50, 100))
SCORES = SCORES[SCORES["adaption"].isin(["unadapted", "A"])]


def make_statement(
    folder: Path,
    policy: pd.DataFrame,
    language: str = "en",
    stated: tuple[int, str] | None = None,
    **tables: pd.DataFrame,
) -> tuple[str, str]:
    """Return the statement's Markdown and HTML, of this degree and model if there is one."""
    results = write_results(folder, SCORES)
    write_csv(policy, folder / "policy.csv")
    row = dict.fromkeys(AUDIT, 0) | {"split": "val", "variant": "mask-100", "images": 1234}
    row |= {"regions": 2345, "hidden_pixels": 3456789, "failed_audits": 7}
    pd.DataFrame([row], columns=AUDIT).to_csv(folder / "audit.csv", index=False)
    own = {"policy": folder / "policy.csv", "audit": folder / "audit.csv"}
    for name, table in tables.items():
        own[name] = folder / f"{name}.csv"
        write_csv(table, own[name])
    shards = [folder / "0.digest", folder / "1.digest"]
    for number, shard in enumerate(shards):
        shard.write_text(f"{number}\n")
    sets = [("val", "mask-100", shards)]
    section = DatasetSection("a", results | own, image_sets=sets)
    table = choices("a", summarize(read_scores(results["scores"])), policy=policy)
    if stated:
        table = table[(table["degree"] == stated[0]) & (table["adaption"] == stated[1])]
    write_csv(table, folder / "choices.csv")
    doubts = [("doubtful", {"number": 7})]
    words = Words(Texts(language), Facts("a", 30, 0, doubts, 0, None, toy=False, examples={}))
    made = {"anonbench": "9.8"}, {"detect": "ab" * 32}
    write_statement(section, table, policy, words, *made, folder)
    markdown, html = (folder / f"statement.{form}" for form in ("md", "html"))
    return markdown.read_text("utf-8"), html.read_text("utf-8")


def words_of(text: str) -> list[str]:
    body = re.sub(r"<head>.*?</head>", "", text, flags=re.DOTALL)
    plain = unescape(unescape(re.sub(r"<[^>]+>", " ", body)))
    return re.findall(r"[\w.,%]*\w%?", re.sub(r"[\\|#*`\u00a0]|---:?|^- ", " ", plain, flags=re.M))


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_those_of_the_tables(tmp_path: Path, language: str) -> None:
    policy = table_of()
    found, _ = make_statement(tmp_path, policy, language)
    texts = Texts(language)
    for number in (1234, 2345, 3456789):
        assert texts.number(number) in found
    choices = pd.read_csv(tmp_path / "choices.csv")
    top = choices[choices["query"] == "original"].iloc[0]
    assert top["method"] == "mask" and top["degree"] == 100
    assert f"{texts.number(100 * top['kept'])} " in found
    mine = policy[(policy["method"] == "mask") & (policy["degree"] == 100)]
    attacks = mine[(mine["rule"] == evidence.ATTACK) & mine["value"].notna()]
    assert len(attacks)
    for row in [
        *mine[mine["rule"] == evidence.MISSED].to_dict("records"),
        *attacks.to_dict("records"),
    ]:
        ends = f"{texts.percent(row['low'])} – {texts.percent(row['high'])} %"
        assert f"| {texts.percent(row['value'])} % | {ends} |" in found
    sections = re.findall(r"^## (\d)\. ", found, flags=re.M)
    assert sections == list("1234567")


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_forms_have_the_same_words(tmp_path: Path, language: str) -> None:
    markdown, html = make_statement(tmp_path, table_of(0.9), language)
    assert words_of(markdown) == words_of(html)
    assert "(`anonbench review a`)" in markdown and "<code>anonbench review a</code>" in html
    assert "code>" not in unescape(markdown)
    told = ("7 of 1,234 failed", "No method passes.", "exceeded", "with the same decoder")
    for each in told:
        assert each in markdown or language == "de"
    assert f'<html lang="{language}">' in html and "http" not in re.sub("http-equiv", "", html)


def test_cells_have_headings_and_an_edit_shows_in_the_fingerprint(tmp_path: Path) -> None:
    markdown, html = make_statement(tmp_path, table_of())
    assert html.count("<td") == html.count("<td data-head=") > 20
    assert '<td data-head="Quality kept: ">' in html  # with the points subtracted
    assert '<td data-head="Limit: " class="number">' in html
    assert "Still visible" not in markdown
    body, _, last = markdown.rstrip("\n").rpartition("\n\n")
    digest = hashlib.sha256(f"{body}\n".encode()).hexdigest()
    assert last.endswith(digest) and digest in html
    assert hashlib.sha256(b"0\n1\n").hexdigest() in markdown and "ab" * 32 in markdown


def test_rates_say_of_what_and_attacks_without_a_result_are_named(tmp_path: Path) -> None:
    policy = table_of()
    policy.loc[policy["attack"] == "residual", "measure"] = "seen_accuracy_of_R&D"
    gone = policy["attack"] == "reidentification"
    policy.loc[gone, ["value", "low", "high"]] = float("nan")
    policy.loc[gone, ["verdict", "reason"]] = ["not known", NO_REGION]
    found, html = make_statement(tmp_path, policy)
    row = next(line for line in found.splitlines() if line.startswith("| detect the hidden"))
    assert "images (R&D) (used to learn the map or model) |" in row
    assert ">images (R&amp;D) (used to learn the map or model)<" in html
    absent = next(line for line in found.splitlines() if line.startswith("Not applicable"))
    not_tried = next(line for line in found.splitlines() if line.startswith("Not tried"))
    assert "re-identify by the hidden region" in absent
    assert "infer attributes" in not_tried and "re-identify" not in not_tried


def test_an_attribute_without_a_result_is_named_beside_those_with_one(tmp_path: Path) -> None:
    policy = table_of()
    of = (policy["method"] == "mask") & (policy["degree"] == 100)
    rows = policy[of & (policy["attack"] == "residual")].assign(attack="inference", limit=np.nan)
    known = rows.assign(measure="accuracy_of_Smiling", value=0.5, verdict="no limit")
    unknown = known.assign(measure="accuracy_of_Glasses", value=np.nan, reason="7 images: too few")
    policy = pd.concat([policy, known, unknown])
    found, _ = make_statement(tmp_path, policy, stated=(100, "unadapted"))
    assert "| infer attributes" in found
    not_tried = next(line for line in found.splitlines() if line.startswith("Not tried"))
    assert "infer attributes: images (Glasses)" in not_tried and "Smiling" not in not_tried


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_attack_and_measure_has_words(language: str) -> None:
    texts = Texts(language)
    for name in (evidence.REIDENTIFICATION, evidence.OF_REMAINDER, *PRIVACY_ATTACKS):
        assert texts.has(f"attack.{name}") and texts.has(f"statement.attacks.{name}"), name
    for name in MEASURES:
        assert texts.has(f"statement.counted.{name}"), name


def test_what_is_left_of_a_hidden_region(tmp_path: Path) -> None:
    """Other programs' pictures have neither a information_left nor parameters."""
    policy = table_of()
    unsaid = policy["rule"].isin([evidence.INFORMATION_LEFT, evidence.STRENGTH])
    policy.loc[unsaid, ["value", "low", "high"]] = float("nan")
    found, _ = make_statement(tmp_path, policy)
    assert "What is left of a hidden region is not known." in found and "nan" not in found
    # Coarse is the method `replace`, whose copies of faces are a plain mask
    policy = table_of()
    policy.loc[policy["rule"] == evidence.INFORMATION_LEFT, "value"] = INFORMATION_LEVELS.index(
        "coarse"
    )
    found, _ = make_statement(tmp_path, policy)
    assert "At most coarse averages of a hidden region are left, whatever its kind." in found


def test_what_gains_over_a_control_or_membership_is_told(tmp_path: Path) -> None:
    rates = {"linkage": 0.92, "seen_linkage": 1.0}
    facts = Facts("a", 30, 0, (), 0, None, False, {}, unlimited=rates)
    (said,) = Words(Texts(), facts).risks({"method": "mask"})
    assert "above their control:</strong> linking an image to its original (92 %)" in said
    assert (
        "linking an image to its original among images that the map or model learned from (100 %)"
        in said
    )
    text = Words(Texts(), replace(facts, unlimited={"likeness": 0.2})).risks({"method": "mask"})
    assert "restoring regions (20 %)" in text[0], "of every kind, not only faces"
    found, _ = make_statement(tmp_path, table_of())
    assert "The shares in this table are whole" in found
    policy = table_of()
    rows = policy[policy["attack"] == "residual"]
    lower, higher = (rows.assign(value=each, control=each) for each in (0.11, 0.36))
    both = pd.concat([policy[policy["attack"] != "residual"], lower, higher])
    found, _ = make_statement(tmp_path, both)
    shown = next(line for line in found.splitlines() if line.startswith("| detect the hidden"))
    assert "36 %" in shown and "11 %" not in shown
    policy = table_of()
    of = (policy["method"] == "mask") & (policy["degree"] == 100)
    linked = policy[of & (policy["attack"] == "residual")].assign(attack="linkage", limit=np.nan)
    linked = linked.assign(measure="rank_1", value=0.321, control=0.321, chance=0.013)
    member = linked.assign(measure="member", value=0.503, control=0.503)
    policy = pd.concat([policy, linked, member])
    found, _ = make_statement(tmp_path, policy, stated=(100, "unadapted"))
    said = [line for line in found.splitlines() if "(chance 1.3 %)" in line or "(AUC" in line]
    assert said[0].startswith("| link an image to its original") and "| 32 % |" in said[0]
    assert said[1].startswith("| tell whether a person is in the archive") and "50 %" in said[1]


def test_an_attack_is_within_its_limit_if_it_is_on_every_kind_of_region(tmp_path: Path) -> None:
    policy = table_of()
    rows = policy[policy["attack"] == "readability"]
    text = rows.assign(entity="text", value=0.04, low=0.03, high=0.05, verdict="pass")
    few = {"value": 0.0, "low": 0.0, "high": 0.2, "verdict": "not known"}
    none = dict.fromkeys(("value", "low", "high"), np.nan) | {"reason": "8 zones"}
    for more, shown in ((few, "| 0 % | 0 – 20 % |"), (few | none, "| 4.0 % | 3.0 – 5.0 % |")):
        found, _ = make_statement(
            tmp_path, pd.concat([policy, text, rows.assign(entity="mrz", **more)])
        )
        row = next(line for line in found.splitlines() if line.startswith("| read text"))
        assert shown in row and row.endswith(" | not known |")
        not_tried = next(line for line in found.splitlines() if line.startswith("Not tried"))
        assert ("read text (MRZ lines)" in not_tried) is ("4.0 %" in shown)
    twice = [rows.assign(entity="mrz", **few | none | {"reason": why}) for why in ("8", "9")]
    found, _ = make_statement(tmp_path, pd.concat([policy, text, *twice]))
    assert found.count("read text (MRZ lines)") == 1  # two measures, each for its own reason


def test_few_persons_adapted_models_and_visible_regions_are_said(tmp_path: Path) -> None:
    policy, rates = table_of(), make_rates("a").assign(low=0.0031, high=0.171)
    policy.loc[policy["attack"] == evidence.REIDENTIFICATION, ["low", "high"]] = np.nan
    found, _ = make_statement(tmp_path, policy, rates=rates)
    row = next(line for line in found.splitlines() if line.startswith("| re-identify"))
    assert "| 0.3 – 17 % |" in row
    found, _ = make_statement(tmp_path, table_of(), stated=(50, "A"))
    assert "with the model adapted to it (A), 50 % of the regions" in found.replace("\\", "")
    assert "Still visible: 50 % of the regions" in found
    assert "(A) were not attacked" in found.replace("\\", "")
