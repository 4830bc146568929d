"""Store commands as the jobs of one workflow, while they arrive.

Input: an open store, commands with the values they were made from. Output: jobs. A batch is
an ordinary workflow: a run, the app and every other command treat it like a workflow from a file.

Invariants
* Each call of `Batch.add` is one transaction, whose jobs are ready at once.
* A resumed batch keeps its jobs: completed commands are skipped, other known commands run again,
  and only new commands become new jobs. Failed jobs are disabled when the input ends without their
  commands.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain

from torc_tui.errors import Refused
from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    ExecutionConfig,
    FailureHandler,
    FailureRule,
    Plan,
    ResourceRequirements,
    Value,
    Workflow,
    WorkflowSpec,
)
from torc_tui.operations.runners import active_runners
from torc_tui.operations.workflows import create_workflow, initialize, needs_initialization
from torc_tui.records import dataclass
from torc_tui.status import RETRYABLE, UNSETTLED, JobStatus, number_of
from torc_tui.store import additions, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps
from torc_tui.store.event_log import append
from torc_tui.tuples import NamedTuple

Command = tuple[str, Sequence[tuple[str, Value]]]
"""A command for bash, and the values of its placeholders."""


class BatchJob(NamedTuple):
    """The job of a command, and its status when the command was read."""

    id: int
    status: JobStatus = JobStatus.READY

    @property
    def is_skipped(self) -> bool:
        """Return whether the command had completed before."""
        return self.status is JobStatus.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """The options that all jobs of a batch share; ``retries`` apply to every failure."""

    name: str
    description: str | None = None
    requirements: ResourceRequirements
    retries: int = 0
    stdio_mode: str | None = None


class Batch:
    """A workflow to which commands are added; use `begin` or `resume`."""

    def __init__(
        self, store: Store, workflow_id: int, options: BatchOptions, actor: str | None
    ) -> None:
        self.store = store
        self.workflow_id = workflow_id
        self.actor = actor
        self.is_resumed = False
        self.skipped = 0
        """Number of commands that had already completed."""
        self.disabled = 0
        """Number of failed commands of a resumed batch that did not come again."""
        self._known = _KnownCommands(store, workflow_id)
        now = time.time()
        with store.write() as conn:
            append(conn, workflow_id, [], at=now)
            self._requirement = additions.requirement(conn, workflow_id, options.requirements)
            self._handler: int | None = None
            if options.retries:
                wanted = _retry_handler(options.retries)
                self._handler = additions.failure_handler(conn, workflow_id, wanted)
            additions.classify(conn, workflow_id)
            self._class = additions.classes(conn, workflow_id)[self._requirement]
            self._number = additions.last_number(conn, workflow_id)

    def add(self, commands: Sequence[Command]) -> list[BatchJob]:
        """Add the jobs that do not exist yet; return the jobs of all commands in their order."""
        known = [self._known.take(command) for command, _ in commands]
        new = [one for one, job in zip(commands, known, strict=True) if job is None]
        ids = iter(self._insert(new) if new else ())
        self._run_again([job for job in known if job is not None])
        jobs = [BatchJob(next(ids)) if job is None else job for job in known]
        self.skipped += sum(job.is_skipped for job in jobs)
        return jobs

    def _run_again(self, known: Sequence[BatchJob]) -> None:
        """Make the jobs ready that have failed, or that were disabled."""
        failed = [job.id for job in known if job.status in RETRYABLE]
        disabled = [job.id for job in known if job.status is JobStatus.DISABLED]
        if failed:
            from torc_tui.operations.rerun_jobs import rerun_jobs  # only resumed batches need it

            rerun_jobs(self.store, failed, alone=True, actor=self.actor)
        if disabled:
            from torc_tui.operations.jobs import enable_jobs

            enable_jobs(self.store, disabled, actor=self.actor)

    def disable_rest(self) -> None:
        """Disable the failed jobs whose commands did not come again, after the whole input."""
        failed = [job.id for job in self._known.rest() if job.status in RETRYABLE]
        if failed:
            from torc_tui.operations.jobs import disable_jobs

            disable_jobs(self.store, failed, actor=self.actor)
            self.disabled = len(failed)

    def unfinished(self) -> int:
        """Return how many jobs of the workflow are left."""
        with self.store.read() as conn:
            return number_of(workflows.counts(conn, self.workflow_id), UNSETTLED)

    def _insert(self, commands: Sequence[Command]) -> Sequence[int]:
        number, now = len(commands), time.time()
        names = [f"job{self._number + place}" for place in range(1, number + 1)]
        values = [dumps(dict(pairs)) if pairs else None for _, pairs in commands]
        with self.store.write() as conn:
            event = ("jobs_created", None, {"jobs": number})
            append(conn, self.workflow_id, [event], at=now, actor=self.actor)
            first = conn.allocate("job", number)
            ids = range(first, first + number)
            conn.insert(
                sql.INSERT_JOBS,
                id=ids,
                workflow_id=self.workflow_id,
                name=names,
                group=[
                    "job{line}" if pairs else name
                    for name, pairs in zip(names, values, strict=True)
                ],
                command=[command for command, _ in commands],
                parameter_values=values,
                status=int(JobStatus.READY),
                priority=0,
                resource_class=self._class,
                cancel_on_blocking_job_failure=True,
                requirement_id=self._requirement,
                failure_handler_id=self._handler,
            )
        self._number += number
        return ids


class _KnownCommands:
    """The jobs of a workflow by command; each job is used once."""

    def __init__(self, store: Store, workflow_id: int) -> None:
        self._jobs: dict[bytes, list[BatchJob]] = defaultdict(list)
        with store.read() as conn:
            rows = conn.rows(sql.COMMANDS_OF_WORKFLOW, workflow_id=workflow_id)
        # Taken from the end of a list: completed jobs before other jobs, by their ids.
        for row in sorted(rows, key=lambda one: (one.status is JobStatus.COMPLETED, -one.id)):
            self._jobs[_digest(row.command)].append(BatchJob(row.id, row.status))

    def take(self, command: str) -> BatchJob | None:
        """Return a job with this command that was not returned yet; None without one."""
        found = self._jobs.get(_digest(command)) if self._jobs else None
        return found.pop() if found else None

    def rest(self) -> Iterator[BatchJob]:
        """Yield the jobs that were not returned."""
        return chain.from_iterable(self._jobs.values())


def _digest(command: str) -> bytes:
    return blake2b(command.encode(), digest_size=16).digest()


def begin(
    store: Store, options: BatchOptions, *, user: str, directory: str, actor: str | None
) -> Batch:
    """Create the workflow of a batch, initialized and without jobs."""
    execution = ExecutionConfig()
    if options.stdio_mode is not None:
        execution = ExecutionConfig(stdio_mode=options.stdio_mode)  # type: ignore[arg-type]  # checked
    spec = WorkflowSpec(
        name=options.name,
        description=options.description,
        resource_requirements=[options.requirements],
        failure_handlers=[_retry_handler(options.retries)] if options.retries else [],
        execution_config=execution,
    )
    plan = Plan(
        spec=spec,
        jobs=(),
        files=(),
        user_data=(),
        requirements=[options.requirements, DEFAULT_REQUIREMENTS],
        file_groups=(),
        user_data_groups=(),
        edges=(),
        gates=(),
    )
    workflow_id = create_workflow(store, plan, user=user, directory=directory, actor=actor)
    initialize(store, workflow_id, actor=actor)
    return Batch(store, workflow_id, options, actor)


def resume(store: Store, options: BatchOptions, *, user: str, actor: str | None) -> Batch | None:
    """Return the newest batch of that name, to continue it; None if there is none.

    Refused while it runs.
    """
    with store.read() as conn:
        rows = conn.rows(sql.WORKFLOWS_OF_NAME, name=options.name)
        own = [row.id for row in rows if row.user == user]
        if not own:
            return None
        workflow = workflows.read_workflow(conn, own[0])
    if active_runners(store, workflow.id):
        raise Refused(
            f"cannot resume workflow {workflow.id} ({workflow.name}): it is running",
            hint=f"`torc wait {workflow.id}` waits for its end",
        )
    _reopen(store, workflow, actor)
    batch = Batch(store, workflow.id, options, actor)
    batch.is_resumed = True
    return batch


def _reopen(store: Store, workflow: Workflow, actor: str | None) -> None:
    """Make a workflow ready for a run with more jobs."""
    if needs_initialization(workflow):
        initialize(store, workflow.id, actor=actor)
    elif workflow.is_canceled:
        with store.write() as conn:
            append(conn, workflow.id, [], at=time.time())
            conn.execute(sql.SET_CANCELED, workflow_id=workflow.id, is_canceled=False)


def _retry_handler(retries: int) -> FailureHandler:
    rule = FailureRule(match_all_exit_codes=True, max_retries=retries)
    return FailureHandler(name=f"retry_{retries}", rules=(rule,))
