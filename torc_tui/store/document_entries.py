"""Check the entries of an exported workflow, and read each as a part of a workflow file.

Input: mappings that may hold anything. Output: jobs, requirements and the like.

Invariant: every value passes the check of the same key in a workflow file; UsageError names the
place of the first one that does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, get_args

from torc_tui.errors import UsageError
from torc_tui.lifecycle.spawning import Mode, Spawn
from torc_tui.model import (
    DECLARES_CPUS,
    DEFAULT_REQUIREMENTS,
    Action,
    ExecutionConfig,
    FailureHandler,
    FailureRule,
    JobSpec,
    Json,
    ResourceRequirements,
    SlurmScheduler,
    UserDataSpec,
)
from torc_tui.records import fields
from torc_tui.store.creation import FILE_SETTINGS
from torc_tui.store.encoding import dumps
from torc_tui.store.plan_rows import PATTERNS
from torc_tui.tuples import NamedTuple
from torc_tui.workflow_file import checks
from torc_tui.workflow_file.failure_keys import RULE
from torc_tui.workflow_file.key_tables import Key
from torc_tui.workflow_file.schema import (
    ACTION,
    EXECUTION,
    FILE,
    JOB,
    JOB_OPTIONS,
    REQUIREMENTS,
    SCHEDULER,
    SETTINGS,
    STDIO,
    WORKFLOW,
)
from torc_tui.workflow_file.values import InvalidValue, kind_of, string

Check = Callable[[Any], Any]

HINT = "`torc workflows export` writes such files"
ANY_WHOLE = checks.integer(-(1 << 63), (1 << 63) - 1)
_PRIORITY = checks.integer(-checks.INTEGER_LIMIT)  # a command may set one below 0, a file may not
_COUNT = checks.integer(0)
_REQUIRED: Any = object()


class JobOrigin(NamedTuple):
    """How a job was added: by a user, or by the job at this place, with `torc spawn`."""

    parent: int | None
    spawn: Spawn | None


class DocumentEntry:
    """A mapping of the document; ``place`` is its position, such as ``jobs[3]``."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise UsageError(
                f"this is not an exported workflow: {place} {is_not('a mapping', value)}", hint=HINT
            )
        self.values, self.place = value, place

    def get(self, key: str, check: Check, default: Any = _REQUIRED) -> Any:
        """Return a checked value; ``default`` if there is none or null."""
        value = self.values.get(key)
        if value is None:
            if default is _REQUIRED:
                raise self.error(key, "is missing")
            return default
        try:
            return check(value)
        except InvalidValue as wrong:
            raise self.error(key, wrong.message) from None

    def error(self, key: str, words: str) -> UsageError:
        """Return the error for a value of this entry."""
        return UsageError(
            f"this is not an exported workflow: {self.place}: {key!r} {words}", hint=HINT
        )


def is_not(wanted: str, value: Any) -> str:
    """Return how errors say that a value has the wrong type."""
    return f"must be {wanted}, not {kind_of(value)}"


def entries_of(document: Mapping[str, Json], key: str) -> list[DocumentEntry]:
    """Return the entries of a list of the document; none if the list is missing."""
    found = document.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        words = f"this is not an exported workflow: {key!r} {is_not('a list', found)}"
        raise UsageError(words, hint=HINT)
    return [DocumentEntry(value, f"{key}[{i}]") for i, value in enumerate(found)]


def json_value(value: Any) -> Any:
    """Check that the database can hold a value; half of a surrogate pair is stored as an escape."""
    dumps(value)
    return value


def json_mapping(value: Any) -> Any:
    """Check that a value is a mapping that the database can hold."""
    return json_value(checks.mapping(value))


def variables(value: Any) -> dict[str, str]:
    """Check environment variables: names and strings."""
    return {checks.name(key): string(one) for key, one in checks.mapping(value).items()}


def _schema(value: Any) -> Any:
    return json_value(value if isinstance(value, bool) else checks.mapping(value))


def listed(value: Any) -> list[Any]:
    """Check that a value is a list."""
    if not isinstance(value, list):
        raise InvalidValue(is_not("a list", value))
    return value


def job_spec(entry: DocumentEntry) -> JobSpec:
    """Return a job, without what it names by id."""
    name = entry.get("name", checks.name)
    values = entry.get("parameters", json_mapping, {})
    return JobSpec(
        name=name,
        command=entry.get("command", checks.nonempty),
        env=entry.get("env", variables, {}),
        stdio=entry.get("stdio", _stdio, None),
        options=entry.get("options", _options, {}),
        group=entry.get("group", checks.nonempty, entry.get("family", checks.nonempty, name)),
        values=tuple((key, _parameter(entry, key, value)) for key, value in values.items()),
        priority=entry.get("priority", _PRIORITY, 0),
        canary=entry.get("canary", checks.boolean, None),
        labels=entry.get("labels", JOB.keys["labels"].check, ()),
        **entry.get("patterns", _patterns, {}),
        **{key: entry.get(key, JOB.keys[key].check, value) for key, value in _SCALARS.items()},
    )


_SCALARS: dict[str, Any] = {
    field.name: field.default
    for field in fields(JobSpec)
    if field.name in JOB.keys
    and JOB.keys[field.name].shape == "scalar"
    and field.name
    not in ("name", "command", "priority", "canary", "resource_requirements", "failure_handler")
}
"""Fields of a job with their defaults; a document names requirements and handlers by id."""


def _parameter(entry: DocumentEntry, key: str, value: Any) -> int | float | str:
    finite = not isinstance(value, float) or math.isfinite(value)
    if isinstance(value, (int, float, str)) and not isinstance(value, bool) and finite:
        return value
    raise entry.error("parameters", f"{key!r} {is_not('a number or a string', value)}")


def _options(value: Any) -> dict[str, Json]:
    keys = {key: JOB.keys[key] for key in JOB_OPTIONS} | {DECLARES_CPUS: Key(checks.boolean)}
    return _by_table(checks.mapping(value), keys)


def _patterns(value: Any) -> dict[str, tuple[str, ...]]:
    found = _by_table(checks.mapping(value), {key: JOB.keys[key] for key in PATTERNS})
    for pattern in (one for patterns in found.values() for one in patterns):
        checks.pattern(pattern)
    return {key: tuple(patterns) for key, patterns in found.items()}


def origin_of(entry: DocumentEntry, parent: Check, most_runs: int) -> JobOrigin | None:
    """Return how a job was added to its workflow; None for a job of the workflow file.

    ``parent`` takes the id of the job that added it. A run after ``most_runs`` counts as that run.
    """
    place = entry.get("spawned_by", parent, None)
    if place is None:
        return JobOrigin(None, None) if entry.get("added", checks.boolean, False) else None
    spawn = DocumentEntry(entry.values.get("spawn"), f"{entry.place}.spawn")
    return JobOrigin(
        place,
        Spawn(
            min(spawn.get("run", _COUNT), most_runs),
            spawn.get("attempt", _COUNT),
            spawn.get("mode", checks.choice(*get_args(Mode))),
            spawn.get("digest", checks.nonempty),
            spawn.get("lineage", checks.name),
            spawn.get("generation", _COUNT),
        ),
    )


def _stdio(value: Any) -> dict[str, Json]:
    return _by_table(checks.mapping(value), STDIO.keys)


def _by_table(values: Mapping[str, Any], keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the values of known keys, each checked; other keys are left out."""
    found = {}
    for key, value in values.items():
        if key in keys and value is not None:
            try:
                found[key] = keys[key].check(value)
            except InvalidValue as wrong:
                raise InvalidValue(f"{key!r} {wrong.message}") from None
    return found


def settings_by(keys: Mapping[str, Key]) -> Check:
    """Return a check for stored settings: known keys by their checks, others kept as they are."""

    def check(value: Any) -> dict[str, Json]:
        given = json_mapping(value)
        return {**given, **_by_table(given, keys)}

    return check


def _by_file(key: str) -> Key:
    """Return the key under which the settings hold a key of files, by their names."""
    one = FILE.keys[key].check
    return Key(lambda value: {name: one(given) for name, given in checks.mapping(value).items()})


workflow_settings = settings_by(
    {key: WORKFLOW.keys[key] for key in SETTINGS}
    | {setting: _by_file(key) for setting, key in FILE_SETTINGS.items()}
)
"""Check the settings of a workflow, with those that hold keys of files."""


_EXECUTION: dict[str, Key] = {
    **EXECUTION.keys,
    "stdio_mode": STDIO.keys["mode"],
    "delete_stdio_on_success": STDIO.keys["delete_on_success"],
}


def execution_config(value: Any) -> ExecutionConfig:
    """Return how jobs are run and stopped; unknown keys are left out."""
    given = checks.mapping(value)
    known = {field.name for field in fields(ExecutionConfig)}
    values = {key: one for key, one in _by_table(given, _EXECUTION).items() if key in known}
    settings = given.get("settings")
    check = settings_by(EXECUTION.keys)
    return ExecutionConfig(**values, settings={} if settings is None else check(settings))


def requirements_of(entry: DocumentEntry) -> ResourceRequirements:
    """Return resource requirements."""
    name = entry.get("name", checks.name)
    keys = REQUIREMENTS.keys
    values = {
        key: entry.get(key, keys[key].check)
        for key in ("num_cpus", "memory", "num_gpus", "gpu_memory", "gpu_model", "num_nodes")
        if key == "num_cpus" or entry.values.get(key) is not None
    }
    runtime = entry.get("runtime", _runtime, None)
    declared = (entry.values.get("memory"), entry.values.get("runtime"))
    if name == DEFAULT_REQUIREMENTS.name and declared == ("1m", "PT1M"):
        return ResourceRequirements(name=name)  # upstream's record for jobs that declare nothing
    return ResourceRequirements(name=name, runtime=runtime, **values)


def _runtime(value: Any) -> float:
    if isinstance(value, str):
        return float(checks.duration(value))
    return float(checks.seconds(value))


def user_data_of(entry: DocumentEntry) -> UserDataSpec:
    """Return a record of user data."""
    return UserDataSpec(
        name=entry.get("name", checks.name),
        data=entry.get("data", json_value, None),
        is_ephemeral=entry.get("is_ephemeral", checks.boolean, False),
        schema=entry.get("schema", _schema, None),
        declared=entry.get("declared", checks.boolean, True),
    )


def handler_of(entry: DocumentEntry) -> FailureHandler:
    """Return a failure handler; upstream stores its rules as JSON text."""
    rules = [DocumentEntry(rule, f"{entry.place}.rules") for rule in entry.get("rules", _rules, [])]
    return FailureHandler(
        name=entry.get("name", checks.name),
        rules=tuple(
            FailureRule(
                **{
                    key: rule.get(key, RULE.keys[key].check)
                    for key in rule.values
                    if key in RULE.keys and rule.values[key] is not None
                }
            )
            for rule in rules
        ),
    )


def _rules(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidValue("must hold JSON") from None
    return listed(value)


def scheduler_of(entry: DocumentEntry) -> SlurmScheduler:
    """Return a Slurm scheduler; upstream stores its settings beside its name."""
    check = settings_by(SCHEDULER.keys)
    own = {
        key: one for key, one in entry.values.items() if key not in ("id", "workflow_id", "name")
    }
    return SlurmScheduler(
        name=entry.get("name", checks.name),
        settings=entry.get("settings", check, None) or check(own),
    )


def action_of(entry: DocumentEntry) -> Action:
    """Return an action, without the jobs that it names by id."""
    return Action(
        trigger_type=entry.get("trigger_type", ACTION.keys["trigger_type"].check),
        action_type=entry.get("action_type", ACTION.keys["action_type"].check),
        commands=entry.get("commands", checks.strings(), ()),
        persistent=entry.get("persistent", checks.boolean, False),
        settings=entry.get("settings", settings_by(ACTION.keys), {}),
    )
