"""Help: the available keys and the topics of the documentation, with a search.

Input: the active contexts, the key map, and the topics of `torc_tui.docs`. Output: a dialog with
the list of topics beside the page of the selected topic.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from typing import ClassVar

from rich.console import Console
from rich.style import Style
from rich.theme import Theme
from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Input

from torc_tui.docs import topics
from torc_tui.tui.frame.command import CONTEXTS, AppCommand
from torc_tui.tui.frame.commands import COMMANDS
from torc_tui.tui.frame.keymap import KeyMap, shown
from torc_tui.tui.look.text_layout import Line, Span, fit, highlighted
from torc_tui.tui.widgets.command_node import move_by_key
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.overlay import Overlay, box_title
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable

KEYS = "keys"
"""The entry of the list with the available keys."""
WIDEST = 100
"""Cells of a page, at most: longer lines are hard to read."""
LIST = 20
"""Cells of the list of topics."""
TITLE = 18
"""Cells of the title of a command, including the space after it."""
BESIDE_FROM = 90
"""Smallest width of the terminal with the list beside the page."""

_STYLES = {
    "markdown.h1": "accent bold",
    "markdown.h2": "accent bold",
    "markdown.h3": "strong",
    "markdown.code": "info",
    "markdown.code_block": "info",
    "markdown.strong": "strong",
    "markdown.em": "strong",
    "markdown.link": "info",
    "markdown.link_url": "info",
    "markdown.table.header": "accent",
    "markdown.table.border": "faint",
    "markdown.item.bullet": "accent",
    "markdown.item.number": "accent",
    "markdown.block_quote": "muted",
}
"""Styles of Markdown by Rich, and those of the palette."""


def topic_lines(topic: str, width: int) -> list[Line]:
    """Return the page of a topic in ``width`` cells."""
    from torc_tui.docs.markdown import DocumentPage

    # The names of the palette travel as meta data: Rich knows no theme of the app.
    theme = Theme({name: Style(meta={"name": own}) for name, own in _STYLES.items()})
    console = Console(width=width, theme=theme, color_system=None, file=None)
    page = DocumentPage(topics.text_of(topic), hyperlinks=False, code_theme="default")
    return [
        [
            (segment.text, segment.style.meta.get("name", "text") if segment.style else "text")
            for segment in line
        ]
        for line in console.render_lines(page, pad=False)
    ]


def key_lines(here: Sequence[str], keymap: KeyMap, width: int) -> list[Line]:
    """Return the commands with their keys by context, the active contexts first."""
    order = [name for name in here if name in CONTEXTS and name != "text"]
    order += [name for name in CONTEXTS if name not in order]
    out: list[Line] = []
    listed: set[str] = set()
    for context in order:
        rows = [
            command
            for command in COMMANDS
            if context in command.where
            and command.id not in listed
            and (keymap.keys(command.id) or command.palette)
        ]
        if not rows:
            continue
        listed.update(command.id for command in rows)
        mark = "" if context in here else "  (not available here)"
        out += [[]] if out else []
        out.append([(CONTEXTS[context], "accent bold"), (mark, "faint")])
        for command in rows:
            out += _command_lines(command, keymap, width)
    return out


def _command_lines(command: AppCommand, keymap: KeyMap, width: int) -> Iterator[Line]:
    """Yield the keys, the title and the help of a command, and the command line that does it."""
    known = keymap.keys(command.id)
    keys = "  ".join(map(shown, known)) or keymap.key("palette")
    head = 9 if width < 70 else 12 if width < 90 else 16
    first: list[Span] = [(fit(keys, head), "key" if known else "faint")]
    if width < 70:
        under = "    "
        texts = ["", *textwrap.wrap(command.help, max(10, width - 4))]
        first.append((command.title, "text"))
    else:
        under = " " * (head + TITLE)
        texts = textwrap.wrap(command.help, width - len(under))
        first.append((fit(command.title, TITLE - 2) + "  ", "text"))
    yield [*first, (texts[0], "muted")]
    yield from ([(under, ""), (text, "muted")] for text in texts[1:])
    room = max(20, width - len(under))
    shell = textwrap.wrap(command.shell or "", room, subsequent_indent="  ", break_on_hyphens=False)
    yield from ([(under, ""), (part, "faint")] for part in shell)


@cache
def _searched(topic: str) -> str:
    """Return the text of a topic in lower case."""
    return topics.text_of(topic).lower()


def topics_with(words: Sequence[str]) -> list[str]:
    """Return the topics that contain all words; those with a name that does come first."""
    found = [one for one in topics.ORDER if all(word in _searched(one) for word in words)]
    return sorted(found, key=lambda topic: not all(word in topic for word in words))


class HelpDialog(Overlay[None]):
    """The help dialog. The search field has the focus; the list and the page follow it."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("overlay",)
    DEFAULT_CSS = """
    HelpDialog > .box { width: 126; height: 96%; }
    HelpDialog Input { border: none; height: 1; padding: 0; background: $surface; }
    HelpDialog #beside { height: 1fr; margin: 1 0 0 0; layout: horizontal; }
    HelpDialog VirtualTable { width: 20; height: 1fr; background: $surface; margin: 0 2 0 0; }
    HelpDialog LineCanvas { width: 1fr; height: 1fr; background: $surface; }
    HelpDialog.-narrow #beside { layout: vertical; margin: 0; }
    HelpDialog.-narrow VirtualTable { width: 1fr; height: 4; margin: 0; }
    """

    def __init__(self, here: Sequence[str], keymap: KeyMap, topic: str = KEYS) -> None:
        super().__init__()
        self.here = here
        self.keymap = keymap
        self.topic = topic
        columns = (TableColumn("name", "topics", LIST - 4, minimum=8, grow=1, sortable=False),)
        self.rows = ListRows(columns, _topic_cell, lambda name, column: name)
        self.table = VirtualTable(self.rows, empty="no matches")
        self.table.can_focus = False
        self.canvas = LineCanvas()
        self.canvas.can_focus = False
        self.field = Input(placeholder="search all topics", compact=True)
        self._width = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title("Help")
            box.border_subtitle = "↑ ↓ topic · pgup pgdn page · esc closes"
            yield self.field
            with Container(id="beside"):
                yield self.table
                yield self.canvas

    def on_mount(self) -> None:
        self._list("")
        self.table.select(self.topic)
        self.field.focus()

    def on_resize(self, event: events.Resize) -> None:
        width = min(126, event.size.width * 96 // 100) - 4
        beside = event.size.width >= BESIDE_FROM
        self.set_class(not beside, "-narrow")
        self._width = min(WIDEST, width - (LIST + 4 if beside else 2))  # with the scroll bar
        self.show_page()

    def _list(self, typed: str) -> None:
        """List the topics that contain all the words."""
        words = typed.lower().split()
        self.rows.records = {name: name for name in (KEYS, *topics_with(words))}
        self.table.reload()

    def show_page(self) -> None:
        """Show the page of the selected topic, from its first match with the search on."""
        if not self._width:
            return
        if self.topic == KEYS:
            lines = key_lines(self.here, self.keymap, self._width)
        else:
            lines = topic_lines(self.topic, self._width)
        words = re.compile(
            "|".join(map(re.escape, self.field.value.split())) or "$^", re.IGNORECASE
        )
        found = [at for at, line in enumerate(lines) if words.search("".join(t for t, _ in line))]
        for at in found:
            lines[at] = highlighted(lines[at], words, "match")
        match = found[0] if found else 0
        self.canvas.set_drawing(TextDrawing(lines))
        self.canvas.scroll_to(0, max(0, match - 1), animate=False)

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        if isinstance(event.key, str) and event.key != self.topic:
            self.topic = event.key
            self.show_page()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(event.value)
        if event.value and len(self.table.order) > 1:
            self.table.move_to(1)  # the best match
        self.show_page()

    def on_key(self, event: events.Key) -> None:
        move_by_key(event, self.table if event.key in ("up", "down") else self.canvas)


def _topic_cell(name: str, column: str, width: int) -> Cell:
    return (name, "accent" if name == KEYS else "text")
