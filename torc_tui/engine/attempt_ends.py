"""Collect what decides about the end of an attempt, and have it decided.

Input: ends as the executor reports them, the declared outputs on disk and in the database. Output:
ends with their outcome, to be recorded. The rules are in `lifecycle.decide`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from signal import SIGKILL

from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.orders import OrderMaker, attempt_files
from torc_tui.engine.outputs import DeclaredOutputs, OutputCheck
from torc_tui.executors.session_signals import signal_number
from torc_tui.lifecycle.decide import (
    REQUESTED,
    RERUN,
    SUCCESS,
    AttemptFacts,
    Outcome,
    outcome,
    reruns_left,
)
from torc_tui.lifecycle.failure_policy import NO_POLICIES, Policies, RetryRequest
from torc_tui.model import AttemptKey, AttemptUsage, Cause, Exited, Machine
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import replace
from torc_tui.resources.pool import Pool
from torc_tui.status import TROUBLED, JobStatus
from torc_tui.store import scheduling, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.run_context import RunContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.views.failure_signature import LogExcerpt

_UNTOLD = frozenset({Cause.STOPPED, Cause.TIME_LIMIT, Cause.CANCELED, Cause.LOST, Cause.GPU_LOST})
"""Ends about which the log of the job tells nothing."""
_HOST = os.uname().nodename
FULL_DISK_BYTES = 1 << 20
"""A disk with less free space than this counts as full."""


class AttemptEnds:
    """Judge the ends of the attempts of one workflow."""

    def __init__(self, maker: OrderMaker, outputs: DeclaredOutputs, pool: Pool) -> None:
        self._maker = maker
        self._outputs = outputs
        self._pool = pool
        stop_signal = signal_number(maker.context.execution.termination_signal)
        self._stop_codes = frozenset({None, 128 + SIGKILL, 128 + stop_signal})
        self._excerpts: dict[AttemptKey, LogExcerpt] = {}

    def read_logs(self, exited: Iterable[Exited], in_flight: Mapping[int, InFlight]) -> None:
        """Read the ends of the logs of attempts that failed, before the transaction begins."""
        self._excerpts.clear()
        for report in exited:
            if report.return_code == 0 or report.cause in _UNTOLD:
                continue
            from torc_tui.operations.failures import excerpt_of  # 20 ms, at the first failure

            flight = in_flight[report.key.job_id]
            stdout, stderr, _ = attempt_files(
                flight.output_dir, report.key, flight.job.stdio, self._maker.context.execution
            )
            self._excerpts[report.key] = excerpt_of(stdout, stderr, (flight.job.name, _HOST))

    def check_outputs(
        self, exited: Iterable[Exited], in_flight: Mapping[int, InFlight]
    ) -> dict[AttemptKey, OutputCheck]:
        """Examine the declared output files of the attempts that succeeded."""
        checks = {}
        for report in exited:
            flight = in_flight[report.key.job_id]
            if report.return_code == 0 and flight.job.output_files is not None:
                flight.checked = flight.checked or self._outputs.check(
                    flight.job.output_files, flight.outputs_before
                )
                checks[report.key] = flight.checked
        return checks

    def judge(
        self,
        conn: Connection,
        flight: InFlight,
        exited: Exited,
        outputs: OutputCheck,
        *,
        is_ending: bool,
    ) -> scheduling.EndedAttempt:
        """Return the end of an attempt with its outcome."""
        context = self._maker.context
        if not _is_usage_recorded(context):
            exited = replace(exited, usage=AttemptUsage())
        missing_data = _missing_data(conn, flight, exited)
        if flight.lost_in_allocation and exited.cause is None and exited.return_code != 0:
            exited = replace(exited, cause=Cause.LOST)  # it was signaled, or nobody knows better
        if exited.cause is Cause.LOST and exited.ended_at < flight.last_seen:
            exited = replace(exited, ended_at=flight.last_seen)
        if exited.cause is None and (
            flight.stop_requested == RERUN or (flight.stop_requested and exited.return_code != 0)
        ):
            exited = replace(exited, cause=Cause.CANCELED)
        exited = self._with_gpu_cause(flight, exited)
        if _is_success(exited, outputs, missing_data):
            verdict = SUCCESS
        else:
            facts = self._facts(flight, exited, outputs, missing_data, is_ending=is_ending)
            verdict = outcome(exited, facts)
        if verdict.reason is not None and verdict.reason.kind is Kind.EXIT:
            verdict = replace(verdict, reason=_with_full_disk(verdict.reason, flight.output_dir))
        return scheduling.EndedAttempt(
            exited,
            verdict,
            flight.job.retries,
            flight.allocation_text,
            flight.output_dir,
            signature=self._signature(exited.key, verdict),
            warnings=_warnings(context, flight, exited),
            planned=flight.planned,
        )

    def _with_gpu_cause(self, flight: InFlight, exited: Exited) -> Exited:
        """Return a failure with the cause that its GPUs or its log show."""
        if exited.cause is Cause.GPU_OOM and exited.reason is None:
            return replace(exited, reason=flight.stop_reason)
        if exited.cause is not None or exited.return_code == 0 or not flight.allocation.gpus:
            return exited
        if flight.lost_gpus:
            index = {gpu.uuid: gpu.index for gpu in self._maker.gpus}
            gpus = tuple((index.get(uuid, -1), None) for uuid in flight.lost_gpus)
            reason = because(Kind.GPU_LOST, gpus=gpus)
            return replace(exited, cause=Cause.GPU_LOST, reason=reason)
        excerpt = self._excerpts.get(exited.key)
        if excerpt is not None and excerpt.found and excerpt.found.kind == "gpu_oom":
            reason = because(Kind.GPU_OUT_OF_MEMORY)
            return replace(exited, cause=Cause.GPU_OOM, reason=reason)
        return exited

    def _signature(self, key: AttemptKey, verdict: Outcome) -> str | None:
        """Return what the failed attempt has in common with others; None for other ends."""
        if verdict.status not in TROUBLED or verdict.interrupted:
            return None
        from torc_tui.views.failure_signature import End, signature_of

        end = End(verdict.cause, verdict.return_code, verdict.reason)
        return signature_of(end, self._excerpts.get(key)).encode()

    def needs_script(
        self,
        store: Store,
        flight: InFlight,
        exited: Exited,
        outputs: Mapping[AttemptKey, OutputCheck],
    ) -> Outcome | None:
        """Return the outcome if a recovery script must run before the attempt is retried."""
        job = flight.job
        declares = job.output_files is not None or job.output_user_data is not None
        if exited.return_code == 0 and exited.cause is None and not declares:
            return None  # the usual end, of which there are many
        policies = self._policies(flight)
        if not any(rule.recovery_script for rule in policies.all()):
            return None
        with store.read() as conn:
            missing_data = _missing_data(conn, flight, exited)
        exited = self._with_gpu_cause(flight, exited)
        checked = outputs.get(exited.key, OutputCheck())
        verdict = outcome(exited, self._facts(flight, exited, checked, missing_data))
        return verdict if verdict.retry and verdict.retry.recovery_script else None

    def _policies(self, flight: InFlight) -> Policies:
        """Return the rules for a job; none for a job that a user wants stopped."""
        if flight.stop_requested:
            return Policies()
        maker, job = self._maker, flight.job
        return maker.context.policies(job.failure_handler_id, job.options, maker.end_rules)

    def _written_files(self) -> dict[str, bool]:
        """Return of which files the key ``output_check`` says whether they must be written."""
        checks = self._maker.context.settings.get("file_output_check") or {}
        return {name: check == "written" for name, check in checks.items()}

    def _request(self, flight: InFlight, usage: AttemptUsage) -> RetryRequest | None:
        """Return what the job requests, what it has used, and what this machine has."""
        requirements = self._maker.context.requirements.get(flight.job.requirement_id)
        if requirements is None:
            return None
        pool = self._pool
        gpus = tuple(state.gpu for state in pool.gpu_states if state.gpu is not None)
        machine = Machine(hostname=_HOST, num_cpus=pool.num_cpus, memory=pool.memory, gpus=gpus)
        return RetryRequest(requirements, usage.peak_memory, usage.peak_gpu_memory, machine)

    def _facts(
        self,
        flight: InFlight,
        exited: Exited,
        outputs: OutputCheck,
        missing_data: Sequence[str],
        *,
        is_ending: bool = False,
    ) -> AttemptFacts:
        context, job = self._maker.context, flight.job
        requested = context.requirements.get(job.requirement_id)
        require_data = job.require_user_data
        reruns = flight.reruns
        if exited.cause is Cause.GPU_LOST:
            reruns = reruns_left(self._maker.on_lost(job.options), job.lost)
        may_fail = not _is_success(exited, outputs, missing_data)
        return AttemptFacts(
            policies=self._policies(flight) if may_fail else NO_POLICIES,
            request=self._request(flight, exited.usage) if may_fail else None,
            script_failed=flight.script_failed,
            is_ending=is_ending,
            retries=job.retries,
            missing_files=outputs.missing,
            unwritten_files=outputs.unwritten,
            require_written=flight.require_written,
            written_files=self._written_files() if outputs.unwritten else {},
            missing_user_data=missing_data,
            require_user_data=context.require_user_data if require_data is None else require_data,
            use_pending_failed=context.use_pending_failed,
            requested=REQUESTED.get(flight.stop_requested, JobStatus.CANCELED),
            runtime=requested.runtime if requested is not None else None,
            stop_codes=self._stop_codes,
            timeout_exit_code=context.execution.timeout_exit_code,
            oom_exit_code=context.execution.oom_exit_code,
            reruns=0 if flight.stop_requested else reruns,
            lost=flight.lost,
        )


def _is_success(exited: Exited, outputs: OutputCheck, missing_data: Sequence[str]) -> bool:
    """Return whether an attempt has succeeded and left nothing out: then nothing else matters."""
    succeeded = exited.return_code == 0 and exited.cause is None
    return succeeded and not (outputs.missing or outputs.unwritten or missing_data)


def _missing_data(conn: Connection, flight: InFlight, exited: Exited) -> Sequence[str]:
    """Return the names of the records that a successful attempt has not written."""
    if exited.return_code != 0 or flight.job.output_user_data is None:
        return ()
    return [
        row.name for row in conn.rows(sql.EMPTY_OUTPUT_DATA, group_id=flight.job.output_user_data)
    ]


def _is_usage_recorded(context: RunContext) -> bool:
    """Return whether the results record what jobs used. Limits are enforced in any case."""
    monitor = context.settings.get("resource_monitor") or {}
    return monitor.get("enabled", True) is not False


def _warnings(context: RunContext, flight: InFlight, exited: Exited) -> list[Reason]:
    """Return warnings of the executor, and what was used beyond the request without a stop."""
    usage, warnings = exited.usage, list(exited.warnings)
    requirements = context.requirements.get(flight.job.requirement_id)
    memory = requirements.memory if requirements else None
    is_known = exited.cause is Cause.OOM
    if memory and usage.peak_memory and usage.peak_memory > memory and not is_known:
        used = usage.peak_memory
        warnings.append(because(Kind.MEMORY_EXCEEDED, used=used, requested=memory))
    if not flight.allocation.gpus:
        return warnings
    reserved = sum(grant.memory for grant in flight.allocation.gpus)
    is_known = exited.cause is Cause.GPU_OOM
    is_known = is_known or flight.reported_excess
    if reserved and usage.peak_gpu_memory and usage.peak_gpu_memory > reserved and not is_known:
        used = usage.peak_gpu_memory
        warnings.append(because(Kind.GPU_MEMORY_EXCEEDED, used=used, requested=reserved))
    return warnings


def _with_full_disk(reason: Reason, output_dir: str) -> Reason:
    """Add to the reason of a failure that the disk of the output is full.

    The job itself could not write that to its log.
    """
    try:
        disk = os.statvfs(output_dir.partition("//")[0])
    except OSError:
        return reason
    free = disk.f_bavail * disk.f_frsize
    if free >= FULL_DISK_BYTES:
        return reason
    return because(Kind.EXIT, code=reason["code"], disk=output_dir, disk_free=free)
