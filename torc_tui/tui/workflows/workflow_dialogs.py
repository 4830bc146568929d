"""Actions on workflows that need input: rename, export."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING

from torc_tui.model import Workflow
from torc_tui.tui.frame.external import absolute, file_name, write_new, written
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.widgets.dialogs import Ask, Form, FormField

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
