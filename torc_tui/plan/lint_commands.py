"""Warn of commands that probably do not do what is meant.

Input: a plan without errors. Output: warnings of three kinds: several jobs write one file although
none waits for the other, an option at the beginning of a line is run as a command, and an early
failure is lost.

Bash returns the exit code of the last command, and of the last part of a pipe. So ``false; echo
ok`` and ``python x | tee log`` complete. A job with ``shell: bash -euo pipefail -c``, or whose
command sets these options, fails. Compound commands (``if``, ``for``, ``{ …; }``) are not looked
into, and programs that hardly fail (``echo``, ``mkdir``, the text tools in a pipe) do not count.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

from torc_tui.lazy_regex import regex
from torc_tui.model import JobSpec, Plan
from torc_tui.plan.dependencies import canonical_path
from torc_tui.plan.edge_reasons import edge_arrays
from torc_tui.plan.names import PlanProblems, called, listing
from torc_tui.plan.topology import find_unordered
from torc_tui.quoting import quoted
from torc_tui.shell_text import HIDDEN, plain_text

_REDIRECTION = regex(rf"(?<![>&\d-])1?>[ \t]*([\w./-]+)(?![\w./${{*?~\\{HIDDEN}-])")
_CHANGES_DIRECTORY = regex(r"(?:^|[\s;&|(])(?:cd|pushd)\s")
_INDENTED_OPTION = regex(r"\n[ \t]+--?[A-Za-z]")
_OPTION_LINE = regex(r"(?<!\\)\n[ \t]+(--?[A-Za-z][\w-]*)(?![\w-]*[)|])")
_COMPARED_FILES = 10_000
"""Largest number of files whose writers are compared."""


# -- files that several jobs write -----------------------------------------------------------------


def shared_outputs(plan: Plan, warnings: PlanProblems) -> None:
    """Warn of files that several jobs write although none waits for the other."""
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
            warnings.add(message, second.source, "command", "shared-output", hint)


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


def option_lines(plan: Plan, warnings: PlanProblems) -> None:
    """Warn of lines of commands that begin with an option."""
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
            warnings.add(message, spec.source, "command", "option-line", hint)


# -- failures that are lost ------------------------------------------------------------------------


_CHECKED_COMMANDS = 2_000
"""Largest number of commands that are parsed: parsing takes longer than reading the file."""
_POSIX_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh"})
_MAY_HIDE = regex(r"[\n;|]")
_COMPOUND = regex(
    r"(?:^|[\s;&|(])(?:if|for|while|until|case|select|function|\{|\()(?:\s|$)|\(\)|\("
)
_SEQUENCE = regex(r"(?<!\\)[\n;]+")
_PIPE = regex(r"(?<!\|)\|&?(?!\|)")
_ERREXIT = regex(r"(?:^|[\s;])set\s[^\n;]*(?:-\w*e\w*\b|errexit)")
_ASSIGNMENT = regex(rf"\w+(?:\+?=\S*|{HIDDEN}[{HIDDEN}\n]*)\s*")
_HARDLY_FAIL = regex(
    r"echo|printf|export|unset|set|shopt|declare|local|readonly|alias|trap|umask|ulimit|sleep|true"
    r"|:|date|hostname|pwd|mkdir|exit|return|wait|module|cd|source|\.|conda|env|id|nproc"
    r"|torc|torc-client|test|\["
)
_TEXT_TOOL = regex(
    r"cat|[ez]?grep|sed|awk|sort|uniq|head|tail|cut|tr|wc|find|ls|seq|yes|jq|xargs|paste|tee|which"
    r"|ps|df|du|zcat|bc"
)


def lost_failures(plan: Plan, warnings: PlanProblems) -> None:
    """Warn of commands in which an early failure is lost, at the first job with one."""
    found: dict[str, tuple[JobSpec, str]] = {}
    default = plan.spec.settings.get("shell")
    checked = 0
    before: str | None = None
    for job in plan.jobs:
        spec = job.spec
        entry = spec.group or spec.name
        if entry == before or not _MAY_HIDE.search(spec.command):
            continue
        before = entry
        shell = None if spec.invocation_script else spec.options.get("shell", default)
        lost = _lost(spec.command, str(shell or "bash -c"))
        if lost is not None:
            found[entry] = (spec, lost)
        checked += 1
        if checked == _CHECKED_COMMANDS:
            break
    if found:
        spec, _ = next(iter(found.values()))
        commands = list(dict.fromkeys(lost for _, lost in found.values()))
        of = "commands of jobs" if len(found) > 1 else "command of job"
        lost = f"failures of {listing(commands)} are" if len(commands) > 1 else ""
        lost = lost or f"a failure of {quoted(commands[0])} is"
        message = (
            f"{of} {listing(found)}: {lost} lost: only the exit code of the last command counts"
        )
        hint = "`shell: bash -euo pipefail -c` in the workflow or the job makes it a failure"
        warnings.add(message, spec.source, "command", "lost-failure", hint)


def _lost(command: str, shell: str) -> str | None:
    """Return the first command whose failure is lost; None if there is none."""
    words = shlex.split(shell)
    if words[0].rsplit("/", 1)[-1] not in _POSIX_SHELLS:
        return None
    plain = plain_text(command)
    fails_early = any(re.fullmatch(r"-\w*e\w*|errexit", word) for word in words[1:])
    fails_in_pipe = "pipefail" in words or "pipefail" in plain
    if _COMPOUND.search(plain):
        return None
    if not fails_early and not _ERREXIT.search(plain):
        parts = _parts(_SEQUENCE, command, plain)
        for (text, hidden), (_, after) in pairwise(parts):
            handled = "||" in hidden or "$?" in after or after.startswith("-")
            if not handled and _may_fail(hidden):
                return text
    if not fails_in_pipe:
        for text, hidden in _parts(_SEQUENCE, command, plain):
            pipe = _parts(_PIPE, text, hidden)
            for part, shown in pipe[:-1]:
                if "PIPESTATUS" not in plain and _may_fail(shown, in_pipe=True):
                    return part
    return None


def _parts(separator: re.Pattern[str], text: str, plain: str) -> list[tuple[str, str]]:
    """Return the parts between separators that are not empty: as written, and as `plain_text`."""
    found = []
    at = 0
    for match in [*separator.finditer(plain), None]:
        if match and plain[match.start() - 1] == plain[match.end() : match.end() + 1] == HIDDEN:
            continue  # a line break inside quotes
        end = match.start() if match else len(plain)
        if plain[at:end].strip(f" \t\n{HIDDEN}"):
            found.append((text[at:end].strip(), plain[at:end].strip()))
        at = match.end() if match else end
    return found


def _may_fail(plain: str, *, in_pipe: bool = False) -> bool:
    """Return whether a simple command may fail: it is not one of those that hardly do."""
    while match := _ASSIGNMENT.match(plain):
        plain = plain[match.end() :]
    words = plain.split()
    if not words or words[0].startswith(("#", HIDDEN, ">")):
        return False
    harmless = _HARDLY_FAIL.fullmatch(words[0]) or (in_pipe and _TEXT_TOOL.fullmatch(words[0]))
    return not harmless
