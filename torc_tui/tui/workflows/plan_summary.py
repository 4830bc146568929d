"""Summarize a workflow file: its contents and warnings."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from torc_tui.errors import Problem
from torc_tui.model import DEFAULT_REQUIREMENTS, Plan, ResourceRequirements
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.workflows.file_preview import Preview
from torc_tui.wording import count, duration, size

LABEL = 14
"""Cells of a label."""
LISTED = 20
"""Warnings of one kind that are listed."""


def summary(found: Preview, plan: Plan, target: str, width: int) -> list[Line]:
    """Return the lines of the summary; ``target`` is the directory where the jobs would run."""
    spec = plan.spec
    out: list[Line] = [[(sanitize(spec.name), "strong")]]
    if spec.description:
        out += [[(line, "muted")] for line in textwrap.wrap(sanitize(spec.description), width)]
    out.append([])
    out += _contents(plan, width)
    out += _field("runs in", target, width, style="accent")
    out += [[], [("Requirements", "accent bold")]]
    used = Counter(planned.requirement for planned in plan.jobs)
    for index, number in used.most_common(8):
        text = _requested(plan.requirements[index])
        out.append([(f"  {text}", "text"), (f"  × {number:,}", "faint")])
    out += _section(
        "Unschedulable on this machine", [text for text, _ in found.never], "warning", width
    )
    out += _section("Missing input files", list(found.missing), "warning", width)
    out += _section("Warnings", [_warning(one) for one in found.warnings], "text", width)
    return out


def _contents(plan: Plan, width: int) -> list[Line]:
    """Return how many jobs, dependencies, files and records the workflow has."""
    from torc_tui.plan.describe import describe

    spec, entries = plan.spec, plan.spec.entries
    summary: Any = describe(plan, edges=False)["summary"]
    out = _counted("jobs", len(plan.jobs), entries.get("jobs"), width)
    if summary["edge_count"]:
        out += _field("dependencies", f"{summary['edge_count']:,}", width)
    out += _counted("files", len(plan.files), entries.get("files"), width)
    out += _counted("user data", len(plan.user_data), entries.get("user_data"), width)
    if spec.failure_handlers:
        about = "rules for failed jobs"
        out += _field("on failure", str(len(spec.failure_handlers)), width, about)
    if spec.actions:
        out += _field("actions", str(len(spec.actions)), width)
    return out


def _counted(label: str, number: int, entries: int | None, width: int) -> list[Line]:
    before = number if entries is None else entries
    if not number and not before:
        return []
    source = f"from {count(before, 'entry', 'entries')}" if before else "named in commands"
    return _field(label, f"{number:,}", width, source if before != number else "")


def _field(label: str, value: str, width: int, note: str = "", style: str = "text") -> list[Line]:
    room = max(8, width - LABEL)
    parts = [value[at : at + room] for at in range(0, len(value), room)] or [""]
    head: Line = [
        (f"{label:<{LABEL}}", "muted"),
        (parts[0], style),
        (f"  {note}" if note else "", "faint"),
    ]
    return [head, *([(" " * LABEL, ""), (part, style)] for part in parts[1:])]


def _section(title: str, lines: Sequence[str], style: str, width: int) -> list[Line]:
    if not lines:
        return []
    out: list[Line] = [[], [(f"⚠ {title}", "warning bold")]]
    for text in lines[:LISTED]:
        wrapped = textwrap.wrap(sanitize(text), max(12, width - 2)) or [""]
        out += [[("  " + line, style)] for line in wrapped]
    if len(lines) > LISTED:
        out.append([(f"  and {len(lines) - LISTED} more", "faint")])
    return out


def _requested(requirement: ResourceRequirements) -> str:
    if requirement == DEFAULT_REQUIREMENTS:
        return "no requirements (counts as 1 CPU)"
    parts = [count(requirement.num_cpus, "CPU")]
    if requirement.memory is not None:
        parts.append(size(requirement.memory))
    if requirement.num_gpus:
        parts.append(count(requirement.num_gpus, "GPU"))
    if requirement.runtime is not None:
        parts.append(f"up to {duration(requirement.runtime)}")
    return f"{requirement.name}: {' · '.join(parts)}"


def _warning(problem: Problem) -> str:
    place = f"line {problem.line}: " if problem.line is not None else ""
    return place + problem.message + (f" ({problem.hint})" if problem.hint else "")
