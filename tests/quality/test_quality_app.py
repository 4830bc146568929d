"""The structure of the app: no god object.

The layers and the absence of import circles are contracts in pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from inspect import isfunction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "torc_tui" / "tui"
METHODS = 40
"""A class has fewer methods, including those that it inherits from other classes of the app."""


def modules() -> dict[str, Path]:
    """Return the modules of the app and their files."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in APP.rglob("*.py")
    }


def classes() -> Iterator[type]:
    """Yield all classes that are defined in the app."""
    for name in modules():
        for value in vars(import_module(name)).values():
            if isinstance(value, type) and value.__module__ == name:
                yield value


def methods(one: type) -> set[str]:
    """Return the names of the methods and properties that the app itself defines for a class."""
    own = (base for base in one.__mro__ if base.__module__.startswith("torc_tui.tui"))
    kinds = (property, staticmethod, classmethod)
    return {
        value.__name__ if isfunction(value) else name
        for base in own
        for name, value in vars(base).items()
        if isfunction(value) or isinstance(value, kinds)
    }


def test_methods() -> None:
    counts = {one.__qualname__: len(methods(one)) for one in classes()}
    assert len(counts) > 100
    assert {name: number for name, number in counts.items() if number >= METHODS} == {}
