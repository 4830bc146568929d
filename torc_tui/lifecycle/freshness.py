"""Decide whether a finished job is up to date, by comparing its record with the present state.

Input: the record of the last successful attempt of a job (`Fingerprint`), and the job, its files
and its user data as they are now (`CurrentJob`). Output: reasons why it is stale.
`torc_tui.lifecycle.rerun_plan` decides what follows for its dependents. Nothing is read here.

Invariants
* State that cannot be read is unknown, and never a reason to run a job.
* A record that a user edits makes its consumers stale, never the job that writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from torc_tui.lifecycle.fingerprint import Baseline, Check, FileState, Fingerprint, differs
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field
from torc_tui.status import UNSUCCESSFUL, JobStatus
from torc_tui.tuples import NamedTuple


class Aspect(StrEnum):
    """A kind of change that makes a job stale: the values of the key ``rerun_on`` of a job."""

    COMMAND = "command"
    ENV = "env"
    FILES = "files"
    DATA = "data"
    OUTPUTS = "outputs"


EVERYTHING = frozenset(Aspect)


class FileNow(NamedTuple):
    """A declared file.

    ``state`` is None if it does not exist, ``is_visible`` False if that cannot be seen;
    ``is_produced`` tells whether another job writes it.
    """

    name: str
    path: str
    state: FileState | None
    is_visible: bool = True
    check: Check = Check.CONTENT
    is_produced: bool = False


class RecordNow(NamedTuple):
    """A record of user data.

    ``is_same`` tells whether its value equals that of the recorded version, ``is_edited`` whether
    the present version was written by a user.
    """

    name: str
    version: int
    is_same: bool
    is_edited: bool = False
    is_produced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentJob:
    """A job as it is now. ``env`` holds a hash for each variable that the file declares.

    ``recorded`` is None if nothing was recorded of the attempt whose result the job has.
    ``may_be_kept`` marks a job that was reset only because it follows others, ``is_ignored`` one
    whose failure counts as a success.
    """

    id: int
    name: str
    status: JobStatus
    command: str = ""
    script: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[int, FileNow] = field(default_factory=dict)
    outputs: Mapping[int, FileNow] = field(default_factory=dict)
    data: Mapping[int, RecordNow] = field(default_factory=dict)
    output_data: frozenset[int] = frozenset()
    rerun_on: frozenset[Aspect] = EVERYTHING
    is_interrupted: bool = False
    is_ignored: bool = False
    may_be_kept: bool = False
    recorded: Fingerprint | None = None

    @property
    def is_finished_well(self) -> bool:
        """Whether the job has a result that can be up to date."""
        return self.status is JobStatus.COMPLETED or self.may_be_kept

    @property
    def changes_inputs(self) -> bool:
        """Whether the job writes a file or record that it reads, so that its input is gone."""
        return not (
            self.inputs.keys().isdisjoint(self.outputs) and self.output_data.isdisjoint(self.data)
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """The reasons to run a job again, without regard to other jobs.

    ``certain`` reasons hold in any case. ``provisional`` ones are about inputs that other jobs
    write: if these run again, the inputs are judged after their end. ``unknown`` reasons say what
    cannot be determined.
    """

    certain: tuple[Reason, ...] = ()
    provisional: tuple[Reason, ...] = ()
    unknown: tuple[Reason, ...] = ()


def examine(job: CurrentJob, outputs: Mapping[int, Baseline]) -> Findings:
    """Return the reasons to run a job again. ``outputs`` are the baselines of its outputs."""
    if job.status is JobStatus.DISABLED or job.is_ignored:
        return Findings()
    if not job.is_finished_well:
        return Findings((_unfinished(job),))
    certain: list[Reason] = []
    provisional: list[Reason] = []
    unknown: list[Reason] = []
    if job.recorded is None:
        unknown.append(because(Kind.NOT_RECORDED))
    else:
        certain += _changed_settings(job, job.recorded)
        if Aspect.FILES in job.rerun_on:
            _examine_inputs(job, job.recorded, certain, provisional, unknown)
        if Aspect.DATA in job.rerun_on:
            _examine_data(job, job.recorded, certain, provisional)
    if Aspect.OUTPUTS in job.rerun_on:
        _examine_outputs(job, outputs, certain, unknown)
    return Findings(tuple(certain), tuple(provisional), tuple(unknown))


def _unfinished(job: CurrentJob) -> Reason:
    if job.is_interrupted:
        return because(Kind.INTERRUPTED)
    if job.status in UNSUCCESSFUL or job.status is JobStatus.PENDING_FAILED:
        return because(Kind.UNSUCCESSFUL, status=job.status.word)
    return because(Kind.NEVER_RAN, status=job.status.word)


def _changed_settings(job: CurrentJob, old: Fingerprint) -> list[Reason]:
    reasons = []
    if Aspect.COMMAND in job.rerun_on:
        for before, after in ((old.command, job.command), (old.script, job.script)):
            if before != after:
                reasons.append(because(Kind.COMMAND_CHANGED, before=before, after=after))
    if Aspect.ENV in job.rerun_on and old.env != job.env:
        names = {name for name, _ in dict(old.env).items() ^ dict(job.env).items()}
        reasons.append(because(Kind.ENV_CHANGED, names=tuple(sorted(names))))
    declared = _declared(job, old)
    return reasons if declared is None else [*reasons, declared]


def _declared(job: CurrentJob, old: Fingerprint) -> Reason | None:
    """Return what was added to the declared inputs, and how many were removed."""
    if job.inputs.keys() == old.inputs.keys() and job.data.keys() == old.data.keys():
        return None
    added: list[str] = []
    removed = 0
    if Aspect.FILES in job.rerun_on:
        added += [file.name for key, file in job.inputs.items() if key not in old.inputs]
        removed += len(old.inputs.keys() - job.inputs.keys())
    if Aspect.DATA in job.rerun_on:
        added += [record.name for key, record in job.data.items() if key not in old.data]
        removed += len(old.data.keys() - job.data.keys())
    if not added and not removed:
        return None
    return because(Kind.INPUTS_DECLARED, added=tuple(added), removed=removed)


def _examine_inputs(
    job: CurrentJob,
    old: Fingerprint,
    certain: list[Reason],
    provisional: list[Reason],
    unknown: list[Reason],
) -> None:
    for file_id, file in job.inputs.items():
        if file_id not in old.inputs or file_id in job.outputs or file.check is Check.NEVER:
            continue
        if not file.is_visible:
            unknown.append(because(Kind.NOT_VISIBLE, name=file.name, path=file.path))
            continue
        if file_id in old.changed_files:
            certain.append(because(Kind.CHANGED_WHILE_RUNNING, name=file.name, path=file.path))
            continue
        reason = _input_change(file, old.inputs[file_id], old.started_ns)
        if reason is not None:
            kind = unknown if reason.kind is Kind.NOT_VISIBLE else certain
            (provisional if file.is_produced and kind is certain else kind).append(reason)


def _input_change(file: FileNow, old: FileState | None, recorded_ns: int) -> Reason | None:
    now, words = file.state, {"name": file.name, "path": file.path}
    if now is None:
        return None if old is None else because(Kind.INPUT_MISSING, before=old.seen, **words)
    if old is None:
        return because(Kind.INPUT_APPEARED, after=now.seen, **words)
    changed = differs(old, now, recorded_ns, file.check)
    if changed is None:
        return because(Kind.NOT_VISIBLE, **words)
    if not changed:
        return None
    return because(Kind.INPUT_CHANGED, before=old.seen, after=now.seen, **words)


def _examine_data(
    job: CurrentJob, old: Fingerprint, certain: list[Reason], provisional: list[Reason]
) -> None:
    for record_id, record in job.data.items():
        before = old.data.get(record_id)
        if before is None:
            continue
        if record_id in old.changed_data:
            certain.append(because(Kind.CHANGED_WHILE_RUNNING, name=record.name))
            continue
        if record.is_same or (record_id in job.output_data and not record.is_edited):
            continue
        reason = because(Kind.DATA_CHANGED, name=record.name, before=before, after=record.version)
        (provisional if record.is_produced else certain).append(reason)


def _examine_outputs(
    job: CurrentJob, outputs: Mapping[int, Baseline], certain: list[Reason], unknown: list[Reason]
) -> None:
    for file_id, file in job.outputs.items():
        if file.check is Check.NEVER:
            continue
        reason = _output_change(file, outputs.get(file_id))
        if reason is not None:
            (unknown if reason.kind is Kind.NOT_VISIBLE else certain).append(reason)


def _output_change(file: FileNow, left: Baseline | None) -> Reason | None:
    words = {"name": file.name, "path": file.path}
    if left is not None and left.state is None:
        return None
    old = left.state if left is not None else None
    if not file.is_visible:
        return because(Kind.NOT_VISIBLE, **words)
    if file.state is None:
        return because(Kind.OUTPUT_MISSING, before=old.seen if old else None, **words)
    if old is None or left is None:
        return None
    changed = differs(old, file.state, left.recorded_ns, file.check)
    if changed is None:
        return because(Kind.NOT_VISIBLE, **words)
    seen = {"before": old.seen, "after": file.state.seen}
    return because(Kind.OUTPUT_CHANGED, **seen, **words) if changed else None
