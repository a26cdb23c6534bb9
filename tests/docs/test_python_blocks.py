"""Python that pages show, run as a reader would: from the first block of a page to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import Equipment, RegionAttack
from anonbench.core.vocabulary import Entity, Variant
from plug_in import install


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "result"),
    [
        ("how-to/install.md", "(hidden != image)[30:120, 40:110].mean() > 0.9"),
        (
            "how-to/anonymize.md",
            "(len(found.boxes), done.written, done.without_regions) == (13, 12, 1)",
        ),
        ("how-to/evaluate.md", "result.to_markdown().count('keeps most: mAP') == 2"),
        ("how-to/score.md", "table.set_index('metric')['value']['map'].round(4) == 0.8436"),
        ("tutorials/own-archive.md", "len([*Path('photos').rglob('*.jpg')]) == len(rows) == 240"),
    ],
)
def test_the_blocks_of_a_page_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, result: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert eval(result, names)


def test_the_kind_of_system_of_a_page_embeds_images(root: Path, tmp_path: Path) -> None:
    text = (root / "docs/how-to/systems.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    (described,) = re.findall(r"^```toml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    ((group, points),) = tomllib.loads(described)["project"]["entry-points"].items()
    module = re.match(r"# (\w+)\.py\n", source)[1]  # type: ignore[index]
    install(tmp_path, {module: source}, {f"{group}:{name}": at for name, at in points.items()})
    (entry,) = re.findall(r"`(ours: \{ kind: grey.*?\})`", text)
    code = f"""
import numpy as np, yaml
from anonbench.config import load
from anonbench.embedding.systems.opening import identity_of, open_system
archive = {{"layout": "folder", "path": "images", "detectors": ["mtcnn"]}}
given = {{"datasets": {{"archive": archive}}, "systems": yaml.safe_load({entry!r})}}
systems = load(given).systems
images = np.random.default_rng(0).integers(0, 256, (3, 9, 8, 3), np.uint8)
with open_system(systems["ours"]) as system:
    print(system.encode([*images]).shape, identity_of(systems["ours"]) == system.identity)
"""
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert run.stdout == "(3, 32) True\n", run.stderr


def test_the_attack_of_contributing_attacks(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": "shade"}  # pydantic asks where a class is defined
    exec(compile(source, "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    assert names["Shade"].lacks() == "" and issubclass(names["Shade"], RegionAttack)
    loaded = names["Shade"]().load(Equipment(Detection(), Anonymization()))
    image = np.full((8, 9), 200, np.uint8)
    image[:, 5:] = 30
    regions = [Region(Entity.FACE, *box, score=1.0) for box in ((0, 0, 4, 8), (5, 0, 9, 8))]
    light, dark = loaded.look(image, regions, Variant())
    assert loaded.shares(light, light) == {"same_shade": 1.0}
    assert loaded.shares(light, dark) == {"same_shade": 0.0}
