"""Call graph of the package's definitions, read from the source without imports.

A node is a top-level definition (a function, a class, a constant), or the code that runs when a
module is imported, so that an edit counts only for code that can reach it. Code that never runs
does not count: comments, docstrings, annotations, and imports for annotations.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeGuard

ALL = "*"
"""In place of a definition's name: all definitions of the module."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_FACT = re.compile(
    r"(label|line_colour|images_per_second|seconds_an_image|memory_mb|install): .*ClassVar"
)
"""Class values that only plans and shown results depend on; `registry.facts` stands for them."""


class Code(NamedTuple):
    """Code of one node."""

    digest: str
    """16 hexadecimal digits; empty if nothing runs, as for a name imported from elsewhere."""
    uses: Collection[str]
    """Nodes that it reaches in one step: `module:definition`, or `module` for its import."""


class CallGraph:
    """Call graph of packages; each source file is read once."""

    def __init__(self, packages: Mapping[str, Path], settings: str) -> None:
        """Find the source files in the folders of packages.

        Of classes in the package `settings` only the methods count: the values of their fields are
        part of the job's parameters.
        """
        self.files: dict[str, Path] = {}
        """Source files by the full name of their module."""
        for package, folder in packages.items():
            for file in folder.rglob("*.py"):
                name = ".".join([package, *file.relative_to(folder).with_suffix("").parts])
                self.files[name.removesuffix(".__init__")] = file
        self._settings = f"{settings}."
        self._module = cache(self._read)

    def reachable(
        self, nodes: Collection[str], without: tuple[str, ...] = ()
    ) -> tuple[dict[str, str], set[str]]:
        """Return digests of all code that nodes can reach, and the names of other packages.

        Modules whose names begin with one in `without` are left out, and so is code that only they
        reach.
        """
        found: dict[str, str] = {}
        others: set[str] = set()
        waiting = [*nodes]
        while waiting:
            node = waiting.pop()
            module, _, name = node.partition(":")
            if module not in self.files:
                others.add(module.partition(".")[0])
            elif node not in found and not module.startswith(without):
                code = self._module(module).get(name, Code("", [module]))
                found[node] = code.digest
                waiting += code.uses
        return {node: digest for node, digest in found.items() if digest}, others

    def script(self, source: str) -> Code:
        """Return the code of a script as a whole."""
        read = _Reader(ast.parse(source).body)
        return self._code(read, read.bound, [*map(self._owner, read.imported)])

    def _read(self, name: str) -> dict[str, Code]:
        """Return the code of a module by definition, and under "" what runs on import."""
        is_settings = f"{name}.".startswith(self._settings)
        statements: dict[str, list[ast.stmt]] = defaultdict(list, {"": []})
        body = ast.parse(self.files[name].read_text(encoding="utf-8")).body
        skipped = (each.orelse for each in body if _is_for_types(each))  # by the type checker
        for statement in chain(body, *skipped):
            for each in _defined(statement) or [""]:
                statements[each] += _methods(statement) if is_settings else [statement]
        read = {each: _Reader(found) for each, found in statements.items()}
        top = read.pop("")
        scope = top.bound | {each: f"{name}.{each}" for each in read}
        code = {each: Code("", [name, self._node(origin)]) for each, origin in top.bound.items()}
        for each, reader in read.items():
            run = [name, *map(self._owner, reader.imported)]
            code[each] = self._code(reader, scope | reader.bound, run)
        # an import of another package counts where its name is used
        run = [name.rpartition(".")[0], *map(self._owner, top.imported)]
        # objects of settings are passed in; imports for annotations show their class
        handed = [self._node(n) for n in top.bound.values() if n.startswith(self._settings)]
        code[""] = self._code(top, scope, [*filter(self.files.get, run), *handed])
        # a package imports names to re-export them
        names = code if self.files[name].name == "__init__.py" else read
        return code | {ALL: Code("", [name, *(f"{name}:{each}" for each in names)])}

    def _code(self, read: _Reader, scope: Mapping[str, str], run: Collection[str]) -> Code:
        """Return the code read, resolved by a scope's names, including the modules that it runs."""
        names = {
            name: scope[first] + name.removeprefix(first)
            for name in sorted(read.names)
            if (first := name.partition(".")[0]) in scope
        }
        uses = map(self._node, [*names.values(), *(read.texts & self.files.keys())])
        digest = hashlib.sha256(f"{read.text} {names}".encode()).hexdigest()[:16]
        return Code(digest if read.text else "", {*uses, *run})

    def _node(self, name: str) -> str:
        """Return the node that a full name stands for: of `a.b.c.d`, `c` in the module `a.b`."""
        definition = ALL
        while name not in self.files and "." in name:
            name, _, definition = name.rpartition(".")
        return f"{name}:{definition}"

    def _owner(self, name: str) -> str:
        """Return the module that defines the object with a full name."""
        return self._node(name).partition(":")[0]


class _Reader(ast.NodeTransformer):
    """Collects the names in statements, leaving out what does not run."""

    def __init__(self, statements: list[ast.stmt]) -> None:
        self.names: set[str] = set()
        """Names with their attributes, as they are written: `np.linalg.norm`."""
        self.texts: set[str] = set()
        """Texts that may be the name of a module that is run or read."""
        self.bound: dict[str, str] = {}
        """Names bound by imports, and the full names that they stand for."""
        self.imported: set[str] = set()
        """Full names imported when the statements run."""
        body = [each for each in map(self.visit, statements) if each]
        self.text = "\n".join(ast.dump(each) for each in body if not isinstance(each, _IMPORTS))

    def visit(self, node: ast.AST) -> ast.AST | None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                return None
            case ast.AnnAssign() if _FACT.match(ast.unparse(node)):
                return None
            case ast.If() if _is_for_types(node):
                for each in node.body:
                    self.bound |= _bound(each)
                return None
            case ast.Import() | ast.ImportFrom():
                self.bound |= _bound(node)
                self.imported |= {*_bound(node).values()}
            case ast.Attribute() if (name := ast.unparse(node)).replace(".", "").isidentifier():
                self.names.add(name)
                return node
            case ast.Name(id=name):
                self.names.add(name)
            case ast.Constant(value=str(text)) if "." in text:
                self.texts.add(text)
        for annotation in {"annotation", "returns"}.intersection(node._fields):
            setattr(node, annotation, None)
        return self.generic_visit(node)


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _bound(node: ast.AST) -> dict[str, str]:
    """Return the names that an import binds, and the full names that they stand for."""
    match node:
        case ast.ImportFrom(module=module, names=names):
            return {each.asname or each.name: f"{module}.{each.name}" for each in names}
        case ast.Import(names=names):
            tops = [each.name.partition(".")[0] for each in names if not each.asname]
            return {each.asname or each.name: each.name for each in names} | {t: t for t in tops}
    return {}


def _defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines; empty if it only runs or changes something."""
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    names = [n for each in targets for n in ast.walk(each) if isinstance(n, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Store)]


def _methods(statement: ast.stmt) -> list[ast.stmt]:
    """Parts of a statement in settings that count: functions, imports, bases and methods."""
    if isinstance(statement, ast.ClassDef):
        methods = [each for each in statement.body if isinstance(each, _FUNCTIONS)]
        return [*map(ast.Expr, statement.bases), *methods]
    return [statement] if isinstance(statement, (*_FUNCTIONS, *_IMPORTS, ast.If)) else []
