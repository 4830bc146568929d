"""A scene with its places, as text. In: `Scene`, a zoom, a window. Out: rows of runs (text, role,
node) of that window.

Only what the window shows is produced. Roles are words (``edge``, ``lit``, ``job:failed``,
``strip:running``, ``file``, ``selected`` …); the app gives them colours, a plain terminal ignores
them. Law: where two lines cross without meeting, the one that leads from box to box goes over the
one that runs across.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from torc_tui.status import JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_layout import Box, Direction, Hop, layout
from torc_tui.views.graph_scene import Node, Scene
from torc_tui.views.status_bar import fit, strip, width_of

LABEL = 30
"""Cells of a label at most."""
STRIP = 6

_BACK, _FORTH, _LESS, _MORE = 1, 2, 4, 8
_FRAMES = {
    "job": "╭─╮│╰╯", "more": "╭┄╮┆╰╯", "file": "┌─┐│└┘", "user_data": "╔═╗║╚╝", "selected": "┏━┓┃┗┛",
}  # fmt: skip
_ASCII_FRAMES = {
    "job": "+-+|++",
    "more": "+.+:++",
    "file": ".-.|''",
    "user_data": "/=\\I\\/",
    "selected": "######",
}
_BRACKETS = {"job": "[]", "more": "[]", "file": "()", "user_data": "{}"}


_JOINERS = dict.fromkeys((0x200D, *range(0xFE00, 0xFE10)))
"""Signs that make one picture of several: terminals disagree about its width."""


class Run(NamedTuple):
    """Neighbouring cells of one row that look the same. ``node`` is the index of the box they
    belong to.
    """

    text: str
    role: str
    node: int | None = None


def no_sign(_status: JobStatus) -> str:
    """No state has a sign."""
    return ""


class Drawing:
    """A scene laid out. ``zoom`` 0: names only, 1: name and state, 2: with detail. ``sign``: the
    sign of a state.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        zoom: int = 1,
        direction: Direction = "down",
        plain: bool = False,
        sign: Callable[[JobStatus], str] = no_sign,
    ) -> None:
        self.scene = scene
        self.zoom = zoom
        self.direction = direction
        self.plain = plain
        self.sign = sign
        self._labels = [self._label(node) for node in scene.nodes]
        self.layout = layout(
            [self._size(at) for at in range(len(scene.nodes))],
            scene.links,
            direction=direction,
            gap=3 if zoom else 2,
        )
        self.width, self.height = self.layout.width, self.layout.height
        self._rows = _Buckets(
            (box.y, box.y + box.h - 1, at) for at, box in enumerate(self.layout.boxes)
        )
        self._hops = _Buckets((hop.start, hop.end, at) for at, hop in enumerate(self.layout.hops))
        self._exits = {(hop.start - 1, hop.exit) for hop in self.layout.hops}

    def box(self, node: int) -> Box:
        """Where a node stands."""
        return self.layout.boxes[node]

    def at(self, x: int, y: int) -> int | None:
        """The node whose box holds that cell."""
        for node in self._rows.touching(y, y):
            box = self.layout.boxes[node]
            if box.x <= x < box.x + box.w and box.y <= y < box.y + box.h:
                return node
        return None

    def lines(
        self,
        x: int = 0,
        y: int = 0,
        width: int | None = None,
        height: int | None = None,
        *,
        selected: int | None = None,
        lit: Sequence[int] = (),
    ) -> list[list[Run]]:
        """Return the rows of a window. ``lit`` are the nodes of a path in order: their boxes and
        the links from each to the next have that role.
        """
        width = self.width - x if width is None else width
        height = self.height - y if height is None else height
        window = _Window(x, y, max(0, width), max(0, height))
        nodes = frozenset(lit)
        self._wires(window, frozenset(pairwise(lit)))
        for node in self._rows.touching(y, y + window.h - 1):
            box = self.layout.boxes[node]
            if box.x < x + window.w and box.x + box.w > x:
                self._paint(window, node, box, selected == node, node in nodes)
        return window.runs()

    def minimap(self, width: int, height: int, view: Box) -> list[list[Run]]:
        """The whole in a few cells: a mark where boxes are, role ``view`` behind what the window
        shows now.
        """
        window = _Window(0, 0, width, height)
        across, along = max(1, self.width), max(1, self.height)
        left, right = view.x * width // across, (view.x + view.w - 1) * width // across
        top, bottom = view.y * height // along, (view.y + view.h - 1) * height // along
        for row in range(max(0, top), min(height - 1, bottom) + 1):
            for column in range(max(0, left), min(width - 1, right) + 1):
                window.put(column, row, " ", "view", None)
        for node, box in enumerate(self.layout.boxes):
            column = min(width - 1, (box.x + box.w // 2) * width // across)
            row = min(height - 1, (box.y + box.h // 2) * height // along)
            inside = left <= column <= right and top <= row <= bottom
            status = self.scene.nodes[node].status
            mark = ("#" if inside else "o") if self.plain else ("■" if inside else "▪")
            window.put(
                column, row, mark, f"job:{status.word}" if status is not None else "file", node
            )
        return window.runs()

    def _label(self, node: Node) -> str:
        label = fit(one_line(node.label).translate(_JOINERS), LABEL, plain=self.plain)
        if node.kind in ("job", "more") and node.count > 1:
            label += f" {'x' if self.plain else '×'}{node.count}"
        return label

    def _strip_width(self, node: Node) -> int:
        return min(STRIP, node.count) + 3 if node.count > 1 and node.counts else 0

    def _size(self, at: int) -> tuple[int, int]:
        node = self.scene.nodes[at]
        inner = width_of(self._labels[at])
        if self.zoom == 0:
            return inner + 2, 1
        signs = 0
        if node.counts and node.count == 1:
            signs = (
                1 + max(width_of(self.sign(status)) for status in JobStatus)
                if self.sign is not no_sign
                else 0
            )
        if self.zoom == 1:
            return inner + signs + self._strip_width(node) + 4, 3
        return max(inner + signs, _DETAIL) + 4, 4

    def _paint(self, window: _Window, at: int, box: Box, selected: bool, lit: bool) -> None:
        node = self.scene.nodes[at]
        status = node.status
        role = (
            "selected"
            if selected
            else "lit"
            if lit
            else f"job:{status.word}"
            if status is not None
            else node.kind
        )
        label = self._labels[at]
        if self.zoom == 0:
            ends = "▶◀" if selected and not self.plain else _BRACKETS[node.kind]
            window.write(box.x, box.y, f"{ends[0]}{label}{ends[1]}", role, at)
            return
        frames = _ASCII_FRAMES if self.plain else _FRAMES
        frame = frames["selected" if selected else node.kind]
        right, bottom = box.x + box.w - 1, box.y + box.h - 1
        window.put_all(box.x, box.y, frame[0] + frame[1] * (box.w - 2) + frame[2], role, at)
        window.put_all(box.x, bottom, frame[4] + frame[1] * (box.w - 2) + frame[5], role, at)
        for row in range(box.y + 1, bottom):
            window.put(box.x, row, frame[3], role, at)
            window.write(box.x + 1, row, " " * (box.w - 2), role, at)
            window.put(right, row, frame[3], role, at)
        if not self.plain:
            self._tee(
                window,
                box,
                role,
                at,
                "┯┠" if selected else "╤╟" if node.kind == "user_data" else "┬├",
            )
        inner, row = box.x + 2, box.y + 1
        name_role = f"name:{status.word}" if status is not None else f"name:{node.kind}"
        sign = self.sign(status) if status is not None and node.count == 1 else ""
        if sign:
            inner = window.write(
                inner, row, sign + " ", f"job:{status.word}" if status is not None else role, at
            )
        end = window.write(inner, row, label, name_role, at)
        if self.zoom == 1:
            if self._strip_width(node):
                self._strip(window, end + 1, row, node, min(STRIP, node.count), at)
        elif node.count > 1 and node.counts:
            self._strip(window, box.x + 2, row + 1, node, box.w - 6, at)
        else:
            word = status.word if status is not None else node.state or node.kind.replace("_", " ")
            window.write(box.x + 2, row + 1, fit(word, box.w - 4, plain=self.plain), role, at)

    def _tee(self, window: _Window, box: Box, role: str, at: int, tees: str) -> None:
        """The place in the frame where the links leave; ``tees`` are its two signs, downwards and
        to the right.
        """
        if self.direction == "down":
            rank, cross, char = box.y + box.h - 1, box.x + box.w // 2, tees[0]
        else:
            rank, cross, char = box.x + box.w - 1, box.y + box.h // 2, tees[1]
        if (rank, cross) in self._exits:
            window.put(
                *((cross, rank) if self.direction == "down" else (rank, cross)), char, role, at
            )

    def _strip(self, window: _Window, x: int, y: int, node: Node, width: int, at: int) -> None:
        left, right = "[]" if self.plain else "▕▏"
        x = window.write(x, y, left, "strip", at)
        for char, status in strip(node.counts, width, plain=self.plain):
            window.put(x, y, char, f"strip:{status.word}", at)
            x += 1
        window.write(x, y, right, "strip", at)

    def _wires(self, window: _Window, lit: frozenset[tuple[int, int]]) -> None:
        down = self.direction == "down"
        first, last = (
            (window.y, window.y + window.h - 1) if down else (window.x, window.x + window.w - 1)
        )
        low, high = (
            (window.x, window.x + window.w - 1) if down else (window.y, window.y + window.h - 1)
        )
        flow: dict[tuple[int, int], int] = {}
        track: dict[tuple[int, int], int] = {}
        bends: dict[tuple[int, int], int] = {}
        bright: set[tuple[int, int]] = set()
        arrows: set[tuple[int, int]] = set()
        done: set[tuple[int, int, int, int, int | None]] = set()
        hops = self.layout.hops
        chosen = [hops[at] for at in self._hops.touching(first, last)]
        for hop in sorted(chosen, key=lambda hop: not self._is_lit(hop, lit)) if lit else chosen:
            shape = hop[1:6]
            if shape in done:
                continue
            done.add(shape)
            cells: list[tuple[int, int]] = []
            _, start, end, leave, entry, at, arrives = hop
            if at is None:
                if low <= leave <= high:
                    cells += [
                        (rank, leave) for rank in range(max(start, first), min(end, last) + 1)
                    ]
                    for cell in cells:
                        flow[cell] = _BACK | _FORTH
            else:
                side = _MORE if entry > leave else _LESS
                if low <= leave <= high:
                    part = [
                        (rank, leave) for rank in range(max(start, first), min(at - 1, last) + 1)
                    ]
                    flow.update(dict.fromkeys(part, _BACK | _FORTH))
                    cells += part
                if low <= entry <= high:
                    part = [(rank, entry) for rank in range(max(at + 1, first), min(end, last) + 1)]
                    flow.update(dict.fromkeys(part, _BACK | _FORTH))
                    cells += part
                if first <= at <= last:
                    for cross in range(
                        max(min(leave, entry) + 1, low), min(max(leave, entry) - 1, high) + 1
                    ):
                        track[at, cross] = _LESS | _MORE
                        cells.append((at, cross))
                    bends[at, leave] = bends.get((at, leave), 0) | _BACK | side
                    bends[at, entry] = bends.get((at, entry), 0) | _FORTH | (_LESS | _MORE) ^ side
                    cells += [(at, leave), (at, entry)]
            if arrives:
                arrows.add((end, entry))
            if self._is_lit(hop, lit):
                bright.update(cells)
        for cell in flow.keys() | track.keys() | bends.keys():
            across = track.get(cell, 0)
            mask = flow.get(cell, 0)
            if cell in bends:
                mask |= bends[cell] | across
            char = self._char(mask or across)
            if cell in arrows and cell not in bends:
                char = ("v" if self.plain else "▼") if down else (">" if self.plain else "▶")
            x, y = (cell[1], cell[0]) if down else cell
            window.put(x, y, char, "lit" if cell in bright else "edge", None)

    def _is_lit(self, hop: Hop, lit: frozenset[tuple[int, int]]) -> bool:
        return self.scene.links[hop.link] in lit

    def _char(self, mask: int) -> str:
        if self.direction == "right":  # back, forth, less, more are west, east, north, south there
            mask = mask >> 2 | (mask & 3) << 2
        return (_ASCII_MASKS if self.plain else _MASKS)[mask]


_DETAIL = 14
# bits: north 1, south 2, west 4, east 8
_MASKS = (" ", "╵", "╷", "│", "╴", "╯", "╮", "┤", "╶", "╰", "╭", "├", "─", "┴", "┬", "┼")
_ASCII_MASKS = (" ", "|", "|", "|", "-", "+", "+", "+", "-", "+", "+", "+", "-", "+", "+", "+")


class _Buckets:
    """Intervals (first, last, item): which of them touch a range."""

    STEP = 64

    def __init__(self, intervals: Iterable[tuple[int, int, int]]) -> None:
        self._cells: dict[int, list[tuple[int, int, int]]] = {}
        for first, last, item in intervals:
            for cell in range(first // self.STEP, last // self.STEP + 1):
                self._cells.setdefault(cell, []).append((first, last, item))

    def touching(self, first: int, last: int) -> list[int]:
        """The items whose interval meets first … last, in order."""
        found = {
            item
            for cell in range(first // self.STEP, last // self.STEP + 1)
            for low, high, item in self._cells.get(cell, ())
            if low <= last and high >= first
        }
        return sorted(found)


class _Window:
    """The cells that are shown; what is written outside is lost."""

    def __init__(self, x: int, y: int, w: int, h: int) -> None:
        self.x, self.y, self.w, self.h = x, y, w, h
        self._rows: list[dict[int, tuple[str, str, int | None]]] = [{} for _ in range(h)]

    def put(self, x: int, y: int, char: str, role: str, node: int | None) -> None:
        x -= self.x
        y -= self.y
        if 0 <= x < self.w and 0 <= y < self.h:
            self._rows[y][x] = (char, role, node)

    def put_all(self, x: int, y: int, text: str, role: str, node: int | None) -> None:
        """Signs of one cell each, side by side."""
        if self.y <= y < self.y + self.h:
            row, left = self._rows[y - self.y], x - self.x
            for at in range(max(0, -left), min(len(text), self.w - left)):
                row[left + at] = (text[at], role, node)

    def write(self, x: int, y: int, text: str, role: str, node: int | None) -> int:
        """Write from that cell on; gives the cell behind. A wide character that does not fit whole
        is a space.
        """
        if text.isascii():
            self.put_all(x, y, text, role, node)
            return x + len(text)
        for char in text:
            wide = width_of(char)
            if wide == 0:
                before = (
                    self._rows[y - self.y].get(x - 1 - self.x)
                    if self.y <= y < self.y + self.h
                    else None
                )
                if before is not None:
                    self.put(x - 1, y, before[0] + char, role, node)
            elif wide == 2 and not (self.x <= x and x + 1 < self.x + self.w):
                self.put(x, y, " ", role, node)
                self.put(x + 1, y, " ", role, node)
            else:
                self.put(x, y, char, role, node)
                if wide == 2:
                    self.put(x + 1, y, "", role, node)
            x += wide
        return x

    def runs(self) -> list[list[Run]]:
        out = []
        for row in self._rows:
            line: list[Run] = []
            at = 0
            while at < self.w:
                cell = row.get(at)
                start = at
                if cell is None:
                    while at < self.w and at not in row:
                        at += 1
                    line.append(Run(" " * (at - start), ""))
                    continue
                _, role, node = cell
                chars = []
                while (
                    at < self.w
                    and (cell := row.get(at)) is not None
                    and cell[1] == role
                    and cell[2] == node
                ):
                    chars.append(cell[0])
                    at += 1
                line.append(Run("".join(chars), role, node))
            out.append(line)
        return out
