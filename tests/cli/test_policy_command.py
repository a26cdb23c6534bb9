"""`anonbench policy check` and `anonbench review`: exit statuses and what is printed."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

import pandas as pd
import pytest
import yaml

from anonbench.cli import main
from anonbench.config import Config, Policy
from anonbench.core.io import locked, write_csv
from anonbench.core.jobs.checksums import write_checksum
from anonbench.detection.review.server import ReviewServer
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.workflow import planned_jobs
from anonbench.workflow.planned_jobs import Job, Plan
from policy_evidence import make_attacks, make_coverage, make_measured
from processes import python
from reviewed_archive import NAME, detect, make_archive


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    for name in ("a", "b"):
        table = judge(evidence(make_measured(("mask-100", "blur-100"), dataset=name)), Policy())
        write_csv(table, folder / name / "policy.csv")
    return folder


@pytest.fixture
def results(judged: Path, tmp_path: Path) -> Path:
    """Return results of two data sets, in which a mask passes and a blur fails."""
    return shutil.copytree(judged, tmp_path / "results")


def test_ci_passes_if_all_variants_do(results: Path, cli: Any) -> None:
    said = cli(f"policy check {results} --variant mask-100").out
    assert "a mask-100: pass\n  resisted these attacks at N = " in said and "b mask-100" in said
    said = cli("policy check", results / "a", status=3).out
    assert "a blur-100: fail\n  reidentification, rank 1 (face): 45.0 %" in said
    assert "b " not in said
    assert "b mask-100" in cli(f"policy check {results.parent} --variant mask-100").out
    (results / "c").mkdir()
    (results / "c" / "manifest.parquet").touch()  # a data set without a table
    said = cli(f"policy check {results} --variant mask-100", status=1).err
    assert "c: no policy.csv is in it" in said


def test_evidence_of_one_run_is_none_of_another(tmp_path: Path, cli: Any) -> None:
    """Both runs have a data set of one name, and only the first one was attacked."""
    found = evidence(make_measured(dataset="archive"))
    for name, own in (("first", found), ("second", found[found["rule"] != "attack"])):
        write_csv(judge(own, Policy()), tmp_path / name / "archive" / "policy.csv")
    (tmp_path / "default.yaml").write_text("policy: {}")
    for words in ("", f"--policy {tmp_path / 'default.yaml'}"):
        said = cli(f"policy check {tmp_path} {words}", status=3).out
        assert f"{tmp_path / 'first' / 'archive'} mask-100: pass" in said
        assert f"{tmp_path / 'second' / 'archive'} mask-100: not known" in said


def test_what_is_said_of_several_is_said_once(tmp_path: Path, cli: Any) -> None:
    variants = ("blur-100", "blur-50", "mask-100")
    rates = dict.fromkeys(("readability", "barcodes"), float("nan"))
    few = make_attacks("a", variants, rates, reason="too few")
    measured = make_measured(variants, dataset="a", attacks=few, quality=make_coverage(0.9))
    table = judge(evidence(measured), Policy())
    mapped = table[table["method"] == "mask"].assign(method="mapped_mask")  # the same pictures
    table = pd.concat([table, mapped])
    write_csv(table, tmp_path / "policy.csv")
    said = cli("policy check", tmp_path, status=3).out
    alone, _, shared = said.partition("a, all that do not pass:\n")
    assert "a mask-100, mapped_mask-100: fail\n" in alone and "true area missed" not in alone
    assert alone.count("reidentification, rank 1 (face): ") == 2, "their rates differ"
    assert "  readability, found; barcodes, found: not known, at most 5 % (too few)\n" in shared
    assert shared.count("true area missed") == 1


def test_json_has_verdicts_and_evidence(results: Path, cli: Any) -> None:
    found = json.loads(cli(f"policy check {results} --json", status=3).out)
    assert found["passes"] is False
    verdicts = {(each["dataset"], each["variant"]): each["verdict"] for each in found["variants"]}
    assert (verdicts["b", "mask-100"], verdicts["b", "blur-100"]) == ("pass", "fail")
    rules = found["variants"][0]["rules"]
    assert {"rule", "value", "low", "high", "limit", "verdict", "source"} <= rules[0].keys()
    policy = results / "other.yaml"
    policy.write_text("policy: {attacks: {reidentification: 0.6}}")
    cli(f"policy check {results} --policy {policy}")
    policy.write_text("policy: {attacks: {linkage: 0.1}}")
    cli(f"policy check {results} --variant mask-100 --policy {policy}", status=3)


def test_outdated_results_are_told_with_what_renews_them(
    results: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    monkeypatch.chdir(results.parent)
    Path("mine.yaml").write_text("datasets: {a: {layout: folder, path: a, detectors: [zxing]}}")
    tables = [results / "a/policy.csv", results / "c/policy.csv"]  # the latter is not made yet
    job = Job("judge", "policy", {}, tables[:1], planned=True)
    jobs = [job, replace(job, outputs=tables[1:]), replace(job, planned=False)]
    check = ["policy", "check", "--configfile", "mine.yaml", "--variant", "mask-100"]
    for planned, told in ((jobs, "results of 1 job are of another config"), (jobs[1:], "")):
        plan = Plan(planned, *[cast("Any", None)] * 2)
        monkeypatch.setattr(planned_jobs, "collect", lambda given, plan=plan: plan)
        said = cli(*check).err
        assert told in said and bool(said) is bool(told)
        assert ("anonbench run policy --configfile mine.yaml" in said) is bool(told)
    assert main([*check, str(results)]) == 0, "of another place"
    shutil.rmtree(results)
    assert "first `anonbench run policy --configfile mine.yaml`" in cli(*check, status=1).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nowhere", "no policy.csv is in it"),
        ("{0} --variant blur-50", "there are mask-100, blur-100"),
        ("{0} --policy {0}/wrong.yaml", "policy.degre: unknown key"),
        ("{0} --policy {0}/other.yaml", "no section `policy`"),
        ("{0} --policy {0}/large.yaml", "policy.attacks.linkage: "),
    ],
)
def test_what_cannot_be_checked_is_refused(
    results: Path, arguments: str, said: str, cli: Any
) -> None:
    (results / "wrong.yaml").write_text("policy: {degre: 1}")
    (results / "large.yaml").write_text("policy: {attacks: {linkage: 2}}")
    (results / "other.yaml").write_text("title: a config without one")
    assert said in cli("policy check", arguments.format(results), status=1).err


def test_damaged_table_is_not_believed(results: Path, cli: Any) -> None:
    table = results / "a" / "policy.csv"
    write_checksum(table)
    text = table.read_text()
    table.write_text(text.replace("fail", "pass"))
    cli("policy check", results / "a", status=1)
    other = results / "b" / "policy.csv"
    for damaged, said in (
        (text.splitlines(keepends=True)[0].encode(), "policy.csv"),
        (text.replace("fail", "fine").encode(), "policy.csv"),
        (b"\xff\xfe" + text.encode("utf-16-le"), "is not a table (UnicodeDecodeError)"),
    ):
        other.write_bytes(damaged)
        assert said in cli("policy check", results / "b", status=1).err


def rewritten(table: Path, **changes: Any) -> None:
    """Change cells of the first attack's row, or lose rows where `without` names their rule."""
    rows = pd.read_csv(table, keep_default_na=False, dtype=str)
    if without := changes.pop("without", None):
        gone = (rows["rule"] == without) | (rows["attack"] == without)
        rows = rows[~(gone & (rows["method"] == "mask"))]
    attack = rows.index[(rows["rule"] == "attack") & (rows["limit"] != "")][0]
    for column, value in changes.items():
        rows.loc[attack, column] = value
    rows.to_csv(table, index=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"without": "audit"}, "a mask-100 has no row of the rule audit"),
        ({"without": "searched"}, "a mask-100 has no row of the rule searched barcode"),
        ({"without": "reidentification"}, "has no row of the attack reidentification, which oth"),
        ({"verdict": "not known"}, "the verdict on attack is not that of its numbers"),
        ({"high": "0.99"}, "the verdict on attack is not that of its numbers"),
        ({"limit": "little"}, "the verdict on attack is not that of its numbers"),
    ],
)
def test_a_table_that_no_job_wrote_is_refused(
    results: Path, changes: dict[str, str], said: str, cli: Any
) -> None:
    rewritten(results / "a" / "policy.csv", **changes)
    told = cli(f"policy check {results} --variant mask-100", status=1).err
    assert said in told and "by `anonbench run policy --configfile" in told


def test_reasons_stand_with_their_kind_of_region_in_the_results_of_a_config(
    results: Path, cli: Any, forks: None
) -> None:
    lacks = {"face": "10 persons, and 20 are needed", "text": "10 images, and 20 are needed"}
    reasons = [f"{each}: {lack}" for each, lack in lacks.items()]
    reasons += [f"{each}: no such regions in the train images to learn from" for each in lacks]
    rewritten(results / "a" / "policy.csv", reason="; ".join(reasons), verdict="not known")
    config = results.parent / "config.yaml"
    dataset = {"layout": "folder", "path": str(results.parent), "detectors": ["ppocr"]}
    config.write_text(yaml.safe_dump({"results": str(results), "datasets": {"a": dataset}}))
    told = cli(f"policy check --configfile {config}", status=3)
    assert "outdated is not known: datasets.a.path: the results" in told.err
    lines = told.out.splitlines()
    rule = next(at for at, line in enumerate(lines) if "not known: reidentification" in line)
    assert lines[rule + 1 : rule + 3] == [
        f"    {each}: {lack}; no such regions in the train images to learn from"
        for each, lack in lacks.items()
    ]
    assert max(map(len, lines)) <= 120
    strict = {"policy": {"methods": ["blur"]}}
    config.write_text(config.read_text() + yaml.safe_dump(strict))
    said = cli(f"policy check --configfile {config} --variant mask-100", status=3).out
    assert "a mask-100: fail\n  method" in said, "the config's policy judges"


@pytest.mark.slow
def test_nothing_is_loaded_that_a_check_does_not_need(results: Path) -> None:
    heavy = ("pandas", "scipy", "anonbench.config", "torch", "snakemake")
    code = (
        "import sys\nfrom anonbench.cli import main\n"
        "for place in ('nothing', '.'):\n    main(['policy', 'check', place])\n"
        f"    print([name for name in {heavy} if name in sys.modules])\n"
    )
    done = python(code, cwd=results)
    first, *_, last = done.stdout.splitlines()
    assert (first, last) == ("[]", "['pandas']"), done.stdout + done.stderr


NAMES = ["a.png", "b.png", "c.png"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """Return an archive whose config names no corrections, after detection."""
    folder = tmp_path_factory.mktemp("archive")
    config = make_archive(folder, NAMES, corrections=None)
    detect(config)
    values = config.model_dump(mode="json", exclude_defaults=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    return config, folder / "config.yaml"


class Running:
    """A review that runs, and its address."""

    def __init__(self, configfile: Path) -> None:
        command = ["review", NAME, "--configfile", str(configfile), "--sample", "2"]
        code = f"import sys; from anonbench.cli import main; sys.exit(main({command!r}))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.greeting = ""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.greeting += line
            if found := re.search(r"(http://127\.0\.0\.1:\d+)(/\S+/)", line):
                self.host, self.path = found.groups()
            if line.startswith("Control-C"):
                return
        raise AssertionError(self.greeting)

    def ask(self, what: str, value: Any = None) -> Any:
        headers = {"Origin": self.host, "Content-Type": "application/json"}
        data = None if value is None else json.dumps(value).encode()
        with urlopen(Request(self.host + self.path + what, data, headers), timeout=30) as answer:
            return json.load(answer)

    def confirm(self, number: int, *more: dict[str, Any]) -> None:
        image = self.ask(f"image/{number}")
        kept = [{k: r[k] for k in ("found", "row") if k in r} for r in image["regions"]]
        self.ask(f"confirm/{number}", {"version": image["version"], "regions": [*kept, *more]})

    def end(self, how: signal.Signals) -> str:
        self.process.send_signal(how)
        out, _ = self.process.communicate(timeout=60)
        return out


@pytest.mark.slow
def test_confirmed_survives_a_kill_and_the_end_says_what_next(archive: tuple[Config, Path]) -> None:
    config, configfile = archive
    file = configfile.parent / f"corrections_{NAME}.csv"
    line = f"write below datasets.{NAME} in the config: corrections: {file}"
    first = Running(configfile)
    for said in ("ORIGINALS ARE SHOWN", f"corrections: {file}", line):
        assert said in first.greeting
    first.confirm(0, {"entity": "face", "box": [100, 70, 160, 90]})
    first.end(signal.SIGKILL)
    assert "add,face,100,70,160,90" in file.read_text()
    second = Running(configfile)
    looked = [image["looked"] for image in second.ask("overview")["images"]]
    assert looked == [True, False, False]
    second.confirm(1)
    out = second.end(signal.SIGTERM).splitlines()
    assert second.process.returncode == 0
    assert out[:2] + out[-2:] == [
        "2 of 3 images were looked at",
        "Random sample: 2 of 2 images looked at.",
        f"NOT USED YET: {line}",
        f"to hide what was marked: anonbench run --configfile {configfile}",
    ]
    dataset = config.datasets[NAME].model_copy(update={"corrections": file})
    with_line = config.model_copy(update={"datasets": {NAME: dataset}})
    hidden = [region.entity for regions in detect(with_line).values() for region in regions]
    assert sorted(hidden) == ["face", "text", "text", "text"]


def test_the_summary_as_json(
    archive: tuple[Config, Path], monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    def interrupted(server: ReviewServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    summary = json.loads(cli(f"review {NAME} --configfile", archive[1], "--json").out)
    assert summary["images"] == 3 and summary["add_to_config"].startswith("corrections: ")
    assert summary["next"] == f"anonbench run --configfile {archive[1]}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nobody", "no data set nobody: there are archive"),
        (f"{NAME} --sample 0", "--sample: at least 1"),
        (f"{NAME} --port 70000", "--port 70000"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    archive: tuple[Config, Path], arguments: str, said: str, cli: Any
) -> None:
    error = cli(f"review {arguments} --configfile", archive[1], status=1).err
    assert said in error and error.count("\n") == 1


def test_a_review_is_refused_beside_another_and_without_results(
    archive: tuple[Config, Path], tmp_path: Path, cli: Any
) -> None:
    config, configfile = archive
    with locked(config.results / NAME):
        said = cli(f"review {NAME} --configfile {configfile}", status=1).err
    assert "in use by another command" in said
    empty = tmp_path / "c.yaml"
    values = yaml.safe_load(configfile.read_text()) | {"results": str(tmp_path)}
    empty.write_text(yaml.safe_dump(values))
    said = f"run anonbench run {NAME}_boxes --configfile {empty}"
    assert said in cli(f"review {NAME} --configfile {empty}", status=1).err
