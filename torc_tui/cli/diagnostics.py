"""The one place that turns an error into words on standard error and an exit code.

What comes in: whatever a command raised. What goes out: one clear message, the exit code. A user
never sees a traceback: that of an error nobody foresaw goes to a file in the state folder, and the
message names the file.

Exit codes: 2 where the user can mend it (wrong use, bad file, unknown id, an act the state does not
allow), 1 where the work or the world failed, 130 for Ctrl-C, 141 when the reader of our output went
away (said by nobody, as with `yes`).
"""

from __future__ import annotations

import os
import sys

from torc_tui import errors
from torc_tui.cli.terminal_text import sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OK = 0
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

_USERS = (
    errors.UsageError,
    errors.SettingsError,
    errors.SpecError,
    errors.NotFound,
    errors.Refused,
    errors.SchemaMismatch,
)


def report(error: BaseException, program: str = "torc", words: Sequence[str] = ()) -> int:
    """Say what went wrong, and give the exit code for it."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OK if error.code is None else FAILED
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return BROKEN_PIPE
    _flush_output()
    if isinstance(error, KeyboardInterrupt):
        say(f"{program}: interrupted")
        return INTERRUPTED
    if isinstance(error, errors.SpecError):
        for problem in error.problems:
            say(f"error: {problem}")
        if len(error.problems) > 1:
            say(f"{program}: {len(error.problems)} problems, nothing was done")
        return WRONG_USE
    if isinstance(error, errors.TorcError):
        say(f"{program}: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        return WRONG_USE if isinstance(error, _USERS) else FAILED
    if isinstance(error, OSError):
        return _report_os(error, program)
    if isinstance(error, MemoryError):
        say(f"{program}: out of memory")
        return FAILED
    say(
        f"{program}: an error of this program: {type(error).__name__}: {error}\n  {_crash_log(error, words)}"
    )
    return FAILED


def say(text: str) -> None:
    """One message to standard error, sanitize to a terminal; silently nothing when nobody reads
    it."""
    try:
        print(sanitize(text, "\n"), file=sys.stderr, flush=True)
    except UnicodeEncodeError:  # before ValueError, of which it is a kind
        print(
            sanitize(text, "\n").encode("ascii", "backslashreplace").decode(),
            file=sys.stderr,
            flush=True,
        )
    except (OSError, ValueError):
        pass


def _report_os(error: OSError, program: str) -> int:
    try:
        os.getcwd()  # noqa: PTH109 (pathlib is not imported here: see settings)
    except FileNotFoundError:
        say(
            f"{program}: the current directory no longer exists\n  cd to another directory and call it again"
        )
        return WRONG_USE
    except OSError:
        pass
    reason = error.strerror or str(error) or type(error).__name__
    place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    say(f"{program}: {place}{reason}")
    return FAILED


def _crash_log(error: BaseException, words: Sequence[str]) -> str:
    """Write the traceback where it can be found; a sentence that says where."""
    import time
    import traceback

    from torc_tui import settings

    try:
        folder = settings.state_dir()
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        path = os.path.join(folder, f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log")  # noqa: PTH118
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{' '.join(map(repr, words))}\nPython {sys.version}\n\n")
            file.write("".join(traceback.format_exception(error)))
    except OSError as trouble:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        where = f"{last[0].filename}:{last[0].lineno}" if last else "unknown place"
        return f"at {where} (and no log could be written: {trouble.strerror})"
    return f"details for a report: {path}"


def _flush_output() -> None:
    """What a command printed before it failed comes before the message about the failure."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _drop_output()


def _drop_output() -> None:
    """Give standard output a place where the interpreter's last flush cannot fail any more."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    except (OSError, ValueError):
        pass
