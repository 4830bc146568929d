"""Apply and complete the filter of the job table while typing, with errors beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.model import Job
from torc_tui.status import HELD, NOT_STARTED, TROUBLED, JobStatus
from torc_tui.tui.jobs.job_arranger import ArrangeAsker, JobArranger
from torc_tui.tui.jobs.job_order import Test
from torc_tui.tui.jobs.job_table import JobTable
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.filter_line import FilterLine

if TYPE_CHECKING:
    from torc_tui.views.graph_model import JobGraph
    from torc_tui.views.job_filter import Context

PLACEHOLDER = "words · status:failed · cpus>4 · lr:0.1 · name~regex · exit:137 · after:job"
STATES: Mapping[str, frozenset[JobStatus]] = {
    "status:failed,terminated": TROUBLED,
    "status:running,pending": HELD,
    "status:waiting": NOT_STARTED,
}
"""The filters that one key cycles through, and the statuses that each shows."""
_NEEDS_GRAPH = re.compile(r"\b(after|before):")
_GPU = re.compile(r"\bgpu:")
COMPLETED_UP_TO = 5000
"""Jobs up to which the names of groups are completed."""


class FilterController:
    """Connects the filter line to the job rows.

    ``show_all_key`` returns the key that ends the filter, ``ask_graph`` has the dependencies read,
    ``gpus_of`` returns the GPUs that a job holds, ``ask`` asks the reader thread.
    """

    def __init__(
        self,
        model: WorkflowModel,
        table: JobTable,
        show_all_key: Callable[[], str],
        ask_graph: Callable[[Callable[[JobGraph], None]], None],
        gpus_of: Callable[[Job], Sequence[str]],
        ask: ArrangeAsker,
    ) -> None:
        self._model = model
        self.arranger = JobArranger(model, table, ask)
        self._table = table
        self._show_all_key = show_all_key
        self._ask_graph = ask_graph
        self._gpus_of = gpus_of
        self.line = FilterLine(self._complete, placeholder=PLACEHOLDER)
        self.graph: JobGraph | None = None
        """The edges, for ``after:`` and ``before:``; None until they are known."""

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "filter": self.line.begin,
            "filter-clear": self.line.clear,
            "filter-next": self.show_next_state,
        }

    def show_next_state(self) -> None:
        """Show only failed, running or waiting jobs, then all jobs."""
        counts = self._model.view.count
        here = [text for text, statuses in STATES.items() if counts(*statuses)]
        texts = [*here, ""]
        now = self.line.text.strip()
        self.line.write(texts[(texts.index(now) + 1) % len(texts)] if now in texts else texts[0])

    def show_state(self, word: str) -> None:
        """Filter to the jobs of a count in the header."""
        self.line.write(next(text for text in STATES if text.startswith(f"status:{word}")))

    def narrow(self, text: str) -> None:
        """Add a text to the filter."""
        now = self.line.text.strip()
        self.line.write(f"{now} {text}" if now and text not in now else text)

    def changed(self, text: str) -> None:
        """Filter by a text; if it is invalid, show the error.

        Rows follow at once, or after the reader thread has filtered many jobs.
        """
        self._apply(text)

    def reapply(self) -> None:
        """Apply the filter and the order to reloaded rows."""
        self.graph = None
        if not (self.line.text and self._apply(self.line.text)):
            self.arranger.restart()

    def machine_read(self) -> None:
        """Reapply a filter by GPUs after a reading of the machine."""
        if _GPU.search(self.line.text):
            self._apply(self.line.text)

    def _take_graph(self, graph: JobGraph) -> None:
        self.graph = graph
        self.changed(self.line.text)

    def show_all(self) -> None:
        """Remove the filter at once."""
        self.line.clear()
        self._model.rows.filter(None)
        self._table.reload()

    def _apply(self, text: str) -> bool:
        """Filter by a text; return whether it is valid."""
        from torc_tui.views.filter_tokens import FilterError
        from torc_tui.views.job_filter import compile_filter

        line = self.line
        filtered = f"no job matches; {self._show_all_key()} shows all"
        self._table.empty = filtered if text.strip() else "no jobs"
        if not text.strip():
            line.show(())
            self.arranger.filter(None)
            return True
        if self.graph is None and _NEEDS_GRAPH.search(text):
            line.show([(" loading the dependencies … ", "muted")])
            self._ask_graph(self._take_graph)
            return False
        context = self._context()
        try:
            test = compile_filter(text, context)
        except FilterError as error:
            if error.column <= len(text.rstrip()):
                line.show([(f" {error.message} ", "error")])
                return False
            line.show([(f" {error.hint} ", "warning")])
            return self._apply_head(text, context)
        self._filter(text, test, context)
        return True

    def _filter(self, text: str, test: Test, context: Context) -> None:
        """Show the jobs that pass a test.

        A word that matches nothing may be the beginning of a key.
        """
        from torc_tui.views.filter_tokens import KEYS

        key = _begun(text)

        def then(applied: bool) -> None:
            if applied:
                self.show_count()
            elif key is not None:
                self.line.show([(f" {key}: {KEYS[key][1]} ", "warning")])
                self._apply_head(text, context)

        self.arranger.filter(test, then, unless_empty=key is not None)

    def _context(self) -> Context:
        from torc_tui.views.job_filter import Context

        model, graph = self._model, self.graph
        context = Context(
            requirements=model.view.requirements,
            parameters=model.rows.parameters,
            now=model.now,
            why=model.rows.reasons.why,
            gpus=self._gpus_of,
        )
        if graph is not None:
            context.after, context.before = graph.after, graph.before
        return context

    def _apply_head(self, text: str, context: Context) -> bool:
        """Filter by the text before the unfinished last word."""
        from torc_tui.views.filter_tokens import FilterError
        from torc_tui.views.job_filter import compile_filter

        head = text[: _last_word(text)].rstrip(" (")
        try:
            self.arranger.filter(compile_filter(head, context) if head else None)
        except FilterError:
            return False
        return True

    def show_count(self) -> None:
        """Show how many jobs match the filter."""
        rows = self._model.rows
        if rows.matching is not None:
            self.line.show([(f" {rows.shown} of {len(rows.view.jobs)} ", "muted")])

    # -- completions -------------------------------------------------------------------------------

    def _complete(self, text: str) -> Sequence[str]:
        from torc_tui.views.filter_tokens import KEYS

        word = text[_last_word(text) :].lstrip("-")
        head = text[: len(text) - len(word)]
        if not word:
            return []
        if word.startswith("status:"):
            return [head + found for found in _statuses(word)]
        keys = (*KEYS, *self._model.rows.parameters)
        found = [head + key + ":" for key in keys if key.startswith(word) and key != word]
        return found or [head + name for name in self._names(word)]

    def _names(self, word: str) -> Sequence[str]:
        jobs = self._model.view.jobs
        if len(jobs) >= COMPLETED_UP_TO:
            return []
        names = {job.group for job in jobs.values()}
        return [name for name in sorted(names) if name.startswith(word) and " " not in name]


def _statuses(word: str) -> list[str]:
    done, comma, last = word.rpartition(",")
    prefix = done + comma if comma else "status:"
    last = last if comma else word[len("status:") :]
    return [prefix + status.word for status in JobStatus if status.word.startswith(last)]


def _begun(text: str) -> str | None:
    """Return the key that begins with the last word of a filter."""
    from torc_tui.views.filter_tokens import KEYS

    word = text[_last_word(text) :].lstrip("-").lower()
    return next((key for key in KEYS if word and key.startswith(word)), None)


def _last_word(text: str) -> int:
    """Return where the last word begins."""
    return max(text.rfind(" "), text.rfind("(")) + 1
