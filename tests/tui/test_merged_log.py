"""Two files as one tape: order as it was seen, lines never parted, both directions agree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torc_tui.tui.logs.merged_log import AS_IT_CAME, MergedLine, MergedLog, Place, Stream


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


def everything(tape: MergedLog) -> list[str]:
    return shown(tape.after(tape.start, 1000))


def test_order_of_arrival(files: tuple[Path, Path]) -> None:
    tape = tape_of(files)
    assert not tape.exists and everything(tape) == []
    add(files[0], b"one\n")
    assert tape.refresh()
    add(files[1], b"bad\nworse\n")
    assert tape.refresh()
    add(files[0], b"two\n")
    assert tape.refresh() and not tape.refresh()
    assert everything(tape) == ["o one", "e bad", "e worse", "o two"]
    assert shown(tape.before(tape.end, 2)) == ["e worse", "o two"]
    tape.close()


def test_unknown_order_has_headings(files: tuple[Path, Path]) -> None:
    add(files[0], b"one\ntwo\n")
    add(files[1], b"bad\n")
    os.utime(files[1], (1, 1))
    tape = tape_of(files)
    heads = [line for line in everything(tape) if line.startswith("==")]
    assert heads == [
        "== stderr · order relative to stdout unknown",
        "== stdout · order relative to stderr unknown",
    ]
    assert everything(tape)[-1] == "o two", "the file that was written last is last"
    add(files[1], b"new\n")
    tape.refresh()
    assert everything(tape)[-2:] == [f"== {AS_IT_CAME}", "e new"]
    tape.close()


def test_one_file_alone_has_no_heading(files: tuple[Path, Path]) -> None:
    add(files[0], b"one\n")
    files[1].touch()
    tape = tape_of(files)
    assert everything(tape) == ["o one"]
    tape.close()


def test_lines_are_not_divided(files: tuple[Path, Path]) -> None:
    tape = tape_of(files)
    for data, place in ((b"half", 0), (b"bad\n", 1), (b" and", 0), (b" whole\nnext\n", 0)):
        add(files[place], data)
        tape.refresh()
    assert everything(tape) == ["o half and whole", "e bad", "o next"]
    tape.close()


def test_replaced_and_truncated_files(files: tuple[Path, Path]) -> None:
    add(files[0], b"old\n" * 10)
    tape = tape_of(files)
    files[0].write_bytes(b"new\n")
    assert tape.refresh() and tape.generation == 1
    assert everything(tape) == ["o new"]
    files[0].unlink()
    assert tape.refresh() and tape.gone == [True, False]
    assert everything(tape) == ["o new"], "what is open can still be read"
    add(files[0], b"third\n")
    assert tape.refresh() and tape.generation == 2 and tape.gone == [False, False]
    assert everything(tape) == ["o third"]
    tape.close()


def test_progress_bar_shows_its_last_state(files: tuple[Path, Path]) -> None:
    add(files[0], b"".join(b"\rstep %d of 5000" % n for n in range(5001)))
    tape = tape_of(files)
    assert everything(tape) == ["o step 5000 of 5000"]
    tape.close()


def test_numbers_and_whole_lines(files: tuple[Path, Path]) -> None:
    add(files[0], b"a\n" + b"x" * 40_000 + b"\nb\n")
    tape = tape_of(files)
    while not tape.advance(1):
        pass
    lines = tape.numbered(tape.after(tape.start, 10))
    assert [line.number for line in lines] == [0, 1, 2]
    assert lines[1].missing > 0 and len(tape.whole(lines[1])) == 40_000
    assert tape.line_counts == [3, 0] or tape.line_counts == [3, None]
    tape.close()


def test_rank_of_hits(files: tuple[Path, Path]) -> None:
    tape = tape_of(files)
    for data, place in ((b"x0\nx3\n", 0), (b"x0\n", 1), (b"x6\n", 0)):
        add(files[place], data)
        tape.refresh()
    hits = {0: [0, 3, 6], 1: [0]}
    places = [tape.hit(hits, number) for number in range(5)]
    assert places == [Place(0, 0), Place(0, 3), Place(1, 0), Place(2, 6), None]
    assert [tape.rank(hits, place) for place in places if place is not None] == [0, 1, 2, 3]
    assert tape.rank(hits, tape.end) == 4
    tape.close()


CHUNK = st.tuples(st.integers(0, 1), st.sampled_from([b"a\n", b"b", b"\n", b"cc\ndd\n", b"e\r\n"]))


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(CHUNK, max_size=25), st.integers(0, 10))
def test_both_directions_agree(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[int, bytes]], early: int
) -> None:
    folder = tmp_path_factory.mktemp("tape")
    files = (folder / "o", folder / "e")
    for place, data in chunks[:early]:
        add(files[place], data)
    tape = tape_of(files)
    for place, data in chunks[early:]:
        add(files[place], data)
        tape.refresh()
    lines = tape.after(tape.start, 1000)
    assert tape.before(tape.end, 1000) == lines
    for stream in (0, 1):
        content = b"".join(data for place, data in chunks if place == stream)
        want = content.split(b"\n")[: None if content and not content.endswith(b"\n") else -1]
        assert [line.data for line in lines if line.stream == stream and not line.heading] == want
    for number, line in enumerate(lines):
        assert tape.after(line.place, 1000) == lines[number:]
        assert tape.before(line.place, 1000) == lines[:number]
        assert line.heading or tape.place_of(line.stream, line.place.offset) == line.place
    assert [line.place for line in lines] == sorted(line.place for line in lines)
    tape.close()
