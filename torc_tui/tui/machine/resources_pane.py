"""The machine: every CPU slot, the memory and each card, with the jobs that hold them, what others
use, and how it was.

What comes in: the readings that the app keeps (``tui.machine``). What goes out: painted lines.
Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Gpu, GpuProcess
from torc_tui.operations.host import Host
from torc_tui.resources.explain import card_name, size
from torc_tui.resources.gpus import Card
from torc_tui.store.allocations_held import Holding
from torc_tui.tui.feed.machine_state import MachineWatch
from torc_tui.tui.feed.sample_history import Ring, blocks
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.look.text_layout import Line, Span, fit, fit_line, line_width, sanitize
from torc_tui.tui.widgets.dialogs import TextDrawing
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.wording import clock

SHORTEST, LONGEST = 60.0, 300.0
"""Seconds that the histories show: all that is known, within these."""
STYLES = ("info", "success", "accent", "json-literal", "json-number", "pending")
"""Neighbouring jobs are told apart by a letter and one of these."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
OWN, RESERVED, OTHERS, FREE = ("█", "bar"), ("▒", "accent"), ("×", "warning"), ("░", "bar-rest")
"""The parts of a memory bar; each has a sign of its own, since colour alone tells nothing."""


class Picture(TextDrawing):
    """Lines, some of which stand for a job that a click opens."""

    def __init__(self, lines: Sequence[Line], jobs: Mapping[int, int]) -> None:
        super().__init__(lines)
        self.jobs = jobs

    def hit(self, x: int, y: int) -> int | None:  # type: ignore[override]  # the base has nothing to hit
        return self.jobs.get(y)


class ResourcesPane(Pane):
    NAME: ClassVar[str] = "resources"
    TITLE: ClassVar[str] = "Resources"
    PER_JOB: ClassVar[bool] = False

    def compose(self) -> ComposeResult:
        yield LineCanvas(empty="reading …")

    def data_changed(self, changed: Any, events: Any) -> None:
        """The readings come by themselves."""

    def machine_changed(self) -> None:
        """A reading came in."""
        self.freshen()

    def on_resize(self) -> None:
        self.freshen()

    def freshen(self) -> None:
        machine = self.owner.torc.machine
        view = self.owner.view
        canvas = self.query_one(LineCanvas)
        if machine.host is None or not self.size.width:
            return
        lines, jobs = draw(
            machine,
            view.workflow.id if view is not None else 0,
            self.size.width - 1,
            self.size.height,
        )
        canvas.set_drawing(Picture(lines, jobs))

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        if isinstance(event.what, int):
            self.owner.go_to_job(event.what, focus=False)


def draw(
    machine: MachineWatch, workflow_id: int, width: int, height: int
) -> tuple[list[Line], dict[int, int]]:
    """The whole picture in ``width`` cells: as much as fits ``height``, and what must be there in
    any case. And which line is which job of the workflow."""
    for detail in (2, 1, 0):
        lines, jobs = _Sheet(machine, workflow_id, width, detail).all()
        if len(lines) <= height:
            break
    return lines, jobs


class _Sheet:
    """One drawing in the making."""

    def __init__(self, machine: MachineWatch, workflow_id: int, width: int, detail: int) -> None:
        assert machine.host is not None
        self.machine = machine
        self.host: Host = machine.host
        self.workflow_id = workflow_id
        self.width = max(width, 30)
        self.roomy = detail == 2 and width >= 60
        self.slots = detail > 0
        times = machine.memory.times()
        age = self.host.at - times[0] if times else 0.0
        self.span = max(SHORTEST, min(age, LONGEST))
        self.capacity = max(
            self.host.machine.num_cpus, *(one.num_cpus for one in self.host.runners), 1
        )
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
        self._cards()
        self._holders()
        self._elsewhere()
        return self.lines, self.jobs

    def add(self, *spans: Span) -> None:
        self.lines.append(
            fit_line(spans, self.width) if line_width(spans) > self.width else list(spans)
        )

    def gap(self) -> None:
        if self.roomy:
            self.lines.append([])

    def history(self, ring: Ring, width: int, height: int) -> list[str]:
        return blocks(ring.window(self.host.at, self.span, width), height, high=100.0)

    # -- CPUs and memory ---------------------------------------------------------------------------

    def _load(self) -> None:
        host, machine = self.host, self.host.machine
        held = host.held
        load = self.machine.cpu.last
        cpu = f"{load:.0f} %" if load is not None else "…"
        used = 100 * host.memory_used / max(machine.memory, 1)
        memory = f"{size(host.memory_used)} of {size(machine.memory)}"
        cpus = f"{held.num_cpus} of {self.capacity} held"
        if not self.roomy:
            graph = max(6, min(24, self.width - 52))
            for name, ring, now, said in (
                ("CPU", self.machine.cpu, cpu, cpus),
                (
                    "mem",
                    self.machine.memory,
                    f"{used:.0f} %",
                    f"{memory}, {size(held.memory)} held",
                ),
            ):
                shown = self.history(ring, graph, 1)[0]
                self.add(
                    (f" {name} ", "accent bold"),
                    (shown, "load"),
                    (f" {now:>5}", "strong"),
                    (f"  {said}", "muted"),
                )
            return
        room = (self.width - 4) // 2
        left, right = (
            self.history(ring, room, 4) for ring in (self.machine.cpu, self.machine.memory)
        )
        title = [
            (" CPU ", "accent bold"),
            (cpu, "strong"),
            (f" of {machine.num_cpus}, {cpus}", "muted"),
        ]
        other = [
            ("Memory ", "accent bold"),
            (memory, "strong"),
            (f", {size(held.memory)} held", "muted"),
        ]
        self.add(*fit_line(title, room + 2), *fit_line(other, room))
        for one, two in zip(left, right, strict=True):
            self.add((" ", ""), (one, "load"), (" ", ""), (two, "info"))
        since = f" {self.span / 60:.0f} min ago"
        self.add(
            (since + "now".rjust(room - 9), "faint"), (since + "now".rjust(room - 10), "faint")
        )
        self.gap()

    def _slots(self) -> None:
        """A sign for every CPU: the letter of the job that holds it, or a dot."""
        marks = [
            self.marks[one.job_id]
            for one in self.host.holdings
            for _ in range(one.allocation.num_cpus)
        ]
        total = max(self.capacity, len(marks))
        cells: list[Span] = marks + [("·", "faint")] * (total - len(marks))
        free = total - len(marks)
        self.add((" CPU slots ", "accent bold"), (f"{len(marks)} held, {free} free", "muted"))
        room = self.width - 2
        most = len(cells) if self.roomy else room
        for start in range(0, min(len(cells), most), room):
            self.add((" ", ""), *cells[start : start + room])
        self.gap()

    # -- cards -------------------------------------------------------------------------------------

    def _cards(self) -> None:
        host = self.host
        here = {gpu.uuid for gpu in host.machine.gpus}
        known = {gpu["uuid"]: gpu["index"] for one in host.runners for gpu in one.gpus}
        # Whether the cards of our runners answer is told below, as it is now.
        for notice in [text for text in host.notices if not any(uuid in text for uuid in known)][
            -2:
        ]:
            self.add((f" ⚠ {sanitize(notice)}", "warning"))
        cards = host.cards()
        if not cards:
            return
        if self.roomy:
            own, reserved, others, free = OWN, RESERVED, OTHERS, FREE
            self.add(
                (" GPUs   ", "accent bold"), own, (" used by jobs  ", "muted"), reserved, (" reserved  ", "muted"),
                others, (" used by others  ", "muted"), free, (" free", "muted"),
            )  # fmt: skip
        for card in cards:
            self._card(card)
        for uuid, index in known.items():
            if uuid not in here and host.sees_cards:
                self.add((f" GPU {index} ✖ does not answer ", "error"), (f"({uuid})", "faint"))

    def _card(self, card: Card) -> None:
        gpu = card.gpu
        assert gpu is not None
        figures = "  ".join(_figures(gpu))
        users = self._users(card)
        ring = self.machine.cards.get(gpu.uuid, Ring(1))
        if not self.roomy:
            bar, graph = (6, 0) if self.width < 60 else (14, 10) if self.width < 100 else (20, 20)
            line = self.history(ring, graph, 1)[0] if graph and gpu.utilization is not None else ""
            said = f" {_memory_words(card, short=True)} "
            self.add(
                (f" {card_name(gpu)} ", "accent bold"), *memory_bar(card, bar), (said, "muted"), (line, "load"),
                (f" {'  '.join(_figures(gpu)[:2])}  ", "text"), *users,
            )  # fmt: skip
            return
        self.add(
            (f" {card_name(gpu)}  ", "strong"),
            (sanitize(gpu.name), "muted"),
            (f"  {figures}", "text"),
        )
        graph = max(8, min(30, self.width // 3))
        strip = memory_bar(card, self.width - graph - 5)
        use = self.history(ring, graph, 2)
        below = fit_line([(_memory_words(card), "muted")], self.width - graph - 5)
        self.add(("   ", ""), *strip, ("  ", ""), (use[0], "load"))
        self.add(("   ", ""), *below, ("  ", ""), (use[1], "load"))
        for row in wrapped(users or [("idle", "faint")], self.width - 4):
            self.add(("   ", ""), *row)
        self.gap()

    def _users(self, card: Card) -> list[Span]:
        """Who holds the card, and who else is on it."""
        gpu = card.gpu
        assert gpu is not None
        out: list[Span] = []
        for one in self.host.holders(gpu.uuid):
            grant = next(grant for grant in one.allocation.gpus if grant.uuid == gpu.uuid)
            part = [f"{grant.share / 1000:g}"] if 0 < grant.share < 1000 else []
            part += [size(grant.memory)] if grant.memory else []
            out += [self.marks[one.job_id], (" " + sanitize(one.job_name), "text")]
            out += [(f" ({', '.join(part)})  ", "faint")] if part else [("  ", "")]
        for process in sorted(card.foreign, key=lambda process: -(process.memory or 0)):
            out.append((f"× {_process(process)}  ", "warning" if not process.graphics else "muted"))
        return out

    # -- holders -----------------------------------------------------------------------------------

    def _holders(self) -> None:
        holdings = self.host.holdings
        if not holdings:
            self.add((" no job holds anything here", "faint"))
            return
        index = {gpu.uuid: gpu.index for gpu in self.host.machine.gpus}
        workflows = len({one.workflow_id for one in holdings}) > 1
        name = max(12, self.width - 47 - (8 if workflows else 0))
        head = f"   {'held by':<{name}} {'CPUs':>5} {'memory':>9} {'GPUs':<14} {'time':>9}"
        self.add((head + ("  workflow" if workflows else ""), "head"))
        for one in holdings:
            if one.workflow_id == self.workflow_id:
                self.jobs[len(self.lines)] = one.job_id
            started = one.started_at
            self.add(
                (" ", ""), self.marks[one.job_id], (" " + fit(sanitize(one.job_name), name), "text"),
                (f" {one.allocation.num_cpus:>5} {size(one.allocation.memory):>9} ", "muted"),
                (fit(_devices(one, index), 14), "accent"),
                (f" {clock(self.host.at - started) if started else 'starting':>9}", "running"),
                (f"  {one.workflow_id}" if workflows else "", "faint"),
            )  # fmt: skip

    def _elsewhere(self) -> None:
        for one in self.machine.elsewhere:
            gpus = f", {len(one.gpus)} GPUs" if one.gpus else ""
            text = f" on {sanitize(one.hostname)}: {one.num_cpus} CPUs, {size(one.memory)}{gpus}"
            self.add((text, "muted"), (" (its load cannot be seen from here)", "faint"))


def wrapped(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Spans in as many lines as they need; those that belong together end with two blanks."""
    lines: list[list[Span]] = [[]]
    group: list[Span] = []
    for span in spans:
        group.append(span)
        if span[0].endswith("  ") or span is spans[-1]:
            if lines[-1] and line_width([*lines[-1], *group]) > width + 2:
                lines.append([])
            lines[-1] += group
            group = []
    return lines


def memory_bar(card: Card, width: int) -> list[Span]:
    """Used by jobs, reserved by them, used by others, free. A card whose memory nobody knows shows
    its shares."""
    gpu = card.gpu
    assert gpu is not None
    if card.limitless:
        parts = [(card.share if not card.wholes else 1000, RESERVED)]
        total = 1000
    else:
        total = gpu.memory
        free = gpu.memory if gpu.memory_free is None else gpu.memory_free
        others = max(total - free - card.own_used, 0)
        reserved = max((total if card.wholes else card.reserved) - card.own_used, 0)
        parts = [
            (card.own_used, OWN),
            (min(reserved, total - others - card.own_used), RESERVED),
            (others, OTHERS),
        ]
    out: list[Span] = []
    left = width
    for amount, (sign, style) in parts:
        cells = min(left, max(1, round(amount * width / total))) if amount > 0 else 0
        out += [(sign * cells, style)] if cells else []
        left -= cells
    return [*out, (FREE[0] * left, FREE[1])] if left else out


def _memory_words(card: Card, *, short: bool = False) -> str:
    gpu = card.gpu
    assert gpu is not None
    if card.limitless:
        share = 1.0 if card.wholes else card.share / 1000
        return f"{share:g} held" if short or not gpu.virtual else f"virtual, {share:g} held"
    free = gpu.memory if gpu.memory_free is None else gpu.memory_free
    if short:
        return f"{(gpu.memory - free) / (1 << 30):.0f}/{size(gpu.memory)}"
    words = [f"{size(gpu.memory - free)} of {size(gpu.memory)} used"]
    words += [f"jobs {size(card.own_used)}"] if card.own_used else []
    words += [f"reserved {size(card.reserved)}"] if card.reserved else []
    words += [f"others {size(card.foreign_memory)}"] if card.foreign_memory else []
    return " · ".join(words)


def _figures(gpu: Gpu) -> list[str]:
    out = [] if gpu.utilization is None else [f"{gpu.utilization:.0f} %"]
    out += [] if gpu.temperature is None else [f"{gpu.temperature:.0f} °C"]
    return out + ([] if gpu.power is None else [f"{gpu.power:.0f} W"])


def _process(process: GpuProcess) -> str:
    memory = "" if process.memory is None else f" {size(process.memory)}"
    return sanitize(f"pid {process.pid} {process.name}".rstrip()) + memory


def _devices(one: Holding, index: Mapping[str, int]) -> str:
    words = []
    for grant in one.allocation.gpus:
        name = str(index.get(grant.uuid, "?"))
        share = f"·{grant.share / 1000:g}" if 0 < grant.share < 1000 else ""
        memory = f"·{size(grant.memory)}" if grant.memory and not grant.share else ""
        words.append(name + share + memory)
    return ", ".join(words)
