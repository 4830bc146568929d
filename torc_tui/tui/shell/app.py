"""The app: threads, the one tick, dispatch of keys to commands, and the screens.

What comes in: the store's URL and what to open. What goes out: a terminal full of it. Law: the
screen's thread does nothing that takes over a millisecond but paint; hand-overs are taken by the
tick, never by messages per change.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.filter import LineFilter
from textual.notifications import SeverityLevel

from torc_tui.errors import SettingsError, TorcError
from torc_tui.tui.feed.feed_worker import (
    Answer,
    Changes,
    FeedWorker,
    Found,
    Gone,
    Handover,
    Listed,
    Loaded,
    Lost,
    Reader,
    Source,
    StoreSource,
)
from torc_tui.tui.feed.machine_state import MachineWatch
from torc_tui.tui.feed.watches import Watch, Watches
from torc_tui.tui.frame import keymap as keymaps
from torc_tui.tui.frame.base_screen import TorcScreen, chain, contexts
from torc_tui.tui.frame.commands import BY_ID, COMMANDS, PRESETS, Command, command_line
from torc_tui.tui.frame.header import Load
from torc_tui.tui.frame.keymap import PENDING, KeyMap
from torc_tui.tui.frame.ui_state import UiState
from torc_tui.tui.look import terminal
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.look.theme import THEMES, AsciiOnly, Palette, choose, palette_for
from torc_tui.tui.workflows.actions import Acts
from torc_tui.views.notification_batcher import Bursts

BUDGET = 0.008
"""Seconds of one tick that go into taking hand-overs."""
SLICE = 400
"""Events folded at once, between two looks at the clock."""


class TorcApp(App[int]):
    """``store_url`` None: the configured store. Opens on ``workflow_id``, on a new workflow from
    ``spec_file``, or on the list. The result of ``run`` is the exit code."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "torc"
    BINDINGS: ClassVar[list[Any]] = []
    CSS = """
    TorcScreen { background: $background; color: $foreground; }
    #jobs-pane, #tabs-pane, #tab { width: 1fr; height: 1fr; }
    Toast { padding: 0 1; }
    """

    def __init__(
        self,
        store_url: str | None = None,
        workflow_id: int | None = None,
        spec_file: str | None = None,
        read_only: bool = False,
        *,
        source: Callable[[], Source] | None = None,
        environ: Mapping[str, str] | None = None,
        config_dir: Path | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self._palette: Palette | None = None
        self.state = UiState(state_file)
        wanted = choose(self.environ, self.state.get("theme", "") or None)
        super().__init__(ansi_color=True if wanted in ("torc-mono", "torc-16") else None)
        self._ascii = None if terminal.speaks_unicode(self.environ) else AsciiOnly()
        for theme in THEMES:
            self.register_theme(theme)
        # A theme that is gone since it was chosen is as none.
        self.theme = wanted if self.get_theme(wanted) is not None else choose(self.environ)
        self.store_url = store_url
        self.workflow_id = workflow_id
        self.spec_file = spec_file
        self.read_only = read_only
        self.config_dir = config_dir
        self.keymap = KeyMap()
        self.lost: str | None = None
        self.loads: tuple[Load, ...] = ()
        self.machine = MachineWatch()
        self.last_line: str | None = None
        self.stopping: set[int] = set()
        self.acts = Acts(self)
        self.watches = Watches()
        self.inbox: deque[Handover] = deque()
        open_source = source or (lambda: StoreSource(store_url, read_only=read_only))
        self.feed = FeedWorker(open_source, self.inbox)
        self.reader = Reader(open_source, self.inbox)
        self._keys = ""
        self._second = 0.0
        self._bursts = Bursts(pause=0.7, longest=6.0)

    # -- looks -------------------------------------------------------------------------------------

    @property
    def palette(self) -> Palette:
        """The styles of the current theme."""
        if self._palette is None:
            self._palette = palette_for(self.current_theme)
        return self._palette

    def _watch_theme(self, theme_name: str) -> None:
        self._palette = None
        super()._watch_theme(theme_name)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return filters if self._ascii is None else [*filters, self._ascii]

    # -- life --------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        try:
            if self.config_dir is not None:
                self.keymap = keymaps.read(self.config_dir)
        except SettingsError as error:
            self.complain(error)
        preset = self.state.get("keys", "")
        if preset in PRESETS and preset != self.keymap.preset:
            self.keymap = KeyMap(preset, self.keymap.changes)
        if self.workflow_id is not None:
            self.open_workflow(self.workflow_id)
        else:
            self.open_list(new_from=self.spec_file)
        self.feed.start()
        self.reader.start()
        rate = 10 if terminal.is_remote(self.environ) else 20
        self.set_interval(1 / rate, self._tick)

    def on_unmount(self) -> None:
        self.state.save()
        self.feed.stop(0.8)
        self.reader.stop(0.8)

    def _front(self) -> TorcScreen | None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, TorcScreen):
                return screen
        return None

    def open_list(self, *, new_from: str | None = None, at: int | None = None) -> None:
        """The list of workflows, the cursor on that one; over it a new one from that file."""
        from torc_tui.tui.workflows.workflows_screen import WorkflowsScreen

        screen = WorkflowsScreen(at)
        self._show(screen)
        self.feed.follow(None)
        if new_from is not None:
            screen.new_workflow(new_from)

    def open_workflow(self, workflow_id: int) -> None:
        from torc_tui.tui.workflows.workflow_screen import WorkflowScreen

        screen = WorkflowScreen(workflow_id)
        self._show(screen)
        screen.turn = self.feed.follow(workflow_id)

    def _show(self, screen: TorcScreen) -> None:
        if isinstance(self.screen, TorcScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    # -- the one tick ------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.time()
        screen = self._front()
        if self._exit or screen is None or not screen.is_mounted or not screen.is_running:
            return
        due = now - self._second >= 1.0
        if not self.inbox and not due and not screen.busy:
            return
        with self.batch_update():
            if self.inbox:
                self._drain(screen)
            if due:
                self._second = now
                screen.every_second(now)
                self.reader.ask("machine", self.machine.question(*screen.lacking()))
                if self.state.changed:
                    self.reader.ask("state", lambda _: self.state.save())
                if self.watches:
                    self.reader.ask("watches", lambda source: self.watches.check(source.store))
            screen.every_tick(now)
            self._tell(now)

    def _drain(self, screen: TorcScreen) -> None:
        inbox = self.inbox
        end = time.perf_counter() + BUDGET
        while inbox and time.perf_counter() < end:
            item = inbox.popleft()
            match item:
                case Changes(turn, listed) if len(listed) > SLICE:
                    inbox.appendleft(Changes(turn, listed[SLICE:]))
                    screen.take_changes(Changes(turn, listed[:SLICE]))
                case Changes():
                    screen.take_changes(item)
                case Loaded():
                    screen.take_loaded(item)
                    self._settled()
                case Listed():
                    screen.take_listed(item)
                    if not gc.isenabled():
                        self._settled()
                case Answer("machine", value):
                    if value is not None:
                        self.machine.take(value)
                        self.loads = self.machine.loads()
                        screen.take_machine(value)
                case Answer("watches", value):
                    for ended in value or ():
                        from torc_tui.tui.shell.notifier import announce

                        announce(self, ended)
                case Answer(("act", _)):
                    self.acts.answered(item)
                    if self._front() is not screen:
                        return  # what comes next is for the screen that the act has opened
                case Answer():
                    screen.take_answer(item)
                case Gone():
                    screen.take_gone(item)
                case Lost(message):
                    self.lost = message
                    screen.take_store(message)
                case Found():
                    self.lost = None
                    screen.take_store(None)

    def _settled(self) -> None:
        """What is there now stays: looking for garbage in it (100,000 jobs) would stop the screen
        for a while."""
        gc.freeze()
        gc.enable()

    # -- keys and commands -------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        keys = keymaps.key_of(event.key, event.character)
        here = contexts(self.screen)
        if "text" in here and event.is_printable:
            self._keys = ""
            return
        pressed = f"{self._keys} {keys}" if self._keys else keys
        found = self.keymap.find(pressed, here)
        if found is PENDING:
            self._keys = pressed
            event.prevent_default()
            event.stop()
            return
        self._keys = ""
        if isinstance(found, Command) and self.handler(found) is not None:
            event.prevent_default()
            event.stop()
            await self._carry_out(found)

    def handler(self, command: Command) -> Callable[[], Any] | None:
        """Who carries the command out, from the focus outwards."""
        name = command.method
        for node in chain(self.screen):
            method = getattr(node, name, None)
            if method is not None:
                return method  # type: ignore[no-any-return]  # do_… methods take nothing
            tab = command.id.removeprefix("tab-")
            if tab in getattr(node, "tabs", ()) and tab != command.id:
                return partial(node.do_tab, tab)  # type: ignore[attr-defined]  # who has tabs can show them
        own: Callable[[], Any] | None = getattr(self, name, None)
        return own

    def run_command(self, command_id: str) -> None:
        """Carry out a command by its id: for the palette and the mouse."""
        self.call_later(self._carry_out, BY_ID[command_id])

    async def _carry_out(self, command: Command) -> None:
        if command.writes and self.read_only:
            self.notify(f"{command.title}: the app is read-only", severity="warning")
            return
        method = self.handler(command)
        if method is None:
            return
        try:
            result = method()
            if isawaitable(result):
                await result
        except TorcError as error:
            self.complain(error)

    def did(
        self, command_id: str, *, workflow: int | None = None, jobs: Sequence[int] = ()
    ) -> None:
        """Note the command line of what was done, for ``:``."""
        self.last_line = command_line(BY_ID[command_id], workflow=workflow, jobs=jobs)

    def tell_when_ended(self, key: Hashable, watch: Watch) -> None:
        """Tell when that ends, or no longer. It goes on whatever is on screen."""
        watched = self.watches.toggle(key, watch)
        self.notify(
            f"{watch.title}: {'you will be told when it ends' if watched else 'no longer'}",
            markup=False,
        )

    # -- saying things -----------------------------------------------------------------------------

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """A toast. What is in it may come from anybody: nothing of it is markup, and nothing moves
        the cursor."""
        text = "\n".join(sanitize(line) for line in message.split("\n"))
        super().notify(text, title=title, severity=severity, timeout=timeout, markup=False)

    def complain(self, error: Exception) -> None:
        """The one place where an error becomes text."""
        text = error.message if isinstance(error, TorcError) else str(error)
        hint = getattr(error, "hint", None)
        self.notify(f"{text}\n{hint}" if hint else text, severity="error", markup=False, timeout=8)

    def burst(self, word: str, jobs: Sequence[tuple[int, str]]) -> None:
        """Say, when it is quiet again, that jobs (id, name) became ``word``: one sentence for all
        of them."""
        now = time.time()
        for job_id, name in jobs:
            self._bursts.add(word, job_id, name, now)

    def _tell(self, now: float) -> None:
        for notice in self._bursts.due(now):
            severity = "error" if notice.kind == "failed" else "information"
            self.notify(notice.text, severity=severity, markup=False, timeout=6)  # type: ignore[arg-type]  # a literal

    # -- commands of everywhere --------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Textual's own key for leaving comes before all others: a screen may have a word in it
        (unsaved text)."""
        await self._carry_out(BY_ID["quit-now"])

    def do_quit(self) -> None:
        self.exit(0)

    def do_quit_now(self) -> None:
        self.exit(0)

    def do_next_pane(self) -> None:
        self.screen.focus_next()

    def do_previous_pane(self) -> None:
        self.screen.focus_previous()

    def do_help(self) -> None:
        from torc_tui.tui.shell.help import help_lines
        from torc_tui.tui.widgets.dialogs import Reading

        here = contexts(self.screen)
        self.push_screen(Reading("Keys", lambda width: help_lines(here, self.keymap, width)))

    def do_command_line(self) -> None:
        from torc_tui.tui.widgets.dialogs import Reading

        line = self.last_line
        if line is None:
            self.notify("nothing was done yet that has a command line")
            return

        def wrapped(width: int) -> list[list[tuple[str, str]]]:
            pieces = [
                part[at : at + width]
                for part in line.split("\n")
                for at in range(0, len(part) or 1, width)
            ]
            return [[(piece, "strong")] for piece in pieces]

        self.push_screen(Reading("As a command", wrapped, copy=line))

    def do_theme(self) -> None:
        from torc_tui.tui.widgets.dialogs import Palette as Finder

        names = [theme.name for theme in THEMES] + sorted(
            name for name in self.available_themes if not name.startswith("torc-")
        )

        def search(typed: str) -> list[tuple[str, str, str, str]]:
            return [
                (name, name, "", "now" if name == self.theme else "")
                for name in names
                if typed.lower() in name.lower()
            ]

        self.push_screen(Finder("Theme", search), self._take_theme)

    def _take_theme(self, name: Any) -> None:
        if isinstance(name, str):
            self.theme = name
            self.state.set("theme", name)

    def do_keys_preset(self) -> None:
        other = "vim" if self.keymap.preset == "default" else "default"
        self.keymap = KeyMap(other, self.keymap.changes)
        self.state.set("keys", other)
        self.notify(f"keys: {other}")
        if (screen := self._front()) is not None:
            screen.show_keys()

    def do_keys_write(self) -> None:
        if self.config_dir is None:
            self.notify("there is no configuration folder", severity="warning")
            return
        self.notify(f"written: {keymaps.write(self.keymap, self.config_dir)}", markup=False)

    def do_screenshot(self) -> None:
        self.notify(f"written: {self.save_screenshot()}", markup=False)

    def do_palette(self) -> None:
        from torc_tui.tui.widgets.dialogs import Palette as Finder

        # What can be done is asked before the palette takes the focus.
        here = [*contexts(self.screen), "app"]
        usable = [
            command
            for command in COMMANDS
            if command.palette
            and command.id != "palette"
            and set(command.where) & set(here)
            and self.handler(command) is not None
        ]
        # What is about the thing under the cursor comes first, what is about the app last.
        usable.sort(
            key=lambda command: min(here.index(name) for name in command.where if name in here)
        )
        handlers = {command.id: self.handler(command) for command in usable}
        front = self._front()

        def search(typed: str) -> list[tuple[Any, str, str, str]]:
            words = typed.lower().split()
            rows: list[tuple[Any, str, str, str]] = [
                (command.id, command.title, command.help, self.keymap.key(command.id))
                for command in usable
                if all(word in f"{command.title} {command.help}".lower() for word in words)
            ]
            if words and front is not None and hasattr(front, "find_jobs"):
                rows += [
                    (("job", job.id), job.name, job.status.word, f"job {job.id}")
                    for job in front.find_jobs(words)
                ]
            return rows

        def take(key: Any) -> None:
            if isinstance(key, tuple) and front is not None and hasattr(front, "go_to_job"):
                front.go_to_job(key[1])
            elif isinstance(key, str) and handlers.get(key) is not None:
                self.run_command(key)

        self.push_screen(Finder("Commands and jobs", search), take)


def run_app(
    store_url: str | None = None,
    workflow_id: int | None = None,
    spec_file: str | None = None,
    read_only: bool = False,
) -> int:
    """Open the app and stay until it is left; the exit code. ``terminal.refusal`` should be asked
    before."""
    from torc_tui import settings

    config = Path(settings.config_paths()[1][1]).parent
    state = Path(settings.state_dir()) / "app.json"
    # The threads that read must not keep the screen waiting: Python's own 5 ms are a third of a
    # frame.
    sys.setswitchinterval(0.001)
    app = TorcApp(store_url, workflow_id, spec_file, read_only, config_dir=config, state_file=state)
    return app.run() or 0
