"""Find what a plan lacks here and now: input files, values of user data, resources.

Input: a plan, the directory in which its jobs will run, the machine. Output: what is missing, and
warnings. `workflows.initialize` applies the same rules to a workflow.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torc_tui.errors import Problem
from torc_tui.model import NOWHERE, FileSpec, Machine, Plan, Source, UserDataSpec
from torc_tui.plan.names import listing
from torc_tui.quoting import quoted, shorten
from torc_tui.resources.explain import never
from torc_tui.wording import sentence

_SHOWN = 5


def missing_files(plan: Plan, folder: str) -> list[FileSpec]:
    """The files that jobs read, that no job writes, and that are not there."""
    groups = plan.file_groups
    read = {
        one
        for group in {job.input_files for job in plan.jobs}
        if group is not None
        for one in groups[group]
    }
    written = {
        one
        for group in {job.output_files for job in plan.jobs}
        if group is not None
        for one in groups[group]
    }
    files = [plan.files[number] for number in sorted(read - written)]
    return [file for file in files if not os.path.lexists(Path(folder, file.path))]


def missing_user_data(plan: Plan) -> list[UserDataSpec]:
    """The records that jobs read, that no job writes, and that have no value."""
    groups = plan.user_data_groups
    read = {
        one
        for group in {job.input_user_data for job in plan.jobs}
        if group is not None
        for one in groups[group]
    }
    written = {
        one
        for group in {job.output_user_data for job in plan.jobs}
        if group is not None
        for one in groups[group]
    }
    records = [plan.user_data[number] for number in sorted(read - written)]
    return [record for record in records if record.data is None]


def doubts(plan: Plan, folder: str, machine: Machine) -> list[Problem]:
    """Warnings about what could not run in this folder, on this machine, as it is now."""
    found = []
    missing = missing_files(plan, folder)
    if missing:
        shown = ", ".join(
            f"{quoted(file.name)} ({shorten(file.path)})" for file in missing[:_SHOWN]
        )
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        message = f"jobs read what is not there and no job writes: {shown}{more}"
        found.append(_warning(plan, message, missing[0].source, "path", "missing-file"))
    return [*found, *_never(plan, machine)]


def _never(plan: Plan, machine: Machine) -> list[Problem]:
    asking: dict[int, list[str]] = {}
    sources: dict[int, Source] = {}
    for job in plan.jobs:
        asking.setdefault(job.requirement, []).append(job.spec.name)
        sources.setdefault(job.requirement, job.spec.source)
    found = []
    for number, names in asking.items():
        request = plan.requirements[number]
        lacks = "; ".join(sentence(shortfall.reason) for shortfall in never(request, machine))
        if lacks:
            jobs = (
                f"job {quoted(names[0])}"
                if len(names) == 1
                else f"{len(names)} jobs ({listing(names, 3)})"
            )
            message = f"{jobs} can never run on this machine: {lacks}"
            source = sources[number] if request.source is NOWHERE else request.source
            found.append(_warning(plan, message, source, "name", "never-here"))
    return found


def _warning(plan: Plan, message: str, source: Source, key: str, kind: str) -> Problem:
    return Problem(
        message, source.file or plan.spec.file, source.line_of(key), None, key, None, kind
    )


def shown(missing: Sequence[FileSpec], folder: str) -> str:
    """Missing files, a line each, the first twenty of them."""
    lines = [f"  {file.name}: {Path(folder, file.path)}" for file in missing[:20]]
    return "\n".join(lines) + (f"\n  and {len(missing) - 20} more" if len(missing) > 20 else "")
