"""The rows of the list of failures: groups by reason, and the jobs of those that are open.

No Textual, no I/O. Keys are ``(kind, number of the group, id of the job)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torc_tui.model import Job
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.table_model import Cell, Key, TableColumn
from torc_tui.tuples import NamedTuple
from torc_tui.views.failure_groups import FailureGroup, Member
from torc_tui.wording import canceled_sentence, failure_line, listed, moment

COLUMNS = (
    TableColumn("jobs", "jobs", 5, importance=0, align="right"),
    TableColumn("reason", "reason", 34, minimum=14, importance=1, grow=3, sortable=False),
    TableColumn("names", "which", 12, minimum=8, importance=2),
    TableColumn("canceled", "canceled", 8, importance=3, align="right"),
    TableColumn("last", "last", 19, importance=4),
    TableColumn("first", "first", 19, importance=5),
)
SIGNS = {"closed": "▸", "open": "▾"}


class RowKey(NamedTuple):
    """``kind`` is ``group``, ``failed`` or ``canceled``; groups have the job 0."""

    kind: str
    number: int
    job_id: int = 0


class FailureRows:
    """The rows of groups, and of the jobs of open groups."""

    columns = COLUMNS

    def __init__(self) -> None:
        self.groups: dict[int, FailureGroup] = {}
        self.jobs: Mapping[int, Job] = {}
        """The jobs of the workflow, for the rows of canceled jobs."""
        self.opened: set[int] = set()
        self.is_chosen = False
        """Whether the user has chosen which groups are open."""
        self._members: dict[int, dict[int, Member]] = {}

    def set(self, groups: Sequence[FailureGroup]) -> None:
        """Show other groups."""
        self.groups = {group.number: group for group in groups}
        self._members.clear()

    def open_only(self, room: float) -> bool:
        """Open the only group if its jobs have room, unless the user folds it; return if so."""
        rows = sum(1 + len(one.jobs) + len(one.canceled) for one in self.groups.values())
        if self.is_chosen or len(self.groups) != 1 or rows > room or self.opened & set(self.groups):
            return False
        self.opened |= set(self.groups)
        return True

    def toggle(self, number: int) -> None:
        """List the jobs of a group, or hide them."""
        self.is_chosen = True
        self.opened ^= {number}

    def group(self, key: Key) -> FailureGroup | None:
        """Return the group that a row belongs to."""
        return self.groups.get(key.number) if isinstance(key, RowKey) else None

    def member(self, key: Key) -> Member | None:
        """Return the failed job whose log belongs to a row; None for a canceled job."""
        group = self.group(key)
        if group is None or not isinstance(key, RowKey) or key.kind == "canceled":
            return None
        if key.kind == "group":
            return group.sample
        members = self._members.get(key.number)
        if members is None:
            members = {job.job_id: job for job in group.jobs}
            self._members[key.number] = members
        return members.get(key.job_id)

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        """Return the keys of all rows; the largest groups come first."""
        groups = sorted(self.groups.values(), key=lambda one: _order(one, sort), reverse=reverse)
        return [key for group in groups for key in self._keys(group)]

    def _keys(self, group: FailureGroup) -> Iterator[RowKey]:
        number = group.number
        yield RowKey("group", number)
        if number in self.opened:
            yield from (RowKey("failed", number, job.job_id) for job in group.jobs)
            yield from (RowKey("canceled", number, job_id) for job_id in group.canceled)

    def cells(
        self, key: Key, columns: Sequence[TableColumn], widths: Sequence[int]
    ) -> Sequence[Cell]:
        """Return the cells of a row."""
        group = self.group(key)
        if group is None or not isinstance(key, RowKey):
            return [("", "") for _ in columns]
        if key.kind == "group":
            return [self._group_cell(group, column.key) for column in columns]
        return [self._job_cell(key, column.key) for column in columns]

    def _group_cell(self, group: FailureGroup, column: str) -> Cell:
        match column:
            case "jobs":
                sign = SIGNS["open" if group.number in self.opened else "closed"]
                return [(f"{sign} ", "faint"), (f"{len(group.jobs):>3}", "failed bold")]
            case "reason":
                return (failure_line(*group.signature.key), "text")
            case "names":
                return (listed(group.names, 2), "accent")
            case "canceled":
                number = len(group.canceled)
                return (f"+{number}" if number else "", "canceled")
            case "last":
                return (moment(group.last_at), "muted")
        return (moment(group.first_at), "faint")

    def _job_cell(self, key: RowKey, column: str) -> Cell:
        job, member = self.jobs.get(key.job_id), self.member(key)
        sign = STATUS[job.status] if job is not None else None
        match column:
            case "jobs":
                return (sign.sign if sign is not None else "", sign.style if sign else "")
            case "reason" if member is not None:
                text = member.signature.text or failure_line(*member.signature.own.key)
                return [(f"{member.name}  ", "text"), (text, "muted")]
            case "reason" if job is not None:
                return [(f"{job.name}  ", "text"), (canceled_sentence(job.reason), "muted")]
            case "last" if member is not None:
                return (moment(member.ended_at), "faint")
        return ("", "")


def _order(group: FailureGroup, sort: str | None) -> tuple[float | str, ...]:
    if sort == "names":
        return (listed(group.names), group.number)
    numbers = {
        "canceled": len(group.canceled),
        "last": group.last_at,
        "first": group.first_at,
        "jobs": len(group.jobs),
    }
    return (numbers[sort] if sort is not None else -len(group.jobs), group.number)
