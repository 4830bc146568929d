"""A log of 1 GB: how long until its end is on screen, and how much more memory that takes.

    python -m tests.benchmarks.bench_log FILE ROUNDS

The whole way is measured: a view in a (headless) app opens the file, its thread reads the end, the
lines are painted. A child process does it and prints JSON, so that its memory is its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks.internals import log_view
from tests.benchmarks.measuring import PYTHON, new_folder, output, spend
from tests.benchmarks.rows import Rows, values

DEADLINE = 60.0
LAST = "the last line"


def log(root: Path, rounds: int, *, megabytes: int = 1000) -> Rows:
    """Measure the end of a log on screen, pages, counting and searching."""
    folder = new_folder(root, "log")
    path = folder / "job.o"
    write(path, megabytes * 1_000_000)
    spend([PYTHON, "-m", "tests.benchmarks.bench_log", str(path), str(rounds)], folder)
    found = json.loads(output(folder))
    size = f"log of {megabytes:,} MB"
    return [
        values(f"{size}: its end on screen", "ms", [each * 1e3 for each in found["ends"]], 20),
        values(f"{size}: memory", "MB", [found["memory"] / 1e6], 20),
        values(f"{size}: a page or the other end, p95", "ms", [found["page"] * 1e3]),
        values(f"{size}: lines counted", "s", [found["counting"]]),
        values(f"{size}: searched", "s", [found["searching"]]),
    ]


def write(path: Path, size: int) -> None:
    """Write lines of many lengths and colors, and a last line."""
    line = "\x1b[32m2026-11-20 17:00:00\x1b[0m step {0} loss={1:.4f} {2}\n"
    lines = (line.format(n, 1 / (n + 1), "x" * (n * 37 % 90)) for n in range(40_000))
    block = "".join(lines).encode()
    with path.open("wb", buffering=0) as file:
        left = size
        while left > 0:
            left -= file.write(block[:left] if left < len(block) else block)
        file.write(f"\n{LAST}\n".encode())


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def until(view: Any, condition: Callable[[], bool]) -> None:
    """Let the view work until the condition holds."""
    end = time.perf_counter() + DEADLINE
    while not condition():
        if time.perf_counter() > end:
            raise SystemExit("not in time")
        view.take()
        await asyncio.sleep(0.001)


def painted(view: Any) -> list[str]:
    """Return the lines on screen."""
    return [view.render_line(y).text for y in range(view.size.height)]


def differs(view: Any, text: list[str]) -> bool:
    """Return whether the screen shows something else than ``text``."""
    return painted(view) != text


async def show(view: Any, path: Path) -> None:
    """Open a log and wait for its lines."""
    _, stream = log_view()
    view.open([stream("stdout", str(path))], live=False)
    await until(view, lambda: bool(view.window.lines))


async def time_pages(view: Any) -> list[float]:
    """Return the seconds of page keys, and of going from end to end."""
    pages: list[float] = []
    commands = view.handlers()
    ends = [commands["cursor-top"], commands["cursor-bottom"]]
    for step in [commands["page-up"]] * 150 + ends * 10:
        text = painted(view)
        begin = time.perf_counter()
        step()
        await until(view, partial(differs, view, text))
        pages.append(time.perf_counter() - begin)
    return sorted(pages)


async def measure(path: Path, rounds: int) -> dict[str, object]:
    """Measure everything with one view."""
    from textual.app import App, ComposeResult

    view_class, _ = log_view()

    class ViewApp(App[None]):
        def compose(self) -> ComposeResult:
            yield view_class()

    app = ViewApp()
    async with app.run_test(size=(120, 50)) as pilot:
        view = app.query_one(view_class)
        await pilot.pause()
        small = path.with_suffix(".small")
        small.write_bytes(b"a line\n" * 1000)
        await show(view, small)
        before = resident()
        ends: list[float] = []
        for _ in range(rounds):
            begin = time.perf_counter()
            await show(view, path)
            text = painted(view)
            ends.append(time.perf_counter() - begin)
            assert text[-1].startswith(LAST), text[-1]
        begin = time.perf_counter()
        await until(view, lambda: view.window.counts[0] is not None)
        counting = time.perf_counter() - begin
        await show(view, path)
        pages = await time_pages(view)
        begin = time.perf_counter()
        view.find(LAST)
        await until(view, lambda: view.window.found is not None and view.window.found.done)
        searching = time.perf_counter() - begin
        assert view.window.found.total == 1
        return {
            "ends": ends,
            "memory": resident() - before,
            "page": pages[len(pages) * 95 // 100],
            "counting": counting,
            "searching": searching,
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Path(sys.argv[1]), int(sys.argv[2])))))
