"""The view of a log: following, scrolling, wrapping, searching."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.style import Style as RichStyle
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.waiting import wait_for_async
from torc_tui.tui.logs.log_lines import LogLines, rich_style, sliced, wrapped
from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.logs.merged_log import MergedLine, Stream
from torc_tui.tui.look.text_layout import highlighted, width_of
from torc_tui.views.ansi_style import Style


class ViewApp(App[None]):
    def __init__(self, folder: Path, live: bool = True) -> None:
        super().__init__()
        self.folder = folder
        self.live = live

    def compose(self) -> ComposeResult:
        yield LogView()

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def on_mount(self) -> None:
        streams = [
            Stream("stdout", str(self.folder / "job.o")),
            Stream("stderr", str(self.folder / "job.e")),
        ]
        self.view.open(streams, live=self.live)


def lines(view: LogView) -> list[str]:
    return [
        view.render_line(y).text[: view.size.width - 1].rstrip() for y in range(view.size.height)
    ]


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    view = pilot.app.query_one(LogView)

    async def take() -> None:
        view.take()
        await pilot.pause(0.005)

    await wait_for_async(condition, lambda: lines(view), pause=take)


def write(path: Path, first: int, last: int) -> None:
    with path.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(first, last + 1))


def page(view: LogView, by: int) -> None:
    """Press the key of a page, as often as the keys repeat."""
    handler = view.handlers()["page-up" if by < 0 else "page-down"]
    handler()


async def test_opens_at_the_end(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 5000)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 5000")
        assert lines(view)[0] == "line 4991" and view.follow
        write(tmp_path / "job.o", 5001, 5003)
        await until(pilot, lambda: lines(view)[-1] == "line 5003")


async def test_follow(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 5000)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 5000")
        view.move(-1)
        view.move(-1)
        assert not view.follow and lines(view)[-1] == "line 4998"
        write(tmp_path / "job.o", 5001, 5100)
        await until(pilot, lambda: view.window.size > 48_900 and not view.window.follows)
        assert lines(view)[-1] == "line 4998", "what is read does not move"
        view.to_bottom()
        await until(pilot, lambda: lines(view)[-1] == "line 5100")
        assert view.follow
        view.move(-1)
        view.move(1)
        assert view.follow, "back at the end by hand"


async def test_paging(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 700)
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(40, 12)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 700")
        seen = dict.fromkeys(lines(view), True)
        for by, goal in ((-1, "line 1"), (1, "line 700")):
            while goal not in lines(view):
                page(view, by)
                # Where more has to be read first, the rest of the step is done when it is here.
                await until(
                    pilot, lambda: view.source.asked <= view.window.serial and not view.scroll.owed
                )
                seen |= dict.fromkeys(lines(view), True)
        assert len(seen) == 700
        view.to_top()
        await until(pilot, lambda: lines(view)[0] == "line 1")
        assert not view.follow


async def test_keys_ahead_of_the_reader(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 5000)
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(40, 11)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 5000")
        for _ in range(15):
            page(view, -1)
        await until(pilot, lambda: lines(view)[-1] == "line 4850")
        for _ in range(5):
            page(view, 1)
        await until(pilot, lambda: lines(view)[-1] == "line 4900")
        assert not view.follow


async def test_numbers_of_lines_and_counts(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 3000)
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(40, 12)) as pilot:
        view = app.view
        await until(pilot, lambda: view.window.counts and view.window.counts[0] == 3000)
        view.to_top()
        await until(pilot, lambda: lines(view)[0] == "line 1")
        assert [line.number for line in view.on_screen] == list(range(12))


async def test_hostile_output(tmp_path: Path) -> None:
    (tmp_path / "job.o").write_bytes(
        b"\x1b[2J\x1b]0;owned\x07[bold]x[/bold]\n"
        + "\u202eabc שלום 漢字 🎉 👨\u200d👩\u200d👧 é\u0301\u0301\n".encode()
        + bytes(range(256)).replace(b"\n", b"")
        + b"\nend\n"
    )
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(44, 8)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[3] == "end")
        shown = [view.render_line(y) for y in range(8)]
        assert lines(view)[0] == "[bold]x[/bold]"
        for strip in shown:
            assert sum(width_of(segment.text) for segment in strip) == strip.cell_length == 44
            assert not set(strip.text) & {*map(chr, range(32)), "\x7f", "\u202e", "\u200d"}
        assert lines(view)[2].endswith("›")


async def test_colors_are_kept(tmp_path: Path) -> None:
    (tmp_path / "job.o").write_bytes(b"\x1b[1;31mred\x1b[0m plain \x1b[38;2;1;2;3mrgb\x1b[m\n")
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(44, 8)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[0] == "red plain rgb")
        styles = {segment.text: segment.style for segment in view.render_line(0)}
        assert styles["red"].bold and styles["red"].color.number == 1
        assert styles["rgb"].color.triplet == (1, 2, 3)
        assert styles[" plain "].bold is None


async def test_long_lines(tmp_path: Path) -> None:
    (tmp_path / "job.o").write_text("short\n" + "".join(f"{n:04}" for n in range(50)) + "\n")
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(41, 10)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[0] == "short")
        assert lines(view)[1].startswith("00000001") and lines(view)[1].endswith("›")
        view.shift_right()
        assert lines(view)[1].startswith("‹") and "0006" in lines(view)[1]
        for _ in range(40):
            view.shift_right()
        assert lines(view)[1].endswith("0049"), "further there is nothing"
        view.toggle_wrap()
        await pilot.pause()
        assert "".join(lines(view)[1:6]) == "".join(f"{n:04}" for n in range(50))
        view.toggle_wrap()
        assert lines(view)[1].endswith("›")


async def test_wrapped_lines_scroll_by_rows(tmp_path: Path) -> None:
    (tmp_path / "job.o").write_text("".join(chr(97 + n % 26) * 100 + "\n" for n in range(40)))
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(41, 9)) as pilot:
        view = app.view
        view.toggle_wrap()
        await until(pilot, lambda: lines(view)[-1] == "n" * 20)
        view.move(-1)
        await until(pilot, lambda: lines(view)[-1] == "n" * 40)
        view.to_top()
        await until(pilot, lambda: lines(view)[:3] == ["a" * 40, "a" * 40, "a" * 20])
        view.move(1)
        await until(pilot, lambda: lines(view)[0] == "a" * 40 and lines(view)[1] == "a" * 20)


async def test_both_streams(tmp_path: Path) -> None:
    app = ViewApp(tmp_path)
    async with app.run_test(size=(44, 10)) as pilot:
        view = app.view
        for number in range(3):
            write(tmp_path / "job.o", number, number)
            await until(
                pilot,
                lambda number=number: (
                    f" line {number}" in lines(view) or f"line {number}" in lines(view)
                ),
            )
            with (tmp_path / "job.e").open("a") as file:
                file.write(f"warning {number}\n")
            await until(pilot, lambda number=number: f"▎warning {number}" in lines(view))
        assert lines(view)[:6] == [
            " line 0",
            "▎warning 0",
            " line 1",
            "▎warning 1",
            " line 2",
            "▎warning 2",
        ]


async def test_search(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 3000)
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(44, 10)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 3000")
        view.find("LINE 99")
        await until(pilot, lambda: view.window.found is not None and view.window.found.done)
        assert view.window.found.total == 0, "capitals are meant"
        view.find("line 99")
        await until(pilot, lambda: view.window.found.rank == 0 and view.window.found.done)
        assert view.window.found.total == 11 and "line 99" in lines(view), (
            "round the end to the first"
        )
        view.step(1)
        await until(pilot, lambda: view.window.found.rank == 1)
        assert "line 990" in lines(view) and not view.follow
        y = lines(view).index("line 990")
        styles = [segment.style for segment in view.render_line(y) if segment.text == "line 99"]
        assert styles and styles[0] == view._base + view.log_lines.palette("match-current")
        view.step(-1)
        await until(pilot, lambda: view.window.found.rank == 0)
        view.step(-1)
        await until(pilot, lambda: view.window.found.rank == 10)
        assert "line 999" in lines(view)
        view.find("")
        await until(pilot, lambda: view.window.found is None)


async def test_a_log_that_grows_is_searched_again(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 100)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(44, 10)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 100")
        view.find("line 1")
        await until(pilot, lambda: view.window.found is not None and view.window.found.total == 12)
        write(tmp_path / "job.o", 101, 110)
        await until(pilot, lambda: view.window.found.total == 22)


async def test_deleted_and_replaced_files(tmp_path: Path) -> None:
    path = tmp_path / "job.o"
    write(path, 1, 50)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(44, 10)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 50")
        path.unlink()
        await until(pilot, lambda: any(view.window.gone))
        assert lines(view)[-1] == "line 50"
        path.write_text("another\n")
        await until(pilot, lambda: lines(view)[0] == "another")
        assert view.window.generation == 1 and lines(view)[1] == ""
        path.write_text("")
        await until(pilot, lambda: not view.window.lines)


async def test_late_file(tmp_path: Path) -> None:
    app = ViewApp(tmp_path)
    async with app.run_test(size=(44, 10)) as pilot:
        view = app.view
        view.show([[("nothing yet", "muted")]])
        await until(pilot, lambda: view.window.serial and "nothing yet" in lines(view))
        write(tmp_path / "job.o", 1, 2)
        await until(pilot, lambda: lines(view)[:2] == ["line 1", "line 2"])


async def test_only_what_is_on_screen_is_laid_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out: list[MergedLine] = []
    spans = LogLines._spans
    monkeypatch.setattr(
        LogLines, "_spans", lambda self, line: laid_out.append(line) or spans(self, line)
    )
    write(tmp_path / "job.o", 1, 100_000)
    app = ViewApp(tmp_path, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 100000")
        assert 0 < len(laid_out) <= 24
        laid_out.clear()
        view.move(-1)
        assert lines(view)[-1] == "line 99999"
        assert len(laid_out) == 1, "one line up is one line more"


async def test_hidden_log(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 10)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.view
        await until(pilot, lambda: view.window.counts and view.window.counts[0] == 10)
        view.reader.watch(False)
        # What was under way when it was told ends; then nothing may happen, whatever comes.
        await until(pilot, lambda: view.reader._pause() is None)
        looks = view.reader.looks
        write(tmp_path / "job.o", 11, 20)
        await pilot.pause()
        assert view.reader.looks <= looks + 1
        view.reader.watch(True)
        await until(pilot, lambda: lines(view)[19] == "line 20")


async def test_pause_after_a_read_error(tmp_path: Path) -> None:
    (tmp_path / "job.o").mkdir()
    (tmp_path / "job.o" / "x").touch()
    app = ViewApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        reader = app.view.reader
        await until(pilot, lambda: reader.looks > 1)
        assert reader._pause() != 0.0


async def test_lines_are_marked_by_mouse_and_by_keys(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 10)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[9] == "line 10")
        await pilot.mouse_down(LogView, offset=(2, 2))
        await pilot.hover(LogView, offset=(2, 4))
        await pilot.mouse_up(LogView, offset=(2, 4))
        assert view.selection.range == (view.window.lines[2].place, view.window.lines[4].place)
        assert view.unselect() and not view.unselect()
        view.select(1)
        view.select(1)
        assert view.selection.range == (view.window.lines[0].place, view.window.lines[1].place)


async def test_scrollbar(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 1000)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(40, 20)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 1000")
        bar = [view.render_line(y).text[-1] for y in range(20)]
        assert bar == [" "] * 19 + ["▐"]
        await pilot.mouse_down(LogView, offset=(39, 10))
        await until(pilot, lambda: not view.follow and "line 505" in lines(view))
        await pilot.mouse_down(LogView, offset=(39, 0))
        await until(pilot, lambda: lines(view)[0] == "line 1")
        assert view.render_line(0).text[-1] == "▐"


async def test_a_resize_keeps_the_place(tmp_path: Path) -> None:
    write(tmp_path / "job.o", 1, 1000)
    app = ViewApp(tmp_path)
    async with app.run_test(size=(40, 20)) as pilot:
        view = app.view
        await until(pilot, lambda: lines(view)[-1] == "line 1000")
        await pilot.resize_terminal(80, 5)
        await until(pilot, lambda: view.size.height == 5 and lines(view)[-1] == "line 1000")
        page(view, -1)
        top = lines(view)[0]
        await pilot.resize_terminal(30, 40)
        await until(
            pilot, lambda: view.size.height == 40 and len(list(filter(None, lines(view)))) == 40
        )
        assert top in lines(view)


PLAIN = RichStyle.null()


@pytest.mark.parametrize(
    ("text", "left", "width", "expected"),
    [
        ("abcdef", 0, 6, "abcdef"),
        ("abcdefg", 0, 6, "abcde›"),
        ("abcdefg", 2, 6, "‹defg"),
        ("abcdefghijkl", 2, 6, "‹defg›"),
        ("漢字漢字", 0, 6, "漢字 ›"),
        ("漢字漢字", 2, 6, "‹ 漢字"),
        ("ab", 20, 6, "‹"),
        ("", 0, 6, ""),
    ],
)
def test_sliced(text: str, left: int, width: int, expected: str) -> None:
    segments = sliced([(text, PLAIN)] if text else [], left, width, PLAIN)
    assert "".join(segment.text for segment in segments) == expected


def test_wrapped_and_highlighted() -> None:
    import re

    assert [row[0][0] for row in wrapped([("漢字漢", PLAIN)], 5)] == ["漢字", "漢"]
    assert wrapped([], 5) == [[]]
    bold = RichStyle(bold=True)
    spans = highlighted(
        [("one t", PLAIN), ("wo", bold)], re.compile("two"), RichStyle(reverse=True)
    )
    assert [text for text, _ in spans] == ["one ", "t", "wo"]
    assert all(style.reverse for text, style in spans[1:])


def test_styles() -> None:
    assert rich_style(Style()) == PLAIN
    style = rich_style(Style(fg=200, bg="#010203", underline=True))
    assert style.underline and style.color is not None and style.color.number == 200
