"""Start runners in the background, with labels and limits if the user gives some.

Input: a workflow. Output: a question or a form where one is needed, and the runner.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from torc_tui.model import Workflow
from torc_tui.operations.catalog import START
from torc_tui.operations.user_action import shell_line
from torc_tui.status import UNSETTLED, WorkflowState
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.workflows.rerun_dialogs import rerun_stale
from torc_tui.tui.workflows.runner_actions import (
    RunnerSize,
    positive_memory,
    positive_or_nothing,
    read_runners_of,
)
from torc_tui.tui.workflows.runner_startup_check import RunnerStartupCheck
from torc_tui.tui.workflows.workflow_questions import confirm, text_lines
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count, listed

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.operations.runners import Background
    from torc_tui.store.database import Store

SETTLED_STATES = (WorkflowState.COMPLETED, WorkflowState.FAILED)
"""States in which a runner finds nothing to do, but jobs may be stale."""
OPTIONS = {
    "cpus": "--num-cpus",
    "memory": "--memory",
    "parallel": "--max-parallel-jobs",
    "labels": "--label",
}
"""The options of ``torc run`` for the fields of the form."""


class RunFacts(NamedTuple):
    """The active runners, and the labels that none of them has, with the number of jobs.

    ``cluster`` has the allocations of a workflow that was submitted to a cluster.
    """

    runners: Sequence[RunnerSize]
    labels: Mapping[str, int]
    cluster: ClusterState | None = None


def read_facts(store: Store, workflow_id: int) -> RunFacts:
    """Return the facts for a new runner; called in the reader thread."""
    from torc_tui.operations.request_lacks import unserved_labels
    from torc_tui.operations.submitted import cluster_of

    labels = unserved_labels(store, workflow_id, UNSETTLED)
    return RunFacts(read_runners_of(store, workflow_id), labels, cluster_of(store, workflow_id))


def start(torc: AppPort, workflow: Workflow) -> None:
    """Start a runner; ask first if the workflow already has one, or if jobs need labels.

    A finished workflow has nothing for a runner: its stale jobs are offered instead.
    """

    def go(labels: Mapping[str, int]) -> None:
        if labels:
            _show_form(torc, workflow, labels)
        else:
            run(torc, workflow)

    def found(facts: RunFacts) -> None:
        if facts.runners:
            hosts = ", ".join(f"runner {one.id} on {one.hostname}" for one in facts.runners)
            about = [f"Active: {hosts}. Another runner starts further jobs at the same time."]
            title = f"{workflow.name} is already running. Start another runner?"
            confirm(torc, title, about, "Start another runner", partial(go, facts.labels))
        elif workflow.state in SETTLED_STATES:
            rerun_stale(torc, workflow)
        elif facts.cluster is not None:
            _ask_place(torc, workflow, facts.cluster, partial(go, facts.labels))
        else:
            go(facts.labels)

    torc.actions.read(lambda store, actor: read_facts(store, workflow.id), then=found)


def _ask_place(
    torc: AppPort, workflow: Workflow, cluster: ClusterState, run_here: Callable[[], None]
) -> None:
    """Ask whether a submitted workflow continues in allocations, or on this machine."""
    from torc_tui.tui.widgets.choice import Choice, Option

    request = Option("a", "Request allocations", "cluster")
    options = [
        *([] if cluster.is_watched else [request]),
        Option("h", "Run on this machine", "here", danger=True),
        Option("n", "Cancel", ""),
    ]
    about = ["It was submitted to a cluster."]
    about += ["A process requests its allocations."] if cluster.is_watched else []

    def take(chosen: str | None) -> None:
        if chosen == "here":
            run_here()
        elif chosen == "cluster":
            torc.actions.run(
                lambda store, actor: _start_allocator(store, workflow.id),
                line=f"torc submit {workflow.id}",
                report=lambda _result: f"Allocations are requested for {workflow.name}",
            )

    torc.push(Choice(f"Where shall {workflow.name} run?", text_lines(about), options), take)


def _start_allocator(store: Store, workflow_id: int) -> None:
    from torc_tui.operations.runners import start_allocator

    start_allocator(store, workflow_id)


def ask_options(torc: AppPort, workflow: Workflow) -> None:
    """Ask for limits and labels, and start a runner with them."""
    torc.actions.read(
        lambda store, actor: read_facts(store, workflow.id),
        then=lambda facts: _show_form(torc, workflow, facts.labels),
    )


def _show_form(torc: AppPort, workflow: Workflow, labels: Mapping[str, int]) -> None:
    from torc_tui.tui.widgets.dialogs import Form, FormField

    most = max(labels, key=labels.__getitem__, default="")
    title = f"Run {workflow.name}"
    if most:
        title += f": {count(labels[most], 'job')} of it need a runner with labels"
    others = [one for one in labels if one != most]
    hint = f"or {listed(others)}" if others else "only jobs with these labels run"
    fields = [
        FormField("labels", "labels", most, hint if most else "none", check=_labels),
        FormField("cpus", "CPUs", "", "all of the machine", check=positive_or_nothing),
        FormField("memory", "memory", "", "all of the machine", check=_memory_or_nothing),
        FormField("parallel", "jobs at once", "", "no limit", check=positive_or_nothing),
    ]

    def take(values: dict[str, str] | None) -> None:
        if values is not None:
            words = [w for name, text in values.items() if text for w in (OPTIONS[name], text)]
            line = shlex.join(["torc", "run", str(workflow.id), "--detach", *words])
            run(torc, workflow, words, line=line)

    torc.push(Form(title, fields, "Start a runner"), take)


def _memory_or_nothing(text: str) -> str | None:
    return positive_memory(text) if text else None


def _labels(text: str) -> str | None:
    """Return what is wrong with a list of labels, or None."""
    from torc_tui.workflow_file.values import InvalidValue, label

    try:
        for one in text.split(",") if text else ():
            label(one.strip())
    except InvalidValue as invalid:
        return invalid.message
    return None


def run(
    torc: AppPort, workflow: Workflow, options: Sequence[str] = (), *, line: str | None = None
) -> None:
    """Start a runner in the background with options of ``torc run``.

    ``line`` is the command line that does the same.
    """
    wf = workflow.id

    def start(store: Store, actor: str) -> Background:
        from torc_tui.operations import runners, workflows

        if workflows.needs_initialization(workflow):
            workflows.initialize(store, wf, once=True, actor=actor)
        return runners.start_runner(store, wf, options, actor=actor)

    torc.actions.run(
        start,
        line=line or shell_line(START, workflow=wf),
        report=lambda _background: START.done.format(workflow=workflow.name),
        then=lambda background: RunnerStartupCheck(torc, wf, background).watch(),
    )
