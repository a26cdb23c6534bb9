"""First page of a data set: five questions answered, every number from its table."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_results import section
from synthetic_results import make_scores
from test_choices import table_of

from anonbench.anonymization.given.gather import CHANGED, GIVEN_COLUMNS, LEFT_OUT, ORIGINAL, OUTSIDE
from anonbench.anonymization.methods import BUILT_IN
from anonbench.anonymization.published import COLUMNS as AUDIT
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.registries.tables import TABLES
from anonbench.core.vocabulary import QueryKind
from anonbench.datasets.image_sets.doubts import Doubts
from anonbench.evaluation.map_judging import NOTHING, SHIFT, VARIANT_COLUMNS
from anonbench.evaluation.policy.evidence import MISSED
from anonbench.evaluation.policy.verdicts import Verdict
from anonbench.reporting.dataset_tables import GRIDS
from anonbench.reporting.html import words
from anonbench.reporting.html.build import build_report
from anonbench.reporting.html.page import FILES, Texts
from anonbench.reporting.html.words import Facts, Words
from anonbench.reporting.labels import METHODS

LANGUAGES = ("en", "de")
WORDS = 250
MODEL = r"(?: with the model adapted to it \(\w\))?"


def first_page(
    folder: Path,
    policy: pd.DataFrame | None,
    scores: pd.DataFrame | None = None,
    language: str = "en",
    system: str | None = None,
    audit: dict[str, int] | None = None,
    maps: pd.DataFrame | None = None,
) -> str:
    """Return the first page of a data set, its text alone, without rows that are folded away."""
    found = make_scores("a", (50, 100)) if scores is None else scores
    made = section(folder, "a", found, (50, 100), labelled=False)
    if policy is not None:
        write_csv(policy, folder / "policy.csv")
        made = replace(made, files=made.files | {"policy": folder / "policy.csv"})
    if audit is not None:
        rows = [dict.fromkeys(AUDIT, 0) | {"split": s, "variant": "mask-100"} for s in ("val",)]
        pd.DataFrame([row | audit for row in rows], columns=AUDIT).to_csv(folder / "audit.csv")
        made = replace(made, files=made.files | {"audit": folder / "audit.csv"})
    if maps is not None:
        write_csv(maps, folder / "maps.csv")
        made = replace(made, files=made.files | {"maps": folder / "maps.csv"})
    output = folder / "report.html"
    config = {"presentation": {"language": language}}
    build_report("T", [made], config, {}, output, system=system, beside=folder)
    return first_of(output.read_text(encoding="utf-8"))


def first_of(page: str) -> str:
    """Return the text of the first page."""
    part = page.partition('id="data-a"')[2].partition("</section>")[0]
    part = re.sub(r"<tr [^>]*hidden>.*?</tr>|<form.*?</form>", "", part, flags=re.DOTALL)
    plain = unescape(re.sub(r"<[^>]+>", " ", part.partition(">")[2]))
    return re.sub(r"\s+", " ", plain.replace("\u00a0", " ")).replace(" .", ".").replace(" ,", ",")


def unproved() -> pd.DataFrame:
    """Return a policy under which only the true boxes are missing."""
    table = table_of()
    rows = table["rule"] == MISSED
    table.loc[rows, ["value", "low", "high"]] = float("nan")
    table.loc[rows, "verdict"] = str(Verdict.UNKNOWN)
    return table


def test_what_passes_is_recommended(tmp_path: Path) -> None:
    said = first_page(tmp_path, table_of())
    assert re.search(rf"Use Mask{MODEL}\. It keeps \d+ % of the search quality and res", said)
    assert "No other method that passes keeps more." in said
    assert "anonbench images export a mask-100 -o mask-100.tar" in said
    assert len(said.split()) <= WORDS


def test_a_method_that_leaves_little_to_search_by_is_not_praised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "searching hardly works any more"
    said = first_page(tmp_path / "much", table_of())
    assert text not in said and "Mask may keep" in said
    monkeypatch.setattr(words, "USELESS", 2.0)
    assert text in first_page(tmp_path / "little", table_of())
    assert text in first_page(tmp_path / "open", unproved())


def test_mapped_vectors_are_no_adapted_model(tmp_path: Path) -> None:
    scores = make_scores("a", (50, 100))
    masks = scores[(scores["method"] == "mask") & (scores["adaption"] == "A")]
    gaining = masks.assign(adaption="mapped", value=0.9, low=0.88, high=0.92)
    page = first_page(tmp_path, None, pd.concat([scores, gaining], ignore_index=True))
    assert "Mask with a corrected search" in page and "adapted to it (mapped)" not in page
    of_map = {"method": "mask", "degree": 100, "remedy": "mapped", "metric": "map", "why_not": ""}
    rows = [of_map | {"query": query, "pairs": n} for query in QueryKind for n in (50, 400)]
    maps = pd.DataFrame(rows, columns=VARIANT_COLUMNS)
    scored = pd.concat([scores, gaining], ignore_index=True)
    page = first_page(tmp_path, None, scored, maps=maps)
    quality = r"(\d+) % of the search quality \((\d+) % without the correction\)"
    found = re.search(rf"learned from 400 images.* {quality}", page)
    assert found and int(found[1]) > int(found[2])


def test_low_rank_update_is_shown_beside_the_unchanged_system(tmp_path: Path) -> None:
    scores = make_scores("a", (50, 100))
    masks = scores[(scores["method"] == "mask") & (scores["adaption"] == "unadapted")]
    updated = masks.assign(adaption="D", value=0.9, low=0.88, high=0.92)
    page = first_page(tmp_path, None, pd.concat([scores, updated], ignore_index=True))
    assert re.search(r"\(D\).* of the search quality \(\d+ % without this update\)", page)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            ". Protection not shown yet against: re-identification, finding the region again, ",
        ),
        (
            "de",
            ". Noch nicht ausgeschlossen: Wiedererkennen, Wiederfinden der ",
        ),
    ],
)
def test_limits_without_a_result_are_named(tmp_path: Path, language: str, said: str) -> None:
    table = table_of(0.9)
    rows = (table["attack"] != "") & table["limit"].notna()
    table.loc[rows, ["value", "low", "high"]] = float("nan")
    table.loc[rows, "verdict"] = str(Verdict.UNKNOWN)
    assert said in first_page(tmp_path, table, language=language)


def test_where_nothing_passes_the_nearest_and_what_it_fails_on_are_named(tmp_path: Path) -> None:
    said = first_page(tmp_path, table_of(0.9))
    assert re.search(rf"No method passes\. Closest is Mask{MODEL}, which keeps", said)
    assert "the detectors leave 9.5 % of the face area visible (at most 3 % allowed)" in said
    assert "Next: mark what is still visible" in said and "anonbench review a" in said


def test_what_is_not_known_names_the_step_that_unblocks_it(tmp_path: Path) -> None:
    said = first_page(tmp_path, unproved())
    assert "No method has been shown to pass yet. Closest is Mask" in said
    assert "because it is not known how much of the face area the detectors leave visible" in said
    # of no image yet; the fewest of which none missed would show at most 3 %
    assert "draw the true boxes of 125 images: anonbench review a --sample 125" in said
    assert "? not known" not in said and "failed" in said  # blur


def test_outlines_stand_where_no_picture_may(tmp_path: Path) -> None:
    corners = {"x0": 1.0, "y0": 2.0, "x1": 9.0, "y1": 7.0} | {f"q{n}": np.nan for n in range(8)}
    boxes, manifest = tmp_path / "boxes.parquet", tmp_path / "manifest.parquet"
    write_parquet(pd.DataFrame([{"id": "i", "entity": "face"} | corners]), boxes)
    write_parquet(pd.DataFrame([{"id": "i", "width": 20, "height": 10}]), manifest)
    made = section(tmp_path, "a", make_scores("a", (50,)), (50,), labelled=False)
    files = made.files | {"boxes": boxes, "manifest": manifest}
    for explorer, shown in ((made.files["explorer"], False), (tmp_path / "none.json", True)):
        output = tmp_path / "report.html"
        build_report("T", [replace(made, files=files | {"explorer": explorer})], {}, {}, output)
        page = output.read_text(encoding="utf-8")
        assert ('<polygon points="1 2 9 2 9 7 1 7"' in page) == shown
        assert ('class="cards"' in page) != shown


def test_nothing_can_be_said_on_too_little(tmp_path: Path) -> None:
    few = make_scores("a", (50, 100)).assign(k=1, n=26, value=1.0, low=1.0, high=1.0)
    said = first_page(tmp_path, table_of(), few)
    why = "only 26 images are searched, and at least 100 are needed"
    assert f"Mask passes every limit. How much search quality it keeps is not known: {why}." in said
    assert "Next: add images until 100 are searched (26 now), then anonbench run" in said
    assert "100 %" not in said.replace("100 % is", "")  # the definition
    failing = first_page(tmp_path, table_of(0.9), few)
    said = "The search quality is not known yet"
    assert f"{said}: {why}. No method passes. Closest is Mask. It fails because" in failing


def test_a_choice_of_unknown_quality_names_its_degree_and_vectors() -> None:
    top = {"method": "mask", "degree": 50, "adaption": "mapped", "query": "original"}
    top |= {"verdict": Verdict.PASS, "unknown": "wide", "clusters": 9}
    words = Words(Texts(), Facts("a", 9, 0, [], 0, None, False, {}))
    said = words.sentence(top, [top]).striptags()
    assert said.startswith(
        "Mask on 50 % of the regions with a corrected search passes every limit."
    )


def test_nothing_run_is_said(tmp_path: Path) -> None:
    said = first_page(tmp_path, None, make_scores("a").iloc[:0])
    assert "There is no result yet: no search was run on these images." in said
    assert "anonbench run" in said


def test_without_attacks_they_are_the_next_step(tmp_path: Path) -> None:
    said = first_page(tmp_path, None)
    assert "no attack was run on it" in said and "privacy={enabled: true}" in said


def test_what_may_be_visible_stands_before_the_answer(tmp_path: Path) -> None:
    said = first_page(tmp_path, table_of(), audit={"used": 5, "used_without_regions": 2})
    assert said.index("PUBLISHED UNHIDDEN: 2 images") < said.index("Use Mask")
    assert "anonbench review a" in said
    (tmp_path / "b").mkdir()
    assert "UNHIDDEN" not in first_page(tmp_path / "b", table_of(), audit={"used": 5})


def test_warnings_are_in_the_language_of_the_page_and_the_statement(tmp_path: Path) -> None:
    audit = {"used": 5, "used_without_regions": 1, "used_failed": 1200}
    for language, said in (
        ("en", ["1 image in which nothing was found is unchanged", "1,200 images on which"]),
        ("de", ["1 Bild, in dem nichts gefunden wurde, ist", "1.200 Bilder, bei denen"]),
    ):
        page = first_page(tmp_path, table_of(), language=language, audit=audit)
        statement = (tmp_path / "a" / "statement.html").read_text(encoding="utf-8")
        assert all(text in page and text in statement for text in said)
        whole = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert ("Die Belege (englisch)" in whole) == (language == "de")


def test_every_kind_of_doubt_that_the_terminal_tells_has_a_text() -> None:
    counts = {field.name: 7 for field in fields(Doubts) if field.name.startswith("used_")}
    doubts = Doubts(**counts)
    kinds = doubts.published_counts()
    assert len(kinds) == len(counts) == len(list(doubts.published()))
    for language in LANGUAGES:
        for kind in kinds:
            assert "7 " in Texts(language)(f"notice.{kind}", number="7", dataset="a")


def test_pictures_of_other_programs_are_warned_about_in_german(tmp_path: Path) -> None:
    counts = {"hidden": 37, "partly": 1, "visible": 2}
    rows = [{"entity": "face", "what": what, "count": n, "n": 40} for what, n in counts.items()]
    rows += [{"entity": "", "what": what, "count": 0} for what in (ORIGINAL, OUTSIDE, *LEFT_OUT)]
    rows.append({"entity": "face", "what": CHANGED, "value": 0.9})
    table = pd.DataFrame(rows, columns=GIVEN_COLUMNS).astype({"n": "Int64"})
    given = table.assign(program="deface", reason="", clusters=0, n=table["n"].fillna(0))
    write_csv(given, tmp_path / "given.csv")
    made = section(tmp_path, "a", make_scores("a", (50,)), (50,), labelled=False)
    made = replace(made, files=made.files | {"given": tmp_path / "given.csv"})
    output = tmp_path / "report.html"
    build_report("T", [made], {"presentation": {"language": "de"}}, {}, output)
    said = first_of(output.read_text(encoding="utf-8"))
    assert (
        "von 40 gefundenen Bereichen 2 sichtbar und 1 teilweise" in said and "visible" not in said
    )


def test_a_model_that_knows_less_than_pixels_is_said_once(tmp_path: Path) -> None:
    scores = make_scores("a", (100,), control=True)
    pixels = scores[scores["adaption"] == "unadapted"].assign(adaption="pixels", value=0.999)
    warned = first_page(tmp_path, table_of(), pd.concat([scores, pixels]))
    assert warned.count("raw pixels") == 1
    (tmp_path / "b").mkdir()
    assert "raw pixels" not in first_page(tmp_path / "b", table_of(), scores)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_is_the_one_in_the_table(tmp_path: Path, language: str) -> None:
    said = first_page(tmp_path, table_of(0.9), language=language)
    table = pd.read_csv(tmp_path / "a" / "choices.csv")
    shown = table[table["query"] == "original"].drop_duplicates("method")
    texts = Texts(language)
    policy = pd.read_csv(tmp_path / "policy.csv")
    for row in shown.to_dict("records"):
        name = texts.method(row["method"])
        kept, rate = texts.number(100 * row["kept"]), f"{texts.percent(row['rate'])} %"
        where = rf"{name}(?: 50 %)?(?: \w+ \(\w\))? {kept} % {re.escape(rate)}"
        assert re.search(where, said), (where, said)
        same = (policy["method"] == row["method"]) & (policy["degree"] == row["degree"])
        rates = policy[same & (policy["attack"] == row["attack"])]
        controls = rates["control"].fillna(0.0)
        above = (rates["value"] - controls) / (1 - controls)
        assert row["rate"] == pytest.approx(above.max())
    top = shown.iloc[0]
    missed = policy[(policy["rule"] == MISSED) & policy["value"].notna()]["value"].iloc[0]
    assert top["rule_value"] == missed and f"{texts.percent(missed)} %" in said
    assert texts.number(top["queries"]) in said and texts.number(top["clusters"]) in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("low", [0.98, 0.965, 0.9, None])
def test_each_case_is_short_in_each_language(
    tmp_path: Path, language: str, low: float | None
) -> None:
    said = first_page(tmp_path, None if low is None else table_of(low), language=language)
    assert 40 < len(said.split()) <= WORDS
    assert not re.search(r"\b(nan|None|inf)\b", said)
    assert f'lang="{language}"' in (tmp_path / "report.html").read_text(encoding="utf-8")


def _keys(texts: object, path: str = "") -> set[str]:
    if not isinstance(texts, dict):
        return {path}
    return {key for name, each in texts.items() for key in _keys(each, f"{path}.{name}")}


def test_catalogues_have_the_same_texts_with_the_same_values() -> None:
    first, *others = (Texts(language)._texts for language in LANGUAGES)
    for other in others:
        methods = {f".methods.{name}" for name in METHODS}  # in English, a method names itself
        assert _keys(first) == _keys(other) - methods


def test_german_names_every_method_and_a_strength_by_its_method() -> None:
    german = Texts("de")
    built_in = {f".methods.{method.name}" for method in BUILT_IN}
    assert built_in <= _keys(german._texts), "a method without a German name"
    assert german.method("mask") == "Maske"
    assert german.method("pixelate_coarse") == "Verpixelung coarse"
    assert Texts("en").method("mask") == METHODS["mask"]


def test_numbers_and_their_nouns_agree() -> None:
    english, german = (Texts(language) for language in ("en", "de"))
    for number, left_out, failed in (
        ("1", "1 Bild wurde ausgelassen", "1 geschriebenes Bild bestand die"),
        ("2", "2 Bilder wurden ausgelassen", "2 geschriebene Bilder bestanden die"),
    ):
        assert german("notice.left_out", number=number).startswith(left_out)
        assert german("why.fail.audit", value_number=number).startswith(failed)
    assert english("why.fail.audit", value_number="1") == "1 written image failed its audit"
    assert [german.confidence(share) for share in (0.95, 0.995)] == ["95", "99,5"]


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(Exception, match="there are no texts in 'xx'"):
        Texts("xx")


def test_maps_are_read_and_shown(tmp_path: Path) -> None:
    whole = {"method": "mask", "degree": 100, "pairs": 0, "metric": "map", "value": 0.5, "n": 30}
    whole |= {"low": 0.1, "high": 0.3, "clusters": 30, "reason": "", "why_not": "it gains nothing"}
    rows = [
        whole | {"remedy": remedy, "query": query, "gain": gain}
        for query in ("original", "anonymized")
        for remedy, gain in ((NOTHING, 0.0), (SHIFT, 0.2))
    ]
    maps = tmp_path / "maps.csv"
    write_csv(pd.DataFrame(rows, columns=VARIANT_COLUMNS), maps)
    made = section(tmp_path, "a", make_scores("a", (100,)), (100,), labelled=False)
    assert GRIDS.keys() == TABLES.keys()
    assert {need for needs in TABLES.values() for need in needs} <= set(FILES)
    for each, shown in ((maps, True), (tmp_path / "none.csv", False)):
        output = tmp_path / "report.html"
        build_report("T", [replace(made, files=made.files | {"maps": each})], {}, {}, output)
        assert ("not recommended, it gains nothing" in output.read_text("utf-8")) == shown
