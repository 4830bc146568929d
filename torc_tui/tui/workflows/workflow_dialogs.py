"""Actions on workflows that need input: rename, export, resize a runner."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from torc_tui.model import Workflow
from torc_tui.tui.frame.external import absolute, file_name, write_new, written
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.dialogs import Ask, Finder, Form, FormField, FoundRow
from torc_tui.units import format_memory, parse_memory
from torc_tui.wording import size

if TYPE_CHECKING:
    from pathlib import Path

    from torc_tui.store.database import Store


def rename(torc: AppPort, workflow: Workflow) -> None:
    """Change the name, description or project."""
    before = {
        "name": workflow.name,
        "description": workflow.description or "",
        "project": workflow.project or "",
    }

    def take(values: dict[str, str] | None) -> None:
        changes = {key: text for key, text in (values or {}).items() if text != before[key]}
        if not changes:
            return

        def act(store: Store, actor: str) -> Workflow:
            from torc_tui.store import workflows

            given = {key: text or None for key, text in changes.items()}
            return workflows.update_workflow(store, workflow.id, given, at=time.time(), actor=actor)

        options = " ".join(f"--{key} {shlex.quote(text)}" for key, text in changes.items())
        torc.actions.run(
            act,
            line=f"torc workflows update {workflow.id} {options}",
            report=lambda now: f"updated workflow {now.id}: {now.name}",
        )

    def check_name(text: str) -> str | None:
        return None if text else "a workflow needs a name"

    fields = [
        FormField("name", "name", before["name"], check=check_name),
        FormField("description", "description", before["description"], "what it is for"),
        FormField("project", "project", before["project"], "what it belongs to"),
    ]
    torc.push(Form(f"Workflow {workflow.id}", fields, "Save"), take)


def export(torc: AppPort, workflow: Workflow) -> None:
    """Write the whole workflow as JSON, with results and events."""

    def take(text: str | None) -> None:
        if text is None or not text.strip():
            return
        path = absolute(text)

        def act(store: Store, actor: str) -> Path:
            from torc_tui.store import workflow_import

            found = workflow_import.export_workflow(
                store, workflow.id, include_results=True, include_events=True
            )
            return write_new(path, json.dumps(found, indent=2, ensure_ascii=False) + "\n")

        options = "--include-results --include-events"
        line = f"torc workflows export {workflow.id} -o {shlex.quote(text.strip())} {options}"
        torc.actions.run(act, line=line, report=written)

    name = f"{file_name(workflow.name)}.json"
    torc.push(Ask(f"Export {workflow.name}", value=name, help="a new file"), take)


class RunnerSize(NamedTuple):
    """An active runner, and how much of its machine it may use."""

    id: int
    hostname: str
    num_cpus: int
    memory: int
    max_parallel_jobs: int | None

    def __str__(self) -> str:
        limit = f", at most {self.max_parallel_jobs} jobs at once" if self.max_parallel_jobs else ""
        return f"{self.num_cpus} CPUs, {size(self.memory)}{limit}"


def resize(torc: AppPort, workflow: Workflow) -> None:
    """Change how much a runner may use."""
    choose_runner(torc, workflow, lambda runner: _resize(torc, runner))


def choose_runner(torc: AppPort, workflow: Workflow, then: Callable[[RunnerSize], None]) -> None:
    """Pass on the active runner of a workflow; ask which one where there are several."""

    def found(runners: list[RunnerSize]) -> None:
        if not runners:
            torc.notify(f"{workflow.name} has no active runner", severity="error")
        elif len(runners) == 1:
            then(runners[0])
        else:
            torc.push(
                Finder("Which runner?", lambda typed: _matching(runners, typed)),
                lambda chosen: None if chosen is None else then(chosen),
            )

    read_runners(torc, workflow, found)


def read_runners(
    torc: AppPort, workflow: Workflow, then: Callable[[list[RunnerSize]], None]
) -> None:
    """Pass on the active runners of a workflow."""
    torc.actions.read(lambda store, actor: _runners(store, workflow.id), then=then)


def _matching(runners: list[RunnerSize], typed: str) -> list[FoundRow[RunnerSize]]:
    rows = [(one, f"runner {one.id} on {one.hostname}", str(one), "") for one in runners]
    return [row for row in rows if typed.lower() in row[1].lower()]


def _runners(store: Store, workflow_id: int) -> list[RunnerSize]:
    from torc_tui.store import compute_nodes

    out = []
    with store.read() as conn:
        for node in compute_nodes.active(conn, workflow_id):
            orders = compute_nodes.orders(conn, node.id)
            if orders is not None:
                limit = orders.options.get("max_parallel_jobs")
                size = (orders.num_cpus, orders.memory, limit)
                out.append(RunnerSize(node.id, node.hostname, *size))
    return out


def _resize(torc: AppPort, runner: RunnerSize) -> None:
    def take(values: dict[str, str] | None) -> None:
        if values is None:
            return
        cpus, memory = int(values["cpus"]), parse_memory(values["memory"])
        parallel = int(values["parallel"] or 0)

        def act(store: Store, actor: str) -> RunnerSize:
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

        size = f"--num-cpus {cpus} --memory {values['memory']} --max-parallel-jobs {parallel}"
        torc.actions.run(
            act,
            line=f"torc compute-nodes resize {runner.id} {size}",
            report=lambda now: f"runner {now.id} may use {now}; running jobs continue",
        )

    limit = str(runner.max_parallel_jobs or "")
    fields = [
        FormField("cpus", "CPUs", str(runner.num_cpus), check=_positive),
        FormField(
            "memory", "memory", format_memory(runner.memory), "such as 16g", check=_positive_memory
        ),
        FormField("parallel", "jobs at once", limit, "no limit", check=_positive_or_nothing),
    ]
    torc.push(Form(f"Runner {runner.id} on {runner.hostname}", fields, "Resize the runner"), take)


def _positive(text: str) -> str | None:
    return None if text.isdecimal() and 0 < int(text) < 1 << 31 else "enter a number above 0"


def _positive_or_nothing(text: str) -> str | None:
    return None if not text else _positive(text)


def _positive_memory(text: str) -> str | None:
    try:
        return None if parse_memory(text) > 0 else "must be greater than 0"
    except ValueError as error:
        return ": ".join(map(str, error.args))
