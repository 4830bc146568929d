"""A file with mistakes of every kind: all of them are told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.load import load_plan

MISTAKES = """
name: x
jobs:
  - name: a
    command: cat ${files.input.f} > ${files.output.g}
    depends_on: [prpe]
    resource_requirement: big
  - name: prep
    command: cat ${files.input.g} > ${files.output.f}
    priorty: 3
files:
  - {name: f, path: f}
  - {name: g, path: g}
"""


def problems(tmp_path: Path, text: str) -> list[tuple[int | None, str]]:
    file = tmp_path / "w.yaml"
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_plan(file)
    return [(problem.line, problem.kind) for problem in caught.value.problems]


def test_keys_names_and_cycles_are_told_together(tmp_path: Path) -> None:
    assert sorted(problems(tmp_path, MISTAKES)) == [
        (4, "cycle"),
        (6, "unknown-name"),
        (7, "unknown-key"),
        (10, "unknown-key"),
    ]


def test_a_misspelt_section_makes_nothing_else_look_wrong(tmp_path: Path) -> None:
    assert problems(tmp_path, MISTAKES.replace("files:", "fils:")) == [
        (7, "unknown-key"),
        (10, "unknown-key"),
        (11, "unknown-key"),
    ]


def test_a_file_without_mistakes_is_planned(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("name: x\njobs:\n  - {name: a, command: 'true'}\n")
    assert len(load_plan(file).jobs) == 1
