"""Start a runner in the background, stop runners, and resize them.

Input: an open store, ids. Output: process ids, ids of runners. A runner is another process of this
program; it follows the changes of its row in the database.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from torc_tui.errors import NotFound, Refused, TorcError
from torc_tui.model import Workflow
from torc_tui.operations import catalog
from torc_tui.operations.job_environment import user_environment
from torc_tui.records import dataclass
from torc_tui.resources.machine_identity import hostname
from torc_tui.store import compute_nodes, runner_liveness, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append
from torc_tui.store.log_files import output_folder


@dataclass(frozen=True, slots=True)
class Background:
    """A process that was started in the background, and its log."""

    pid: int
    log: str


def start_runner(
    store: Store, workflow_id: int, arguments: Sequence[str] = (), *, actor: str | None = None
) -> Background:
    """Start ``torc run ID`` in its own session, with options for ``torc run``.

    Its output goes to a log in the output folder of the workflow. The database is named in the
    environment, because every user can read the command line, and a password in it.
    """
    workflow = workflows.get_workflow(store, workflow_id)
    folder = None
    if "--output-dir" in arguments:
        folder = Path(arguments[list(arguments).index("--output-dir") + 1])
    started = start_in_background(
        store,
        workflow,
        ("run", str(workflow_id), *arguments),
        f"job_runner_{hostname()}_wf{workflow_id}_r{workflow.run_id or 1}",
        folder,
    )
    with store.write() as conn:
        data = {"pid": started.pid, "hostname": hostname()}
        append(conn, workflow_id, [("node_requested", None, data)], at=time.time(), actor=actor)
    return started


def start_allocator(store: Store, workflow_id: int) -> Background:
    """Start a process that requests allocations until a workflow has finished."""
    workflow = workflows.get_workflow(store, workflow_id)
    arguments = ("slurm", "watch", str(workflow_id))
    return start_in_background(store, workflow, arguments, f"allocator_wf{workflow_id}")


def start_in_background(
    store: Store,
    workflow: Workflow,
    arguments: Sequence[str],
    stem: str,
    folder: Path | None = None,
) -> Background:
    """Start a command of torc in its own session, with a log in the output folder of a workflow."""
    import subprocess  # slow, and only needed to start a process in the background

    folder = folder or Path(output_folder(workflow.directory))
    command = [sys.executable, "-m", "torc_tui.cli.main", *arguments]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _new_log(folder, stem) as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=workflow.directory,
                env={**user_environment(), "TORC_DATABASE": store.url},
                start_new_session=True,
            )
    except OSError as error:
        raise TorcError(
            f"no process could be started in {folder}: {error.strerror}",
            hint="name another folder with --output-dir",
        ) from error
    process.returncode = 0  # Popen must not wait for it: it outlives this process
    return Background(process.pid, output.name)


def _new_log(folder: Path, stem: str) -> BinaryIO:
    """Create the log of a runner: ``STEM.log``, or else ``STEM_2.log`` and so on."""
    for number in count(1):
        with suppress(FileExistsError):
            return open(folder / f"{stem}{f'_{number}' if number > 1 else ''}.log", "xb")
    raise AssertionError


def active_runners(store: Store, workflow_id: int) -> list[compute_nodes.Node]:
    """Return the runners of a workflow that are not proven to be lost."""
    with store.read() as conn:
        active = compute_nodes.active(conn, workflow_id)
    dead = {node.id for node in runner_liveness.lost(active)}
    return [node for node in active if node.id not in dead]


def stop_runners(
    store: Store,
    workflow_id: int,
    *,
    node_id: int | None = None,
    hard: bool = False,
    actor: str | None = None,
) -> list[int]:
    """Ask the runners of a workflow, or one, to stop, and return their ids.

    They stop gracefully, or at once with ``hard``.
    """
    now = time.time()
    with store.write() as conn:
        found = [
            node.id
            for node in compute_nodes.active(conn, workflow_id)
            if node_id in (None, node.id)
        ]
        if not found:
            raise Refused(
                f"cannot stop workflow {workflow_id}: {catalog.STOP.refusal}"
                if node_id is None
                else f"cannot stop runner {node_id}: {catalog.STOP_RUNNER.refusal}"
            )
        rows: list[EventRow] = []
        for node in found:
            how = "hard" if hard else "graceful"
            conn.execute(sql.ASK_NODE_TO_STOP, node_id=node, stop_requested=how)
            rows.append(("node_stop_requested", None, {"node": node, "hard": hard}))
        append(conn, workflow_id, rows, at=now, actor=actor)
    return found


def stop_runner(
    store: Store, node_id: int, *, hard: bool = False, actor: str | None = None
) -> list[int]:
    """Ask one runner to stop, and return its id; see `stop_runners`."""
    with store.read() as conn:
        workflow_id = conn.value(sql.WORKFLOW_OF_NODE, node_id=node_id)
    if workflow_id is None:
        raise NotFound(f"there is no runner {node_id}", hint="`torc compute-nodes list` shows them")
    return stop_runners(store, workflow_id, node_id=node_id, hard=hard, actor=actor)


def resize_runner(
    store: Store,
    node_id: int,
    *,
    num_cpus: int | None = None,
    memory: int | None = None,
    max_parallel_jobs: int | None = None,
    actor: str | None = None,
) -> None:
    """Let an active runner use more or less of its machine; running jobs continue."""
    now = time.time()
    with store.write() as conn:
        current = compute_nodes.orders(conn, node_id)
        workflow_id = conn.value(sql.WORKFLOW_OF_NODE, node_id=node_id)
        if current is None or workflow_id is None:
            raise NotFound(
                f"there is no runner {node_id}", hint="`torc compute-nodes list` shows them"
            )
        options = dict(current.options)
        if max_parallel_jobs is not None:
            options["max_parallel_jobs"] = max_parallel_jobs or None
        size = {
            "num_cpus": current.num_cpus if num_cpus is None else num_cpus,
            "memory": current.memory if memory is None else memory,
        }
        text = json.dumps(options)
        if not conn.execute(sql.RESIZE_NODE, node_id=node_id, **size, options=text):
            raise Refused(f"cannot resize runner {node_id}: {catalog.RESIZE.refusal}")
        data = {"node": node_id, **size, "max_parallel_jobs": max_parallel_jobs}
        append(conn, workflow_id, [("node_resized", None, data)], at=now, actor=actor)
