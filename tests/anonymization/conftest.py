"""Settings with a key, for methods whose numbers follow from one."""

from pathlib import Path

import pytest

from anonbench.config import Anonymization
from keyed_settings import asked


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key")


@pytest.fixture(scope="session")
def settings(key_folder: Path) -> Anonymization:
    return asked(key_folder)
