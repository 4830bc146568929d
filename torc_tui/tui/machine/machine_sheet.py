"""Draw the machine as lines: CPU slots, memory, GPUs, the jobs that use them, histories. Pure.

Input: the readings of the app. Output: lines, and those that represent jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from torc_tui.operations.machine_state import MachineState, other_use
from torc_tui.reasons import Kind
from torc_tui.resources.explain import label
from torc_tui.resources.gpu_state import GpuState
from torc_tui.tui.feed.machine import MachineHistory, Ring
from torc_tui.tui.look.charts import Layer, area, columns
from torc_tui.tui.look.status_icons import SUSPENDED
from torc_tui.tui.look.text_layout import Line, Span, fit, fit_line, line_width, sanitize
from torc_tui.tui.machine.gpu_table import GpuRow, gpu_table
from torc_tui.tui.machine.load_charts import (
    BESIDE_FROM,
    NARROW_FROM,
    load_charts,
    part_of,
    span_of,
)
from torc_tui.tui.machine.sheet_parts import (
    FREE,
    OTHERS,
    OWN,
    RESERVED,
    device_words,
    figures,
    memory_bar,
    memory_words,
    mode_words,
    warning_lines,
    wrapped,
)
from torc_tui.wording import clock, count, gpu_label, sentence, size
from torc_tui.wording.gpu_sentences import gpu_process, hidden_memory

LOWEST = 4
"""Minimum lines of the charts of CPUs and memory, which grow with the pane."""
LEAST_WIDTH = 44
"""Minimum width with charts, and with the numbers of workflows."""
STYLES = ("info", "success", "accent", "json-literal", "json-number", "pending")
"""Styles that distinguish neighboring jobs, together with letters."""
_ABOUT_ONE = frozenset({Kind.GPU_SILENT, Kind.GPU_BACK})
"""Notices about one GPU."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def draw(
    machine: MachineHistory,
    workflow_id: int | None,
    width: int,
    height: int,
    *,
    braille: bool = False,
) -> tuple[list[Line], dict[int, int]]:
    """Return the sheet in ``width`` cells, with as much detail as fits in ``height`` lines.

    The second value tells which lines stand for which jobs of the workflow. The charts take the
    lines that are left.
    """
    assert machine.host is not None
    for detail in (5, 4, 3, 2, 1, 0):
        sheet = MachineSheet(machine, workflow_id, width, detail, braille=braille)
        lines, jobs = sheet.all()
        if len(lines) <= height:
            break
    spare = height - len(lines)
    if sheet.roomy and spare > 0:
        sheet = MachineSheet(
            machine, workflow_id, width, detail, chart=sheet.chart + spare, braille=braille
        )
        lines, jobs = sheet.all()
    return lines, jobs


class MachineSheet:
    """Writes one sheet, section by section."""

    def __init__(
        self,
        machine: MachineHistory,
        workflow_id: int | None,
        width: int,
        detail: int,
        *,
        chart: int | None = None,
        braille: bool = False,
    ) -> None:
        """Prepare the sheet; ``chart`` is the number of lines of the charts."""
        assert machine.host is not None
        self.chart = chart or (LOWEST if width >= BESIDE_FROM else NARROW_FROM)
        self.braille = braille
        self.machine = machine
        self.host: MachineState = machine.host
        self.workflow_id = workflow_id
        self.width = max(width, 30)
        self.roomy = detail >= 4 and width >= LEAST_WIDTH
        self.cards = detail == 5 and width >= BESIDE_FROM
        self.gaps = detail >= 3
        self.wraps = detail >= 2
        self.slots = detail > 0
        self.span = span_of(machine)
        self.capacity = max(
            self.host.machine.num_cpus, *(one.num_cpus for one in self.host.runners), 1
        )
        self.set_aside = self.host.set_aside()
        self.lines: list[Line] = []
        self.jobs: dict[int, int] = {}
        self.marks: dict[int, Span] = {
            one.job_id: (LETTERS[place % len(LETTERS)], STYLES[place % len(STYLES)])
            for place, one in enumerate(self.host.holdings)
        }

    def all(self) -> tuple[list[Line], dict[int, int]]:
        if self.roomy:
            self.lines.append([])
        self._load()
        if self.slots:
            self._slots()
        self._gpus()
        self._holders()
        self._elsewhere()
        return self.lines, self.jobs

    def add(self, *spans: Span) -> None:
        self.lines.append(
            fit_line(spans, self.width) if line_width(spans) > self.width else list(spans)
        )

    def gap(self) -> None:
        if self.gaps:
            self.lines.append([])

    def history(self, ring: Ring, width: int, height: int) -> list[Line]:
        values = ring.window(self.host.at, self.span, columns(width, braille=self.braille))
        return area([Layer(values, "load")], height, high=100.0, braille=self.braille)

    # -- CPUs and memory ---------------------------------------------------------------------------

    def _load(self) -> None:
        if self.roomy:
            room = self.width - 2
            charts = load_charts(self.machine, self.capacity, room, self.chart, self.braille)
            self.lines += [[(" ", ""), *line] for line in charts]
        else:
            self._load_rows()
        self.gap()

    def _load_rows(self) -> None:
        """Add one line each for CPUs and memory."""
        host, total = self.host, self.host.machine.memory
        load, used = self.machine.cpu.last, 100 * host.memory_used / max(total, 1)
        cpus = f"{host.held.num_cpus} of {self.capacity} allocated"
        memory = part_of(size(host.memory_used), size(total))
        memory += f", {size(host.held.memory)} allocated"
        rows = (
            ("CPU", self.machine.cpu, "…" if load is None else f"{load:.0f} %", cpus),
            ("mem", self.machine.memory, f"{used:.0f} %", memory),
        )
        graph = min(24, self.width - max(len(words) for *_, words in rows) - 13)
        for name, ring, now, words in rows:
            shown = self.history(ring, graph, 1)[0] if graph >= 6 else []
            pad = " " * max(0, (graph if graph >= 6 else 0) - line_width(shown))
            self.add(
                (f" {name} ", "accent bold"),
                *shown,
                (f"{pad} {now:>5}", "strong"),
                (f"  {words}", "muted"),
            )

    def _slots(self) -> None:
        """Add a character per CPU: the letter of the job that holds it, or a dot."""
        marks = [
            self.marks[one.job_id]
            for one in self.host.holdings
            for _ in range(ceil(one.allocation.num_cpus))
        ]
        total = max(self.capacity, len(marks))
        cells: list[Span] = marks + [("·", "faint")] * (total - len(marks))
        free = total - len(marks)
        self.add((" CPU slots ", "accent bold"), (f"{len(marks)} allocated, {free} free", "muted"))
        room = self.width - 2
        most = len(cells) if self.roomy else room
        for start in range(0, min(len(cells), most), room):
            self.add((" ", ""), *cells[start : start + room])
        self.gap()

    # -- GPUs --------------------------------------------------------------------------------------

    def _gpus(self) -> None:
        host = self.host
        here = {gpu.uuid for gpu in host.machine.gpus}
        known = {gpu["uuid"]: gpu["index"] for one in host.runners for gpu in one.gpus or ()}
        # GPUs of our runners that do not answer are listed below.
        hidden = [one for one in host.notices if one.kind in _ABOUT_ONE and one["uuid"] in known]
        for reason in [one for one in host.notices if one not in hidden][-2:]:
            width = self.width if self.wraps else None
            for line in warning_lines(sanitize(sentence(reason)), 1, width):
                self.add(*line)
        states = host.gpu_states()
        if not states:
            return
        if self.cards:
            self._gpu_cards(states)
        else:
            self._gpu_table(states)
        for uuid, index in known.items():
            if uuid not in here and host.sees_gpus:
                self.add((f" GPU {index} ✖ does not respond ", "error"), (f"({uuid})", "faint"))
        if not self.cards:
            self.gap()

    def _gpu_table(self, states: Sequence[GpuState]) -> None:
        graph = 10 if self.width < 100 else 20
        rows = []
        for state in states:
            ring = self._ring(state)
            measured = state.gpu is not None and state.gpu.utilization is not None
            line = self.history(ring, graph, 1)[0] if measured else []
            history = "".join(part for part, _ in line)
            rows.append(GpuRow(state, self._users(state), history, self._warning(state)))
        for line in gpu_table(rows, self.width, wraps=self.wraps, heading=self.slots):
            self.add(*line)

    def _gpu_cards(self, states: Sequence[GpuState]) -> None:
        self.add(
            (" GPUs   ", "accent bold"),
            *(OWN, (" used by jobs  ", "muted")),
            *(RESERVED, (" reserved  ", "muted")),
            *(OTHERS, (" used by others  ", "muted")),
            *(FREE, (" free", "muted")),
        )
        for state in states:
            self._gpu_card(state)

    def _ring(self, state: GpuState) -> Ring:
        assert state.gpu is not None
        return self.machine.gpus.get(state.gpu.uuid, Ring(1))

    def _gpu_card(self, state: GpuState) -> None:
        gpu = state.gpu
        assert gpu is not None
        graph = max(8, min(30, self.width // 3))
        room = self.width - graph - len("   ")
        use = self.history(self._ring(state), graph, 2)
        title: Line = [
            (f" {gpu_label(label(gpu))}  ", "strong"),
            (sanitize(gpu.name), "muted"),
            (f"  {'  '.join(filter(None, figures(gpu)))}", "text"),
        ]
        self.add(*fit_line(title, room), ("  ", ""), *use[0])
        self.add(("   ", ""), *memory_bar(state, room - 3), ("  ", ""), *use[1])
        mode = f" · {mode_words(gpu)}" if mode_words(gpu) else ""
        self.add(("   ", ""), (memory_words(state), "muted"), (mode, "warning"))
        for row in wrapped(self._users(state) or [("idle", "faint")], self.width - 4):
            self.add(("   ", ""), *row)
        self.lines += warning_lines(self._warning(state), 3, self.width)
        self.gap()

    def _warning(self, state: GpuState) -> str:
        """Return why no job starts on a GPU; "" for a GPU in use."""
        assert state.gpu is not None
        reason = self.set_aside.get(state.gpu.uuid)
        return sanitize(sentence(reason)) if reason is not None else ""

    def _users(self, state: GpuState) -> list[Span]:
        """Return the jobs that hold the GPU, and other processes on it."""
        gpu = state.gpu
        assert gpu is not None
        out: list[Span] = []
        for one in self.host.holders(gpu.uuid):
            grant = next(grant for grant in one.allocation.gpus if grant.uuid == gpu.uuid)
            part = [f"{grant.share / 1000:g}"] if 0 < grant.share < 1000 else []
            part += [size(grant.memory)] if grant.memory else []
            out += [self.marks[one.job_id], (" " + sanitize(one.job_name), "text")]
            out += [(f" ({', '.join(part)})  ", "faint")] if part else [("  ", "")]
        for claim in state.claims:
            if (owner := claim.owner) is not None:
                used = f", {size(claim.used)}" if claim.used else ""
                out.append((f"× {sanitize(f'{owner.job} of {owner.user}')}{used}  ", "warning"))
        for process in sorted(state.foreign, key=lambda process: -(process.memory or 0)):
            words = gpu_process(
                process.pid, process.name, process.memory, process.user, process.idle
            )
            out.append((f"× {sanitize(words)}  ", "muted" if process.graphics else "warning"))
        if hidden := state.hidden_to_name:
            out.append((f"× {hidden_memory(hidden)}  ", "warning"))
        return out

    # -- holders -----------------------------------------------------------------------------------

    def _holders(self) -> None:
        holdings = self.host.holdings
        if not holdings:
            self.add((" no job uses this machine", "faint"))
            return
        index = {gpu.uuid: gpu.index for gpu in self.host.machine.gpus}
        several = len({one.workflow_id for one in holdings}) > 1
        workflows = several and self.width >= LEAST_WIDTH
        devices = [device_words(one, index) for one in holdings]
        gpus = max(len("GPUs"), *map(len, devices)) if any(devices) else 0
        times = [
            clock(self.host.at - one.started_at) if one.started_at else "…" for one in holdings
        ]
        time = max(6, *map(len, times))
        name = max(8, self.width - 22 - time - gpus - (5 if workflows else 0))
        title = fit("GPUs", gpus)
        head = f"   {'job':<{name}} {'CPUs':>4} {'memory':>9}  {title} {'time':>{time}} "
        self.add((head + ("  wf" if workflows else ""), "head"))
        for one, device, took in zip(holdings, devices, times, strict=True):
            if one.workflow_id == self.workflow_id:
                self.jobs[len(self.lines)] = one.job_id
            self.add(
                (" ", ""),
                self.marks[one.job_id],
                (" " + fit(sanitize(one.job_name), name), "text"),
                (f" {one.allocation.num_cpus:>4} {size(one.allocation.memory):>9}  ", "muted"),
                (fit(device, gpus), "accent"),
                (f" {took:>{time}} ", "running"),
                (f"  {one.workflow_id}" if workflows else "", "faint"),
                (f"  {SUSPENDED.word}" if one.suspended else "", SUSPENDED.style),
            )

    def _elsewhere(self) -> None:
        for other in other_use(self.host.others):
            held = [count(other.jobs, "job"), count(other.held.num_cpus, "CPU")]
            held += [size(other.held.memory)]
            number = len({grant.uuid for grant in other.held.gpus})
            held += [count(number, "GPU")] if number else []
            self.add(
                (f" × {sanitize(other.workflow)} of {sanitize(other.user)}  ", "warning"),
                (", ".join(held), "muted"),
            )
        for reason in self.machine.reports:
            self.add((f" ⚠ {sanitize(sentence(reason))}", "warning"))
