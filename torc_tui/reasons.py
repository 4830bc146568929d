"""Represent as data why a job waits, ended, was canceled, was retried or is worth a warning.

A `Reason` has a kind and the arguments of that kind. Rows, results and events store reasons as
compact JSON, and decisions compare kinds. `torc_tui.wording` is the only module that turns a
reason into a sentence.

Invariants
* `reason_kinds` names every kind and its arguments; a reason with any other cannot be made.
* `decode` never fails. A text from a database that stored sentences becomes `Kind.TEXT`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Union

from torc_tui.reason_kinds import ABOUT_ALLOCATIONS as ABOUT_ALLOCATIONS
from torc_tui.reason_kinds import Kind as Kind
from torc_tui.records import dataclass

Argument = Union[str, int, float, bool, None, "Reason", tuple["Argument", ...]]
"""A value of a reason: hashable, and equal to itself after a round trip through JSON."""

BY_USER = frozenset({Kind.CANCELED_BY_USER, Kind.TERMINATED_BY_USER, Kind.WORKFLOW_DELETED})
"""A user ended the job; it did not end because of another job."""
ON_REQUEST = BY_USER | {Kind.RUNNER_STOPPED, Kind.TIME_LIMIT}
"""The job was stopped by a user or with its runner; it did not fail."""


HOLDS = frozenset({Kind.HELD, Kind.CANARY, Kind.CANARY_FAILED})
"""Why a job is held."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A kind and its arguments, sorted by name. Make one with `because`."""

    kind: Kind
    arguments: tuple[tuple[str, Argument], ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return the argument of that name; None when it was left out."""
        for key, value in self.arguments:
            if key == name:
                return value
        if name not in self.kind.arguments:
            raise KeyError(name)
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the reason as a JSON object, for the data of an event."""
        return {"kind": self.kind.value, **{name: _plain(value) for name, value in self.arguments}}

    def encode(self) -> str:
        """Return the reason as compact JSON text, for a column of the database."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))


def because(kind: Kind, **arguments: Argument) -> Reason:
    """Return the reason of that kind; raise TypeError for an argument that the kind has not."""
    if not arguments.keys() <= kind.arguments:
        unknown = ", ".join(sorted(arguments.keys() - kind.arguments))
        raise TypeError(f"a reason of kind {kind} has no argument {unknown}")
    given = [(name, value) for name, value in arguments.items() if value is not None]
    return Reason(kind, tuple(sorted(given)) if len(given) > 1 else tuple(given))


def decode(stored: object) -> Reason | None:
    """Return the reason that a column or the data of an event holds; None for nothing."""
    if isinstance(stored, str):
        return _decode_text(stored) if stored else None
    if isinstance(stored, Mapping):
        return _from_json(stored) or because(Kind.TEXT, text=json.dumps(stored, default=str))
    return None


@lru_cache(maxsize=4096)
def _decode_text(stored: str) -> Reason:
    """Return the reason of a text; the jobs of a wave of cancellations share few texts."""
    if stored.startswith("{"):
        try:
            found = _from_json(json.loads(stored))
        except ValueError:
            found = None
        if found is not None:
            return found
    return because(Kind.TEXT, text=stored)


def _from_json(value: Any) -> Reason | None:
    """Return the reason of a JSON object; None when it is not one that this version knows."""
    try:
        kind = Kind(value["kind"])
        return because(kind, **{k: _frozen(v) for k, v in value.items() if k != "kind"})
    except (KeyError, TypeError, ValueError):
        return None


def _frozen(value: Any) -> Argument:
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, Mapping):
        return decode(value)
    return value  # type: ignore[no-any-return]  # JSON has no other types


def _plain(value: Argument) -> Any:
    if isinstance(value, Reason):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


MAY_BE_KEPT = because(Kind.MAY_BE_KEPT).encode()
"""The reason of jobs that were reset only because they follow others, as a column has it."""
