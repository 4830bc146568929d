"""The logs of several jobs as one stream: order, tags, pieces, and the tab Log with marks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.driving import screen, screen_text, sees, until
from tests.tui.test_log_pane import FIRST, FOURTH, SECOND, Story, open_log, pane
from torc_tui.tui.logs import log_pieces
from torc_tui.tui.logs.log_lines import LogLines
from torc_tui.tui.logs.log_pieces import AS_IT_CAME, BY_FILE, NO_PIECE
from torc_tui.tui.logs.log_tags import tag_texts
from torc_tui.tui.logs.log_window import LogWindow
from torc_tui.tui.logs.merged_log import MergedLine, MergedLog, Place, Stream
from torc_tui.tui.look.text_layout import width_of

MANY = 32


class Logs:
    """The logs of many jobs, in one merged log."""

    def __init__(self, folder: Path, number: int) -> None:
        self.paths = [folder / f"{job}.o" for job in range(number)]
        for path in self.paths:
            path.touch()
        streams = [Stream("stdout", str(path), f"job_{job}")
                   for job, path in enumerate(self.paths)]  # fmt: skip
        self.log = MergedLog(streams)

    def write(self, job: int, text: str) -> None:
        with self.paths[job].open("a") as file:
            file.write(text)

    @property
    def lines(self) -> list[str]:
        found = self.log.after(self.log.start, 100_000)
        assert found[-50:] == self.log.before(self.log.end, 50)[-len(found) :]
        return [line.heading or line.data.decode() for line in found]


def test_many_logs_in_the_order_of_arrival(tmp_path: Path) -> None:
    logs = Logs(tmp_path, MANY)
    expected = []
    chance = random.Random(1)
    for step in range(300):
        job = chance.randrange(MANY)
        logs.write(job, f"{job} at {step}\n")
        expected.append(f"{job} at {step}")
        assert logs.log.refresh()
    assert logs.lines == expected
    logs.log.close()


def test_what_was_written_before_is_ordered_by_log(tmp_path: Path) -> None:
    logs = Logs(tmp_path, 3)
    for job in range(3):
        logs.write(job, f"early {job}\n")
    logs.log = MergedLog(logs.log.streams)
    logs.write(1, "late 1\n")
    logs.log.refresh()
    assert logs.lines[0] == BY_FILE and logs.lines.count(BY_FILE) == 1
    assert sorted(logs.lines[1:4]) == ["early 0", "early 1", "early 2"]
    assert logs.lines[-1] == "late 1"


def test_a_log_that_is_added_comes_last(tmp_path: Path) -> None:
    logs = Logs(tmp_path, 2)
    logs.write(0, "a\n")
    logs.log.refresh()
    (tmp_path / "new").write_text("b\n")
    logs.log.add([Stream("stdout", str(tmp_path / "new"), "job_new")])
    logs.write(1, "c\n")
    logs.log.refresh()
    assert logs.lines == ["a", "b", "c"]
    assert [line.stream for line in logs.log.before(logs.log.end, 3)] == [0, 2, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=20, max_size=80),
       st.integers(10, 20))  # fmt: skip
def test_too_many_pieces_keep_all_lines(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_pieces, "PIECES", most)
        logs = Logs(tmp_path_factory.mktemp("logs"), 4)
        written: list[str] = []
        for step, (job, number) in enumerate(steps):
            text = [f"{job} {step} {line}" for line in range(number)]
            logs.write(job, "".join(f"{line}\n" for line in text))
            logs.log.refresh()
            written += text
        lines = [line for line in logs.lines if line not in (BY_FILE, AS_IT_CAME)]
        assert sorted(lines) == sorted(written)
        assert lines[-1] == written[-1]
        for job in range(4):
            own = [line for line in lines if line.startswith(f"{job} ")]
            assert own == [line for line in written if line.startswith(f"{job} ")]
        assert sum(piece is not NO_PIECE for piece in logs.log.pieces) <= most
        for at in range(len(logs.log.pieces)):  # old places lead somewhere
            logs.log.before(Place(at, 5), 3)
            logs.log.after(Place(at, -1), 3)
        logs.log.close()


# -- tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "cells", "tags"),
    [
        (["a", "bcd"], 80, ["a  ", "bcd"]),
        (["train_model_lr_0.1", "train_model_lr_0.01"], 40, ["…0.1 ", "…0.01"]),
        (["x" * 30 + "A" + "y" * 30, "x" * 30 + "B" + "z" * 30], 40, ["…Ayyy…yyyy", "…Bzzz…zzzz"]),
        (["same" * 20], 40, ["sames…same"]),
        (["\x1b[2Ja", "b"], 80, ["�[2Ja", "b    "]),
    ],
    ids=["pad", "common", "middle", "one", "hostile"],
)
def test_tags(names: list[str], cells: int, tags: list[str]) -> None:
    assert tag_texts(names, cells) == tags


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5), st.integers(1, 200))
def test_tags_are_equally_wide(names: list[str], cells: int) -> None:
    widths = {width_of(tag) for tag in tag_texts(names, cells)}
    assert len(widths) == 1 and widths.pop() <= max(4, cells // 4)


def test_gutter_of_several_jobs() -> None:
    lines = LogLines()
    lines.cells = 80
    streams = (Stream("stdout", "/a.o", "a"), Stream("stderr", "/a.e", "a"),
               Stream("stdout", "/b.o", "bb"))  # fmt: skip
    lines.window = LogWindow(streams=streams, sizes=[1, 1, 1])

    def gutter(stream: int) -> str:
        line = MergedLine(Place(0, 0), stream, b"x")
        return "".join(text for text, _ in lines.gutter_spans(line))

    assert [gutter(stream) for stream in range(3)] == ["a  │ ", "a  ▎ ", "bb │ "]
    assert lines.gutter == 5
    first, third = (lines.gutter_spans(MergedLine(Place(0, 0), one, b""))[0][1] for one in (0, 2))
    assert first != third


# -- the tab ---------------------------------------------------------------------------------------


async def test_marked_jobs_are_followed_at_once(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for job in (FIRST, SECOND):
        story.run(job)
        story.file(job, "o").write_text(f"hello from {job}\n")
        story.file(job, "e").touch()
    async with story.app().run_test(size=(140, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "hello from 1"))
        screen(pilot).table.set_marks({FIRST, SECOND, FOURTH})
        await until(pilot, sees(pilot, "first  │ hello from 1", "second │ hello from 2",
                                "3 marked jobs", "● following"))  # fmt: skip
        with story.file(SECOND, "e").open("a") as file:
            file.write("10 %\r20 %\r30 %\noops\x1b[2J\n")
        await until(pilot, sees(pilot, "second ▎ 30 %", "second ▎ oops"))
        story.run(FOURTH)
        story.file(FOURTH, "log").write_text("late\n")
        await until(pilot, sees(pilot, "fourth │ late", "second ▎ oops"))
        with story.file(FIRST, "o").open("a") as file:
            file.write("last of all\n")
        await until(pilot, sees(pilot, "first  │ last of all"))
        text = screen_text(pilot)
        assert text.index("oops") < text.index("late") < text.index("last of all")
        await pilot.press("slash", *"oops", "enter")
        await until(pilot, sees(pilot, "1 of 1"))
        await pilot.press("escape")
        copied: list[str] = []
        pilot.app.copy = copied.append  # type: ignore[attr-defined, method-assign]
        await pilot.press("Y")
        await until(pilot, lambda: bool(copied))
        assert "second | oops" in copied[0] and "first | last of all" in copied[0]
        screen(pilot).table.set_marks(set())
        await until(pilot, lambda: "second" not in "".join(
            "".join(row[0] for row in pane(pilot).log_view.log_lines.gutter_spans(line))
            for line in pane(pilot).log_view.on_screen))  # fmt: skip
        await until(pilot, sees(pilot, "last of all", "stdout"))
    story.store.close()


async def test_marked_jobs_without_output(tmp_path: Path) -> None:
    story = Story(tmp_path)
    async with story.app().run_test(size=(140, 30)) as pilot:
        await open_log(pilot, FIRST)
        screen(pilot).table.set_marks({FIRST, SECOND})
        await until(pilot, sees(pilot, "none of the 2 marked jobs has started"))
        story.run(FIRST)
        story.file(FIRST, "o").touch()
        await until(pilot, sees(pilot, "the marked jobs have written nothing"))
        await pilot.press("o")
        await until(pilot, sees(pilot, "2 marked jobs", "stdout"))
    story.store.close()


async def test_a_marked_job_that_prints_very_much(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for job in (FIRST, SECOND):
        story.run(job)
        story.file(job, "o").write_text("begin\n")
    async with story.app().run_test(size=(140, 30)) as pilot:
        await open_log(pilot, FIRST)
        screen(pilot).table.set_marks({FIRST, SECOND})
        await until(pilot, sees(pilot, "second │ begin"))
        with story.file(SECOND, "o").open("a") as file:
            for _ in range(100):
                file.write("a line of a loop without end\n" * 36_000)
            file.write("the end\n")
        await until(pilot, sees(pilot, "second │ the end"))
        await pilot.press("home")
        await until(pilot, sees(pilot, "first  │ begin"))
    story.store.close()


@pytest.mark.parametrize("size", [(1, 1), (40, 10), (200, 60)], ids=str)
async def test_sizes_of_several_logs(tmp_path: Path, size: tuple[int, int]) -> None:
    story = Story(tmp_path)
    for job in (FIRST, SECOND):
        story.run(job)
        story.file(job, "o").write_text("hello\n")
    async with story.app().run_test(size=size) as pilot:
        await open_log(pilot, FIRST)
        screen(pilot).table.set_marks({FIRST, SECOND})
        await until(pilot, lambda: len(pane(pilot).log_view.window.streams) > 2)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: bool(pane(pilot).log_view.on_screen))
    story.store.close()
