"""What a Python file of a project binds, found by parsing it; nothing of a project is ever imported here."""

import ast
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MAX_SOURCE_BYTES = 2 * 1024 * 1024

Callable = ast.FunctionDef | ast.AsyncFunctionDef


class SourceError(Exception):
    """A file that cannot be parsed.

    Attributes:
        message: What is wrong.
        line: Where, from 1; None where it is not about a line.
        column: Where in the line, from 1.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Source:
    """One parsed file."""

    tree: ast.Module

    @classmethod
    def parse(cls, path: Path) -> "Source":
        """Parses a file.

        Raises:
            SourceError: It is not Python, too long, or not a readable regular file.
        """
        data = _bytes(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an escape in a string; not a matter of the manifest
                return cls(ast.parse(data, str(path)))
        except SyntaxError as error:
            raise SourceError(error.msg, error.lineno, error.offset) from error
        except (ValueError, RecursionError, MemoryError) as error:
            reason = "it is nested too deep" if not isinstance(error, ValueError) else str(error)
            raise SourceError(reason) from error

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that running the file may bind at its top."""
        return frozenset(_bound(self.tree))

    @property
    def open_ended(self) -> bool:
        """Whether the file binds names that cannot be known without running it."""
        return "*" in self.names or "__getattr__" in self.names

    def binds(self, name: str) -> bool:
        """Whether ``name`` is, or may be, an attribute of the module."""
        return name in self.names or self.open_ended

    def definition(self, name: str) -> Callable | ast.ClassDef | None:
        """The last function or class of this name at the top of the file; None for one that comes by other ways."""
        found = [node for node in self.tree.body if isinstance(node, Callable | ast.ClassDef) and node.name == name]
        return found[-1] if found else None

    def methods(self, node: ast.ClassDef, _depth: int = 0) -> dict[str, Callable | None] | None:
        """The class's methods with those of its bases in the same file; None where a base is from elsewhere.

        A name bound otherwise than by ``def`` has the value None.
        """
        found: dict[str, Callable | None] = {}
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id == "object":
                continue
            definition = self.definition(base.id) if isinstance(base, ast.Name) else None
            inherited = (
                self.methods(definition, _depth + 1) if isinstance(definition, ast.ClassDef) and _depth < 20 else None
            )
            if inherited is None:
                return None
            found |= inherited
        found |= dict.fromkeys(_bound(node))
        found |= {item.name: item for item in node.body if isinstance(item, Callable)}
        return None if "*" in found or "__getattr__" in found else found


def unaccepted(function: Callable, names: tuple[str, ...], *, method: bool) -> tuple[list[str], list[str]]:
    """How a function's parameters differ from the keyword arguments that it will get.

    Returns:
        The names that it does not take, and the parameters without a default that it will not get.
    """
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = {argument.arg for argument in positional[: len(positional) - len(arguments.defaults)]}
    required |= {
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    }
    if method and positional and not _is_static(function):
        required.discard(positional[0].arg)
        positional = positional[1:]
    taken = {argument.arg for argument in (*positional, *arguments.kwonlyargs)}
    unknown = [] if arguments.kwarg else [name for name in names if name not in taken]
    return unknown, sorted(required - set(names))


def has_plain_signature(function: Callable) -> bool:
    """Whether a call reaches the function as it is written: no decorator but ``staticmethod`` stands over it."""
    return not function.decorator_list or (_is_static(function) and len(function.decorator_list) == 1)


def _is_static(function: Callable) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in function.decorator_list)


def _bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("it is not a regular file")
        if status.st_size > MAX_SOURCE_BYTES:
            raise SourceError(f"it is longer than {MAX_SOURCE_BYTES // 1024 // 1024} MiB")
        with path.open("rb") as file:
            return file.read(MAX_SOURCE_BYTES)
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error


def _bound(scope: ast.AST) -> Iterator[str]:
    """The names that a module's or a class's own statements bind; ``*`` stands for a star import."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
                # A function may bind names of its module: `global model`.
                yield from (name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names)
                continue
            case ast.Lambda():
                continue
            case ast.Import():
                yield from ((alias.asname or alias.name.partition(".")[0]) for alias in node.names)
            case ast.ImportFrom():
                yield from ((alias.asname or alias.name) for alias in node.names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
        waiting.extend(ast.iter_child_nodes(node))
