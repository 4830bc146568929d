"""Find the workflow of `torc run FILE`: a new one, or the one created earlier from the file.

Input: a file and the options of the run. Output: the id of a workflow. A workflow is the same if it
was created from the same file (by its real path), with the same name and `--set` values, in the
same directory. `--update`, `--stale` and `--keep` apply to that workflow.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NoReturn

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.create import plan_of, store_plan
from torc_tui.cli.diagnostics import note, print_stderr
from torc_tui.cli.targets import ask
from torc_tui.errors import Refused, UsageError
from torc_tui.model import Plan, Workflow
from torc_tui.operations.runners import active_runners
from torc_tui.operations.workflows import same_workflow
from torc_tui.status import HELD, number_of
from torc_tui.wording import ago


def workflow_of_file(call: Call, path: str) -> tuple[int, bool]:
    """Return the workflow to run, and whether it runs already and the terminal attaches to it."""
    options = call.options
    same = [name for name in ("update", "stale", "keep") if getattr(options, name)]
    if options.new and same:
        raise UsageError(f"--new and --{same[0]} cannot be used together")
    plan = plan_of(call, path)
    known = None if options.new else _known(call, plan)
    if known is not None and _runs(call, known):
        if not _is_interactive(call):
            _refuse_running(known, path)
        print_stderr(f"workflow {known.id} ({known.name}) is already running")
        return known.id, True
    if known is not None and (same or _wants_update(call, known)):
        from torc_tui.cli.update import apply_plan

        quiet = options.quiet or call.json
        apply_plan(call, known.id, plan, keep=options.keep, quiet=quiet)
        return known.id, False
    workflow_id = store_plan(call, plan, path, checked=True)
    if not (options.quiet or call.json):
        output.line(f"Created workflow {workflow_id}")
        sys.stdout.flush()
        if known is not None and not _is_interactive(call):
            note(
                f"workflow {known.id} was created from this file before; with --stale, this command"
                " updates it and runs only what is stale"
            )
    return workflow_id, False


def attached(call: Call, workflow_id: int) -> int:
    """Open the app on the workflow that runs already."""
    from torc_tui.cli.open_app import open_app

    call.close()
    return open_app(str(workflow_id), call.database)


def _known(call: Call, plan: Plan) -> Workflow | None:
    if call.missing_store is not None:
        return None
    return same_workflow(call.store, plan, user=settings.user_name(), directory=str(Path.cwd()))


def _runs(call: Call, workflow: Workflow) -> bool:
    """Return whether a runner is alive, or jobs are held by one that may be."""
    if number_of(workflow.counts, HELD):
        from torc_tui.operations.lost_runners import sync_status

        sync_status(call.store, workflow.id, actor=call.actor)
    return bool(active_runners(call.store, workflow.id))


def _is_interactive(call: Call) -> bool:
    quiet = call.json or call.options.quiet
    return not quiet and sys.stdin.isatty() and sys.stdout.isatty()


def _refuse_running(workflow: Workflow, path: str) -> NoReturn:
    raise Refused(
        f"{path} is already running: workflow {workflow.id} ({workflow.name})",
        hint=f"`torc run {path} --new` runs it a second time, `torc update {path}` changes the"
        f" running workflow, `torc {workflow.id}` shows it",
    )


def _wants_update(call: Call, workflow: Workflow) -> bool:
    if not _is_interactive(call):
        return False
    since = ago(time.time() - workflow.created_at)
    print_stderr(
        f"workflow {workflow.id} ({workflow.name}, {workflow.state}) was created from this file"
        f" {since}"
    )
    while True:
        answer = ask("Update it and run it again (u), or create a new workflow (n)? [u/N] ").lower()
        if answer in ("", "n", "new"):
            return False
        if answer in ("u", "update"):
            return True
