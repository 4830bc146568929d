"""What the selected job is, why it is where it is, and what it used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any

from textual.app import ComposeResult

from torc_tui.model import Job, JobStatus
from torc_tui.tui.cells import Line, Span, fit_line, harmless, line_width
from torc_tui.tui.job_rows import clock
from torc_tui.tui.panes.base import Pane
from torc_tui.tui.signs import STATUS
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.overlays import TextDrawing
from torc_tui.units import format_memory, show_bytes, show_duration
from torc_tui.views import why

LABEL = 12


def stamp(at: float | None) -> str:
    """A time of day as people read it here."""
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def field(label: str, *spans: Span) -> list[Span]:
    return [("  ", ""), (label.ljust(LABEL), "faint"), *spans]


def heading(text: str) -> list[Span]:
    return [(" ", ""), (text, "accent bold")]


def wrapped(label: str, text: str, width: int, style: str = "text") -> list[Line]:
    """A long text under one label, broken to the width."""
    room = max(16, width - LABEL - 3)
    out: list[Line] = []
    for raw in text.splitlines() or [""]:
        line = harmless(raw)
        while line:
            out.append(field("" if out else label, (line[:room], style)))
            line = line[room:]
    return out


def cut_line(line: Line, width: int) -> Line:
    """The line where it fits, else its start with an ellipsis."""
    return fit_line(line, width) if line_width(line) > width else line


def folded(text: str, width: int) -> list[str]:
    """A reason in lines of that width; those that follow are set in."""
    inside = " " * (len(text) - len(text.lstrip("│├└─| `-")) + 2)
    return wrap(text, max(20, width), subsequent_indent=inside, break_on_hyphens=False, drop_whitespace=True) or [""]


def _device(uuid: str, share: int, memory: int, index: Mapping[str, int]) -> str:
    parts = [f"{share / 1000:g}"] if 0 < share < 1000 else []
    parts += [show_bytes(memory)] if memory else []
    name = f"GPU {index[uuid]}" if uuid in index else uuid
    return f"{name} ({', '.join(parts)})" if parts else name


class OverviewPane(Pane):
    NAME = "overview"
    TITLE = "Overview"

    def __init__(self) -> None:
        super().__init__()
        self.record: Mapping[str, Any] = {}
        self.record_of = 0
        self._width = 0

    def compose(self) -> ComposeResult:
        yield LineCanvas(empty="no job selected")

    def freshen(self) -> None:
        job = self.job
        if job is not None and self.record_of != job.id:
            self.record = {}
        self.paint()
        if job is not None:
            self.ask_record(job.id)

    def ask_record(self, job_id: int) -> None:
        def read(source: Any) -> Any:
            from torc_tui.store import records

            record = records.get_job(source.store, job_id)
            wf = record["workflow_id"]
            results = records.list_results(source.store, wf, job_id=job_id, all_runs=True, reverse=True, limit=1)
            return job_id, record | {"result": results[0] if results else None}

        self.ask("job", read)

    def take(self, what: str, value: Any) -> None:
        job_id, record = value
        job = self.job
        if job is not None and job.id == job_id:
            self.record, self.record_of = record, job_id
            self.paint()

    def reasons_changed(self) -> None:
        self.paint()

    def every_second(self, now: float) -> None:
        job = self.job
        if job is not None and job.status is JobStatus.RUNNING:
            self.paint()

    def on_resize(self) -> None:
        if self.is_attached and self.size.width != self._width:
            self.paint()

    def paint(self) -> None:
        canvas = self.query_one(LineCanvas)
        job = self.job
        self._width = self.size.width
        if job is None:
            canvas.set_drawing(None)
            return
        width = self.size.width
        lines = [cut_line(line, width - 1) for line in self.lines(job, max(30, width))]
        canvas.set_drawing(TextDrawing(lines))

    def lines(self, job: Job, width: int) -> Sequence[Line]:
        owner = self.owner
        view, now = owner.view, owner.now
        assert view is not None
        sign = STATUS[job.status]
        out: list[Line] = [
            [],
            [("  ", ""), (harmless(job.name), "strong"), ("  ", ""), (f"{sign.sign} {sign.word}", f"{sign.style} bold")]
            + ([("  held", "warning")] if job.held else []),
            [("  ", ""), (f"job {job.id}", "faint")]
            + ([(f" of family {job.family}", "faint")] if job.family and job.family != job.name else [])
            + ([(f" · {job.values}", "muted")] if job.values else []),
            [],
        ]
        reasons = owner.reasons(job)
        if reasons:
            out.append(heading("Why"))
            for text, style in reasons[:12]:
                out += [[("  ", ""), (piece, style)] for piece in folded(text, width - 4)]
            if len(reasons) > 12:
                out.append([("  ", ""), (f"… {len(reasons) - 12} more lines: press enter", "faint")])
            out.append([])
        out.append(heading("Run"))
        if job.started_at is not None:
            ended = job.ended_at
            took = (now if ended is None else ended) - job.started_at
            out.append(field("time", (clock(took), "running" if ended is None else "text")))
            out.append(field("started", (stamp(job.started_at), "text")))
            if ended is not None:
                out.append(field("ended", (stamp(ended), "text")))
        if job.return_code is not None:
            out.append(field("exit code", (why.exit_text(job.return_code), "failed" if job.return_code else "text")))
        out.append(field("attempt", (str(job.attempt_id), "text")))
        if job.priority:
            out.append(field("priority", (str(job.priority), "text")))
        requirement = view.requirements.get(job.requirement_id)
        if requirement is not None:
            asked: list[Span] = [(f"{requirement.num_cpus} CPU{'s' if requirement.num_cpus != 1 else ''}", "text")]
            if requirement.enforced:
                asked += [
                    (f" · {format_memory(requirement.memory)}", "text"),
                    (f" · {show_duration(requirement.runtime)}", "text"),
                ]
            if requirement.num_gpus:
                asked.append((f" · {requirement.num_gpus:g} GPU{'s' if requirement.num_gpus > 1 else ''}", "accent"))
            if requirement.gpu_memory:
                asked.append((f" · {format_memory(requirement.gpu_memory)} of GPU memory", "accent"))
            if requirement.gpu_model:
                asked.append((f" · GPU {harmless(requirement.gpu_model)}", "accent"))
            asked.append((f"  ({requirement.name})", "faint"))
            out.append(field("asks for", *asked))
        out += self._used(job)
        out.append([])
        out += self._record_lines(width)
        return out

    def _used(self, job: Job) -> list[Line]:
        """The cards it holds or held, and what its last attempt took."""
        record = self.record
        result: Mapping[str, Any] = record.get("result") or {}
        out: list[Line] = []
        running = job.status in (JobStatus.RUNNING, JobStatus.PENDING)
        held: Sequence[Any] = (record if running else result).get("allocation") or (0, 0, ())
        if held[2]:
            host = self.owner.torc.machine.host
            index = {gpu.uuid: gpu.index for gpu in host.machine.gpus} if host is not None else {}
            devices = ", ".join(_device(uuid, share, memory, index) for uuid, share, memory in held[2])
            out.append(field("GPUs" if running else "had GPUs", (devices, "accent")))
        if running or not result:
            return out
        used = [(result.get("peak_memory_bytes"), "of memory"), (result.get("peak_gpu_memory_bytes"), "of GPU memory")]
        words = [f"{show_bytes(amount)} {what}" for amount, what in used if amount]
        if result.get("avg_gpu_percent") is not None:
            words.append(f"{result['avg_gpu_percent']:.0f} % of the GPU on average")
        if result.get("cpu_time"):
            words.append(f"{show_duration(result['cpu_time'])} of CPU time")
        return [*out, field("used", (" · ".join(words), "text"))] if words else out

    def _record_lines(self, width: int) -> list[Line]:
        record = self.record
        if not record:
            return []
        out: list[Line] = [heading("Command")]
        out += wrapped("", str(record.get("command") or ""), width)
        if record.get("invocation_script"):
            out += wrapped("script", str(record["invocation_script"]), width, "muted")
        return out
