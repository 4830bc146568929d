"""Find out how the process of an attempt has ended.

Input: attempts whose bash has ended. Output: their return code, cause and time of their end.
"""

from __future__ import annotations

import contextlib
import os

from torc_tui.executors.attempt import Attempt
from torc_tui.executors.exit_file import read_exit_file
from torc_tui.executors.job_files import append_line
from torc_tui.executors.session_processes import Process
from torc_tui.executors.wrapper import CANNOT_START
from torc_tui.model import Cause
from torc_tui.reasons import Kind, because
from torc_tui.resources.process_identity import process_name
from torc_tui.wording import sentence


def reap(attempt: Attempt) -> None:
    """Record the end of an attempt. To be called under the lock of the supervisor."""
    if attempt.own_maxrss is not None:
        _, status, used = os.wait4(attempt.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        attempt.return_code = 128 - code if code < 0 else code
        attempt.account(used.ru_utime + used.ru_stime, used.ru_maxrss)
    attempt.end()


def complete_end(attempt: Attempt) -> None:
    """Add what only the exit file says about the end of an attempt."""
    if attempt.own_maxrss is None:
        read_end(attempt)
    elif attempt.return_code == CANNOT_START and read_exit_file(attempt.exit_file).pid is None:
        # Its shell could not enter the working directory, which has just been removed.
        attempt.cause = attempt.cause or Cause.LAUNCH
        attempt.reason = because(Kind.LAUNCH, error="the working directory cannot be entered")


def read_end(attempt: Attempt) -> None:
    """Take the end of an adopted attempt from its exit file."""
    attempt.return_code = read_exit_file(attempt.exit_file).code
    if attempt.signal is None:
        # It may have ended long before it was adopted: its shell wrote the file last when it ended.
        # A shell that was killed by this process wrote nothing more, and ended just now.
        with contextlib.suppress(OSError):
            written = os.stat(attempt.exit_file).st_mtime
            attempt.ended_at = max(attempt.started_at, min(attempt.ended_at, written))
    if attempt.return_code is None:
        if attempt.signal is not None:
            attempt.return_code = 128 + attempt.signal
        else:
            attempt.cause = attempt.cause or Cause.LOST


def may_leave_processes(attempt: Attempt) -> bool:
    """Return whether processes of an ended attempt may still run: in its group or a known other."""
    try:
        os.killpg(attempt.pid, 0)
    except ProcessLookupError:
        return any(member.group != attempt.pid for member in attempt.members)
    except PermissionError:
        return True
    return True


def warn_of_background(attempt: Attempt, members: list[Process]) -> None:
    """Name the processes that are about to be ended, in a warning and in the log of the job."""
    named = tuple((process_name(member.pid) or "?", member.pid) for member in members)
    warning = because(Kind.BACKGROUND_ENDED, processes=named)
    attempt.warnings = (*attempt.warnings, warning)
    if attempt.log is not None:
        hint = "wait_for_background: true waits for such processes"
        append_line(attempt.log, f"torc: {sentence(warning)} ({hint})", attempt.log)
