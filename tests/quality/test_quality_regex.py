"""Regular expressions that are compiled at their first use are valid."""

from __future__ import annotations

import copy
import importlib
import pkgutil
import re

import torc_tui
from torc_tui.lazy_regex import compiled_late, regex

NOT_IMPORTED = ("torc_tui.tui", "torc_tui.store.generate", "torc_tui.store.statements")
"""Parts that import what is slow; they compile their expressions at once."""


def lazy_expressions() -> dict[str, object]:
    found = {}
    for info in pkgutil.walk_packages(torc_tui.__path__, "torc_tui."):
        if info.name.startswith(NOT_IMPORTED) or info.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if isinstance(value, type(regex(""))) and not isinstance(value, re.Pattern):
                found[f"{info.name}.{name}"] = value
    return found


def test_all_expressions_compile() -> None:
    found = lazy_expressions()
    assert len(found) > 20
    for where, expression in found.items():
        assert isinstance(expression.flags, int), where  # type: ignore[attr-defined]  # compiles it


def test_an_expression_works_like_a_compiled_one() -> None:
    word = regex("(?P<w>[a-z]+)", re.IGNORECASE)
    assert word.pattern == "(?P<w>[a-z]+)"
    assert word.sub("-", "Ab 1 c") == "- 1 -"
    assert word.groupindex == {"w": 1}
    assert copy.copy(word).fullmatch("Abc") is not None


def test_libraries_compile_late() -> None:
    with compiled_late():
        late = re.compile("[a-c]+")
    assert isinstance(late, type(regex("")))
    assert late.match("abd")
    assert isinstance(re.compile("[d-f]+"), re.Pattern)


def test_a_method_that_is_kept_compiles_at_its_first_call() -> None:
    word = regex("[a-z]+")
    match = word.match
    assert "_found" not in vars(word)
    assert match("ab1").group() == "ab" and match("1", 1) is None  # type: ignore[union-attr]
    assert "_found" in vars(word)
