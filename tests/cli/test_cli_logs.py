"""``torc logs``: the bytes for a program, sanitize text for a terminal, the end of a file, and
following."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE
from torc_tui.cli import logs
from torc_tui.operations import stderr_tail

SPEC = """
name: talk
jobs:
  - name: talker
    command: printf 'one\\ntwo\\n'; printf 'oops \\033[31mred\\033[0m\\n' >&2
  - {name: silent, command: "true", depends_on: [talker]}
"""


@pytest.fixture
def talked(torc: Any, place: Path) -> int:
    (place / "w.yaml").write_text(SPEC)
    assert torc("run", "w.yaml", "--quiet").code == 0
    return 1


def test_whole_parts_and_end(torc: Any, talked: int) -> None:
    assert torc("logs", 1).out == "one\ntwo\noops \x1b[31mred\x1b[0m\n"
    assert torc("logs", "talker", "-w", 1, "--stdout").out == "one\ntwo\n"
    assert torc("logs", "1/talker", "--stderr").out.startswith("oops")
    assert torc("logs", 1, "--stdout", "-n", 1).out == "two\n"
    assert torc("jobs", "logs", 1, "--stdout", "-n", 0).out == ""
    found = torc("logs", 1, "-f", "json").json
    assert (found["run_id"], found["attempt_id"], sorted(found["files"])) == (
        1,
        1,
        ["stderr", "stdout"],
    )
    assert torc("logs", 1, "-f", "--stdout").out == "one\ntwo\n"
    assert torc("logs", 1, "--path").out.count("\n") == 2


def test_nothing_has_started(torc: Any, small: int) -> None:
    answer = torc("logs", "-w", small)
    assert (answer.code, f"`torc why -w {small}`" in answer.err) == (2, True)


def test_none(torc: Any, talked: int, place: Path) -> None:
    answer = torc("logs", 1, "--attempt", 5)
    assert answer.code == 2 and "has no log files of attempt 5" in answer.err
    assert "has no log files of run 7, attempt 1" in torc("logs", 1, "-r", 7, "-a", 1).err
    torc("init", 1, "--no-prompts")
    assert torc("logs", 1, "--stdout").out == "one\ntwo\n", "the last run that left any"


def test_colors_without_control_sequences(
    torc: Any, talked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path = torc("logs", 1, "-f", "json").json["files"]["stderr"]
    Path(path).write_bytes(b"\x1b[1;31mred\x1b[0m\x1b]0;title\x07\x1b[48;2;1;2;3mx\x1b[0m\nrest")
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    torc("logs", 1, "--stderr")
    assert out.getvalue() == "\x1b[1;38;5;1mred\x1b[0m\x1b[48;2;1;2;3mx\x1b[0m\nrest\n"
    monkeypatch.setenv("NO_COLOR", "1")
    out.seek(0)
    out.truncate()
    torc("logs", 1, "--stderr")
    assert out.getvalue() == "redx\nrest\n"


@pytest.mark.parametrize("block", [4, 1 << 20])
@pytest.mark.parametrize(
    ("text", "count", "rest"),
    [
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\n", 5, b"a\nb\n"),
        (b"", 3, b""),
        (b"a\n\n\n", 2, b"\n\n"),
        (b"a\nb\n", 0, b""),
        (b"long line\nnext line\n", 1, b"next line\n"),
    ],
)
def test_the_last_lines(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block: int,
    text: bytes,
    count: int,
    rest: bytes,
) -> None:
    monkeypatch.setattr(logs, "_BLOCK", block)
    path = tmp_path / "log"
    path.write_bytes(text)
    assert text[logs._start(str(path), count) :] == rest


def test_human_readable_tail(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(b"x\n" * 10_000 + b"\x1b]0;t\x07last \xff\n\n\n")
    assert stderr_tail.tail(str(path), 2) == ["x", "last \ufffd"]
    assert stderr_tail.tail(str(tmp_path / "none"), 2) == []


def test_following_until_the_job_ends(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: 'echo begin; cat gate; echo end'}]\n"
    )
    import os

    os.mkfifo(place / "gate")
    from torc_tui.cli.main import main

    torc("create", "w.yaml")
    runner = threading.Thread(target=main, args=(["run", "1", "--quiet"],))
    runner.start()
    opener = threading.Thread(target=(place / "gate").write_text, args=("middle\n",))
    opener.start()
    answer = torc("logs", "1", "-f", "--stdout")
    runner.join(DEADLINE)
    opener.join(DEADLINE)
    assert answer.out == "begin\nmiddle\nend\n"


def test_names_after_two_dashes(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: -v, command: echo dash}]}")
    assert torc("run", "w.yaml", "--quiet").code == 0
    assert torc("logs", "-w", 1, "--", "-v").out == "dash\n"
    assert torc("logs", "--", "w/-v").out == "dash\n"
    wrong = torc("logs", "-w", 1, "--", "-v", "--path")
    assert wrong.code == 2 and "unexpected argument '--path'" in wrong.err
    assert torc("jobs", "priority", "-w", 1, "--", "-5", "-v").code == 2  # it has completed


def test_logs_without_a_job(torc: Any, talked: int, place: Path) -> None:
    """Without a job, the log of the last failed job is shown, else of the last job that ran."""
    answer = torc("logs", "-w", 1)
    assert answer.out == "" and "silent (job 2), completed" in answer.err
    assert "the output of silent is empty" in torc("logs", "silent").err
    jobs = [
        "{name: first, command: 'echo one; exit 1'}",
        "{name: second, command: 'echo two; exit 1', depends_on: [first]}",
        "{name: third, command: 'echo three', depends_on: [second]}",
    ]
    text = f"name: bad\njobs: [{', '.join(jobs)}]\n"
    text = text.replace("depends_on: [first]", "depends_on: []")
    (place / "bad.yaml").write_text(text)
    assert torc("run", "bad.yaml", "--quiet", "--max-parallel-jobs", 1).code == 1
    for words in ([], ["bad"], ["@last"], ["-w", 2]):
        answer = torc("logs", *words)
        assert answer.out == "two\n" and "second (job 4), failed" in answer.err, words
    torc("workflows", "new", "-n", "empty")
    assert "no job of workflow 3 has started" in torc("logs", "empty").err


def test_logs_of_jobs_that_match(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "jobs:\n  - {name: 'fit_{i}', command: 'echo {i}; echo e{i} >&2', parameters: {i: '1:3'}}\n"
        "  - {name: fit_last, command: echo 4, depends_on: [no]}\n"
        "  - {name: no, command: exit 1}\n"
    )
    assert torc("run", "w.yaml", "-q").code == 1
    answer = torc("logs", "fit_*", "--stdout")
    assert answer.out == "1\n2\n3\n"
    assert "--- fit_2 (job 2), completed\n" in answer.err
    assert "1 other job without log files" in answer.err
    assert torc("logs", "fit_{i}", "--stderr").out == "e1\ne2\ne3\n"
    assert torc("logs", "1/fit_[12]", "--path", "--stdout").out.count("\n") == 2
    found = torc("logs", "fit_?", "-w", 1, "-f", "json").json
    assert [(one["name"], sorted(one["files"])) for one in found] == [
        (f"fit_{i}", ["stderr", "stdout"]) for i in (1, 2, 3)
    ]
    answer = torc("logs", "none_*")
    assert answer.code == 2 and "no job of workflow 1 matches 'none_*'" in answer.err
    answer = torc("logs", "fit_l*")
    assert answer.code == 2 and "no job that matches 'fit_l*' has log files" in answer.err
    answer = torc("logs", "fit_*", "--follow")
    assert answer.code == 2 and "--follow is for one job" in answer.err
