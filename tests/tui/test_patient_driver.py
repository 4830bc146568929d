"""The thread that reads the terminal: it passes keys on, sleeps without input, and ends when told."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator

import pytest
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tests.waiting import DEADLINE, wait_for
from torc_tui.tui.shell import patient_driver
from torc_tui.tui.shell.patient_driver import PatientDriver, WakingEvent, patient


class Typed(PatientDriver):
    """The driver of a pipe instead of a terminal."""

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno
        self.exit_event = WakingEvent()
        self._debug = False
        self.events: list[Message] = []

    def process_message(self, message: Message) -> None:
        self.events.append(message)

    @property
    def keys(self) -> list[str]:
        return [event.key for event in self.events if isinstance(event, events.Key)]


class Terminal:
    def __init__(self) -> None:
        reads, self.writes = os.pipe()
        self.driver = Typed(reads)
        self.pauses: list[float | None] = []
        self.thread = threading.Thread(target=self.driver.run_input_thread, daemon=True)

    def type(self, text: bytes) -> None:
        os.write(self.writes, text)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    found = Terminal()

    class Watched:
        """The module `select`, which records the pauses."""

        @staticmethod
        def select(*arguments: object) -> object:
            found.pauses.append(arguments[-1])  # type: ignore[arg-type]
            real: Callable[..., object] = select.select
            return real(*arguments)

    monkeypatch.setattr(patient_driver, "select", Watched)
    found.thread.start()
    yield found
    found.driver.exit_event.set()
    found.thread.join(DEADLINE)
    assert not found.thread.is_alive()


def test_keys(terminal: Terminal) -> None:
    terminal.type(b"a\x1b[B")
    wait_for(lambda: terminal.driver.keys == ["a", "down"])
    terminal.type("ä".encode()[:1])
    terminal.type("ä".encode()[1:] + b"q")
    wait_for(lambda: len(terminal.driver.keys) == 4)
    assert terminal.driver.keys[3] == "q"


def test_escape_alone(terminal: Terminal) -> None:
    terminal.type(b"\x1b")
    wait_for(lambda: terminal.driver.keys == ["escape"])


def test_sleeps_without_input(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_driver, "COMPLETE", 0.0)
    wait_for(lambda: terminal.pauses[-1] is None)
    terminal.type(b"a")
    wait_for(lambda: terminal.driver.keys == ["a"])
    wait_for(lambda: terminal.pauses[-1] is None)


def test_starts_again(terminal: Terminal) -> None:
    driver = terminal.driver
    for number in range(3):
        driver.exit_event.set()
        terminal.thread.join(DEADLINE)
        driver.exit_event.clear()
        terminal.thread = threading.Thread(target=driver.run_input_thread, daemon=True)
        terminal.thread.start()
        terminal.type(b"a")
        wait_for(lambda number=number: len(driver.keys) == number + 1)


def test_end_of_the_input(terminal: Terminal) -> None:
    os.close(terminal.writes)
    terminal.thread.join(DEADLINE)
    assert not terminal.thread.is_alive()


def test_other_drivers_stay() -> None:
    assert patient(LinuxDriver) is PatientDriver
    assert patient(HeadlessDriver) is HeadlessDriver
