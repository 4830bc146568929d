"""From a workflow file to its plan, with everything that is wrong told at once.

What comes in: a path. What goes out: a Plan, or a SpecError with the problems of reading and of resolving together.
"""

from __future__ import annotations

from pathlib import Path

from torc_tui.errors import SpecError
from torc_tui.model import Plan, WorkflowSpec
from torc_tui.plan.resolve import resolve
from torc_tui.spec.load import load


def load_plan(path: str | Path) -> Plan:
    """The plan of that file; SpecError with all problems, in the order of the file."""
    try:
        spec = load(path)
    except SpecError as error:
        if not isinstance(error.partial, WorkflowSpec):
            raise
        raise _together(error, error.partial) from None
    return resolve(spec)


def _together(error: SpecError, partial: WorkflowSpec) -> SpecError:
    try:
        resolve(partial)
    except SpecError as more:
        problems = [*error.problems, *more.problems]
        return SpecError(sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0)))
    return error
