"""`anonbench init` from a folder to a config."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
import zxingcpp
from PIL import Image

from anonbench.cli.main import main
from anonbench.config import load

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
        code = zxingcpp.create_barcode(f"{SECRET} {number}", zxingcpp.BarcodeFormat.QRCode)
        pixels = np.pad(zxingcpp.write_barcode_to_image(code, scale=3), 16, constant_values=255)
        Image.fromarray(np.array(pixels)).save(tmp_path / "data" / f"{SECRET} {number}.png")
    (tmp_path / "data" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path / "data"


def test_a_config_is_written_once_and_names_nobody(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "mine.yaml"
    words = ["init", str(folder), "--to", str(to), "--minutes", "5", *SYSTEM]
    assert main(words) == 0
    text = to.read_text(encoding="utf-8")
    printed = capfd.readouterr()
    for each in (text, printed.out, printed.err):
        assert SECRET not in each
        assert "broken" not in each
    assert "zxing (barcode): found in 4 of 4 images" in printed.out
    assert "cannot be read, in the sample: 1: " in printed.out
    config = load(yaml.safe_load(text))
    assert "zxing" in config.datasets["archive"].detectors
    assert f"anonbench run --configfile {to}" in printed.out
    assert main(words) == 1
    assert "is there already, and is not overwritten" in capfd.readouterr().err
    assert to.read_text(encoding="utf-8") == text


def test_no_minutes_are_no_experiment(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["init", str(folder), "--minutes", "0"])
    assert "must be a number of minutes above 0" in capfd.readouterr().err


def test_a_config_that_cannot_be_written_is_refused_before_the_search(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert main(["init", str(folder), "-o", "new/mine.yaml", *SYSTEM]) == 1
    printed = capfd.readouterr()
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
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    given = [word.format(folder=folder) for word in words]
    to = [] if "--to" in given else ["--to", str(tmp_path / "a.yaml")]
    assert main(["init", str(folder), *to, *given]) == 1
    printed = capfd.readouterr()
    assert said in printed.err
    assert "looked at" not in printed.err
    assert not (tmp_path / "a.yaml").exists()


@pytest.mark.parametrize(
    ("readable", "said"),
    [(0, "none of the 1 image looked at can be read"), (1, "too few images for an experiment")],
)
def test_a_folder_that_no_run_would_take_is_refused(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], readable: int, said: str
) -> None:
    whole = sorted(folder.glob(f"{SECRET}*"))
    left = whole[readable:] + ([folder / "broken.png"] if readable else [])
    for path in left:
        path.unlink()
    to = tmp_path / "a.yaml"
    assert main(["init", str(folder), "--to", str(to), *SYSTEM]) == 1
    printed = capfd.readouterr()
    assert said in printed.err
    assert "run it" not in printed.out
    assert not to.exists()


def test_what_was_seen_as_json(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("a question was asked"))
    to = tmp_path / "mine.yaml"
    words = ["init", str(folder), "--to", str(to), *SYSTEM]
    assert main([*words, "--json", "--cores", "1"]) == 0
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err
    seen = json.loads(printed.out)
    assert (seen["config"], seen["images"], seen["sample"]["read"]) == (str(to), 5, 4)
    assert list(seen["sample"]["unreadable"].values()) == [1]
    assert seen["sample"]["found"]["zxing"] == {"entity": "barcode", "images": 4, "not_tried": ""}
    assert 0 < seen["experiment"]["seconds"]["least"] < seen["experiment"]["seconds"]["most"]
    assert load(yaml.safe_load(to.read_text(encoding="utf-8"))).datasets["archive"]


def test_no_config_is_written_with_a_system_that_cannot_be_used(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no_vectors.py").write_text("def encode(images):\n    return [1] * len(images)\n")
    to = tmp_path / "mine.yaml"
    named = "function:no_vectors:encode"
    words = ["init", str(folder), "--to", str(to), "--yes", "--system"]
    assert main([*words, named]) == 1
    printed = capfd.readouterr()
    assert f"--system {named} cannot be used, and no config is written: the system" in printed.err
    assert "wrote" not in printed.out
    assert not to.exists()
    # vectors that another program makes later cannot be tried
    assert main([*words, f"vectors:{tmp_path}/{{variant}}.h5"]) == 0
    assert load(yaml.safe_load(to.read_text(encoding="utf-8"))).systems["tested"].kind == "vectors"
