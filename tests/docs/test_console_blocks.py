"""Every command that README and docs show is run, or its block says why it cannot be."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import console
import pytest
import yaml

import preloaded
import small_archive

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [block for file in FILES for block in console.blocks(file)]
MADE = ("table_V", "portraits_images")
"""What stands in the folder before: the small experiment, up to its scores and one table."""
OF_ONE = ("bundle.md", "export.md")
"""Pages whose commands are about a finished run: its config has what was made, and nothing else."""
EXACT = ("metric ", "anonbench: ", "wrote anonymized", "wrote averaged", "13 images", "12 images")
"""How documented output begins that is compared line by line; other output has times in it."""


DATA = {"portraits": {"paper_role": "celeba"}}
DATA |= {"documents": {"paper_role": "rvl_cdip", "degrees": [25, 100]}}
DATA |= {"ids": {"paper_role": "dokiq", "label": None}, "archive": {}}


def config(*, of_one: bool) -> dict[str, Any]:
    small = small_archive.config()
    archive = small["datasets"].pop("archive") | {"shard_size": 64}
    del archive["degrees"]
    names = ["portraits"] if of_one else DATA
    sets = {name: archive | {"path": f"data/{name}"} | DATA[name] for name in names}
    return small | {"datasets": sets}


def write_configs(folder: Path, *, of_one: bool) -> None:
    for name in ("config.yaml", "my_config.yaml", "archive.yaml"):
        text = yaml.safe_dump(config(of_one=of_one))
        (folder / name).write_text(text, encoding="utf-8")


def run_python(page: str, folder: Path) -> None:
    """Run the first Python of a guide, which writes the files of its commands."""
    guide = (ROOT / "docs/how-to" / page).read_text(encoding="utf-8")
    python = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert python is not None
    path = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", python[1]], cwd=folder, check=True, env=path)


PAPER = "import pathlib, paper_lists; paper_lists.write(pathlib.Path('data'), 4096)"
"""Writes the lists of the paper's data sets, short ones, where config/paper.yaml looks for them."""


def embeddings(folder: Path) -> None:
    """Write the files that docs/how-to/score.md names; its own Python writes the first two."""
    run_python("score.md", folder)
    ids = (folder / "originals.ids.txt").read_text(encoding="utf-8")
    models = ("retrained_originals", "new_model_originals", "new_model_anonymized")
    copies = (*models, "pixelate", "blur", "mask", "ref", "db")
    for name in (*copies, "broken"):
        shutil.copy(folder / "anonymized.npy", folder / f"{name}.npy")
        (folder / f"{name}.ids.txt").write_text(ids, encoding="utf-8")
    (folder / "broken.ids.txt").write_text(ids.replace("image-0007", "photo-7"), encoding="utf-8")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return {
        "FORKS": str(preloaded.programs(tmp_path_factory.mktemp("forks"))),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
            os.utime(folder / name, (0, 0))  # older than the environment, which is not made again
    (folder / ".venv").symlink_to(sys.prefix)
    for name in DATA:
        small_archive.draw(folder, place=f"data/{name}")
    write_configs(folder, of_one=False)
    embeddings(folder)
    run_python("anonymize.md", folder)  # photographs
    tools = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
    subprocess.run([sys.executable, "-c", PAPER], cwd=folder, env=tools, check=True)
    done = preloaded.completed("snakemake", ["--cores", "2", *MADE, "--resources", "gpu=4"], folder)
    if done.returncode:
        pytest.fail(f"{' '.join(done.args)}: {done.stderr[-2000:]}", pytrace=False)
    return folder


def test_marks_have_a_reason() -> None:
    ways = Counter(block.way for block in BLOCKS)
    checked = ways["run"] + ways["planned"]
    assert checked >= ways["not run"], "more blocks are excused than run or planned"
    assert all(len(block.reason.split()) >= 3 for block in BLOCKS if block.way != "run")
    assert all(block.commands for block in BLOCKS)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.way != "not run"], ids=str)
def test_a_block_runs(checkout: Path, environment: dict[str, str], block: console.Block) -> None:
    write_configs(checkout, of_one=block.file.name in OF_ONE)
    for writes, file in (("-o bundle.tar", "bundle.tar"), ("anonbench init", "archive.yaml")):
        if any(writes in command.text for command in block.commands):
            (checkout / file).unlink(missing_ok=True)  # no command writes over a file
    failed, told = console.run(block, checkout, environment)
    shown = {command.line: command for command in block.commands}
    if failed is not None:
        place = f"{block.file.name}, line {failed}: {shown[failed].text}"
        pytest.fail(f"{place}\n{told[failed][-3000:]}", pytrace=False)
    for line, command in shown.items():
        assert "Traceback" not in told[line], f"{block.file.name}, line {line}"
        if command.output and command.output[0].startswith(EXACT):
            printed = {" ".join(each.split()) for each in told[line].splitlines()}
            missing = [each for each in command.output if " ".join(each.split()) not in printed]
            assert missing == [] or missing == [""], (
                f"{block.file.name}, below line {line}: is documented, but not printed: {missing}; "
                f"printed was {told[line][-2000:]}"
            )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_command_in_running_text_can_be_copied(file: Path) -> None:
    text = " ".join(file.read_text(encoding="utf-8").split())
    for command in re.findall(r"`(snakemake [^`]*)`", text):
        # with a target it runs something, and Snakemake wants to know on how many cores
        target = not command.split()[1].startswith("-")
        assert not target or "--cores" in command or " -n" in command, command


def test_a_failing_line_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ true\n$ cd / &&\n> false\n$ echo never\n```\n")
    (block,) = console.blocks(page)
    failed, printed = console.run(block, tmp_path, {})
    assert failed == 3 and sorted(printed) == [2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- console: not run -->\n```console\n$ true\n```",
        "<!-- console: skipped; because -->\n```console\n$ true\n```",
        "<!-- console: not run; far away -->\n\nText.\n",
        "```console\noutput alone\n```",
    ],
)
def test_a_mark_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(ValueError, match=r"page\.md:\d"):
        list(console.blocks(tmp_path / "page.md"))
