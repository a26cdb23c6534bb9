"""What jobs read, ask for and come after: every planned job of one experiment that has them all."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planned_jobs import planned_jobs
from safetensors.numpy import save_file

from anonbench.workflow.paths import digests

pytestmark = pytest.mark.workflow
WEIGHTS = "weights.safetensors"
Job = dict[str, Any]
TESTS = {"confidence", "equivalence_margin"}


@pytest.fixture(scope="module")
def jobs(root: Path, miniature: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the planned jobs of the miniature, with a system and more that is optional."""
    folder = tmp_path_factory.mktemp("planned")
    save_file({"weight": np.zeros(3, dtype=np.float32)}, folder / WEIGHTS)
    config = deepcopy(miniature) | {"deployments": {"mixed": True}}
    sets, recipes = config["datasets"], config["recipes"]
    sets["portraits"]["adaptions"] = ["A", "C", "B"]
    sets["documents"] |= {"anonymized_first": "class", "shard_size": 8}
    sets["ids"] = sets["documents"] | {"path": "data/ids", "system": "small"}
    for name in ("recipe", "paper_role"):
        sets["ids"].pop(name, None)
    config["systems"] = {"small": {"kind": "timm"}}
    config["retrieval"] |= {"near_duplicates": [0, 4]}
    recipes["portraits"]["backbone"] |= {"pretrained": WEIGHTS}
    recipes["portraits"] |= {"device": "cpu", "threads": 3}
    recipes["documents"] |= {"device": "auto", "gpus": 4, "threads": 3}
    return planned_jobs(root, folder, config)


def of(jobs: list[Job], name: str, dataset: str = "") -> list[Job]:
    found = [job for job in jobs if job["name"] == name]
    if dataset:
        found = [
            job
            for job in found
            if dataset in (job["wildcards"].get("dataset"), job["params"].get("dataset"))
        ]
    assert found, name
    return found


def test_jobs_get_what_their_scripts_read(root: Path, jobs: list[Job]) -> None:
    scripted = [job for job in jobs if job["script"]]
    assert len(scripted) > 100
    for job in scripted:
        text = (root / "workflow/rules" / job["script"]).read_text(encoding="utf-8")
        assert not set(re.findall(r"params\.(\w+)", text)) - job["params"].keys(), job["name"]
        assert re.fullmatch("[0-9a-f]{64}", job["params"]["code"]), job["name"]
        assert job["resources"]["mem_mb"] >= 500 and job["resources"]["runtime"] >= 5
        environment = root / "workflow/rules" / str(job["environment"])
        assert environment.resolve() == root / "envs/anonbench.yaml"


def test_parameters_are_those_of_the_data_set(jobs: list[Job]) -> None:
    systems = {n: of(jobs, f"present_privacy_{n}", n)[0]["params"] for n in ("portraits", "ids")}
    assert [each["system"] for each in systems.values()] == [None, "small"]
    detect = {n: of(jobs, "detect", n)[0]["params"] for n in ("portraits", "documents")}
    assert detect["documents"]["detectors"] == ["ppocr"] != detect["portraits"]["detectors"]
    assert {"keep_failed", "detection", "seed"} <= {*detect["documents"]}
    hidden = [j for j in of(jobs, "anonymize") if "blur" in j["wildcards"]["variant"]]
    assert "blur" in hidden[0]["params"]["hiding"]["settings"]
    adaptions = {job["params"]["adaption"] for job in of(jobs, "train_adapted", "portraits")}
    assert adaptions == {"A", "B", "C"}
    pixels = {j["params"]["dataset"] for j in jobs if "baselines" in j["name"]}
    assert pixels == {"portraits", "documents", "ids"}


@pytest.mark.parametrize(
    ("rule", "part", "read"),
    [
        ("scores", "tests", TESTS),
        ("effects_portraits", "tests", {*TESTS, "bootstrap", "stated_difference"}),
        ("quality_portraits", "shown", {"bootstrap", "confidence"}),
        ("attention_portraits", "settings", {"confidence", "dpi", "show_originals"}),
        ("present_scores_portraits", "shown", {"dpi", "confidence", "widest_interval"}),
    ],
)
def test_a_job_gets_what_it_reads(jobs: list[Job], rule: str, part: str, read: set[str]) -> None:
    assert {*of(jobs, rule, "portraits")[0]["params"][part]} == read


def test_a_training_asks_for_its_gpus_and_reads_the_users_weights(jobs: list[Job]) -> None:
    for name, gpus in (("portraits", 0), ("documents", 4)):
        for job in of(jobs, "train_unadapted", name):
            assert job["resources"]["gpu"] == gpus
            assert job["threads"] == 3 * max(1, gpus)
            assert not any("manifest" in file for file in job["input"])
            assert (WEIGHTS in job["input"]) is (name == "portraits")
    assert all(WEIGHTS in job["input"] for job in of(jobs, "train_adapted", "portraits"))


def test_originals_are_not_drawn_where_they_may_not_be_seen(jobs: list[Job]) -> None:
    text = " ".join(of(jobs, "attention_portraits")[0]["input"])
    # attention is looked at on the first method
    assert set(re.findall(r"images/([\w-]+)/", text)) == {"blur-100"}


def test_the_adaptive_attacker_is_adaption_c_where_there_is_one(jobs: list[Job]) -> None:
    text = " ".join(of(jobs, "reidentify", "portraits")[0]["input"])
    models = set(re.findall(r"models/([\w-]+)/seed0/backbone\.safetensors\b", text))
    assert models == {"unadapted", "C-blur-100", "C-mask-100"}


def test_deployments_read_the_labels_by_which_images_were_anonymized(jobs: list[Job]) -> None:
    reads = {n: of(jobs, "deployments", n)[0]["input"] for n in ("documents", "portraits")}
    assert "results/documents/manifest.parquet" in reads["documents"]
    assert "results/portraits/manifest.parquet" not in reads["portraits"]
    assert any(file.endswith("unadapted/seed0/mask-100/val.h5") for file in reads["portraits"])


def test_near_duplicates_are_hashed_by_shard(jobs: list[Job]) -> None:
    assert len(of(jobs, "hash_images", "documents")) > 1
    assert len(of(jobs, "near_duplicates", "documents")) == len(of(jobs, "retrieve_documents")) == 1


def reached(start: set[int], after: dict[int, set[int]]) -> set[int]:
    """Return what comes after some jobs, directly or not, and they."""
    found: set[int] = set()
    new = start
    while new:
        found |= new
        new = set().union(*(after.get(each, set()) for each in new)) - found
    return found


def test_costs_are_counted_after_all_that_the_report_shows(jobs: list[Job]) -> None:
    before = {number: set(map(int, job["after"])) for number, job in enumerate(jobs)}
    cost = {number for number, job in enumerate(jobs) if job["name"] == "cost"}
    rules = {jobs[number]["name"] for number in reached(cost, before)}
    kinds = ("present_scores", "present_privacy", "quality", "attention")
    assert {"explore", *(f"{kind}_portraits" for kind in kinds)} <= rules
    assert "report" not in rules


def hidden(names: list[str], edges: list[tuple[int, int, bool]]) -> list[str]:
    """Return the ancient dependencies that no path of other ones stands beside."""
    after: dict[int, set[int]] = {}
    for before, job, ancient in edges:
        if not ancient:
            after.setdefault(before, set()).add(job)
    return [
        f"{names[before]} -> {names[job]}"
        for before, job, ancient in edges
        if ancient and job not in reached({before}, after)
    ]


def test_no_job_hides_behind_an_ancient_input(jobs: list[Job]) -> None:
    """Snakemake looks for changes only in jobs with no planned job before them.

    Those behind one are planned because it is, unless all that they read of it is ancient. So
    wherever a job reads ancient files of another, it has to come after that one by files that are
    not ancient too (their digests).
    """
    names = ["a", "b", "c"]
    assert hidden(names, [(0, 1, True), (1, 2, False)]) == ["a -> b"]
    assert hidden(names, [(0, 2, True), (0, 1, False), (1, 2, False)]) == []
    edges = [
        (int(before), number, all(ancient))
        for number, job in enumerate(jobs)
        for before, ancient in job["after"].items()
    ]
    some = [edge for job in jobs for edge in job["after"].values() if any(edge)]
    assert len(edges) > 300 and len(some) > 100
    assert hidden([job["name"] for job in jobs], edges) == []
    missing = {job["name"]: {*digests(job["ancient"])} - {*job["input"]} for job in jobs}
    assert {name: files for name, files in missing.items() if files} == {}
