"""Systems that are a Python function: images in, vectors out."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder, SystemKind

if TYPE_CHECKING:
    import numpy as np


class Function(SystemKind):
    """A function `encode(images) -> array` of a module, also one in the current folder.

    It is given a list of N images, uint8 [H, W, 3] RGB, and returns floats [N, D].
    """

    name: ClassVar = "function"
    label: ClassVar = "Python function"

    kind: Literal["function"] = "function"
    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    """Images that it is given at once, at most."""
    version: str = ""
    """Of what the module's file does not tell, such as weights that it loads: another version is
    another system."""

    def files(self) -> list[Path]:
        """Return the module's file, or all source files of its package where it is in one."""
        top = self.function.partition(":")[0].partition(".")[0]
        with _current_folder():
            try:
                spec = importlib.util.find_spec(top)
            except (ImportError, ValueError):
                spec = None
        if spec is None:
            raise InputError(
                f"systems: there is no module {top!r} for {self.function!r}; run from its folder, "
                "or install it"
            )
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
        if not folders:
            return [Path(spec.origin or "")]
        return sorted(file for folder in folders for file in folder.rglob("*.py"))

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Import the module and find the function."""
        module, _, name = self.function.partition(":")
        if importlib.util.find_spec("torch") is not None:
            from anonbench.core.libraries.compat import install_torchvision_ops

            install_torchvision_ops()  # the module may import torchvision, or timm, which does
        with _current_folder():
            try:
                loaded = importlib.import_module(module)
            except Exception as error:  # whatever another's module raises
                text = " ".join(f"{type(error).__name__}: {error}".split())
                raise InputError(f"systems: {module!r} cannot be imported ({text})") from error
            found = getattr(loaded, name, None)
            if not callable(found):
                raise InputError(f"systems: the module {module!r} has no function {name!r}")
            yield _InBatches(found, self.batch_size)


@dataclass(frozen=True)
class _InBatches:
    function: Callable[[list[np.ndarray]], Any]
    size: int

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return what the function returns, batch after batch."""
        import numpy as np

        parts = []
        for start in range(0, len(images), self.size):
            batch = list(images[start : start + self.size])
            part = np.asarray(self.function(batch))
            if part.shape[:1] != (len(batch),):
                raise InputError(
                    f"systems: {self.function.__module__}:{self.function.__name__} returned an "
                    f"array of shape {part.shape} for {len(batch)} images; it has to return a row "
                    "for each"
                )
            parts.append(part)
        return np.concatenate(parts)


@contextmanager
def _current_folder() -> Iterator[None]:
    """Look for modules in the current folder, too, after all others."""
    folder = str(Path.cwd())
    if folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
