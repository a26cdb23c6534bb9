"""`anonbench review` as a process: started, killed, started again, interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from anonbench.cli import main
from anonbench.config import Config
from anonbench.core.io import locked
from anonbench.detection.review.server import ReviewServer
from reviewed_archive import NAME, detect, make_archive

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
    first = Running(configfile)
    assert "ORIGINALS ARE SHOWN" in first.greeting and f"corrections: {file}" in first.greeting
    assert f"write below datasets.{NAME} in the config: corrections: {file}" in first.greeting
    first.confirm(0, {"entity": "face", "box": [100, 70, 160, 90]})
    first.end(signal.SIGKILL)
    assert "add,face,100,70,160,90" in file.read_text()
    second = Running(configfile)
    overview = second.ask("overview")
    assert [image["looked"] for image in overview["images"]] == [True, False, False]
    second.confirm(1)
    out = second.end(signal.SIGTERM)
    assert second.process.returncode == 0
    first_line, sample, *_, unused, following = out.splitlines()
    assert first_line == "2 of 3 images were looked at"
    assert sample == "Random sample: 2 of 2 images looked at."
    line = f"write below datasets.{NAME} in the config: corrections: {file}"
    assert unused == f"NOT USED YET: {line}"
    assert following == f"to hide what was marked: anonbench run --configfile {configfile}"
    dataset = config.datasets[NAME].model_copy(update={"corrections": file})
    with_line = config.model_copy(update={"datasets": {NAME: dataset}})
    hidden = [region.entity for regions in detect(with_line).values() for region in regions]
    assert sorted(hidden) == ["face", "text", "text", "text"]


def test_the_summary_as_json(
    archive: tuple[Config, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(server: ReviewServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    assert main(["review", NAME, "--configfile", str(archive[1]), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["images"] == 3 and summary["add_to_config"].startswith("corrections: ")
    assert summary["next"] == f"anonbench run --configfile {archive[1]}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "no data set nobody: there are archive"),
        ([NAME, "--sample", "0"], "--sample: at least 1"),
        ([NAME, "--port", "70000"], "--port 70000"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    archive: tuple[Config, Path],
    arguments: Sequence[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["review", *arguments, "--configfile", str(archive[1])]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_review_is_refused_beside_another_and_without_results(
    archive: tuple[Config, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, configfile = archive
    with locked(config.results / NAME):
        assert main(["review", NAME, "--configfile", str(configfile)]) == 1
    assert "in use by another process" in capsys.readouterr().err
    empty = tmp_path / "c.yaml"
    values = yaml.safe_load(configfile.read_text()) | {"results": str(tmp_path)}
    empty.write_text(yaml.safe_dump(values))
    assert main(["review", NAME, "--configfile", str(empty)]) == 1
    said = f"run anonbench run {NAME}_boxes --configfile {empty}"
    assert said in capsys.readouterr().err
