"""Definitions of the package that some code can reach, found in the source without imports.

The unit is a top-level definition (a function, a class, a constant), so that an edit counts for
those alone whose code can come to it. What does not run does not count: comments, docstrings,
annotations, and what is imported for them.
"""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

Place = tuple[str, str]
"""A module's full name and a definition in it; `EFFECTS` is what runs when it is imported."""
EFFECTS = ""
ALL = "*"
FACTS = frozenset({"label", "line_colour", "images_per_second", "memory_mb", "install"})
"""Class values that no job's result depends on, but of those that show them."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class _Text(ast.Constant):
    value: str


@dataclass(frozen=True)
class _Import:
    """What a name stands for: a module, or something inside of one."""

    module: str
    name: str | None = None


@dataclass
class Module:
    """One source file, taken apart."""

    name: str
    package: bool
    """Whether it is an `__init__.py`."""
    definitions: dict[str, list[ast.stmt]] = field(default_factory=lambda: defaultdict(list))
    imports: dict[str, _Import] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    """Statements that only run: neither definitions nor imports."""
    named: list[_Import] = field(default_factory=list)
    """Everything that is imported from somewhere, for type checkers too."""

    @classmethod
    def parse(cls, name: str, file: Path) -> Module:
        """Read a source file."""
        tree = ast.parse(file.read_text(encoding="utf-8"))
        module = cls(name, file.name == "__init__.py")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module.named += [what for _, what in module.imported(node)]
        tree = _Bare().visit(tree)
        for statement in tree.body:
            module._take(statement)
        return module

    def _take(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imports |= dict(self.imported(statement))
        elif names := list(_defined(statement)):
            for name in names:
                self.definitions[name].append(statement)
        else:
            self.effects.append(statement)
            for node in ast.walk(statement):  # imports and definitions inside of if, try, with
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self.imports |= dict(self.imported(node))

    def imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, _Import]]:
        """Yield the names that an import binds, and what they stand for."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, _Import(whole)
                yield f"import {alias.name}", _Import(alias.name)
            return
        parts = self.name.split(".")
        parents = parts[: len(parts) - node.level + self.package] if node.level else []
        origin = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            yield alias.asname or alias.name, _Import(origin, alias.name)

    def statements(self, name: str) -> list[ast.stmt]:
        """Return the code of a definition, or what runs on import."""
        return self.effects if name == EFFECTS else self.definitions[name]

    @cached_property
    def digests(self) -> dict[str, str]:
        """A digest of each definition's code."""
        return {name: _digest(self.statements(name)) for name in [*self.definitions, EFFECTS]}


@dataclass(frozen=True)
class Reached:
    """What some code comes to."""

    places: dict[Place, str]
    """Definitions of the package, with a digest of their code."""
    foreign: frozenset[str]
    """Top-level names of other packages whose code may run."""


class Reach:
    """Follows names through the source files of packages, which are read once."""

    def __init__(self, packages: Mapping[str, Path], plain: str | None = None) -> None:
        """Take the packages.

        Args:
            packages: their names and folders.
            plain: a module (with those below it) of whose classes only the methods count, because
                the values of their fields are known otherwise: models of settings.

        """
        self._packages, self._plain = packages, plain
        self._modules: dict[str, Module | None] = {}
        self._imports: dict[str, list[Place]] = {}
        self._steps: dict[Place, list[Place]] = {}

    def has_module(self, name: str) -> bool:
        """Tell whether there is a module or package of this full name."""
        return self._module(name) is not None

    def of_modules(self, names: list[str], without: tuple[str, ...] = ()) -> Reached:
        """Return what all that is in these modules comes to; modules in `without` are left out."""
        return self._follow([(name, ALL) for name in names], [], without)

    def of_script(self, script: Path, without: tuple[str, ...] = ()) -> Reached:
        """Return what a script comes to, itself included under the name of its file.

        Modules in `without` are left out, with what only they come to.
        """
        module = Module.parse(script.stem, script)
        statements = [*module.effects, *(s for d in module.definitions.values() for s in d)]
        reached = self._follow([], [(module, each) for each in statements], without)
        own = {(script.name, EFFECTS): _digest(statements)}
        return Reached(dict(sorted((own | reached.places).items())), reached.foreign)

    def _follow(
        self, wanted: list[Place], code: list[tuple[Module, ast.stmt]], without: tuple[str, ...]
    ) -> Reached:
        found: dict[Place, str] = {}
        foreign: set[str] = set()
        for module, statement in code:
            wanted += self._used(module, statement)
        while wanted:
            place = wanted.pop()
            if place in found or place[0].startswith(without or ("\0",)):
                continue
            if not self._ours(place[0]):
                foreign.add(place[0].partition(".")[0])
            elif (here := self._module(place[0])) is not None:
                found[place] = here.digests.get(place[1], "")
                wanted += self._leads_to(here, place[1])
        places = {place: digest for place, digest in sorted(found.items()) if digest}
        return Reached(places, frozenset(foreign))

    def _leads_to(self, here: Module, definition: str) -> list[Place]:
        """Return what a definition comes to in one step; found once for all scripts."""
        place = (here.name, definition)
        if place not in self._steps:
            self._steps[place] = [*self._on_import(here), *self._next(here, definition)]
        return self._steps[place]

    def _next(self, here: Module, definition: str) -> Iterator[Place]:
        if definition == ALL:
            yield from ((here.name, each) for each in here.definitions)
            if here.package:  # what it imports is there to be handed on
                for what in here.imports.values():
                    yield from self._place(what)
        elif definition in here.definitions or definition == EFFECTS:
            for statement in here.statements(definition):
                yield from self._used(here, statement)
        elif definition in here.imports:  # handed on from another module
            yield from self._place(here.imports[definition])

    def _on_import(self, here: Module) -> list[Place]:
        """Return what is executed when a module is imported, and the settings that it is handed."""
        if here.name not in self._imports:
            # objects of settings are handed in: an annotation tells of which class they are
            handed = [
                (what.module, what.name)
                for what in here.named
                if what.name and self._is_plain(what.module)
            ]
            self._imports[here.name] = list(dict.fromkeys([*self._runs_on_import(here), *handed]))
        return self._imports[here.name]

    def _runs_on_import(self, module: Module) -> Iterator[Place]:
        """Yield what is executed when a module is imported: its own statements and its imports'."""
        yield module.name, EFFECTS
        parts = module.name.split(".")
        yield from ((".".join(parts[:i]), EFFECTS) for i in range(1, len(parts)))
        for what in module.imports.values():
            for name, _ in self._place(what):
                if self._ours(name):
                    yield name, EFFECTS

    def _used(self, module: Module, statement: ast.stmt) -> Iterator[Place]:
        """Yield what a statement's names stand for."""
        local: dict[str, _Import] = {}
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                local |= dict(module.imported(node))
        # an import inside of a function runs with it
        for what in local.values():
            yield from ((name, EFFECTS) for name, _ in self._place(what))
        names = module.imports | local
        inner: set[int] = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute):
                chain = _chain(node)
                if chain and id(node) not in inner and chain[0] in names:
                    inner |= {id(part) for part in ast.walk(node)}
                    yield from self._along(names[chain[0]], chain[1:])
            elif isinstance(node, ast.Name) and id(node) not in inner:
                if node.id in module.definitions and node.id not in local:
                    yield module.name, node.id
                elif node.id in names:
                    yield from self._place(names[node.id])
            elif self._names_module(node):
                yield node.value, ALL  # started or read by its name

    def _names_module(self, node: ast.AST) -> TypeGuard[_Text]:
        text = node.value if isinstance(node, ast.Constant) else None
        return (
            isinstance(text, str)
            and "." in text
            and all(part.isidentifier() for part in text.split("."))
            and self._ours(text)
            and self._module(text) is not None
        )

    def _along(self, what: _Import, attributes: list[str]) -> Iterator[Place]:
        """Yield what `name.attribute.attribute` stands for."""
        name = what.module if what.name is None else f"{what.module}.{what.name}"
        if not self._ours(name):
            yield name, ALL
            return
        while attributes and self._module(f"{name}.{attributes[0]}"):
            name, attributes = f"{name}.{attributes[0]}", attributes[1:]
        if self._module(name):
            yield name, attributes[0] if attributes else ALL
        else:
            yield from self._place(what)

    def _place(self, what: _Import) -> Iterator[Place]:
        if what.name is None:
            yield what.module, EFFECTS
        elif self._ours(what.module) and self._module(f"{what.module}.{what.name}"):
            yield f"{what.module}.{what.name}", ALL
        else:
            yield what.module, what.name

    def _ours(self, name: str) -> bool:
        return name.partition(".")[0] in self._packages

    def _is_plain(self, name: str) -> bool:
        return self._plain is not None and f"{name}.".startswith(f"{self._plain}.")

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            top, *parts = name.split(".")
            files: tuple[Path, ...] = ()
            if top in self._packages:
                place = self._packages[top].joinpath(*parts)
                files = (place / "__init__.py", place.with_suffix(".py"))
            file = next((file for file in files if file.is_file()), None)
            module = Module.parse(name, file) if file else None
            if module and self._is_plain(name):
                _keep_methods(module)
            self._modules[name] = module
        return self._modules[name]


class _Bare(ast.NodeTransformer):
    """Takes out what does not run: docstrings, annotations, and imports for type checkers."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.ClassDef):
            node.body = [line for line in node.body if not _is_fact(line)]
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
        if isinstance(node, _FUNCTIONS):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            # that there is a field counts in a class, its type does not
            node.annotation = ast.Constant(None)
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
        return None if name == "TYPE_CHECKING" else self.generic_visit(node)


def _is_fact(statement: ast.stmt) -> bool:
    """Return whether a class's line is a fact for people and plans (`registry.facts`)."""
    return (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.target.id in FACTS
        and "ClassVar" in ast.dump(statement.annotation)
    )


def _keep_methods(module: Module) -> None:
    module.effects = []
    for name, statements in list(module.definitions.items()):
        members: list[ast.stmt] = []
        for statement in statements:
            if isinstance(statement, ast.ClassDef):
                members += [ast.Expr(base) for base in statement.bases]
                members += [member for member in statement.body if isinstance(member, _FUNCTIONS)]
            elif isinstance(statement, _FUNCTIONS):
                members.append(statement)
        module.definitions[name] = members


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        bound = [n for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t])]
        if all(isinstance(name, ast.Name) for name in bound):  # else something is changed
            yield from (name.id for name in bound if isinstance(name, ast.Name))


def _chain(node: ast.expr) -> list[str]:
    """Return `a.b.c` as its parts; nothing where it does not begin with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _digest(statements: list[ast.stmt]) -> str:
    text = "\n".join(ast.dump(statement) for statement in statements)
    return hashlib.sha256(text.encode()).hexdigest() if statements else ""
