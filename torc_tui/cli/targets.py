"""Find the workflow and the jobs that a command is about.

A workflow is given as an id, as ``@last`` or ``@2`` (the newest, the second newest), or by its
name. Without one, or where several bear the name, a command that only reads takes the newest of
this directory, then the newest of all, and says so; a command that changes something asks on a
terminal, and refuses elsewhere.

A job is given as ``WORKFLOW/NAME``, as a name, or as an id. In a workflow that is named, a name
takes precedence over an id.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from torc_tui import settings
from torc_tui.cli.diagnostics import note, print_stderr
from torc_tui.cli.terminal_text import is_id, sanitize
from torc_tui.errors import NotFound, Refused, UsageError

if TYPE_CHECKING:
    from torc_tui.cli.call import Call
    from torc_tui.model import Workflow
    from torc_tui.store.database import Store
    from torc_tui.store.sql import WorkflowsOfNameRow


W = TypeVar("W", bound="Workflow | WorkflowsOfNameRow")

_SHOWN = 10
"""How many workflows an error or a question lists."""


def workflow_id(call: Call, given: str | None) -> int:
    """Return the id of the workflow that a command is about."""
    from torc_tui.store import workflows

    given = given or os.environ.get("TORC_WORKFLOW_ID")
    if given and is_id(given):
        workflows.get_workflow(call.store, int(given))
        return int(given)
    found = newest_first(call.store)
    if given and given.startswith("@"):
        return numbered(found, given)
    if given:
        named = [workflow for workflow in found if workflow.name == given]
        if not named:
            raise NotFound(
                f"there is no workflow {given!r}", hint="`torc workflows list` shows the workflows"
            )
        return _one_of(call, named, f"{len(named)} workflows have the name {given!r}")
    if not found:
        raise NotFound("there is no workflow yet", hint="create one with `torc create FILE`")
    return _one_of(call, found, f"there are {len(found)} workflows")


def job_id(call: Call, given: str, workflow: str | None = None) -> int:
    """Return the id of the job that a command is about."""
    from torc_tui.store import queries

    if workflow is None:
        workflow, given = split_workflow(call, given)
    if workflow is None:
        if is_id(given):
            return queries.find_job(call.store, None, given)
        if "TORC_WORKFLOW_ID" not in os.environ:
            having = queries.workflows_with_job(call.store, given)
            workflow = workflow_with(call, having, f"a job {given!r}")
    return queries.find_job(call.store, workflow_id(call, workflow), given)


def split_workflow(call: Call, given: str) -> tuple[str | None, str]:
    """Return the workflow of ``WORKFLOW/JOB``, None if there is none, and the job."""
    first, slash, rest = given.partition("/")
    if slash and rest and is_workflow(call.store, first):
        return first, rest
    return None, given


def is_pattern(text: str) -> bool:
    """Return whether a word names the jobs of a glob or group."""
    return any(char in text for char in "*?[{")


def means_workflow(call: Call, given: str) -> bool:
    """Return whether a word names a workflow where a job is expected; jobs take precedence."""
    from torc_tui.store import queries

    if given.startswith("@"):
        return "/" not in given
    if is_id(given) or queries.workflows_with_job(call.store, given):
        return False
    return is_workflow(call.store, given)


def newest_first(store: Store) -> list[Workflow]:
    """Return the workflows of the user without archived ones, which only an id names."""
    from torc_tui.store import workflows
    from torc_tui.store.selection import ListSelection

    found = workflows.list_workflows(
        store, ListSelection(user=settings.user_name(), is_archived=False)
    )
    return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)


def numbered(found: Sequence[Workflow], given: str) -> int:
    """Return the id of the workflow that ``@last`` or ``@2`` names; the newest is found first."""
    number = 1 if given == "@last" else int(given[1:]) if is_id(given[1:]) else 0
    if number < 1:
        raise UsageError(
            f"{given!r} is not a workflow", hint="@last or @1 is the newest, @2 the one before it"
        )
    if number > len(found):
        from torc_tui.wording import count

        verb = "is" if len(found) == 1 else "are"
        raise NotFound(f"{given}: there {verb} only {count(len(found), 'workflow')}")
    return found[number - 1].id


def _one_of(call: Call, found: Sequence[Workflow], several: str) -> int:
    """Return the id of the intended workflow; ``several`` says how many match."""
    if len(found) == 1:
        return found[0].id
    if not call.changes:
        return newest(found, several).id
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or call.json:
        raise UsageError(
            f"{several}: name one by its id", hint=f"{_described(found)}\n  {_where(call)}"
        )
    return _ask_for_one(found)


def newest(found: Sequence[W], several: str) -> W:
    """Return the first of these workflows that is of this directory, else the first of all.

    They are sorted with the newest first. Say which workflow was chosen.
    """
    here = [workflow for workflow in found if workflow.directory == _directory()]
    chosen = here[0] if here else found[0]
    where = " of this directory" if here else ""
    note(f"{several}; this is the newest{where}: {chosen.id} ({chosen.name})")
    return chosen


def _ask_for_one(found: Sequence[Workflow]) -> int:
    for workflow in found[:_SHOWN]:
        print_stderr(f"  {workflow.id:>5}  {_words(workflow)}  {workflow.directory}")
    if len(found) > _SHOWN:
        print_stderr(f"  and {len(found) - _SHOWN} older ones")
    known = {str(workflow.id) for workflow in found}
    while True:
        answer = ask(f"Which workflow? [{found[0].id}] ") or str(found[0].id)
        if answer in known:
            return int(answer)
        print_stderr(f"{answer!r} is not one of these ids")


def _described(found: Sequence[Workflow]) -> str:
    """Return workflows with details: ``3 (small, failed, 2 min ago), 2 (…)``."""
    shown = [f"{one.id} ({_words(one)})" for one in found[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(found) > _SHOWN else "")


def _words(workflow: Workflow) -> str:
    from torc_tui.wording import ago

    since = ago(time.time() - workflow.created_at)
    return f"{sanitize(workflow.name)}, {workflow.state}, {since}"


def _where(call: Call) -> str:
    """Return how the command at hand names a workflow."""
    if hasattr(call.options, "job") or hasattr(call.options, "jobs"):
        return "give the job as ID/NAME, or the workflow with -w ID"
    if hasattr(call.options, "workflow") and hasattr(call.options, "record"):
        return "give the workflow with -w ID"
    return "give the id instead of the name"


def is_workflow(store: Store, text: str) -> bool:
    """Return whether the part before a slash can only be a workflow."""
    if is_id(text) or text.startswith("@"):
        return True
    return any(workflow.name == text for workflow in newest_first(store))


def workflow_with(call: Call, having: Collection[int], what: str) -> str | None:
    """Return the workflow among those that have a job or a record; None if there is none."""
    found = [workflow for workflow in newest_first(call.store) if workflow.id in having]
    if not found:
        return None
    return str(_one_of(call, found, f"{len(found)} workflows have {what}"))


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as it is stored with a workflow
    except OSError:
        return None


def ask(question: str) -> str:
    """Ask on the terminal and return the answer; UsageError if there is none."""
    sys.stderr.write(sanitize(question))
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("no answer")
    return answer.strip()


def refuse_own_job(call: Call, workflow_id: int, done: str) -> None:
    """Raise Refused in a job of the workflow: the job and the command would wait for each other."""
    variables = os.environ
    inside = variables.get("TORC_WORKFLOW_ID"), variables.get("TORC_DATABASE")
    if "TORC_JOB_ID" in variables and inside == (str(workflow_id), call.store.url):
        raise Refused(
            f"workflow {workflow_id} cannot be {done} by its own job {variables['TORC_JOB_ID']}:"
            " they would wait for each other"
        )
