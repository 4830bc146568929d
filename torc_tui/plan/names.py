"""Names that something should have, the nearest one that exists, and the list of everything that is
wrong.

In: names as users wrote them. Out: ``Problem`` records, and the one SpecError that carries them.
Nothing is resolved here.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from torc_tui.errors import DependencyCycle, DuplicateProducer, Problem, SpecError, UnknownName
from torc_tui.model import Source

_OF_KIND: dict[str, type[SpecError]] = {
    "unknown-name": UnknownName,
    "cycle": DependencyCycle,
    "duplicate-producer": DuplicateProducer,
}
_MANY = 2_000
_HINTS = 20


def nearest(name: str, names: Collection[str]) -> str | None:
    """The name most like this one, if any is near. Among many names only those that begin or end
    alike are compared."""
    if len(names) > _MANY:
        ends = (name[:3], name[-3:])
        alike = [
            other
            for other in names
            if abs(len(other) - len(name)) <= 3 and (other[:3], other[-3:]) == ends
        ]
        if not alike:
            alike = [
                other
                for other in names
                if abs(len(other) - len(name)) <= 2 and other[:3] == ends[0]
            ]
        names = alike[:_MANY]
    found = difflib.get_close_matches(name, names, 1, 0.6)
    return found[0] if found else None


class Problems:
    """Collects problems; ``stop`` raises them all at once."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._all: list[Problem] = []
        self._near: dict[tuple[int, str], str | None] = {}

    def add(
        self,
        message: str,
        source: Source,
        key: str | None,
        *,
        kind: str = "invalid",
        hint: str | None = None,
    ) -> None:
        """One thing that is wrong with the entry at ``source``, at the line of ``key``."""
        file = source.file or self._file
        self._all.append(Problem(message, file, source.line_of(key), None, key, hint, kind))

    def unknown(
        self,
        message: str,
        name: str,
        names: Collection[str],
        source: Source,
        key: str | None,
        hint: str | None = None,
    ) -> None:
        """A name that nothing declares, with the nearest one (looked for only as often as a person
        can use it)."""
        asked = (id(names), name)
        if asked not in self._near:
            self._near[asked] = nearest(name, names) if len(self._near) < _HINTS else None
        near = self._near[asked]
        if near is not None:
            hint = f"did you mean {near!r}?"
        self.add(message, source, key, kind="unknown-name", hint=hint)

    def stop(self) -> None:
        """Raise everything found, in the order of the file; by its own class when all of it is of
        one kind."""
        if not self._all:
            return
        unique = sorted(dict.fromkeys(self._all), key=lambda problem: problem.line or 0)
        kinds = {problem.kind for problem in unique}
        error = _OF_KIND.get(kinds.pop(), SpecError) if len(kinds) == 1 else SpecError
        raise error(unique)


def listing(names: Iterable[str], limit: int = 5) -> str:
    """``'a', 'b' and 3 more``."""
    every = list(names)
    shown = ", ".join(map(repr, every[:limit]))
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown
