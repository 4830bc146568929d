"""``torc why JOB``: the chain of reasons from a job down to where it starts.

What comes in: a job. What goes out: a small tree of sentences. The facts are gathered here from the store; what they
mean is said by ``views.why``, and what fits where by ``resources``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.errors import NotFound
from torc_tui.model import COMPLETE, Allocation, Gpu, GpuGrant, Job, JobStatus, Machine, Workflow
from torc_tui.resources.explain import explain as shortfalls_of
from torc_tui.resources.explain import never as never_of
from torc_tui.resources.pool import Pool
from torc_tui.store import records, workflows
from torc_tui.store.database import Store
from torc_tui.views import why as views


def why(call: Call) -> None:
    job_id = call.job_id(call.options.job, call.options.workflow)
    facts = FactFinder(call.store, int(records.get_job(call.store, job_id)["workflow_id"]))
    reason = views.explain(job_id, facts.of)
    if call.json:
        output.json_value({"job_id": job_id, **_as_json(reason)})
        return
    for line in views.lines(reason, plain=not output.unicode()):
        output.line(line)


class FactFinder:
    """Gathers what ``views.why`` wants to know about the jobs of one workflow, each thing once."""

    def __init__(self, store: Store, workflow_id: int) -> None:
        self.store = store
        self.workflow: Workflow = workflows.get_workflow(store, workflow_id)
        self.now = time.time()
        nodes = [node for node in records.list_compute_nodes(store, workflow_id) if node["is_active"]]
        self.runners = len(nodes)
        self.machine = _machine_of(nodes[0]) if nodes else None
        with store.read() as conn:
            self.requirements = workflows.read_requirements(conn, workflow_id)
        self._pool: Pool | None = None

    def of(self, job_id: int) -> views.Facts | None:
        """The facts about a job; None when it is gone."""
        try:
            record = records.get_job(self.store, job_id)
        except NotFound:
            return None
        job = job_of(record)
        blockers = []
        if job.status in (JobStatus.BLOCKED, JobStatus.CANCELED):
            blockers = [self._blocker(found) for found in records.dependencies(self.store, job_id)]
            done = JobStatus.COMPLETED
            blockers = [blocker for blocker in blockers if blocker.status is not done]
        short: Sequence[str] = ()
        never: Sequence[str] = ()
        if job.status is JobStatus.READY:
            short, never = self._resources(record)
        return views.Facts(
            job=job,
            now=self.now,
            blockers=blockers,
            shortfalls=short,
            never=never,
            paused=self.workflow.is_paused,
            canceled=self.workflow.is_canceled,
            runners=self.runners if job.status in (JobStatus.READY, JobStatus.BLOCKED) else None,
            missing_inputs=self._missing(job_id) if job.status in (JobStatus.READY, JobStatus.FAILED) else (),
        )

    def _blocker(self, found: records.Dependency) -> views.Blocker:
        code = reason = None
        if found.status in COMPLETE and found.status is not JobStatus.COMPLETED:
            record = records.get_job(self.store, found.job_id)
            code, reason = record["return_code"], record["reason"]
        return views.Blocker(found.job_id, found.name, found.status, found.kind, found.via, code, reason)

    def _resources(self, record: dict[str, Any]) -> tuple[list[str], list[str]]:
        """What is missing now, and what can never be had, on the runner's machine (or this one, without a runner)."""
        wanted = self.requirements[record["resource_requirements_id"]]
        if self.machine is None:
            from torc_tui.resources.detect import detect_machine

            self.machine = detect_machine()
        lacking = [shortfall.text for shortfall in never_of(wanted, self.machine)]
        if lacking:
            return [], lacking
        if not self.runners:
            return [], []
        if self._pool is None:
            self._pool = Pool(self.machine, self._held())
        return [shortfall.text for shortfall in shortfalls_of(wanted, self._pool)], []

    def _held(self) -> list[Allocation]:
        found = []
        for status in (JobStatus.PENDING, JobStatus.RUNNING):
            for job in records.list_jobs(self.store, self.workflow.id, status=status):
                if job["allocation"]:
                    cpus, memory, gpus = job["allocation"]
                    found.append(Allocation(cpus, memory, tuple(GpuGrant(*grant) for grant in gpus)))
        return found

    def _missing(self, job_id: int) -> list[str]:
        folder = Path(self.workflow.directory)
        files = records.job_io(self.store, job_id).input_files
        return [file["name"] for file in files if not (folder / file["path"]).exists()]


def job_of(record: dict[str, Any]) -> Job:
    """The row of a job from its record."""
    return Job(
        id=record["id"],
        name=record["name"],
        status=JobStatus.from_word(record["status"]),
        family=record["family"],
        priority=record["priority"],
        held=record["held"],
        attempt_id=record["attempt_id"],
        requirement_id=record["resource_requirements_id"],
        compute_node_id=record["compute_node_id"],
        started_at=record["started_at"],
        ended_at=record["ended_at"],
        return_code=record["return_code"],
        reason=record["reason"],
        not_before=record["not_before"],
    )


def _machine_of(node: dict[str, Any]) -> Machine:
    gpus = tuple(
        Gpu(uuid=gpu["uuid"], index=gpu["index"], name=gpu["name"], memory=gpu["memory"], virtual=gpu["virtual"])
        for gpu in node["gpus"]
    )
    return Machine(hostname=node["hostname"], num_cpus=node["num_cpus"], memory=node["memory_bytes"], gpus=gpus)


def _as_json(reason: views.Reason) -> dict[str, Any]:
    return {
        "text": reason.text,
        "job_id": reason.job_id,
        "status": None if reason.status is None else reason.status.word,
        "reasons": [_as_json(child) for child in reason.children],
    }
