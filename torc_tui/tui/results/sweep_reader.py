"""Keep the sweep of the chosen job group up to date.

Input: the jobs of the screen, and events. Output: the sweep, and calls when values were read: of
all jobs, or of the changed ones. The reader thread reads them; statuses need no reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from torc_tui.model import Event, Json
from torc_tui.tui.feed.reader import ReadError
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.views.sweep import Sweep, SweepValues
from torc_tui.views.workflow_view import WorkflowView

MANY = 5000
"""Jobs whose values take so long to read that others would wait."""
GROUPS_KEPT = 50
"""Job groups whose columns are remembered."""
_FIGURES = "sweep.figures"
Changed = Callable[[Set[int] | None], None]
"""Gets the jobs whose values were read; None: all, and perhaps other figures."""


class SweepReader:
    """The job groups with parameters, and the one that is shown."""

    def __init__(self, pane: Pane, host: WorkflowHost, changed: Changed) -> None:
        self._pane = pane
        self._host = host
        self._changed = changed
        self.view: WorkflowView | None = None
        self._unread: set[int] | None = None
        """Jobs to read; None: all."""
        self.is_reading = False
        self._has_failed = False
        self.sweeps: list[Sweep] = []
        self.sweep: Sweep | None = None

    def load(self) -> bool:
        """Take the groups of the workflow; return whether they were loaded anew."""
        view = self._host.view
        if view is None or view is self.view:
            return False
        self.view = view
        groups = self._host.model.rows.groups.by_name.values()
        before = None if self.sweep is None else self.sweep.name
        self.sweeps = [
            Sweep(group.name, group.jobs, view.jobs)
            for group in groups
            if view.jobs[group.jobs[0]].values
        ]
        largest = max(self.sweeps, key=lambda sweep: len(sweep.ids), default=None)
        self.sweep = next((one for one in self.sweeps if one.name == before), largest)
        self._read_anew()
        return True

    def choose(self, name: str) -> None:
        """Show another group."""
        self.sweep = next((one for one in self.sweeps if one.name == name), self.sweep)
        self._read_anew()

    def _read_anew(self) -> None:
        self._unread, self.is_reading, self._has_failed = None, False, False

    def show_figures(self, figures: Sequence[str]) -> None:
        """Show these figures as columns, and remember them for the group."""
        sweep = self.sweep
        if sweep is None:
            return
        sweep.figures = list(figures)
        nothing: dict[str, Json] = {}
        known = dict(self._pane.torc.state.get(_FIGURES, nothing))
        known.pop(sweep.name, None)
        kept = dict(list(known.items())[-GROUPS_KEPT + 1 :])
        self._pane.torc.state.set(_FIGURES, {**kept, sweep.name: [*figures]})
        self._read_anew()
        self.request()

    def _chosen(self, sweep: Sweep) -> list[str] | None:
        """Return the figures that the user chose for a group."""
        nothing: dict[str, Json] = {}
        found = self._pane.torc.state.get(_FIGURES, nothing).get(sweep.name)
        if not isinstance(found, list):
            return None
        return [path for path in found if isinstance(path, str)]

    def note(self, changed: Set[int], events: Sequence[Event]) -> None:
        """Note which jobs are to be read after these events."""
        self._has_failed = False
        if self._unread is None:
            return
        self._unread |= changed
        for event in events:
            if event.kind == "user_data_updated" and event.job_id is None:
                self._unread = None  # a person wrote: which jobs write the record is not known
                return
            if event.kind == "user_data_updated" and event.job_id is not None:
                self._unread.add(event.job_id)

    def request(self) -> None:
        """Read what has changed, unless an answer is still to come."""
        sweep, unread = self.sweep, self._unread
        if sweep is None or self.is_reading or self._has_failed or unread == set():
            return
        ids = sweep.ids if unread is None else sorted(unread.intersection(sweep.ids))
        self._unread = set()
        if not ids:
            return
        self.is_reading = True
        # Until figures were found or chosen, every reading looks for them.
        chosen = self._chosen(sweep)
        figures = chosen if chosen is not None else (sweep.figures or None)

        def read(source: FeedReader) -> SweepValues:
            from torc_tui.operations.sweep import read_values

            return read_values(source.store, ids, figures)

        def take(values: SweepValues) -> None:
            self._take(sweep, values, None if unread is None else set(ids))

        self._pane.ask("sweep", read, take, self._refuse, slow=len(ids) > MANY)

    def _refuse(self, error: ReadError) -> None:
        """Show why nothing was read; all is read after the next event."""
        self._read_anew()
        self._has_failed = True
        self._pane.torc.show_error(error)

    def _take(self, sweep: Sweep, values: SweepValues, ids: set[int] | None) -> None:
        if sweep is not self.sweep:
            return
        self.is_reading = False
        if ids is not None and list(values.figures) != sweep.figures:
            ids = self._unread = None  # the first figures appeared: look them up in all records
            sweep.figures = list(values.figures)
            self.request()
            return
        sweep.learn(values, all_read=ids is None)
        self._changed(ids)
