"""The filter of the jobs: applied while it is typed, completed, and what is wrong said beside
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torc_tui.status import JobStatus
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.workflows.workflow_state import WorkflowState

if TYPE_CHECKING:
    from torc_tui.views.job_filter import Context


class FilteredJobs(WorkflowState):
    """The part of the screen that filters."""

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        if self._apply_filter(event.text):
            self.table.reload()

    def on_filter_line_left(self) -> None:
        self.torc.state.set("jobs.filters", [*self.query_one(FilterLine).history])
        self.table.focus()

    def _apply_filter(self, text: str) -> bool:
        """Take that filter; False, and what is wrong is said, when it cannot be understood."""
        from torc_tui.views.job_filter import KEYS, Context, FilterError, compile_filter

        rows, view = self.rows, self.view
        line = self.query_one(FilterLine)
        if rows is None or view is None:
            return False
        everything = self.torc.keymap.key("filter-clear")
        self.table.empty = f"no job matches: {everything} shows all" if text.strip() else "no jobs"
        if not text.strip():
            rows.filter(None)
            line.say(())
            return True
        graph = self.graph
        context = Context(requirements=view.requirements, now=self.now, why=rows.why)
        if graph is not None:
            context.after, context.before = graph.after, graph.before
        key = _begun(text)
        try:
            test = compile_filter(text, context)
        except FilterError as error:
            if error.column <= len(text.rstrip()):
                line.say([(f" {error.message} ", "error")])
                return False
            line.say([(f" {error.hint} ", "warning")])
            return self._apply_head(text, context)
        # A word that nothing is called may become a key: it is no name yet.
        if not rows.filter(test, unless_empty=key is not None) and key is not None:
            line.say([(f" {key}: {KEYS[key][1]} ", "warning")])
            return self._apply_head(text, context)
        self._say_shown()
        return True

    def _apply_head(self, text: str, context: Context) -> bool:
        """Filter by what stands before the last word, which is not finished; as before where that
        says nothing."""
        from torc_tui.views.job_filter import FilterError, compile_filter

        head = text[: _last_word(text)].rstrip(" (")
        assert self.rows is not None
        try:
            self.rows.filter(compile_filter(head, context) if head else None)
        except FilterError:
            return False
        return True

    def _say_shown(self) -> None:
        """How many rows the filter lets through, where there is one."""
        rows, view = self.rows, self.view
        if rows is not None and view is not None and rows.test is not None:
            self.query_one(FilterLine).say([(f" {rows.shown} of {len(view.jobs)} ", "muted")])

    def _complete(self, text: str) -> Sequence[str]:
        from torc_tui.views.job_filter import KEYS

        start = _last_word(text)
        word = text[start:].lstrip("-")
        head = text[: len(text) - len(word)]
        if not word:
            return []
        if word.startswith("status:"):
            done, comma, last = word.rpartition(",")
            prefix = done + comma if comma else "status:"
            last = last if comma else word[len("status:") :]
            return [
                head + prefix + status.word for status in JobStatus if status.word.startswith(last)
            ]
        found = [head + key + ":" for key in KEYS if key.startswith(word) and key != word]
        if not found and self.view is not None:
            families = (
                {job.family for job in self.view.jobs.values()}
                if len(self.view.jobs) < 5000
                else set()
            )
            found = [
                head + name
                for name in sorted(families)
                if name.startswith(word) and " " not in name
            ]
        return found


def _begun(text: str) -> str | None:
    """The key that the last word of the filter may become."""
    from torc_tui.views.job_filter import KEYS

    word = text[_last_word(text) :].lstrip("-").lower()
    return next((key for key in KEYS if word and key.startswith(word)), None)


def _last_word(text: str) -> int:
    """Where the last word begins."""
    return max(text.rfind(" "), text.rfind("(")) + 1
