"""The app: its threads, its screens, its theme, and the commands that work everywhere.

Input: the URL of the database, and the first screen. Output: the screens. Invariant: the thread of
the app only paints; the tick delivers the records of the other threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import App
from textual.filter import LineFilter
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen

from torc_tui.errors import SettingsError, TorcError
from torc_tui.tui.feed.feed_worker import FeedWorker
from torc_tui.tui.feed.inbox import Inbox
from torc_tui.tui.feed.machine import MachineHistory, MachineReading, Meter
from torc_tui.tui.feed.reader import Reader
from torc_tui.tui.feed.source import FeedReader, SourceOpener
from torc_tui.tui.feed.watches import Watch, Watches
from torc_tui.tui.frame import keymap as keymaps
from torc_tui.tui.frame.action_runner import ActionRunner
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.command import PRESETS, AppCommand
from torc_tui.tui.frame.commands import BY_ID
from torc_tui.tui.frame.keymap import KeyMap
from torc_tui.tui.frame.ui_state import UiState
from torc_tui.tui.look import terminal
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.look.theme import THEMES, AsciiOnly, Palette, ansi_colors, choose, palette_for
from torc_tui.tui.shell.app_commands import AppCommands
from torc_tui.tui.shell.dispatcher import Dispatcher
from torc_tui.tui.shell.ending import end_with_terminal
from torc_tui.tui.shell.first_paint import FirstPaint
from torc_tui.tui.shell.tick import Tick, build_contents
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.split import FRAMES_FROM
from torc_tui.views.notification_batcher import NotificationBatcher

T = TypeVar("T")
TICKS, TICKS_REMOTE = 20, 10
"""Ticks per second, here and over ssh."""
TOASTS = 3
"""Maximum number of notifications on screen."""


class TorcApp(App[int]):
    """The Textual app. Its result is the exit code.

    ``store_url`` None: the configured database. It opens on ``workflow_id``, on a new workflow from
    ``spec_file``, or on the list of workflows.
    """

    ENABLE_COMMAND_PALETTE = False
    TITLE = "torc"
    BINDINGS: ClassVar[list[Any]] = []
    config_dir: Path | None = None
    """The directory of the key map file; None: the default keys."""
    CSS = """
    TorcScreen { background: $background; color: $foreground; }
    #jobs-pane, #tabs-pane { width: 1fr; height: 1fr; }
    Toast { padding: 0 1; margin: 0; }
    ToastRack { layer: default; margin: 0 0 1 0; }
    .-wide.-tall ToastRack { margin: 0; offset: 0 -1; }
    """

    def __init__(
        self,
        store_url: str | None = None,
        workflow_id: int | None = None,
        spec_file: str | None = None,
        read_only: bool = False,
        *,
        source: Callable[[], FeedReader] | None = None,
        environ: Mapping[str, str] | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self._palette: Palette | None = None
        self.state = UiState(state_file)
        wanted = choose(self.environ, self.state.get("theme", "") or None)
        super().__init__(ansi_color=True if wanted in ("torc-mono", "torc-16") else None)
        # Where panes have frames, notifications cover the lower edge of a frame. Elsewhere the
        # panes become shorter while notifications are shown.
        self.HORIZONTAL_BREAKPOINTS = [(FRAMES_FROM[0], "-wide")]
        self.VERTICAL_BREAKPOINTS = [(FRAMES_FROM[1], "-tall")]
        self._ascii = None if terminal.speaks_unicode(self.environ) else AsciiOnly()
        self._disable_tooltips = True  # there are none
        for theme in THEMES:
            self.register_theme(theme)
        # The chosen theme may not exist any more.
        self.theme = wanted if self.get_theme(wanted) is not None else choose(self.environ)
        self.store_url = store_url
        self.workflow_id = workflow_id
        self.spec_file = spec_file
        self.read_only = read_only
        self.keymap = keymaps.default_keys()
        self.lost: str | None = None
        self.meters: tuple[Meter, ...] = ()
        self.machine = MachineHistory()
        self.last_line: str | None = None
        self.exit_message: str | None = None
        """The message for the terminal after the app is closed."""
        self.watches = Watches()
        self.inbox = Inbox()
        open_source = source or SourceOpener(store_url, read_only=read_only)
        self.feed = FeedWorker(
            open_source, self.inbox, lambda: self.call_later(self._tick), build_contents
        )
        self.reader = Reader(open_source, self.inbox)
        self.planner = Reader(open_source, self.inbox)
        """Answers questions that take long, so that others do not wait for them."""
        self.actions = ActionRunner(self.reader, self)
        self.dispatcher = Dispatcher(self)
        self.commands = AppCommands(self)
        self._first_paint = FirstPaint(self, self._start_readers)
        self._clock = Tick(self, self.inbox, self._first_paint.begin)
        self._batcher = NotificationBatcher(pause=0.7, longest=6.0)

    # -- theme -------------------------------------------------------------------------------------

    @property
    def palette(self) -> Palette:
        if self._palette is None:
            self._palette = palette_for(self.current_theme)
        return self._palette

    def _watch_theme(self, theme_name: str) -> None:
        self._palette = None
        if not (theme := self.current_theme).ansi:
            self.ansi_theme_dark = self.ansi_theme_light = ansi_colors(theme)
        super()._watch_theme(theme_name)

    def refresh_css(self, animate: bool = True) -> None:
        if self._screen_stack:
            super().refresh_css(animate)
        else:  # a theme was set, and nothing is styled yet
            self.stylesheet.set_variables(self.get_css_variables())

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return filters if self._ascii is None else [*filters, self._ascii]

    # -- start and end -----------------------------------------------------------------------------

    def _read_keys(self) -> None:
        try:
            if self.config_dir is not None:
                self.keymap = keymaps.read(self.config_dir)
        except SettingsError as error:
            self.show_error(error)
        preset = self.state.get("keys", "")
        if preset in PRESETS and preset != self.keymap.preset:
            self.keymap = KeyMap(preset, self.keymap.changes)

    def on_mount(self) -> None:
        self._first_paint.wait()
        self._read_keys()
        if self.workflow_id is None:
            self._show(self._list_screen(new_from=self.spec_file))
        else:
            self.open_workflow(self.workflow_id)
        rate = TICKS_REMOTE if terminal.is_remote(self.environ) else TICKS
        self._clock.start(1 / rate, lambda: self.call_next(self._tick))
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # nothing is left
        self.feed.start()
        if not self.is_headless:
            end_with_terminal(self.quit)

    def _start_readers(self) -> None:
        """Answer the questions of the screen; earlier, the answers would delay its first paint."""
        self.reader.start()
        self.planner.start()

    def on_unmount(self) -> None:
        self._clock.stop()
        self.state.save()
        for thread in (self.feed, self.reader, self.planner):
            thread.stop(0.8)

    def quit(self, code: int = 0) -> None:
        screen = self.front()
        if screen is not None:
            self.exit_message = screen.exit_message()
        self.exit(code)

    async def action_quit(self) -> None:
        """Quit by Textual's own key, after asking about unsaved text."""
        await self.dispatcher.carry_out(BY_ID["quit-now"])

    # -- screens -----------------------------------------------------------------------------------

    def front(self) -> TorcScreen | None:
        """Return the uppermost screen that is not a dialog."""
        screens = (one for one in reversed(self.screen_stack) if isinstance(one, TorcScreen))
        return next(screens, None)

    def open_list(self, *, at: int | None = None) -> None:
        """Show the list of workflows, with the cursor on ``at``."""
        self._show(self._list_screen(at))

    def open_workflow(self, workflow_id: int) -> None:
        self._show(self._workflow_screen(workflow_id))

    def _show(self, screen: TorcScreen) -> None:
        """Show a screen in place of the present one, or over Textual's empty one."""
        is_first = not isinstance(self.screen, TorcScreen)
        (self.push_screen if is_first else self.switch_screen)(screen)

    def _list_screen(self, at: int | None = None, new_from: str | None = None) -> TorcScreen:
        from torc_tui.tui.workflows.workflows_screen import WorkflowsScreen

        screen = WorkflowsScreen(at)
        self._first_paint.prepare(screen)
        self.feed.follow(None)
        if new_from is not None:
            self.call_later(screen.new_workflow, new_from)
        return screen

    def _workflow_screen(self, workflow_id: int) -> TorcScreen:
        from torc_tui.tui.workflows.workflow_screen import WorkflowScreen

        screen = WorkflowScreen(workflow_id)
        self._first_paint.prepare(screen)
        screen.model.turn = self.feed.follow(workflow_id)
        return screen

    def push(self, screen: Screen[T], then: Callable[[T | None], Any] | None = None) -> None:
        self.push_screen(screen, then)

    # -- the tick ----------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.time()
        screen = self.front()
        if self._exit or screen is None or not screen.is_mounted or not screen.is_running:
            return
        if self._clock.has_work(screen):
            with self.batch_update():
                self._clock.run(screen, now)

    def take_machine(self, news: MachineReading) -> None:
        screen = self.front()
        self.machine.take(news)
        self.meters = self.machine.meters()
        if screen is not None:
            screen.machine_read(news)

    # -- keys and commands -------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent | events.Resize):
            self._clock.watch()
        await super().on_event(event)

    async def on_key(self, event: events.Key) -> None:
        keys = keymaps.key_of(event.key, event.character)
        found = self.dispatcher.find(keys, printable=event.is_printable)
        if found is None:
            self.dispatcher.pass_on(event)
            return
        if isinstance(found, AppCommand) and found.id not in self.handlers_here():
            return
        event.prevent_default()
        event.stop()
        if isinstance(found, AppCommand):
            await self.dispatcher.carry_out(found)

    def handlers(self) -> Mapping[str, Handler]:
        return self.commands.handlers()

    def handlers_here(self) -> Mapping[str, Handler]:
        return self.dispatcher.handlers()

    def run_command(self, command_id: str) -> None:
        self.call_later(self.dispatcher.carry_out, BY_ID[command_id])

    # -- messages ----------------------------------------------------------------------------------

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification; markup and control characters in it have no effect."""
        text = "\n".join(sanitize(line) for line in message.split("\n"))
        super().notify(text, title=title, severity=severity, timeout=timeout, markup=False)

    def on_notify(self, event: Notify) -> None:
        """Fold bursts: remove the same notification, and the oldest of too many."""
        shown = list(self._notifications)
        repeated = [one for one in shown if one.message == event.notification.message]
        others = [one for one in shown if one not in repeated]
        for old in (*repeated, *others[: max(0, len(others) - TOASTS + 1)]):
            self._unnotify(old, refresh=False)

    def show_error(self, error: Exception) -> None:
        known = error if isinstance(error, TorcError) else TorcError(str(error))
        text = f"{known.message}\n{known.hint}" if known.hint else known.message
        self.notify(text, severity="error", timeout=8)

    def report_jobs(self, word: str, jobs: Sequence[tuple[int, str]]) -> None:
        for job_id, name in jobs:
            self._batcher.add(word, job_id, name, time.time())

    def show_due_notices(self, now: float) -> None:
        for notice in self._batcher.due(now):
            severity: SeverityLevel = "error" if notice.kind == "failed" else "information"
            self.notify(notice.text, severity=severity, timeout=6)

    def toggle_watch(self, key: Hashable, watch: Watch, *, ended: bool) -> None:
        if ended and key not in self.watches.items:
            text = f"{watch.title}: already finished, there is nothing to wait for"
            self.notify(text, severity="warning")
            return
        watched = self.watches.toggle(key, watch)
        text = "you will be notified when it finishes" if watched else "notification canceled"
        self.notify(f"{watch.title}: {text}")

    # -- the terminal ------------------------------------------------------------------------------

    def copy(self, text: str) -> None:
        self.copy_to_clipboard(text)

    def terminal(self) -> AbstractContextManager[None]:
        return nullcontext() if self.is_headless else self.suspend()

    def write_terminal(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.set_timer(seconds, call)
