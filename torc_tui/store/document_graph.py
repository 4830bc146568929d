"""Read the edges of an exported workflow, which names its entries by id.

Input: the document. Output: edges and gates, with the places of jobs in the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torc_tui.errors import UsageError
from torc_tui.model import EdgeKind, Gate, Json
from torc_tui.store.document_entries import (
    ANY_WHOLE,
    HINT,
    Check,
    DocumentEntry,
    entries_of,
    listed,
)
from torc_tui.workflow_file.values import InvalidValue, string


class Places:
    """The entries of each list of the document, and their places by id."""

    def __init__(self, document: Mapping[str, Json]) -> None:
        names = ["files", "user_data", "jobs", "resource_requirements", "failure_handlers", "gates"]
        self.lists = {name: entries_of(document, name) for name in names}
        self.by_id = {name: _by_id(found) for name, found in self.lists.items()}

    def of(self, name: str) -> Check:
        """Return a check that takes an id and returns the place of that entry."""

        def check(value: Any) -> int:
            place = self.by_id[name].get(ANY_WHOLE(value))
            if place is None:
                raise InvalidValue(f"is {value}, which {name} does not contain")
            return place

        return check

    def all_of(self, name: str) -> Check:
        """Return a check that takes a list of ids and returns the places, each once."""
        one = self.of(name)

        def check(value: Any) -> tuple[int, ...]:
            return tuple(dict.fromkeys(one(item) for item in listed(value)))

        return check


def _by_id(entries: Sequence[DocumentEntry]) -> dict[int, int]:
    """Return the place of each entry that has an id; UsageError for an id of two entries."""
    found: dict[int, int] = {}
    for i, entry in enumerate(entries):
        number = entry.get("id", ANY_WHOLE, None)
        if number in found:
            raise entry.error("id", f"is {number}, like that of {entries[found[number]].place}")
        if number is not None:
            found[number] = i
    return found


Edges = list[tuple[int, int, int, int | None]]


def read_graph(document: Mapping[str, Json], places: Places) -> tuple[Edges, list[Gate]]:
    """Return the edges and gates of the document, by place."""
    found: dict[tuple[int, int], tuple[int, int, int, int | None]] = {}
    gates = places.lists["gates"]
    members: list[dict[int, None]] = [{} for _ in gates]
    waiting: list[dict[int, None]] = [{} for _ in gates]
    kinds: dict[int, tuple[EdgeKind, int | None]] = {}
    job, gate_of = places.of("jobs"), places.of("gates")
    for waiter, on, kind, via in _dependencies(document, places):
        if waiter < 0:
            gate = gate_of(-waiter)
            members[gate][job(on)] = None
            kinds[gate] = (kind, via)
        elif on < 0:
            gate = gate_of(-on)
            waiting[gate][job(waiter)] = None
        else:
            found[job(waiter), job(on)] = (job(waiter), job(on), kind, via)
    made = []
    for i, entry in enumerate(gates):
        kind, via = kinds.get(i, (EdgeKind.REGEX, None))
        pattern = entry.get("via", string, None)
        made.append(
            Gate(tuple(members[i]), tuple(waiting[i]), kind, pattern if via is None else via)
        )
    return list(found.values()), made


def _dependencies(
    document: Mapping[str, Json], places: Places
) -> Iterator[tuple[int, int, EdgeKind, int | None]]:
    """Yield (waits, waits for, kind, place of the file or record), with ids of jobs and gates."""
    if document.get("dependencies") is None:
        for entry in places.lists["jobs"]:
            entry.get("depends_on_job_ids", places.all_of("jobs"), ())
            for on in entry.values.get("depends_on_job_ids") or ():
                yield entry.get("id", ANY_WHOLE), on, EdgeKind.EXPLICIT, None
        return
    edges = document["dependencies"]
    for i, edge in enumerate(edges if isinstance(edges, list) else [edges]):
        try:
            yield _dependency(edge, places)
        except InvalidValue as wrong:
            words = f"this is not an exported workflow: dependencies[{i}] {wrong.message}"
            raise UsageError(words, hint=HINT) from None


def _dependency(edge: Any, places: Places) -> tuple[int, int, EdgeKind, int | None]:
    if not isinstance(edge, list) or len(edge) != 4:
        raise InvalidValue("must be [job, depends on, kind, via]")
    waiter, on, number = (ANY_WHOLE(one) for one in edge[:3])
    if number not in list(EdgeKind):
        raise InvalidValue(f"has the unknown kind {number}")
    for one in (waiter, on):
        places.of("jobs" if one >= 0 else "gates")(abs(one))
    if waiter < 0 and on < 0:
        raise InvalidValue("connects two gates")
    kind = EdgeKind(number)
    if edge[3] is None or kind not in (EdgeKind.FILE, EdgeKind.USER_DATA):
        return waiter, on, kind, None
    return waiter, on, kind, places.of("files" if kind is EdgeKind.FILE else "user_data")(edge[3])
