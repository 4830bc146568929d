"""Record the ends of attempts whose runner is lost, or was dropped: no runner does it.

Input: rows of held attempts. Output: results and events as a runner writes them. The rule is
`lifecycle.decide`, with `on_lost` of the workflow file; no failure handler is asked, because its
recovery script needs a runner.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress

from torc_tui.executors.exit_file import ExitFile, read_exit_file
from torc_tui.lifecycle.decide import REQUESTED, AttemptFacts, outcome, reruns_left
from torc_tui.model import Cause, Exited
from torc_tui.reasons import Reason
from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.store import (
    compute_nodes,
    job_definitions,
    run_context,
    runner_liveness,
    scheduling,
    sql,
    workflows,
)
from torc_tui.store.compute_nodes import HeldAttempt, Node
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow, follow_canaries, resettle
from torc_tui.store.event_log import append
from torc_tui.store.log_files import attempt_stem
from torc_tui.store.run_context import RunContext

Loss = Callable[[HeldAttempt], Reason]
"""Returns where and how an attempt was lost."""


@dataclass(slots=True)
class EndedJobs:
    """What became of jobs whose attempts were ended: ids, and the events to append."""

    ready: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    canceled: list[int] = field(default_factory=list)
    rows: list[EventRow] = field(default_factory=list)


def exit_record(workflow_id: int, run_id: int, held: HeldAttempt) -> ExitFile:
    """Return what the exit file of an attempt says, with the process that its row names."""
    exit_file = ExitFile()
    if held.output_dir:
        stem = attempt_stem(held.output_dir, workflow_id, held.job_id, run_id, held.attempt_id)
        exit_file = read_exit_file(f"{stem}.exit")
    if held.pid is None:
        return exit_file
    return ExitFile(held.pid, held.process_started, exit_file.code, exit_file.note)


def running(node: Node, record: ExitFile) -> bool:
    """Return whether the process of an attempt runs on this machine."""
    return runner_liveness.is_here(node) and runner_liveness.process_runs(
        record.pid, record.process_started
    )


def kill(node: Node, records: Iterable[ExitFile]) -> None:
    """Kill those of the processes that run on this machine, with their process groups."""
    for record in records:
        if record.pid and running(node, record):
            with suppress(OSError):
                os.killpg(record.pid, signal.SIGKILL)


def end_attempts(
    conn: Connection,
    node: Node,
    held: Sequence[HeldAttempt],
    now: float,
    *,
    stop: Reason,
    loss: Loss | None = None,
) -> EndedJobs:
    """End attempts of a runner: those that a user wants stopped with ``stop``, others as lost.

    Without ``loss``, a user wants all of them stopped.
    """
    context = run_context.read(conn, node.workflow_id)
    done = EndedJobs()
    begun = [one for one in held if _has_begun(context, one)]
    ended = [_end(context, one, (now, node.heartbeat_at), stop, loss) for one in begun]
    done.rows += scheduling.end(conn, node.id, ended) if ended else []
    for one in ended:
        _sort(done, one)
    done.rows += workflows.resume_interrupted(conn, node.workflow_id, done.ready)
    idle = [one for one in held if one not in begun]
    unwanted = [one.job_id for one in idle if loss is None or one.stop_requested]
    conn.each(sql.CANCEL_HELD_JOB, unwanted, reason=stop.encode(), ended_at=now)
    done.rows += job_definitions.apply_planned(conn, unwanted) if unwanted else []
    done.canceled += unwanted
    done.rows += [("job_canceled", job_id, {"reason": stop.to_json()}) for job_id in unwanted]
    ready = [one.job_id for one in idle if one.job_id not in set(unwanted)]
    done.rows += compute_nodes.skip_attempts(conn, ready)
    done.ready += ready
    if unwanted:
        done.rows += resettle(conn, node.workflow_id, now)
    done.rows += follow_canaries(conn, node.workflow_id)
    return done


def _has_begun(context: RunContext, held: HeldAttempt) -> bool:
    if held.started_at is not None:
        return True
    return exit_record(context.workflow_id, context.run_id, held).pid is not None


def _end(
    context: RunContext,
    held: HeldAttempt,
    times: tuple[float, float],
    stop: Reason,
    loss: Loss | None,
) -> scheduling.EndedAttempt:
    """Return the end of an attempt; ``times`` are now and the last heartbeat of its runner."""
    stopped = loss is None or held.stop_requested is not None
    now, last_seen = times
    began = now if held.started_at is None else held.started_at
    exited = Exited(
        key=context.attempt_key(held.job_id, held.attempt_id),
        return_code=None,
        started_at=began,
        ended_at=now if stopped else max(began, last_seen),
        cause=Cause.CANCELED if stopped else Cause.LOST,
        reason=stop if stopped or loss is None else loss(held),
    )
    facts = AttemptFacts(
        use_pending_failed=context.use_pending_failed,
        requested=REQUESTED.get(held.stop_requested, JobStatus.CANCELED),
        reruns=reruns_left(context.option(held.options, "on_lost"), held.lost),
    )
    verdict = outcome(exited, facts)
    return scheduling.EndedAttempt(
        exited,
        verdict,
        held.retries,
        held.allocation or "",
        held.output_dir or "",
        planned=held.planned is not None,
    )


def _sort(done: EndedJobs, ended: scheduling.EndedAttempt) -> None:
    job_id, verdict = ended.exited.key.job_id, ended.outcome
    if verdict.cause is Cause.CANCELED:
        done.canceled.append(job_id)
    elif verdict.interrupted:
        done.ready.append(job_id)
    else:
        done.failed.append(job_id)


def end_orphans(
    store: Store,
    workflow_id: int,
    reason: Reason,
    *,
    only: Set[int] | None = None,
) -> None:
    """End the jobs of lost runners that a user wants stopped, or ``only`` some of them."""
    with store.read() as conn:
        run_id = conn.value(sql.RUN_OF_WORKFLOW, workflow_id=workflow_id)
        lost = runner_liveness.lost(compute_nodes.active(conn, workflow_id))
        found = [(node, compute_nodes.held_attempts(conn, node.id)) for node in lost]
    for node, held in found:
        chosen = [one for one in held if only is None or one.job_id in only]
        if not chosen:
            continue
        kill(node, [exit_record(workflow_id, run_id, one) for one in chosen])
        now = time.time()
        with store.write() as conn:
            append(conn, workflow_id, [], at=now)
            still = {one.job_id for one in chosen}
            held = compute_nodes.held_attempts(conn, node.id)
            held = [one for one in held if one.job_id in still]
            rows = end_attempts(conn, node, held, now, stop=reason).rows
            append(conn, workflow_id, rows, at=now)
