"""Define the records that the log's thread and the app exchange."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.records import dataclass
from torc_tui.tui.logs.merged_log import MergedLine, Place, Stream
from torc_tui.tuples import NamedTuple


class SearchState(NamedTuple):
    """The progress of a search. ``rank`` is the number (from 0) of the current hit, or -1."""

    pattern: str
    rank: int
    total: int
    share: float
    done: bool
    error: str | None = None
    place: Place | None = None


class LineRequest(NamedTuple):
    """A request for lines around ``place``, or for the last ones if it is None."""

    place: Place | None
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class LogWindow:
    """Lines, and the state of the files.

    ``anchor`` is the line that the request was about; ``jumped`` means that the view has to go
    there. ``serial`` is the newest request that the window knows.
    """

    serial: int = 0
    opened: int = 0
    generation: int = 0
    lines: Sequence[MergedLine] = ()
    at_start: bool = True
    at_end: bool = True
    follows: bool = True
    anchor: Place | None = None
    jumped: bool = False
    streams: Sequence[Stream] = ()
    sizes: Sequence[int] = ()
    counts: Sequence[int | None] = ()
    counted: float = 1.0
    gone: Sequence[bool] = ()
    exists: bool = False
    problem: str = ""
    found: SearchState | None = None

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(self.sizes)
