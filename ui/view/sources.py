"""Excerpts from the code of nn/, so that a step is shown with the lines that compute it.

Nothing here is a copy: `inspect` reads the function's source as it is when the page runs, and its
statements are selected by the names in them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Excerpt:
    """Statements of one function.

    Attributes
    ----------
    path : of the file, from the repository's root
    lines : number and text of each line, in order, without their common indentation
    """

    path: str
    lines: tuple[tuple[int, str], ...]


@lru_cache(maxsize=64)
def excerpt(function: Callable[..., Any], *, names: str = "", calls: bool = False) -> Excerpt:
    """The statements of a function that contain a name; all of them where none does.

    Parameters
    ----------
    function : of a module under the repository's root
    names : a variable or an attribute; "" for any
    calls : only statements that call a function
    """
    raw, first = inspect.getsourcelines(function)
    source = textwrap.dedent("".join(raw))
    statements = list(_statements(ast.parse(source).body[0]))
    chosen = [
        statement
        for statement in statements
        if (not names or names in _named(statement))
        and (not calls or any(isinstance(node, ast.Call) for node in ast.walk(statement)))
    ]
    text = source.splitlines()
    numbers = [
        number
        for statement in chosen or statements
        for number in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    ]
    body = textwrap.dedent("\n".join(text[number - 1] for number in numbers)).splitlines()
    path = Path(inspect.getsourcefile(function) or "").resolve().relative_to(ROOT.resolve())
    return Excerpt(
        path.as_posix(),
        tuple((first + number - 1, line) for number, line in zip(numbers, body, strict=True)),
    )


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """A function's statements that contain no others, without its docstring."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            continue
        inner = list(_statements(child))
        docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if inner:
            yield from inner
        elif not docstring:
            yield child


def _named(statement: ast.stmt) -> set[str]:
    """All variables and attributes in a statement."""
    nodes = list(ast.walk(statement))
    variables = {node.id for node in nodes if isinstance(node, ast.Name)}
    return variables | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
