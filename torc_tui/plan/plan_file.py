"""From a workflow file to its plan, with everything that is wrong told at once.

What comes in: a path. What goes out: a Plan, or a SpecError with the problems of reading and of
resolving together.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from torc_tui.errors import Problem, SpecError
from torc_tui.model import Plan, WorkflowSpec
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import load


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
        twice = any(problem.kind == "duplicate-name" for problem in error.problems)
        problems = [
            *error.problems,
            *(one for one in more.problems if _of_its_own(one, error.unsure, twice)),
        ]
        return SpecError(
            sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))
        )
    return error


_SECTION_OF = {
    "depends_on": "jobs",
    "depends_on_regexes": "jobs",
    "jobs": "jobs",
    "job_name_regexes": "jobs",
    "input_files": "files",
    "output_files": "files",
    "input_file_regexes": "files",
    "output_file_regexes": "files",
    "resource_requirements": "resource_requirements",
    "failure_handler": "failure_handlers",
    "scheduler": "slurm_schedulers",
}
"""Where the names of a key are declared; user data, unless it is said here."""


def _of_its_own(problem: Problem, unsure: Collection[str], twice: bool) -> bool:
    """Whether a problem of resolving would be there without those of reading too. ``twice``: a name
    is declared twice, and nobody knows which of the two is meant."""
    match problem.kind:
        case "duplicate-name" | "missing-key":
            return False  # told already
        case "cycle" | "duplicate-producer" | "input-and-output":
            return not twice
        case "unknown-name" | "no-match":
            section = _SECTION_OF.get(problem.key or "", "user_data")
            if _READS_FILE.match(problem.message):
                section = "files"
            return section not in unsure
        case "invalid-reference":
            return "user_data" not in unsure or "is known only when" not in problem.message
    return True


_READS_FILE = re.compile(r"job '.*?' (?:reads|writes) the file '")
