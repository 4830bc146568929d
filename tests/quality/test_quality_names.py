"""The names in the code: one meaning per name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PRODUCT = Path(__file__).resolve().parents[2] / "torc_tui"


def test_class_names() -> None:
    """Every class of the product has a name of its own, also inside another class."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in PRODUCT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(PRODUCT)}:{node.lineno}")
    assert len(places) > 500
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
