"""Collect the errors of a plan, and suggest names for those that are not declared.

Input: names as users wrote them. Output: `Problem` records, and the SpecError that carries them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torc_tui.errors import DependencyCycle, DuplicateProducer, Problem, SpecError, UnknownName
from torc_tui.model import JobSpec, SourceLocation
from torc_tui.quoting import HINT_LENGTH, nearest, quoted, shorten
from torc_tui.wording import listed

_OF_KIND: dict[str, type[SpecError]] = {
    "unknown-name": UnknownName,
    "cycle": DependencyCycle,
    "duplicate-producer": DuplicateProducer,
}
_HINTS = 20
"""Largest number of nearest names that are searched: nobody reads more hints."""


def called(job: JobSpec) -> str:
    """Return the quoted name of the entry of a job: its jobs share their errors."""
    return quoted(job.group or job.name)


def listing(names: Iterable[str], limit: int = 5) -> str:
    """Return quoted names as a list: ``'a', 'b' and 3 more``."""
    every = list(names)
    return listed(map(quoted, every[:limit]), limit, more=len(every) - len(every[:limit]))


class PlanProblems:
    """The errors of one plan; ``file`` is the file of entries that do not know theirs."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._found: dict[Problem, str | None] = {}
        self._near: dict[tuple[int, str], str | None] = {}

    def add(
        self,
        message: str,
        source: SourceLocation,
        key: str | None,
        kind: str = "invalid",
        hint: str | None = None,
        *,
        section: str | None = None,
    ) -> None:
        """Add an error of the entry at ``source``, at the line of ``key``.

        ``section`` is the section of the file in which something may be missing.
        """
        file = source.file or self._file
        hint = shorten(hint, HINT_LENGTH) if hint else None
        problem = Problem(message, file, source.line_of(key), None, key, hint, kind)
        self._found.setdefault(problem, section)

    def unknown(
        self,
        message: str,
        name: str,
        names: Collection[str],
        source: SourceLocation,
        key: str | None,
        *,
        section: str,
        hint: str | None = None,
    ) -> None:
        """Add the error for a name that nothing declares, with the nearest name."""
        asked = (id(names), name)
        if asked not in self._near:
            self._near[asked] = nearest(name, names) if len(self._near) < _HINTS else None
        near = self._near[asked]
        if near is not None:
            hint = f"did you mean {quoted(near)}?"
        self.add(message, source, key, kind="unknown-name", hint=hint, section=section)

    def found(self) -> list[tuple[Problem, str | None]]:
        """Return the errors in the order of the file, each with its section."""
        return sorted(self._found.items(), key=lambda item: item[0].line or 0)

    def raise_if_any(self) -> None:
        """Raise all errors at once, as their own class if all are of one kind."""
        problems = [problem for problem, _ in self.found()]
        if not problems:
            return
        kinds = {problem.kind for problem in problems}
        error = _OF_KIND.get(kinds.pop(), SpecError) if len(kinds) == 1 else SpecError
        raise error(problems)


def key_of(job: JobSpec, key: str, message: str) -> str:
    """Return a message about a key of a job."""
    return f"{shorten(key)} of job {called(job)}: {message}"
