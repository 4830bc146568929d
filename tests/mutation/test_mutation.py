"""The program that changes the code: it finds changes, and it sees which ones tests notice."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.__main__ import MODULES, ROOT, changes, survivors


@pytest.mark.parametrize("module", MODULES)
def test_changes(module: str) -> None:
    found = changes(module)
    assert len(found) > 10
    original = ast.unparse(ast.parse((ROOT / module).read_text()))
    for change in found[::7]:
        assert change.text != original
        compile(change.text, module, "exec")


@pytest.mark.long
def test_a_change_is_noticed() -> None:
    (change,) = [c for c in changes("torc_tui/status.py") if c.what.startswith("after in TRANS")]
    assert survivors([change], workers=1) == []
