"""Actions on runners: stop, resize and drop one.

Input: a workflow, or one of its runners. Output: a question or a form, the action in the reader
thread, and its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from torc_tui.model import Workflow
from torc_tui.operations.catalog import DROP, STOP_RUNNER
from torc_tui.operations.user_action import UserAction, function_of, shell_line
from torc_tui.tui.frame.ports import AppPort, PaneHost
from torc_tui.tui.workflows.workflow_questions import confirm
from torc_tui.tuples import NamedTuple
from torc_tui.units import format_memory, parse_memory
from torc_tui.wording import count, listed, size

if TYPE_CHECKING:
    from torc_tui.store.database import Store
    from torc_tui.tui.widgets.dialogs import FoundRow


class RunnerSize(NamedTuple):
    """An active runner, and how much of its machine it may use."""

    id: int
    hostname: str
    num_cpus: int
    memory: int
    max_parallel_jobs: int | None

    def __str__(self) -> str:
        limit = f", at most {self.max_parallel_jobs} jobs at once" if self.max_parallel_jobs else ""
        return f"{self.num_cpus} CPUs, {size(self.memory)}{limit}"


def resize(torc: AppPort, workflow: Workflow) -> None:
    """Change how much a runner may use."""
    choose_runner(torc, workflow, partial(resize_runner, torc))


def drop(torc: AppPort, workflow: Workflow) -> None:
    """Drop a runner after confirmation."""
    choose_runner(torc, workflow, partial(drop_runner, torc))


def choose_runner(torc: AppPort, workflow: Workflow, then: Callable[[RunnerSize], None]) -> None:
    """Pass on the active runner of a workflow; ask which one where there are several."""

    def found(runners: list[RunnerSize]) -> None:
        if not runners:
            torc.notify(f"{workflow.name} has no active runner", severity="error")
        elif len(runners) == 1:
            then(runners[0])
        else:
            from torc_tui.tui.widgets.dialogs import Finder

            torc.push(
                Finder("Which runner?", lambda typed: _matching(runners, typed)),
                lambda chosen: None if chosen is None else then(chosen),
            )

    read_runners(torc, workflow, found)


def read_runners(
    torc: AppPort, workflow: Workflow, then: Callable[[list[RunnerSize]], None]
) -> None:
    """Pass on the active runners of a workflow, also lost ones: they can be dropped."""
    torc.actions.read(
        lambda store, actor: read_runners_of(store, workflow.id, also_lost=True), then=then
    )


def _matching(runners: list[RunnerSize], typed: str) -> list[FoundRow[RunnerSize]]:
    rows = [(one, f"runner {one.id} on {one.hostname}", str(one), "") for one in runners]
    return [row for row in rows if typed.lower() in row[1].lower()]


def read_runners_of(store: Store, workflow_id: int, *, also_lost: bool = False) -> list[RunnerSize]:
    """Return the active runners of a workflow, perhaps with those that are proven to be lost."""
    from torc_tui.operations.runners import active_runners
    from torc_tui.store import compute_nodes

    alive = {node.id for node in active_runners(store, workflow_id)}
    out = []
    with store.read() as conn:
        for node in compute_nodes.active(conn, workflow_id):
            if node.id not in alive and not also_lost:
                continue
            orders = compute_nodes.orders(conn, node.id)
            if orders is not None:
                limit = orders.options.get("max_parallel_jobs")
                size = (orders.num_cpus, orders.memory, limit)
                out.append(RunnerSize(node.id, node.hostname, *size))
    return out


def resize_runner(torc: AppPort, runner: RunnerSize) -> None:
    """Ask for the size of a runner, and change it."""
    from torc_tui.tui.widgets.dialogs import Form, FormField

    def take(values: dict[str, str] | None) -> None:
        if values is None:
            return
        cpus, memory = int(values["cpus"]), parse_memory(values["memory"])
        parallel = int(values["parallel"] or 0)

        def act(store: Store, actor: str) -> RunnerSize:
            from torc_tui.operations import runners

            runners.resize_runner(
                store,
                runner.id,
                num_cpus=cpus,
                memory=memory,
                max_parallel_jobs=parallel,
                actor=actor,
            )
            return runner._replace(num_cpus=cpus, memory=memory, max_parallel_jobs=parallel or None)

        size = f"--num-cpus {cpus} --memory {values['memory']} --max-parallel-jobs {parallel}"
        torc.actions.run(
            act,
            line=f"torc compute-nodes resize {runner.id} {size}",
            report=lambda now: f"runner {now.id} may use {now}; running jobs continue",
        )

    limit = str(runner.max_parallel_jobs or "")
    fields = [
        FormField("cpus", "CPUs", str(runner.num_cpus), check=_positive),
        FormField(
            "memory", "memory", format_memory(runner.memory), "such as 16g", check=positive_memory
        ),
        FormField("parallel", "jobs at once", limit, "no limit", check=positive_or_nothing),
    ]
    torc.push(Form(f"Runner {runner.id} on {runner.hostname}", fields, "Resize the runner"), take)


def _positive(text: str) -> str | None:
    return None if text.isdecimal() and 0 < int(text) < 1 << 31 else "enter a number above 0"


def positive_or_nothing(text: str) -> str | None:
    """Return what is wrong with an optional number, or None."""
    return None if not text else _positive(text)


def positive_memory(text: str) -> str | None:
    """Return what is wrong with a memory size, or None."""
    try:
        return None if parse_memory(text) > 0 else "must be greater than 0"
    except ValueError as error:
        return ": ".join(map(str, error.args))


def drop_runner(torc: AppPort, runner: RunnerSize) -> None:
    """Drop a runner after confirmation."""
    _confirm_action(torc, DROP, runner, [])


class RunnerCommands:
    """The commands of the list of runners in the tab of the machine."""

    def __init__(self, host: PaneHost) -> None:
        self._host = host
        self._stopped: set[int] = set()
        """Runners that were asked to stop: the next stop kills."""

    def run(self, command: str, node_id: int) -> None:
        """Run a command on a runner, if the runner is still active."""
        torc, workflow = self._host.torc, self._host.workflow
        if workflow is None:
            return

        def found(runners: list[RunnerSize]) -> None:
            runner = next((one for one in runners if one.id == node_id), None)
            if runner is None:
                torc.notify(f"runner {node_id} is not active", severity="error")
            elif command == "runners-resize":
                resize_runner(torc, runner)
            elif command == "runners-drop":
                drop_runner(torc, runner)
            else:
                self._stop(runner, [one for one in runners if one is not runner])

        read_runners(torc, workflow, found)

    def _held(self, node_id: int) -> list[str]:
        """Return the names of the jobs that a runner runs."""
        view = self._host.view
        running = () if view is None else (view.jobs[key] for key in sorted(view.running))
        return [job.name for job in running if job.compute_node_id == node_id]

    def _stop(self, runner: RunnerSize, others: list[RunnerSize]) -> None:
        hard, held = runner.id in self._stopped, self._held(runner.id)
        about = [f"It runs {count(len(held), 'job')}: {listed(held)}."] if held else []
        about.append(
            f"{_named(others[0])} continues{' with the others' if len(others) > 1 else ''}."
            if others
            else "No other runner is active: nothing starts until another one is started."
        )
        about += ["It was asked to stop before: now its jobs are killed."] if hard else []

        def stopped() -> None:
            self._stopped.add(runner.id)

        _confirm_action(self._host.torc, STOP_RUNNER, runner, about, hard=hard, then=stopped)


def _named(runner: RunnerSize) -> str:
    return f"runner {runner.id} on {runner.hostname}"


def _confirm_action(
    torc: AppPort,
    action: UserAction,
    runner: RunnerSize,
    about: Sequence[str],
    *,
    hard: bool = False,
    then: Callable[[], None] = lambda: None,
) -> None:
    """Carry out an action on a runner after a question that names what follows."""
    flags = {"hard": True} if hard else {}
    line = f"{shell_line(action, runner=runner.id)}{' --now' if hard else ''}"

    def act() -> None:
        torc.actions.run(
            lambda store, actor: function_of(action)(store, runner.id, actor=actor, **flags),
            line=line,
            report=lambda _result: action.done.format(runner=_named(runner)),
            then=lambda _result: then(),
        )

    reason = [action.confirm.reason] if action.confirm is not None else []
    question = action.question.format(runner=_named(runner))
    confirm(torc, question, [*reason, *about], action.title.capitalize(), act)
