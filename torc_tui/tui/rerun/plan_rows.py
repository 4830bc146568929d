"""The rows of the rerun plan: the jobs that would run, and those of which that is not known.

No Textual, no I/O. Keys are ids of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.lifecycle.rerun_plan import JobVerdict, Verdict
from torc_tui.tui.look.status_icons import Sign
from torc_tui.tui.widgets.table_model import Cell, Column, Key
from torc_tui.wording import duration, sentence

LONGEST = 30
"""Cells of a name that have room of their own."""
SIGNS = {
    "run": Sign("▶", "runs", "accent"),
    "maybe": Sign("◌", "runs if its inputs change", "muted"),
    "unknown": Sign("–", "unknown, kept", "warning"),
}
"""What becomes of a job in a rerun."""


def sign_of(verdict: JobVerdict) -> Sign:
    """Return what becomes of a job that is in the list."""
    if verdict.verdict is Verdict.UNKNOWN:
        return SIGNS["unknown"]
    return SIGNS["run" if verdict.certain else "maybe"]


class PlanRows:
    """See the module."""

    def __init__(self) -> None:
        self.columns = _columns(8)
        self.verdicts: Mapping[int, JobVerdict] = {}
        self.seconds: Mapping[int, float] = {}

    def set(self, verdicts: Mapping[int, JobVerdict], seconds: Mapping[int, float]) -> None:
        """Show these verdicts in their order."""
        self.verdicts = verdicts
        self.seconds = seconds
        longest = max((len(one.name) for one in verdicts.values()), default=0)
        self.columns = _columns(max(8, min(longest, LONGEST) + 2))

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        """Return the jobs in order."""
        found = list(self.verdicts)
        if sort == "job":
            found.sort(key=lambda key: self.verdicts[key].name)
        elif sort == "why":
            found.sort(key=lambda key: _why(self.verdicts[key]))
        elif sort == "time":
            found.sort(key=lambda key: self.seconds.get(key, -1.0))
        return found[::-1] if reverse else found

    def cells(self, key: Key, columns: Sequence[Column], widths: Sequence[int]) -> Sequence[Cell]:
        """Return the cells of a job."""
        verdict = self.verdicts[key]  # type: ignore[index]  # keys are ids
        return [self._cell(verdict, column.key) for column in columns]

    def _cell(self, verdict: JobVerdict, column: str) -> Cell:
        if column == "job":
            sign = sign_of(verdict)
            return [(f"{sign.sign} ", sign.style), (verdict.name, "text")]
        if column == "why":
            return (_why(verdict), "muted")
        took = self.seconds.get(verdict.id)
        return ("" if took is None else duration(took), "faint")


def _columns(width: int) -> Sequence[Column]:
    return (
        Column("job", "job", width, minimum=min(12, width), importance=0),
        Column("why", "why", 34, minimum=14, importance=1, grow=1),
        Column("time", "time", 11, importance=2, align="right"),
    )


def _why(verdict: JobVerdict) -> str:
    return "; ".join(sentence(reason) for reason in verdict.reasons)
