"""Define the columns of every table: heading, value, what it is worth, and whether it may be cut.

A column that is worth less is left out first where a terminal is too narrow. Ids, numbers and times
are never cut. A column with ``some`` is shown only if a record has a value for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torc_tui.cli.table_layout import Shape
from torc_tui.cli.terminal_text import json_text
from torc_tui.wording import age, ago, duration, moment, size

Record = Mapping[str, Any]


class Column(NamedTuple):
    """A column: ``source`` is a key of the records or a function of one."""

    heading: str
    source: str | Callable[[Record], object]
    worth: int = 1
    cut: str = ""
    some: bool = False

    @property
    def shape(self) -> Shape:
        """What the layout of the table must know."""
        return Shape(self.worth, self.cut)

    @property
    def key(self) -> str:
        """What ``--columns`` and CSV call the column."""
        return (
            self.source if isinstance(self.source, str) else self.heading.lower().replace(" ", "_")
        )

    def value(self, record: Record) -> object:
        """Return the value of a record in this column."""
        return record.get(self.source) if isinstance(self.source, str) else self.source(record)


def when(seconds: object) -> str | None:
    """Return a time (seconds since the epoch) in the local zone."""
    return moment(seconds) if isinstance(seconds, (int, float)) else None


def shown(key: str, show: Callable[[Any], object]) -> Callable[[Record], object]:
    """Return a function that shows the value of a key in its way; nothing for None."""
    return lambda record: None if record.get(key) is None else show(record[key])


def _duration(seconds: float) -> str:
    return duration(max(0.0, seconds))


def _since(at: float) -> float:
    return time.time() - at


_rounded = "{:.0f}".format


def _elapsed(record: Record) -> object:
    """Return how long the last attempt of a job took, or has been running."""
    started, ended = record.get("started_at"), record.get("ended_at")
    if started is None:
        return None
    if ended is None and record.get("status") != "running":
        return None
    return _duration((time.time() if ended is None else ended) - started)


def _if_not(key: str, usual: object) -> Callable[[Record], object]:
    """Return a function that shows the value of a key unless it is the usual one."""
    return lambda record: None if record.get(key) == usual else record.get(key)


def _hold(record: Record) -> object:
    return "suspended" if record.get("suspended") else "held" if record.get("held") else None


def _directory(record: Record) -> object:
    """Return the directory of a workflow, relative to the home directory."""
    path = record.get("directory")
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib is not needed for this
    if isinstance(path, str) and home != "/" and (path == home or path.startswith(f"{home}/")):
        return f"~{path[len(home) :]}"
    return path


def _json(key: str) -> Callable[[Record], object]:
    return lambda record: json_text(record.get(key), indent=None)


ID = Column("ID", "id")
NAME = Column("Name", "name", cut="right")
STATUS = Column("Status", "status")

USER_DATA = (
    ID,
    NAME,
    Column("Data", _json("data"), cut="right"),
    Column("Workflow ID", "workflow_id"),
)
"""As the documentation of upstream shows them."""
WORKFLOWS = (
    ID,
    NAME,
    Column("User", "user", 2, some=True),
    Column("State", "state"),
    Column("Jobs", lambda record: f"{record['completed_jobs']}/{record['total_jobs']}"),
    Column("Failed", "failed_jobs", 2),
    Column("Age", shown("created_at", lambda at: age(_since(at))), 2),
    Column("Directory", _directory, 3, "left"),
    Column("Description", "description", 4, "right", some=True),
    Column("Project", "project", 4, "right", some=True),
    Column("Metadata", "metadata", 5, "right", some=True),
    Column("Created", shown("created_at", when), 5),
)
JOBS = (
    ID,
    NAME,
    STATUS,
    Column("Hold", _hold, some=True),
    Column("Attempt", _if_not("attempt_id", 1), 2, some=True),
    Column("Time", _elapsed, 2, some=True),
    Column("Code", "return_code", 3, some=True),
    Column("Command", "command", 3, "right"),
)
FILES = (
    ID,
    NAME,
    Column("Path", "path", cut="left"),
    Column("Size", shown("st_size", size), 3, some=True),
    Column("Modified Time", shown("st_mtime", when), 2),
)
EVENTS = (
    Column("Timestamp", lambda record: when(record["timestamp"] / 1000)),
    Column("Level", "level", 4),
    Column("Event Type", "event_type"),
    Column("Job ID", "job_id", 2),
    Column("Data", "data", 3, "right"),
)
REQUIREMENTS = (
    ID,
    NAME,
    Column("CPUs", "num_cpus"),
    Column("GPUs", "num_gpus"),
    Column("Nodes", "num_nodes", 3),
    Column("Memory", "memory"),
    Column("Runtime", "runtime"),
    Column("GPU Memory", "gpu_memory", 2, some=True),
    Column("GPU Model", "gpu_model", 2, "right", some=True),
)
ACTIONS = (
    ID,
    Column("Trigger", "trigger_type"),
    Column("Action", "action_type"),
    Column("Status", "status"),
    Column("Run", "executed_run_id", 2, some=True),
    Column("Executed At", shown("executed_at", when), 2, some=True),
    Column("Code", "return_code", 2, some=True),
    Column("Job IDs", _json("job_ids"), 3),
    Column("Commands", _json("commands"), 3, "right"),
)
FAILURE_HANDLERS = (ID, NAME, Column("Rules", "rules", cut="right"))
RESULTS = (
    Column("ID", "id", 3),
    Column("Job ID", "job_id", 2),
    Column("Job Name", "job_name", cut="right"),
    Column("WF ID", "workflow_id", 8),
    Column("Run", "run_id", 4),
    Column("Attempt", "attempt_id", 3),
    STATUS,
    Column("Code", "return_code"),
    Column("Time", lambda record: _duration(record["exec_time_minutes"] * 60)),
    Column("Peak Memory", shown("peak_memory_bytes", size), 5),
    Column("Peak CPU %", shown("peak_cpu_percent", _rounded), 6),
    Column("GPUs", "devices", 5, some=True),
    Column("Peak GPU Memory", shown("peak_gpu_memory_bytes", size), 6, some=True),
    Column("Avg GPU %", shown("avg_gpu_percent", _rounded), 7, some=True),
    Column("Ended", shown("ended_at", when), 4),
)
NODES = (
    ID,
    Column("Hostname", "hostname", cut="right"),
    Column("PID", "pid", 2),
    Column("CPUs", "num_cpus", 2),
    Column("Memory", lambda record: f"{record['memory_gb']:.1f} GiB", 2),
    Column("GPUs", "num_gpus", 3),
    Column("Active", "is_active"),
    Column("Start Time", shown("started_at", when)),
    Column("Duration", shown("duration_seconds", _duration)),
)
VERSIONS = (
    Column("Version", "version"),
    Column("Written", shown("written_at", when)),
    Column("By", "author", 2, "right"),
    Column("Data", _json("data"), cut="right"),
)
SETTINGS = (
    Column("Setting", "key"),
    Column("Value", "value", cut="right"),
    Column("From", "origin", 2, "left"),
)
RESCUED = (
    Column("Table", "table"),
    Column("Rows", "rows"),
    Column("Damaged", "damaged"),
)
PATHS = (Column("What", "what"), Column("Path", "path", cut="left"), Column("Exists", "exists"))
GPUS = (
    Column("GPU", "index"),
    Column("Name", "name", cut="right"),
    Column("Memory", shown("memory_bytes", size)),
    Column("Own", shown("memory_own_bytes", size), 3),
    Column("Others", shown("memory_foreign_bytes", size), 2),
    Column("Reserved", shown("memory_reserved_bytes", size), 4),
    Column("Free", shown("memory_free_bytes", size)),
    Column("Room", shown("memory_available_bytes", size), 3),
    Column("Use %", shown("utilization", _rounded), 2),
    Column("Mode", "compute_mode", 7),
    Column("°C", shown("temperature", _rounded), 5),
    Column("W", shown("power", _rounded), 5),
    Column("Jobs", "jobs", cut="right"),
    Column("Other programs", "programs", 3, "right"),
    Column("Usable", "usable", 2),
    Column("UUID", "uuid", 6),
)
HELD = (
    Column("WF ID", "workflow_id", 2),
    Column("Job ID", "job_id"),
    Column("Job Name", "job_name", cut="right"),
    Column("User", "user", 3),
    STATUS,
    Column("Hold", _hold, some=True),
    Column("Time", shown("seconds", _duration)),
    Column("CPUs", "num_cpus"),
    Column("Memory", shown("memory_bytes", size)),
    Column("GPUs", "devices", cut="right", some=True),
)
OVERUSE = (
    Column("Job ID", "job_id"),
    Column("Job Name", "job_name", cut="right"),
    Column("Resource", "resource_type"),
    Column("Specified", "specified"),
    Column("Peak Used", "peak_used"),
    Column("Over-Utilization", "over_utilization"),
)
CORRECTIONS = (
    Column("Requirements", "name", cut="right"),
    Column("Resource", "resource"),
    Column("Before", "before"),
    Column("After", "after"),
    Column("Jobs", "jobs", 2),
    Column("Because of", "because", 3, "right"),
)
FAILURES = (
    Column("#", "number"),
    Column("Failed", "failed"),
    Column("Jobs", "jobs", cut="right"),
    Column("Failure", "failure", cut="right"),
    Column("Canceled", "canceled", 2, some=True),
    Column("First", shown("first_at", lambda at: ago(_since(at))), 4),
    Column("Last", shown("last_at", lambda at: ago(_since(at))), 3),
)
