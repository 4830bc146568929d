"""The tab Resources: the sheet of a reading, and how readings arrive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from tests.tui.driving import screen_text, until
from tests.waiting import DEADLINE, wait_for
from torc_tui.model import Allocation, Gpu, GpuGrant, GpuProcess, Machine
from torc_tui.operations.machine_state import MachineState
from torc_tui.operations.own_load import OwnUse
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.resources.gpu_health import GpuHealth
from torc_tui.resources.host_ledger import LedgerEntry
from torc_tui.status import JobStatus
from torc_tui.store.runner_liveness import ActiveRunner, Holding
from torc_tui.tui.feed.machine import MachineHistory, MachineReading
from torc_tui.tui.look.text_layout import Line, line_width
from torc_tui.tui.machine.machine_sheet import draw
from torc_tui.tui.machine.runner_rows import RunnerRows
from torc_tui.tui.machine.sheet_parts import memory_bar, wrapped
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen

GB = 1 << 30
ROOT = Path(__file__).resolve().parents[2]


def holding(job_id: int, name: str, cpus: int, *grants: GpuGrant, workflow: int = 1) -> Holding:
    held = Allocation(cpus, cpus * GB, grants)
    return Holding(
        job_id, name, workflow, "w", "ada", 1, 1, 1, JobStatus.RUNNING, 100 + job_id, 940.0, held
    )


def gpu(index: int, used: int = 0, *processes: GpuProcess) -> Gpu:
    return Gpu(
        uuid=f"GPU-{index}", index=index, name="NVIDIA A100", memory=80 * GB, memory_free=(80 - used) * GB,
        utilization=50.0 + index, temperature=60.0, power=300.0, processes=processes,
    )  # fmt: skip


NOTEBOOK = GpuProcess(pid=4711, name="python", user="anna", memory=48 * GB, idle=3 * 3600.0)


def box() -> MachineState:
    """Return four GPUs: whole, foreign, shared and idle; and one that does not respond."""
    gpus = (
        gpu(0, 70, GpuProcess(pid=101, name="python", memory=70 * GB, own=True)),
        gpu(1, 50, NOTEBOOK),
        gpu(2, 10, GpuProcess(pid=102, name="python", memory=10 * GB, own=True)),
        gpu(3),
    )
    found = [
        {"uuid": f"GPU-{i}", "index": i, "name": "", "memory": 80 * GB, "virtual": False}
        for i in range(5)
    ]
    return MachineState(
        at=1000.0,
        machine=Machine(hostname="box", num_cpus=8, memory=64 * GB, gpus=gpus),
        holdings=[
            holding(1, "train", 4, GpuGrant("GPU-0", 1000, 0)),
            holding(2, "eval_[red]", 1, GpuGrant("GPU-2", 250, 20 * GB)),
            holding(3, "elsewhere", 1, GpuGrant("GPU-2", 0, 20 * GB), workflow=2),
        ],
        runners=[ActiveRunner(1, 1, "box", 1, 12, 64 * GB, found, {})],
        cpu_percent=(100.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        memory_used=16 * GB,
        notices=(
            because(Kind.GPU_SILENT, index=4, uuid="GPU-4", error="GPU is lost"),
            because(Kind.GPU_DRIVER, problem="too old"),
        ),
    )


def watch(host: MachineState) -> MachineHistory:
    machine = MachineHistory()
    machine.take(MachineReading(host, None))
    return machine


def test_a_runner_without_a_heartbeat_is_named() -> None:
    machine = watch(box())
    expired = because(Kind.RUNNER_EXPIRED, runner=9, hostname="far", quiet=120.0)
    machine.take(MachineReading(box(), None, frozenset(), [expired]))
    lines, _ = draw(machine, 1, 120, 40)
    assert " ⚠ runner 9 on far: no heartbeat for 2 min; if it is lost, free its jobs with" in (
        "\n".join(text(lines))
    )


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line).rstrip() for line in lines]


def test_full_size() -> None:
    lines, jobs = draw(watch(box()), 1, 96, 60)
    shown = text(lines)
    assert shown[1] == " CPU 19 % of 8  █ jobs 0 %  ░ others 19 %  6 of 12 allocated"
    memory = " Memory 16 of 64 GiB  █ jobs 0 B  ░ others 16 GiB  6 GiB allocated"
    assert memory in shown
    assert " aaaabc······" in shown
    assert " CPU slots 6 allocated, 6 free" in shown
    assert " GPU 0  NVIDIA A100  50 %  60 °C  300 W" in shown
    assert "   50 GiB of 80 GiB used · others 50 GiB · room 30 GiB" in shown
    assert "   10 GiB of 80 GiB used · jobs 10 GiB · reserved 41 GiB · room 29 GiB" in shown
    assert (
        "   × pid 4711 python of anna, 48 GiB, 0 % for 3 h  × 2 GiB of unlisted processes" in shown
    )
    assert "   b eval_[red] (0.25, 20 GiB)  c elsewhere (20 GiB)" in shown
    assert "   idle" in shown
    assert " GPU 4 ✖ does not respond (GPU-4)" in shown
    assert any("too old" in line for line in shown)
    assert not any("GPU is lost" in line for line in shown)  # said already
    # Only jobs of this workflow can be gone to.
    assert {shown[line].split()[1]: job for line, job in jobs.items()} == {
        "train": 1,
        "eval_[red]": 2,
    }


def test_times_are_shown_in_a_narrow_pane() -> None:
    """Without GPUs there is no column for them, and below 44 cells none for workflows."""
    holdings = [
        one._replace(allocation=replace(one.allocation, gpus=()), started_at=6000.0)
        for one in box().holdings
    ]
    for now, time in ((6060.0, "1:00"), (50000.0, "12:13:20")):
        lines, _ = draw(watch(replace(box(), at=now, holdings=holdings)), 1, 38, 60)
        [train] = [line for line in text(lines) if line.startswith(" a train")]
        assert train.endswith(f" {time}") and len(train) <= 38


def test_gpus_that_are_set_aside() -> None:
    health = GpuHealth()
    health.avoid("GPU-3", 3, 900.0, inf, "anna")
    host = replace(box(), health=health)
    for height in (60, 12):
        lines = text(draw(watch(host), 1, 100, height)[0])
        [place] = [
            number for number, line in enumerate(lines) if "GPU 3" in line and "⚠" not in line
        ]
        found = [line for line in lines[place:] if "⚠ GPU 3 is not used: anna set it" in line]
        assert len(found) == 1, lines
    narrow = text(draw(watch(host), 1, 53, 60)[0])
    assert not any(line.endswith("…") for line in narrow), narrow


@pytest.mark.parametrize(("width", "height"), [(79, 20), (79, 8), (39, 12), (20, 3), (200, 60)])
def test_sizes(width: int, height: int) -> None:
    lines, _ = draw(watch(box()), 1, width, height)
    assert max(line_width(line) for line in lines) <= max(width, 30)
    shown = text(lines)
    for gpu in range(4):
        assert any(line.startswith(f" GPU {gpu} ") for line in shown)
    assert any("CPU" in line and "%" in line for line in shown[:3])
    if (width, height) == (79, 20):
        assert len(lines) <= height
        assert any(
            line.startswith(" GPU 1 ××××××░░░░  50/80 GiB  30 GiB  51 %  60 °C") for line in shown
        )
        assert any(line.startswith("    × pid 4711 python of anna, 48 GiB") for line in shown)


def starts(line: str, words: tuple[str, ...]) -> list[int]:
    """Return the columns in which these words end."""
    return [line.index(word) + len(word) for word in words]


@pytest.mark.parametrize("width", [53, 79, 120])
def test_columns_of_gpus_are_aligned(width: int) -> None:
    shown = text(draw(watch(box()), 1, width, 22)[0])
    [head] = [line for line in shown if line.startswith(" GPU ") and "room" in line]
    wanted = starts(head, ("memory", "room", "load"))
    for number, words in enumerate(
        [
            ("70/80 GiB", " 0 B", "50 %"),
            ("50/80 GiB", "30 GiB", "51 %"),
            ("10/80 GiB", "29 GiB", "52 %"),
            ("0/80 GiB", " 80 GiB", "53 %"),
        ]
    ):
        [line] = [line for line in shown if line.startswith(f" GPU {number} ")]
        assert starts(line, words) == wanted


def test_users_get_lines_of_their_own_where_they_do_not_fit() -> None:
    shown = text(draw(watch(box()), 1, 60, 28)[0])
    assert "    × pid 4711 python of anna, 48 GiB, 0 % for 3 h" in shown
    assert "    × 2 GiB of unlisted processes" in shown
    assert not any(line.endswith("…") for line in shown if "GPU" in line)


def test_the_mode_is_shown_where_it_is_not_the_usual_one() -> None:
    host = box()
    first, *others = host.machine.gpus
    gpus = (replace(first, compute_mode="exclusive_process"), *others)
    other = replace(host, machine=replace(host.machine, gpus=gpus))
    for width, height in ((96, 60), (120, 22)):
        shown = "\n".join(text(draw(watch(other), 1, width, height)[0]))
        assert shown.count("exclusive process") == 1
        assert "mode" not in "\n".join(text(draw(watch(host), 1, width, height)[0]))


def test_what_other_databases_hold() -> None:
    entries = [
        LedgerEntry("a", "anna", "hyperscan", "", 1, Allocation(4, 8 * GB), 3),
        LedgerEntry("b", "anna", "hyperscan", "fit", 1, Allocation(2, GB, (GpuGrant("GPU-3"),))),
        LedgerEntry("c", "bert", "night", "", 1, Allocation(1, GB), 1),
    ]
    shown = text(draw(watch(replace(box(), others=entries)), 1, 96, 60)[0])
    assert " × hyperscan of anna  4 jobs, 6 CPUs, 9 GiB, 1 GPU" in shown
    assert " × night of bert  1 job, 1 CPU, 1 GiB" in shown
    assert "   × fit of anna" in shown


def test_parts_of_a_memory_bar() -> None:
    bars = ["".join(part for part, _ in memory_bar(state, 16)) for state in box().gpu_states()]
    assert bars == ["█" * 14 + "▒" * 2, "×" * 10 + "░" * 6, "█" * 2 + "▒" * 6 + "░" * 8, "░" * 16]


def test_virtual_gpus() -> None:
    host = MachineState(
        at=1.0,
        machine=Machine(
            hostname="box",
            num_cpus=2,
            memory=GB,
            gpus=(Gpu(uuid="virtual-0", index=0, name="virtual GPU", virtual=True),),
        ),
        holdings=[holding(1, "a", 1, GpuGrant("virtual-0", 250, 0))],
    )
    lines = text(draw(watch(host), 1, 79, 6)[0])
    assert any(line.startswith(" GPU 0 ▒▒░░░░░░░░  0.25 allocated  a a") for line in lines)


def test_the_meters_of_the_header() -> None:
    machine = watch(box())
    assert [(meter.name, meter.used, meter.total, meter.high) for meter in machine.meters()] == [
        ("CPU", "1.5", "8", False),
        ("mem", "16", "64 GiB", False),
        ("GPU", "3", "4", False),
    ]
    assert MachineHistory().meters() == ()


def test_users_are_wrapped() -> None:
    spans = [
        ("a", "x"),
        (" first  ", ""),
        ("b", "x"),
        (" second  ", ""),
        ("c", "x"),
        (" third  ", ""),
    ]
    assert text(wrapped(spans, 18)) == ["a first  b second", "c third"]


def test_runners_are_listed() -> None:
    far = ActiveRunner(9, 1, "far", 77, 64, 256 * GB, [{}, {}], {}, heartbeat_at=980.0)
    rows = RunnerRows()
    rows.show([far, *box().runners], {9: 12}, 1000.0)
    assert rows.keys(None, False) == [9, 1]
    cells = rows.cells(9, rows.columns, [30] * len(rows.columns))
    assert cells == [
        ("9", "faint"), ("far", "text"), ("64 CPUs, 256 GiB, 2 GPUs", "muted"), ("12", "running"),
        ("77", "muted"), ("0:20 ago", "warning"),
    ]  # fmt: skip


def test_charts_fill_the_pane() -> None:
    for width, height in ((100, 60), (160, 30), (70, 50), (50, 40)):
        lines, _ = draw(watch(box()), 1, width, height, braille=True)
        assert len(lines) == height, (width, height)
        assert not any(line.endswith("…") for line in text(lines)[:3])


def test_jobs_and_others_are_told_apart() -> None:
    machine = MachineHistory()
    for second in range(60):
        host = replace(box(), at=1000.0 + second, own=OwnUse(100.0, 4 * GB))
        machine.take(MachineReading(host, None))
    lines, _ = draw(machine, 1, 160, 60, braille=True)
    assert "CPU 19 % of 8  █ jobs 12 %  ░ others 6 %  6 of 12 allocated" in text(lines)[1]
    memory = next(line for line in text(lines) if "Memory" in line)
    assert memory.endswith("Memory 16 of 64 GiB  █ jobs 4 GiB  ░ others 12 GiB  6 GiB allocated")
    dots = {style for line in lines for part, style in line if "⣿" in part or "⢕" in part}
    assert dots == {"load", "muted"}


class Run:
    """A runner with two make-believe GPUs, whose jobs last until the pipe is written."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/torc.db"
        jobs = [
            {"name": name, "command": "cat fifo", "resource_requirements": "one"}
            for name in ("a", "b", "c")
        ]
        needs = [{"name": "one", "num_cpus": 1, "num_gpus": 1, "memory": "10m", "runtime": "PT1M"}]
        (folder / "w.json").write_text(
            json.dumps({"name": "gpus", "jobs": jobs, "resource_requirements": needs})
        )
        os.mkfifo(folder / "fifo")
        self.folder = folder
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TORC_", "CUDA_"))
        }
        environ |= {"TORC_DATABASE": self.url, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
        words = [
            sys.executable,
            "-m",
            "torc_tui.cli.main",
            "run",
            "w.json",
            "--num-gpus=2",
            "--num-cpus=4",
            "-q",
        ]
        self.process = subprocess.Popen(words, cwd=folder, env=environ)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    one = Run(tmp_path)
    yield one
    one.close()


async def test_a_running_machine(run: Run) -> None:
    environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    wait_for(lambda: (run.folder / "torc_output").exists(), "the runner has begun")
    app = TorcApp(run.url, 1, environ=environ)
    async with app.run_test(size=(180, 40)) as pilot:
        wanted = "needs 1 GPU, 0 free: GPUs 0 and 1 are held by other jobs"
        await until(
            pilot, lambda: wanted[:24] in screen_text(pilot), "the reason of the job that waits"
        )
        screen = pilot.app.screen
        assert isinstance(screen, WorkflowScreen)
        rows, view = screen.model.rows, screen.model.view
        waiting = next(job for job in view.jobs.values() if job.status is JobStatus.READY)
        assert rows.reasons.why(waiting).startswith(f"{wanted}, next on GPU ")
        assert any(name in screen_text(pilot) for name in ("GPU 2/2",))
        await pilot.press("/", *"gpu:0", "enter")
        await until(pilot, lambda: len(screen.table.order) == 1, "the job that holds GPU 0")
        await pilot.press("escape", "0")
        await until(pilot, lambda: "virtual, 1 allocated" in screen_text(pilot), "the tab")
        assert "CPU slots 2 allocated, 2 free" in screen_text(pilot)
        assert " ab··" in screen_text(pilot)
        await pilot.press("tab", "tab", "X")
        await until(pilot, lambda: "Stop runner 1 on" in screen_text(pilot), "the question")
        assert "It runs 2 jobs: a and b." in screen_text(pilot)
        assert "No other runner is active" in screen_text(pilot)
        await pilot.press("escape", "r")
        await until(pilot, lambda: "Resize the runner" in screen_text(pilot), "the form")
        await pilot.press("escape", "X")
        await until(pilot, lambda: "Stop runner 1 on" in screen_text(pilot), "the question")
        await pilot.press("y")
        wait_for(lambda: run.process.poll() is not None, "the runner ends")
