import pytest
from matplotlib.figure import Figure

from anonbench.reporting.figures import style


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    monkeypatch.setattr(style, "save", lambda figure, *_: figures.append(figure))
    return figures
