"""Define the records that the threads pass to the app through one deque.

All records except `Answer` are plain data. An answer carries its receiver.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from torc_tui.model import Event, Workflow
from torc_tui.records import dataclass


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot of one workflow; ``Changes`` with the same turn follow it.

    ``contents`` is what the feed thread has built of it for the screen.
    """

    turn: int
    contents: object


@dataclass(frozen=True, slots=True)
class Changes:
    """New events of the followed workflow."""

    turn: int
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Listed:
    """All workflows."""

    turn: int
    workflows: Sequence[Workflow]


@dataclass(frozen=True, slots=True)
class Gone:
    """The followed workflow does not exist, or was deleted."""

    turn: int
    workflow_id: int
    message: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The database cannot be read; ``message`` says why."""

    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """The database can be read again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question of `Reader.ask`; ``deliver`` passes it to the receiver."""

    key: Hashable
    deliver: Callable[[], None]


Handover = Loaded | Changes | Listed | Gone | Lost | Found | Answer
