"""The search in the logs of many jobs: hits, counts and stop."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from tests.waiting import DEADLINE, wait_for
from torc_tui.tui.logs.file_search import FileSearch
from torc_tui.tui.logs.log_grep import KEPT_PER_FILE, LogGrep, LogSource, hits_in
from torc_tui.tui.logs.merged_log import Stream


def log(path: Path, job: int = 1) -> LogSource:
    return LogSource(job, f"job_{job}", 1, 1, Stream("stdout", str(path)))


def finish(grep: LogGrep) -> None:
    def step() -> bool:
        if not grep.take():
            grep.join(0.001)
        return grep.done

    wait_for(step, "the search ends", interval=0)


def test_lines_numbers_and_offsets_across_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    lines = [b"line %d%s" % (n, b" ERROR" if n % 7 == 0 else b"") for n in range(1, 300)]
    path.write_bytes(b"\n".join(lines))
    hits = [hit for hit in hits_in(log(path), "error", step=64) if hit is not None]
    assert [hit.line for hit in hits] == list(range(7, 300, 7))
    data = path.read_bytes()
    assert all(data[hit.offset :].startswith(b"line %d ERROR" % hit.line) for hit in hits)
    assert hits[0].text == "line 7 ERROR"
    assert not list(filter(None, hits_in(log(path), "Error")))


def test_excerpt_is_safe_and_shows_the_match(tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    path.write_bytes(b"\x1b[2J[bold]needle\x07\n" + b"z" * 5000 + b"needle" + b"y" * 5000 + b"\n")
    first, second = (hit for hit in hits_in(log(path), "needle") if hit is not None)
    assert first.text == "[bold]needle"
    assert "needle" in second.text and len(second.text) < 400 and second.line == 2


def test_many_files_with_some_missing(tmp_path: Path) -> None:
    logs = []
    for job in range(200):
        path = tmp_path / f"{job}.o"
        if job % 10:
            path.write_text("one\ntwo\n" * 3)
        logs.append(log(path, job))
    grep = LogGrep()
    grep.start("two", logs)
    finish(grep)
    assert (grep.total, len(grep.jobs), grep.searched) == (540, 180, 200)
    assert len(grep.hits) == 540 and grep.hits[0].line == 2


def test_hits_per_log_are_limited(tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    path.write_bytes(b"x\n" * 25_000)
    grep = LogGrep()
    grep.start("x", [log(path)])
    finish(grep)
    assert grep.total == 25_000 and len(grep.hits) == KEPT_PER_FILE


def test_stop(tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    path.write_bytes(b"x\n" * 100_000)
    grep = LogGrep()
    grep.start("x", [log(path)] * 50)
    grep.stop()
    assert grep.join(DEADLINE) and grep.done
    assert grep.total == 0
    grep.start("", [log(path)])
    assert grep.done and not [
        thread for thread in threading.enumerate() if thread.name == "torc-grep"
    ]


def test_a_fifo_is_not_searched(tmp_path: Path) -> None:
    """Opening it would wait for a writer."""
    os.mkfifo(tmp_path / "fifo")
    source = log(tmp_path / "fifo")
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(list(hits_in(source, "x"))), daemon=True)
    thread.start()
    thread.join(30)
    assert found == [[]]
    search = FileSearch(str(tmp_path / "fifo"), "x")
    assert search.join(30) and search.hits.error == "not a regular file"
