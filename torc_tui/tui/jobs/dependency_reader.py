"""Ask the database what jobs wait for: names instead of numbers in the reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torc_tui.errors import NotFound
from torc_tui.model import Job
from torc_tui.status import JobStatus
from torc_tui.tui.feed.reader import Reader
from torc_tui.tui.feed.source import Source
from torc_tui.tui.jobs.job_reasons import Dependency
from torc_tui.tui.jobs.workflow_model import ASKED_AT_ONCE, WorkflowModel

Found = Mapping[int, Sequence[Dependency]]


class DependencyReader:
    """Asks for one workflow; ``then`` gets the ids of the jobs whose reasons are known now."""

    def __init__(self, model: WorkflowModel, then: Callable[[set[int]], None]) -> None:
        self._model = model
        self._then = then

    def ask_visible(self, reader: Reader) -> None:
        """Ask for the jobs on screen whose dependencies are not known."""
        wanted = self._model.unexplained()
        if wanted:
            reader.ask("facts", lambda source: read_dependencies(source, wanted), self._learn)

    def ask_chain(self, reader: Reader, job: Job) -> None:
        """Ask for the dependencies of a job, and for what those wait for."""
        reader.ask(
            "chain",
            lambda source: read_dependencies(source, [job.id], follow=True),
            self._learn,
        )

    def _learn(self, found: Found) -> None:
        self._model.rows.reasons.learn(found)
        self._then(set(found))


def read_dependencies(source: Source, wanted: Sequence[int], *, follow: bool = False) -> Found:
    """Return what jobs wait for; with ``follow`` also what those wait for, up to a limit.

    Called in the reader thread.
    """
    from torc_tui.store import relations

    found: dict[int, Sequence[Dependency]] = {}
    queue = list(wanted)
    while queue and len(found) < ASKED_AT_ONCE:
        key = queue.pop(0)
        if key in found:
            continue
        try:
            found[key] = relations.dependencies(source.store, key)
        except NotFound:
            continue
        if follow:
            queue += [one.job_id for one in found[key] if one.status is not JobStatus.COMPLETED]
    return found
