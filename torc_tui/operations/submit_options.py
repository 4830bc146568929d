"""Merge what a user says about allocations: options, the workflow file, and settings.

Input: options of a command line, the schedulers of a workflow, settings. Output: options, the rules
of each scheduler, and what a request needs besides its size. An option of the command line takes
precedence over a scheduler of the file, that over ``slurm_defaults``, that over a setting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from torc_tui import settings
from torc_tui.model import Workflow
from torc_tui.resources.demand_records import DEFAULT_RUNTIME, DemandLimits, GroupRules
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.tuples import NamedTuple
from torc_tui.units import parse_gres, parse_slurm_memory, parse_walltime


class SubmitOptions(NamedTuple):
    """What the user chose for all allocations of a workflow; None: not chosen.

    ``walltime`` and ``default_runtime`` are in seconds. With ``demand``, allocations are requested
    by demand even if the workflow file has actions that request them.
    """

    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    walltime: float | None = None
    max_nodes: int | None = None
    max_node_hours: float | None = None
    mode: str | None = None
    group_by: str | None = None
    ahead: bool = False
    demand: bool = False
    default_runtime: float | None = None

    @property
    def limits(self) -> DemandLimits:
        """Return the limits for demand."""
        usual = DemandLimits()
        nodes = _preset("max_nodes") if self.max_nodes is None else self.max_nodes
        return usual._replace(
            max_nodes=usual.max_nodes if nodes is None else nodes,
            max_node_hours=self.max_node_hours,
        )

    @property
    def runtime(self) -> float:
        """Return the runtime that is planned for jobs without one."""
        found = self.default_runtime or _preset("default_runtime")
        return DEFAULT_RUNTIME if found is None else float(found)


def options_from(stored: Mapping[str, Any]) -> SubmitOptions:
    """Return options as the database holds them; those of a later version are left out."""
    known = {key: value for key, value in stored.items() if key in SubmitOptions._fields}
    return SubmitOptions(**known)


def _preset(name: str) -> Any:
    return settings.load().get(f"cluster.{name}")


class SchedulerSettings(NamedTuple):
    """What fixes the allocations of a scheduler, and what its requests contain besides."""

    rules: GroupRules
    account: str | None = None
    qos: str | None = None
    options: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    least_cpus: int = 1
    gres: str | None = None
    requeue: bool = False
    serialize: bool = False


def scheduler_settings(
    conn: Connection, workflow: Workflow, options: SubmitOptions
) -> dict[str | None, SchedulerSettings]:
    """Return the settings of each scheduler of a workflow by its name; None: without scheduler."""
    defaults: Any = workflow.settings.get("slurm_defaults") or {}
    rows = conn.rows(sql.SLURM_SCHEDULERS, workflow_id=workflow.id)
    keys: dict[str | None, dict[str, Any]] = {None: {}}
    keys |= {row.name: json.loads(row.settings) for row in rows}
    return {name: _settings(own, defaults, options) for name, own in keys.items()}


def _settings(
    own: Mapping[str, Any], defaults: Mapping[str, Any], options: SubmitOptions
) -> SchedulerSettings:
    def chosen(name: str) -> Any:
        given = getattr(options, name, None)
        if given is not None:
            return given
        found = own.get(name)
        if found is None:
            found = defaults.get(name)
        return _preset(name) if found is None and name in _SETTINGS else found

    walltime = options.walltime
    if walltime is None and own.get("walltime"):
        walltime = parse_walltime(str(own["walltime"]))
    extra = [f"--tmp={own['tmp']}"] if own.get("tmp") else []
    extra += _defaults(defaults)
    extra += [str(own["extra"])] if own.get("extra") else []
    return SchedulerSettings(
        rules=GroupRules(
            partition=chosen("partition"),
            nodes=own.get("nodes"),
            memory=parse_slurm_memory(own.get("mem")),
            gpus=parse_gres(own.get("gres")),
            walltime=walltime,
            max_nodes=own.get("max_nodes"),
        ),
        account=chosen("account"),
        qos=chosen("qos"),
        options=tuple(extra),
        commands=(*prologue(), *_lines(own.get("prologue"))),
        least_cpus=int(own.get("ntasks_per_node") or 1),
        gres=own.get("gres"),
        requeue=bool(own.get("requeue")),
        serialize=bool(own.get("serialize_allocations")),
    )


_SETTINGS = ("account", "partition")
"""What a setting ``cluster.*`` may give."""


def _defaults(defaults: Mapping[str, Any]) -> list[str]:
    """Return the options of sbatch in ``slurm_defaults``: ``true`` gives one without a value."""
    found = []
    for key, value in defaults.items():
        name = key.replace("_", "-")
        if name in ("account", "qos") or value is None or value is False:
            continue
        found.append(f"--{name}" if value is True else f"--{name}={value}")
    return found


def prologue() -> tuple[str, ...]:
    """Return the lines of every batch script before its command, from the settings."""
    return tuple(_lines(_preset("prologue")))


def _lines(given: Any) -> list[str]:
    """Return the lines of a text, or of a list of texts."""
    if not given:
        return []
    texts = [given] if isinstance(given, str) else given
    return [line for text in texts for line in str(text).splitlines()]
