"""Collect what is wrong with one file, so that all of it is reported at once.

Input: problems as they are found, in any order. Output: one SpecError with the problems in the
order of the file, bounded in number.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.errors import Problem, SpecError
from torc_tui.quoting import HINT_LENGTH, shorten
from torc_tui.workflow_file.document import MAX_PROBLEMS

_MESSAGE_LENGTH = 400


class FileProblems:
    """The problems of one file."""

    def __init__(self, file: str | None, found: Iterable[Problem] = ()) -> None:
        """Begin with the problems that a reader found."""
        self.file = file
        self.found: list[Problem] = []
        self.dropped = 0
        for problem in found:
            self._keep(problem)

    @property
    def full(self) -> bool:
        """Whether further problems are only counted, so that hints need not be computed."""
        return len(self.found) >= MAX_PROBLEMS

    def add(
        self,
        message: str,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
        kind: str = "invalid",
    ) -> None:
        """Add a problem at a line of the file."""
        shown = shorten(key) if key is not None else None
        message = shorten(message, _MESSAGE_LENGTH)
        hint = shorten(hint, HINT_LENGTH) if hint else None
        self._keep(Problem(message, file=self.file, line=line, key=shown, hint=hint, kind=kind))

    def _keep(self, problem: Problem) -> None:
        if self.full:
            self.dropped += 1
        else:
            self.found.append(problem)

    def raise_if_any(self) -> None:
        """Raise a SpecError where there are problems."""
        if self.found:
            raise self.error()

    def error(self) -> SpecError:
        """Return an error with all problems."""
        ordered = sorted(self.found, key=lambda problem: (problem.line is None, problem.line or 0))
        if self.dropped:
            message = f"and {self.dropped} more errors"
            ordered.append(Problem(message, file=self.file, kind="more"))
        return SpecError(ordered)
