"""Help, made of the table of commands: first what works here, then everything else."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from torc_tui.tui.frame.commands import COMMANDS, CONTEXTS
from torc_tui.tui.frame.keymap import KeyMap, shown
from torc_tui.tui.look.text_layout import Line, fit


def help_lines(here: Sequence[str], keymap: KeyMap, width: int = 100) -> list[Line]:
    """Sections of commands with their keys; the contexts that hold come first."""
    order = [name for name in here if name in CONTEXTS and name != "text"]
    order += [name for name in CONTEXTS if name not in order]
    out: list[Line] = []
    told: set[str] = set()
    for place, context in enumerate(order):
        rows = [
            command for command in COMMANDS if context in command.where and command.id not in told
        ]
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
            if width >= 70:
                head = 12 if width < 90 else 16
                lines = textwrap.wrap(command.help, width - head - 15)
                out.append(
                    [
                        (fit(keys, head), style),
                        (fit(command.title, 15), "text"),
                        (lines[0], "muted"),
                    ]
                )
                under = " " * (head + 15)
            else:
                lines = ["", *textwrap.wrap(command.help, max(10, width - 4))]
                out.append([(fit(keys, 9), style), (command.title, "text")])
                under = "    "
            out += [[(under, ""), (line, "muted")] for line in lines[1:]]
            if command.shell:
                room = max(20, width - len(under))
                parts = textwrap.wrap(
                    command.shell, room, subsequent_indent="  ", break_on_hyphens=False
                )
                out += [[(under, ""), (part, "faint")] for part in parts]
    return out
