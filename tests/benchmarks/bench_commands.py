"""Start-up of the commands that people and jobs call often, against the bare interpreter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measuring import BARE, BARE_NAME, TORC, Cost, new_folder, spend
from tests.benchmarks.rows import Rows, Skipped, against

COMMANDS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (10, ("status", "1")),
    (10, ("jobs", "list", "1")),
    (10, ("why", "j_1", "-w", "1")),
    (10, ("logs", "j_1", "-w", "1")),
    (4, ("--help",)),
    (4, ("help",)),
    (4, ("completions", "bash")),
    (14, ("help", "workflow-files")),
)
"""Budget as a multiple of the bare interpreter, and the arguments; workflow 1 is finished."""

USER_DATA_BUDGET = 2.0

REPEATS = 3
"""Runs in each round: short processes vary more."""


def _prepare(root: Path) -> Path:
    """Run a small workflow with a record."""
    folder = new_folder(root, "commands")
    entry = {"name": "j_{i}", "command": "echo {i}", "parameters": {"i": "1:9"}}
    records = [{"name": "a", "data": {"x": 1}}]
    (folder / "w.json").write_text(json.dumps({"name": "w", "user_data": records, "jobs": [entry]}))
    spend([TORC, "run", "w.json"], folder)
    return folder


def _in_turns(folder: Path, rounds: int, commands: Sequence[tuple[float, tuple[str, ...]]]) -> Rows:
    """Measure each command in each round; what fails once is not measured."""
    rows: Rows = []
    usable = []
    for budget, words in commands:
        try:
            spend([TORC, *words], folder)  # also fills caches
            usable.append((budget, words))
        except RuntimeError as error:
            why = str(error).strip().partition("\n")[0]
            rows.append(Skipped(what=_name(words), why=why))
    bare: list[Cost] = []
    own: dict[tuple[str, ...], list[Cost]] = {words: [] for _, words in usable}
    for _ in range(rounds):
        bare.append(spend(BARE, folder))
        for _, words in usable:
            own[words].append(spend([TORC, *words], folder))
    for budget, words in usable:
        row = against(_name(words), "ms", own[words], bare, name=BARE_NAME, budget=budget)
        rows.append(row)
    return rows


def _name(words: tuple[str, ...]) -> str:
    return " ".join(("torc", *words))


def commands(root: Path, rounds: int, *, repeats: int = REPEATS) -> Rows:
    """Measure commands that read, and help."""
    return _in_turns(_prepare(root), rounds * repeats, COMMANDS)


def user_data(root: Path, rounds: int, *, repeats: int = REPEATS) -> Rows:
    """Measure what a job pays to read or write a record."""
    record = json.dumps({"x": 2})
    calls = [("user-data", "get", "1"), ("user-data", "update", "1", "--data", record)]
    budgets = [(USER_DATA_BUDGET, words) for words in calls]
    return _in_turns(_prepare(root), rounds * repeats, budgets)
