"""Turn reasons into sentences, one function or text per kind.

Input: `Reason` records. Output: text without a final period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torc_tui.model import EdgeKind
from torc_tui.quoting import quoted
from torc_tui.reasons import ABOUT_ALLOCATIONS, Kind, Reason
from torc_tui.wording.gpu_sentences import gpu_sentences
from torc_tui.wording.notices import notice_sentences
from torc_tui.wording.quantities import (
    count,
    countdown,
    duration,
    exit_code,
    listed,
    size,
    standing,
    two_sizes,
)
from torc_tui.wording.stale_sentences import STALE_SENTENCES


def sentence(reason: Reason) -> str:
    """Return a reason in words, without a final period."""
    words = _SENTENCES[reason.kind]
    return words if isinstance(words, str) else words(reason)


def optional_sentence(reason: Reason | None) -> str | None:
    """Return a reason in words; None for no reason."""
    return None if reason is None else sentence(reason)


def end_sentence(reason: Reason | None, code: int | None) -> str:
    """Return why an attempt ended, with its exit code if the reason does not contain it."""
    if reason is None:
        return "" if code is None else exit_code(code)
    if code is None or reason.kind in _TELLS_CODE:
        return sentence(reason)
    detail = f"exit {code}" if reason.kind in _OWN_CODE else exit_code(code)
    return f"{sentence(reason)} ({detail})"


def canceled_sentence(reason: Reason | None) -> str:
    """Return why a job is canceled: ``canceled: prep failed (exit 3)``, ``canceled by ann``."""
    if reason is None:
        return "canceled"
    text = sentence(reason)
    return text if reason.kind in _SAYS_CANCELED else f"canceled: {text}"


_TELLS_CODE = frozenset(
    {Kind.EXIT, Kind.MISSING_FILES, Kind.FILES_NOT_WRITTEN, Kind.MISSING_USER_DATA, Kind.LAUNCH}
)
_OWN_CODE = frozenset({Kind.TIMEOUT, Kind.TIME_LIMIT})
"""Exit codes of these ends are chosen by the runner, 152 unless configured: no signal."""
_SAYS_CANCELED = frozenset({Kind.CANCELED_BY_USER, Kind.CANCELED, Kind.TEXT})


def _by_user(verb: str) -> Callable[[Reason], str]:
    return lambda reason: f"{verb} by {reason['actor'] or 'a user'}"


def _exit(reason: Reason) -> str:
    text = "exit code unknown" if reason["code"] is None else exit_code(reason["code"])
    if reason["disk"] is not None:
        text += f"; the disk of {reason['disk']} has {size(reason['disk_free'] or 0)} left"
    return text


def _missing_files(reason: Reason) -> str:
    files: Sequence[tuple[str, str]] = reason["files"] or ()
    noun = "file" if len(files) == 1 else "files"
    names = listed(f"{name} (path {path})" for name, path in files)
    return f"exit 0, but did not write its output {noun} {names}"


def _files_not_written(reason: Reason) -> str:
    files: Sequence[tuple[str, str]] = reason["files"] or ()
    names = listed(f"{name} (path {path})" for name, path in files)
    problem = f"output {names} {'was' if len(files) == 1 else 'were'} not written by this attempt"
    return problem if reason["code"] is None else f"exit {reason['code']}, but {problem}"


def _background_ended(reason: Reason) -> str:
    processes: Sequence[tuple[str, int]] = reason["processes"] or ()
    named = listed((f"{name} (pid {pid})" for name, pid in processes), 10)
    noun = "process" if len(processes) == 1 else "processes"
    return f"ended background {noun} of the job: {named}"


def _user_data_not_written(reason: Reason) -> str:
    return f"did not write its user data {listed(reason['names'] or ())}"


def _used(what: str, limit: str) -> Callable[[Reason], str]:
    def text(reason: Reason) -> str:
        if reason["used"] is None or reason[limit] is None:
            return f"used more {what} than requested"
        used, requested = two_sizes(reason["used"], reason[limit])
        return f"used {used} of {what}, {requested} requested"

    return text


def _timeout(reason: Reason) -> str:
    limit = f" of {duration(reason['limit'])}" if reason["limit"] is not None else ""
    return f"ran longer than its runtime{limit}"


def _launch(reason: Reason) -> str:
    error, path = reason["error"] or "could not be started", reason["path"]
    if reason["problem"] == "environment":
        given = f" (environment: {size(reason['size'])})" if reason["size"] is not None else ""
        return f"environment and arguments are too large for this system{given}"
    if reason["problem"] == "directory":
        return f"cannot enter the working directory {path}: {error}"
    return f"{path}: {error}" if path else str(error)


def _dependency(reason: Reason) -> str:
    if reason["job"] is None:
        return "a dependency did not succeed"
    status = str(reason["status"] or "did not succeed")
    text = f"{reason['job']} {'was ' if status in _PASSIVE else ''}{status}"
    because: Reason | None = reason["reason"]
    if because is not None:
        detail = sentence(because)
        text += f" ({detail})" if because.kind is Kind.EXIT else f": {detail}"
    if reason["more"]:
        text += f", and {count(reason['more'], 'more dependency', 'more dependencies')} did not"
        text += " succeed"
    return text


def _canary(reason: Reason) -> str:
    jobs = reason["jobs"] or ()
    verb = "succeeds" if len(jobs) == 1 else "succeed"
    return f"held until {listed(jobs, len(jobs), more=reason['more'] or 0)} {verb}"


_PASSIVE = frozenset({"canceled", "terminated"})


def _waits(reason: Reason) -> str:
    jobs, more = reason["jobs"] or (), reason["more"] or 0
    return f"waits for {listed(jobs, len(jobs), more=more) if jobs else count(more, 'job')}"


def _waits_for_turn(reason: Reason) -> str:
    ahead = reason["ahead"]
    if ahead is None:
        return "waits for its turn"
    return f"waits for its turn, {count(ahead, 'job')} ahead" if ahead else "next in line"


def _planned(reason: Reason) -> str:
    if reason["removed"]:
        return "leaves the workflow when this attempt has ended"
    keys = reason["keys"] or ()
    return f"{listed(keys)} {'changes' if len(keys) == 1 else 'change'} after this attempt"


def _attempt(reason: Reason) -> str:
    text = f"attempt {reason['number']}"
    if reason["of"] is not None:
        text += f" of {reason['of']}"
    return text + (f" in {countdown(reason['delay'])}" if reason["delay"] else "")


def _resource(
    what: str, amount: Callable[[int], str], rest: Callable[[int], str]
) -> Callable[[Reason], str]:
    def text(reason: Reason) -> str:
        requested = f"needs {amount(reason['requested'] or 0)}{what}"
        if reason["total"] is not None:
            return f"{requested}, machine has {rest(reason['total'])}"
        return f"{requested}, {rest(reason['free'] or 0)} free"

    return text


def _runtime_too_long(reason: Reason) -> str:
    requested, left = reason["requested"] or 0, max(0.0, reason["left"] or 0)
    return f"requests a runtime of {duration(requested)}, the runner has {duration(left)} left"


def _parallel_limit(reason: Reason) -> str:
    jobs = count(reason["running"] or 0, "job is", "jobs are")
    return f"{jobs} running, the limit is {reason['limit']} (--max-parallel-jobs)"


def _job(reason: Reason) -> str:
    text = f"{reason['name']} {standing(reason['status'])}"
    if reason["via"]:
        verb = {EdgeKind.FILE: "writes file", EdgeKind.USER_DATA: "writes user data"}
        text += f", {verb.get(reason['edge'], 'matches')} {reason['via']}"
    return f"{text} (explained above)" if reason["explained"] else text


def _edge(reason: Reason) -> str:
    words = _EDGES.get(reason["edge"], "a dependency")
    return words if reason["via"] is None else f"{words} {quoted(reason['via'])}"


_EDGES = {
    EdgeKind.EXPLICIT: "depends_on",
    EdgeKind.REGEX: "depends_on_regexes",
    EdgeKind.FILE: "file",
    EdgeKind.USER_DATA: "user data",
}


def _lost(reason: Reason) -> str:
    places = f" (on {listed(reason['places'])})" if reason["places"] else ""
    text = _LOSSES.get(reason["proof"], "its process is gone and left no exit code")
    by = f" by {reason['actor']}" if reason["actor"] else ""
    return f"{text}{by}{places}"


_LOSSES = {
    "rebooted": "its machine was rebooted",
    "allocation_ended": "the allocation of its runner has ended",
    "node_down": "the node of its runner is down",
    "expired": "its runner stopped sending heartbeats",
    "dropped": "its runner was dropped",
}


def _resumed(reason: Reason) -> str:
    after: Reason | None = reason["after"]
    detail = "its runner was stopped" if after is None else sentence(after)
    return f"the previous attempt was interrupted: {detail}"


def _labels(reason: Reason) -> str:
    labels = reason["labels"] or ()
    if not labels:
        who = "this runner takes" if reason["this"] else "all runners take"
        return f"{who} only jobs with labels"
    names = f"label{'s' if len(labels) > 1 else ''} {listed(labels, len(labels))}"
    return f"this runner lacks the {names}" if reason["this"] else f"no runner has the {names}"


def _schema_mismatch(reason: Reason) -> str:
    violations = "; ".join(reason["violations"] or ())
    return f"user data {reason['name']} does not follow its schema: {violations}"


def _of_cluster(reason: Reason) -> str:
    from torc_tui.wording.cluster_sentences import CLUSTER_SENTENCES  # rarely needed

    return CLUSTER_SENTENCES[reason.kind](reason)


_SENTENCES: Mapping[Kind, str | Callable[[Reason], str]] = {
    Kind.TEXT: lambda reason: str(reason["text"] or ""),
    Kind.EXIT: _exit,
    Kind.MISSING_FILES: _missing_files,
    Kind.MISSING_USER_DATA: lambda reason: f"exit 0, but {_user_data_not_written(reason)}",
    Kind.OUT_OF_MEMORY: _used("memory", "limit"),
    Kind.TIMEOUT: _timeout,
    Kind.TIME_LIMIT: "the time limit of the runner was reached",
    Kind.RUNNER_STOPPED: "the runner was stopped",
    Kind.LOST: _lost,
    Kind.LAUNCH: _launch,
    Kind.CANCELED_BY_USER: _by_user("canceled"),
    Kind.TERMINATED_BY_USER: _by_user("terminated"),
    Kind.DISABLED_BY_USER: _by_user("disabled"),
    Kind.RETRIED_BY_USER: _by_user("retried"),
    Kind.RERUN_BY_USER: _by_user("rerun"),
    Kind.REMOVED: "no longer in the workflow file",
    Kind.PLANNED: _planned,
    Kind.WORKFLOW_DELETED: "its workflow was deleted",
    Kind.DEPENDENCY: _dependency,
    Kind.RESUMED: _resumed,
    Kind.STARTING: "starting",
    Kind.NOT_INITIALIZED: "not initialized",
    Kind.DISABLED: "disabled",
    Kind.CANCELED: "canceled",
    Kind.WORKFLOW_CANCELED: "workflow is canceled",
    Kind.WORKFLOW_PAUSED: "workflow is paused",
    Kind.HELD: lambda reason: f"held after {reason['after']}" if reason["after"] else "held",
    Kind.CANARY: _canary,
    Kind.CANARY_FAILED: lambda reason: f"held: canary {_dependency(reason)}",
    Kind.SUSPENDED: "suspended",
    Kind.NO_RUNNER: "no runner",
    Kind.LABELS: _labels,
    Kind.WAITS: _waits,
    Kind.WAITS_FOR_TURN: _waits_for_turn,
    Kind.ATTEMPT: _attempt,
    Kind.MISSING_INPUT: lambda reason: f"input is missing: {reason['name']}",
    Kind.UNSCHEDULABLE: lambda reason: (
        f"unschedulable: {'; '.join(map(sentence, reason['lacks'] or ()))}"
    ),
    Kind.SHORTAGE: lambda reason: ", ".join(map(sentence, reason["lacks"] or ())),
    Kind.CPUS: _resource("", lambda number: count(number, "CPU"), str),
    Kind.MEMORY: _resource(" of memory", size, size),
    Kind.CORES: _resource("", lambda number: count(number, "core"), str),
    Kind.NODES: lambda reason: (
        f"needs {count(reason['requested'] or 0, 'node')}, a local runner is one"
    ),
    Kind.OTHER_DATABASES: lambda reason: (
        f"jobs of other databases hold {count(reason['num_cpus'] or 0, 'CPU')} and"
        f" {size(reason['memory'] or 0)} here, too ({', '.join(reason['users'] or ())})"
    ),
    **gpu_sentences(sentence),
    **dict.fromkeys(ABOUT_ALLOCATIONS, _of_cluster),
    **notice_sentences(sentence),
    Kind.RUNTIME_TOO_LONG: _runtime_too_long,
    Kind.PARALLEL_LIMIT: _parallel_limit,
    Kind.JOB: _job,
    Kind.EDGE: _edge,
    Kind.JOB_GONE: lambda reason: f"job {reason['id']} no longer exists",
    Kind.MORE: lambda reason: f"and {reason['number']} more",
    Kind.MEMORY_EXCEEDED: _used("memory", "requested"),
    Kind.GPU_MEMORY_EXCEEDED: _used("GPU memory", "requested"),
    Kind.FILES_NOT_WRITTEN: _files_not_written,
    Kind.USER_DATA_NOT_WRITTEN: _user_data_not_written,
    Kind.BACKGROUND_ENDED: _background_ended,
    Kind.UNKILLABLE: lambda reason: (
        f"processes that cannot be killed: {listed(map(str, reason['pids'] or ()), 10)}"
    ),
    Kind.SCHEMA_MISMATCH: _schema_mismatch,
    **STALE_SENTENCES,
}
"""The wording of each kind; a test checks that no kind is missing."""
