"""Turn a plan into rows of the tables of a workflow.

Input: a plan, and the ids of its parts. Output: columns of rows, as the database holds them.
Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from torc_tui.model import (
    EdgeKind,
    FailureRule,
    JobSpec,
    Json,
    Plan,
    PlannedJob,
    ResourceRequirements,
    render,
)
from torc_tui.records import dataclass, fields
from torc_tui.resources.ranking import rank
from torc_tui.store.encoding import dumps

PATTERNS = ("depends_on_regexes", "input_file_regexes", "input_user_data_regexes")
"""Keys of a job by which it may wait for jobs that are added later."""

ADDED = dumps({"name": None})
"""The column ``edited`` of a job that no workflow file has."""

Columns = dict[str, Any]
"""Column -> the values of all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanIds:
    """The ids of the parts of a plan, in their order; the fields are named like their tables."""

    job: Sequence[int]
    gate: Sequence[int]
    file: Sequence[int]
    file_group: Sequence[int]
    user_data: Sequence[int]
    user_data_group: Sequence[int]
    resource_requirements: Sequence[int]
    failure_handler: Sequence[int]
    slurm_scheduler: Sequence[int]
    action: Sequence[int]


REQUIREMENT_FIELDS = tuple(
    field.name for field in fields(ResourceRequirements) if field.name != "source"
)


def requirement_columns(found: Sequence[ResourceRequirements]) -> Columns:
    """Return the columns of requirements, without their ids."""
    return {name: [getattr(one, name) for one in found] for name in REQUIREMENT_FIELDS}


def handler_columns(plan: Plan) -> Columns:
    """Return the columns of failure handlers, without their ids."""
    handlers = plan.spec.failure_handlers
    return {
        "name": [handler.name for handler in handlers],
        "rules": [encode_rules(each.rules) for each in handlers],
    }


def encode_rules(rules: Sequence[FailureRule]) -> str:
    """Return the rules of a failure handler as stored in the database."""
    return dumps([_rule(rule) for rule in rules])


_RULE_KEYS = frozenset({"exit_codes", "match_all_exit_codes", "recovery_script", "max_retries"})
"""Keys of a rule that are always stored, as upstream does; others only if they say something."""


def _rule(rule: FailureRule) -> dict[str, Json]:
    values = {one.name: getattr(rule, one.name) for one in fields(rule)}
    usual = {one.name: one.default for one in fields(rule)}
    return {key: value for key, value in values.items() if key in _RULE_KEYS or value != usual[key]}


_RULE_FIELDS = {field.name for field in fields(FailureRule)}


def failure_rule(stored: Mapping[str, Any]) -> FailureRule:
    """Return a rule as the database holds it; keys of a later version are left out."""
    known = {key: value for key, value in stored.items() if key in _RULE_FIELDS}
    lists: dict[str, Any] = {
        key: tuple(known[key]) for key in ("exit_codes", "causes") if key in known
    }
    return FailureRule(**known | lists)


def scheduler_columns(plan: Plan) -> Columns:
    """Return the columns of Slurm schedulers, without their ids."""
    schedulers = plan.spec.slurm_schedulers
    return {
        "name": [scheduler.name for scheduler in schedulers],
        "settings": [dumps(dict(scheduler.settings)) for scheduler in schedulers],
    }


def action_columns(plan: Plan, ids: PlanIds) -> Columns:
    """Return the columns of actions, without their ids."""
    actions = plan.spec.actions
    return {
        "trigger_type": [action.trigger_type for action in actions],
        "action_type": [action.action_type for action in actions],
        "job_ids": [dumps([ids.job[job] for job in jobs]) for jobs in plan.action_jobs],
        "commands": [dumps(list(action.commands)) for action in actions],
        "persistent": [action.persistent for action in actions],
        "settings": [dumps(dict(action.settings)) for action in actions],
    }


def gate_columns(plan: Plan) -> Columns:
    """Return the columns of gates, without their ids."""
    return {
        "size": [len(gate.members) for gate in plan.gates],
        "via": [gate.via if isinstance(gate.via, str) else None for gate in plan.gates],
    }


def group_members(
    groups: Sequence[Sequence[int]], group_ids: Sequence[int], ids: Sequence[int]
) -> list[tuple[int, int]]:
    """Return (id of a group, id of a member) of groups of files or records."""
    return [(group_ids[group], ids[one]) for group, members in enumerate(groups) for one in members]


def record_columns(plan: Plan) -> Columns:
    """Return the columns of records of user data, without their ids."""
    records = plan.user_data
    texts = [None if one.data is None else dumps(one.data) for one in records]
    return {
        "name": [one.name for one in records],
        "is_ephemeral": [one.is_ephemeral for one in records],
        "data": texts,
        "file_data": texts,
        "version": [int(text is not None) for text in texts],
        "json_schema": [None if one.schema is None else dumps(one.schema) for one in records],
        "declared": [one.declared for one in records],
    }


_JOB_FIELDS = {field.name: field.name for field in fields(JobSpec)} | {"parameter_values": "values"}
"""Column -> field of a `JobSpec`. A column that a plan determines is in `_ID_COLUMNS`."""
_ID_COLUMNS = {
    "requirement_id": ("requirement", "resource_requirements"),
    "failure_handler_id": ("failure_handler", "failure_handler"),
    "input_files": ("input_files", "file_group"),
    "output_files": ("output_files", "file_group"),
    "input_user_data": ("input_user_data", "user_data_group"),
    "output_user_data": ("output_user_data", "user_data_group"),
}
"""Column -> attribute of a planned job, table of its ids."""


def job_columns(plan: Plan, ids: PlanIds, kinds: Mapping[str, str]) -> Columns:
    """Return the columns of all jobs; ``kinds`` are all columns with their kinds."""
    jobs, records, ranks = plan.jobs, ids.user_data, rank(plan.requirements)
    specs = [job.spec for job in jobs]
    columns: Columns = {"id": ids.job}
    for column in _JOB_FIELDS.keys() & kinds.keys():
        values = list(map(attrgetter(_JOB_FIELDS[column]), specs))
        if kinds[column] != "json":
            columns[column] = values
        elif any(values):
            # Parameters are pairs, labels are a list.
            plain = list if column == "labels" else dict
            columns[column] = [dumps(plain(one)) if one else None for one in values]
    for column, (name, table) in _ID_COLUMNS.items():
        found, places = getattr(ids, table), list(map(attrgetter(name), jobs))
        columns[column] = [None if place is None else found[place] for place in places]
    return columns | {
        "group": [spec.group or spec.name for spec in specs],
        "command": [render(job.command, records) for job in jobs],
        "invocation_script": [
            None if job.invocation_script is None else render(job.invocation_script, records)
            for job in jobs
        ],
        "script": [_script(job, records) for job in jobs],
        "resource_class": [ranks[job.requirement] for job in jobs],
        "patterns": [_patterns(spec) for spec in specs],
    }


def _patterns(spec: JobSpec) -> str | None:
    """Return the patterns of the dependencies of a job."""
    found = {key: getattr(spec, key) for key in PATTERNS if getattr(spec, key)}
    return dumps(found) if found else None


def _script(job: PlannedJob, records: Sequence[int]) -> str | None:
    """Return command and invocation script in pieces, with the ids of records as numbers.

    None if they name no record. With it, an export can tell an id from any other number.
    """
    scripts = (job.command, job.invocation_script)
    if not isinstance(scripts[0], tuple) and not isinstance(scripts[1], tuple):
        return None
    return dumps(
        [
            [part if isinstance(part, str) else records[part] for part in script]
            if isinstance(script, tuple)
            else script
            for script in scripts
        ]
    )


EdgeRow = tuple[int, int, int, int | None]
"""The columns of a dependency: depends_on_id, job_id, kind, via."""


def edge_rows(plan: Plan, ids: PlanIds) -> list[EdgeRow]:
    """Return the dependencies in the order of the primary key, which inserts fastest."""
    job, files, records = ids.job, ids.file, ids.user_data
    members = {int(EdgeKind.FILE): files, int(EdgeKind.USER_DATA): records}
    rows: list[EdgeRow] = [
        (job[on], job[one], kind, None if via is None else members[kind][via])
        for one, on, kind, via in plan.edges
    ]
    for mark, gate in zip(ids.gate, plan.gates, strict=True):
        kind = int(gate.kind)
        via = members[kind][gate.via] if isinstance(gate.via, int) else None
        rows += [(job[member], -mark, kind, via) for member in gate.members]
        rows += [(-mark, job[waiter], kind, via) for waiter in gate.waiting]
    rows.sort()  # no two have the same jobs
    return rows
