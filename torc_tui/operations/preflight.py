"""Find what a plan lacks here and now: input files, values of user data, resources.

Input: a plan, the directory in which its jobs will run, the machine. Output: what is missing, and
warnings. `workflows.initialize` applies the same rules to a workflow.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from torc_tui.errors import Problem
from torc_tui.model import NOWHERE, FileSpec, Machine, Plan, SourceLocation, UserDataSpec
from torc_tui.operations.missing_scripts import missing_scripts
from torc_tui.plan.names import listing
from torc_tui.quoting import quoted, shorten
from torc_tui.resources.explain import never
from torc_tui.wording import count, listed, sentence


def missing_files(plan: Plan, folder: str) -> list[FileSpec]:
    """Return the files that jobs read, that no job writes and that do not exist."""
    read = {job.input_files for job in plan.jobs}
    written = {job.output_files for job in plan.jobs}
    files = [plan.files[number] for number in _required(plan.file_groups, read, written)]
    return [file for file in files if not os.path.lexists(Path(folder, file.path))]


def missing_user_data(plan: Plan) -> list[UserDataSpec]:
    """Return the records that jobs read, that no job writes and that have no value."""
    read = {job.input_user_data for job in plan.jobs}
    written = {job.output_user_data for job in plan.jobs}
    records = [plan.user_data[one] for one in _required(plan.user_data_groups, read, written)]
    return [record for record in records if record.data is None]


def _required(
    groups: Sequence[Sequence[int]], read: Iterable[int | None], written: Iterable[int | None]
) -> list[int]:
    """Return the members of groups that are read and not written."""

    def members(numbers: Iterable[int | None]) -> set[int]:
        return {one for number in numbers if number is not None for one in groups[number]}

    return sorted(members(read) - members(written))


def local_warnings(plan: Plan, folder: str, machine: Machine) -> list[Problem]:
    """Return warnings about what cannot run in this folder, on this machine."""
    found = []
    missing = missing_files(plan, folder)
    if missing:
        names = (f"{quoted(file.name)} ({shorten(file.path)})" for file in missing)
        message = f"files that jobs read do not exist and no job writes them: {listed(names, 5)}"
        found.append(_warning(plan, message, missing[0].source, "path", "missing-file"))
    return [*found, *_missing_scripts(plan, folder), *_never(plan, machine)]


def _missing_scripts(plan: Plan, folder: str) -> list[Problem]:
    found = []
    for script, jobs in missing_scripts(plan, folder).items():
        one = len(jobs) == 1
        who = f"job {quoted(jobs[0].name)} runs" if one else f"{count(len(jobs), 'job')} run"
        more = "" if one else f" ({listing((job.name for job in jobs), 3)})"
        message = f"{who} {quoted(script)}, which does not exist in {quoted(folder, 200)}{more}"
        found.append(_warning(plan, message, jobs[0].source, "command", "missing-script"))
    return found


def _never(plan: Plan, machine: Machine) -> list[Problem]:
    requesting: dict[int, list[str]] = {}
    sources: dict[int, SourceLocation] = {}
    for job in plan.jobs:
        requesting.setdefault(job.requirement, []).append(job.spec.name)
        sources.setdefault(job.requirement, job.spec.source)
    found = []
    for number, names in requesting.items():
        request = plan.requirements[number]
        lacks = "; ".join(sentence(shortfall.reason) for shortfall in never(request, machine))
        if lacks:
            jobs, verb = f"{count(len(names), 'job')} ({listing(names, 3)})", "are"
            if len(names) == 1:
                jobs, verb = f"job {quoted(names[0])}", "is"
            message = f"{jobs} {verb} unschedulable on this machine: {lacks}"
            source = sources[number] if request.source is NOWHERE else request.source
            found.append(_warning(plan, message, source, "name", "never-here"))
    return found


def _warning(plan: Plan, message: str, source: SourceLocation, key: str, kind: str) -> Problem:
    return Problem(
        message, source.file or plan.spec.file, source.line_of(key), None, key, None, kind
    )
