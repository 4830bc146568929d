"""The content of the header for one workflow."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.reasons import Kind, Reason, because
from torc_tui.status import HELD, NOT_STARTED, SETTLED, TROUBLED, JobStatus
from torc_tui.tui.frame.bars import HeaderState
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.look.status_icons import STATES, STATUS, Sign
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.views.status_bar import ORDER
from torc_tui.wording import sentence

_QUIET = NOT_STARTED
"""Statuses that the bar shows as not done."""


def header_state(model: WorkflowModel, torc: AppPort) -> HeaderState:
    """Return the content of the header."""
    if not model.loaded:
        return HeaderState(
            title=f"workflow {model.workflow_id}",
            note=model.gone or "reading …",
            lost=torc.lost,
            read_only=torc.read_only,
        )
    view = model.view
    settled = view.count(*SETTLED)
    waiting = len(view.jobs) - settled - view.count(*HELD)
    parts = [
        (view.counts[status], STATUS[status].style) for status in ORDER if status not in _QUIET
    ]
    dead = model.rows.reasons.dead
    return HeaderState(
        title=view.workflow.name,
        state=Sign("✖", model.gone, "error") if model.gone else STATES[view.state],
        run=view.workflow.run_id or None,
        done=settled,
        total=len(view.jobs),
        failed=view.count(*TROUBLED),
        running=view.count(JobStatus.RUNNING),
        parts=(*parts, (waiting, "bar-rest")),
        eta=model.eta,
        meters=torc.meters,
        lost=torc.lost,
        read_only=torc.read_only,
        orphaned=bool(view.running and dead) and not view.nodes - dead,
        watches=len(torc.watches),
        absent=_absent(model.reports),
    )


def _absent(reports: Sequence[Reason]) -> str:
    """Return the first runner without a heartbeat and since when; the machine tab says more."""
    for reason in reports:
        if reason.kind in (Kind.RUNNER_SILENT, Kind.RUNNER_EXPIRED):
            return sanitize(sentence(because(Kind.RUNNER_SILENT, **dict(reason.arguments))))
    return ""
