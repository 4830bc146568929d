"""Define the columns of every table: heading, value, what it is worth, and whether it may be cut.

A column that is worth less is left out first where a terminal is too narrow. Ids, numbers and times
are never cut. A column with ``some`` is shown only if a record has a value for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from torc_tui.cli.table_layout import Shape
from torc_tui.cli.terminal_text import json_text
from torc_tui.tuples import NamedTuple
from torc_tui.wording import age, ago, duration, moment, size

Record = Mapping[str, Any]


class OutputColumn(NamedTuple):
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


ID = OutputColumn("ID", "id")
NAME = OutputColumn("Name", "name", cut="middle")
STATUS = OutputColumn("Status", "status")

USER_DATA = (
    ID,
    NAME,
    OutputColumn("Data", _json("data"), cut="right"),
    OutputColumn("Workflow ID", "workflow_id"),
)
"""As the documentation of upstream shows them."""
WORKFLOWS = (
    ID,
    NAME,
    OutputColumn("State", "state"),
    OutputColumn("User", "user", 2, some=True),
    OutputColumn("Jobs", lambda record: f"{record['completed_jobs']}/{record['total_jobs']}"),
    OutputColumn("Failed", "failed_jobs", 2),
    OutputColumn("Age", shown("created_at", lambda at: age(_since(at))), 2),
    OutputColumn("Directory", _directory, 3, "left"),
    OutputColumn("Description", "description", 4, "right", some=True),
    OutputColumn("Project", "project", 4, "right", some=True),
    OutputColumn("Metadata", "metadata", 5, "right", some=True),
    OutputColumn("Created", shown("created_at", when), 5),
)
JOBS = (
    ID,
    NAME,
    STATUS,
    OutputColumn("Hold", _hold, some=True),
    OutputColumn("Attempt", _if_not("attempt_id", 1), 2, some=True),
    OutputColumn("Time", _elapsed, 2, some=True),
    OutputColumn("Code", "return_code", 3, some=True),
    OutputColumn("Command", "command", 3, "right"),
)
FILES = (
    ID,
    NAME,
    OutputColumn("Path", "path", cut="left"),
    OutputColumn("Size", shown("st_size", size), 3, some=True),
    OutputColumn("Modified Time", shown("st_mtime", when), 2),
)
EVENTS = (
    OutputColumn("Timestamp", lambda record: when(record["timestamp"] / 1000)),
    OutputColumn("Level", "level", 4),
    OutputColumn("Event Type", "event_type"),
    OutputColumn("Job ID", "job_id", 2),
    OutputColumn("Data", lambda record: record["details"], 2, "right"),
)
JOB_JOB = (
    OutputColumn("Job ID", "job_id"),
    OutputColumn("Job Name", "job_name", cut="middle"),
    OutputColumn("Blocked By Job ID", "depends_on_job_id"),
    OutputColumn("Blocked By Job Name", "depends_on_job_name", cut="middle"),
)
_WRITER_AND_READER = (
    OutputColumn("Producer Job ID", "producer_job_id", 2),
    OutputColumn("Producer", "producer_job_name", cut="middle"),
    OutputColumn("Consumer Job ID", "consumer_job_id", 2),
    OutputColumn("Consumer", "consumer_job_name", cut="middle"),
)
JOB_FILE = (
    OutputColumn("File ID", "file_id"),
    OutputColumn("File Name", "file_name", cut="middle"),
    OutputColumn("Path", "file_path", 3, "left"),
    *_WRITER_AND_READER,
)
JOB_USER_DATA = (
    OutputColumn("User Data ID", "user_data_id"),
    OutputColumn("User Data", "user_data_name", cut="middle"),
    *_WRITER_AND_READER,
)
REQUIREMENTS = (
    ID,
    NAME,
    OutputColumn("CPUs", "num_cpus"),
    OutputColumn("GPUs", "num_gpus"),
    OutputColumn("Nodes", "num_nodes", 3),
    OutputColumn("Memory", "memory"),
    OutputColumn("Runtime", "runtime"),
    OutputColumn("GPU Memory", "gpu_memory", 2, some=True),
    OutputColumn("GPU Model", "gpu_model", 2, "right", some=True),
)
JOB_REQUIREMENTS = (
    OutputColumn("Job ID", "job_id"),
    OutputColumn("Job Name", "job_name", cut="middle"),
    OutputColumn("RR ID", "resource_requirements_id", 6),
    OutputColumn("RR Name", "resource_requirements_name", cut="middle"),
    *(column._replace(worth=max(2, column.worth)) for column in REQUIREMENTS[2:7]),
)
JOB_HANDLERS = (
    OutputColumn("Job ID", "job_id"),
    OutputColumn("Job Name", "job_name", cut="middle"),
    OutputColumn("Handler ID", "failure_handler_id", 2),
    OutputColumn("Handler", "failure_handler_name", cut="middle"),
)
ACTIONS = (
    ID,
    OutputColumn("Trigger", "trigger_type"),
    OutputColumn("Action", "action_type"),
    OutputColumn("Status", "status"),
    OutputColumn("Run", "executed_run_id", 2, some=True),
    OutputColumn("Executed At", shown("executed_at", when), 2, some=True),
    OutputColumn("Code", "return_code", 2, some=True),
    OutputColumn("Job IDs", _json("job_ids"), 3),
    OutputColumn("Commands", _json("commands"), 3, "right"),
)
FAILURE_HANDLERS = (ID, NAME, OutputColumn("Rules", "rules", cut="right"))
RESULTS = (
    OutputColumn("ID", "id", 3),
    OutputColumn("Job ID", "job_id", 2),
    OutputColumn("Job Name", "job_name", cut="middle"),
    STATUS,
    OutputColumn("Code", "return_code"),
    OutputColumn("Time", lambda record: _duration(record["exec_time_minutes"] * 60)),
    OutputColumn("Run", "run_id", 4),
    OutputColumn("Attempt", "attempt_id", 3),
    OutputColumn("Peak Memory", shown("peak_memory_bytes", size), 5, some=True),
    OutputColumn("Peak CPU %", shown("peak_cpu_percent", _rounded), 6, some=True),
    OutputColumn("GPUs", "devices", 5, some=True),
    OutputColumn("Peak GPU Memory", shown("peak_gpu_memory_bytes", size), 6, some=True),
    OutputColumn("Avg GPU %", shown("avg_gpu_percent", _rounded), 7, some=True),
    OutputColumn("Ended", shown("ended_at", when), 4),
    OutputColumn("WF ID", "workflow_id", 8),
    OutputColumn("Stdout", lambda record: record.get("stdout_path"), 9, some=True),
    OutputColumn("Stderr", lambda record: record.get("stderr_path"), 9, some=True),
)
NODES = (
    ID,
    OutputColumn("Hostname", "hostname", cut="middle"),
    OutputColumn("Active", "is_active"),
    OutputColumn("PID", "pid", 2),
    OutputColumn("CPUs", "num_cpus", 2),
    OutputColumn("Memory", lambda record: f"{record['memory_gb']:.1f} GiB", 2),
    OutputColumn("GPUs", "num_gpus", 3),
    OutputColumn("Labels", lambda record: ",".join(record["labels"] or ()), cut="right", some=True),
    OutputColumn("Start Time", shown("started_at", when)),
    OutputColumn("Duration", shown("duration_seconds", _duration)),
)
VERSIONS = (
    OutputColumn("Version", "version"),
    OutputColumn("Written", shown("written_at", when)),
    OutputColumn("By", "author", 2, "right"),
    OutputColumn("Data", _json("data"), cut="right"),
)
SETTINGS = (
    OutputColumn("Setting", "key"),
    OutputColumn("Value", "value", cut="right"),
    OutputColumn("From", "origin", 2, "left"),
)
RESCUED = (
    OutputColumn("Table", "table"),
    OutputColumn("Rows", "rows"),
    OutputColumn("Damaged", "damaged"),
)
PATHS = (
    OutputColumn("What", "what"),
    OutputColumn("Path", "path", cut="left"),
    OutputColumn("Exists", "exists"),
)
GPUS = (
    OutputColumn("GPU", "index"),
    OutputColumn("Name", "name", 4, cut="right"),
    OutputColumn("Memory", shown("memory_bytes", size), 2),
    OutputColumn("Jobs", shown("memory_own_bytes", size), 3),
    OutputColumn("Others", shown("memory_others_bytes", size), 3),
    OutputColumn("Reserved", shown("memory_reserved_bytes", size), 5),
    OutputColumn("Room", shown("memory_available_bytes", size)),
    OutputColumn("Use %", shown("utilization", _rounded), 4),
    OutputColumn("Mode", "mode", 2, some=True),
    OutputColumn("°C", shown("temperature", _rounded), 6),
    OutputColumn("W", shown("power", _rounded), 6),
    OutputColumn("Users", "users", cut="right"),
    OutputColumn("Usable", "usable", 2),
    OutputColumn("UUID", "uuid", 7),
)
HELD = (
    OutputColumn("WF ID", "workflow_id", 2),
    OutputColumn("Job ID", "job_id"),
    OutputColumn("Job Name", "job_name", cut="middle"),
    STATUS,
    OutputColumn("User", "user", 3),
    OutputColumn("Hold", _hold, some=True),
    OutputColumn("Time", shown("seconds", _duration)),
    OutputColumn("CPUs", "num_cpus"),
    OutputColumn("Memory", shown("memory_bytes", size)),
    OutputColumn("GPUs", "devices", cut="right", some=True),
)
OTHER_USE = (
    OutputColumn("Other User", "user"),
    OutputColumn("Workflow", "workflow", cut="middle"),
    OutputColumn("Jobs", "jobs"),
    OutputColumn("CPUs", "num_cpus"),
    OutputColumn("Memory", shown("memory_bytes", size)),
    OutputColumn("GPUs", "devices", cut="right", some=True),
)
OVERUSE = (
    OutputColumn("Job ID", "job_id"),
    OutputColumn("Job Name", "job_name", cut="middle"),
    OutputColumn("Resource", "resource_type"),
    OutputColumn("Specified", "specified"),
    OutputColumn("Peak Used", "peak_used"),
    OutputColumn("Over-Utilization", "over_utilization", 2),
)
CORRECTIONS = (
    OutputColumn("Requirements", "name", cut="right"),
    OutputColumn("Resource", "resource"),
    OutputColumn("Before", "before"),
    OutputColumn("After", "after"),
    OutputColumn("Jobs", "jobs", 2),
    OutputColumn("Because of", "because", 3, "right"),
)
FAILURES = (
    OutputColumn("#", "number"),
    OutputColumn("Failed", "failed"),
    OutputColumn("Jobs", "jobs", cut="middle"),
    OutputColumn("Failure", "failure", cut="right"),
    OutputColumn("Canceled", _if_not("canceled", 0), 2, some=True),
    OutputColumn("First", shown("first_at", lambda at: ago(_since(at))), 4),
    OutputColumn("Last", shown("last_at", lambda at: ago(_since(at))), 3),
)
