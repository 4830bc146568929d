"""Warn of commands that probably do not do what is meant.

Input: a plan without errors. Output: warnings of two kinds: several jobs write one file although
none waits for the other, and an option at the beginning of a line is run as a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torc_tui.errors import Problem
from torc_tui.model import JobSpec, Plan
from torc_tui.plan.dependencies import canonical_path
from torc_tui.plan.edge_reasons import edge_arrays
from torc_tui.plan.names import called
from torc_tui.plan.topology import find_unordered
from torc_tui.quoting import quoted
from torc_tui.shell_text import HIDDEN, plain_text

_REDIRECTION = re.compile(rf"(?<![>&\d-])1?>[ \t]*([\w./-]+)(?![\w./${{*?~\\{HIDDEN}-])")
_CHANGES_DIRECTORY = re.compile(r"(?:^|[\s;&|(])(?:cd|pushd)\s")
_INDENTED_OPTION = re.compile(r"\n[ \t]+--?[A-Za-z]")
_OPTION_LINE = re.compile(r"(?<!\\)\n[ \t]+(--?[A-Za-z][\w-]*)(?![\w-]*[)|])")
_COMPARED_FILES = 10_000
"""Largest number of files whose writers are compared."""


def lint_commands(plan: Plan) -> Iterator[Problem]:
    """Yield the warnings."""
    yield from _shared_outputs(plan)
    yield from _option_lines(plan)


def _warn(
    plan: Plan, message: str, job: JobSpec, kind: str, hint: str, line: int | None = None
) -> Problem:
    source = job.source
    line = source.line_of("command") if line is None else line
    return Problem(message, source.file or plan.spec.file, line, None, "command", hint, kind)


# -- files that several jobs write -----------------------------------------------------------------


def _shared_outputs(plan: Plan) -> Iterator[Problem]:
    for target, jobs in _candidates(plan).items():
        redirecting = [job for job in jobs if target in _targets(plan.jobs[job].spec.command)]
        writers = sorted({*redirecting, *_declared(plan, target)}) if redirecting else []
        pair = _unordered(plan, writers) if len(writers) > 1 else None
        if pair is not None:
            first, second = (plan.jobs[job].spec for job in pair)
            more = f" ({len(writers)} jobs write it)" if len(writers) > 2 else ""
            message = (
                f"jobs {quoted(first.name)} and {quoted(second.name)} write {quoted(target)}"
                f" and do not wait for each other{more}"
            )
            hint = "each overwrites what the other wrote; give each its own file"
            yield _warn(plan, message, second, "shared-output", hint)


def _candidates(plan: Plan) -> dict[str, list[int]]:
    """Return files with the jobs that may write them, without parsing quotes, which is slow."""
    found: dict[str, list[int]] = {}
    for number, job in enumerate(plan.jobs):
        command = job.spec.command
        if ">" in command and len(found) < _COMPARED_FILES:
            for target in set(_REDIRECTION.findall(command)):
                found.setdefault(canonical_path(target), []).append(number)
    paths = {canonical_path(file.path) for file in plan.files}
    return {
        target: jobs
        for target, jobs in found.items()
        if (len(jobs) > 1 or target in paths) and not target.startswith("/dev/")
    }


def _targets(command: str) -> set[str]:
    """Return the files to which a command redirects its output."""
    plain = plain_text(command)
    found = map(canonical_path, _REDIRECTION.findall(plain))
    if _CHANGES_DIRECTORY.search(plain):
        return {target for target in found if target.startswith("/")}
    return set(found)


def _declared(plan: Plan, target: str) -> Iterator[int]:
    """Yield the jobs that declare a file as their output."""
    numbers = {
        number for number, file in enumerate(plan.files) if canonical_path(file.path) == target
    }
    if not numbers:
        return
    groups = {
        group for group, members in enumerate(plan.file_groups) if numbers.intersection(members)
    }
    for number, job in enumerate(plan.jobs):
        if job.output_files in groups:
            yield number


def _unordered(plan: Plan, jobs: list[int]) -> tuple[int, int] | None:
    return find_unordered(len(plan.jobs) + len(plan.gates), *edge_arrays(plan), jobs)


# -- lines that begin with an option ---------------------------------------------------------------


def _option_lines(plan: Plan) -> Iterator[Problem]:
    before: str | None = None
    for job in plan.jobs:
        spec = job.spec
        if (spec.group or spec.name) == before or not _INDENTED_OPTION.search(spec.command):
            continue
        before = spec.group or spec.name
        match = _OPTION_LINE.search(plain_text(spec.command))
        if match is not None:
            message = (
                f"command of job {called(spec)}: the line that begins with {quoted(match[1])}"
                " is a command of its own"
            )
            hint = (
                "end the line before it with \\; in a YAML block that begins with '>',"
                " lines that are indented further are not joined"
            )
            yield _warn(plan, message, spec, "option-line", hint)
