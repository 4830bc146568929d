"""The pieces of a merged log: parts of its files, in the order in which they were written. Pure.

Invariants: the place of a piece in the list never changes. When there are too many pieces, those of
the older half are replaced by one per file.
"""

from __future__ import annotations

from torc_tui.records import dataclass

AS_IT_CAME = "from here on in order of arrival"
BY_FILE = "earlier lines, one log after the other"
PIECES = 20_000
"""Largest number of pieces; beyond it, the older half is ordered by file."""


@dataclass(slots=True)
class Piece:
    """``start`` to ``end`` of one file; ``base`` is the number of bytes in earlier pieces."""

    stream: int
    start: int
    end: int
    base: int = 0
    heading: str = ""


NO_PIECE = Piece(-1, 0, 0)
"""In place of a piece whose lines belong to another one now."""


class PieceList(list[Piece]):
    """The pieces of one log."""

    def __init__(self) -> None:
        super().__init__()
        self._filled = 0

    def add(self, piece: Piece) -> None:
        """Add a piece at the end."""
        if self:
            last = self[-1]
            piece.base = last.base + last.end - last.start
        self.append(piece)
        self._filled += 1
        if self._filled > PIECES:
            self._order_older_half()

    def _order_older_half(self) -> None:
        filled = [at for at, piece in enumerate(self) if piece is not NO_PIECE]
        older = filled[: len(filled) // 2]
        whole: dict[int, Piece] = {}
        for at in older:
            piece, self[at] = self[at], NO_PIECE
            kept = whole.setdefault(piece.stream, piece)
            kept.end, kept.heading = piece.end, ""
        base = 0
        for at, piece in zip(older, whole.values(), strict=False):
            self[at], piece.base = piece, base
            base += piece.end - piece.start
        if len(whole) > 1:
            self[older[0]].heading = BY_FILE
            self[filled[len(older)]].heading = AS_IT_CAME
        self._filled = len(filled) - len(older) + len(whole)
