"""The keys of a workflow file: one table per kind of entry, each key with the check that its value
must pass.

Nothing but data. Long because the file has many keys. Sources of the rules: the reference facts,
sections 1 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torc_tui.workflow_file.checks import (
    WHOLE_LIMIT,
    Check,
    cards,
    choice,
    codes,
    defaults_of_slurm,
    duration,
    filled,
    flag,
    mapping,
    memory,
    metadata,
    name,
    pattern,
    plain,
    records,
    schema_of_data,
    seconds,
    settings,
    signal_name,
    text,
    texts,
    variables,
    whole,
)

Shape = Literal["scalar", "list", "map", "json", "record", "records"]
"""How KDL writes a key: one argument, a list of arguments, children, JSON text, one block, one
block per entry."""


@dataclass(frozen=True, slots=True)
class Key:
    check: Check
    shape: Shape = "scalar"
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """``aliases`` are older names, ``nodes`` are KDL nodes that add to a list, keys in ``gone`` are
    ignored."""

    what: str
    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


_EXPANDED: dict[str, Key] = {
    "parameters": Key(mapping, "map"),
    "parameter_mode": Key(choice("product", "zip")),
    "use_parameters": Key(texts(), "list"),
}

STDIO = Table(
    "stdio",
    {
        "mode": Key(choice("separate", "combined", "no_stdout", "no_stderr", "none")),
        "delete_on_success": Key(flag),
    },
)

JOB = Table(
    "job",
    {
        "name": Key(name),
        "command": Key(filled),
        "invocation_script": Key(text),
        "cancel_on_blocking_job_failure": Key(flag),
        "supports_termination": Key(flag),
        "resource_requirements": Key(filled),
        "failure_handler": Key(filled),
        "scheduler": Key(filled),
        "priority": Key(whole(-WHOLE_LIMIT)),
        "depends_on": Key(texts(), "list"),
        "depends_on_regexes": Key(texts(), "list"),
        "input_files": Key(texts(), "list"),
        "output_files": Key(texts(), "list"),
        "input_file_regexes": Key(texts(), "list"),
        "output_file_regexes": Key(texts(), "list"),
        "input_user_data": Key(texts(), "list"),
        "output_user_data": Key(texts(), "list"),
        "input_user_data_regexes": Key(texts(), "list"),
        "output_user_data_regexes": Key(texts(), "list"),
        "env": Key(variables, "map"),
        "stdio": Key(mapping, "record", STDIO),
        "require_user_data": Key(flag),
        **_EXPANDED,
    },
    ("name", "command"),
    aliases={
        "resource_requirements_name": "resource_requirements",
        "blocked_by_job_names": "depends_on",
        "blocked_by": "depends_on",
        "blocked_by_job_name_regexes": "depends_on_regexes",
        "blocked_by_regexes": "depends_on_regexes",
        "input_file_names": "input_files",
        "output_file_names": "output_files",
        "input_file_name_regexes": "input_file_regexes",
        "output_file_name_regexes": "output_file_regexes",
        "input_user_data_names": "input_user_data",
        "output_user_data_names": "output_user_data",
        "output_data_names": "output_user_data",
        "input_user_data_name_regexes": "input_user_data_regexes",
        "output_user_data_name_regexes": "output_user_data_regexes",
        "output_data_name_regexes": "output_user_data_regexes",
        "scheduler_name": "scheduler",
        "failure_handler_name": "failure_handler",
    },
    nodes={
        "input_file": "input_files",
        "output_file": "output_files",
        "depends_on_regex": "depends_on_regexes",
        "input_file_regex": "input_file_regexes",
        "output_file_regex": "output_file_regexes",
        "input_user_data_regex": "input_user_data_regexes",
        "output_user_data_regex": "output_user_data_regexes",
    },
)

FILE = Table(
    "file",
    {"name": Key(name), "path": Key(filled), "identifier": Key(text), **_EXPANDED},
    ("name", "path"),
)

USER_DATA = Table(
    "user data",
    {
        "name": Key(name),
        "data": Key(plain, "json"),
        "is_ephemeral": Key(flag),
        "schema": Key(schema_of_data, "json"),
        **_EXPANDED,
    },
    ("name",),
)

REQUIREMENTS = Table(
    "resource requirements",
    {
        "name": Key(name),
        "num_cpus": Key(whole(1)),
        "memory": Key(memory),
        "num_gpus": Key(cards),
        "gpu_memory": Key(memory),
        "gpu_model": Key(pattern),
        "num_nodes": Key(whole(1)),
        "runtime": Key(duration),
    },
    ("name", "num_cpus", "memory"),
)

RULE = Table(
    "rule",
    {
        "exit_codes": Key(codes, "list"),
        "match_all_exit_codes": Key(flag),
        "recovery_script": Key(text),
        "max_retries": Key(whole(0, 1_000_000)),
    },
)

HANDLER = Table(
    "failure handler",
    {"name": Key(name), "rules": Key(records, "records", RULE)},
    ("name",),
    nodes={"rule": "rules"},
)

SCHEDULER = Table(
    "slurm scheduler",
    {
        "name": Key(name),
        "account": Key(filled),
        "gres": Key(text),
        "mem": Key(text),
        "nodes": Key(whole(1)),
        "ntasks_per_node": Key(whole(1)),
        "partition": Key(text),
        "qos": Key(text),
        "tmp": Key(text),
        "walltime": Key(filled),
        "extra": Key(text),
        "serialize_allocations": Key(flag),
    },
    ("name", "account"),
)

ACTION = Table(
    "action",
    {
        "trigger_type": Key(
            choice(
                "on_workflow_start",
                "on_workflow_complete",
                "on_jobs_ready",
                "on_jobs_complete",
                "on_worker_start",
                "on_worker_complete",
            )
        ),
        "action_type": Key(choice("run_commands", "schedule_nodes")),
        "jobs": Key(texts(), "list"),
        "job_name_regexes": Key(texts(pattern), "list"),
        "commands": Key(texts(), "list"),
        "scheduler": Key(filled),
        "scheduler_type": Key(choice("slurm", "local")),
        "num_allocations": Key(whole(1)),
        "start_one_worker_per_node": Key(flag),
        "max_parallel_jobs": Key(whole(1)),
        "persistent": Key(flag),
    },
    ("trigger_type", "action_type"),
    aliases={"job_names": "jobs", "scheduler_name": "scheduler"},
    nodes={"job": "jobs", "command": "commands", "job_name_regex": "job_name_regexes"},
)

EXECUTION = Table(
    "execution_config",
    {
        "mode": Key(choice("direct", "slurm", "auto")),
        "limit_resources": Key(flag),
        "termination_signal": Key(signal_name),
        "sigterm_lead_seconds": Key(seconds),
        "sigkill_headroom_seconds": Key(seconds),
        "timeout_exit_code": Key(whole(1, 255)),
        "oom_exit_code": Key(whole(1, 255)),
        "staggered_start": Key(flag),
        "gpu_binding": Key(choice("uuid", "index")),
        "stdio": Key(mapping, "record", STDIO),
        "srun_termination_signal": Key(filled),
        "enable_cpu_bind": Key(flag),
    },
)

WORKFLOW = Table(
    "workflow",
    {
        "name": Key(name),
        "user": Key(text),
        "description": Key(text),
        "project": Key(text),
        "metadata": Key(metadata, "json"),
        "parameters": Key(mapping, "map"),
        "variables": Key(variables, "map"),
        "env": Key(variables, "map"),
        "jobs": Key(records, "records", JOB),
        "files": Key(records, "records", FILE),
        "user_data": Key(records, "records", USER_DATA),
        "resource_requirements": Key(records, "records", REQUIREMENTS),
        "failure_handlers": Key(records, "records", HANDLER),
        "slurm_schedulers": Key(records, "records", SCHEDULER),
        "slurm_defaults": Key(defaults_of_slurm, "map"),
        "actions": Key(records, "records", ACTION),
        "execution_config": Key(mapping, "record", EXECUTION),
        "resource_monitor": Key(settings, "map"),
        "jobs_sort_method": Key(choice("gpus_runtime_memory", "gpus_memory_runtime", "none")),
        "compute_node_expiration_buffer_seconds": Key(whole(0)),
        "compute_node_wait_for_new_jobs_seconds": Key(whole(0)),
        "compute_node_ignore_workflow_completion": Key(flag),
        "compute_node_wait_for_healthy_database_minutes": Key(whole(0)),
        "compute_node_min_time_for_new_jobs_seconds": Key(whole(0)),
        "use_pending_failed": Key(flag),
        "require_user_data": Key(flag),
        "enable_ro_crate": Key(flag),
        "access_groups": Key(texts(), "list"),
        "dynamic_jobs": Key(settings, "map"),
        "datasets": Key(plain, "list"),
    },
    ("name", "jobs"),
    nodes={
        "job": "jobs",
        "file": "files",
        "failure_handler": "failure_handlers",
        "slurm_scheduler": "slurm_schedulers",
        "action": "actions",
        "access_group": "access_groups",
    },
    gone=frozenset({"start_server_on_head_node"}),
)

SETTINGS = (
    "slurm_defaults",
    "resource_monitor",
    "jobs_sort_method",
    "compute_node_expiration_buffer_seconds",
    "compute_node_wait_for_new_jobs_seconds",
    "compute_node_ignore_workflow_completion",
    "compute_node_wait_for_healthy_database_minutes",
    "compute_node_min_time_for_new_jobs_seconds",
    "enable_ro_crate",
    "access_groups",
    "dynamic_jobs",
    "datasets",
)
"""Top-level keys that are stored as they are, in ``WorkflowSpec.settings``."""
