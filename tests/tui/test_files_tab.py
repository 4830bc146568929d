"""The tab Files, by Pilot on a real database and real files: states, views, jobs, changes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import Workspace, screen, screen_text, sees, until
from tests.tui.test_every_key import done as done
from tests.tui.test_every_key import press_all
from torc_tui.lifecycle.rerun_plan import JobVerdict, RerunDecision
from torc_tui.model import Job
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.tui.files.file_page import file_page
from torc_tui.tui.files.file_rows import FileFacts, FileRows, ListedFile, changed_inputs
from torc_tui.tui.files.file_view import FileView
from torc_tui.tui.files.files_pane import FilesPane
from torc_tui.tui.files.read_file import DiskState
from torc_tui.tui.look.text_layout import line_width

pytestmark = pytest.mark.system

SPEC = """
name: pipeline
files:
  - {name: raw, path: raw.csv}
  - {name: config, path: config.yaml}
  - {name: out, path: out/result.json}
  - {name: figures, path: figures}
jobs:
  - {name: "fit_{i}", command: "true", input_files: [raw, config], parameters: {i: "1:9"}}
  - {name: report, command: "true", depends_on_regexes: ["^fit_.*"], output_files: [out, figures]}
"""
REPORT = 10


class Story(Workspace):
    """A workflow in a directory with some of its files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        (folder / "raw.csv").write_text("sample,n\nfirst,10\nsecond,9\n")
        (folder / "config.yaml").write_text("# settings\nlr: 0.1\n")
        (folder / "figures" / "sub").mkdir(parents=True)
        (folder / "figures" / "sub" / "deep.txt").write_text("deep inside\n")
        (folder / "out").mkdir()
        self.result = folder / "out" / "result.json"

    def set_status(self, job: int, status: JobStatus) -> None:
        with self.store.write() as conn:
            execute(conn, "UPDATE job SET status = ? WHERE id = ?", (int(status), job))


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path)
    yield story
    story.store.close()


def view(pilot: Pilot[int]) -> FileView:
    return screen(pilot).query_one(FileView)


async def open_file(pilot: Pilot[int], name: str) -> None:
    """Show the tab, select a file, and go to its content."""
    await until(pilot, lambda: bool(screen(pilot).table.order))
    await screen(pilot).show_tab("files")
    pane = screen(pilot).query_one(FilesPane)
    await until(pilot, lambda: bool(pane.table.order))
    key = next(number for number, file in pane.rows.files.items() if file.name == name)
    pane.table.select(key)
    pane.table.focus()
    await until(pilot, lambda: view(pilot).content and view(pilot).file == pane.rows.files[key])
    await until(pilot, lambda: view(pilot).content.path == pane.rows.files[key].place)  # type: ignore[union-attr]
    await pilot.press("enter")


async def test_states_and_jobs(story: Story) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await open_file(pilot, "out")
        await until(pilot, sees(pilot, "○ not written yet: report is uninitialized", "read by"))
        await until(pilot, sees(pilot, "There is no such file."))
        story.result.write_text('{"loss": 0.5}\n')
        await until(pilot, sees(pilot, '{"loss": 0.5}', "JSON, 14 B", "● present"))
        story.result.unlink()
        await until(pilot, sees(pilot, "There is no such file."))


async def test_many_files_are_sorted_by_the_reader(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100,000 files take a second to sort, for which no key may wait."""
    monkeypatch.setattr("torc_tui.tui.frame.row_order.MANY", 1)
    threads = set()
    ordered = FileRows.ordered

    def noted(self: FileRows, *arguments: Any) -> Any:
        threads.add(current_thread())
        return ordered(self, *arguments)

    async with story.app().run_test(size=(160, 45)) as pilot:
        await open_file(pilot, "raw")
        pane = screen(pilot).query_one(FilesPane)
        monkeypatch.setattr(FileRows, "ordered", noted)

        def names() -> list[str]:
            return [pane.rows.files[key].name for key in pane.table.order]  # type: ignore[index]

        pane.table.sort_by("name")
        await until(pilot, lambda: names() == ["config", "figures", "out", "raw"])
        pane.table.sort_by("name", reverse=True)
        await until(pilot, lambda: names() == ["raw", "out", "figures", "config"])
        pane.filter_line.write("con")
        await until(pilot, lambda: names() == ["config"])
        await until(pilot, sees(pilot, " 1 of 4 "))
        assert main_thread() not in threads


async def test_link_to_a_job(story: Story) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await open_file(pilot, "raw")
        await until(pilot, sees(pilot, "sample", "second", "2 rows", "… and 4 more"))
        view(pilot).facts.focus()
        await pilot.press("down", "down", "enter")
        job = screen(pilot).selected_job
        assert job is not None and job.name == "fit_2"
        assert screen(pilot).focused is screen(pilot).table


async def test_a_growing_text_is_followed(story: Story) -> None:
    async with story.app().run_test(size=(120, 40)) as pilot:
        await open_file(pilot, "config")
        await until(pilot, sees(pilot, "lr: 0.1", "2 lines"))
        with (story.folder / "config.yaml").open("a") as file:
            file.writelines(f"key_{number}: {number}\n" for number in range(500))
        await until(pilot, sees(pilot, "line", "of 502"))
        assert "# settings" in screen_text(pilot)
        await pilot.press("f")
        await until(pilot, sees(pilot, "key_499: 499", "● following"))
        with (story.folder / "config.yaml").open("a") as file:
            file.write("last: true\n")
        await until(pilot, sees(pilot, "last: true"))
        (story.folder / "config.yaml").write_text("other: file\n")
        await until(pilot, sees(pilot, "other: file"))


async def test_a_text_that_is_rewritten(story: Story) -> None:
    config = story.folder / "config.yaml"
    async with story.app().run_test(size=(120, 40)) as pilot:
        await open_file(pilot, "config")
        await until(pilot, sees(pilot, "lr: 0.1"))
        config.write_text("# settings\nlr: 0.2\n")  # as long as before
        await until(pilot, sees(pilot, "lr: 0.2"))
        lines = "".join(f"key_{number}: {number}\n" for number in range(200))
        config.write_text(f"# SETTINGS\n{lines}")
        await until(pilot, sees(pilot, "# SETTINGS", "key_0: 0"))
        await pilot.press(*["pagedown"] * 4)
        await until(pilot, lambda: "key_0: 0" not in screen_text(pilot))
        seen = view(pilot).log_view.on_screen[0].place.offset
        with config.open("r+") as file:  # an empty file in between would be shown from its start
            file.write(f"# settings\n{lines.upper()}")
        await until(pilot, sees(pilot, "KEY_"))
        assert abs(view(pilot).log_view.on_screen[0].place.offset - seen) < 400


async def test_search_in_a_file(story: Story) -> None:
    lines = "".join(f"key_{number}: {number}\n" for number in range(3000))
    (story.folder / "config.yaml").write_text(lines)
    async with story.app().run_test(size=(120, 40)) as pilot:
        await open_file(pilot, "config")
        await until(pilot, sees(pilot, "key_0: 0"))
        await pilot.press("slash", *"key_2345", "enter")
        await until(pilot, sees(pilot, "key_2345: 2345", "1 of 1"))
        await pilot.press("escape")
        assert view(pilot).has_content_focus and not view(pilot).log_view.pattern
        await pilot.press("escape")
        assert screen(pilot).query_one(FilesPane).table.has_focus


async def test_filter_and_copied_path(story: Story) -> None:
    async with story.app().run_test(size=(160, 45), notifications=True) as pilot:
        await open_file(pilot, "raw")
        pane = screen(pilot).query_one(FilesPane)
        pane.table.focus()
        copied: list[str] = []
        pilot.app.copy = copied.append  # type: ignore[attr-defined, method-assign]
        await pilot.press("slash", *"conf yaml", "enter")
        await until(pilot, sees(pilot, "1 of 4", "lr: 0.1"))
        await pilot.press("c")
        await until(pilot, lambda: copied == [str(story.folder / "config.yaml")])
        await pilot.press("slash", *"zz")
        await until(pilot, sees(pilot, "no file matches"))
        await pilot.press("escape")
        await until(pilot, lambda: len(pane.table.order) == 4)
        assert pane.table.has_focus


async def test_other_views(story: Story) -> None:
    async with story.app().run_test(size=(120, 40)) as pilot:
        await open_file(pilot, "raw")
        await until(pilot, sees(pilot, "2 rows · as table"))
        await pilot.press("down", "enter")
        await until(pilot, sees(pilot, "Row 2", "sample  second", "n       9"))
        await pilot.press("escape", "t")
        await until(pilot, sees(pilot, "sample,n", "as text"))
        await pilot.press("t")
        await until(pilot, sees(pilot, "00000000  73 61 6d 70", "as bytes"))
        await pilot.press("t")
        await until(pilot, sees(pilot, "as table"))


async def test_walk_through_a_directory(story: Story) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await open_file(pilot, "figures")
        await until(pilot, lambda: view(pilot).has_content_focus)
        await until(pilot, sees(pilot, "sub/", "1 entry"))
        await pilot.press("enter")
        await until(pilot, sees(pilot, "deep.txt", "part of     figures"))
        await pilot.press("enter")
        await until(pilot, sees(pilot, "deep inside"))
        await pilot.press("escape")
        await until(pilot, sees(pilot, "deep.txt"))
        await pilot.press("escape")
        await until(pilot, sees(pilot, "sub/"))
        await pilot.press("escape")
        assert screen(pilot).query_one(FilesPane).table.has_focus


async def test_hostile_files(story: Story) -> None:
    os.mkfifo(story.result)
    (story.folder / "config.yaml").write_bytes(b"\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m\n")
    (story.folder / "figures" / os.fsdecode(b"bad\xff\x1b[2Jname")).touch()
    async with story.app().run_test(size=(160, 45)) as pilot:
        await open_file(pilot, "out")
        await until(pilot, sees(pilot, "A FIFO: only regular files are shown"))
        await open_file(pilot, "config")
        await until(pilot, sees(pilot, "red"))
        await open_file(pilot, "figures")
        await until(pilot, sees(pilot, "bad"))
        for strip in pilot.app.screen._compositor.render_strips():
            assert "\x1b" not in strip.text
            strip.text.encode()


@pytest.mark.parametrize("size", [(1, 1), (40, 10), (80, 24), (200, 60)], ids=str)
async def test_sizes(story: Story, size: tuple[int, int]) -> None:
    async with story.app().run_test(size=size) as pilot:
        for name in ("raw", "config", "figures", "out"):
            await open_file(pilot, name)
        await pilot.resize_terminal(100, 30)
        await pilot.resize_terminal(*size)


async def test_no_files(tmp_path: Path) -> None:
    place = Workspace(tmp_path, 'name: w\njobs: [{name: a, command: "true"}]\n')
    async with place.app().run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: bool(screen(pilot).table.order))
        await screen(pilot).show_tab("files")
        await until(pilot, sees(pilot, "no job uses a file"))
    place.store.close()


# -- states, without a screen ----------------------------------------------------------------------

HERE = DiskState(size=3, modified=1.0)
GONE = DiskState("missing")


def facts(status: JobStatus, disk: DiskState | None, stale: Sequence[JobVerdict] = ()) -> FileFacts:
    jobs = {1: Job(1, "writer", status), 2: Job(2, "reader", JobStatus.COMPLETED)}
    found = {} if disk is None else {7: disk}
    verdicts = {one.id: one for one in stale}
    return FileFacts(jobs, verdicts, changed_inputs(verdicts), found)


def file(writers: Sequence[int] = (1,)) -> ListedFile:
    return ListedFile(7, "f", "f.txt", "/w/f.txt", writers, (2,))


def stale(job: int, who: str, kind: Kind, **more: object) -> JobVerdict:
    return JobVerdict(job, who, RerunDecision.RUN, True, (because(kind, **more),))


@pytest.mark.parametrize(
    ("status", "disk", "state", "why"),
    [
        (JobStatus.COMPLETED, None, "unknown", ""),
        (JobStatus.COMPLETED, HERE, "present", ""),
        (JobStatus.COMPLETED, GONE, "missing", "writer completed, but its output does not exist"),
        (JobStatus.BLOCKED, GONE, "awaited", "writer is blocked"),
        (JobStatus.RUNNING, HERE, "writing", ""),
        (JobStatus.FAILED, HERE, "present", ""),
        (JobStatus.COMPLETED, DiskState("unreadable", problem="denied"), "unreadable", "denied"),
    ],
    ids=["unknown", "present", "missing", "awaited", "writing", "failed", "unreadable"],
)
def test_state(status: JobStatus, disk: DiskState | None, state: str, why: str) -> None:
    assert facts(status, disk).state(file()) == (state, why)


def test_state_without_a_writer() -> None:
    assert facts(JobStatus.COMPLETED, GONE).state(file(())) == ("missing", "no job writes it")


def test_state_by_the_rerun_plan() -> None:
    rerun = stale(1, "writer", Kind.NEVER_RAN, status="completed")
    changed = stale(2, "reader", Kind.INPUT_CHANGED, name="f", path="f.txt", before=None,
                    after=None)  # fmt: skip
    found = facts(JobStatus.COMPLETED, HERE, [rerun]).state(file())
    assert found.key == "stale" and found.why.startswith("writer would rerun: ")
    assert facts(JobStatus.COMPLETED, HERE, [changed]).state(file()) == (
        "changed", "reader has read an earlier version",
    )  # fmt: skip


@given(st.text(max_size=300), st.text(max_size=300), st.integers(24, 120), st.integers(1, 5))
def test_the_page_fits_any_name(name: str, path: str, width: int, most: int) -> None:
    jobs = {number: Job(number, name, JobStatus.COMPLETED) for number in range(1, 9)}
    found = FileFacts(jobs, disk={7: DiskState("unreadable", problem=name)})
    declared = ListedFile(7, name, path, f"/{path}", list(jobs), list(jobs))
    page = file_page(declared, None, found, width, most)
    assert all(line_width(line) <= width for line in page.lines)
    assert len(page.links) == 2 * most
    assert all("\n" not in text for line in page.lines for text, _ in line)


def test_rows_are_sorted_and_filtered() -> None:
    rows = FileRows()
    rows.facts = facts(JobStatus.COMPLETED, HERE)
    rows.files = {7: file(), 8: file()._replace(id=8, name="other", path="x.txt", writers=())}
    rows.records = rows.chosen(["writer"])
    assert rows.keys(None, False) == [7]
    rows.records = rows.chosen(["checking"])
    assert rows.keys(None, False) == [8]
    rows.records = rows.chosen([])
    for column in rows.columns:
        assert len(rows.keys(column.key, False)) == 2
    assert rows.keys("size", False) == [7, 8] and rows.keys("path", True) == [8, 7]


# -- every key -------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.system
@pytest.mark.parametrize("name", ["raw", "config", "figures", "out"])
async def test_keys_of_the_viewer(story: Story, done: list[str], name: str) -> None:
    async with story.app().run_test(size=(160, 45), notifications=True) as pilot:
        await open_file(pilot, name)
        await until(pilot, lambda: view(pilot).has_content_focus)
        await press_all(pilot, done, f"files, {name}")
        view(pilot).facts.focus()
        await press_all(pilot, done, f"files, {name}, jobs")
