"""Keep the jobs of one workflow as its screen shows them: a fold over events. No Textual.

Input: snapshots and events from the feed thread, answers of the reader thread, the time. Output:
the rows of the job table, reasons, and the content of the header. `DependencyReader` asks the
reader thread for dependencies; the model itself reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from torc_tui.errors import NotFound
from torc_tui.model import Event, Job, ResourceRequirements, Workflow
from torc_tui.reasons import ON_REQUEST, Reason, decode
from torc_tui.records import dataclass, replace
from torc_tui.status import HELD, JobStatus
from torc_tui.tui.feed.machine import MachineReading
from torc_tui.tui.feed.reader import Reader
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Span
from torc_tui.views.workflow_view import JOB_FLAGS, WorkflowView
from torc_tui.wording import time_range

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.store.relations import Dependency

ASKED_AT_ONCE = 200
"""Jobs whose dependencies are read in one question."""


@dataclass(frozen=True, slots=True)
class ModelChanges:
    """What events changed: jobs, rows, the order of rows, and held jobs."""

    jobs: Set[int] = frozenset()
    rows: Set[int | str] = frozenset()
    moved: bool = False
    holds: bool = False


class WorkflowModel:
    """The model of a workflow. ``rows`` are empty until the workflow is read."""

    def __init__(self, workflow_id: int, now: float) -> None:
        self.workflow_id = workflow_id
        self.now = now
        self.turn = 0
        self.gone: str | None = None
        """Why the workflow does not exist."""
        self.loaded = False
        self.rows = JobRows(_empty(workflow_id), now=now)
        self.eta = ""
        self.reports: Sequence[Reason] = ()
        """Reports about its silent and lost runners."""

    @property
    def view(self) -> WorkflowView:
        """Return all jobs with their statuses."""
        return self.rows.view

    # -- input -------------------------------------------------------------------------------------

    def load(self, rows: JobRows) -> None:
        """Load the rows of a snapshot; groups stay folded as they were."""
        before, self.rows = self.rows, rows
        rows.now = self.now
        self.rows.reasons.cluster = before.reasons.cluster
        if self.loaded:
            self.rows.keep_folds(before)
        self.loaded, self.gone = True, None
        self.measure()

    def apply(self, events: Sequence[Event]) -> ModelChanges | None:
        """Apply events; return what they changed, or None if a reload is needed."""
        view, rows = self.view, self.rows
        jobs = view.apply(events)
        if view.needs_reload:
            return None
        rows.now = self.now
        moved = rows.update(jobs)
        touched: set[int | str] = {*jobs, *rows.reasons.touched_by(jobs)}
        touched |= rows.touched_groups(jobs)
        if any(event.kind.startswith(("node_", "workflow_")) for event in events):
            touched |= view.jobs.keys()  # they change the reasons of all jobs that wait
        holds = any(event.kind in JOB_FLAGS for event in events)
        return ModelChanges(jobs, touched, moved, holds)

    def tick(self, now: float) -> None:
        """Set the time."""
        self.now = self.rows.now = now

    def measure(self) -> None:
        """Estimate when the run will end."""
        eta = self.view.progress(self.now).eta
        self.eta = time_range(*eta) if eta is not None and eta.high > 0 else ""

    def take_runners(self, dead: frozenset[int]) -> bool:
        """Store which runners are lost; return whether a running workflow lost another one."""
        reasons = self.rows.reasons
        lost, reasons.dead = dead - reasons.dead, dead
        return bool(lost) and bool(self.view.count(*HELD))

    def take_cluster(self, cluster: ClusterState | None) -> bool:
        """Store the allocations; return whether the workflow was submitted since."""
        reasons = self.rows.reasons
        before, reasons.cluster = reasons.cluster, cluster
        return (before is None) is not (cluster is None)

    def take_request_lacks(self, news: MachineReading) -> set[int]:
        """Store what ready jobs lack; return the jobs whose reasons changed."""
        reasons = self.rows.reasons
        if news.request_lacks is None or news.request_lacks == reasons.request_lacks:
            return set()
        reasons.request_lacks = news.request_lacks
        return reasons.ready_on_screen()

    # -- output ------------------------------------------------------------------------------------

    @property
    def workflow(self) -> Workflow | None:
        """Return the workflow with its counts; None until it is read."""
        if not self.loaded:
            return None
        counts = zip(JobStatus, self.view.counts, strict=True)
        return replace(
            self.view.workflow, counts={status: number for status, number in counts if number}
        )

    @property
    def has_runner(self) -> bool:
        """Whether the workflow has an active runner or will get one, as far as known."""
        reasons = self.rows.reasons
        cluster = reasons.cluster
        is_served = cluster is not None and (cluster.is_watched or bool(cluster.open))
        return not self.loaded or is_served or bool(self.view.nodes - reasons.dead)

    def reasons_of(self, job: Job) -> Sequence[Span]:
        """Return the known chain of reasons for the status of a job as styled lines."""
        if job.status is JobStatus.COMPLETED:
            return ()
        lines = self.rows.reasons.chain(job.id)[1:]
        style = STATUS[job.status].style
        return [(line, style if place == 0 else "muted") for place, line in enumerate(lines)]

    def unexplained(self) -> list[int]:
        """Return the jobs whose dependencies are to be read next; each is returned once."""
        return _taken(self.rows.reasons.unexplained)

    def retried(self) -> list[int]:
        """Return the jobs whose number of attempts is to be read next; each is returned once."""
        return _taken(self.rows.reasons.retried)

    def requirements_on_screen(self) -> tuple[int | None, Mapping[int, ResourceRequirements]]:
        """Return the workflow, and the requirements of ready jobs that are on screen."""
        view = self.view
        if not self.loaded:
            return None, {}
        wanted = (
            list(self.rows.reasons.wanted)[:ASKED_AT_ONCE] if view.count(JobStatus.READY) else []
        )
        known = view.requirements
        return self.workflow_id, {key: known[key] for key in wanted if key in known}

    def find(self, words: Sequence[str], most: int = 50) -> list[Job]:
        """Return the first jobs whose names contain all words."""
        found: list[Job] = []
        for job in self.view.jobs.values():
            name = job.name.lower()
            if all(word in name for word in words):
                found.append(job)
                if len(found) == most:
                    break
        return found


def _taken(missing: set[int]) -> list[int]:
    wanted = list(missing)[:ASKED_AT_ONCE]
    missing.clear()
    return wanted


def _empty(workflow_id: int) -> WorkflowView:
    return WorkflowView(Workflow(id=workflow_id, name="", user=""), (), {}, 0)


RERUN = "rerun after a loss"
"""The outcome of jobs that were lost with their runner, and run again."""


def outcomes(events: Sequence[Event]) -> dict[str, list[int]]:
    """Return the jobs to report, by outcome.

    ``failed`` have failed for good, ``stopped`` were ended by a user or with their runner,
    ``retried`` were retried by a rule: the event that follows the failure says so. Those that were
    lost with their runner and run again have not failed.
    """
    found: dict[str, list[int]] = {"failed": [], "retried": [], "stopped": []}
    for event in events:
        if event.job_id is None:
            continue
        if event.kind in ("job_failed", "job_terminated"):
            if _was_asked_for(event):
                found["stopped"].append(event.job_id)
            elif event.data.get("interrupted"):
                found.setdefault(RERUN, []).append(event.job_id)
            else:
                found["failed"].append(event.job_id)
        elif (
            event.kind == "job_retried"
            and "of" in event.data
            and event.job_id in found["failed"][-1:]
        ):
            found["retried"].append(found["failed"].pop())
    return found


def _was_asked_for(event: Event) -> bool:
    """Return whether a user or the end of the runner stopped the job."""
    reason = decode(event.data.get("reason"))
    return reason is not None and reason.kind in ON_REQUEST


# -- dependencies ----------------------------------------------------------------------------------

Found = Mapping[int, Sequence["Dependency"]]


class DependencyReader:
    """Reads dependencies; ``then`` gets the ids of the jobs whose reasons became known."""

    def __init__(self, model: WorkflowModel, then: Callable[[set[int]], None]) -> None:
        self._model = model
        self._then = then

    def ask_visible(self, reader: Reader) -> None:
        """Read the unknown dependencies of the jobs on screen."""
        wanted = self._model.unexplained()
        if wanted:
            reader.ask("facts", lambda source: read_dependencies(source, wanted), self._learn)
        retried, wf = self._model.retried(), self._model.workflow_id
        if retried:
            reader.ask(
                ("attempts", wf),
                lambda source: read_attempts(source, wf, retried),
                self._learn_attempts,
            )

    def ask_chain(self, reader: Reader, job: Job) -> None:
        """Read the dependencies of a job, and theirs in turn."""
        reader.ask(
            "chain", lambda source: read_dependencies(source, [job.id], follow=True), self._learn
        )

    def _learn_attempts(self, found: Mapping[int, tuple[int, int | None]]) -> None:
        self._model.rows.reasons.learn_attempts(found)
        self._then(set(found))

    def _learn(self, found: Found) -> None:
        self._model.rows.reasons.learn(found)
        self._then(set(found))


def read_attempts(
    source: FeedReader, workflow_id: int, wanted: Sequence[int]
) -> dict[int, tuple[int, int | None]]:
    """Return the attempt of each retried job, and its maximum number of attempts."""
    from torc_tui.operations.job_facts import JobFacts

    facts = JobFacts(source.store, workflow_id)
    return {job_id: found for job_id in wanted if (found := facts.attempts(job_id)) is not None}


def read_dependencies(source: FeedReader, wanted: Sequence[int], *, follow: bool = False) -> Found:
    """Return the dependencies of jobs; with ``follow`` also theirs in turn, up to a limit.

    Called in the reader thread.
    """
    from torc_tui.store import relations

    found: dict[int, Sequence[Dependency]] = {}
    queue = list(wanted)
    while queue and len(found) < ASKED_AT_ONCE:
        key = queue.pop(0)
        if key in found:
            continue
        try:
            found[key] = relations.dependencies(source.store, key)
        except NotFound:
            continue
        if follow:
            queue += [one.job_id for one in found[key] if one.status is not JobStatus.COMPLETED]
    return found
