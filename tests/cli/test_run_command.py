"""`anonbench run` and `anonbench init`: which command or config they make, and when not."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from PIL import Image

from anonbench.cli.main import main
from anonbench.config import load
from anonbench.core.jobs.checksums import write_checksum
from anonbench.workflow import plan_costs as costs
from anonbench.workflow import planned_jobs as jobs
from anonbench.workflow import snakefile
from anonbench.workflow.first_config.survey import Found, Sample
from image_files import qr

TABLE = Path("results/tables/effects.csv")


class BecameError(Exception):
    """Stands for the process that became another."""


@pytest.fixture
def became(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the command in a folder, and returns snakemake's arguments."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("seed: 1\n")

    def become(program: str, words: Sequence[str]) -> None:
        assert Path(program).name == words[0] == "snakemake"
        raise BecameError(*words[1:])

    def run(
        *words: str,
        gpus: int = 0,
        wanted: float = 0.0,
        planned: bool = True,
        growth: float = 0.0,
        missing: Sequence[str] = (),
        obstacle: str | None = None,
        folder: Path = Path(),
    ) -> list[str]:
        job = SimpleNamespace(gpus=wanted, stage="train", planned=planned, outputs=[TABLE])
        plan = SimpleNamespace(jobs=[job], free=10**6, obstacle=obstacle, folder=folder)
        plan.planned = [job] if planned else []
        plan.started = SimpleNamespace(settings=SimpleNamespace(results=Path("results")))
        data = {"missing": missing, "disk_growth": growth}
        monkeypatch.setattr(os, "execvp", become)
        monkeypatch.setattr(jobs, "collect", lambda arguments: plan)
        monkeypatch.setattr(costs, "as_data", lambda _, cores, gpus: data | {"cores": cores})
        monkeypatch.setattr(costs, "total", lambda data: f"About 5 s with {data['cores']} cores")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(gpus))))
        try:
            return [str(main(["run", *words]))]
        except BecameError as error:
            return list(error.args)

    return run


def test_cores_gpus_and_the_snakefile_are_added(
    became: Any, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cores = str(len(os.sched_getaffinity(0)))
    given = ["archive_boxes", "--configfile", "mine.yaml"]
    added = ["--snakefile", str(root / "Snakefile"), "--cores", cores, "--resources", "gpu=3"]
    assert became(*given, gpus=3) == [*given, *added]
    assert f"1 job. About 5 s with {cores} cores" in capfd.readouterr().err
    report = Path("results/report.html").resolve()
    report.parent.mkdir()
    report.touch()
    became(planned=False)
    assert f"The report: {report}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--configfile mine.yaml archive_boxes -n", "archive_boxes is read as a config file"),
        ("--configfile=archive_boxes", "archive_boxes is read as a config file"),
        *((f"--configfile {number}.yaml", f"{number}.yaml is not ") for number in range(4)),
    ],
)
def test_what_is_no_config_file_is_said(
    became: Any, words: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Snakemake's words for it do not say which file, nor what is wrong in it."""
    for number, text in enumerate(("", "# datasets:\n", "- a\n", "a: [\n")):
        Path(f"{number}.yaml").write_text(text)
    assert became(*words.split()) == ["1"]
    assert said in capfd.readouterr().err


def test_what_the_user_names_is_left_alone(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    for named in (["-c94"], ["-c", "94"], ["--cores=94"]):
        given = ["-s", "mine/Snakefile", *named, "--resources", "gpu=2", "mem_mb=9"]
        assert became("all", *given) == ["all", *given]
        assert "About 5 s with 94 cores" in capfd.readouterr().err
    on_a_cluster = ["--profile", "profiles/slurm", "--snakefile=a"]
    assert became(*on_a_cluster, wanted=1.0) == on_a_cluster


def test_a_run_that_cannot_be_is_refused_first(
    became: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    for given, said in (
        ({"wanted": 1.0}, "1 job (train) would take a GPU, and this machine has none"),
        ({"wanted": 1.0}, "frozen system"),
        ({"growth": 2.1e6}, "the disk of results is too small"),
        ({"obstacle": "results cannot be written to"}, "results cannot be written to"),
    ):
        assert became(**given) == ["1"]
        assert said in capfd.readouterr().err
    assert became("-n", wanted=1.0)[0] == "-n", "a look is no run"
    assert became(wanted=1.0, gpus=1)[-1] == "gpu=1"
    assert "--cores" in became(growth=1.9e6), "an estimate may be twice too high"


def test_missing_results_are_named(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    became(planned=False, missing=["results/a.csv"])
    assert "with --forcerun results/a.csv" in capfd.readouterr().err


def test_a_wheel_without_a_clone_says_so(
    became: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(snakefile.anonbench, "__file__", str(Path("a/b/c.py").resolve()))
    assert became() == ["1"]
    assert "a wheel has none" in capfd.readouterr().err


def test_damaged_unread_table_is_named(became: Any, capfd: pytest.CaptureFixture[str]) -> None:
    became(planned=False)  # where nothing is there yet
    TABLE.parent.mkdir(parents=True)
    TABLE.write_text("map,0.5\n")
    write_checksum(TABLE)
    assert "--cores" in became(planned=False)
    TABLE.write_text("map,0.9\n")
    assert became(planned=False) == ["1"]
    said = capfd.readouterr().err
    assert f"{TABLE} is damaged" in said and f"--forcerun {TABLE}" in said
    Path("elsewhere").mkdir()
    assert "--cores" in became(folder=Path("elsewhere"), planned=False)
    Path("results").rename("elsewhere/results")
    assert became(folder=Path("elsewhere"), planned=False) == ["1"]
    assert "--cores" in became(planned=True), "what is made again may be anything"


SECRET = "Erika Mustermann"
SYSTEM = ["--system", "function:ones_of_init:encode"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of four codes, and one damaged image; codes alone are looked for."""
    monkeypatch.setattr("anonbench.workflow.first_config.survey.LOOKED_FOR", ("zxing",))
    monkeypatch.syspath_prepend(tmp_path)
    system = "import numpy as np\ndef encode(images):\n    return np.ones((len(images), 2))\n"
    (tmp_path / "ones_of_init.py").write_text(system)
    (tmp_path / "data").mkdir()
    for number in range(4):
        name = f"{SECRET} {number}"
        Image.fromarray(qr(name)).save(tmp_path / "data" / f"{name}.png")
    (tmp_path / "data" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path / "data"


@pytest.fixture
def init(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """Function that makes a config, `mine.yaml`, of the folder, and returns what is printed."""

    def run(*words: str, status: int = 0, system: Sequence[str] = SYSTEM) -> Any:
        to = [] if {"--to", "-o"} & {*words} else ["--to", str(tmp_path / "mine.yaml")]
        assert main(["init", str(folder), *to, *system, *words]) == status
        return capfd.readouterr()

    return run


def test_a_config_is_written_once_and_names_nobody(init: Any, tmp_path: Path) -> None:
    to = tmp_path / "my own.yaml"
    wishes = ("--minutes", "5", "-o", str(to))
    printed = init(*wishes)
    text = to.read_text(encoding="utf-8")
    for each in (text, printed.out, printed.err):
        assert SECRET not in each and "broken" not in each
    assert "zxing (barcode): found in 4 of 4 images" in printed.out
    assert "cannot be read, in the sample: 1: " in printed.out
    assert "zxing" in load(yaml.safe_load(text)).datasets["archive"].detectors
    assert f"anonbench run --configfile '{to}'" in printed.out
    said = init(*wishes, status=1).err
    assert "is there already, and is not overwritten" in said
    assert to.read_text(encoding="utf-8") == text


def test_a_detector_that_is_left_out_is_named(init: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"centerface": ("face", 32), "ppocr": ("text", 1), "zxing": ("barcode", 1)}
    found = {name: Found(*each) for name, each in names.items()}
    found["mrz"] = Found("mrz")
    seen = Sample(read=32, megapixels=[0.5], found=found, png_bytes=[9])
    monkeypatch.setattr("anonbench.workflow.first_config.survey.look", lambda *_: seen)
    said = init().out
    assert "found in 1 of 32 images, and left out: add it to `detectors` if that matters" in said
    assert said.count("left out") == 1


def test_a_sample_that_ends_early_says_so(
    init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, said in ((4, True), (5, False)):
        monkeypatch.setattr("anonbench.workflow.first_config.survey.FEWEST_LOOKED_AT", number)
        monkeypatch.setattr("anonbench.workflow.first_config.survey.ENOUGH", -1.0)
        printed = init("--to", str(tmp_path / f"{number}.yaml")).out
        assert ("4 of 5 images were looked at" in printed) == said


def test_wishes_that_no_config_can_have(
    init: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="2"):
        init("--minutes", "0")
    assert "must be a number of minutes above 0" in capfd.readouterr().err
    monkeypatch.setattr("os.access", lambda *_: False)
    printed = init("-o", "new/mine.yaml", status=1)
    assert "make it writable, or name another folder (-o)" in printed.err and not printed.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "{folder}/a.yaml"], "is in the folder of the originals"),
        (["--label", "person"], "--label person: no such column"),
        (["--system", "tim:resnet18"], "did you mean timm?"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_looked_at(
    init: Any, folder: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    printed = init(*(word.format(folder=folder) for word in words), status=1, system=[])
    assert said in printed.err and "looked at" not in printed.err
    assert not (tmp_path / "mine.yaml").exists()


@pytest.mark.parametrize(
    ("readable", "said"),
    [(0, "none of the 1 image looked at can be read"), (1, "too few images for an experiment")],
)
def test_a_folder_that_no_run_would_take_is_refused(
    init: Any, folder: Path, tmp_path: Path, readable: int, said: str
) -> None:
    whole = sorted(folder.glob(f"{SECRET}*"))
    for path in whole[readable:] + ([folder / "broken.png"] if readable else []):
        path.unlink()
    printed = init(status=1)
    assert said in printed.err and "run it" not in printed.out
    assert not (tmp_path / "mine.yaml").exists()


def test_what_was_seen_as_json(init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("a question was asked"))
    to = tmp_path / "mine.yaml"
    printed = init("--json", "--cores", "1")
    assert SECRET not in printed.out + printed.err
    seen = json.loads(printed.out)
    assert (seen["config"], seen["images"], seen["sample"]["read"]) == (str(to), 5, 4)
    assert list(seen["sample"]["unreadable"].values()) == [1]
    assert seen["sample"]["found"]["zxing"] == {"entity": "barcode", "images": 4, "not_tried": ""}
    assert 0 < seen["experiment"]["seconds"]["least"] < seen["experiment"]["seconds"]["most"]
    assert load(yaml.safe_load(to.read_text(encoding="utf-8"))).datasets["archive"]


def test_no_config_is_written_with_a_system_that_cannot_be_used(init: Any, tmp_path: Path) -> None:
    (tmp_path / "no_vectors.py").write_text("def encode(images):\n    return [1] * len(images)\n")
    to, named = tmp_path / "mine.yaml", "function:no_vectors:encode"
    printed = init("--yes", system=["--system", named], status=1)
    assert f"--system {named} cannot be used, and no config is written: the system" in printed.err
    assert "wrote" not in printed.out and not to.exists()
    # vectors that another program makes later cannot be tried
    init("--yes", system=["--system", f"vectors:{tmp_path}/{{variant}}.h5"])
    assert load(yaml.safe_load(to.read_text(encoding="utf-8"))).systems["tested"].kind == "vectors"
