"""Return the `Plan` of a workflow or a workflow file, or report every error in it at once.

Input: a specification, or the path of a file. Output: a plan with warnings. Only `load_plan` reads
a file, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from torc_tui.collection import collection_paused
from torc_tui.errors import Problem, SpecError
from torc_tui.model import Plan, WorkflowSpec
from torc_tui.plan.lint import lint
from torc_tui.plan.resolver import try_to_resolve
from torc_tui.records import replace
from torc_tui.workflow_file.load import load


def resolve(spec: WorkflowSpec) -> Plan:
    """Return the plan of a workflow; raise SpecError with all errors, by kind where all are one."""
    plan, problems = try_to_resolve(spec)
    problems.raise_if_any()
    return replace(plan, warnings=lint(plan))


def load_plan(path: str | Path, values: Mapping[str, str] | None = None) -> Plan:
    """Return the plan of a file; raise SpecError with all errors in the order of the file.

    ``values`` replace those of variables and parameters.
    """
    with collection_paused():
        try:
            spec = load(path, values)
        except SpecError as error:
            if not isinstance(error.partial, WorkflowSpec):
                raise
            raise _together(error, error.partial) from None
        return resolve(spec)


def _together(error: SpecError, partial: WorkflowSpec) -> SpecError:
    _, more = try_to_resolve(partial)
    twice = any(problem.kind == "duplicate-name" for problem in error.problems)
    own = [
        problem
        for problem, section in more.found()
        if not _follows(problem, section, error.unsure, twice)
    ]
    ordered = sorted(
        [*error.problems, *own], key=lambda problem: (problem.line is None, problem.line or 0)
    )
    return SpecError(ordered)


def _follows(problem: Problem, section: str | None, unsure: Collection[str], twice: bool) -> bool:
    """Return whether an error of resolving may only follow from the errors of reading.

    ``twice``: a name is declared twice, so that it is not known which declaration is meant.
    """
    match problem.kind:
        case "duplicate-name" | "missing-key":
            return True  # the reader reports these too
        case "cycle" | "duplicate-producer" | "input-and-output":
            return twice
    return section is not None and section in unsure
