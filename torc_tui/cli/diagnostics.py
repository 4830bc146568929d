"""Print messages to standard error, and turn an error into a message and an exit code.

Users never see a traceback. That of an unexpected error goes to a file in the state directory, and
the message names the file. Passwords are removed from every message.

Exit codes: 2 for what the user can correct (wrong use, wrong file, unknown id, an action that the
status does not allow), 1 if the work or the environment failed, 130 for Ctrl-C, 141 if the reader
of the output is gone (without a message, as for `yes`).
"""

from __future__ import annotations

import os
import sys

from torc_tui import errors
from torc_tui.cli.terminal_text import sanitize
from torc_tui.redaction import may_contain_secret, redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OK = 0
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

_CORRECTABLE = (
    errors.UsageError,
    errors.SettingsError,
    errors.SpecError,
    errors.NotFound,
    errors.Refused,
    errors.SchemaMismatch,
)


def report(error: BaseException, program: str = "torc", words: Sequence[str] = ()) -> int:
    """Print what went wrong and return the exit code."""
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return BROKEN_PIPE
    _flush_output()
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OK if error.code is None else FAILED
    if isinstance(error, KeyboardInterrupt):
        say(f"{program}: interrupted")
        return INTERRUPTED
    if isinstance(error, errors.SpecError):
        return _report_spec(error, program)
    if isinstance(error, errors.TorcError):
        say(f"{program}: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        return WRONG_USE if isinstance(error, _CORRECTABLE) else FAILED
    if isinstance(error, OSError):
        return _report_os(error, program)
    if isinstance(error, MemoryError):
        say(f"{program}: out of memory")
        return FAILED
    text = redact(str(error), _urls(words))
    say(f"{program}: internal error: {type(error).__name__}: {text}\n  {_crash_log(error, words)}")
    return FAILED


def say(text: str) -> None:
    """Print a message to standard error; do nothing if nobody can read it."""
    text = sanitize(redact(text) if may_contain_secret(text) else text, "\n")
    try:
        print(text, file=sys.stderr, flush=True)
    except UnicodeEncodeError:  # before ValueError, of which it is a subclass
        print(text.encode("ascii", "backslashreplace").decode(), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def note(text: str) -> None:
    """Print a remark to standard error, dim on a terminal."""
    try:
        dim = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    except ValueError:
        return
    if not dim:
        say(text)
        return
    sys.stderr.write("\x1b[2m")
    say(text)
    sys.stderr.write("\x1b[0m")
    sys.stderr.flush()


def without_runner(workflow_id: int) -> str:
    """Return that a workflow has no runner, and what to do."""
    return f"workflow {workflow_id} has no active runner; start one with `torc run {workflow_id}`"


def after_failure(workflow_id: int) -> str:
    """Return what to do about the failed jobs of a workflow."""
    return (
        f"`torc failures {workflow_id}` lists the reasons; `torc jobs retry JOB`, then"
        f" `torc run {workflow_id}` runs a job again"
    )


def say_notices() -> None:
    """Print what users should know about the configuration files that were read."""
    from torc_tui import settings

    for text in settings.take_notices():
        say(f"warning: {text}")


def _report_spec(error: errors.SpecError, program: str) -> int:
    for problem in error.problems:
        say(f"error: {problem}")
    if len(error.problems) > 1:
        say(f"{program}: {len(error.problems)} errors; no changes made")
    return WRONG_USE


def _report_os(error: OSError, program: str) -> int:
    try:
        os.getcwd()  # noqa: PTH109 - pathlib is not imported here, see `torc_tui.settings`
    except FileNotFoundError:
        say(
            f"{program}: the current directory does not exist any more\n"
            "  change to another directory and run the command again"
        )
        return WRONG_USE
    except OSError:
        pass
    reason = error.strerror or str(error) or type(error).__name__
    place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    say(f"{program}: {place}{reason}")
    return FAILED


def _crash_log(error: BaseException, words: Sequence[str]) -> str:
    """Write the traceback to a private file and return a sentence that names it."""
    import time
    import traceback

    from torc_tui import settings

    line = " ".join(map(repr, words))
    text = f"{line}\nPython {sys.version}\n\n{''.join(traceback.format_exception(error))}"
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        directory = settings.state_dir()
        settings.make_private(directory)
        path = os.path.join(directory, name)  # noqa: PTH118
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(
            os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(redact(text, _urls(words)))
    except OSError as trouble:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        where = f"{last[0].filename}:{last[0].lineno}" if last else "an unknown place"
        return f"at {where} (no crash log could be written: {trouble.strerror})"
    return f"details for a bug report: {path}"


def _urls(words: Sequence[str]) -> list[str]:
    """Return the URLs of databases whose passwords an error could contain."""
    from torc_tui import settings

    found = [word.partition("=")[2] if word.startswith("--") else word for word in words]
    try:
        found.append(settings.database_url())
    except errors.TorcError:
        found.append(os.environ.get("TORC_DATABASE", ""))
    return [url for url in found if "://" in url]


def _flush_output() -> None:
    """Print what a command wrote before it failed, so that it precedes the message."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _drop_output()


def _drop_output() -> None:
    """Redirect standard output to nowhere, so that the last flush of the interpreter succeeds."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    except (OSError, ValueError):
        pass
