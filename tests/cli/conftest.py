"""Commands as a user gives them."""

from typing import Any

import pytest

from anonbench.cli import main


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Function that runs words as a command, checks its exit status, and returns what it prints."""

    def run(*words: object, status: int = 0) -> Any:
        capsys.readouterr()
        found = main([word for each in words for word in str(each).split()])
        said = capsys.readouterr()
        assert found == status, said.err
        return said

    return run
