"""Help, made of the table of commands: first what works here, then everything else."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.cells import Line, fit
from torc_tui.tui.commands import COMMANDS, CONTEXTS
from torc_tui.tui.keymap import KeyMap, shown


def help_lines(here: Sequence[str], keymap: KeyMap) -> list[Line]:
    """Sections of commands with their keys; the contexts that hold come first."""
    order = [name for name in here if name in CONTEXTS and name != "text"]
    order += [name for name in CONTEXTS if name not in order]
    out: list[Line] = []
    told: set[str] = set()
    for place, context in enumerate(order):
        rows = [command for command in COMMANDS if context in command.where and command.id not in told]
        rows = [command for command in rows if keymap.keys(command.id) or command.palette]
        if not rows:
            continue
        if out:
            out.append([])
        mark = "" if place < len([name for name in here if name in CONTEXTS]) else "  (not here)"
        out.append([(CONTEXTS[context], "accent bold"), (mark, "faint")])
        for command in rows:
            told.add(command.id)
            keys = "  ".join(shown(key) for key in keymap.keys(command.id)) or "^p"
            style = "key" if keymap.keys(command.id) else "faint"
            out.append([(fit(keys, 16), style), (fit(command.title, 15), "text"), (command.help, "muted")])
            if command.shell:
                out.append([(" " * 31, ""), (command.shell, "faint")])
    return out
