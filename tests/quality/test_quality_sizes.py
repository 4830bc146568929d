"""The size of modules: short, unless a module is a table."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES = 350
"""A module of the product has at most as many lines."""

TABLES = {
    "cli/command_table.py": "an entry per command and option",
    "model.py": "the records of all layers, in the order of the data flow",
    "operations/catalog.py": "a row per action",
    "store/schema.py": "a line per column",
}
"""Modules that are lists and grow with what they list -> what they list."""


def test_module_lengths() -> None:
    product = ROOT / "torc_tui"
    lengths = {
        str(path.relative_to(product)): len(path.read_text().splitlines())
        for path in product.rglob("*.py")
        if "generated" not in path.parts
    }
    assert len(lengths) > 100
    assert {name for name, number in lengths.items() if number > LINES} == TABLES.keys()
