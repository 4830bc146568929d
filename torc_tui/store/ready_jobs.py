"""Read the ready jobs that a runner may claim, in the order of their start.

Input: a connection inside a transaction. Output: rows. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from torc_tui.resources.labels import serves
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps
from torc_tui.store.scheduling import ReadyJob
from torc_tui.tuples import NamedTuple


class ReadyOf(NamedTuple):
    """Which ready jobs a runner may claim; ``label_sets`` as from `served_label_sets`."""

    workflow_id: int
    now: float
    label_sets: str | None = None


def served_label_sets(conn: Connection, workflow_id: int, labels: Collection[str]) -> str | None:
    """Return the label sets of jobs that a runner with these labels serves, as JSON.

    None for a runner without labels, which serves jobs without labels only.
    """
    if not labels:
        return None
    rows = conn.rows(sql.LABEL_SETS, workflow_id=workflow_id)
    return dumps([row.labels for row in rows if serves(labels, json.loads(row.labels or "[]"))])


def ready_classes(conn: Connection, of: ReadyOf, most: int | None = None) -> list[int]:
    """Return the resource classes that have a ready job, the largest requests first.

    There are at most ``most``, the number of different requests of the workflow.
    """
    classes: list[int] = []
    while most is None or len(classes) < most:
        following = _class_after(conn, of, classes[-1] if classes else -1)
        if following is None:
            break
        classes.append(following)
    return classes


def _class_after(conn: Connection, of: ReadyOf, after: int) -> int | None:
    found: int | None
    if of.label_sets is None:
        found = conn.value(sql.NEXT_CLASS, workflow_id=of.workflow_id, after=after)
    else:
        found = conn.value(
            sql.NEXT_LABELED_CLASS,
            workflow_id=of.workflow_id,
            label_sets=of.label_sets,
            after=after,
        )
    return found


def ready_jobs(conn: Connection, of: ReadyOf, resource_class: int, limit: int) -> list[ReadyJob]:
    """Return the first jobs of one class, by priority."""
    if of.label_sets is None:
        return conn.rows(
            sql.READY_JOBS,
            workflow_id=of.workflow_id,
            now=of.now,
            resource_class=resource_class,
            limit=limit,
        )
    return conn.rows(
        sql.READY_LABELED_JOBS,
        workflow_id=of.workflow_id,
        now=of.now,
        label_sets=of.label_sets,
        resource_class=resource_class,
        limit=limit,
    )


def number(conn: Connection, of: ReadyOf, limit: int) -> int:
    """Return how many jobs are ready, at most ``limit``."""
    if of.label_sets is None:
        return int(conn.value(sql.READY_NUMBER, workflow_id=of.workflow_id, limit=limit))
    return int(
        conn.value(
            sql.READY_LABELED_NUMBER,
            workflow_id=of.workflow_id,
            label_sets=of.label_sets,
            limit=limit,
        )
    )
