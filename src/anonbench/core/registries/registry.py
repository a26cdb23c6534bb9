"""Registries: classes by name, of anonbench and of installed packages.

A package adds a class by an entry point of the registry's group; see docs/how-to/adding.md.
"""

import importlib
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import SerializerFunctionWrapHandler, create_model, model_serializer
from pydantic_core.core_schema import CoreSchema, literal_schema

from anonbench.core.errors import InputError
from anonbench.core.provenance import content_digest, file_digest, model_files
from anonbench.core.settings import Settings

_LOG = logging.getLogger(__name__)
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Registered(Settings):
    """Something that can be added: parameters are fields, names are class values.

    The parameters become a section of the config under `name`, with schema and documentation. Such
    a class imports nothing of anonbench but `anonbench.core`, and nothing heavy when its module is
    imported: the config is read with it.
    """

    name: ClassVar[str]
    """In the config, in paths and in tables: lower case letters, digits and underscores."""
    label: ClassVar[str]
    """For people."""

    @classmethod
    def lacks(cls) -> str:
        """Missing parts that keep a class from being used; empty if it is complete."""
        return ""

    def files(self) -> list[Path]:
        """List the user's files that results depend on, those that a library opens included."""
        paths = [value for value in self.model_dump().values() if isinstance(value, Path)]
        return [file for path in paths for file in model_files(path) or [path]]


T = TypeVar("T", bound=Registered)
S = TypeVar("S", bound=Registered)


class Registry(Mapping[str, type[T]], Generic[T]):
    """Classes of one kind by name, in the order of built-in ones, then of other packages' names."""

    def __init__(
        self, group: str, kind: type[T], built_in: str, *, needs_defaults: bool = True
    ) -> None:
        """Set the sources of the classes; they are imported when first needed.

        Args:
            group: of entry points, such as `anonbench.methods`.
            kind: their base class.
            built_in: `module:name` of a sequence of classes. A colon, so that code that knows only
                the names does not count as code that can reach the classes.
            needs_defaults: whether each parameter of a class needs a default.
        """
        self.group, self._kind, self._built_in = group, kind, built_in
        self._needs_defaults = needs_defaults

    def __getitem__(self, name: str) -> type[T]:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        """Type of a setting that names one of the classes: `Annotated[str, <registry>]`."""
        return literal_schema([*self])

    def with_sections(self, base: type[Settings], *others: "Registry[Any]") -> Any:
        """Class `base` with a field for each class that has parameters, under its name.

        As plain data, it has no default sections of other packages: one that is installed and not
        used changes no job's parameters, and no bundle's config.
        """
        registries = (self, *others)

        class WithSections(base):  # type: ignore[misc, valid-type]
            def of(self, registered: type[S]) -> S:
                """A registered class with its parameters."""
                found: S | None = vars(self).get(registered.name)
                return registered() if found is None else found

            @model_serializer(mode="wrap")
            def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
                others = {n: each[n] for each in registries for n in each._points if n in each}
                return {
                    name: value
                    for name, value in handler(self).items()
                    if name not in others or getattr(self, name) != others[name]()
                }

        fields: dict[str, Any] = {
            name: (each, each())
            for registry in registries
            for name, each in registry.items()
            if each.model_fields
        }
        return create_model(base.__name__, __base__=WithSections, **fields)

    def origin(self, name: str) -> dict[str, str]:
        """Version and source digest of another package's class; empty for a built-in one.

        Of others than anonbench the sources of the class's top-level module count as a whole.
        """
        point = self._points.get(name)
        if point is None:
            return {}
        top = Path(str(sys.modules[self[name].__module__.partition(".")[0]].__file__))
        files = sorted(top.parent.rglob("*.py")) if top.name == "__init__.py" else [top]
        return {
            "package": f"{point.dist.name} {point.dist.version}" if point.dist else "",
            "sources": " ".join(file_digest(each) for each in files),
        }

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in added().get(self.group, ())}

    @cached_property
    def _classes(self) -> dict[str, type[T]]:
        module, _, name = self._built_in.partition(":")
        built_in = getattr(importlib.import_module(module), name)
        found: dict[str, type[T]] = {each.name: each for each in built_in}
        for point in added().get(self.group, ()):
            where = f"entry point {point.name} = {point.value} of {point.group}"
            if point.name in found:
                raise InputError(
                    f"{where}: there is another one of this name; rename it in its package, or "
                    "uninstall the package"
                )
            try:
                loaded = point.load()
                self._require_complete(loaded, point.name)
            except (Exception, SystemExit) as error:  # other packages' modules may raise anything
                # whoever names it gets an error that there is none
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                said = "%s cannot be loaded (%s); fix or remove its package. It is left out."
                _LOG.warning(f"anonbench: {said}", where, reason)
            else:
                found[point.name] = loaded
        return found

    def _require_complete(self, loaded: Any, name: str) -> None:
        if not (isinstance(loaded, type) and issubclass(loaded, self._kind)):
            raise TypeError(f"it is no subclass of {self._kind.__name__}")
        if getattr(loaded, "name", None) != name or not NAME.fullmatch(name):
            raise TypeError(
                "its class has to have the same `name`, of lower case letters, digits and "
                "underscores"
            )
        if absent := [each for each in sorted(loaded.__class_vars__) if not hasattr(loaded, each)]:
            raise TypeError(f"its class has no value for {', '.join(absent)}")
        if lacking := loaded.lacks():
            raise TypeError(f"{loaded.__name__} {lacking}")
        if self._needs_defaults:
            required = [each for each, field in loaded.model_fields.items() if field.is_required()]
            if required:
                raise TypeError(f"its parameters need defaults: {', '.join(required)}")
            loaded()  # refuses defaults that its own checks refuse


def facts(registry: Mapping[str, type[Registered]], fact: str) -> dict[str, str]:
    """A class value of each class in a registry, such as `label`.

    Code that imports this function counts as depending on all such values
    (`anonbench.core.jobs.fingerprint`), and no other code does.
    """
    return {name: getattr(each, fact) for name, each in registry.items()}


def facts_digest(registries: Iterable[Registry[Any]]) -> str:
    """Digest of everything that `facts` returns of these: of all texts of classes."""
    found = [
        (registry.group, name, key, value)
        for registry in registries
        for name, each in registry.items()
        for key in sorted(each.__class_vars__)
        if isinstance(value := getattr(each, key, None), str)
    ]
    return content_digest(found)


_PREFIX = "anonbench."
GROUPS = ("anonbench.methods", "anonbench.detectors", "anonbench.systems")
"""Groups that are read; see docs/how-to/adding.md."""


@cache
def added() -> dict[str, list[EntryPoint]]:
    """Entry points of anonbench's groups, by name; read once, from a file of each package."""
    found = entry_points()
    for group in sorted(found.groups):
        if group.startswith(_PREFIX) and group not in GROUPS:
            _LOG.warning(
                "anonbench: entry points of %s are gone and not read: only methods, detectors and "
                "systems can be added",
                group,
            )
    return {
        group: sorted(found.select(group=group), key=lambda point: point.name)
        for group in GROUPS
        if group in found.groups
    }
