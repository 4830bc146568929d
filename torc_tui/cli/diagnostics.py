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
    from typing import Any

    from torc_tui.store.database import Store

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


class Failure:
    """A failed command: message, hint, exit code, and the individual problems if several."""

    def __init__(
        self, message: str, code: int = FAILED, *, hint: str | None = None, problems: Any = ()
    ) -> None:
        self.message = message
        self.code = code
        self.hint = hint
        self.problems: Sequence[Any] = problems

    def text(self, program: str) -> str:
        """Return the lines for a user."""
        lines = [f"error: {one}" for one in self.problems]
        if len(lines) != 1:
            lines.append(f"{program}: {self.message}" + (f"\n  {self.hint}" if self.hint else ""))
        return "\n".join(lines)

    def json(self) -> str:
        """Return one line of JSON for a program."""
        from torc_tui.cli.terminal_text import json_text

        record: dict[str, Any] = {"status": "error", "message": self.message, "hint": self.hint}
        record["exit_code"] = self.code
        if self.problems:
            record["problems"] = [_as_json(one) for one in self.problems]
        return json_text(record, indent=None)


def _as_json(problem: Any) -> dict[str, Any]:
    return {**getattr(problem, "_asdict", dict)(), "text": str(problem)}


def report(error: BaseException, program: str = "torc", words: Sequence[str] = ()) -> int:
    """Print an error and return the exit code; print JSON if the command line requests it."""
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return BROKEN_PIPE
    _flush_output()
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OK if error.code is None else FAILED
    failure = _failure_of(error, words)
    print_stderr(failure.json() if _wants_json(words) else failure.text(program))
    return failure.code


def _failure_of(error: BaseException, words: Sequence[str]) -> Failure:
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", INTERRUPTED)
    if isinstance(error, errors.SpecError):
        number = len(error.problems)
        message = str(error.problems[0]) if number == 1 else f"{number} errors; no changes made"
        return Failure(message, WRONG_USE, problems=error.problems)
    if isinstance(error, errors.TorcError):
        code = WRONG_USE if isinstance(error, _CORRECTABLE) else FAILED
        return Failure(error.message, code, hint=error.hint)
    if isinstance(error, OSError):
        return _failure_of_system(error)
    if isinstance(error, MemoryError):
        return Failure("out of memory")
    text = redact(str(error), _urls(words))
    return Failure(f"internal error: {type(error).__name__}: {text}", hint=_crash_log(error, words))


def _wants_json(words: Sequence[str]) -> bool:
    """Return whether the command line has ``-f json`` or ``-f json-items``."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--":
            return False
        given = following if word in ("-f", "--format") else word.removeprefix("--format=")
        if given in ("json", "json-items") and given != word:
            return True
    return False


def print_stderr(text: str) -> None:
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
        print_stderr(text)
        return
    sys.stderr.write("\x1b[2m")
    print_stderr(text)
    sys.stderr.write("\x1b[0m")
    sys.stderr.flush()


def without_runner(store: Store, workflow_id: int) -> str:
    """Return that a workflow has no runner, and what brings one: a command, or an allocation."""
    from torc_tui.operations.submitted import cluster_of

    cluster = cluster_of(store, workflow_id)
    if cluster is None:
        command = f"`torc run {workflow_id}`"
        return f"workflow {workflow_id} has no active runner; start one with {command}"
    from torc_tui.reasons import Kind
    from torc_tui.wording import sentence

    waits = cluster.waits(None)
    has_way_out = any(one.kind in (Kind.GROUP_PAUSED, Kind.NO_ALLOCATION) for one in waits)
    more = f"; `torc slurm status {workflow_id}` lists the allocations"
    words = "; ".join(map(sentence, waits))
    return f"workflow {workflow_id} has no active runner: {words}{'' if has_way_out else more}"


def after_failure(store: Store, workflow_id: int) -> str:
    """Return what to do about the failed jobs of a workflow."""
    again = f"`torc run {workflow_id} --stale` runs"
    if _was_submitted(store, workflow_id):
        again = f"`torc reinit {workflow_id}` and `torc submit {workflow_id}` run"
    return f"`torc failures {workflow_id}` lists the reasons; {again} the failed jobs again"


def command_to_run(store: Store, workflow_id: int) -> str:
    """Return the command that runs the ready jobs of a workflow where they ran before."""
    verb = "submit" if _was_submitted(store, workflow_id) else "run"
    return f"`torc {verb} {workflow_id}`"


def _was_submitted(store: Store, workflow_id: int) -> bool:
    from torc_tui.store import workflows

    with store.read() as conn:
        return workflows.was_submitted(conn, workflow_id)


def print_notices() -> None:
    """Print what users should know about the configuration files that were read."""
    from torc_tui import settings

    for text in settings.take_notices():
        print_stderr(f"warning: {text}")


def _failure_of_system(error: OSError) -> Failure:
    try:
        os.getcwd()  # noqa: PTH109 - pathlib is not imported here, see `torc_tui.settings`
    except FileNotFoundError:
        return Failure(
            "the current directory no longer exists",
            WRONG_USE,
            hint="change to another directory and run the command again",
        )
    except OSError:
        pass
    reason = error.strerror or str(error) or type(error).__name__
    place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return Failure(f"{place}{reason}")


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
