"""Increase what jobs request for their next attempt, and note by how much.

Input: a connection inside a write transaction, and the new requirements of jobs. Output: what
events tell about it.

A job that grows gets an entry of its own, as after a change by a user. The column ``edited`` keeps
the entry of the file, and ``grown`` the amounts before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.lifecycle.failure_policy import CHANGING
from torc_tui.model import Json, ResourceRequirements
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.store import additions, job_definitions, sql
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.workflows import read_requirements

if TYPE_CHECKING:
    from torc_tui.store.scheduling import EndedAttempt

Requirements = Mapping[int, ResourceRequirements]


def grow_ended(conn: Connection, ended: Sequence[EndedAttempt]) -> list[EndedAttempt]:
    """Increase the requests of jobs that run again with more; return the ends with the changes."""
    wanted = {one.exited.key.job_id: one.outcome.grown for one in ended if one.outcome.grown}
    grown = _grow(conn, ended[0].exited.key.workflow_id, wanted)
    return [one._replace(grown=grown.get(one.exited.key.job_id)) for one in ended]


def grow_updated(conn: Connection, workflow_id: int, wanted: Requirements) -> list[EventRow]:
    """Increase the requests of jobs, by their ids; return the events."""
    grown = _grow(conn, workflow_id, wanted)
    return [("job_updated", job_id, data) for job_id, data in grown.items()]


def _grow(conn: Connection, workflow_id: int, wanted: Requirements) -> dict[int, dict[str, Json]]:
    """Give jobs increased requirements; return what events tell about it, by job."""
    known = read_requirements(conn, workflow_id)
    grown: dict[int, dict[str, Any]] = {}
    event_data: dict[int, dict[str, Json]] = {}
    for job_id, new in wanted.items():
        job = conn.one(sql.GROWN, job_id=job_id)
        assert job is not None, f"there is no job {job_id}"
        changes = _changes(known[job.requirement_id], new)
        note = grown[job_id] = _earlier(job)
        for name, (before, after) in changes.items():
            note[name] = [note[name][0] if name in note else before, after]
        first = known.get(note["requirement_id"], new)
        note["grown_id"] = additions.requirement(conn, workflow_id, replace(new, name=first.name))
        reason = because(Kind.GROWN, **changes)
        event_data[job_id] = {"grown": reason.to_json(), "requirement_id": note["grown_id"]}
    ranks = additions.classes(conn, workflow_id)
    values = {
        job_id: {"requirement_id": note["grown_id"], "resource_class": ranks[note["grown_id"]]}
        for job_id, note in grown.items()
    }
    job_definitions.change(conn, job_definitions.edited(conn, values))
    conn.many(
        sql.SET_GROWN,
        [{"job_id": job_id, "grown": dumps(note)} for job_id, note in grown.items()],
    )
    if len(ranks) > len(known):
        additions.classify(conn, workflow_id)
    return event_data


def _changes(
    old: ResourceRequirements, new: ResourceRequirements
) -> dict[str, tuple[float | None, float | None]]:
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in CHANGING}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _earlier(job: sql.GrownRow) -> dict[str, Any]:
    """Return what is noted of earlier growth, unless a user has changed the request since."""
    earlier: dict[str, Any] = loads(job.grown) if job.grown else {}
    if earlier.get("grown_id") == job.requirement_id:
        return earlier
    return {"requirement_id": job.requirement_id}
