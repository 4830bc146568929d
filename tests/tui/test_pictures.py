"""Whole screens as text files: wide, narrow, tiny, light, ASCII. The clock does not move. After an
intended change, check the screens, and rewrite them with TORC_PICTURES=write.

After a change that is meant, look at the screens, and write them anew with TORC_PICTURES=write.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import until
from tests.tui.test_replay import ReplayStory, go, start
from tests.tui.test_timeline_tab import RunStory
from torc_tui.lifecycle.rerun_plan import JobVerdict, RerunDecision
from torc_tui.operations import workflows as acts
from torc_tui.operations.rerun import RerunPlan
from torc_tui.plan.resolve import resolve
from torc_tui.reasons import Kind, Reason, because
from torc_tui.status import JobStatus
from torc_tui.store import user_data, user_data_records
from torc_tui.store.database import Store
from torc_tui.store.log_files import AttemptLog
from torc_tui.store.queries import list_jobs
from torc_tui.tui.files.file_kind import kind_of
from torc_tui.tui.files.read_file import DiskState, FileContent
from torc_tui.tui.jobs import plan_reader
from torc_tui.tui.jobs.plan_reader import Forecast
from torc_tui.tui.rerun.failure_rows import FailureRows
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen
from torc_tui.views.failure_groups import FailureGroup, Member
from torc_tui.views.failure_signature import Signature
from torc_tui.views.rerun_estimate import Estimate
from torc_tui.workflow_file.load import loads

PICTURES = Path(__file__).parent / "pictures"
NOW = 1_800_000_000.0
SPEC = """
name: pipeline
user_data: [{name: config, data: {lr: 0.1}}]
files: [{name: table, path: out/table.csv}]
resource_requirements:
  - {name: small, num_cpus: 2, memory: 1g, runtime: PT10M}
  - {name: gpu1, num_cpus: 4, num_gpus: 1, memory: 8g, runtime: PT2H}
jobs:
  - {name: prep, command: "python prep.py ${user_data.input.config}", resource_requirements: small,
     output_files: [table]}
  - {name: "train_{lr}", command: "python train.py --lr {lr}", input_files: [table],
     parameters: {lr: "[0.1,0.01,0.001]"}, resource_requirements: gpu1}
  - {name: "[bold]check", command: "python check.py", depends_on: [prep], env: {MODE: strict}}
  - {name: evaluate, command: "python evaluate.py", depends_on_regexes: ["^train_.*"]}
"""
ROWS = (
    (1, JobStatus.COMPLETED, NOW - 90, NOW - 86, 0, None),
    (2, JobStatus.RUNNING, NOW - 80, None, None, None),
    (3, JobStatus.FAILED, NOW - 80, NOW - 20, 137, "killed: out of memory"),
    (4, JobStatus.READY, None, None, None, None),
    (5, JobStatus.TERMINATED, NOW - 70, NOW - 69.2, 143, "stopped by a person"),
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database with a running workflow, at a fixed time."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(TorcApp, "take_machine", lambda self, news: None)
    store = Store.open(str(tmp_path / "torc.db"))
    wf = acts.create_workflow(
        store, resolve(loads(SPEC, format="yaml")), user="ada", directory="/w", actor="ada@here"
    )
    acts.initialize(store, wf, force=True, actor="ada@here")
    with store.write() as conn:
        for job, status, started, ended, code, reason in ROWS:
            execute(
                conn,
                "UPDATE job SET status = ?, started_at = ?, ended_at = ?, return_code = ?, reason = ? WHERE id = ?",
                (int(status), started, ended, code, reason, job),
            )
    store.close()
    monkeypatch.setattr("torc_tui.tui.shell.app.time.time", lambda: NOW)
    yield str(tmp_path / "torc.db")
    monkeypatch.undo()
    time.tzset()


def picture(pilot: Pilot[int]) -> str:
    app = pilot.app
    lines = []
    for strip in app.screen._compositor.render_strips():
        segments = list(strip)
        for line_filter in app.get_line_filters():
            segments = line_filter.apply(segments, app.screen.background_colors[1])
        lines.append("".join(segment.text for segment in segments).rstrip())
    return "\n".join(lines) + "\n"


def colors(pilot: Pilot[int]) -> str:
    """Which colors stand on each line, in their order."""
    lines = []
    for strip in pilot.app.screen._compositor.render_strips():
        shown = dict.fromkeys(
            f"{segment.style.color.name if segment.style.color else ''}/"
            f"{segment.style.bgcolor.name if segment.style.bgcolor else ''}"
            for segment in strip
            if segment.style is not None and segment.text.strip()
        )
        lines.append(" ".join(shown))
    return "\n".join(lines) + "\n"


def compare(name: str, text: str) -> None:
    file = PICTURES / f"{name}.txt"
    if os.environ.get("TORC_PICTURES") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "size", "environ", "keys"),
    [
        ("wide", (160, 40), {}, ()),
        ("failed", (120, 36), {}, ("down", "down")),
        ("graph", (120, 30), {}, ("3", "3", "F")),
        ("narrow", (80, 24), {}, ("down",)),
        ("tiny", (40, 10), {}, ()),
        ("ascii", (100, 30), {"TERM": "linux", "LANG": "C", "COLORTERM": ""}, ("3", "3")),
    ],
)
async def test_screens(
    url: str, name: str, size: tuple[int, int], environ: dict[str, str], keys: tuple[str, ...]
) -> None:
    app = TorcApp(
        url,
        1,
        environ={"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | environ,
    )
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        await pilot.press(*keys)
        await painted(pilot)
        compare(name, picture(pilot))


async def test_the_light_theme(url: str) -> None:
    app = TorcApp(
        url, 1, environ={"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    )
    async with app.run_test(size=(120, 24)) as pilot:
        app.theme = "torc-day"
        await painted(pilot)
        await pilot.press("down", "down")
        await painted(pilot)
        compare("light", colors(pilot))


async def painted(pilot: Pilot[int]) -> None:
    """Return whether all answers of the threads have arrived and are painted."""
    app = pilot.app
    assert isinstance(app, TorcApp)
    await until(pilot, lambda: isinstance(app.screen, WorkflowScreen) and app.screen.model.loaded)
    quiet = 0
    while quiet < 3:
        await pilot.pause(0.05)
        busy = (
            app.inbox
            or app.reader.is_busy
            or app.planner.is_busy
            or (isinstance(app.screen, WorkflowScreen) and app.screen.busy)
        )
        quiet = 0 if busy else quiet + 1


# -- the tab Timeline ------------------------------------------------------------------------------


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that does not move, and no readings of the machine."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(TorcApp, "take_machine", lambda self, news: None)
    monkeypatch.setattr("torc_tui.tui.shell.app.time.time", lambda: NOW + 100)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("timeline", (150, 36), "6 6 right right"),
        ("timeline-runners", (150, 36), "6 6 z v"),
        ("timeline-narrow", (80, 24), "6 6 z down"),
    ],
)
async def test_timeline(
    tmp_path: Path, still: None, name: str, size: tuple[int, int], keys: str
) -> None:
    async with RunStory(tmp_path).app().run_test(size=size) as pilot:
        await painted(pilot)
        for key in keys.split():
            await pilot.press(key)
            await painted(pilot)
        compare(name, picture(pilot))


async def test_replay(tmp_path: Path, still: None) -> None:
    async with ReplayStory(tmp_path).app().run_test(size=(150, 36)) as pilot:
        await painted(pilot)
        await start(pilot)
        await go(pilot, 0.5)
        await go(pilot, 0.36)
        await painted(pilot)
        compare("replay", picture(pilot))


# -- the tab Rerun ---------------------------------------------------------------------------------

TRACEBACK = """loading table.csv
Traceback (most recent call last):
  File "train.py", line 12, in <module>
    fit(rows)
MemoryError: no room for 700 rows
"""


def failures() -> list[FailureGroup]:
    """Three jobs of two reasons; a job was canceled because of one of them."""
    signature = Signature(
        "exit", 1, "oom", "MemoryError", "no room for N rows", stream="stderr", line=5,
        offset=TRACEBACK.index("MemoryError"),
    )  # fmt: skip
    groups = [FailureGroup(1), FailureGroup(2)]
    for job, name in ((2, "train_0.1"), (3, "train_0.01")):
        groups[0].jobs.append(Member(job, name, "train_{lr}", 1, NOW - 20 - job, signature))
    groups[0].canceled.append(6)
    timeout = Signature("timeout", 152, "timeout")
    groups[1].jobs.append(Member(5, "[bold]check", "[bold]check", 1, NOW - 60, timeout))
    return groups


def test_the_only_reason_is_open_if_its_jobs_have_room() -> None:
    rows, (first, *_) = FailureRows(), failures()
    rows.set(failures())
    assert not rows.open_only(100.0)
    rows.set([first])
    needed = 1 + len(first.jobs) + len(first.canceled)
    assert not rows.open_only(needed - 1) and rows.open_only(needed)
    assert len(rows.keys(None, False)) == needed
    rows.toggle(first.number)
    assert not rows.open_only(100.0)


def forecast() -> Forecast:
    """A plan with a reason of each kind that has evidence of its own."""
    why: dict[int, tuple[Reason, ...]] = {
        1: (
            because(
                Kind.COMMAND_CHANGED,
                before="python prep.py --rows 7",
                after="python prep.py --rows 9 -v",
            ),
            because(
                Kind.INPUT_CHANGED,
                name="table",
                path="out/table.csv",
                before=(1200, NOW - 900.0),
                after=(4800, NOW - 60.0),
            ),
        ),
        2: (because(Kind.FOLLOWS, jobs=("prep",)),),
    }
    names = {1: "prep", 2: "train_0.1"}
    verdicts = {
        number: JobVerdict(number, names[number], RerunDecision.RUN, number == 1, reasons)
        for number, reasons in why.items()
    }
    plan = RerunPlan(workflow_id=1, name="pipeline", last_seq=1, verdicts=verdicts)
    return Forecast(
        plan=plan,
        stale=verdicts,
        listed=verdicts,
        estimate=Estimate(75.0, 40.0, 70.0, 2),
        seconds={1: 5.0, 2: 70.0},
    )


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("failures", (120, 36), ()),
        ("failures-open", (160, 40), ("-", "down")),
        ("failures-narrow", (80, 24), ()),
        ("plan", (120, 36), ("v",)),
        ("plan-alone", (160, 40), ("v", "z")),
        ("plan-narrow", (80, 24), ("v",)),
    ],
)
async def test_rerun(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    size: tuple[int, int],
    keys: tuple[str, ...],
) -> None:
    log = tmp_path / "log"
    log.write_text(TRACEBACK)
    attempt = AttemptLog(
        job_id=2,
        job="train_0.1",
        run_id=1,
        attempt_id=1,
        status=JobStatus.FAILED,
        started_at=NOW - 80,
        mode="separate",
        stdout=None,
        stderr=str(log),
        hostname="here",
        group="train_{lr}",
    )
    monkeypatch.setattr("torc_tui.operations.failures.failure_groups", lambda *_: failures())
    monkeypatch.setattr(plan_reader, "read_forecast", lambda *_: forecast())
    monkeypatch.setattr("torc_tui.store.log_files.attempts", lambda *_: [attempt])
    await show_rerun(url, name, size, keys, failed=True)


async def test_nothing_to_rerun(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = {
        number: JobVerdict(number, f"job_{number}", RerunDecision.KEEP) for number in range(6)
    }
    none = RerunPlan(workflow_id=1, name="pipeline", last_seq=1, verdicts=verdicts)
    found = Forecast(plan=none, stale={}, listed={}, estimate=Estimate(), seconds={})
    monkeypatch.setattr("torc_tui.operations.failures.failure_groups", lambda *_: [])
    monkeypatch.setattr(plan_reader, "read_forecast", lambda *_: found)
    await show_rerun(url, "no-failures", (80, 24), ())
    await show_rerun(url, "nothing-stale", (120, 30), ("v",))


async def show_rerun(
    url: str, name: str, size: tuple[int, int], keys: tuple[str, ...], *, failed: bool = False
) -> None:
    environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    app = TorcApp(url, 1, environ=environ)
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        await pilot.press("8", "8")
        screen = app.screen
        assert isinstance(screen, WorkflowScreen)
        await until(
            pilot, lambda: screen.plans.forecast is not None and screen.tabs.pane.failures.is_read
        )
        await painted(pilot)
        log = screen.tabs.pane.failures.log_view
        await until(pilot, lambda: log.source.marked is not None or not failed)
        await pilot.press(*keys)
        await painted(pilot)
        compare(f"rerun-{name}", picture(pilot))


# -- the tab Files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("wide", (160, 40), ()),
        ("narrow", (80, 24), ()),
        ("narrow-open", (80, 24), ("enter",)),
        ("tiny", (40, 10), ("enter",)),
        ("bytes", (120, 36), ("t", "t")),
    ],
)
async def test_files(
    url: str, monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int], keys: Sequence[str]
) -> None:
    rows = "".join(f"sample_{number},{number / 7:.3f},true\n" for number in range(40))
    head = f"name,loss,kept\n{rows}".encode()
    disk = DiskState(size=len(head), modified=NOW - 900.0)

    def read(path: str) -> FileContent:
        return FileContent(path=path, disk=disk, kind=kind_of(path, head), head=head)

    monkeypatch.setattr("torc_tui.tui.files.files_pane.disk_state", lambda _path: disk)
    monkeypatch.setattr("torc_tui.tui.files.file_content.read_file", read)
    environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    app = TorcApp(url, 1, environ=environ)
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        await pilot.press("5", "5")
        await painted(pilot)
        await pilot.press(*keys)
        await painted(pilot)
        compare(f"files-{name}", picture(pilot))


# -- the sweep in the tab Results ------------------------------------------------------------------

SWEEP = """
name: search
user_data: [{name: "m_{lr}_{depth}", parameters: {lr: "[0.01,0.1,1.0]", depth: "[2,4,8,16]"}}]
jobs:
  - name: "fit_{lr}_{depth}"
    parameters: {lr: "[0.01,0.1,1.0]", depth: "[2,4,8,16]"}
    command: "fit ${user_data.output.m_{lr}_{depth}}"
"""
STATUSES = {9: JobStatus.FAILED, 11: JobStatus.RUNNING, 12: JobStatus.READY}
"""All other jobs have completed."""


@pytest.mark.parametrize(
    ("name", "size", "environ", "keys"),
    [
        ("table", (160, 40), {}, ("v", "down", "space")),
        ("heat", (160, 40), {}, ("v", "v", "down", "space", "left")),
        ("heat-narrow", (80, 24), {}, ("v", "v", "z", "right")),
        ("heat-tiny", (40, 10), {}, ("v", "v")),
        ("heat-mono", (80, 24), {"NO_COLOR": "1"}, ("v", "v", "z")),
    ],
)
async def test_sweep(
    url: str, name: str, size: tuple[int, int], environ: dict[str, str], keys: Sequence[str]
) -> None:
    store = Store.open(url)
    spec = resolve(loads(SWEEP, format="yaml"))
    wf = acts.create_workflow(store, spec, user="ada", directory="/w", actor="ada@here")
    with store.write() as conn:
        ids = [job["id"] for job in list_jobs(store, wf)]
        records = [one["id"] for one in user_data_records.overview(conn, wf)]
        for number, (job, record) in enumerate(zip(ids, records, strict=True), start=1):
            status = STATUSES.get(number, JobStatus.COMPLETED)
            began = None if status is JobStatus.READY else NOW - 60
            ended = None if status in (JobStatus.READY, JobStatus.RUNNING) else NOW - number
            execute(
                conn,
                "UPDATE job SET status = ?, started_at = ?, ended_at = ? WHERE id = ?",
                (int(status), began, ended, job),
            )
            if number not in STATUSES:
                value = {"loss": 1 / number, "steps": number * 100, "optimizer": "adam"}
                user_data.update(conn, record, {"data": value}, user_data.Author(NOW, actor="ada"))
    store.close()
    environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | environ
    app = TorcApp(url, wf, environ=environ)
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        await pilot.press("7", "7")
        await painted(pilot)
        for key in keys:
            await pilot.press(key)
            await painted(pilot)
        compare(f"sweep-{name}", picture(pilot))
