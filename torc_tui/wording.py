"""Turn data into the words that users read: counts, lists, sizes, durations, times, reasons.

Every sentence about a reason is made here, so that the command line and the app say the same. Sizes
are in powers of 1024 (`16 GiB`), durations have at most two units (`3 min 20 s`), times are local
(`2026-11-28 12:26:31`).

Input: numbers, names and `Reason` records. Output: text. Nothing here reads a clock or a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil

from torc_tui.reasons import Kind, Reason

# -- counts and lists ------------------------------------------------------------------------------


def count(number: float, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 job``, ``2 jobs``, ``0.5 GPUs``."""
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number:g} {word}" if isinstance(number, float) else f"{number} {word}"


def listed(names: Iterable[str], most: int = 3, *, more: int = 0) -> str:
    """Return names as a list: ``a``, ``a and b``, ``a, b, c and 4 more``.

    At most ``most`` names are written; ``more`` counts names that the caller left out already.
    """
    given = list(names)
    shown = given[:most]
    hidden = len(given) - len(shown) + more
    if hidden:
        return f"{', '.join(shown)} and {hidden} more" if shown else f"{hidden} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


# -- sizes -----------------------------------------------------------------------------------------


def size(amount: float) -> str:
    """Return a number of bytes with three digits: ``16 GiB``, ``1.5 MiB``, ``512 B``."""
    if amount < 0:
        return f"-{size(-amount)}"
    if amount < 1000:
        return f"{amount:.0f} B"
    unit, larger = "KiB", iter(("MiB", "GiB", "TiB", "PiB"))
    amount /= 1024
    while amount >= 999.5 and (following := next(larger, None)):
        unit, amount = following, amount / 1024
    digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
    text = f"{amount:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits else text} {unit}"


def two_sizes(first: float, second: float) -> tuple[str, str]:
    """Return two sizes, with all their bytes where they would look equal and are not."""
    texts = size(first), size(second)
    if texts[0] == texts[1] and first != second:
        return f"{first:.0f} B", f"{second:.0f} B"
    return texts


# -- durations and times ---------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Return a duration in at most two units: ``0.42 s``, ``12 s``, ``3 min 20 s``, ``1 h 5 min``,
    ``2 d``."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two_units(whole, 60, "min", 1, "s")
    if whole < 86_400:
        return _two_units(whole, 3600, "h", 60, "min")
    return _two_units(whole, 86_400, "d", 3600, "h")


def _two_units(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    first = f"{seconds // large} {large_name}"
    return f"{first} {rest} {small_name}" if rest else first


def clock(seconds: float) -> str:
    """Return a running time that ticks: ``0:04``, ``12:07``, ``3:05:00``, ``4d 03h``."""
    whole = int(max(0.0, seconds))
    hours, rest = divmod(whole, 3600)
    if hours >= 72:
        return f"{hours // 24}d {hours % 24:02}h"
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(seconds: float) -> str:
    """Return how long ago something was, in one unit: ``12 min``, ``3 h``, ``5 d``; ``now``."""
    for length, unit in ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"


def moment(at: float) -> str:
    """Return a time in the local zone: ``2026-11-28 12:26:31``."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


# -- exit codes ------------------------------------------------------------------------------------

SIGNALS: Mapping[int, str] = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM",
    15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip
"""Linux's numbers of the signals that end a process."""


def exit_code(code: int) -> str:
    """Return an exit code and the signal that it stands for: ``exit 3``, ``exit 137, SIGKILL``."""
    signal = SIGNALS.get(code - 128)
    return f"exit {code}, {signal}" if signal else f"exit {code}"


# -- reasons ---------------------------------------------------------------------------------------


def sentence(reason: Reason) -> str:
    """Return a reason in words, without a final period."""
    return _SENTENCES[reason.kind](reason)


def optional_sentence(reason: Reason | None) -> str | None:
    """Return a reason in words; None for no reason."""
    return None if reason is None else sentence(reason)


def end_sentence(reason: Reason | None, code: int | None) -> str:
    """Return why an attempt ended, with its exit code where the reason does not tell it."""
    if reason is None:
        return "" if code is None else exit_code(code)
    if code is None or reason.kind in _TELLS_CODE:
        return sentence(reason)
    return f"{sentence(reason)} (exit {code})"


def canceled_sentence(reason: Reason | None) -> str:
    """Return why a job is canceled: ``canceled: prep failed (exit 3)``, ``canceled by ann``."""
    if reason is None:
        return "canceled"
    text = sentence(reason)
    return text if reason.kind in _SAYS_CANCELED else f"canceled: {text}"


_TELLS_CODE = frozenset({Kind.EXIT, Kind.MISSING_FILES, Kind.MISSING_USER_DATA, Kind.LAUNCH})
_SAYS_CANCELED = frozenset({Kind.CANCELED_BY_USER, Kind.CANCELED})


def _fixed(text: str) -> Callable[[Reason], str]:
    return lambda reason: text


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
    if reason["problem"] == "files":
        return "too many open files (raise `ulimit -n`, or run fewer jobs at once)"
    return f"{path}: {error}" if path else str(error)


def _dependency(reason: Reason) -> str:
    if reason["job"] is None:
        return "a dependency did not succeed"
    status = str(reason["status"] or "did not succeed")
    text = f"{reason['job']} {'was ' if status in _PASSIVE else ''}{status}"
    because: Reason | None = reason["reason"]
    if because is not None:
        told = sentence(because)
        text += f" ({told})" if because.kind is Kind.EXIT else f": {told}"
    if reason["more"]:
        text += f", and {count(reason['more'], 'more dependency', 'more dependencies')} did not"
        text += " succeed"
    return text


_PASSIVE = frozenset({"canceled", "terminated"})


def _waits(reason: Reason) -> str:
    jobs, more = reason["jobs"] or (), reason["more"] or 0
    return f"waits for {listed(jobs, len(jobs), more=more) if jobs else count(more, 'job')}"


def _waits_for_turn(reason: Reason) -> str:
    ahead = reason["ahead"]
    if ahead is None:
        return "waits for its turn"
    return f"waits for its turn, {count(ahead, 'job')} ahead" if ahead else "next in line"


def _attempt(reason: Reason) -> str:
    text = f"attempt {reason['number']}"
    if reason["of"] is not None:
        text += f" of {reason['of']}"
    return text + (f" in {countdown(reason['delay'])}" if reason["delay"] else "")


def countdown(seconds: float) -> str:
    """Return the time until something, in whole seconds during the last minute."""
    return f"{ceil(seconds)} s" if seconds <= 60 else duration(seconds)


def _unschedulable(reason: Reason) -> str:
    return f"unschedulable: {'; '.join(map(sentence, reason['lacks'] or ()))}"


def _script_failed(reason: Reason) -> str:
    told = reason["error"] or f"exit {reason['code']}, see {reason['log']}"
    return f"its recovery script failed: {told}"


def _unkillable(reason: Reason) -> str:
    return f"processes that cannot be killed: {listed(map(str, reason['pids'] or ()), 10)}"


_SENTENCES: Mapping[Kind, Callable[[Reason], str]] = {
    Kind.TEXT: lambda reason: str(reason["text"] or ""),
    Kind.EXIT: _exit,
    Kind.MISSING_FILES: _missing_files,
    Kind.MISSING_USER_DATA: lambda reason: f"exit 0, but {_user_data_not_written(reason)}",
    Kind.OUT_OF_MEMORY: _used("memory", "limit"),
    Kind.TIMEOUT: _timeout,
    Kind.TIME_LIMIT: _fixed("the time limit of the runner was reached"),
    Kind.RUNNER_STOPPED: _fixed("the runner was stopped"),
    Kind.LOST: _fixed("its process is gone and left no exit code"),
    Kind.LAUNCH: _launch,
    Kind.CANCELED_BY_USER: _by_user("canceled"),
    Kind.TERMINATED_BY_USER: _by_user("terminated"),
    Kind.DISABLED_BY_USER: _by_user("disabled"),
    Kind.RETRIED_BY_USER: _by_user("retried"),
    Kind.WORKFLOW_DELETED: _fixed("its workflow was deleted"),
    Kind.DEPENDENCY: _dependency,
    Kind.RESUMED: _fixed("its runner was stopped during the attempt before"),
    Kind.STARTING: _fixed("starting"),
    Kind.NOT_INITIALIZED: _fixed("not initialized"),
    Kind.DISABLED: _fixed("disabled"),
    Kind.CANCELED: _fixed("canceled"),
    Kind.WORKFLOW_CANCELED: _fixed("workflow is canceled"),
    Kind.WORKFLOW_PAUSED: _fixed("workflow is paused"),
    Kind.HELD: _fixed("held"),
    Kind.NO_RUNNER: _fixed("no runner"),
    Kind.WAITS: _waits,
    Kind.WAITS_FOR_TURN: _waits_for_turn,
    Kind.ATTEMPT: _attempt,
    Kind.MISSING_INPUT: lambda reason: f"input is missing: {reason['name']}",
    Kind.UNSCHEDULABLE: _unschedulable,
    Kind.MEMORY_EXCEEDED: _used("memory", "requested"),
    Kind.GPU_MEMORY_EXCEEDED: _used("GPU memory", "requested"),
    Kind.USER_DATA_NOT_WRITTEN: _user_data_not_written,
    Kind.SCRIPT_FAILED: _script_failed,
    Kind.UNKILLABLE: _unkillable,
}
"""How to say each kind; a test checks that no kind is missing."""
