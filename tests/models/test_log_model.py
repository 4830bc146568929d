"""The index of logs against naive splitting."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.waiting import DEADLINE
from torc_tui.tui.logs.file_search import FileSearch, search
from torc_tui.tui.logs.log_file import FileChange, LogFile, LogFileLine


def naive(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def tail(log: LogFile, count: int) -> list[LogFileLine]:
    return log.before(log.size, count)


def datas(lines: list) -> list[bytes]:
    return [line.data for line in lines]


CONTENT = st.lists(
    st.sampled_from([b"a", b"\n", b"long line " * 7, b"\n\n", b"\r\n", b"\x00\xff"]), max_size=60
).map(b"".join)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENT, CONTENT, st.integers(1, 40), st.integers(0, 50), st.integers(1, 8))
def test_index_equals_naive_splitting(
    tmp_path: Path, data: bytes, more: bytes, block: int, first: int, count: int
) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    with closing(LogFile(path, block=block)) as log:
        for content in (data, data + more):
            if content is not data:
                path.write_bytes(content)
                assert log.refresh() in (FileChange.GREW, FileChange.NONE)
            expected = naive(content)
            assert datas(tail(log, count)) == expected[-count:]
            while not log.advance(3):
                pass
            assert log.line_count == len(expected)
            starts = [sum(len(line) + 1 for line in expected[:at]) for at in range(len(expected))]
            assert datas(log.after(0, len(expected) + 1)) == expected
            if first < len(expected):
                assert datas(log.after(starts[first], count)) == expected[first : first + count]
            for number, start in enumerate(starts):
                assert log.number_of(start) == number and log.start_of(start) == start
                assert datas(log.before(start, 2)) == expected[max(0, number - 2) : number]


def test_long_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 1000 + b"\nshort\n")
    with closing(LogFile(path, block=64, limit=100)) as log:
        line, short = tail(log, 5)
        assert (line.data, line.missing) == (b"x" * 100, 900)
        assert (short.data, short.missing) == (b"short", 0)
        assert log.text_of(line) == b"x" * 1000 and log.text_of(line, 10) == b"x" * 10
        assert log.after(line.start, 1) == [line]


def test_growth_truncation_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path)
    assert not log.exists and tail(log, 3) == [] and log.refresh() is FileChange.GONE
    path.write_bytes(b"one\n")
    assert log.refresh() is FileChange.GREW and log.refresh() is FileChange.NONE
    assert log.advance() and log.line_count == 1
    with path.open("ab") as file:
        file.write(b"two")
    assert log.refresh() is FileChange.GREW and not log.complete and log.line_count is None
    assert datas(tail(log, 5)) == [b"one", b"two"] and log.advance() and log.line_count == 2
    with path.open("ab") as file:
        file.write(b" and more\n")
    log.refresh()
    assert log.advance() and log.line_count == 2 and datas(log.after(4, 5)) == [b"two and more"]
    path.write_bytes(b"x\n")
    assert log.refresh() is FileChange.REPLACED and datas(tail(log, 5)) == [b"x"]
    other = tmp_path / "other"
    other.write_bytes(b"quite another\n")
    other.rename(path)
    assert log.refresh() is FileChange.REPLACED and datas(tail(log, 5)) == [b"quite another"]
    path.unlink()
    assert log.refresh() is FileChange.GONE and datas(tail(log, 5)) == [b"quite another"]
    log.close()


def test_tail_of_a_large_file_reads_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"0123456789abcde\n" * (1 << 18))  # 4 MiB
    read = []
    pread = os.pread
    with closing(LogFile(path)) as log:
        monkeypatch.setattr(
            os, "pread", lambda fd, length, offset: read.append(length) or pread(fd, length, offset)
        )
        assert len(tail(log, 50)) == 50
        assert len(read) <= 2 and sum(read) <= 3 * 256 * 1024
        assert log.advance(1000) and log.line_count == 1 << 18
        assert len(log._counts) <= 16
        read.clear()
        assert log.after(200_000 * 16, 60)[0].start == 200_000 * 16
        assert log.number_of(200_000 * 16) == 200_000
        assert sum(read) <= 4 * 256 * 1024


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [("error", [0, 2, 4]), ("Error", [2]), ("é", [3]), ("nothing", []), ("", [])],
)
def test_search(tmp_path: Path, pattern: str, lines: list[int]) -> None:
    content = ["an error", "fine", "Error here", "é", "error error twice", "end"]
    path = tmp_path / "log"
    path.write_text("\n".join(content))
    offsets = [sum(len(line.encode()) + 1 for line in content[:number]) for number in lines]
    for step in (1 << 20, 7, 3):
        *_, last = search(str(path), pattern, step=step)
        assert last.done and last.error is None and last.total == len(lines)
        assert list(last.starts) == offsets


def test_search_errors_and_stop(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\n" * 1000)
    (gone,) = search(str(tmp_path / "none"), "a")
    assert gone.done and gone.error == "No such file or directory"
    running = FileSearch(str(path), "a")
    assert running.join(DEADLINE) and running.hits.done and running.hits.total == 1000
    stopped = FileSearch(str(path), "a")
    stopped.stop()
    assert stopped.join(DEADLINE) and stopped.hits.done
