"""Two files as one merged: order as it was seen, lines never parted, both directions agree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torc_tui.tui.logs.log_pieces import AS_IT_CAME
from torc_tui.tui.logs.merged_log import MergedLine, MergedLog, Place, Stream


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "job.o", tmp_path / "job.e"


def tape_of(files: tuple[Path, Path]) -> MergedLog:
    return MergedLog([Stream("stdout", str(files[0])), Stream("stderr", str(files[1]))])


def shown(lines: list[MergedLine]) -> list[str]:
    return [
        f"== {line.heading}" if line.heading else f"{'oe'[line.stream]} {line.data.decode()}"
        for line in lines
    ]


def everything(merged: MergedLog) -> list[str]:
    return shown(merged.after(merged.start, 1000))


def test_order_of_arrival(files: tuple[Path, Path]) -> None:
    merged = tape_of(files)
    assert not merged.exists and everything(merged) == []
    add(files[0], b"one\n")
    assert merged.refresh()
    add(files[1], b"bad\nworse\n")
    assert merged.refresh()
    add(files[0], b"two\n")
    assert merged.refresh() and not merged.refresh()
    assert everything(merged) == ["o one", "e bad", "e worse", "o two"]
    assert shown(merged.before(merged.end, 2)) == ["e worse", "o two"]
    merged.close()


def test_unknown_order_has_headings(files: tuple[Path, Path]) -> None:
    add(files[0], b"one\ntwo\n")
    add(files[1], b"bad\n")
    os.utime(files[1], (1, 1))
    merged = tape_of(files)
    heads = [line for line in everything(merged) if line.startswith("==")]
    assert heads == [
        "== stderr · order relative to stdout unknown",
        "== stdout · order relative to stderr unknown",
    ]
    assert everything(merged)[-1] == "o two", "the file that was written last is last"
    add(files[1], b"new\n")
    merged.refresh()
    assert everything(merged)[-2:] == [f"== {AS_IT_CAME}", "e new"]
    merged.close()


def test_one_file_alone_has_no_heading(files: tuple[Path, Path]) -> None:
    add(files[0], b"one\n")
    files[1].touch()
    merged = tape_of(files)
    assert everything(merged) == ["o one"]
    merged.close()


def test_lines_are_not_divided(files: tuple[Path, Path]) -> None:
    merged = tape_of(files)
    for data, place in ((b"half", 0), (b"bad\n", 1), (b" and", 0), (b" whole\nnext\n", 0)):
        add(files[place], data)
        merged.refresh()
    assert everything(merged) == ["o half and whole", "e bad", "o next"]
    merged.close()


def test_empty_file_is_deleted(files: tuple[Path, Path]) -> None:
    """The runner removes empty logs some seconds after the end."""
    add(files[0], b"text\n")
    files[1].touch()
    merged = tape_of(files)
    files[1].unlink()
    assert not merged.refresh() and merged.gone == [False, False]
    merged.close()


def test_replaced_and_truncated_files(files: tuple[Path, Path]) -> None:
    add(files[0], b"old\n" * 10)
    merged = tape_of(files)
    files[0].write_bytes(b"new\n")
    assert merged.refresh() and merged.generation == 1
    assert everything(merged) == ["o new"]
    files[0].unlink()
    assert merged.refresh() and merged.gone == [True, False]
    assert everything(merged) == ["o new"], "what is open can still be read"
    add(files[0], b"third\n")
    assert merged.refresh() and merged.generation == 2 and merged.gone == [False, False]
    assert everything(merged) == ["o third"]
    merged.close()


def test_progress_bar_shows_its_last_state(files: tuple[Path, Path]) -> None:
    add(files[0], b"".join(b"\rstep %d of 5000" % n for n in range(5001)))
    merged = tape_of(files)
    assert everything(merged) == ["o step 5000 of 5000"]
    merged.close()


def test_numbers_and_whole_lines(files: tuple[Path, Path]) -> None:
    add(files[0], b"a\n" + b"x" * 40_000 + b"\nb\n")
    merged = tape_of(files)
    while not merged.advance(1):
        pass
    lines = merged.numbered(merged.after(merged.start, 10))
    assert [line.number for line in lines] == [0, 1, 2]
    assert lines[1].missing > 0 and len(merged.whole(lines[1])) == 40_000
    assert merged.line_counts == [3, 0] or merged.line_counts == [3, None]
    merged.close()


def test_rank_of_hits(files: tuple[Path, Path]) -> None:
    merged = tape_of(files)
    for data, place in ((b"x0\nx3\n", 0), (b"x0\n", 1), (b"x6\n", 0)):
        add(files[place], data)
        merged.refresh()
    hits = {0: [0, 3, 6], 1: [0]}
    places = [merged.hit(hits, number) for number in range(5)]
    assert places == [Place(0, 0), Place(0, 3), Place(1, 0), Place(2, 6), None]
    assert [merged.rank(hits, place) for place in places if place is not None] == [0, 1, 2, 3]
    assert merged.rank(hits, merged.end) == 4
    merged.close()


CHUNK = st.tuples(st.integers(0, 1), st.sampled_from([b"a\n", b"b", b"\n", b"cc\ndd\n", b"e\r\n"]))


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(CHUNK, max_size=25), st.integers(0, 10))
def test_both_directions_agree(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[int, bytes]], early: int
) -> None:
    folder = tmp_path_factory.mktemp("merged")
    files = (folder / "o", folder / "e")
    for place, data in chunks[:early]:
        add(files[place], data)
    merged = tape_of(files)
    for place, data in chunks[early:]:
        add(files[place], data)
        merged.refresh()
    lines = merged.after(merged.start, 1000)
    assert merged.before(merged.end, 1000) == lines
    for stream in (0, 1):
        content = b"".join(data for place, data in chunks if place == stream)
        want = content.split(b"\n")[: None if content and not content.endswith(b"\n") else -1]
        assert [line.data for line in lines if line.stream == stream and not line.heading] == want
    for number, line in enumerate(lines):
        assert merged.after(line.place, 1000) == lines[number:]
        assert merged.before(line.place, 1000) == lines[:number]
        assert line.heading or merged.place_of(line.stream, line.place.offset) == line.place
    assert [line.place for line in lines] == sorted(line.place for line in lines)
    merged.close()


def test_no_fifo_is_opened(files: tuple[Path, Path]) -> None:
    """Opening a FIFO would wake the process that waits for a reader."""
    for path in files:
        path.unlink(missing_ok=True)
    os.mkfifo(files[0])
    merged = MergedLog([Stream("stdout", str(files[0])), Stream("stderr", str(files[1]))])
    assert not merged.exists and merged.problem() == f"{files[0]}: not a regular file"
    with pytest.raises(OSError, match="No such device"):  # there is no reader
        os.open(files[0], os.O_WRONLY | os.O_NONBLOCK)
    merged.refresh()
    with pytest.raises(OSError, match="No such device"):
        os.open(files[0], os.O_WRONLY | os.O_NONBLOCK)
