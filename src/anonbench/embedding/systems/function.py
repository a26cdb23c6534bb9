"""Systems that are a Python function: images in, vectors out."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from symtable import symtable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import FUNCTION
from anonbench.core.wording import suggestion

if TYPE_CHECKING:
    import numpy as np

_DYNAMIC = {"exec", "globals", "setattr", "vars"}  # may define a name that the source hides


class Function(SystemKind):
    """A function `encode(images) -> array` of a module, also one in the current folder.

    It is given a list of N images, uint8 [H, W, 3] RGB, and returns floats [N, D].
    """

    name: ClassVar = "function"
    label: ClassVar = "Python function"

    kind: Literal["function"] = "function"  # Kind of system.
    function: Annotated[str, Field(pattern=FUNCTION)]  # The function as `module:function`.
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32  # Largest number of images in one call.
    version: str = ""
    """Your name for the version of what the module's file does not tell, such as weights that it
    loads."""

    def files(self) -> list[Path]:
        """List the sources: of the module or its package, and what they import in this folder."""
        spec = self._top()
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
        own = [Path(spec.origin or "")]
        if folders:
            own = sorted(file for folder in folders for file in folder.rglob("*.py"))
        return [*own, *sorted(_imported(own) - {*own})]

    def _top(self) -> ModuleSpec:
        top = self.function.partition(":")[0].partition(".")[0]
        if (spec := _spec(top)) is None:
            near = suggestion(top, (file.stem for file in Path.cwd().glob("*.py")))
            raise InputError(
                f"systems: there is no module {top!r} for {self.function!r}; run from its folder, "
                f"or install it{near}"
            )
        return spec

    def require(self) -> None:
        """Check that a module in Python defines the function, without importing it.

        InputError: there is no such module, it is no Python, imports what is not there, or has no
        such function. What only an import or a call can tell is left to `start`.
        """
        module, _, name = self.function.partition(":")
        spec, parts = self._top(), module.split(".")[1:]
        file = Path(spec.origin or "")
        if parts:
            package = Path(next(iter(spec.submodule_search_locations or ()), ""), *parts)
            file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
        if file.suffix != ".py" or not file.is_file():
            return  # compiled, or in a place of its own
        try:
            source = file.read_bytes()
            tops, defined = _top_names(ast.parse(source).body), _defined(source)
        except (SyntaxError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise InputError(f"systems: {file}{line}: is no Python ({error.args[0]})") from None
        if absent := [top for top in sorted(tops) if _spec(top) is None]:
            raise InputError(f"systems: {file} imports {absent[0]!r}, and there is no such module")
        if defined is not None and name not in defined:
            raise InputError(f"systems: {file} has no function {name!r}{suggestion(name, defined)}")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Import the module and find the function."""
        module, _, name = self.function.partition(":")
        if importlib.util.find_spec("torch") is not None:
            from anonbench.core.libraries.compat import install_torchvision_ops

            install_torchvision_ops()  # the module may import torchvision, or timm, which does
        with _current_folder():
            try:
                with redirect_stdout(sys.stderr):  # standard output may be one JSON object
                    loaded = importlib.import_module(module)
            except Exception as error:  # another package's module may raise anything
                text = " ".join(f"{type(error).__name__}: {error}".split())
                raise InputError(f"systems: {module!r} cannot be imported ({text})") from error
            found = getattr(loaded, name, None)
            if not callable(found):
                raise InputError(f"systems: the module {module!r} has no function {name!r}")

            @functools.wraps(found)
            def called(images: list[np.ndarray]) -> Any:
                try:
                    with redirect_stdout(sys.stderr):
                        return found(images)
                except InputError:
                    raise
                except Exception as error:  # another package's function may raise anything
                    text = " ".join(f"{type(error).__name__}: {error}".split())
                    raised = traceback.extract_tb(error.__traceback__)[1:]
                    where = f" ({raised[0].filename}, line {raised[0].lineno})" if raised else ""
                    raise InputError(f"systems: {self.function} raised {text}{where}") from error

            yield InBatches(called, self.batch_size)


def _imported(files: Sequence[Path]) -> set[Path]:
    """Collect the sources in the current folder that others import, directly or indirectly."""
    here, found, waiting = Path.cwd(), set[Path](), list(files)
    while waiting:
        file = waiting.pop()
        if not file.resolve().is_relative_to(here.resolve()) or "site-packages" in file.parts:
            continue  # of an installed package, which is identified by its version
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue  # importing it reports the fault
        for name in _top_names(ast.walk(tree)):
            module, package = here / f"{name}.py", here / name
            new = {module} if module.is_file() else set(package.rglob("*.py"))
            waiting += new - found
            found |= new
    return found


def _top_names(found: Iterable[ast.AST]) -> set[str]:
    """Top-level modules that the imports among some nodes name."""
    nodes = list(found)
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    froms = (node for node in nodes if isinstance(node, ast.ImportFrom) and not node.level)
    return {name.partition(".")[0] for name in names | {node.module or "" for node in froms}}


def _defined(source: bytes) -> set[str] | None:
    """Names that a module defines; None if its source does not tell."""
    nodes = [*ast.walk(ast.parse(source))]
    names = set(symtable(source, "", "exec").get_identifiers())  # type: ignore[arg-type]
    names.update(name for node in nodes if isinstance(node, ast.Global) for name in node.names)
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.name for node in nodes if isinstance(node, ast.alias)}
    return None if used & {*_DYNAMIC, "*"} or "__getattr__" in names else names


def _spec(top: str) -> ModuleSpec | None:
    """Where Python finds a module, also one in the current folder."""
    with _current_folder():
        try:
            return importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None


@dataclass(frozen=True)
class InBatches:
    """A function that is given a bounded number of images at once."""

    function: Callable[[list[np.ndarray]], Any]
    size: int

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Vectors that the function returns, computed batch after batch."""
        import numpy as np

        parts: list[np.ndarray] = []
        for start in range(0, len(images), self.size):
            # copies: a function that writes into its images changes no later result
            batch = [image.copy() for image in images[start : start + self.size]]
            given = self.function(batch)
            name = getattr(self.function, "__qualname__", type(self.function).__name__)
            try:
                part = np.asarray(given)
            except (RuntimeError, TypeError, ValueError) as error:
                raise InputError(
                    f"systems: the function {name} returned what is no array "
                    f"({' '.join(str(error).split())}); of a torch tensor, return "
                    "`.detach().cpu().float().numpy()`"
                ) from error
            if part.shape[:1] != (len(batch),):
                raise InputError(
                    f"systems: the function {name} returned an array of shape {part.shape} for "
                    f"{len(batch)} images; it has to return a row for each"
                )
            if parts and part.shape[1:] != parts[0].shape[1:]:
                raise InputError(
                    f"the system returned vectors of {parts[0].shape[-1]} and of {part.shape[-1]} "
                    "dimensions; all have to have the same"
                )
            parts.append(part)
        return np.concatenate(parts)


@contextmanager
def _current_folder() -> Iterator[None]:
    """Make modules in the current folder importable, too, after all others."""
    folder = str(Path.cwd())
    if folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
