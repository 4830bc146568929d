"""The app looks for work after news, after input and each second, and sleeps otherwise."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from tests.tui.driving import Workspace, screen, sees, until
from tests.waiting import wait_for_async
from torc_tui.tui.feed.handovers import Found, Handover
from torc_tui.tui.feed.inbox import Inbox
from torc_tui.tui.shell.beat import Beat
from torc_tui.tui.shell.tick import Tick

NEVER = 3600.0


class Work:
    """Some work: each look does a part of it."""

    def __init__(self, parts: int = 0) -> None:
        self.parts = parts
        self.looks = 0

    def look(self) -> tuple[bool, float]:
        self.looks += 1
        found, self.parts = self.parts > 0, max(0, self.parts - 1)
        return found, NEVER


async def test_looks_until_the_work_is_done() -> None:
    work = Work(5)
    beat = Beat(0.001, work.look)
    beat._watched -= NEVER
    await wait_for_async(lambda: work.looks > 5)
    assert beat._next is not None
    assert beat._next.when() > asyncio.get_running_loop().time() + NEVER / 2
    beat.stop()
    assert work.looks == 6


async def test_wakes_of_threads() -> None:
    work = Work()
    beat = Beat(0.001, work.look)
    await wait_for_async(lambda: work.looks == 1)
    for expected in range(2, 10):
        thread = threading.Thread(target=beat.wake)
        thread.start()
        await wait_for_async(lambda expected=expected: work.looks >= expected)
        thread.join()
    beat.stop()


async def test_a_burst_is_one_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    work, calls = Work(), []
    beat = Beat(0.001, work.look)
    await wait_for_async(lambda: work.looks == 1)
    loop = asyncio.get_running_loop()
    real = loop.call_soon_threadsafe
    monkeypatch.setattr(
        loop, "call_soon_threadsafe", lambda *call, **more: calls.append(real(*call, **more))
    )
    for _ in range(1000):
        beat.wake()
    await wait_for_async(lambda: work.looks == 2)
    assert len(calls) == 1
    beat.stop()


async def test_input() -> None:
    work = Work()
    beat = Beat(0.001, work.look)
    await wait_for_async(lambda: work.looks == 1)
    beat.watch()
    await wait_for_async(lambda: work.looks > 3)
    beat.stop()


def test_wakes_after_the_end_of_the_app() -> None:
    async def begin() -> Beat:
        return Beat(0.001, Work().look)

    asyncio.run(begin()).wake()


def test_inbox() -> None:
    inbox, record = Inbox(), Found()
    inbox.append(record)
    seen: list[list[Handover]] = []
    inbox.wake = lambda: seen.append([*inbox])
    inbox.append(record)
    assert seen == [[record, record]]


async def test_an_idle_app_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    real = Tick._look

    def look(self: Tick) -> tuple[bool, float]:
        nonlocal looks
        looks += 1
        return real(self)

    monkeypatch.setattr(Tick, "_look", look)
    place = Workspace(tmp_path, "name: flow\njobs: [{name: prep, command: x}]")
    async with place.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        seconds = 0
        updates = screen(pilot).updates
        every_second = updates.every_second

        def second(now: float) -> None:
            nonlocal seconds
            seconds += 1
            every_second(now)

        monkeypatch.setattr(updates, "every_second", second)
        await until(pilot, lambda: seconds > 1)
        begin = looks, seconds
        await until(pilot, lambda: seconds > 3)
        assert looks - begin[0] <= 10 * (seconds - begin[1]), "100 a second without sleep"
    place.store.close()


async def test_seconds_count_while_the_reader_is_occupied(tmp_path: Path) -> None:
    place = Workspace(tmp_path, "name: flow\njobs: [{name: prep, command: x}]")
    async with place.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        model, occupied = screen(pilot).model, threading.Event()
        pilot.app.reader.ask("long", lambda _: occupied.wait())  # type: ignore[attr-defined]
        try:
            begin = model.now
            await until(pilot, lambda: model.now > begin + 2)
        finally:
            occupied.set()
    place.store.close()
