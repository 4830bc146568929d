"""Check the counters by a slow recount. What comes in: a whole small graph. What goes out:
what is wrong.

Used by the tests and by nothing that is in a hurry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torc_tui.status import SETTLED, UNSUCCESSFUL, JobStatus


@dataclass(frozen=True, slots=True)
class Node:
    """A job for the check. ``interrupted``: terminated by a stop of its runner, to be taken
    up again."""

    job_id: int
    status: JobStatus
    depends_on: Sequence[int]
    unmet: int
    cancel_on_blocking_job_failure: bool = True
    interrupted: bool = False


def ended(node: Node) -> bool:
    """Whether dependents may go on past this job."""
    return node.status in SETTLED and not node.interrupted


def violations(nodes: Mapping[int, Node], in_order: Iterable[int] | None = None) -> list[str]:
    """Every way in which the states contradict the graph; empty when all is well."""
    found = []
    for job_id in in_order or nodes:
        node = nodes[job_id]
        waits = [other for other in node.depends_on if not ended(nodes[other])]
        unsuccessful = any(nodes[other].status in UNSUCCESSFUL for other in node.depends_on)
        story = f"job {job_id} ({node.status.word}, waits for {waits})"
        if node.status is JobStatus.BLOCKED and not waits:
            found.append(f"{story} is blocked by nothing")
        if node.status is JobStatus.BLOCKED and node.unmet < 1:
            found.append(f"{story} is blocked with a counter of {node.unmet}")
        if node.status in {JobStatus.READY, JobStatus.PENDING, JobStatus.RUNNING} and waits:
            found.append(f"{story} went ahead of its dependencies")
        if (
            node.status is JobStatus.READY
            and unsuccessful
            and node.cancel_on_blocking_job_failure
            and not waits
        ):
            found.append(f"{story} is ready though a dependency did not succeed")
    return found
