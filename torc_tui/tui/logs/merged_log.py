"""Read the log files of one or several jobs as one sequence of lines, from either end.

Input: paths. Output: lines with places, and what changed.

A merged log consists of pieces: parts of the files in the order in which they grew. The order of
lines from before the first check is unknown: they become one piece per file, with a heading. A line
belongs to the piece where it begins.

Invariants: offsets are those of `log_file`; pieces begin at starts of lines; when a file is
replaced, all places become invalid (``generation`` grows).
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from torc_tui.tui.logs.log_file import FileChange, LogFile, LogFileLine, open_regular
from torc_tui.tui.logs.log_pieces import AS_IT_CAME, BY_FILE, Piece, PieceList
from torc_tui.tuples import NamedTuple

HEADING = -1
"""The offset of the heading of a piece."""
LAST = 4096
"""Of a line that overwrites itself (a bar of progress) so much of the end is shown."""


class Stream(NamedTuple):
    """A file of a job: ``stdout``, ``stderr`` or ``combined``; among several jobs with its name."""

    name: str
    path: str
    job: str = ""


class Place(NamedTuple):
    """Where a line begins: a piece, and the offset in its file."""

    piece: int
    offset: int


class MergedLine(NamedTuple):
    """A line: ``stream`` is its file, ``at`` the bytes before it, ``number`` counts from 0."""

    place: Place
    stream: int
    data: bytes
    missing: int = 0
    at: int = 0
    number: int | None = None
    heading: str = ""


class MergedLog:
    """Files as one log, used by one thread only."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = tuple(streams)
        self.files = [LogFile(stream.path) for stream in streams]
        self.pieces = PieceList()
        self.generation = 0
        self.gone = [False] * len(self.files)
        self._begin()

    def add(self, streams: Sequence[Stream]) -> None:
        """Add files; what they contain comes last."""
        for stream in streams:
            file = LogFile(stream.path)
            self.streams, self.gone = (*self.streams, stream), [*self.gone, False]
            self.files.append(file)
            if file.size:
                self.pieces.add(Piece(len(self.files) - 1, 0, file.size, 0))

    @property
    def several_jobs(self) -> bool:
        return any(stream.job for stream in self.streams)

    def close(self) -> None:
        for file in self.files:
            file.close()

    @property
    def exists(self) -> bool:
        return any(file.exists for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def complete(self) -> bool:
        """Whether all lines are counted."""
        return all(file.complete for file in self.files)

    @property
    def counted(self) -> int:
        """Return how many bytes are indexed."""
        return sum(file.indexed for file in self.files)

    @property
    def line_counts(self) -> list[int | None]:
        return [file.line_count for file in self.files]

    @property
    def end(self) -> Place:
        return Place(len(self.pieces) - 1, self.pieces[-1].end) if self.pieces else Place(0, 0)

    @property
    def start(self) -> Place:
        return self._head(0) if self.pieces else Place(0, 0)

    def problem(self) -> str:
        """Return why an existing file cannot be read; empty if all can."""
        for stream, file in zip(self.streams, self.files, strict=True):
            if not file.exists:
                try:
                    open_regular(stream.path).close()
                except FileNotFoundError:
                    pass
                except OSError as error:
                    return f"{stream.path}: {error.strerror or error}"
        return ""

    def advance(self, blocks: int) -> bool:
        """Index more blocks; return whether the index is complete."""
        for file in self.files:
            if not file.complete:
                file.advance(blocks)
                break
        return self.complete

    def refresh(self) -> bool:
        """Check the files; return whether anything changed."""
        before = [file.size for file in self.files]
        changes = [file.refresh() for file in self.files]
        gone = [
            change is FileChange.GONE and file.size > 0  # an empty file loses nothing
            for change, file in zip(changes, self.files, strict=True)
        ]
        changed = gone != self.gone
        self.gone = gone
        if FileChange.REPLACED in changes:
            self.generation += 1
            self._begin()
            return True
        for number, change in enumerate(changes):
            if change is FileChange.GREW:
                self._grew(number, before[number])
                changed = True
        return changed

    # -- lines -------------------------------------------------------------------------------------

    def before(self, place: Place, count: int) -> list[MergedLine]:
        """Return the ``count`` lines that end before ``place``."""
        out: list[MergedLine] = []
        index, offset = place
        while index >= 0 and index < len(self.pieces) and len(out) < count:
            piece = self.pieces[index]
            if offset > piece.start:
                found = self.files[piece.stream].before(min(offset, piece.end), count - len(out))
                out += [
                    self._line(index, line) for line in reversed(found) if line.start >= piece.start
                ]
            if len(out) < count and offset != HEADING and piece.heading:
                out.append(self._headline(index))
            index -= 1
            offset = self.pieces[index].end if index >= 0 else 0
        return out[::-1]

    def after(self, place: Place, count: int) -> list[MergedLine]:
        """Return the ``count`` lines from ``place`` on."""
        out: list[MergedLine] = []
        index, offset = place
        while index < len(self.pieces) and len(out) < count:
            piece = self.pieces[index]
            if offset == HEADING:
                if piece.heading:
                    out.append(self._headline(index))
                offset = piece.start
            if offset < piece.end and len(out) < count:
                found = self.files[piece.stream].after(offset, count - len(out))
                out += [self._line(index, line) for line in found if line.start < piece.end]
            index += 1
            if index < len(self.pieces):
                offset = self._head(index).offset
        return out

    def whole(self, line: MergedLine, limit: int = 1 << 20) -> bytes:
        """Return the bytes of a line that was cut, up to ``limit``."""
        if not line.missing:
            return line.data
        start = line.place.offset
        return self.files[line.stream].text_of(
            LogFileLine(start, start + len(line.data) + line.missing + 1, b""), limit
        )

    def numbered(self, lines: Sequence[MergedLine]) -> list[MergedLine]:
        """Return the lines with their numbers, as far as they are counted."""
        out: list[MergedLine] = []
        known: dict[int, tuple[int, int]] = {}
        if self.several_jobs:
            return list(lines)  # numbers in each of many files tell nobody anything
        for line in lines:
            if line.heading:
                out.append(line)
                continue
            index, offset = line.place
            last = known.get(line.stream)
            if last is not None and last[0] == index:
                number: int | None = last[1] + 1
            else:
                number = self.files[line.stream].number_of(offset)
            if number is not None:
                known[line.stream] = (index, number)
            out.append(line._replace(number=number))
        return out

    def place_of(self, stream: int, offset: int) -> Place | None:
        """Return the place of the line at an offset of a file; None if unknown."""
        for index, piece in enumerate(self.pieces):
            if piece.stream == stream and piece.start <= offset < piece.end:
                return Place(index, offset)
        return None

    def at_share(self, share: float) -> Place:
        """Return the place of the line at this share (0 to 1) of all bytes."""
        wanted = int(max(0.0, min(1.0, share)) * max(0, self.size - 1))
        for index, piece in enumerate(self.pieces):
            length = piece.end - piece.start
            if wanted < length or index == len(self.pieces) - 1:
                start = self.files[piece.stream].start_of(
                    piece.start + min(wanted, max(0, length - 1))
                )
                return Place(index, max(piece.start, start))
            wanted -= length
        return self.end

    # -- hits --------------------------------------------------------------------------------------

    def rank(self, hits: Mapping[int, Sequence[int]], place: Place) -> int:
        """Return how many of the hits (offsets of lines by stream) are before ``place``."""
        total = 0
        for index, piece in enumerate(self.pieces[: place.piece + 1]):
            starts = hits.get(piece.stream, ())
            low = bisect_left(starts, piece.start)
            end = (
                piece.end if index < place.piece else max(piece.start, min(piece.end, place.offset))
            )
            total += max(0, bisect_left(starts, end) - low)
        return total

    def hit(self, hits: Mapping[int, Sequence[int]], number: int) -> Place | None:
        """Return the place of a hit by its number from 0 in the order of the log."""
        for index, piece in enumerate(self.pieces):
            starts = hits.get(piece.stream, ())
            low, high = bisect_left(starts, piece.start), bisect_left(starts, piece.end)
            if number < high - low:
                return Place(index, starts[low + number])
            number -= high - low
        return None

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.pieces = PieceList()
        full = [number for number, file in enumerate(self.files) if file.size]
        if len(full) > 1:
            # The file that was written last comes last, because the end of the log is shown first.
            full.sort(key=lambda number: _written(self.files[number].path))
        self._unordered = len(full) > 1
        for number in full:
            name = self.streams[number].name
            others = " and ".join(self.streams[other].name for other in full if other != number)
            heading = f"{name} · order relative to {others} unknown" if others else ""
            if self.several_jobs:
                heading = BY_FILE if others and not self.pieces else ""
            self.pieces.add(Piece(number, 0, self.files[number].size, 0, heading))

    def _grew(self, stream: int, before: int) -> None:
        file = self.files[stream]
        if self.pieces and self.pieces[-1].stream == stream:
            self.pieces[-1].end = file.size
            return
        own = next((piece for piece in reversed(self.pieces) if piece.stream == stream), None)
        start = before
        if own is not None:
            open_line = file.start_of(before - 1)
            line = file.after(open_line, 1)
            if line and line[0].end > before:
                # The unfinished line continues: all of it belongs to the piece where it began.
                start = own.end = line[0].end
        if start < file.size:
            first = self._unordered and not any(
                piece.heading == AS_IT_CAME for piece in self.pieces[: len(self.files) + 1]
            )
            self.pieces.add(Piece(stream, start, file.size, 0, AS_IT_CAME if first else ""))

    def _head(self, index: int) -> Place:
        piece = self.pieces[index]
        return Place(index, HEADING if piece.heading else piece.start)

    def _headline(self, index: int) -> MergedLine:
        piece = self.pieces[index]
        return MergedLine(
            Place(index, HEADING), piece.stream, b"", at=piece.base, heading=piece.heading
        )

    def _line(self, index: int, line: LogFileLine) -> MergedLine:
        piece = self.pieces[index]
        data, missing = line.data, line.missing
        if missing:
            start = max(line.start, line.end - LAST)
            last = (
                self.files[piece.stream]
                .text_of(LogFileLine(start, line.end, b""), LAST)
                .rstrip(b"\r\n")
            )
            if b"\r" in last:
                data, missing = last[last.rfind(b"\r") + 1 :], 0
        return MergedLine(
            Place(index, line.start),
            piece.stream,
            data,
            missing,
            piece.base + line.start - piece.start,
        )


def _written(path: str) -> float:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116 - as everywhere around this file
    except OSError:
        return 0.0
