"""A log of 1 GB: how long until its end is on screen, and how much more memory that takes.

    [TORC_BENCH_DIR=/dev/shm] python tests/benchmarks/bench_log.py [megabytes] [rounds]

The whole way is measured: a view in a (headless) app opens the file, its thread reads the end, the
lines are painted. Budgets: 0.2 s and 50 MB; 50 ms for a page or to the other end. Without a budget:
counting all lines, searching it all.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.app import App, ComposeResult

from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.logs.merged_log import Stream

SECONDS = 0.2
BYTES = 50 << 20


class ViewApp(App[None]):
    def compose(self) -> ComposeResult:
        yield LogView()


def write(path: Path, size: int) -> None:
    """Lines of many lengths and colours, quickly: one block again and again, and a last line."""
    line = "\x1b[32m2026-11-20 17:00:00\x1b[0m step {0} loss={1:.4f} {2}\n"
    block = "".join(
        line.format(n, 1 / (n + 1), "x" * (n * 37 % 90)) for n in range(40_000)
    ).encode()
    with path.open("wb", buffering=0) as file:
        left = size
        while left > 0:
            left -= file.write(block[:left] if left < len(block) else block)
        file.write(b"\nthe last line\n")


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def until(view: LogView, condition: Callable[[], bool], deadline: float = 60.0) -> None:
    end = time.perf_counter() + deadline
    while not condition():
        if time.perf_counter() > end:
            raise SystemExit("not in time")
        view.take()
        await asyncio.sleep(0.001)


def painted(view: LogView) -> list[str]:
    return [view.render_line(y).text for y in range(view.size.height)]


def differs(view: LogView, text: list[str]) -> bool:
    return painted(view) != text


async def measure(path: Path, rounds: int) -> bool:
    app = ViewApp()
    async with app.run_test(size=(120, 50)) as pilot:
        view = app.query_one(LogView)
        await pilot.pause()
        small = path.with_suffix(".small")
        small.write_bytes(b"a line\n" * 1000)
        view.open([Stream("stdout", str(small))], live=False)
        await until(view, lambda: bool(view.window.lines))
        before = resident()
        times: list[float] = []
        for _ in range(rounds):
            begin = time.perf_counter()
            view.open([Stream("stdout", str(path))], live=False)
            await until(view, lambda: bool(view.window.lines))
            text = painted(view)
            times.append(time.perf_counter() - begin)
            assert text[-1].startswith("the last line"), text[-1]
        begin = time.perf_counter()
        await until(view, lambda: view.window.counts[0] is not None)
        counting = time.perf_counter() - begin
        lines = view.window.counts[0]
        view.open([Stream("stdout", str(path))], live=False)
        await until(view, lambda: bool(view.window.lines))
        pages: list[float] = []
        for step in [view.do_page_up] * 150 + [view.do_cursor_top, view.do_cursor_bottom] * 10:
            text = painted(view)
            begin = time.perf_counter()
            step()
            await until(view, partial(differs, view, text))
            pages.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        view.find("the last line")
        await until(view, lambda: view.window.found is not None and view.window.found.done)
        searching = time.perf_counter() - begin
        assert view.window.found is not None and view.window.found.total == 1
        more = resident() - before
    took = statistics.median(times)
    size = path.stat().st_size / 1e9
    print(
        f"log of {size:.2f} GB: its end on screen {took * 1000:.0f} ms (budget {SECONDS * 1000:.0f}), ",
        end="",
    )
    print(f"{more / 2**20:.1f} MB more memory (budget {BYTES >> 20})")
    pages.sort()
    print(
        f"  a page, or to the other end: p95 {pages[len(pages) * 95 // 100] * 1000:.1f} ms (budget 50)"
    )
    print(
        f"  {lines:,} lines counted in {counting:.2f} s, all searched in {searching:.2f} s, in threads"
    )
    return took <= SECONDS and more <= BYTES


def main() -> int:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(dir=os.environ.get("TORC_BENCH_DIR")) as folder:
        path = Path(folder) / "job.o"
        write(path, megabytes * 1_000_000)
        return 0 if asyncio.run(measure(path, rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
