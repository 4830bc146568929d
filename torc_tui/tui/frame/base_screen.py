"""What all screens share: header, footer, and that commands and contexts are found from the focus
outwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input, TextArea

from torc_tui.model import ResourceRequirements, Workflow
from torc_tui.tui.feed.feed_worker import Answer, Changes, Gone, Listed, Loaded
from torc_tui.tui.frame.commands import Command, footer
from torc_tui.tui.frame.footer import FooterBar

if TYPE_CHECKING:
    from torc_tui.tui.feed.machine_state import News
    from torc_tui.tui.shell.app import TorcApp


def chain(screen: Screen[Any]) -> Iterator[DOMNode]:
    """The focused widget, its parents, the screen."""
    node: DOMNode | None = screen.focused
    while node is not None and node is not screen:
        yield node
        node = node.parent
    yield screen


def contexts(screen: Screen[Any]) -> list[str]:
    """The contexts that hold, the nearest first. In a text field printable keys are text, so little
    else holds."""
    found: list[str] = []
    for node in chain(screen):
        given = getattr(node, "CONTEXT", ())
        names: Sequence[str] = (given,) if isinstance(given, str) else given
        if isinstance(node, Input | TextArea):
            names = (*names, "text")
        found += [name for name in names if name not in found]
    if "text" in found:
        return ["editor", "text"] if "editor" in found else found[: found.index("text") + 1]
    if "overlay" not in found:
        found.append("app")
    return found


class TorcScreen(Screen[None]):
    """Base of the screens. The app hands over what the threads found by the ``take_…`` methods,
    inside one batch."""

    CONTEXT: ClassVar[tuple[str, ...]] = ()

    @property
    def torc(self) -> TorcApp:
        return cast("TorcApp", self.app)

    def take_loaded(self, loaded: Loaded) -> None: ...
    def take_changes(self, changes: Changes) -> None: ...
    def take_listed(self, listed: Listed) -> None: ...
    def take_gone(self, gone: Gone) -> None: ...
    def take_answer(self, answer: Answer) -> None: ...
    def take_machine(self, news: News) -> None:
        """A reading of the machine; the app has it already."""

    def lacking(self) -> tuple[int | None, Mapping[int, ResourceRequirements]]:
        """The workflow on screen, and the requirements of which it is asked what they lack."""
        return None, {}

    def take_store(self, lost: str | None) -> None:
        """The store was lost (why), or is back (None)."""

    @property
    def busy(self) -> bool:
        """Whether the next tick has something to do here, besides what the threads found."""
        return False

    def every_second(self, now: float) -> None:
        """Once a second, for what changes with time alone."""

    def every_tick(self, now: float) -> None:
        """With each tick that has something to do."""

    def current_workflow(self) -> tuple[Workflow, int] | None:
        """The workflow that acts are about, and how many of its jobs have not ended."""
        return None

    @property
    def has_runner(self) -> bool:
        """Whether a runner takes the jobs of the workflow on screen, as far as it is known."""
        return True

    def _act(self, command_id: str) -> None:
        found = self.current_workflow()
        if found is None:
            self.torc.notify("no workflow is selected", severity="warning")
        else:
            self.torc.acts.on_workflow(command_id, *found)

    def do_workflow_initialize(self) -> None:
        self._act("workflow-initialize")

    def do_workflow_run(self) -> None:
        self._act("workflow-run")

    def do_workflow_stop(self) -> None:
        self._act("workflow-stop")

    def do_workflow_pause(self) -> None:
        self._act("workflow-pause")

    def do_workflow_cancel(self) -> None:
        self._act("workflow-cancel")

    def do_workflow_archive(self) -> None:
        self._act("workflow-archive")

    def do_workflow_rename(self) -> None:
        self._act("workflow-rename")

    def do_workflow_export(self) -> None:
        self._act("workflow-export")

    def do_workflow_resize(self) -> None:
        self._act("workflow-resize")

    def do_workflow_delete(self) -> None:
        self._act("workflow-delete")

    def idle(self, command: Command) -> bool:
        """Whether the command would do nothing to what is selected here now: then the footer does
        not offer it."""
        here = contexts(self)
        return command.id == "next-pane" and ("text" in here or len(self.focus_chain) < 2)

    def available(self) -> list[Command]:
        """The commands for the footer, here and now: only what somebody can carry out."""
        here = contexts(self)
        keymap = self.torc.keymap
        return [
            command
            for command in footer(here)
            if self.torc.handler(command) is not None
            and not self.idle(command)
            and any(keymap.find(key, here) is command for key in keymap.keys(command.id))
        ]

    def show_keys(self) -> None:
        for bar in self.query(FooterBar):
            bar.show(self.available(), self.torc.keymap)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def on_descendant_blur(self) -> None:
        self.show_keys()

    def on_screen_resume(self) -> None:
        self.show_keys()

    def on_footer_bar_chosen(self, event: FooterBar.Chosen) -> None:
        self.torc.run_command(event.command_id)
