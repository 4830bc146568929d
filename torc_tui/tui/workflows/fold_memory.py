"""Remember which job groups were folded, for the next time that a workflow is looked at."""

from __future__ import annotations

from torc_tui.model import Json
from torc_tui.tui.frame.ui_state import UiState
from torc_tui.tui.jobs.job_rows import JobRows

WORKFLOWS_KEPT = 50
"""Workflows whose folding is remembered."""
GROUPS_KEPT = 200
"""Open groups that are remembered of each workflow."""
_KEY = "workflow.folds"


def remember(state: UiState, rows: JobRows) -> None:
    """Remember which groups are folded."""
    nothing: dict[str, Json] = {}
    known = dict(state.get(_KEY, nothing))
    name = _name(rows)
    known.pop(name, None)
    kept = dict(list(known.items())[-WORKFLOWS_KEPT + 1 :])
    opened: list[Json] = [*sorted(rows.groups.opened)[:GROUPS_KEPT]]
    state.set(_KEY, {**kept, name: {"folds": rows.folds, "opened": opened}})


def recall(state: UiState, rows: JobRows) -> None:
    """Fold the groups that were folded the last time."""
    nothing: dict[str, Json] = {}
    kept = state.get(_KEY, nothing).get(_name(rows))
    if not isinstance(kept, dict):
        return
    rows.folds = kept.get("folds") is True
    opened = kept.get("opened")
    if isinstance(opened, list):
        rows.groups.opened = {str(name) for name in opened if name in rows.groups.by_name}
    rows.measure()


def _name(rows: JobRows) -> str:
    workflow = rows.view.workflow
    return f"{workflow.id} {workflow.name}"
