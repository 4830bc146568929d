"""Resolve a fragment of a workflow file against the workflow to which its jobs are added.

Input: the specification of the fragment, and the parts of the workflow that it may refer to.
Output: a plan that begins with the known jobs, files and records. Nothing is read here.
"""

from __future__ import annotations

from _blake2 import blake2b  # that of hashlib, whose import loads OpenSSL in 2 ms
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from torc_tui.errors import Problem, SpecError
from torc_tui.model import (
    FailureHandler,
    FileSpec,
    JobSpec,
    Plan,
    ResourceRequirements,
    UserDataSpec,
    WorkflowSpec,
)
from torc_tui.plan.resolver import try_to_resolve
from torc_tui.quoting import quoted
from torc_tui.records import fields
from torc_tui.tuples import NamedTuple

_FILE_LISTS = ("input_files", "output_files", "input_file_regexes", "output_file_regexes")
_DATA_LISTS = (
    *("input_user_data", "output_user_data"),
    *("input_user_data_regexes", "output_user_data_regexes"),
)


class KnownJob(NamedTuple):
    """A job of the workflow, with the names of the files and records that it writes."""

    id: int
    name: str
    output_files: tuple[str, ...] = ()
    output_user_data: tuple[str, ...] = ()


class KnownParts(NamedTuple):
    """The parts of a workflow to which a fragment may refer."""

    jobs: Sequence[KnownJob] = ()
    files: Sequence[FileSpec] = ()
    user_data: Sequence[UserDataSpec] = ()
    requirements: Sequence[ResourceRequirements] = ()
    failure_handlers: Sequence[FailureHandler] = ()


def check(spec: WorkflowSpec) -> None:
    """Raise SpecError for keys that a fragment cannot have."""
    wrong = {
        "actions": spec.actions,
        "slurm_schedulers": spec.slurm_schedulers,
        "env": spec.env,
        "metadata": spec.metadata,
        "use_pending_failed": spec.use_pending_failed,
        "require_user_data": spec.require_user_data,
        **dict.fromkeys(spec.settings, True),
    }
    given = [key for key, value in wrong.items() if value]
    if given:
        message = f"{quoted(given[0])} is a key of the workflow; torc spawn cannot change it"
        raise SpecError(Problem(message, file=spec.file, kind="unknown-key"))


def needs_files(jobs: Iterable[JobSpec]) -> bool:
    """Return whether jobs name files."""
    return any(_has_token(job, "${files.") or _has(job, _FILE_LISTS) for job in jobs)


def needs_user_data(jobs: Iterable[JobSpec]) -> bool:
    """Return whether jobs name user data."""
    return any(_has_token(job, "${user_data.") or _has(job, _DATA_LISTS) for job in jobs)


def _has_token(job: JobSpec, token: str) -> bool:
    return token in job.command or token in (job.invocation_script or "")


def _has(job: JobSpec, keys: Iterable[str]) -> bool:
    return any(getattr(job, key) for key in keys)


_TEXT = attrgetter(*(one.name for one in fields(JobSpec) if one.name not in ("source", "group")))


def digest(job: JobSpec) -> str:
    """Return a hash of the definition of a job, independent of its place in a file."""
    text = repr(_TEXT(job))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def resolve_fragment(
    spec: WorkflowSpec, known: KnownParts, kept: Collection[str] = ()
) -> tuple[Plan, list[int | None]]:
    """Return the plan of the known jobs and the fragment, and the ids of the known jobs.

    ``kept`` are the names of jobs of the fragment that already exist: they precede the new jobs and
    have no id in the list. Raise SpecError with all problems.
    """
    stubs = [
        JobSpec(
            name=one.name,
            command=":",
            output_files=one.output_files,
            output_user_data=one.output_user_data,
        )
        for one in known.jobs
    ]
    first = [job for job in spec.jobs if job.name in kept]
    new = [job for job in spec.jobs if job.name not in kept]
    own = WorkflowSpec(
        name=spec.name,
        jobs=[*stubs, *first, *new],
        files=_together("files", spec, known.files, spec.files, ("path",)),
        user_data=_together("user_data", spec, known.user_data, spec.user_data, None),
        resource_requirements=_together(
            "resource_requirements",
            spec,
            known.requirements,
            spec.resource_requirements,
            tuple(one.name for one in fields(ResourceRequirements) if one.name != "source"),
        ),
        failure_handlers=_together(
            "failure_handlers", spec, known.failure_handlers, spec.failure_handlers, ("rules",)
        ),
        file=spec.file,
    )
    plan, problems = try_to_resolve(own)
    problems.raise_if_any()
    return plan, [*(one.id for one in known.jobs), *(None for _ in first)]


def _together(
    section: str,
    spec: WorkflowSpec,
    known: Sequence[Any],
    given: Sequence[Any],
    compared: tuple[str, ...] | None,
) -> list[Any]:
    """Return known entries and new ones; refuse an entry that differs from the known one.

    Without ``compared``, the known entry replaces every entry with the same name.
    """
    names = {one.name: one for one in known}
    found = list(known)
    for one in given:
        other = names.get(one.name)
        if other is None:
            found.append(one)
            continue
        if compared and any(getattr(one, key) != getattr(other, key) for key in compared):
            message = (
                f"{section}: {quoted(one.name)} differs from the entry of that name in the workflow"
            )
            raise SpecError(
                Problem(message, file=spec.file, line=one.source.line, kind="duplicate-name")
            )
    return found
