"""The end of a run is announced, and a notifier never keeps the exit code back."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for
from torc_tui.cli import notify
from torc_tui.cli.notify import Notifiers, announce

ONE_JOB = "{name: w, jobs: [{name: a, command: 'exit 3'}]}"
COMMAND = 'echo "$1|$TORC_NOTICE|$TORC_WORKFLOW_ID|$TORC_RUN_ID|$TORC_EXIT_CODE" > told'


@pytest.fixture
def ran(torc: Any, place: Path) -> Any:
    """Run a workflow with a job that fails; return the answer."""

    def run(*words: str, settings: str = "", text: str = ONE_JOB) -> Any:
        (place / "w.yaml").write_text(text)
        (place / "torc.toml").write_text(settings)
        return torc("run", "w.yaml", "--new" if "--new" in words else "-q", *words)

    return run


def test_command(ran: Any, place: Path) -> None:
    answer = ran(settings=f"[notify]\ncommand = '''{COMMAND}'''\n")
    assert answer.code == 1
    first, second, *rest = (place / "told").read_text().strip().split("|")
    assert first == second and first.startswith("Workflow 1 (w) failed: 1 failed, in ")
    assert rest == ["1", "1", "1"]


def test_nothing_without_settings(ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(notify, "announce", lambda *about: told.append(about))
    ran()
    assert told == []
    ran("--notify")
    ((how, _, _),) = told
    assert how == Notifiers(None, bell=True, desktop=True, timeout=10.0)
    ran("--no-notify", settings="[notify]\nbell = true\n")
    assert len(told) == 1


def test_settings_decide(ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(notify, "announce", lambda *about: told.append(about))
    for words in ((), ("--notify",)):
        ran(*words, settings="[notify]\nbell = true\ntimeout = 3\n")
        assert told.pop()[0] == Notifiers(None, bell=True, desktop=False, timeout=3.0)
    answer = ran(settings="[notify]\nbell = 'loud'\n")
    assert "notify.bell must be true or false, not 'loud'" in answer.err
    assert answer.code == 2 and "Created" not in answer.out  # before anything runs


def test_settings_of_another_user(ran: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def foreign(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        fields = list(found)
        fields[4] = found.st_uid + 12345
        return os.stat_result(fields)

    monkeypatch.setattr("torc_tui.config_file.os.fstat", foreign)
    answer = ran(settings=f"[notify]\ncommand = '''{COMMAND}'''\n")
    assert "torc.toml is ignored because it belongs to" in answer.err
    assert not (place / "told").exists()


def test_the_file_of_the_template(torc: Any, place: Path) -> None:
    torc("config", "init", "--local")
    text = (place / "torc.toml").read_text().replace("# bell", "bell").replace("#bell", "bell")
    (place / "torc.toml").write_text(text)
    assert torc("config", "validate").code == 0


def test_a_notifier_that_hangs_is_killed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its children, and the exit code does not wait longer than the limit."""
    command = f"trap '' TERM HUP; sleep 600 & echo $! > {place}/child; sleep 600"
    began = time.monotonic()
    announce(Notifiers(command, bell=False, desktop=False, timeout=1.0), "x", {})
    assert 1.0 <= time.monotonic() - began < DEADLINE
    assert "notify.command did not end within 1.0 s and was killed" in capsys.readouterr().err
    child = int((place / "child").read_text())

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    wait_for(is_gone, "the child is gone")


@pytest.mark.parametrize(
    ("command", "said"),
    [("exit 7", "notify.command failed (exit 7)"), ("true", "")],
    ids=["fails", "succeeds"],
)
def test_a_notifier_that_fails(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    announce(Notifiers(command, bell=False, desktop=False, timeout=20.0), "x", {})
    assert said in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bell_and_desktop_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no program for the desktop, the terminal shows the notification."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setattr(notify, "desktop_command", lambda text: None)
    announce(Notifiers(None, bell=True, desktop=True, timeout=1.0), "done\x07\x1b]0;x", {})
    written = terminal.getvalue()
    assert written.startswith("\a\x1b]9;done") and written.count("\x07") == 2


def test_no_bell_without_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    announce(Notifiers(None, bell=True, desktop=False, timeout=1.0), "x", {})
    assert capsys.readouterr() == ("", "")


def test_program_of_the_desktop(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = place / "notify-send"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert notify.desktop_command("-x") == [str(program), "--app-name=torc", "--", "torc", "-x"]
    monkeypatch.delenv("DISPLAY")
    assert notify.desktop_command("x") is None
