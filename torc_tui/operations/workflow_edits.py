"""Find what users have changed in a workflow since its file, and the lines that the file needs.

Input: an open store, a workflow. Output: changes by name, and lines in YAML. Nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from torc_tui.model import Json
from torc_tui.plan.changes import ColumnChange
from torc_tui.records import dataclass, field
from torc_tui.store import sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import loads
from torc_tui.store.plan_rows import REQUIREMENT_FIELDS
from torc_tui.units import format_duration, format_memory, in_thousandths

_KEYS = {"requirement_id": "resource_requirements", "failure_handler_id": "failure_handler"}
_DEFAULTS = {"num_gpus": 0, "num_nodes": 1}
_HIDDEN = frozenset({"script", "resource_class", "edited"})
_JSON = frozenset({"env", "labels", "stdio", "options", "parameter_values"})


@dataclass(slots=True, kw_only=True)
class WorkflowEdits:
    """Edits by name and key of the file. ``jobs_added`` are jobs that the file never had."""

    workflow_id: int
    name: str
    file: str | None
    jobs: dict[str, dict[str, ColumnChange]] = field(default_factory=dict)
    jobs_added: dict[str, str] = field(default_factory=dict)
    resource_requirements: dict[str, dict[str, ColumnChange]] = field(default_factory=dict)
    user_data: dict[str, ColumnChange] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        edits = (self.jobs, self.jobs_added, self.resource_requirements, self.user_data)
        return any(map(bool, edits))


def workflow_edits(store: Store, workflow_id: int) -> WorkflowEdits:
    """Return what users have changed since the workflow file."""
    with store.read() as conn:
        workflow = workflows.read_workflow(conn, workflow_id)
        found = WorkflowEdits(workflow_id=workflow_id, name=workflow.name, file=workflow.file)
        requirements = conn.rows(sql.REQUIREMENTS, workflow_id=workflow_id)
        names = {row.id: row.name for row in requirements}
        used = _read_jobs(conn, found, names)
        entries = {row.name: row for row in requirements if row.name in used}
        for row in requirements:
            edits = loads(row.edited) or {} if row.edited else {}
            if edits:
                entries[row.name] = row
                found.resource_requirements[row.name] = {
                    key: ColumnChange(_amount(key, old), _amount(key, getattr(row, key)))
                    for key, old in edits.items()
                }
        for record in conn.rows(sql.EDITED_RECORDS, workflow_id=workflow_id):
            found.user_data[record.name] = ColumnChange(loads(record.file_data), loads(record.data))
    found.lines = _lines(found, entries)
    return found


def _read_jobs(conn: Connection, found: WorkflowEdits, names: Mapping[int, str]) -> set[str]:
    """Read the edited jobs; return the names of the requirements that users gave to jobs."""
    used: set[str] = set()
    for row in conn.rows(sql.EDITED_JOBS, workflow_id=found.workflow_id):
        edits = loads(row.edited) or {}
        if edits.get("name", "") is None:
            found.jobs_added[row.name] = row.command
            continue
        columns = {key: old for key, old in edits.items() if key not in _HIDDEN}
        found.jobs[row.name] = {
            _KEYS.get(key, key): ColumnChange(
                _shown(key, old, names), _shown(key, getattr(row, key), names)
            )
            for key, old in columns.items()
        }
        if "requirement_id" in columns:
            used.add(names.get(row.requirement_id, ""))
    return used


def _shown(key: str, value: Any, names: Mapping[int, str]) -> Json:
    if key == "requirement_id":
        return names.get(value, value)
    return loads(value) if key in _JSON and value is not None else value


def _amount(key: str, value: Any) -> Json:
    """Return an amount as a workflow file writes it."""
    if value is None:
        return None
    if key in ("memory", "gpu_memory"):
        return format_memory(value)
    if key in ("num_cpus", "num_gpus"):
        return in_thousandths(value)
    return format_duration(value) if key == "runtime" else value


# -- lines for the file ----------------------------------------------------------------------------


def _lines(found: WorkflowEdits, entries: Mapping[str, Any]) -> list[str]:
    """Return the entries of the file with the values that they have now, in YAML."""
    jobs: list[dict[str, Json]] = [
        {"name": name, **{key: one.after for key, one in changes.items() if key != "name"}}
        | ({"was": changes["name"].before} if "name" in changes else {})
        for name, changes in found.jobs.items()
    ]
    jobs += [{"name": name, "command": command} for name, command in found.jobs_added.items()]
    requirements = [
        {
            key: _amount(key, value)
            for key in REQUIREMENT_FIELDS
            if (value := getattr(row, key)) != _DEFAULTS.get(key)
        }
        for row in entries.values()
    ]
    records = [{"name": name, "data": one.after} for name, one in found.user_data.items()]
    return [
        *_section("jobs", jobs),
        *_section("resource_requirements", requirements),
        *_section("user_data", records),
    ]


def _section(key: str, entries: Iterable[Mapping[str, Json]]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        mark = "-"
        for name, value in entry.items():
            if value is not None or name == "data":
                lines.append(f"  {mark} {name}: {json.dumps(value, ensure_ascii=False)}")
                mark = " "
    return [f"{key}:", *lines] if lines else []
