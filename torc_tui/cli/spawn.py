"""Run ``torc spawn`` with little start-up time: a job that adds jobs waits for it.

Input: a fragment of a workflow file. Output: the ids of its jobs. Repeating the command changes
nothing. A plain line is read here without argparse; any other line (``--help``, mistakes) is left
to the full parser, which ends in the same `SpawnCall`.

Never: an import of argparse, of the command table or of the tables of the output.
"""

from __future__ import annotations

import os
import sys

from torc_tui import settings
from torc_tui.cli.plain_line import read_plain
from torc_tui.cli.terminal_text import json_text, sanitize
from torc_tui.cli.user_data_fast import parse, standard_input
from torc_tui.errors import UsageError
from torc_tui.quoting import wrong_name
from torc_tui.wording import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from torc_tui.cli.call import Call
    from torc_tui.lifecycle.spawning import Mode
    from torc_tui.model import WorkflowSpec
    from torc_tui.operations.spawning import Caller, Spawned, SpawnOptions

_VALUES = {
    "--lineage": "lineage",
    "--state": "state",
    "-f": "format",
    "--format": "format",
    "--database": "database",
    "--db": "database",
}


class SpawnCall:
    """A call: the file, and its options by name."""

    def __init__(self, file: str, options: Mapping[str, str]) -> None:
        self.file = file
        self.options = options

    def answer(self, program: str) -> int:
        """Add the jobs and print their number; raise TorcError."""
        for text in settings.take_notices():
            from torc_tui.cli.diagnostics import print_stderr

            print_stderr(f"warning: {text}")
        spec, caller, options = self.prepared()
        from torc_tui.operations.spawning import spawn
        from torc_tui.store.connect import missing_file, no_database
        from torc_tui.store.database import Store

        database = settings.database_url(self.options.get("database"))
        missing = missing_file(database)
        if missing is not None:
            raise no_database(missing)
        store = Store.open(database)
        try:
            done = spawn(store, spec, caller, options)
        finally:
            store.close()
        default = "json" if program == "torc-client" else "table"
        if self.options.get("format", default) == "json":
            sys.stdout.write(json_text(_record(caller, done)) + "\n")
        else:
            sys.stdout.write(sanitize(_sentence(caller, done)) + "\n")
        return 0

    def prepared(self) -> tuple[WorkflowSpec, Caller, SpawnOptions]:
        """Return the jobs, the calling attempt and how to add the jobs."""
        from torc_tui.operations.spawning import SpawnOptions
        from torc_tui.workflow_file.load import load, read_bytes

        caller, given = _caller(), self.options
        text = None
        if "state" in given:
            from torc_tui.store.encoding import dumps

            text = dumps(parse(given["state"], "--state"))
        spec = read_bytes(standard_input()) if self.file == "-" else load(self.file)
        mode: Mode = (
            "independent" if "independent" in given else "now" if "now" in given else "staged"
        )
        return spec, caller, SpawnOptions(mode, given.get("lineage"), text)


def read(words: Sequence[str]) -> SpawnCall | None:
    """Return the call of a plain line ``spawn …``; None for any other."""
    line = read_plain(words[1:], _VALUES, ("--now", "--independent"))
    if line is None or len(line[1]) != 1 or not line[1][0]:
        return None
    options, (file,) = line
    if options.get("format", "json") not in ("json", "table"):
        return None
    if any(not options.get(key, "-").strip() for key in ("database", "lineage", "state")):
        return None
    if wrong_name(options.get("lineage", "")):  # the full parser reports it
        return None
    if "format" not in options and settings.load().raw("client.format") is not None:
        return None
    return SpawnCall(file, options)


def spawn(call: Call) -> None:
    """Add the jobs of a file to the workflow of the calling job."""
    from torc_tui.operations.spawning import spawn as spawn_jobs

    given = {
        key: value
        for key, value in vars(call.options).items()
        if value not in (None, False) and key in ("lineage", "state", "now", "independent")
    }
    spec, caller, options = SpawnCall(call.options.file, given).prepared()
    done = spawn_jobs(call.store, spec, caller, options)
    call.done(_record(caller, done), _sentence(caller, done))


def _record(caller: Caller, done: Spawned) -> dict[str, Any]:
    return {
        "workflow_id": caller.workflow_id,
        "job_ids": dict(done.job_ids),
        "created": done.created,
        "lineage": done.lineage,
        "generation": done.generation,
    }


def _sentence(caller: Caller, done: Spawned) -> str:
    before = len(done.job_ids) - done.created
    message = f"Added {count(done.created, 'job')} to workflow {caller.workflow_id}"
    message += f"; {before} had been added before" if before else ""
    return f"{message} (generation {done.generation} of {done.lineage})"


def _caller() -> Caller:
    from torc_tui.operations.spawning import Caller

    names = ("TORC_WORKFLOW_ID", "TORC_JOB_ID", "TORC_RUN_ID", "TORC_ATTEMPT_ID")
    values = [os.environ.get(name, "") for name in names]
    if not all(value.isascii() and value.isdecimal() and len(value) < 19 for value in values):
        hint = "`torc add -- CMD` and `torc update FILE` change a workflow from outside"
        raise UsageError("torc spawn must be called by a job", hint=hint)
    return Caller(*map(int, values))
