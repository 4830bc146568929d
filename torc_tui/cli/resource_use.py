"""Compare what jobs requested with what they used, and correct the requirements.

Input: a workflow. Output: a table of what was exceeded or changed, or JSON with the keys of
upstream and some more.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.columns import CORRECTIONS, OVERUSE
from torc_tui.cli.diagnostics import note
from torc_tui.cli.job_filters import named_jobs
from torc_tui.errors import UsageError
from torc_tui.lifecycle.failure_classes import out_of_memory, timed_out
from torc_tui.model import JobUse, ResourceRequirements
from torc_tui.status import JobStatus
from torc_tui.store.job_use import WorkflowUse, workflow_use
from torc_tui.units import format_duration, format_memory
from torc_tui.views.resource_correction import USUAL, Adjustment, Rules
from torc_tui.views.resource_use import RequestComparison, Resource, comparisons
from torc_tui.wording import count, listed, size

_DEFAULT_EXCESS = 1.0
_NAMED = 20
"""Jobs that were stopped at a limit and are named."""

Record = dict[str, Any]


def check(call: Call) -> None:
    """Print which jobs used more than they requested."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    use = workflow_use(call.store, workflow_id, options.run_id)
    ended = [job for job in use.jobs if job.attempt is not None]
    judged = [job for job in ended if options.include_failed or _succeeded(job)]
    least = options.min_over_utilization
    least = _DEFAULT_EXCESS if least is None else least
    compared = list(comparisons(judged, use.requirements))
    over = [one for one in compared if one.exceeds(least)]
    within = [one for one in compared if not one.exceeds(least)] if options.all else []
    record: Record = {
        "workflow_id": workflow_id,
        "run_id": options.run_id,
        "total_results": len(judged),
        "over_utilization_count": len(over),
        "violations": list(map(_violation, over)),
    }
    if options.all:
        record["within_limits"] = list(map(_violation, within))
    if options.include_failed:
        found = _diagnoses(use, judged, over)
        record |= {"resource_violations_count": len(found), "resource_violations": found}
    if call.json:
        output.json_value(record)
        return
    _print(record, len(ended) - len(judged))


def _succeeded(job: JobUse) -> bool:
    return job.attempt is not None and job.attempt.status is JobStatus.COMPLETED


def _print(record: Record, left_out: int) -> None:
    jobs = count(record["total_results"], "job")
    violations = record["violations"]
    if violations:
        exceeded = len({one["job_id"] for one in violations})
        output.line(f"{exceeded} of {jobs} used more than requested")
    elif record["total_results"]:
        output.line(f"no job of {record['total_results']} used more than it requested")
    else:
        output.line("no job has ended yet")
    output.table(OVERUSE, violations)
    for line in _stopped(record):
        output.line(line)
    if record.get("within_limits"):
        output.line("Within the request:")
        output.table(OVERUSE, record["within_limits"])
    if violations or record.get("resource_violations"):
        note(f"`torc workflows correct-resources {record['workflow_id']}` corrects the requests")
    if left_out:
        unsuccessful = count(left_out, "job that did not succeed", "jobs that did not succeed")
        note(f"{unsuccessful} left out; --include-failed includes them")


def _stopped(record: Record) -> list[str]:
    """Return the jobs that were stopped at a limit, so that their figures do not exceed it."""
    named = {(one["job_id"], one["resource_type"]) for one in record["violations"]}
    late, killed = [], []
    for one in record.get("resource_violations", ()):
        if one["likely_timeout"] and (one["job_id"], Resource.RUNTIME) not in named:
            late.append(one["job_name"])
        if one["memory_violation"] and (one["job_id"], Resource.MEMORY) not in named:
            killed.append(one["job_name"])
    problems = [f"ran out of time: {listed(late, _NAMED)}"] if late else []
    return [*problems, f"ran out of memory: {listed(killed, _NAMED)}"] if killed else problems


def _violation(one: RequestComparison) -> Record:
    return {
        "job_id": one.job.id,
        "job_name": one.job.name,
        "resource_type": one.resource.value,
        "specified": one.words(one.requested),
        "peak_used": one.words(one.used),
        "over_utilization": f"{one.excess:+.1f}%",
    }


def _diagnoses(
    use: WorkflowUse, judged: list[JobUse], over: list[RequestComparison]
) -> list[Record]:
    """Return the jobs that exceeded something or failed for it, as upstream describes them."""
    exceeded: dict[int, dict[Resource, RequestComparison]] = {}
    for one in over:
        exceeded.setdefault(one.job.id, {})[one.resource] = one
    found = []
    for job in judged:
        requested, attempt = use.requirements.get(job.requirement_id), job.attempt
        if requested is None or attempt is None:
            continue
        own = exceeded.get(job.id, {})
        memory = out_of_memory(attempt, requested) if not _succeeded(job) else None
        late = timed_out(attempt, requested)
        if own or memory or late:
            found.append(_diagnosis(job, requested, own, memory, late))
    return found


def _diagnosis(
    job: JobUse,
    requested: ResourceRequirements,
    own: dict[Resource, RequestComparison],
    memory: str | None,
    late: str | None,
) -> Record:
    attempt = job.attempt
    assert attempt is not None
    peak, over = attempt.peak_memory, own.get(Resource.MEMORY)
    share = attempt.seconds / requested.runtime * 100 if requested.runtime else None
    return {
        "job_id": job.id,
        "job_name": job.name,
        "return_code": attempt.return_code,
        "exec_time_minutes": attempt.seconds / 60,
        "configured_memory": requested.memory and format_memory(requested.memory),
        "configured_runtime": requested.runtime and format_duration(requested.runtime),
        "configured_cpus": requested.num_cpus,
        "peak_memory_bytes": peak,
        "peak_memory_formatted": None if peak is None else size(peak),
        "memory_violation": bool(over or memory),
        "oom_reason": memory or ("memory_exceeded" if over else None),
        "memory_over_utilization": f"{over.excess:+.1f}%" if over else None,
        "likely_timeout": late is not None,
        "timeout_reason": late,
        "runtime_utilization": None if share is None else f"{share:.1f}%",
        "likely_cpu_violation": Resource.CPU in own,
        "peak_cpu_percent": attempt.peak_cpu_percent,
        "likely_runtime_violation": Resource.RUNTIME in own,
    }


# -- correction ------------------------------------------------------------------------------------


def correct(call: Call) -> None:
    """Change the requirements of a workflow to what its jobs need, and print the changes."""
    from torc_tui.operations.resource_correction import correct_resources

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    rules = Rules(
        options.memory_multiplier or USUAL.memory,
        options.cpu_multiplier or USUAL.cpu,
        options.runtime_multiplier or USUAL.runtime,
        only=frozenset(_job_ids(call, workflow_id)),
        downsize=not options.no_downsize,
        split=options.split,
    )
    done = correct_resources(
        call.store, workflow_id, rules, dry_run=options.dry_run, actor=call.actor
    )
    record: Record = {
        "status": "success",
        "workflow_id": workflow_id,
        "dry_run": options.dry_run,
        "no_downsize": options.no_downsize,
        "memory_multiplier": rules.memory,
        "cpu_multiplier": rules.cpu,
        "runtime_multiplier": rules.runtime,
        "resource_requirements_updated": len(done.adjustments),
        "jobs_analyzed": done.exceeding,
        **_numbers(done.adjustments),
        "adjustments": list(map(_adjustment, done.adjustments)),
    }
    if call.json:
        output.json_value(record)
        return
    if not done.adjustments:
        output.line("no corrections needed: the requests fit what the jobs used")
        return
    verb = "would change" if options.dry_run else "changed"
    output.line(f"{count(len(done.adjustments), 'entry', 'entries')} {verb}")
    output.table(CORRECTIONS, [row for one in done.adjustments for row in _rows(one)])


def _job_ids(call: Call, workflow_id: int) -> list[int]:
    given = [word for text in call.options.job_ids or () for word in text.split(",") if word]
    found = named_jobs(call, given, str(workflow_id))
    if call.options.job_ids and not found:
        raise UsageError("--job-ids names no job")
    return found


_FIELDS = {"memory": "memory", "runtime": "runtime", "cpu": "num_cpus"}


def _numbers(adjustments: list[Adjustment]) -> Record:
    """Return by how many jobs each resource was corrected, up and down."""
    found: Record = {}
    for prefix, upscale in (("", True), ("downsize_", False)):
        for word, field in _FIELDS.items():
            chosen = [one for one in adjustments if one.upscale is upscale and one.changed(field)]
            found[f"{prefix}{word}_corrections"] = sum(len(one.jobs) for one in chosen)
    return found


def _adjustment(one: Adjustment) -> Record:
    before, after = one.before, one.after
    record: Record = {
        "resource_requirements_id": one.requirement_id,
        "resource_requirements_name": before.name,
        "direction": "upscale" if one.upscale else "downscale",
        "job_ids": [job.id for job in one.jobs],
        "job_names": [job.name for job in one.jobs],
        "jobs_affected": len(one.members),
        "own_entry": one.is_own,
        "memory_adjusted": one.changed("memory"),
        "max_peak_memory_bytes": one.peak_memory,
        "runtime_adjusted": one.changed("runtime"),
        "cpu_adjusted": one.changed("num_cpus"),
        "max_peak_cpu_percent": one.peak_cpu_percent,
    }
    if one.changed("memory"):
        record |= {"original_memory": _memory(before), "new_memory": _memory(after)}
    if one.changed("runtime"):
        record |= {"original_runtime": _runtime(before), "new_runtime": _runtime(after)}
    if one.changed("num_cpus"):
        record |= {"original_cpus": before.num_cpus, "new_cpus": after.num_cpus}
    return record


def _rows(one: Adjustment) -> list[Record]:
    """Return a row of the table for each value that changes."""
    names = listed(job.name for job in one.jobs)
    return [
        {
            "name": one.before.name,
            "resource": word.capitalize() if word != "cpu" else "CPUs",
            "before": _shown(one.before, field),
            "after": _shown(one.after, field),
            "jobs": len(one.members),
            "because": names,
        }
        for word, field in _FIELDS.items()
        if one.changed(field)
    ]


def _shown(entry: ResourceRequirements, field: str) -> str | None:
    if field == "num_cpus":
        return str(entry.num_cpus)
    return _memory(entry) if field == "memory" else _runtime(entry)


def _memory(entry: ResourceRequirements) -> str | None:
    return None if entry.memory is None else format_memory(entry.memory)


def _runtime(entry: ResourceRequirements) -> str | None:
    return None if entry.runtime is None else format_duration(entry.runtime)
