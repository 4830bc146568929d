"""Define the columns of the tables about a cluster: allocations, their runners, partitions."""

from __future__ import annotations

import time
from collections.abc import Callable

from torc_tui.cli.columns import ID, NAME, OutputColumn, Record, shown, when
from torc_tui.cli.terminal_text import json_text
from torc_tui.wording import ago, duration, size


def _json_or_none(key: str) -> Callable[[Record], object]:
    return lambda record: json_text(record[key], indent=None) if record.get(key) else None


def _left(record: Record) -> object:
    """Return the time that is left of a running allocation."""
    end = record.get("ends_at")
    if end is None or record.get("state") != "running":
        return None
    return duration(end - time.time())


def _fit(record: Record) -> object:
    return "chosen" if record["is_chosen"] else "yes" if record["fits"] else "no"


def _percent(key: str) -> Callable[[Record], object]:
    return shown(key, lambda share: f"{share * 100:.0f} %")


def _hours(key: str) -> Callable[[Record], object]:
    return shown(key, lambda hours: f"{hours:.2f}")


def _gpus_held(record: Record) -> object:
    return f"{record['gpus_held']}/{record['num_gpus']}" if record["num_gpus"] else None


ALLOCATIONS = (
    ID,
    OutputColumn("Slurm", "native_id"),
    OutputColumn("Group", "queue_group", cut="middle"),
    OutputColumn("State", lambda record: record.get("outcome") or record.get("state")),
    OutputColumn("Nodes", lambda record: record.get("nodelist") or record.get("nodes")),
    OutputColumn("CPUs", "cpus", 3),
    OutputColumn("Memory", shown("memory", size), 4),
    OutputColumn("Walltime", shown("walltime", duration), 3),
    OutputColumn("Left", _left, 2, some=True),
    OutputColumn("Start", shown("starts_at", when), 2, some=True),
    OutputColumn("Jobs", "jobs_started", 2),
    OutputColumn("Reason", "reason", 1, "right", some=True),
    OutputColumn("Note", "note", 2, "right", some=True),
)
ALLOCATION_NODES = (
    ID,
    OutputColumn("Node", "node", cut="middle"),
    OutputColumn("Allocation", "allocation_id"),
    OutputColumn("CPUs", "num_cpus", 2),
    OutputColumn("Memory", shown("memory", size), 2),
    OutputColumn("GPUs", "num_gpus", 3),
    OutputColumn("Left", shown("walltime_left", duration)),
    OutputColumn("Heartbeat", shown("heartbeat_at", lambda at: ago(time.time() - at)), 2),
)
NODE_USE = (
    OutputColumn("Node", "node", cut="middle"),
    OutputColumn("Slurm", "native_id", 2),
    OutputColumn("Jobs", "jobs"),
    OutputColumn("CPUs", lambda record: f"{record['cpus_held']}/{record['num_cpus']}"),
    OutputColumn(
        "Memory",
        lambda record: f"{size(record['memory_held_bytes'])}/{size(record['memory_bytes'])}",
        2,
    ),
    OutputColumn("GPUs", _gpus_held, 2, some=True),
    OutputColumn("Left", shown("seconds_left", duration)),
)
PARTITIONS = (
    NAME,
    OutputColumn("Default", "is_default", 3),
    OutputColumn("Up", "is_up", 2),
    OutputColumn("Walltime", shown("max_walltime", duration)),
    OutputColumn("Nodes", "nodes"),
    OutputColumn("CPUs", "cpus"),
    OutputColumn("Memory", shown("memory", size)),
    OutputColumn("GPUs", _json_or_none("gpus"), some=True),
)
ALLOCATION_USE = (
    ID,
    OutputColumn("Slurm", "native_id"),
    OutputColumn("Group", "queue_group", 4, cut="middle"),
    OutputColumn("State", "state", 3),
    OutputColumn("Nodes", "nodes", 2),
    OutputColumn("CPUs", "cpus", 2),
    OutputColumn("Elapsed", shown("elapsed", duration)),
    OutputColumn("Node hours", _hours("node_hours")),
    OutputColumn("CPU hours", _hours("cpu_hours"), 3),
    OutputColumn("CPU used", _percent("cpu_efficiency")),
    OutputColumn("Peak memory", shown("peak_memory", size), 3),
    OutputColumn("Memory used", _percent("memory_efficiency")),
    OutputColumn("Idle", _percent("idle_share")),
    OutputColumn("Jobs", "jobs", 2),
)
ACCOUNT_RECORDS = (
    OutputColumn("Slurm", "id"),
    OutputColumn("Name", "name", 3, cut="middle"),
    OutputColumn("State", "state"),
    OutputColumn("Exit", "exit_code", 2),
    OutputColumn("Nodes", "nodelist", 2),
    OutputColumn("CPUs", "cpus", 2),
    OutputColumn("Elapsed", shown("elapsed", duration)),
    OutputColumn("CPU time", shown("cpu_time", duration)),
    OutputColumn("Peak memory", shown("peak_memory", size)),
    OutputColumn("Memory", shown("memory", size), 2),
)
MATCHES = (
    OutputColumn("Requirements", "resource_requirements", cut="middle"),
    OutputColumn("Jobs", "jobs", 2, some=True),
    OutputColumn("Partition", "partition"),
    OutputColumn("Fits", _fit),
    OutputColumn("Reason", "reason", 1, "right", some=True),
)
