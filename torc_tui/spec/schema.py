"""The keys of a workflow file: one table per kind of entry, each key with the check that its value must pass.

In: a value of the document. Out: the value as the records of ``model`` hold it, or ``Wrong`` with a sentence for users.
Sources of the rules: the reference facts, sections 1 and 8. Never done here: looking at more than one value at a time.
"""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torc_tui.model import Json
from torc_tui.spec.document import List, Map, quoted
from torc_tui.units import parse_duration, parse_memory

Check = Callable[[Json], Json]
Shape = Literal["scalar", "list", "map", "json", "record", "records"]
"""How KDL writes a key: one argument, a list of arguments, children, JSON text, one block, one block per entry."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that no name may hold."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE_LIMIT = 2**31 - 1


class Wrong(Exception):
    """A value that cannot be used; ``item`` is the index in a list, or the key in a mapping, where it stands."""

    def __init__(self, message: str, hint: str | None = None, item: int | str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.item = item


@dataclass(frozen=True, slots=True)
class Key:
    check: Check
    shape: Shape = "scalar"
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """``aliases`` are older names, ``nodes`` are KDL nodes that add to a list, keys in ``gone`` are ignored."""

    what: str
    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


def kind_of(value: Json) -> str:
    """The kind of a value, in the words of a user."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {str(value)[:40]}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a mapping" if isinstance(value, dict) else "a list"


# -- checks -----------------------------------------------------------------------------------------------------


def text(value: Json) -> str:
    if type(value) is not str:
        hint = 'put it in quotes: "…"' if isinstance(value, (int, float)) else None
        raise Wrong(f"must be a text, not {kind_of(value)}", hint)
    if "\0" in value:
        raise Wrong("holds a NUL character")
    return value


def filled(value: Json) -> str:
    checked = text(value)
    if not checked or checked.isspace():
        raise Wrong("is empty")
    return checked


def name(value: Json) -> str:
    checked = filled(value)
    if not checked.isprintable() and CONTROL.search(checked):
        raise Wrong(f"{quoted(checked)} holds a line break or a control character")
    return checked


def flag(value: Json) -> bool:
    if type(value) is not bool:
        hint = "without quotes" if value in ("true", "false") else None
        raise Wrong(f"must be true or false, not {kind_of(value)}", hint)
    return value


def whole(low: int, high: int = _WHOLE_LIMIT) -> Check:
    def check(value: Json) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise Wrong(f"must be a whole number, not {kind_of(value)}")
        if not low <= value <= high:
            limit = f"at least {low}" if value < low else f"at most {high}"
            raise Wrong(f"must be {limit}, not {str(value)[:40]}")
        return value

    return check


def seconds(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise Wrong(f"must be a number of seconds, not {kind_of(value)}")
    return float(value)


def cards(value: Json) -> float:
    """A whole number of cards, or a share of one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Wrong(f"must be a number of cards, not {kind_of(value)}")
    if value < 0 or value > 10_000:
        raise Wrong(f"must be between 0 and 10000, not {str(value)[:40]}")
    if value == int(value):
        return int(value)
    if value > 1:
        raise Wrong(
            f"{value:g} cards cannot be given", "a whole number of cards, or a share of one below 1, such as 0.5"
        )
    return float(value)


def memory(value: Json) -> int:
    try:
        size = parse_memory(value)
    except ValueError as error:
        raise Wrong(error.args[0], error.args[1] if len(error.args) > 1 else None) from None
    if size == 0:
        raise Wrong("must be more than nothing")
    return size


def duration(value: Json) -> float:
    try:
        length = parse_duration(text(value))
    except ValueError as error:
        raise Wrong(error.args[0], error.args[1] if len(error.args) > 1 else None) from None
    if length <= 0:
        raise Wrong("must be longer than nothing")
    return length


def pattern(value: Json) -> str:
    checked = filled(value)
    try:
        re.compile(checked)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"{quoted(checked)} is not a regular expression: {error}") from None
    return checked


def choice(*words: str) -> Check:
    def check(value: Json) -> str:
        if value not in words:
            raise Wrong(f"must be one of {', '.join(words)}, not {kind_of(value)}", nearest(value, words))
        return str(value)

    return check


def nearest(value: Json, words: tuple[str, ...] | list[str]) -> str | None:
    """A did-you-mean for a word that is not among those."""
    from difflib import get_close_matches  # only a mistake pays for it

    if not isinstance(value, str):
        return None
    lowered = {word.lower(): word for word in words}
    found = get_close_matches(value.lower()[:80], lowered, 1, 0.6)
    return f"did you mean '{lowered[found[0]]}'?" if found else None


def texts(item: Check = filled) -> Check:
    """A list of texts; one text stands for a list of one."""

    def check(value: Json) -> tuple[str, ...]:
        if isinstance(value, str):
            return (item(value),)
        if not isinstance(value, list):
            raise Wrong(f"must be a list of texts, not {kind_of(value)}")
        found = []
        for index, one in enumerate(value):
            try:
                found.append(item(one))
            except Wrong as wrong:
                raise Wrong(f"entry {index + 1} {wrong.message}", wrong.hint, index) from None
        return tuple(found)

    return check


def codes(value: Json) -> tuple[int, ...]:
    check = whole(0, 255)
    items = value if isinstance(value, list) else [value]
    found = []
    for index, one in enumerate(items):
        try:
            found.append(check(one))
        except Wrong as wrong:
            raise Wrong(f"entry {index + 1} {wrong.message}", wrong.hint, index) from None
    return tuple(found)


def mapping(value: Json) -> Map:
    if not isinstance(value, dict):
        raise Wrong(f"must be a mapping, not {kind_of(value)}")
    return value  # type: ignore[return-value]  # the readers build nothing but Map


def records(value: Json) -> List:
    if isinstance(value, dict):
        raise Wrong("must be a list, not a mapping", "begin each entry with '- '")
    if not isinstance(value, list):
        raise Wrong(f"must be a list, not {kind_of(value)}")
    return value  # type: ignore[return-value]  # the readers build nothing but List


def plain(value: Json) -> Json:
    """Any JSON, as plain dicts and lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"{value} is not JSON")
    return value


def settings(value: Json) -> Json:
    return plain(mapping(value))


def variables(value: Json) -> dict[str, str]:
    """A mapping of names to texts; whole numbers and booleans are taken as they print."""
    found = {}
    for key, one in mapping(value).items():
        if not _VARIABLE.fullmatch(key):
            raise Wrong(f"{quoted(key)} is not a name for a variable", "letters, digits and _ only", key)
        if one is None:
            continue
        if isinstance(one, bool):
            found[key] = "true" if one else "false"
        elif isinstance(one, int):
            found[key] = str(one)
        else:
            try:
                found[key] = text(one)
            except Wrong as wrong:
                raise Wrong(f"{quoted(key)} {wrong.message}", wrong.hint, key) from None
    return found


def metadata(value: Json) -> Json:
    if not isinstance(value, str):
        return plain(value)
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"must hold JSON: {error}") from None


def schema_of_data(value: Json) -> Json:
    if not isinstance(value, (dict, bool)):
        raise Wrong(f"must be a JSON Schema, a mapping, not {kind_of(value)}")
    return plain(value)


def defaults_of_slurm(value: Json) -> Json:
    refused = {"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"}
    for key, one in mapping(value).items():
        if key.lower() in refused:
            raise Wrong(f"{quoted(key)} cannot be a default", "write it in slurm_schedulers", key)
        if one is not None and not isinstance(one, (str, int, float)):
            raise Wrong(f"{quoted(key)} must be a text, a number or a boolean, not {kind_of(one)}", None, key)
    return plain(value)


def signal_name(value: Json) -> str:
    checked = filled(value).upper()
    known = [one.name for one in signal.Signals]
    full = checked if checked.startswith("SIG") else f"SIG{checked}"
    if full not in known:
        raise Wrong(f"{quoted(checked)} is not a signal", nearest(full, known))
    return full


# -- tables -----------------------------------------------------------------------------------------------------

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
        "priority": Key(whole(-_WHOLE_LIMIT)),
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

FILE = Table("file", {"name": Key(name), "path": Key(filled), "identifier": Key(text), **_EXPANDED}, ("name", "path"))

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
