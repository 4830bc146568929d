"""Questions about a sweep: its job group, its columns, the parts of a heat map, and its file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torc_tui.errors import UsageError
from torc_tui.tui.frame.external import absolute, file_name, write_new, written
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.results.sweep_rows import shown
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.tui.widgets.dialogs import Ask, Finder, FoundRow
from torc_tui.views.heat_map import Pair, pairs
from torc_tui.views.json_document import path_of
from torc_tui.views.sweep import Sweep, csv_text
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.store.database import Store

_TITLES = {"time": "run time", "memory": "peak memory", "exit": "exit code", "attempt": "attempt"}


def title_of(column: str) -> str:
    """Return the name of a column that a heat map shows."""
    return _TITLES.get(column, column)


def _find(
    torc: AppPort, title: str, rows: Sequence[FoundRow[str]], then: Callable[[str], None]
) -> None:
    """Let the user choose a row by a part of its title."""

    def search(text: str) -> Sequence[FoundRow[str]]:
        words = text.lower().split()
        return [row for row in rows if all(word in row[1].lower() for word in words)]

    torc.push(Finder(title, search), lambda key: None if key is None else then(key))


def choose_group(
    torc: AppPort, sweeps: Sequence[Sweep], now: Sweep, then: Callable[[str], None]
) -> None:
    """Ask for a job group."""
    rows = [
        (
            one.name,
            one.name,
            ", ".join(one.parameters),
            _note(one is now) or count(len(one.ids), "job"),
        )
        for one in sweeps
    ]
    _find(torc, "Job groups with parameters", rows, then)


def _note(is_shown: bool) -> str:
    return "shown" if is_shown else ""


def choose_columns(torc: AppPort, sweep: Sweep, then: Callable[[Sequence[str]], None]) -> None:
    """Ask for a figure to show or hide; a path that was typed is taken, too."""
    figures = list(sweep.figures)
    offered = {offer.path: offer for offer in sweep.offers}
    paths = [*figures, *(path for path in offered if path not in figures)]

    def row(path: str) -> FoundRow[str]:
        offer = offered.get(path)
        example = "" if offer is None else f"such as {shown(offer.example)}"
        return path, path, example, _note(path in figures)

    def search(text: str) -> Sequence[FoundRow[str]]:
        typed = text.strip()
        found = [row(path) for path in paths if typed.lower() in path.lower()]
        if typed not in paths and typed.startswith(".") and path_of(typed):
            found.append((typed, typed, "the value at this path", ""))
        return found

    def take(path: str | None) -> None:
        if path in figures:
            then([one for one in figures if one != path])
        elif path is not None:
            then([*figures, path])

    torc.push(Finder("Show or hide a value of the user data", search), take)


def choose_measure(torc: AppPort, sweep: Sweep, now: str, then: Callable[[str], None]) -> None:
    """Ask for the column that colors a heat map."""
    rows = [(one, title_of(one), "", _note(one == now)) for one in sweep.measures()]
    _find(torc, "Color the cells by", rows, then)


def choose_pair(torc: AppPort, sweep: Sweep, now: Pair, then: Callable[[Pair], None]) -> None:
    """Ask for the parameters of rows and columns."""
    known = {str(place): pair for place, pair in enumerate(pairs(sweep))}
    rows = [
        (
            key,
            f"{pair[0]} (rows)",
            f"{pair[1]} (columns)" if pair[1] else "a bar for each value",
            _note(pair == now),
        )
        for key, pair in known.items()
    ]
    _find(torc, "Parameters of the heat map", rows, lambda key: then(known[key]))


# -- the file --------------------------------------------------------------------------------------


def export(torc: AppPort, workflow_id: int, sweep: Sweep, order: Sequence[int], now: float) -> None:
    """Ask for a file, and write the sweep as CSV; ask before a file is replaced."""

    def write(path: Path, *, replace: bool) -> None:
        def act(store: Store, actor: str) -> Path:
            text = csv_text(sweep, now, order)
            return _replaced(path, text) if replace else write_new(path, text)

        paths = "".join(f" --path {shlex.quote(one)}" for one in sweep.figures)
        line = f"torc results sweep {workflow_id} {shlex.quote(sweep.name)}{paths} -f csv"
        torc.actions.run(act, line=f"{line} > {shlex.quote(str(path))}", report=written)

    def take(text: str | None) -> None:
        if text is None:
            return
        path = absolute(text)
        if not path.exists():
            write(path, replace=False)
            return
        about = [[(f"{path} exists.", "text")]]
        dialog = Confirm("Replace the file?", about, "Replace")
        torc.push(dialog, lambda agreed: write(path, replace=True) if agreed else None)

    def check(text: str) -> str | None:
        return None if text.strip() else "write the name of a file"

    name = f"{file_name(sweep.name)}.csv"
    help = f"CSV with {count(len(sweep.ids), 'row')}, in the order of the table"
    torc.push(Ask("Export the sweep", value=name, help=help, check=check), take)


def _replaced(path: Path, text: str) -> Path:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return path
