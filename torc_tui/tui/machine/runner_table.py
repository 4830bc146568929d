"""Show runners in a table whose keys stop, resize and drop the one under the cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.table_model import Rows
from torc_tui.tui.widgets.virtual_table import VirtualTable

COMMANDS = ("runner-stop", "runners-resize", "runners-drop")
"""What the keys of the list of runners do with the runner under the cursor."""


class RunnerTable(VirtualTable):
    """The runners of the workflow; its keys stop, resize and drop the one under the cursor."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("runners", *VirtualTable.CONTEXTS)
    KEEPS_CURSOR: ClassVar[bool] = False  # the keys act on one table of the tab

    def __init__(self, rows: Rows, host: PaneHost) -> None:
        super().__init__(rows, empty="")
        self._host = host

    def handlers(self) -> Mapping[str, Handler]:
        of_list = {
            name: handle for name, handle in super().handlers().items() if "mark" not in name
        }
        return {**of_list, **{name: self._handler(name) for name in COMMANDS}}

    def _handler(self, command: str) -> Handler:
        def handle() -> None:
            if isinstance(self.cursor, int):
                self._host.runner_commands.run(command, self.cursor)

        return handle
