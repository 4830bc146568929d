"""List the keys of a workflow file: one table per kind of entry, each key with its check."""

from __future__ import annotations

from torc_tui.model import JobSpec, WorkflowSpec
from torc_tui.records import fields
from torc_tui.workflow_file.checks import (
    STDIO_MODES,
    Check,
    boolean,
    choice,
    duration,
    integer,
    json_schema,
    json_value,
    loose_mapping,
    mapping,
    metadata,
    name,
    nonempty,
    pattern,
    records,
    report,
    seconds,
    shell,
    signal_name,
    slurm_defaults,
    stdio,
    strings,
    timestamp,
    variables,
)
from torc_tui.workflow_file.failure_keys import END_KEYS, RULE
from torc_tui.workflow_file.key_tables import Key, KeyTable
from torc_tui.workflow_file.size_checks import cpus, gpu_memory, gpus, memory
from torc_tui.workflow_file.values import label, string


def _names(record: type[JobSpec | WorkflowSpec]) -> set[str]:
    return {one.name for one in fields(record)}


_EXPANDED: dict[str, Key] = {
    "parameters": Key(mapping, "map"),
    "parameter_mode": Key(choice("product", "zip")),
    "use_parameters": Key(strings(), "list"),
    "parameters_file": Key(nonempty),
    "use_parameters_file": Key(boolean),
}

_ON_LOST = choice("rerun", "fail", "wait")

_RERUN_ON = strings(choice("command", "env", "files", "data", "outputs"))

STDIO = KeyTable(
    "stdio",
    {"mode": Key(choice(*STDIO_MODES)), "delete_on_success": Key(boolean)},
    is_short=True,
)

REQUIREMENTS = KeyTable(
    "resource requirements",
    {
        "name": Key(name),
        "num_cpus": Key(cpus),
        "memory": Key(memory),
        "num_gpus": Key(gpus),
        "gpu_memory": Key(gpu_memory),
        "gpu_model": Key(pattern),
        "num_nodes": Key(integer(1)),
        "runtime": Key(duration),
    },
    ("name", "num_cpus"),
)

INLINE_REQUIREMENTS = KeyTable("resource requirements", REQUIREMENTS.keys, is_short=True)
"""Those inside a job, which need no name."""

JOB = KeyTable(
    "job",
    {
        "name": Key(name),
        "was": Key(name),
        "command": Key(nonempty),
        "invocation_script": Key(string),
        "cancel_on_blocking_job_failure": Key(boolean),
        "supports_termination": Key(boolean),
        "resource_requirements": Key(nonempty, "record", INLINE_REQUIREMENTS),
        "failure_handler": Key(nonempty),
        "scheduler": Key(nonempty),
        "labels": Key(strings(label), "list"),
        "priority": Key(integer(0)),
        "canary": Key(integer(1)),
        "depends_on": Key(strings(), "list"),
        "depends_on_regexes": Key(strings(), "list"),
        "input_files": Key(strings(), "list"),
        "output_files": Key(strings(), "list"),
        "input_file_regexes": Key(strings(), "list"),
        "output_file_regexes": Key(strings(), "list"),
        "input_user_data": Key(strings(), "list"),
        "output_user_data": Key(strings(), "list"),
        "input_user_data_regexes": Key(strings(), "list"),
        "output_user_data_regexes": Key(strings(), "list"),
        "env": Key(variables, "map"),
        "stdio": Key(stdio, "record", STDIO),
        "require_user_data": Key(boolean),
        "output_check": Key(choice("exists", "written")),
        "wait_for_background": Key(boolean),
        "wait_for_spawned": Key(boolean),
        "rerun_on": Key(_RERUN_ON, "list"),
        "on_lost": Key(_ON_LOST),
        "cpu_bind": Key(choice("cores", "none")),
        "shell": Key(shell),
        **END_KEYS,
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
        "label": "labels",
        "input_file": "input_files",
        "output_file": "output_files",
        "depends_on_job": "depends_on",
        "depends_on_jobs": "depends_on",
        "depends_on_regex": "depends_on_regexes",
        "input_file_regex": "input_file_regexes",
        "output_file_regex": "output_file_regexes",
        "input_user_data_regex": "input_user_data_regexes",
        "output_user_data_regex": "output_user_data_regexes",
    },
)

REPORT = KeyTable("report", {"caption": Key(nonempty), "group": Key(nonempty)}, is_short=True)

FILE = KeyTable(
    "file",
    {
        "name": Key(name),
        "path": Key(nonempty),
        "identifier": Key(string),
        "st_mtime": Key(timestamp),
        "rerun_check": Key(choice("content", "time", "never")),
        "output_check": Key(choice("exists", "written")),
        "report": Key(report, "record", REPORT),
        **_EXPANDED,
    },
    ("name", "path"),
)

USER_DATA = KeyTable(
    "user data",
    {
        "name": Key(name),
        "was": Key(name),
        "data": Key(json_value, "json"),
        "is_ephemeral": Key(boolean),
        "schema": Key(json_schema, "json"),
        **_EXPANDED,
    },
    ("name",),
)

HANDLER = KeyTable(
    "failure handler",
    {"name": Key(name), "rules": Key(records, "records", RULE)},
    ("name",),
    nodes={"rule": "rules"},
)

SCHEDULER = KeyTable(
    "slurm scheduler",
    {
        "name": Key(name),
        "account": Key(nonempty),
        "gres": Key(string),
        "mem": Key(string),
        "nodes": Key(integer(1)),
        "ntasks_per_node": Key(integer(1)),
        "partition": Key(string),
        "qos": Key(string),
        "tmp": Key(string),
        "walltime": Key(nonempty),
        "extra": Key(string),
        "serialize_allocations": Key(boolean),
        "prologue": Key(strings(), "list"),
        "requeue": Key(boolean),
        "max_nodes": Key(integer(1)),
    },
)

TRIGGERS = (
    *("on_workflow_start", "on_workflow_complete", "on_jobs_ready", "on_jobs_complete"),
    *("on_worker_start", "on_worker_complete", "on_job_failed", "on_workflow_failed"),
)

ACTION = KeyTable(
    "action",
    {
        "trigger_type": Key(choice(*TRIGGERS)),
        "action_type": Key(choice("run_commands", "schedule_nodes")),
        "jobs": Key(strings(), "list"),
        "job_name_regexes": Key(strings(pattern), "list"),
        "commands": Key(strings(), "list"),
        "scheduler": Key(nonempty),
        "scheduler_type": Key(choice("slurm", "local")),
        "num_allocations": Key(integer(1)),
        "start_one_worker_per_node": Key(boolean),
        "max_parallel_jobs": Key(integer(1)),
        "persistent": Key(boolean),
    },
    ("trigger_type", "action_type"),
    aliases={"job_names": "jobs", "scheduler_name": "scheduler"},
    nodes={"job": "jobs", "command": "commands", "job_name_regex": "job_name_regexes"},
)

EXECUTION = KeyTable(
    "execution_config",
    {
        "mode": Key(choice("direct", "slurm", "auto")),
        "limit_resources": Key(boolean),
        "enforce_runtime": Key(boolean),
        "termination_signal": Key(signal_name),
        "sigterm_lead_seconds": Key(seconds),
        "sigkill_headroom_seconds": Key(seconds),
        "timeout_exit_code": Key(integer(1, 255)),
        "oom_exit_code": Key(integer(1, 255)),
        "staggered_start": Key(boolean),
        "gpu_binding": Key(choice("uuid", "index")),
        "gpu_hints": Key(boolean),
        "gpu_over": Key(choice("warn", "kill", "protect")),
        "stdio": Key(stdio, "record", STDIO),
        "srun_termination_signal": Key(nonempty),
        "srun_mpi": Key(nonempty),
        "enable_cpu_bind": Key(boolean),
    },
)

DYNAMIC_JOBS = KeyTable(
    "dynamic_jobs",
    {"max_iterations": Key(integer(1)), "max_jobs": Key(integer(1))},
)

_SAMPLES = {"enabled": boolean, "granularity": choice("summary", "time_series")}
MONITOR: dict[str, Check] = {
    **_SAMPLES,
    "sample_interval_seconds": integer(1),
    "flush_interval_seconds": integer(1),
    "generate_plots": boolean,
    "jobs": loose_mapping(_SAMPLES),
    "compute_node": loose_mapping({**_SAMPLES, "cpu": boolean, "memory": boolean}),
}
"""The known keys of ``resource_monitor``; unknown keys are allowed there."""

WORKFLOW = KeyTable(
    "workflow",
    {
        "name": Key(name),
        "user": Key(string),
        "description": Key(string),
        "project": Key(string),
        "metadata": Key(metadata, "json"),
        "parameters": Key(mapping, "map"),
        "parameters_file": Key(nonempty),
        "variables": Key(variables, "map"),
        "env": Key(variables, "map"),
        "jobs": Key(records, "records", JOB),
        "files": Key(records, "records", FILE),
        "user_data": Key(records, "records", USER_DATA),
        "resource_requirements": Key(records, "records", REQUIREMENTS),
        "failure_handlers": Key(records, "records", HANDLER),
        "slurm_schedulers": Key(records, "records", SCHEDULER),
        "slurm_defaults": Key(slurm_defaults, "map"),
        "actions": Key(records, "records", ACTION),
        "execution_config": Key(mapping, "record", EXECUTION),
        "resource_monitor": Key(loose_mapping(MONITOR), "map"),
        "jobs_sort_method": Key(choice("gpus_runtime_memory", "gpus_memory_runtime", "none")),
        "compute_node_expiration_buffer_seconds": Key(integer(0)),
        "compute_node_wait_for_new_jobs_seconds": Key(integer(0)),
        "compute_node_ignore_workflow_completion": Key(boolean),
        "compute_node_wait_for_healthy_database_minutes": Key(integer(0)),
        "compute_node_min_time_for_new_jobs_seconds": Key(integer(0)),
        "use_pending_failed": Key(boolean),
        "require_user_data": Key(boolean),
        "output_check": Key(choice("exists", "written")),
        "wait_for_background": Key(boolean),
        "rerun_on": Key(_RERUN_ON, "list"),
        "hash_limit": Key(memory),
        "shell": Key(shell),
        "on_lost": Key(_ON_LOST),
        "cpu_bind": Key(choice("cores", "none")),
        **END_KEYS,
        "enable_ro_crate": Key(boolean),
        "access_groups": Key(strings(), "list"),
        "dynamic_jobs": Key(mapping, "record", DYNAMIC_JOBS),
        "datasets": Key(json_value, "list"),
    },
    ("jobs",),
    nodes={
        "job": "jobs",
        "file": "files",
        "failure_handler": "failure_handlers",
        "slurm_scheduler": "slurm_schedulers",
        "action": "actions",
        "access_group": "access_groups",
    },
    gone=frozenset({"start_server_on_head_node"}),
    free="x-",
    removed={"slurm_config": "its options are keys of 'execution_config' now"},
)

FILE_NOTES = ("identifier", "st_mtime")
"""Keys of a file that are not stored."""

JOB_OPTIONS = tuple(key for key in JOB.keys if key not in {*_names(JobSpec), *_EXPANDED})
"""Keys of a job that are stored as they are, in ``JobSpec.options``, and override the setting of
the workflow."""

_USED_UP = {"parameters", "parameters_file", "variables"}

SETTINGS = tuple(key for key in WORKFLOW.keys if key not in {*_names(WorkflowSpec), *_USED_UP})
"""Top-level keys that are stored as they are, in ``WorkflowSpec.settings``."""
