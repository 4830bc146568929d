"""The job table's model: rows over a ``WorkflowView``, filtered and sorted. No Textual, no I/O, no
clock.

What comes in: the view, a filter, ``changed`` ids and the time. What goes out: keys and cells for
the virtual table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from torc_tui.model import EdgeKind, Job
from torc_tui.reasons import Kind, Reason
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.job_groups import Families, Family
from torc_tui.tui.look.status_icons import HELD, STATUS
from torc_tui.tui.look.text_layout import Span, bar, fit
from torc_tui.tui.widgets.virtual_table import Cell, Column, Key
from torc_tui.units import format_memory
from torc_tui.views.why import Blocker, Facts, explain, reason_of, why
from torc_tui.views.why import lines as chain_lines
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import clock, optional_sentence

COLUMNS = (
    Column("sign", "", 1, importance=0, sortable=False),
    Column("id", "id", 6, minimum=4, importance=4, align="right"),
    Column("name", "name", 24, minimum=16, importance=0, grow=2),
    Column("status", "status", 13, minimum=10, importance=2),
    Column("why", "why", 34, minimum=12, importance=1, grow=3),
    Column("time", "time", 8, minimum=7, importance=3, align="right"),
    Column("exit", "exit", 5, minimum=4, importance=7, align="right"),
    Column("cpus", "cpus", 5, minimum=4, importance=8, align="right"),
    Column("memory", "mem", 6, minimum=5, importance=9, align="right"),
    Column("gpus", "gpus", 5, minimum=4, importance=10, align="right"),
    Column("attempt", "try", 4, minimum=3, importance=11, align="right"),
    Column("priority", "prio", 5, minimum=4, importance=12, align="right"),
    Column("values", "parameters", 24, minimum=12, importance=13),
)

VOLATILE = frozenset({"status", "why", "time", "exit", "attempt"})
"""Columns whose values change while jobs run: sorted by one of them, rows move."""

_URGENT = {
    status: place
    for place, status in enumerate(
        (
            JobStatus.RUNNING,
            JobStatus.PENDING,
            JobStatus.FAILED,
            JobStatus.TERMINATED,
            JobStatus.PENDING_FAILED,
            JobStatus.CANCELED,
            JobStatus.READY,
            JobStatus.BLOCKED,
            JobStatus.UNINITIALIZED,
            JobStatus.DISABLED,
            JobStatus.COMPLETED,
        )
    )
}


_BAD = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
LOUD = sorted(
    _URGENT, key=lambda status: (status not in _BAD, status is JobStatus.COMPLETED, _URGENT[status])
)
"""States by how much they tell of a family, as in the graph: what failed, then what runs, before
what is done."""
FOLD_FROM = 20
"""Families with more jobs than this are folded at first; where there is none of them, there is no
folding."""


def lasted(seconds: float) -> str:
    """What is over, to tenths while that tells something: ``0.9 s``, ``12:07``."""
    return f"{max(0.0, seconds):.1f} s" if seconds < 9.95 else clock(seconds)


class Outlook(Protocol):
    """What requests lack, by their ids: (in use now, given by no runner)."""

    @property
    def runners(self) -> int: ...
    @property
    def lacks(self) -> Mapping[int, tuple[tuple[Reason, ...], tuple[Reason, ...]]]: ...


class Dependency(Protocol):
    """An edge as ``store.relations`` gives it."""

    @property
    def job_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def status(self) -> JobStatus: ...
    @property
    def kind(self) -> EdgeKind: ...
    @property
    def via(self) -> str | None: ...


class JobRows:
    """Keys are job ids, and names of families where they are folded. ``learn`` brings what jobs
    wait for."""

    def __init__(self, view: WorkflowView, *, now: float = 0.0) -> None:
        self.view = view
        self.families = Families(view.jobs.values())
        self.folds = any(len(family.jobs) > FOLD_FROM for family in self.families.families.values())
        self.families.opened = {
            family.name
            for family in self.families.families.values()
            if len(family.jobs) <= FOLD_FROM
        }
        longest = max((len(job.name) for job in view.jobs.values()), default=0)
        self._longest = longest
        self._id_width = len(str(max(view.jobs, default=0)))
        self.columns: Sequence[Column] = ()
        self.measure()
        self.now = now
        self.test: Callable[[Job], bool] | None = None
        self.dependencies: dict[int, Sequence[Dependency]] = {}
        self.unexplained: set[int] = set()
        self.outlook: Outlook | None = None
        self.dead: frozenset[int] = frozenset()
        """Runners that the store thinks active and whose processes are gone."""
        self.wanted: set[int] = set()
        """The ids of requirements of ready jobs that were looked at: what they lack is worth
        asking."""
        self._ready: set[int] = set()
        self._leads: dict[str, int] = {}
        self._waiting: dict[int, set[int]] = {}
        self._shown: set[int] = set()

    def measure(self) -> None:
        """Give the id and the name the widths that they need, folded or not."""
        longest = self._longest
        if self.folds:
            many = [name for name, family in self.families.families.items() if len(family.jobs) > 1]
            longest = max(longest, *(len(name) + 7 for name in many)) + 2 if many else longest
        least = self._id_width
        self.columns = [
            replace(column, width=max(12, min(40, longest)))
            if column.key == "name"
            else replace(column, width=max(column.width, least), minimum=max(column.minimum, least))
            if column.key == "id"
            else column
            for column in COLUMNS
        ]

    @property
    def shown(self) -> int:
        """How many rows the filter lets through."""
        return len(self.view.jobs) if self.test is None else len(self._shown)

    def filter(self, test: Callable[[Job], bool] | None, *, unless_empty: bool = False) -> bool:
        """Show what passes the test. With ``unless_empty`` a test that nothing passes is not taken;
        then False."""
        shown = set() if test is None else {job.id for job in self.view.jobs.values() if test(job)}
        if unless_empty and not shown:
            return False
        self.test, self._shown = test, shown
        return True

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        jobs = self.view.jobs
        keys: list[int] = (
            list(jobs) if self.test is None else [key for key in jobs if key in self._shown]
        )
        if sort is not None:
            order = self._order(sort)
            keys.sort(key=lambda key: order(jobs[key]), reverse=reverse)
        elif reverse:
            keys.reverse()
        if self.folds:
            plain = self.test is None and sort is None and not reverse
            shown = self.families.rows(None if plain else keys)
            return [row if isinstance(row, int) else row.name for row in shown]
        return keys

    def jobs_of(self, key: Key) -> Sequence[int]:
        """The jobs that a row stands for: one, or all of a family."""
        if isinstance(key, str):
            family = self.families.families.get(key)
            if family is None or self.test is None:
                return () if family is None else family.jobs
            # What the filter hides is not acted upon.
            return [job_id for job_id in family.jobs if job_id in self._shown]
        return (key,) if isinstance(key, int) and key in self.view.jobs else ()

    def lead(self, key: Key) -> int | None:
        """The job that stands for a row: itself, or the one in a family that tells most: one that
        failed or runs before one that waits."""
        if not isinstance(key, str):
            return key if isinstance(key, int) and key in self.view.jobs else None
        family, jobs = self.families.families.get(key), self.view.jobs
        known = self._leads.get(key)
        if family is None:
            return None
        for status in LOUD:
            if family.counts[status]:
                if (
                    known in jobs
                    and jobs[known].status is status
                    and (self.test is None or known in self._shown)
                ):
                    return known
                for job_id in family.jobs:
                    if jobs[job_id].status is status and (
                        self.test is None or job_id in self._shown
                    ):
                        self._leads[key] = job_id
                        return job_id
        return None

    def keep_folds(self, before: JobRows) -> None:
        """After everything was read anew: open and folded as they were."""
        self.folds = before.folds
        self.measure()
        self.families.opened = {
            name for name in before.families.opened if name in self.families.families
        }

    def touched_families(self, changed: Collection[int]) -> set[str]:
        """Take the new states into the strips; the names of the families whose strips differ."""
        return self.families.apply(changed, self.view.jobs) if changed else set()

    def update(self, changed: Collection[int]) -> bool:
        """Take notice of changed jobs; True if rows came or went by the filter."""
        test = self.test
        if test is None:
            return False
        moved = False
        jobs, shown = self.view.jobs, self._shown
        for key in changed:
            job = jobs.get(key)
            inside = job is not None and test(job)
            if inside is not (key in shown):
                moved = True
                (shown.add if inside else shown.discard)(key)
        return moved

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        if isinstance(key, str):
            family = self.families.families[key]
            return [
                self._family(family, column.key, width)
                for column, width in zip(columns, widths, strict=True)
            ]
        job = self.view.jobs[key]  # type: ignore[index]  # other keys are job ids
        sign = (
            HELD
            if job.held and job.status in (JobStatus.READY, JobStatus.BLOCKED)
            else STATUS[job.status]
        )
        style = sign.style
        out: list[Cell] = []
        for column, width in zip(columns, widths, strict=True):
            match column.key:
                case "sign":
                    out.append((sign.sign, style))
                case "id":
                    out.append((str(job.id), "faint"))
                case "name":
                    name = f"  {job.name}" if self.folds and self._is_member(job) else job.name
                    out.append(
                        (name, "text" if job.status is not JobStatus.DISABLED else "disabled")
                    )
                case "status":
                    out.append((sign.word, style))
                case "why":
                    out.append(self._why(job, width))
                case "time":
                    out.append(self._time(job))
                case name:
                    out.append(self._plain(job, name))
        return out

    def _is_member(self, job: Job) -> bool:
        family = self.families.of(job.id)
        return family is not None and len(family.jobs) > 1

    def _family(self, family: Family, column: str, width: int) -> Cell:
        counts = family.counts
        match column:
            case "sign":
                loudest = next((status for status in LOUD if counts[status]), JobStatus.COMPLETED)
                return (STATUS[loudest].sign, STATUS[loudest].style)
            case "name":
                mark = "▾" if family.name in self.families.opened else "▸"
                many = f" ×{len(family.jobs)}"
                if self.test is not None:
                    many = f" ×{sum(job_id in self._shown for job_id in family.jobs)} of {len(family.jobs)}"
                name = (
                    fit(family.name, max(4, width - 2 - len(many)))
                    if len(family.name) > width - 2 - len(many)
                    else ""
                )
                return [(f"{mark} ", "faint"), (name or family.name, "group"), (many, "accent")]
            case "status":
                return [(text, status.word) for text, status in family.strip(width)]
            case "why":
                told = [status for status in LOUD if counts[status]]
                spans: list[Span] = []
                for status in told:
                    spans += [(" · ", "faint")] if spans else []
                    spans.append((f"{counts[status]} {status.word}", status.word))
                lead = self.lead(family.name)
                # Of the job that tells most, what kept it: for what is done there is nothing to
                # tell.
                reason = "" if lead is None else self.why(self.view.jobs[lead])
                return [*spans, (f"  {reason}", "faint")] if reason else spans
        return ("", "")

    def learn(self, found: Mapping[int, Sequence[Dependency]]) -> None:
        """What jobs wait for, as the store tells; it does not change while the workflow is as it
        is."""
        for key, dependencies in found.items():
            self.dependencies[key] = dependencies
            for one in dependencies:
                self._waiting.setdefault(one.job_id, set()).add(key)

    def touched_by(self, changed: Collection[int]) -> set[int]:
        """Jobs whose reasons may read otherwise now, since what they wait for changed; as far as it
        is known."""
        found: set[int] = set()
        for key in changed:
            if key in self._waiting:
                found |= self._waiting[key]
        return found

    def facts(self, job_id: int) -> Facts | None:
        """What is known about a job beyond its row."""
        jobs, workflow = self.view.jobs, self.view.workflow
        job = jobs.get(job_id)
        if job is None:
            return None
        blockers = []
        for one in self.dependencies.get(job_id, ()):
            other = jobs.get(one.job_id)
            status = one.status if other is None else other.status
            if status is not JobStatus.COMPLETED:
                code, reason = (None, None) if other is None else (other.return_code, other.reason)
                blockers.append(
                    Blocker(one.job_id, one.name, status, one.kind, one.via, code, reason)
                )
        found = Facts(
            job=job,
            now=self.now,
            blockers=blockers,
            paused=workflow.is_paused,
            canceled=workflow.is_canceled,
            runners=len(self.view.nodes - self.dead),
        )
        if job.status is JobStatus.READY:
            self.wanted.add(job.requirement_id)
            self._ready.add(job.id)
            if self.outlook is not None and job.requirement_id in self.outlook.lacks:
                short, never = self.outlook.lacks[job.requirement_id]
                return replace(found, shortfalls=short, never=never)
            return replace(found, looked=False)
        return found

    def asked_about_ready(self) -> set[int]:
        """The ready jobs on screen, or that were there: what they lack is asked for."""
        jobs = self.view.jobs
        self._ready = {
            key for key in self._ready if key in jobs and jobs[key].status is JobStatus.READY
        }
        return self._ready

    def why(self, job: Job) -> str:
        """The reason in one line, as far as it is known; what is missing is put on the list
        ``unexplained``."""
        if (
            job.status in (JobStatus.BLOCKED, JobStatus.CANCELED)
            and job.id not in self.dependencies
        ):
            self.unexplained.add(job.id)
        facts = self.facts(job.id)
        return "" if facts is None else why(facts)

    def chain(self, job_id: int) -> list[str]:
        """The whole chain of reasons, as lines of a small tree."""
        return chain_lines(explain(job_id, self.facts))

    def _why(self, job: Job, width: int) -> Cell:
        if job.status is JobStatus.RUNNING and job.started_at is not None:
            known = self.view.durations.get(job.family)
            text = why(Facts(job=job, now=self.now))
            if known is not None and known.count >= 3 and known.mean > 0 and not text:
                share = min(0.99, (self.now - job.started_at) / known.mean)
                cells = max(4, min(12, width - 12))
                return [*bar(share, cells, style="running"), (f" ~{clock(known.mean)}", "faint")]
            return (text, "muted")
        text = self.why(job)
        facts = self.facts(job.id)
        if job.status in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED):
            return (text, "failed")
        reason = None if facts is None else reason_of(facts)
        if reason is not None and reason.kind is Kind.UNSCHEDULABLE:
            return (text, "warning")
        return (text, "muted")

    def _time(self, job: Job) -> Span:
        if job.started_at is None:
            return ("", "")
        if job.ended_at is None:
            return (clock(self.now - job.started_at), "running")
        return (lasted(job.ended_at - job.started_at), "muted")

    def _plain(self, job: Job, column: str) -> Span:
        value = self._value(job, column)
        if column == "exit":
            return ("" if value is None else str(value), "failed" if value else "faint")
        if column == "memory":
            return (format_memory(value) if value else "", "faint")
        if column == "gpus":
            requirement = self.view.requirements.get(job.requirement_id)
            memory = requirement.gpu_memory if requirement is not None else None
            return (f"{value:g}" if value else format_memory(memory) if memory else "", "accent")
        if column == "attempt":
            return (str(value) if value and value > 1 else "", "warning")
        if column == "priority":
            return (str(value) if value else "", "accent")
        return (str(value) if value is not None else "", "faint")

    def _value(self, job: Job, column: str) -> Any:
        requirement = self.view.requirements.get(job.requirement_id)
        match column:
            case "cpus":
                return requirement.num_cpus if requirement else None
            case "memory":
                return requirement.memory if requirement else None
            case "gpus":
                return requirement.num_gpus if requirement else None
            case "exit":
                return job.return_code
            case "attempt":
                return job.attempt_id
            case "priority":
                return job.priority
            case "values":
                return job.values
        return None

    def _order(self, column: str) -> Callable[[Job], Any]:
        now = self.now
        requirements: Mapping[int, Any] = self.view.requirements
        match column:
            case "id":
                return lambda job: job.id
            case "name":
                return lambda job: job.name
            case "status":
                return lambda job: _URGENT[job.status]
            case "time":
                return lambda job: (
                    -1.0
                    if job.started_at is None
                    else (now if job.ended_at is None else job.ended_at) - job.started_at
                )
            case "exit":
                return lambda job: -1 if job.return_code is None else job.return_code
            case "attempt":
                return lambda job: job.attempt_id
            case "priority":
                return lambda job: job.priority
            case "values":
                return lambda job: job.values
            case "why":
                return lambda job: (
                    _URGENT[job.status],
                    optional_sentence(job.reason) or "",
                    job.unmet,
                )
        field = {"cpus": "num_cpus", "memory": "memory", "gpus": "num_gpus"}[column]
        sizes = {key: getattr(requirement, field) or 0 for key, requirement in requirements.items()}
        return lambda job: sizes.get(job.requirement_id, 0)
