"""The rows of the rerun plan: the jobs that would run, and undecided ones.

No Textual, no I/O. Keys are ids of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.lifecycle.rerun_plan import JobVerdict, RerunDecision
from torc_tui.tui.look.status_icons import Sign
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.wording import elapsed_in_column, sentence

LONGEST = 30
"""Cells of a name that have room of their own."""
SIGNS = {
    "run": Sign("▶", "runs", "accent"),
    "maybe": Sign("◌", "runs if its inputs change", "muted"),
    "unknown": Sign("–", "unknown, kept", "warning"),
}
"""The icons of jobs in a rerun."""


def sign_of(verdict: JobVerdict) -> Sign:
    """Return the icon of a listed job."""
    if verdict.verdict is RerunDecision.UNKNOWN:
        return SIGNS["unknown"]
    return SIGNS["run" if verdict.certain else "maybe"]


class PlanRows(ListRows):
    """The rows of one plan."""

    def __init__(self) -> None:
        super().__init__(_columns(8), self._verdict_cell, self._verdict_value)
        self.seconds: Mapping[int, float] = {}

    def set(self, verdicts: Mapping[int, JobVerdict], seconds: Mapping[int, float]) -> None:
        """Show these verdicts in their order."""
        self.records = dict(verdicts.items())
        self.seconds = seconds
        longest = max((len(one.name) for one in verdicts.values()), default=0)
        self.columns = _columns(max(8, min(longest, LONGEST) + 2))

    def _verdict_value(self, verdict: JobVerdict, column: str) -> str | float:
        if column == "time":
            return self.seconds.get(verdict.id, -1.0)
        return verdict.name if column == "job" else _why(verdict)

    def _verdict_cell(self, verdict: JobVerdict, column: str, width: int) -> Cell:
        if column == "job":
            sign = sign_of(verdict)
            return [(f"{sign.sign} ", sign.style), (verdict.name, "text")]
        if column == "why":
            return (_why(verdict), "muted")
        took = self.seconds.get(verdict.id)
        return ("" if took is None else elapsed_in_column(took), "faint")


def _columns(width: int) -> Sequence[TableColumn]:
    return (
        TableColumn("job", "job", width, minimum=min(12, width), importance=0),
        TableColumn("why", "why", 34, minimum=14, importance=1, grow=1),
        TableColumn("time", "time", 11, importance=2, align="right"),
    )


def _why(verdict: JobVerdict) -> str:
    return "; ".join(sentence(reason) for reason in verdict.reasons)
