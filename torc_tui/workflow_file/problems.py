"""Collects what is wrong with one file, so that all of it can be told at once.

In: problems as they are found, in any order. Out: one SpecError with the problems in the order of
the file, bounded in number. Never done here: finding them.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.errors import Problem, SpecError
from torc_tui.workflow_file.document import SHOWN, clip


class Problems:
    def __init__(self, file: str | None, found: Iterable[Problem] = ()) -> None:
        self.file = file
        self.found: list[Problem] = []
        self.dropped = 0
        for problem in found:
            self._keep(problem)

    @property
    def full(self) -> bool:
        """Nothing more is kept: who must compute for a hint need not."""
        return len(self.found) >= SHOWN

    def add(
        self,
        message: str,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
        kind: str = "invalid",
    ) -> None:
        if self.full:
            self.dropped += 1
            return
        shown = clip(key) if key is not None else None
        self._keep(
            Problem(clip(message, 400), file=self.file, line=line, key=shown, hint=hint, kind=kind)
        )

    def _keep(self, problem: Problem) -> None:
        if self.full:
            self.dropped += 1
        else:
            self.found.append(problem)

    def raise_if_any(self) -> None:
        """SpecError with all that was found; nothing happens where nothing was."""
        if self.found:
            raise self.error()

    def error(self) -> SpecError:
        """All that was found."""
        ordered = sorted(self.found, key=lambda problem: (problem.line is None, problem.line or 0))
        if self.dropped:
            ordered.append(
                Problem(f"and {self.dropped} more problems", file=self.file, kind="more")
            )
        return SpecError(ordered)
