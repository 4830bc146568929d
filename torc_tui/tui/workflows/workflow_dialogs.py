"""Acts on workflows that need more than a yes: rename, export, resize a runner, write the graph
into a file.

What comes in: the app and a workflow. What goes out: calls in the reader thread, and the command
line that does it.
"""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torc_tui.errors import UsageError
from torc_tui.model import Workflow
from torc_tui.tui.widgets.dialogs import Ask, Palette
from torc_tui.tui.widgets.form import Field, Form
from torc_tui.units import format_memory, parse_memory, show_bytes

if TYPE_CHECKING:
    from torc_tui.tui.shell.app import TorcApp
    from torc_tui.views.graph_view import Scene

GRAPHS = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".md": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".txt": "text",
}
"""The format of a graph by the ending of its file."""


def rename(app: TorcApp, workflow: Workflow) -> None:
    """Another name, description or project."""

    def take(values: Any) -> None:
        if not isinstance(values, dict):
            return
        changes = {
            key: text for key, text in values.items() if text != (getattr(workflow, key) or "")
        }
        if not changes:
            return

        def act(store: Any, actor: str) -> Any:
            from torc_tui.store import workflows

            given: dict[str, Any] = {key: text or None for key, text in changes.items()}
            return workflows.update_workflow(
                store, workflow.id, at=time.time(), actor=actor, **given
            )

        options = " ".join(f"--{key} {shlex.quote(text)}" for key, text in changes.items())
        app.acts.do(
            "workflow-rename",
            act,
            workflow=workflow.id,
            said=lambda now: f"workflow {now.id} is {now.name}",
            line=f"torc workflows update {workflow.id} {options}",
        )

    fields = [
        Field(
            "name",
            "name",
            workflow.name,
            check=lambda text: None if text else "a workflow needs a name",
        ),
        Field("description", "description", workflow.description or "", "what it is for"),
        Field("project", "project", workflow.project or "", "what it belongs to"),
    ]
    app.push_screen(Form(f"Workflow {workflow.id}", fields, "Save"), take)


def export(app: TorcApp, workflow: Workflow) -> None:
    """The whole workflow as JSON, with results and events."""

    def take(text: Any) -> None:
        if not isinstance(text, str) or not text.strip():
            return
        path = _absolute(text)

        def act(store: Any, actor: str) -> Any:
            from torc_tui.store import workflow_import

            found = workflow_import.export_workflow(
                store, workflow.id, include_results=True, include_events=True
            )
            return _write_new(path, json.dumps(found, indent=2, ensure_ascii=False) + "\n")

        line = f"torc workflows export {workflow.id} -o {shlex.quote(text.strip())} --include-results --include-events"
        app.acts.do("workflow-export", act, workflow=workflow.id, said=_written, line=line)

    app.push_screen(
        Ask(f"Export {workflow.name}", value=f"{_slug(workflow.name)}.json", help="a new file"),
        take,
    )


def export_graph(app: TorcApp, workflow: Workflow, scene: Scene) -> None:
    """The graph as it is shown: folded and opened as it is."""

    def check(text: str) -> str | None:
        known = Path(text).suffix.lower() in GRAPHS
        return None if known else f"the ending says the format: {' '.join(GRAPHS)}"

    def take(text: Any) -> None:
        if not isinstance(text, str):
            return
        path = _absolute(text)
        kind: Any = GRAPHS[path.suffix.lower()]

        def act(store: Any, actor: str) -> Any:
            from torc_tui.views.graph_export import export as drawn

            return _write_new(path, drawn(scene, kind, title=workflow.name))

        line = f"torc graph {workflow.id} -f {kind} > {shlex.quote(text.strip())}"
        app.acts.do("graph-export", act, workflow=workflow.id, said=_written, line=line)

    title = f"Graph of {workflow.name}"
    app.push_screen(
        Ask(
            title,
            value=f"{_slug(workflow.name)}.svg",
            help=".svg, .mmd (Mermaid), .dot or .txt",
            check=check,
        ),
        take,
    )


class Runner(NamedTuple):
    """An active runner, and how much of its machine it may use now."""

    id: int
    hostname: str
    num_cpus: int
    memory: int
    max_parallel_jobs: int | None

    def __str__(self) -> str:
        limit = f", at most {self.max_parallel_jobs} jobs at once" if self.max_parallel_jobs else ""
        return f"{self.num_cpus} CPUs, {show_bytes(self.memory)}{limit}"


def resize(app: TorcApp, workflow: Workflow) -> None:
    """How much a running runner may use; which one is asked where there are several."""

    def found(runners: list[Runner]) -> None:
        if not runners:
            app.notify(f"{workflow.name} has no active runner", severity="warning", markup=False)
        elif len(runners) == 1:
            _resize(app, workflow, runners[0])
        else:
            by_id = {runner.id: runner for runner in runners}

            def search(typed: str) -> list[tuple[int, str, str, str]]:
                rows = [
                    (one.id, f"runner {one.id} on {one.hostname}", str(one), "") for one in runners
                ]
                return [row for row in rows if typed.lower() in row[1].lower()]

            def chosen(key: Any) -> None:
                if key in by_id:
                    _resize(app, workflow, by_id[key])

            app.push_screen(Palette("Which runner?", search), chosen)

    app.acts.ask(lambda store, actor: _runners(store, workflow.id), then=found)


def _runners(store: Any, workflow_id: int) -> list[Runner]:
    from torc_tui.store import compute_nodes

    out = []
    with store.read() as conn:
        for node in compute_nodes.active(conn, workflow_id):
            orders = compute_nodes.orders(conn, node.id)
            if orders is not None:
                limit = orders.options.get("max_parallel_jobs")
                out.append(Runner(node.id, node.hostname, orders.num_cpus, orders.memory, limit))
    return out


def _resize(app: TorcApp, workflow: Workflow, runner: Runner) -> None:
    def take(values: Any) -> None:
        if not isinstance(values, dict):
            return
        cpus, memory = int(values["cpus"]), parse_memory(values["memory"])
        parallel = int(values["parallel"]) if values["parallel"] else 0

        def act(store: Any, actor: str) -> Any:
            from torc_tui.operations import runners

            runners.resize_runner(
                store,
                runner.id,
                num_cpus=cpus,
                memory=memory,
                max_parallel_jobs=parallel,
                actor=actor,
            )
            return runner._replace(num_cpus=cpus, memory=memory, max_parallel_jobs=parallel or None)

        line = (
            f"torc compute-nodes resize {runner.id} --num-cpus {cpus} --memory {values['memory']}"
        )
        line += f" --max-parallel-jobs {parallel}"
        app.acts.do(
            "workflow-resize",
            act,
            workflow=workflow.id,
            said=lambda now: f"runner {now.id} may use {now}; what runs goes on",
            line=line,
        )

    fields = [
        Field("cpus", "CPUs", str(runner.num_cpus), check=_positive),
        Field("memory", "memory", format_memory(runner.memory), "such as 16g", check=_memory),
        Field(
            "parallel",
            "jobs at once",
            str(runner.max_parallel_jobs or ""),
            "no limit",
            check=_limit,
        ),
    ]
    app.push_screen(
        Form(f"Runner {runner.id} on {runner.hostname}", fields, "Resize the runner"), take
    )


def _positive(text: str) -> str | None:
    return None if text.isdecimal() and 0 < int(text) < 1 << 31 else "a whole number above 0"


def _limit(text: str) -> str | None:
    return None if not text else _positive(text)


def _memory(text: str) -> str | None:
    try:
        return None if parse_memory(text) > 0 else "more than nothing"
    except ValueError as error:
        return ": ".join(map(str, error.args))


def _absolute(text: str) -> Path:
    return Path(text.strip()).expanduser().absolute()


def _write_new(path: Path, text: str) -> Path:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already", hint="give another name, or move it away"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _written(path: Any) -> str:
    return f"written: {path}"


def _slug(name: str) -> str:
    return (
        "".join(char if char.isalnum() or char in "-_." else "-" for char in name).strip("-.")
        or "workflow"
    )
