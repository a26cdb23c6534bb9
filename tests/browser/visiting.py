"""What a test of the browser is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Visit:
    page: Any
    problems: list[str] = field(default_factory=list)
    """Errors on the console, uncaught exceptions, requests that would leave the machine."""


Open = Callable[..., Visit]
