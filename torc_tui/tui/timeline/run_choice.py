"""Choose the run that the timeline shows.

Input: a pane. Output: a dialog with the runs of the workflow, the newest first.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.operations.run_attempts import RunOverview, list_runs
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.widgets.dialogs import Finder, FoundRow
from torc_tui.wording import count, duration, moment


def choose_run(pane: Pane) -> None:
    """Read the runs, and ask for one of them."""
    workflow_id = pane.host.workflow_id
    pane.ask("runs", lambda source: list_runs(source.store, workflow_id),
             lambda runs: _offer(pane, runs))  # fmt: skip


def _offer(pane: Pane, runs: Sequence[RunOverview]) -> None:
    if len(runs) < 2:
        pane.torc.notify("there is no earlier run", severity="warning")
        return
    rows = [_row(one) for one in runs]
    last = runs[0].run_id

    def search(typed: str) -> list[FoundRow[int]]:
        return [row for row in rows if typed.lower() in " ".join(map(str, row)).lower()]

    def take(run_id: int | None) -> None:
        if run_id is not None:
            pane.host.replay.choose_run(None if run_id == last else run_id)
            pane.refresh_content()

    pane.torc.push(Finder("Run", search), take)


def _row(one: RunOverview) -> FoundRow[int]:
    if not one.attempts:
        return one.run_id, f"run {one.run_id}", "no attempt has ended yet", ""
    parts = [count(one.attempts, "attempt"), duration(max(0.0, one.ended_at - one.started_at))]
    if one.failed:
        parts.insert(1, f"{one.failed} without success")
    return one.run_id, f"run {one.run_id}", ", ".join([*parts, moment(one.started_at)]), ""
