"""Warn of commands in which an early failure is lost.

Input: a plan without errors. Output: at most one warning, for all jobs.

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

from torc_tui.errors import Problem
from torc_tui.model import JobSpec, Plan
from torc_tui.plan.names import listing
from torc_tui.quoting import quoted
from torc_tui.shell_text import HIDDEN, plain_text

_CHECKED_COMMANDS = 2_000
"""Largest number of commands that are parsed: parsing takes longer than reading the file."""
_POSIX_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh"})
_MAY_HIDE = re.compile(r"[\n;|]")
_COMPOUND = re.compile(
    r"(?:^|[\s;&|(])(?:if|for|while|until|case|select|function|\{|\()(?:\s|$)|\(\)|\("
)
_SEQUENCE = re.compile(r"(?<!\\)[\n;]+")
_PIPE = re.compile(r"(?<!\|)\|&?(?!\|)")
_ERREXIT = re.compile(r"(?:^|[\s;])set\s[^\n;]*(?:-\w*e\w*\b|errexit)")
_ASSIGNMENT = re.compile(rf"\w+(?:\+?=\S*|{HIDDEN}[{HIDDEN}\n]*)\s*")
_HARDLY_FAIL = re.compile(
    r"echo|printf|export|unset|set|shopt|declare|local|readonly|alias|trap|umask|ulimit|sleep|true"
    r"|:|date|hostname|pwd|mkdir|exit|return|wait|module|cd|source|\.|conda|env|id|nproc"
    r"|torc|torc-client"
)
_TEXT_TOOL = re.compile(
    r"cat|[ez]?grep|sed|awk|sort|uniq|head|tail|cut|tr|wc|find|ls|seq|yes|jq|xargs|paste|tee|which"
    r"|ps|df|du|zcat|bc"
)


def lint_failures(plan: Plan) -> Iterator[Problem]:
    """Yield the warning, at the first job with such a command."""
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
        spec, lost = next(iter(found.values()))
        of = "commands of jobs" if len(found) > 1 else "command of job"
        message = f"{of} {listing(found)}: a failure of {quoted(lost)} is lost: only the exit code"
        message += " of the last command counts"
        hint = "`shell: bash -euo pipefail -c` in the workflow or the job makes it a failure"
        source = spec.source
        line = source.line_of("command")
        file = source.file or plan.spec.file
        yield Problem(message, file, line, None, "command", hint, "lost-failure")


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
