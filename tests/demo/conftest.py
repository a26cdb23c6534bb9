"""Small demo data sets, drawn once."""

from pathlib import Path

import pytest

from anonbench.config import Demo, DocumentsDemo, IdsDemo, PortraitsDemo
from anonbench_demo import generate

SMALL: dict[str, Demo] = {
    "portraits": PortraitsDemo(train_identities=3, val_identities=2, photos=2),
    "documents": DocumentsDemo(train_per_class=1, val_per_class=1),
    "ids": IdsDemo(train_per_template=2, val_per_template=1),
}


@pytest.fixture(scope="session")
def demos() -> dict[str, Demo]:
    return SMALL


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of each small demo data set of seed 0."""
    root = tmp_path_factory.mktemp("demo")
    for kind, demo in SMALL.items():
        generate(demo, root / kind, seed=0)
    return {kind: root / kind for kind in SMALL}
