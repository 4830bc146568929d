"""Actions on allocations: open, cancel, request more, pause and resume the queue group.

Input: an allocation of the workflow. Output: a dialog or a question, the action in the reader
thread, and its answer.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.operations.catalog import CANCEL_ALLOCATION, MORE_NODES, PAUSE_GROUP, RESUME_GROUP
from torc_tui.operations.user_action import function_of, shell_line
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.workflows.workflow_questions import confirm
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count, moment
from torc_tui.wording.cluster_sentences import slurm_name, slurm_reason

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.store.allocations import AllocationRow
    from torc_tui.store.database import Store

LOG_LINES = 200
"""Lines of the log of an allocation that its dialog shows."""
MOST_REQUESTED = 100
"""Most allocations that are requested at once."""


class AllocationText(NamedTuple):
    """The batch script of an allocation, and the end of its log."""

    script: str
    path: str
    log: Sequence[str]


class AllocationCommands:
    """The commands of the list of allocations in the tab of the machine."""

    def __init__(self, host: PaneHost) -> None:
        self._host = host

    def run(self, command: str, allocation_id: int) -> None:
        """Run a command on an allocation."""
        cluster = self._host.torc.machine.cluster
        if cluster is None:
            return
        row = next((one for one in cluster.rows if one.id == allocation_id), None)
        if row is None:
            return
        match command:
            case "allocation-cancel":
                self._cancel(cluster, row)
            case "allocation-more":
                self._request_more(row)
            case "queue-group-pause":
                self._pause(cluster, row)
            case _:
                self._open(row)

    # -- actions -----------------------------------------------------------------------------------

    def _cancel(self, cluster: ClusterState, row: AllocationRow) -> None:
        torc, action = self._host.torc, CANCEL_ALLOCATION
        if row not in cluster.open:
            torc.notify(f"{_name(row)} has ended", severity="error")
            return
        name = _name(row)
        _, runs = cluster.jobs_of(row)
        about = [f"It runs {count(runs, 'job')}."] if runs else []
        if row.queue_group not in cluster.paused:
            about.append("Another one is requested if jobs need it.")

        def act() -> None:
            torc.actions.run(
                lambda store, actor: function_of(action)(store, row.id, actor=actor),
                line=shell_line(action, allocation=row.id),
                report=lambda _result: action.done.format(allocation=name),
            )

        assert action.confirm is not None
        reasons = [action.confirm.reason] if runs else []
        confirm(torc, action.question.format(allocation=name), [*reasons, *about], "Cancel it", act)

    def request_first(self) -> None:
        """Request allocations for a workflow that has none."""
        torc, cluster = self._host.torc, self._host.torc.machine.cluster
        if cluster is None or cluster.rows:
            return
        workflow_id = cluster.workflow_id

        def take(text: str | None) -> None:
            if text is None:
                return
            number = int(text)
            torc.actions.run(
                lambda store, actor: _request(store, workflow_id, number, actor),
                line=f"torc slurm schedule-nodes {workflow_id} -n {number}",
                report=lambda _result: f"Requested {count(number, 'allocation')}",
            )

        from torc_tui.tui.widgets.dialogs import Ask

        title = f"Request how many allocations for workflow {workflow_id}?"
        help = "as its Slurm scheduler describes them, else a node of a partition"
        torc.push(Ask(title, value="1", help=help, check=_number), take)

    def _request_more(self, row: AllocationRow) -> None:
        torc, action = self._host.torc, MORE_NODES

        def take(text: str | None) -> None:
            if text is None:
                return
            number = int(text)
            words = {"allocation": _name(row), "argument": number}
            torc.actions.run(
                lambda store, actor: function_of(action)(store, row.id, number, actor=actor),
                line=shell_line(
                    action, workflow=row.workflow_id, allocation=row.id, argument=number
                ),
                report=lambda _result: action.done.format(**words),
            )

        from torc_tui.tui.widgets.dialogs import Ask

        nodes = count(row.nodes or 1, "node")
        size = f"each with {nodes}, {count(row.cpus or 1, 'CPU')} a node"
        title = f"Request how many more allocations like {_name(row)}?"
        torc.push(Ask(title, value="1", help=size, check=_number), take)

    def _pause(self, cluster: ClusterState, row: AllocationRow) -> None:
        """Pause the queue group of an allocation, or resume it."""
        torc, group, workflow_id = self._host.torc, row.queue_group, row.workflow_id
        if group is None:
            torc.notify(f"{_name(row)} belongs to no queue group", severity="error")
            return
        action = RESUME_GROUP if group in cluster.paused else PAUSE_GROUP
        torc.actions.run(
            lambda store, actor: function_of(action)(store, workflow_id, group, actor=actor),
            line=shell_line(action, workflow=workflow_id, group=shlex.quote(group)),
            report=lambda _result: action.done.format(group=group),
        )

    # -- script and log ----------------------------------------------------------------------------

    def _open(self, row: AllocationRow) -> None:
        """Show the facts, the end of the log and the script of an allocation."""
        torc = self._host.torc

        def show(found: AllocationText) -> None:
            from torc_tui.tui.widgets.dialogs import TextDialog

            torc.push(TextDialog(f"{_name(row)} of {row.queue_group}", page(row, found)))

        torc.actions.read(lambda store, actor: read_text(store, row), then=show)


def _request(store: Store, workflow_id: int, number: int, actor: str) -> None:
    from torc_tui.operations.allocation_actions import request_fixed

    request_fixed(store, workflow_id, number, actor=actor)


def _name(row: AllocationRow) -> str:
    if row.native_id is None:
        return slurm_name(None, row.id)
    return f"allocation {row.id} (Slurm {row.native_id})"


def _number(text: str) -> str | None:
    is_number = text.isdecimal() and 0 < int(text) <= MOST_REQUESTED
    return None if is_number else f"enter a number from 1 to {MOST_REQUESTED}"


def read_text(store: Store, row: AllocationRow) -> AllocationText:
    """Return the script and the end of the log of an allocation; called in the reader thread."""
    from torc_tui.operations.allocation_demand import log_of
    from torc_tui.store import allocations

    with store.read() as conn:
        found: dict[str, Any] = allocations.get(conn, row.id)
    path = log_of(row)
    lines: list[str] = []
    if path is not None and path.is_file():
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    return AllocationText(found["script"] or "", str(path or ""), lines)


def page(row: AllocationRow, text: AllocationText) -> list[Line]:
    """Return the page about an allocation."""
    facts = [
        ("state", " ".join(filter(None, (row.outcome or row.state, _why(row))))),
        ("nodes", row.nodelist or str(row.nodes or "")),
        ("requested", moment(row.submitted_at)),
        ("started", moment(row.started_at)),
        ("ends" if row.ended_at is None else "ended", moment(row.ended_at or row.ends_at)),
    ]
    lines: list[Line] = [
        [(f"{name:<10} ", "muted"), (sanitize(value), "text")] for name, value in facts if value
    ]
    log = text.log or ["it is written when the allocation starts"]
    lines += [[], [("Log  ", "accent bold"), (sanitize(text.path), "faint")]]
    lines += [[(sanitize(line), "text" if text.log else "faint")] for line in log]
    lines += [[], [("Script", "accent bold")]]
    return [*lines, *([(sanitize(line), "muted")] for line in text.script.splitlines())]


def _why(row: AllocationRow) -> str:
    if not row.reason or row.reason == "None":
        return ""
    words = slurm_reason(row.reason)
    return f"({row.reason}: {words})" if words else f"({row.reason})"
