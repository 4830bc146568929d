"""A log with a line to search it, and commands that copy its lines or open it in the pager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from torc_tui.records import dataclass
from torc_tui.tui.frame.external import take_copy
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.logs.log_copier import CopiedLines, open_pager, read_copy
from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.logs.merged_log import Place
from torc_tui.tui.widgets.command_node import CommandNode, Handler
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.wording import count


class SearchableLog(CommandNode, Vertical):
    """A log view and its search line."""

    BLANK = True
    DEFAULT_CSS = """
    SearchableLog { width: 1fr; height: 1fr; }
    """

    @dataclass(slots=False)
    class LinesCopied(Message):
        """Lines were read to be copied."""

        copy: CopiedLines

    def __init__(self, search: str = "search the whole log") -> None:
        """Prepare the log; ``search`` explains the search line."""
        super().__init__()
        self.log_view = LogView()
        self.search_line = FilterLine(placeholder=search, stays=False)
        self.name_of_copies = ""
        """Begins the name of the file with a copy that is too large for the clipboard."""
        self._origin: Place | None = None
        self._followed = False

    def compose(self) -> ComposeResult:
        yield self.log_view
        yield self.search_line

    @property
    def _torc(self) -> AppPort:
        return cast(AppPort, self.app)

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "log-search": self._begin_search,
            "log-copy": self._copy_lines,
            "log-copy-all": lambda: self._copy(None, None),
            "log-pager": lambda: open_pager(self._torc, self.log_view.window.streams),
        }

    def back(self) -> bool:
        """Undo the selection or the search; return False if there was neither."""
        view = self.log_view
        if view.unselect():
            return True
        if not view.pattern:
            return False
        view.find("")
        return True

    # -- searching ---------------------------------------------------------------------------------

    def _begin_search(self) -> None:
        if self.log_view.window.streams:
            self._origin, self._followed = self.log_view.scroll.here, self.log_view.follow
            self.search_line.begin()

    def on_filter_line_filter_changed(self, event: FilterLine.FilterChanged) -> None:
        event.stop()
        self.log_view.find(event.text, self._origin)

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        event.stop()
        if not self.search_line.text and self._followed:
            self.log_view.to_bottom()
        self.log_view.focus()

    # -- copying -----------------------------------------------------------------------------------

    def _copy_lines(self) -> None:
        """Copy the selected lines, or those on screen."""
        selected, lines = self.log_view.selection.range, self.log_view.on_screen
        if selected is not None:
            self._copy(*selected)
        elif lines:
            self._copy(lines[0].place, lines[-1].place)

    def _copy(self, first: Place | None, last: Place | None) -> None:
        def then(copy: CopiedLines) -> None:
            self.post_message(self.LinesCopied(copy))

        read_copy(self.log_view.reader, first, last, self.name_of_copies, then)

    def on_searchable_log_lines_copied(self, event: SearchableLog.LinesCopied) -> None:
        event.stop()
        if isinstance(event.copy.copied, OSError):
            self._torc.show_error(event.copy.copied)
        else:
            take_copy(self._torc, event.copy.copied, count(event.copy.lines, "line"))
        self.log_view.unselect()
