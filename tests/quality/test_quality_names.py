"""The names in the code: one meaning per name, and the standard term for it."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

PRODUCT = Path(__file__).resolve().parents[2] / "torc_tui"
AVOIDED = {"say", "tell", "told", "said", "want", "complain", "burst"}


@cache
def named() -> list[tuple[ast.AST, str, str]]:
    """Return the syntax nodes of the product that define a name: node, name and place."""
    found = []
    for path in [*PRODUCT.rglob("*.py"), *PRODUCT.rglob("*.pyi")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if name := name_of(node):
                place = f"{path.relative_to(PRODUCT)}:{getattr(node, 'lineno', 1)}"
                found.append((node, name, place))
    return found


def name_of(node: ast.AST) -> str:
    """Return the name that a node defines; an empty one if it defines none."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case ast.arg(arg=name):
            return name
    return ""


def test_class_names() -> None:
    """Every class of the product has a unique name, even inside another class."""
    places: dict[str, list[str]] = defaultdict(list)
    for node, name, place in named():
        if isinstance(node, ast.ClassDef):
            places[name].append(place)
    assert len(places) > 500
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_avoided_names() -> None:
    found = [place for _, name, place in named() if name.strip("_").lower() in AVOIDED]
    assert found == []
