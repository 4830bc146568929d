"""Expand one entry of the file to its records.

Input: the checked fields of an entry and the rows of its parameters. Output: records of ``model``;
records of one name are merged into one. Other entries are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Protocol, TypeVar

from torc_tui.model import FileSpec, JobSpec, Json, UserDataSpec
from torc_tui.quoting import CONTROL, MOST_NAME, quoted, wrong_name
from torc_tui.records import replace
from torc_tui.workflow_file.templates import ParameterRows
from torc_tui.workflow_file.values import InvalidValue, label

JOB_LISTS = (
    "depends_on",
    "depends_on_regexes",
    "input_files",
    "output_files",
    "input_file_regexes",
    "output_file_regexes",
    "input_user_data",
    "output_user_data",
    "input_user_data_regexes",
    "output_user_data_regexes",
)
_JOB_TEXTS = (
    "name",
    "was",
    "command",
    "invocation_script",
    "resource_requirements",
    "failure_handler",
    "scheduler",
    "labels",
    "env",
)
_JOB_TEMPLATES = frozenset((*_JOB_TEXTS, *JOB_LISTS))
_FILE_TEMPLATES = frozenset(("name", "path", "report"))
_DATA_TEMPLATES = frozenset(("name", "was", "data"))


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Record = TypeVar("Record", bound=_Named)


def expand_jobs(fields: Mapping[str, Json], rows: ParameterRows | None) -> list[JobSpec]:
    """Return the jobs of one entry.

    InvalidValue is raised where two jobs of one name have different commands, or where a name is
    empty or not printable.
    """
    given = {"env": {}, **fields, "group": fields["name"]}
    canaries = given.pop("canary", None)
    if rows is None:
        return [_labeled(JobSpec(**given))]
    jobs = _fill(partial(JobSpec, **given), given, rows, _JOB_TEMPLATES, {"values": rows.pairs()})
    if "labels" in given:
        jobs = list(map(_labeled, jobs))
    merged = _merged(jobs, _merge_jobs)
    if canaries is None or len(merged) <= canaries:
        return merged
    return [replace(job, canary=number < canaries) for number, job in enumerate(merged)]


def _labeled(job: JobSpec) -> JobSpec:
    """Return a job with its labels sorted; raise InvalidValue for an invalid label."""
    if not job.labels:
        return job
    return replace(job, labels=tuple(sorted(set(map(label, job.labels)))))


def expand_files(fields: Mapping[str, Json], rows: ParameterRows | None) -> list[FileSpec]:
    """Return the files of one entry; raise InvalidValue like `expand_jobs`."""
    if rows is None:
        return [FileSpec(**fields)]
    return _merged(
        _fill(partial(FileSpec, **fields), fields, rows, _FILE_TEMPLATES), _merge_equal("path")
    )


def expand_user_data(fields: Mapping[str, Json], rows: ParameterRows | None) -> list[UserDataSpec]:
    """Return the records of one entry; raise InvalidValue like `expand_jobs`."""
    if rows is None:
        return [UserDataSpec(**fields)]
    return _merged(
        _fill(partial(UserDataSpec, **fields), fields, rows, _DATA_TEMPLATES), _merge_equal("data")
    )


def _fill(
    make: Callable[..., Record],
    fields: Mapping[str, Json],
    rows: ParameterRows,
    templates: frozenset[str],
    more: Mapping[str, Sequence[Json]] | None = None,
) -> list[Record]:
    columns: dict[str, Sequence[Json]] = dict(more or {})
    for name, value in fields.items():
        if name in templates:
            column = rows.json(value)
            if column is not None:
                columns[name] = column
    if "name" in columns:
        _check_names(columns["name"])
    if not columns:
        return [make() for _ in range(len(rows))]
    names = tuple(columns)
    return [
        make(**dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True)
    ]


def _check_names(names: Sequence[str]) -> None:
    if CONTROL.search("".join(names)) or max(map(len, names), default=0) > MOST_NAME:
        name, wrong = next((one, found) for one in names if (found := wrong_name(one)))
        raise InvalidValue(f"the name {quoted(name)} {wrong}")
    if not all(map(str.strip, names)):
        raise InvalidValue("a name is empty after its parameters are filled in")


def _merged(records: list[Record], merge: Callable[[list[Record]], Record]) -> list[Record]:
    """Return the records with those of one name merged, at the place of the first."""
    if len({record.name for record in records}) == len(records):
        return records
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.name, []).append(record)
    return [group[0] if len(group) == 1 else merge(group) for group in groups.values()]


def _merge_equal(field: str) -> Callable[[list[Record]], Record]:
    def merge(group: list[Record]) -> Record:
        _same(group, field)
        return group[0]

    return merge


def _merge_jobs(group: list[JobSpec]) -> JobSpec:
    for field in _JOB_TEXTS[1:]:
        _same(group, field)
    changed: dict[str, Json] = {}
    for field in JOB_LISTS:
        lists = {getattr(job, field) for job in group}
        if len(lists) > 1:
            changed[field] = tuple(
                dict.fromkeys(chain.from_iterable(getattr(job, field) for job in group))
            )
    common = set(group[0].values).intersection(*(job.values for job in group))
    changed["values"] = tuple(pair for pair in group[0].values if pair in common)
    return replace(group[0], **changed)


def _same(group: Sequence[_Named], field: str) -> None:
    first = getattr(group[0], field)
    for other in group:
        value = getattr(other, field)
        if value != first:
            raise InvalidValue(
                f"several combinations of its parameters have the name {quoted(other.name)},"
                f" but '{field}' differs: {quoted(str(first), 80)} and {quoted(str(value), 80)}",
                f"write every parameter that changes '{field}' in the name too",
            )
