"""Choose the side for each conflict of a merge of user data.

Input: the merge without choices. Output: the chosen side for each path, or None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from torc_tui.tui.data.data_texts import change_lines, heading
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.tui.widgets.command_node import move_by_key
from torc_tui.tui.widgets.overlay import Button, Overlay, Words, box_title
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.json_diff import JsonChange
from torc_tui.views.json_document import Path, jq_path, preview
from torc_tui.views.json_merge import Absent, MergeConflict, MergeSide, Part
from torc_tui.wording import count

Choices = Mapping[Path, MergeSide]
KEYS = {"m": MergeSide.MINE, "t": MergeSide.THEIRS, "b": MergeSide.BASE}
"""The keys that choose a side; as capitals, they choose it for all conflicts."""
STYLES = {MergeSide.MINE: "added", MergeSide.THEIRS: "info", MergeSide.BASE: "muted"}
LISTED = 4
"""Changes of each side that are listed."""
LOW = 20
"""Lines of a screen without room for what was merged by itself."""
NARROW = 76
"""Cells of a screen that has no room for the buttons of the sides."""
_COLUMNS = (
    TableColumn("take", "take", 7, importance=0, sortable=False),
    TableColumn("path", "path", 20, minimum=10, importance=0, grow=1, sortable=False),
    TableColumn("mine", "mine", 20, minimum=10, importance=4, grow=1, sortable=False),
    TableColumn("theirs", "theirs", 20, minimum=10, importance=4, grow=1, sortable=False),
)


class MergeDialog(Overlay[Choices]):
    """The conflicts as a table; below it, the three values of the one under the cursor."""

    DEFAULT_CSS = """
    MergeDialog > .box { width: 110; }
    MergeDialog VirtualTable { background: $surface; }
    MergeDialog #values { margin: 1 0 0 0; }
    MergeDialog #answers { height: 1; margin: 1 0 0 0; layout: horizontal; }
    MergeDialog.-low #answers, MergeDialog.-low #values { margin: 0; }
    MergeDialog.-low #itself, MergeDialog.-narrow .side { display: none; }
    """

    def __init__(
        self,
        name: str,
        conflicts: Sequence[MergeConflict],
        mine: Sequence[JsonChange],
        theirs: Sequence[JsonChange],
    ) -> None:
        """Prepare the dialog; ``mine`` and ``theirs`` are the changes that are merged anyway."""
        super().__init__()
        self.heading = f"Merge {name}"
        self.conflicts = conflicts
        self.choices: dict[Path, MergeSide] = {}
        rows = ListRows(_COLUMNS, self._cell, lambda conflict, column: None)
        rows.records = dict(enumerate(conflicts))
        self.table = VirtualTable(rows, empty="")
        self.table.can_focus = False
        self.itself = Words(_merged_lines(mine, theirs), id="itself")
        self.values = Words([], id="values")
        self.sides = {Button(side.value.capitalize(), key=key): side for key, side in KEYS.items()}
        self.accept = Button("Edit the result", key="y")

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            yield self.itself
            yield self.table
            yield self.values
            with Container(id="answers"):
                for button in self.sides:
                    button.add_class("side")
                    yield button
                yield self.accept
                yield Button("Go back", key="n")

    def on_mount(self) -> None:
        self.table.reload()
        self.table.move_to(0)
        self.accept.focus()
        self._show_state()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(height < LOW, "-low")
        self.set_class(width < NARROW, "-narrow")
        others = 8 if height < LOW else 12 + len(self.itself.text)
        self.table.styles.height = max(2, min(len(self.conflicts) + 1, height - others))
        self._show_state()

    # -- what is shown -----------------------------------------------------------------------------

    def _cell(self, conflict: MergeConflict, column: str, width: int) -> Cell:
        side = self.choices.get(conflict.path)
        if column == "take":
            return ("?", "warning bold") if side is None else (side.value, STYLES[side])
        if column == "path":
            return (jq_path(conflict.path), "json-key")
        taken = side is not None and side.value == column
        return (part_text(conflict.value(MergeSide(column))), "text" if taken else "muted")

    @property
    def undecided(self) -> list[int]:
        """Return the rows of conflicts without a choice."""
        return [row for row, one in enumerate(self.conflicts) if one.path not in self.choices]

    @property
    def chosen(self) -> MergeConflict | None:
        row = self.table.cursor
        return self.conflicts[row] if isinstance(row, int) else None

    def _show_state(self) -> None:
        """Show the values of the conflict under the cursor, and how many are undecided."""
        number = len(self.undecided)
        box = self.query_one(".box")
        left = f"{count(number, 'conflict')} to decide" if number else "all conflicts decided"
        if self.has_class("-narrow"):  # the keys are not on buttons
            left = f"{number} to decide" if number else "all decided"
            box.border_subtitle = f"{left} · m t b · M T B: all"
        else:
            box.border_subtitle = f"{left} · M T B: all"
        conflict = self.chosen
        if conflict is None:
            return
        lines: list[Line] = []
        for side in (MergeSide.MINE, MergeSide.THEIRS, MergeSide.BASE):
            taken = self.choices.get(conflict.path) is side
            word: Span = (f"{'▸' if taken else ' '} {side.value:<7}", STYLES[side])
            lines.append([word, (part_text(conflict.value(side)), "strong" if taken else "text")])
        self.values.set(lines)

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        event.stop()
        self._show_state()

    # -- choosing ----------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        key = event.character or ""
        if key in KEYS:
            event.stop()
            self._choose(KEYS[key])
        elif key.lower() in KEYS:
            event.stop()
            self._choose_all(KEYS[key.lower()])
        elif key in ("y", "n"):
            event.stop()
            self._finish() if key == "y" else self.close()
        elif event.key in ("left", "right", "tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            (self.focus_next if event.key in ("right", "tab") else self.focus_previous)(Button)
        else:
            move_by_key(event, self.table, ends=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        side = self.sides.get(event.button)
        if side is not None:
            self._choose(side)
        elif event.button is self.accept:
            self._finish()
        else:
            self.close()

    def _choose(self, side: MergeSide) -> None:
        """Take a side for the conflict under the cursor, and go to the next undecided one."""
        conflict, row = self.chosen, self.table.cursor_row
        if conflict is None:
            return
        self.choices[conflict.path] = side
        self.table.changed({row})
        later = [one for one in self.undecided if one > row] or self.undecided
        self.table.move_to(later[0] if later else row)
        self._show_state()

    def _choose_all(self, side: MergeSide) -> None:
        self.choices = {conflict.path: side for conflict in self.conflicts}
        self.table.changed(set(self.table.order))
        self._show_state()

    def _finish(self) -> None:
        undecided = self.undecided
        if undecided:
            self.table.move_to(undecided[0])
            text = "choose mine, theirs or base for each conflict first"
            self.app.notify(text, severity="warning")
        else:
            self.dismiss(self.choices)


def part_text(part: Part) -> str:
    """Return a value of one side in one line."""
    return "(not there)" if isinstance(part, Absent) else preview(part)


def _merged_lines(mine: Sequence[JsonChange], theirs: Sequence[JsonChange]) -> list[Line]:
    """Return what was merged without a question."""
    lines: list[Line] = []
    for changes, whose in ((theirs, "theirs"), (mine, "yours")):
        if changes:
            lines.append(
                heading(f"Merged without conflict: {count(len(changes), 'change')} of {whose}")
            )
            lines += change_lines(changes[:LISTED])
            if len(changes) > LISTED:
                lines.append([(f"  … {len(changes) - LISTED} more", "faint")])
    return [*lines, []] if lines else []
