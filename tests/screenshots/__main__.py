"""Pictures of the real app for README and documentation, all of them by one command.

    python -m tests.screenshots [NAME …] [--into FOLDER]

Workflows of examples/ (and one that takes its time) are made and run in a temporary store; the app
is driven over them by keys. Each picture is written as SVG, by Textual, and as PNG, painted here:
so no terminal and no browser is needed, only Pillow and the DejaVu fonts. ``demo`` is animated.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.screenshots import gpu_box
from tests.screenshots.demo import Demo
from tests.screenshots.paint import png
from torc_tui.status import JobStatus
from torc_tui.store import workflows
from torc_tui.store.database import Store
from torc_tui.tui.shell.app import TorcApp

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRON = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
PATIENCE = 60.0
"""Seconds until a picture that does not come is given up."""


class Studio:
    """A folder with a store in it, and the workflows that are photographed. ``ids`` by their
    names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = str(folder / "torc.db")
        self.ids: dict[str, int] = {}
        shutil.copytree(ROOT / "examples", folder / "examples")
        for name in ("vision", "search"):
            shutil.copytree(HERE / name, folder / "examples" / name)

    def torc(self, *words: str, cwd: Path | None = None, check: bool = True) -> None:
        command = [sys.executable, "-m", "torc_tui.cli.main", "--database", self.url, *words]
        environ = {**os.environ, "USER": "ada", "PYTHONPATH": str(ROOT)}
        subprocess.run(
            command, cwd=cwd or self.folder, check=check, capture_output=True, env=environ
        )

    def set_up(self) -> None:
        """Some that ended well, one that did not, one that runs, one that has not begun."""
        examples = self.folder / "examples"
        self.torc("run", "workflow.yaml", "-q", cwd=examples / "diamond")
        self.torc("run", "workflow.yaml", "-q", cwd=examples / "sweep")
        self.torc("run", "workflow.yaml", "-q", cwd=examples / "collect")
        self.torc("run", "with-failures.yaml", "-q", cwd=examples / "sweep", check=False)
        self.torc("create", "workflow.yaml", cwd=examples / "formats")
        self.torc("run", "workflow.yaml", "-q", cwd=examples / "config-pipeline")
        self.torc("run", "workflow.yaml", "-q", cwd=examples / "search", check=False)
        self.run_vision()

    def run_vision(self) -> None:
        """Run the workflow that takes its time, from the beginning."""
        if "vision" in self.ids:
            self.clear()
            self.torc("delete", str(self.ids["vision"]), "-y")
        cwd = self.folder / "examples" / "vision"
        options = ("--detach", "--num-cpus", "6", "--memory-gb", "16")
        self.torc("run", "workflow.yaml", *options, cwd=cwd)
        store = Store.open(self.url)
        self.ids = {workflow.name: workflow.id for workflow in workflows.list_workflows(store)}
        store.close()

    def clear(self) -> None:
        self.torc("workflows", "stop", "--now", str(self.ids.get("vision", 0)), check=False)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.running():
            time.sleep(0.1)

    def running(self) -> bool:
        from torc_tui.store import compute_nodes

        store = Store.open(self.url)
        try:
            with store.read() as conn:
                return bool(compute_nodes.active(conn, self.ids.get("vision", 0)))
        finally:
            store.close()


@dataclass(frozen=True)
class Picture:
    """``workflow``: which one is open (None: the list). ``drive`` brings the app to what is to be
    seen."""

    size: tuple[int, int]
    workflow: str | None
    drive: Callable[[Pilot[int]], Awaitable[None]]
    theme: str | None = None
    spec: str | None = None


def text_of(pilot: Pilot[int]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def sees(pilot: Pilot[int], *words: str) -> None:
    """Wait until all the words stand on the screen."""
    end = time.monotonic() + PATIENCE
    while not all(word in text_of(pilot) for word in words):
        if time.monotonic() > end:
            raise TimeoutError(f"{words} not on the screen:\n{text_of(pilot)}")
        await pilot.pause(0.05)


async def settle(pilot: Pilot[int], seconds: float = 0.4) -> None:
    await pilot.pause(seconds)


async def go_to(pilot: Pilot[int], name: str, status: str) -> None:
    """Wait for a job like that, and select it."""
    screen: Any = pilot.app.screen
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for job in screen.view.jobs.values() if screen.view is not None else ():
            if job.status.word == status and name in job.name:
                screen.go_to_job(job.id)
                return
        await pilot.pause(0.05)
    raise TimeoutError(f"no job like {name} is {status}")


async def the_list(pilot: Pilot[int]) -> None:
    await sees(pilot, "vision", "diamond", "running")
    await settle(pilot, 1.2)


async def the_workflow(pilot: Pilot[int]) -> None:
    await sees(pilot, "train", "completed", "running", "failed")
    await pilot.press("/", *"lr3", "enter")
    await sees(pilot, "failed")
    await pilot.press("\\")
    await pilot.press("home")
    await go_to(pilot, "train", "failed")
    await sees(pilot, "exit 3")
    await settle(pilot, 1.2)


async def the_sweep(pilot: Pilot[int]) -> None:
    await sees(pilot, "train_")
    await pilot.press("7", "7")
    await sees(pilot, "Heat map")
    await pilot.press("v", "v")
    await sees(pilot, "by lr (rows)", "failed")
    await pilot.press(*["down"] * 3, *["right"] * 5, "space", "up", "space")
    await settle(pilot, 0.8)


async def the_graph(pilot: Pilot[int]) -> None:
    await sees(pilot, "generate_config")
    await pilot.press("3", "3")
    await sees(pilot, "╭")
    await pilot.press("F", "z")
    await sees(pilot, "ml_config")
    await settle(pilot, 0.8)


async def the_folded_graph(pilot: Pilot[int]) -> None:
    await sees(pilot, "train")
    await pilot.press("3", "3")
    await sees(pilot, "╭")
    await pilot.press("escape", "_")
    await sees(pilot, " failed")
    await settle(pilot, 1.5)


async def the_timeline(pilot: Pilot[int]) -> None:
    """Wait until the run is long enough to show something."""
    screen: Any = pilot.app.screen
    await go_to(pilot, "train", "failed")
    end = time.monotonic() + PATIENCE
    while len(screen.view.jobs) - screen.view.count(JobStatus.COMPLETED) > 20:
        if time.monotonic() > end:
            raise TimeoutError(text_of(pilot))
        await pilot.pause(0.2)
    await pilot.press("6", "6")
    await sees(pilot, "CPU slots", "critical path")
    await pilot.press("z")
    await settle(pilot, 1.5)


async def the_log(pilot: Pilot[int]) -> None:
    await go_to(pilot, "train", "completed")
    await pilot.press("2", "2")
    await sees(pilot, "epoch", "needs 2 CPUs")
    await settle(pilot, 0.8)


async def the_data(pilot: Pilot[int]) -> None:
    await sees(pilot, "train_model")
    await pilot.press("4", "4")
    await sees(pilot, "ml_config")
    await pilot.press("e")
    await sees(pilot, "valid JSON")
    await pilot.press(
        "down", "end", "left", *["backspace"] * 4, *"0.1", "down", "end", *' "warmup": 3,'
    )
    await settle(pilot, 0.5)


async def the_review(pilot: Pilot[int]) -> None:
    await the_data(pilot)
    await pilot.press("ctrl+s")
    await settle(pilot, 1.0)


async def the_records(pilot: Pilot[int]) -> None:
    await sees(pilot, "train_model")
    await pilot.press("4", "4")
    await sees(pilot, "ml_config")
    await pilot.press("z")
    await settle(pilot, 0.8)


async def the_new_one(pilot: Pilot[int]) -> None:
    await sees(pilot, "✔ valid")
    await settle(pilot, 0.5)


async def the_problems(pilot: Pilot[int]) -> None:
    await sees(pilot, "problem")
    await pilot.press("enter", "down")
    await settle(pilot, 0.5)


async def the_filter(pilot: Pilot[int]) -> None:
    await sees(pilot, "train")
    await pilot.press(
        "/",
        *"status:failed,running exit",
        "backspace",
        "backspace",
        "backspace",
        "backspace",
        "backspace",
    )
    await sees(pilot, " of ")
    await settle(pilot, 1.2)


async def the_machine(pilot: Pilot[int]) -> None:
    await sees(pilot, "pretrain", "running", "evaluate")
    await pilot.press("0")
    await sees(pilot, "GPU 5", "pretrain", "anneal")
    await settle(pilot, 6.0)


async def the_critical_path(pilot: Pilot[int]) -> None:
    await sees(pilot, "train")
    await pilot.press("3", "3")
    await sees(pilot, "╭")
    await pilot.press("c", "z", "+")
    await settle(pilot, 1.5)


async def the_welcome(pilot: Pilot[int]) -> None:
    await sees(pilot, "workflow.yaml", "diamond")
    await settle(pilot, 1.5)


async def the_demo(pilot: Pilot[int], size: tuple[int, int], path: Path) -> None:
    """Record the demo: from the list to the cause of a failure, the graph and the machine."""
    demo = Demo(pilot, size)
    await sees(pilot, "vision", "running", "train")
    await demo.show(2.4)
    await demo.press("enter", "open the workflow", 4.8, shown="⏎")
    await demo.press("right_square_bracket", "next failed job", 2.4, shown="]")
    await demo.press("enter", "its log", 2.4, shown="⏎")
    await demo.press("escape", "back", 0.8, shown="esc")
    await demo.press("3", "graph", 3.2)
    await demo.press("6", "timeline", 3.2)
    await demo.press("0", "machine", 4.0)
    demo.write(path)


async def plain(pilot: Pilot[int]) -> None:
    await sees(pilot, "train", "running")
    await settle(pilot, 1.2)


# Those that need a workflow at work come first.
PICTURES: dict[str, Picture] = {
    "workflow": Picture((140, 38), "vision", the_workflow),
    "groups": Picture((150, 30), "vision", the_folded_graph),
    "workflows": Picture((140, 22), None, the_list),
    "log": Picture((140, 34), "vision", the_log),
    "filter": Picture((120, 28), "vision", the_filter),
    "small": Picture((80, 24), "vision", plain),
    "light": Picture((140, 34), "vision", plain, theme="torc-day"),
    "pipeline": Picture((150, 38), "vision", the_critical_path),
    "timeline": Picture((150, 34), "vision", the_timeline),
    "graph": Picture((120, 28), "config_pipeline", the_graph),
    "sweep": Picture((150, 40), "lr-search", the_sweep),
    "data": Picture((120, 24), "config_pipeline", the_records),
    "edit": Picture((120, 24), "config_pipeline", the_data),
    "review": Picture((120, 24), "config_pipeline", the_review),
    "new": Picture((130, 34), None, the_new_one, spec="vision/workflow.yaml"),
    "problems": Picture((130, 30), None, the_problems, spec="vision/mistakes.yaml"),
}
EMPTY = {"welcome": Picture((120, 34), None, the_welcome)}
"""Pictures of the app on an empty database."""
DEMO, DEMO_SIZE = "demo", (132, 34)
MACHINE = {"resources": Picture((150, 40), gpu_box.NAME, the_machine)}
"""Pictures of a machine with GPUs, which another studio makes."""


async def take(url: str, ids: Mapping[str, int], name: str, picture: Picture, into: Path) -> None:
    """Open the app, bring it there, and write both files."""
    workflow = None if picture.workflow is None else ids[picture.workflow]
    spec = None if picture.spec is None else f"examples/{picture.spec}"
    app = TorcApp(url, workflow, spec, environ=ENVIRON)
    async with app.run_test(size=picture.size, notifications=False) as pilot:
        if picture.theme is not None:
            app.theme = picture.theme
        await picture.drive(pilot)
        strips = app.screen._compositor.render_strips()
        png(strips, picture.size, app, into / f"{name}.png")
        (into / f"{name}.svg").write_text(app.export_screenshot(title=f"torc · {name}"))
    print(f"{into / name}.png")


async def record(url: str, into: Path) -> None:
    """Record the animated demo."""
    app = TorcApp(url, environ=ENVIRON)
    path = into / f"{DEMO}.gif"
    async with app.run_test(size=DEMO_SIZE, notifications=False) as pilot:
        await the_demo(pilot, DEMO_SIZE, path)
    print(path)


@contextmanager
def _folder() -> Iterator[str]:
    """Create a folder with a short name, which the pictures show."""
    try:
        Path("/tmp/lab").mkdir()
    except FileExistsError:
        with tempfile.TemporaryDirectory(prefix="torc-", dir="/tmp") as folder:
            yield folder
    else:
        try:
            yield "/tmp/lab"
        finally:
            shutil.rmtree("/tmp/lab", ignore_errors=True)


def of_workflows(folder: Path, names: list[str], into: Path) -> None:
    """Take pictures over the workflows of a studio."""
    studio = Studio(folder)
    studio.set_up()
    try:
        for name in (one for one in names if one != DEMO):
            asyncio.run(take(studio.url, studio.ids, name, PICTURES[name], into))
        if DEMO in names:
            studio.run_vision()
            asyncio.run(record(studio.url, into))
    finally:
        studio.clear()


def of_the_machine(folder: Path, names: list[str], into: Path) -> None:
    """Take pictures of a machine with GPUs."""
    box = gpu_box.GpuBox(folder)
    url = str(folder / "gpus.db")
    with box.at_work(url), gpu_box.shown(box.environ):
        for name in names:
            asyncio.run(take(url, {gpu_box.NAME: 1}, name, MACHINE[name], into))


def main() -> int:
    known = [DEMO, *PICTURES, *EMPTY, *MACHINE]
    parser = argparse.ArgumentParser(
        prog="python -m tests.screenshots", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--into", type=Path, default=ROOT / "screenshots", metavar="FOLDER")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"there is no picture {', '.join(unknown)}")
    options.into.mkdir(exist_ok=True)
    names = options.names or known
    with _folder() as folder:
        os.environ["USER"] = "ada"
        os.chdir(folder)
        try:
            if wanted := [name for name in names if name in PICTURES or name == DEMO]:
                of_workflows(Path(folder), wanted, options.into)
            shutil.copytree(ROOT / "examples", Path(folder) / "examples", dirs_exist_ok=True)
            for name in (name for name in names if name in EMPTY):
                url = str(Path(folder) / "empty.db")
                asyncio.run(take(url, {}, name, EMPTY[name], options.into))
            if wanted := [name for name in names if name in MACHINE]:
                of_the_machine(Path(folder), wanted, options.into)
        finally:
            os.chdir("/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
