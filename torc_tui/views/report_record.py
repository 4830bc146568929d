"""Write a report as one JSON record.

Input: `Report`. Output: plain values. The contents of embedded files are left out: their paths say
where they are. What was not measured is left out of a result.
"""

from __future__ import annotations

from typing import Any

from torc_tui.model import JobUse
from torc_tui.records import fields
from torc_tui.views.report import Report
from torc_tui.views.resource_use import by_group
from torc_tui.wording import failure_line, timestamp, with_timestamps


def record(report: Report) -> dict[str, Any]:
    """Return the record."""
    workflow = report.workflow
    return {
        "workflow_id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "user": workflow.user,
        "directory": workflow.directory,
        "run_id": workflow.run_id,
        "state": str(workflow.state),
        "made_at": timestamp(report.made_at),
        "total_jobs": len(report.jobs),
        "counts": {status.word: number for status, number in workflow.counts.items()},
        "started_at": timestamp(report.span[0]) if report.span else None,
        "ended_at": timestamp(report.span[1]) if report.span else None,
        "cpu_seconds": report.cpu_seconds,
        "failures": _failures(report),
        "timeline": [
            {
                "job_id": one.job_id,
                "compute_node_id": one.node_id,
                **({"gpus": list(one.gpus)} if one.gpus else {}),
                "status": "running" if one.running else one.status.word,
                "started_at": timestamp(one.started_at),
                "ended_at": None if one.running else timestamp(one.ended_at),
            }
            for one in report.attempts
        ],
        "nodes": [{"id": one.id, "hostname": one.hostname} for one in report.nodes],
        "critical_path": [{**step._asdict(), "status": step.status.word} for step in report.path],
        "results": list(map(_result, report.use)),
        "requested_and_used": [
            {**one._asdict(), "resource": one.resource.value, "share": one.share}
            for one in by_group(report.use, report.requirements)
        ],
        "user_data": [
            {
                "name": one.name,
                "version": one.version,
                "versions": [with_timestamps(version._asdict()) for version in one.versions],
            }
            for one in report.data
        ],
        "stale": [one._asdict() for one in report.stale],
        "unknown": report.unknown,
        "files": [
            {
                "name": one.name,
                "path": one.path,
                "caption": one.caption or None,
                "group": one.group or None,
                "note": one.note or None,
            }
            for one in report.files
        ],
    }


def _failures(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "number": group.number,
            "failure": failure_line(*group.signature.key),
            "job_ids": [job.job_id for job in group.jobs],
            "jobs": list(group.names),
            "canceled_job_ids": list(group.canceled),
            "sample": list(group.signature.context),
        }
        for group in report.failures
    ]


def _result(job: JobUse) -> dict[str, Any]:
    used: dict[str, Any] = {}
    if job.attempt is not None:
        used = {one.name: getattr(job.attempt, one.name) for one in fields(job.attempt)}
        used["seconds"] = job.attempt.seconds
        used = {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in used.items()
            if value is not None
        }
    return {
        **with_timestamps(used),
        "job_id": job.id,
        "job_name": job.name,
        "group": job.group,
        "status": job.status.word,
        "parameters": dict(job.parameters),
    }
