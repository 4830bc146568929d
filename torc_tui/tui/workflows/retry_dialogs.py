"""Questions about what changes in jobs that are retried: their memory, and their command.

Input: the jobs, what they request and their commands. Output: the value of an option of
``torc jobs retry``. An edited command becomes a substitution, so that it applies to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from torc_tui.errors import UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.operations.user_action import JobLike
from torc_tui.tui.look.text_layout import Line, Span, sanitize
from torc_tui.tui.widgets.command_node import CommandNode
from torc_tui.tui.widgets.dialogs import Ask, Form, FormField
from torc_tui.tui.widgets.overlay import Overlay, Words, box_title
from torc_tui.tui.workflows.workflow_questions import text_lines
from torc_tui.units import format_duration, format_memory
from torc_tui.wording import changed_words, count, listed, marked_words, size

if TYPE_CHECKING:
    from torc_tui.operations.job_changes import JobChanges
    from torc_tui.store.database import Store

NAMED = 6
"""Jobs that a question names."""
AT_ONCE = 500
"""Commands that are compared after each key; more of them only after a pause."""
PATIENCE = 0.3
"""Seconds of that pause."""
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}/]")
_WORDS = {"equal": "muted", "removed": "removed", "added": "added"}


def changes(**options: str) -> JobChanges:
    """Return what options of the command line change; UsageError for wrong values."""
    from torc_tui.operations.job_changes import parse_changes

    return parse_changes(options)


def memory_dialog(jobs: Sequence[JobLike], requested: Sequence[ResourceRequirements | None]) -> Ask:
    """Return the question for more memory."""
    sizes = sorted({one.memory for one in requested if one is not None and one.memory})
    without = sum(one is None or not one.memory for one in requested)
    ends = dict.fromkeys((sizes[0], sizes[-1])) if sizes else ()
    parts = [" to ".join(map(size, ends))] if sizes else []
    parts += [f"{without} without a size" if sizes else "no memory"] if without else []
    about: list[Line] = [
        *text_lines([listed([job.name for job in jobs], NAMED)]),
        [("requested now: ", "muted"), (", ".join(parts), "text")],
        [],
    ]

    def check(text: str) -> str | None:
        try:
            changes(memory=text)
        except UsageError as error:
            return error.message.removeprefix("--memory: ")
        if without == len(jobs) and text[:1] in "x*+":
            return "they declare no memory: enter a size such as 8g"
        return None

    return Ask(
        f"Retry {count(len(jobs), 'job')} with more memory",
        value="x2" if sizes else "",
        help="x2, +4g or a size such as 16g",
        check=check,
        about=about,
    )


def read_commands(store: Store, jobs: Sequence[JobLike]) -> list[str]:
    """Return the commands of jobs; called in the reader thread."""
    from torc_tui.store import job_definitions

    with store.read() as conn:
        found = job_definitions.definitions(conn, [job.id for job in jobs])
    return [found[job.id].command for job in jobs]


class UpdateForm(Form):
    """What jobs request and their command, to be edited; only changed fields are applied.

    A field in which the jobs differ is empty.
    """

    DEFAULT_CSS = """
    UpdateForm > .box { width: 110; }
    """

    def __init__(
        self,
        jobs: Sequence[JobLike],
        requested: Sequence[ResourceRequirements | None],
        commands: Sequence[str],
    ) -> None:
        self._commands = commands
        known = [one for one in requested if one is not None]
        memory = (format_memory(one.memory) if one.memory else "" for one in known)
        runtime = (format_duration(one.runtime) if one.runtime else "" for one in known)
        self._before = {
            "cpus": _common_text(f"{one.num_cpus}" for one in known),
            "memory": _common_text(memory),
            "gpus": _common_text(f"{one.num_gpus:g}" for one in known),
            "runtime": _common_text(runtime),
        }
        fields = [
            FormField(name, _LABELS[name], text, _HELP[name], check=partial(_check, name, text))
            for name, text in self._before.items()
        ]
        if "\n" not in commands[0]:
            self._before["command"] = commands[0]
            fields.append(FormField("command", "command", commands[0]))
        names = listed([job.name for job in jobs], 2)
        super().__init__(f"Edit {names}", fields, f"Update {count(len(jobs), 'job')}")

    def changed(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the options of ``torc jobs update`` for the fields that were changed."""
        found = {name: text for name, text in texts.items() if text and text != self._before[name]}
        if "command" in found and len(set(self._commands)) > 1:
            found["command"] = substitution(self._commands[0], found["command"])
        return found


_LABELS = {"cpus": "CPUs", "memory": "memory", "gpus": "GPUs", "runtime": "runtime"}
_HELP = {
    "cpus": "4, +2 or x2",
    "memory": "16g, +4g or x2",
    "gpus": "2, 0.5 or x2",
    "runtime": "PT2H, +PT30M or x2",
}


def _common_text(texts: Iterable[str]) -> str:
    """Return the text that all jobs have; an empty one if they differ."""
    found = set(texts)
    return found.pop() if len(found) == 1 else ""


def _check(name: str, before: str, text: str) -> str | None:
    """Return what is wrong with the value of an option."""
    if text in ("", before):
        return None
    try:
        changes(**{name: text})
    except UsageError as error:
        return error.message.removeprefix(f"--{name}: ")
    return None


# -- the command -----------------------------------------------------------------------------------


class CommandField(CommandNode, TextArea):
    """A field in which enter accepts a command of one line; ctrl+s accepts any."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("text",)

    class CommandAccepted(Message):
        """The user is ready."""

    def __init__(self, command: str) -> None:
        super().__init__(command, compact=True)
        self.is_one_line = "\n" not in command

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "ctrl+s" or (event.key == "enter" and self.is_one_line):
            event.stop()
            event.prevent_default()
            self.post_message(self.CommandAccepted())
        else:
            await super()._on_key(event)


class EditCommand(Overlay[str]):
    """The command of the first job as text; the result is the value of ``--command``."""

    DEFAULT_CSS = """
    EditCommand > .box { width: 110; }
    EditCommand TextArea {
        border: none; padding: 0; height: auto; max-height: 10; background: $background;
        margin: 0 0 1 0;
    }
    """

    def __init__(self, jobs: Sequence[JobLike], commands: Sequence[str]) -> None:
        super().__init__()
        self.heading = f"Edit the command of {count(len(jobs), 'job')}, and retry"
        self._jobs = jobs
        self._commands = commands
        self.field = CommandField(commands[0])
        self._timer: Timer | None = None
        self.effect = Words([[]])

    def compose(self) -> ComposeResult:
        keys = "⏎ retries" if self.field.is_one_line else "^s retries"
        with Vertical(classes="box") as box:
            box.border_title = box_title(self.heading)
            box.border_subtitle = f"{keys} · esc cancels"
            yield Words(self._about())
            yield self.field
            yield self.effect

    def on_mount(self) -> None:
        self.field.focus()
        self.field.move_cursor(self.field.document.end)

    def _about(self) -> list[Line]:
        first: Line = [("The command of ", "muted"), (sanitize(self._jobs[0].name), "strong")]
        others = len(self._jobs) - 1
        if not others:
            return [first]
        summary = f"; {count(others, 'other command')} {'changes' if others == 1 else 'change'}"
        return [[*first, (f"{summary} in the same way", "muted")]]

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        if len(self._commands) > AT_ONCE:
            self._timer = self.set_timer(PATIENCE, self._show_effect)
        else:
            self._show_effect()

    def _show_effect(self) -> None:
        self.effect.set(self._effect())

    def _effect(self) -> list[Line]:
        """Return what the edit changes, and in how many of the commands."""
        option = self.option
        if option is None:
            return [[("no change: the jobs are retried as they are with r", "muted")]]
        found = substituted(self._commands, option)
        number = sum(one is not None for one in found)
        total = len(found)
        style = "success" if number == total else "warning"
        summary = f"changes {number} of {count(total, 'command')}"
        lines: list[Line] = [[(summary, style)]] if total > 1 else []
        if number < total:
            names = [job.name for job, one in zip(self._jobs, found, strict=True) if one is None]
            rest = f"not retried, the text is not in their command: {listed(names, NAMED)}"
            lines.append([(sanitize(rest), "muted")])
        return [_diff(self._commands[0], self.field.text), *lines]

    @property
    def option(self) -> str | None:
        """Return the value of ``--command`` for the present text; None for no change."""
        before, after = self._commands[0], self.field.text
        if before == after or not after.strip():
            return None
        if len(set(self._commands)) == 1:
            return after
        return substitution(before, after)

    def on_command_field_command_accepted(self, event: CommandField.CommandAccepted) -> None:
        event.stop()
        if self.option is not None:
            self.dismiss(self.option)


def _diff(before: str, after: str) -> Line:
    pieces = changed_words(before, after) or []
    spans: list[Span] = []
    for kind, words in pieces:
        if kind == "equal" and len(words) > 4:
            words = [*words[:2], "…", *words[-2:]]
        spans += [(sanitize(marked_words(kind, words)), _WORDS[kind]), (" ", "")]
    return spans


def substitution(before: str, after: str) -> str:
    """Return ``s/PATTERN/TEXT/`` that makes one command of another, and suits similar ones.

    The pattern is the changed part, with as many words before it as make it unique.
    """
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    old_end, new_end = len(before) - end, len(after) - end
    while old_end < len(before) and not before[old_end].isspace():
        old_end, new_end = old_end + 1, new_end + 1
    while start > 0 and not before[start - 1].isspace():
        start -= 1
    while start > 0 and (start == old_end or not _is_unique(before, start, old_end)):
        start = before.rstrip().rfind(" ", 0, max(0, start - 1)) + 1
    pattern = _SPECIAL.sub(r"\\\g<0>", before[start:old_end])
    text = after[start:new_end].replace("\\", r"\\").replace("/", r"\/")
    return f"s/{pattern}/{text}/"


def _is_unique(text: str, start: int, end: int) -> bool:
    """Return whether a part of a text occurs nowhere else in it, also not overlapping itself."""
    part = text[start:end]
    return text.find(part) == start and text.find(part, start + 1) < 0


def _common(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their start."""
    number = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        number += 1
    return number


def substituted(commands: Sequence[str], option: str) -> list[str | None]:
    """Return the new commands; None for one to which the option does not apply."""
    from torc_tui.operations.job_changes import changed_command

    change = changes(command=option).command
    assert change is not None
    return [changed_command(command, change) for command in commands]
