"""Doubts about a plan: what is allowed and probably not meant.

In: a Plan without errors. Out: ``Problem`` records for ``Plan.warnings``. Nothing here stops
anyone; many equal doubts are said once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torc_tui.errors import Problem
from torc_tui.model import NOWHERE, Plan, Source
from torc_tui.plan.ignored_keys import without_effect
from torc_tui.plan.names import listing, nearest

_BRACES = re.compile(r"(?<!\$)\{([A-Za-z_]\w*)(?::[^{}\s]*)?\}")
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
_PROGRAM = re.compile(r"(?:\s-\w*[ce]|\b(?:awk|gawk|mawk|jq|sed|perl)(?:\s+-\S+)*)\s*$")
"""What stands before a program in quotes: its braces are its own."""
_REDIRECT = re.compile(r"(?<![>&\d-])1?>\s*([\w./-]+)")


def lint(plan: Plan) -> list[Problem]:
    """All warnings, in the order of the file."""
    found = [
        *_data(plan),
        *_declarations(plan),
        *_commands(plan),
        *_actions(plan),
        *without_effect(plan),
    ]
    return sorted(found, key=lambda problem: problem.line or 0)


def _warn(
    plan: Plan, message: str, source: Source, key: str | None, kind: str, hint: str | None = None
) -> Problem:
    return Problem(
        message, source.file or plan.spec.file, source.line_of(key), None, key, hint, kind
    )


def _used(groups: Sequence[tuple[int, ...]], numbers: Iterator[int | None]) -> set[int]:
    return {one for number in set(numbers) if number is not None for one in groups[number]}


def _data(plan: Plan) -> Iterator[Problem]:
    read_files = _used(plan.file_groups, (job.input_files for job in plan.jobs))
    written_files = _used(plan.file_groups, (job.output_files for job in plan.jobs))
    touched = read_files | written_files
    unused = [file for number, file in enumerate(plan.files) if number not in touched]
    if unused:
        message = f"no job reads or writes the file {listing(file.name for file in unused)}"
        yield _warn(plan, message, unused[0].source, "name", "unused")
    read = _used(plan.user_data_groups, (job.input_user_data for job in plan.jobs))
    written = _used(plan.user_data_groups, (job.output_user_data for job in plan.jobs))
    touched = read | written
    idle = [one for number, one in enumerate(plan.user_data) if number not in touched]
    if idle:
        message = f"no job reads or writes the user data {listing(one.name for one in idle)}"
        yield _warn(plan, message, idle[0].source, "name", "unused")
    empty = [
        plan.user_data[number]
        for number in sorted(read - written)
        if plan.user_data[number].data is None
    ]
    if empty:
        message = (
            f"nobody writes the user data {listing(one.name for one in empty)}, and it has no value"
        )
        hint = "give it data, or set it with `torc user-data update` before the workflow is initialized"
        yield _warn(plan, message, empty[0].source, "name", "never-written", hint)
    declared = {
        one.name
        for number, one in enumerate(plan.user_data)
        if one.declared and number not in written
    }
    for number, one in enumerate(plan.user_data):
        if not one.declared and declared and number not in read:
            near = nearest(one.name, declared)
            if near is not None:
                message = f"the user data {one.name!r} is declared nowhere and is created because a job writes it"
                yield _warn(
                    plan,
                    message,
                    one.source,
                    "output_user_data",
                    "created",
                    f"did you mean {near!r}?",
                )


def _declarations(plan: Plan) -> Iterator[Problem]:
    spec = plan.spec
    used = {job.requirement for job in plan.jobs}
    for number, one in enumerate(plan.requirements):
        if number not in used and one.source is not NOWHERE and one.name != "default":
            yield _warn(
                plan,
                f"no job uses the resource_requirements {one.name!r}",
                one.source,
                "name",
                "unused",
            )
        if one.num_nodes > 1:
            message = f"resource_requirements {one.name!r} ask for {one.num_nodes} nodes; a local runner has one"
            yield _warn(plan, message, one.source, "num_nodes", "not-local")
    handlers = {job.failure_handler for job in plan.jobs}
    for number, handler in enumerate(spec.failure_handlers):
        if number not in handlers:
            yield _warn(
                plan,
                f"no job uses the failure_handler {handler.name!r}",
                handler.source,
                "name",
                "unused",
            )


def _commands(plan: Plan) -> Iterator[Problem]:
    parameters: set[str] = set()
    before: object = None
    for job in plan.jobs:
        values = job.spec.values
        if values and job.spec.family != before:
            before = job.spec.family
            parameters.update(name for name, _ in values)
    said: set[tuple[str, str]] = set()
    targets: dict[str, list[int]] = {}
    for number, job in enumerate(plan.jobs):
        spec = job.spec
        called = spec.family or spec.name
        if "{" in spec.command or "{" in spec.name:
            for match in (*_BRACES.finditer(spec.name), *_BRACES.finditer(spec.command)):
                word = match.group(1)
                if (called, word) in said:
                    continue
                said.add((called, word))
                own = [name for name, _ in spec.values]
                near = nearest(word, own)
                plain = match.string is spec.name or _plain(
                    spec.command, match.group(), in_texts=bool(own)
                )
                if word in parameters or near is not None or plain:
                    key = "name" if match.string is spec.name else "command"
                    message = f"{match.group()} stays as it is in the {key} of job {called!r}: it has no such parameter"
                    hint = f"did you mean {{{near}}}?" if near else None
                    if own and not near:
                        hint = f"its parameters: {', '.join(own)}"
                    yield _warn(plan, message, spec.source, key, "parameter-left", hint)
        if ">" in spec.command and len(targets) < 10_000:
            for target in set(_REDIRECT.findall(spec.command)):
                if not target.startswith("/dev/"):
                    targets.setdefault(target, []).append(number)
    for file in plan.files:
        if "{" in file.path and (match_ := _BRACES.search(file.path)):
            message = f"{match_.group()} stays as it is in the path of file {file.name!r}: it has no such parameter"
            yield _warn(plan, message, file.source, "path", "parameter-left")
    for target, jobs in targets.items():
        if len(jobs) > 1:
            names = listing((plan.jobs[job].spec.name for job in jobs), 3)
            message = f"several jobs write {target!r} with '>': {names}"
            hint = "each takes away what the other wrote; give each its own file"
            yield _warn(
                plan, message, plan.jobs[jobs[1]].spec.source, "command", "shared-output", hint
            )


def _plain(command: str, text: str, *, in_texts: bool) -> bool:
    """Whether the text stands outside all quotes of a command that holds no other program (no
    here-document); with ``in_texts`` also in double quotes that are not such a program either."""

    def kept(match: re.Match[str]) -> str:
        quoted = match.group()
        program = quoted[0] == "'" or "'" in quoted or _PROGRAM.search(command, 0, match.start())
        return "" if program or not in_texts else quoted

    return "<<" not in command and text in _QUOTED.sub(kept, command)


def _actions(plan: Plan) -> Iterator[Problem]:
    for action, jobs in zip(plan.spec.actions, plan.action_jobs, strict=True):
        what = f"action {action.trigger_type} / {action.action_type}"
        if action.action_type == "schedule_nodes":
            message = f"{what} is stored, but nothing on this machine carries it out"
            yield _warn(
                plan,
                message,
                action.source,
                "action_type",
                "not-local",
                "start runners with `torc run`",
            )
        if action.action_type == "run_commands" and not action.commands:
            yield _warn(plan, f"{what} has no commands", action.source, "commands", "empty")
        if action.trigger_type in ("on_jobs_ready", "on_jobs_complete") and not jobs:
            yield _warn(plan, f"{what} watches no job", action.source, "jobs", "empty")
