"""Rerun what is stale: plan it, begin a run of it, or accept the present state as current.

Input: an open database, ids, the actor. Output: verdicts with their reasons as data, and records of
what was done. `torc_tui.lifecycle` decides; `freshness_facts` collects what it needs.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping

from torc_tui.collection import collection_paused
from torc_tui.errors import Refused
from torc_tui.lifecycle.freshness import examine
from torc_tui.lifecycle.rerun_plan import JobVerdict, RerunDecision, keeps, plan
from torc_tui.model import Json
from torc_tui.operations import catalog
from torc_tui.operations.freshness_facts import FactReader, WorkflowFacts, with_edit
from torc_tui.operations.jobs import Done, select
from torc_tui.operations.lost_runners import sync_status
from torc_tui.operations.user_action import check_workflow
from torc_tui.operations.workflows import check_required, init_check
from torc_tui.reasons import Reason
from torc_tui.records import dataclass, field
from torc_tui.status import HELD, JobStatus, number_of
from torc_tui.store import (
    dependency_counters,
    fingerprints,
    sql,
    user_actions,
    user_data,
    workflows,
)
from torc_tui.store.database import Store
from torc_tui.store.encoding import loads
from torc_tui.store.event_log import append, last_event

_TRIES = 5
"""How often a plan is repeated if other programs write to the workflow meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunPlan:
    """The verdicts on the jobs of a workflow, by id, as they were after event ``last_seq``."""

    workflow_id: int
    name: str
    last_seq: int
    verdicts: Mapping[int, JobVerdict]
    failed_actions: int = 0
    """Actions that failed when they were executed last: they run again with the stale jobs."""

    @property
    def stale(self) -> list[JobVerdict]:
        """The jobs that would run; those that are not certain may be kept after all."""
        return [one for one in self.verdicts.values() if one.verdict is RerunDecision.RUN]

    @property
    def certain(self) -> list[JobVerdict]:
        """The jobs that run in any case."""
        return [one for one in self.stale if one.certain]

    @property
    def undecided(self) -> list[JobVerdict]:
        """The jobs that are kept if their inputs turn out to be unchanged."""
        return [one for one in self.stale if not one.certain]

    @property
    def unknown(self) -> list[JobVerdict]:
        """The jobs that may be stale, which cannot be determined; they are kept."""
        return [one for one in self.verdicts.values() if one.verdict is RerunDecision.UNKNOWN]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinitialized:
    """The start of a new run: how many jobs are stale, and how many of them are to be decided."""

    workflow_id: int
    run_id: int
    stale: int = 0
    undecided: int = 0
    counts: Mapping[JobStatus, int] = field(default_factory=dict)


def plan_rerun(store: Store, workflow_id: int) -> RerunPlan:
    """Return which jobs of a workflow would run again, and why; change nothing."""
    with collection_paused():
        return _plan(store, workflow_id, FactReader(store, workflow_id).workflow())


def stale_after_edit(
    store: Store, workflow_id: int, record_id: int, value: Json
) -> list[JobVerdict]:
    """Return the jobs that become stale if a user gives a record this value; change nothing."""
    facts = FactReader(store, workflow_id).workflow()
    before = {one.id for one in _plan(store, workflow_id, facts).stale}
    with store.read() as conn:
        facts.jobs = with_edit(conn, facts.jobs, record_id, value)
    return [one for one in _plan(store, workflow_id, facts).stale if one.id not in before]


def _plan(store: Store, workflow_id: int, facts: WorkflowFacts) -> RerunPlan:
    findings = {number: examine(job, facts.baselines) for number, job in facts.jobs.items()}
    verdicts = plan(facts.jobs, findings, facts.edges)
    with store.read() as conn:
        failed_actions = user_actions.failed_actions(conn, workflow_id)
    return RerunPlan(
        workflow_id=workflow_id,
        name=facts.name,
        last_seq=facts.last_seq,
        verdicts={number: verdicts[number] for number in facts.jobs},
        failed_actions=failed_actions,
    )


def stays_completed(store: Store, workflow_id: int, job_id: int) -> bool:
    """Return whether a job is up to date that was reset only because it follows others.

    The jobs that it follows have ended.
    """
    job, left, before = FactReader(store, workflow_id).job(job_id)
    return keeps(job, examine(job, left), before)


def data_before_and_after(store: Store, workflow_id: int, reason: Reason) -> tuple[Json, Json]:
    """Return the two values of a record that has changed, as evidence for the reason."""
    with store.connection().read() as conn:
        record = user_data.get(conn, reason["name"], workflow_id)
        rows = conn.rows(sql.USER_DATA_AT_VERSION, id=record["id"], version=reason["before"])
    return loads(rows[0].data) if rows else None, record["data"]


def reinitialize(
    store: Store,
    workflow_id: int,
    *,
    only: Collection[int] | None = None,
    force: bool = False,
    actor: str | None = None,
) -> Reinitialized:
    """Begin a new run of the stale jobs and of those that follow them; the others stay as they are.

    With ``only``, jobs with other ids stay as they are, too. Refused if jobs are running, if files
    or records that jobs read are missing (``force`` accepts missing files), and if the workflow is
    archived.
    """
    workflow = workflows.get_workflow(store, workflow_id)
    if number_of(workflow.counts, HELD):
        sync_status(store, workflow_id, force=force, actor=actor)
        workflow = workflows.get_workflow(store, workflow_id)
    check_workflow(catalog.REINITIALIZE, workflow)
    check_required(init_check(store, workflow_id), "reinit", force=force)
    for _ in range(_TRIES):
        done = _begin(store, plan_rerun(store, workflow_id), only, actor)
        if done is not None:
            return done
    raise Refused(
        f"cannot reinitialize workflow {workflow_id}: other programs keep changing it",
        hint="try again when they have ended",
    )


def _begin(
    store: Store, found: RerunPlan, only: Collection[int] | None, actor: str | None
) -> Reinitialized | None:
    """Begin the run that was planned; None if others have written since the plan was made."""
    workflow_id, now = found.workflow_id, time.time()
    chosen = [one for one in found.stale if only is None or one.id in only]
    stale = [one.id for one in chosen]
    undecided = [one.id for one in chosen if not one.certain]
    with store.write() as conn:
        append(conn, workflow_id, [], at=now)
        if last_event(conn, workflow_id) != found.last_seq:
            return None
        check_workflow(catalog.REINITIALIZE, workflows.read_workflow(conn, workflow_id))
        user_actions.begin_again(conn, stale)
        run_id = user_actions.next_partial_run(conn, workflow_id, stale)
        dependency_counters.recount(conn, workflow_id)
        events = dependency_counters.place_uninitialized(conn, workflow_id, now)
        dependency_counters.hold_behind(conn, workflow_id)
        conn.each(sql.MARK_MAY_BE_KEPT, undecided)
        counts = workflows.counts(conn, workflow_id)
        numbers = {status.word: number for status, number in counts.items()}
        data = {"run_id": run_id, "counts": numbers, "stale": len(stale)}
        append(
            conn, workflow_id, [*events, ("workflow_initialized", None, data)], at=now, actor=actor
        )
    return Reinitialized(
        workflow_id=workflow_id,
        run_id=run_id,
        stale=len(stale),
        undecided=len(undecided),
        counts=counts,
    )


def accept_jobs(store: Store, job_ids: Iterable[int], *, actor: str | None = None) -> Done:
    """Declare the present state of completed jobs, their files and their data current."""
    selection = select(store, catalog.ACCEPT, job_ids)
    done = Done(refused=selection.refused)
    for workflow_id in dict.fromkeys(job.workflow_id for job in selection.jobs):
        chosen = [job.id for job in selection.jobs if job.workflow_id == workflow_id]
        reader, now = FactReader(store, workflow_id), time.time()
        found = [(job_id, reader.present(job_id, now)) for job_id in chosen]
        with store.write() as conn:
            append(conn, workflow_id, [], at=now)
            fingerprints.save(conn, found)
            events = [("job_accepted", job_id, None) for job_id in chosen]
            append(conn, workflow_id, events, at=now, actor=actor)
        done.moved += chosen
    return done
