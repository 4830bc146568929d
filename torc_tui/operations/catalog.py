"""List the actions of a user: one row for each.

From a row are made, for the command line, the help, the arguments for the target, the choice of the
jobs to which the action applies, the confirmation and the answer; for the app, the entry of the
palette, the key, the confirmation and the command line that does the same. The function of a row
refuses what its `legal` and `needs` exclude, and writes one of its `events`.

The module is long because it is a table. The order of its rows is that of `CATALOG`.

To add an action: a row here, its function, and its place in `tests/operations/test_catalog.py`
if the walk over all statuses needs to know more about it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torc_tui.operations.user_action import (
    ANY,
    ActionArgument,
    Confirmation,
    Flag,
    Target,
    UserAction,
)
from torc_tui.status import (
    CANCELABLE,
    FINISHED,
    HAS_RESULT,
    HELD,
    RETRYABLE,
    UNHELD,
    UNSETTLED,
    JobStatus,
)

_WORKFLOWS = ("workflow", "workflows")
_DATA = ("data", "tree")

EXPIRED_TOO = Flag("force", "force", "take jobs from runners whose lease has expired")

_PLACES: dict[Target, tuple[str, str, str, tuple[str, ...]]] = {
    Target.JOBS: ("job", "jobs", "{jobs}", ("jobs",)),
    Target.WORKFLOW: ("workflow", "workflows", "{workflow}", _WORKFLOWS),
    Target.WORKFLOWS: ("workflow", "workflows", "{workflows}", _WORKFLOWS),
    Target.RUNNER: ("runner", "compute-nodes", "{runner}", _WORKFLOWS),
    Target.ALLOCATION: ("allocation", "slurm", "{allocation}", ("allocations",)),
    Target.QUEUE_GROUP: ("queue-group", "slurm", "{group}", ("allocations",)),
    Target.RECORD: ("data", "user-data", "{record}", _DATA),
    Target.NOTHING: ("data", "user-data", "{workflow}", _DATA),
}
"""Beginning of the id, group of commands, name in texts and contexts of actions, by target."""


def _action(target: Target, verb: str, function: str, **given: Any) -> UserAction:
    """Return a row; what is not given follows from the verb and the target."""
    kind, group, noun, contexts = _PLACES[target]
    commands = given.get("commands") or (f"{group} {verb}",)
    usual: dict[str, Any] = {
        "id": f"{kind}-{verb}",
        "commands": commands,
        "question": f"{verb.capitalize()} {noun}?",
        "shell": f"torc {commands[0]} {noun}",
        "title": verb,
        "contexts": contexts,
    }
    return UserAction(target=target, verb=verb, function=function, **usual | given)


_jobs = partial(_action, Target.JOBS)
_workflow = partial(_action, Target.WORKFLOW)
_workflows = partial(_action, Target.WORKFLOWS)
_runner = partial(_action, Target.RUNNER)
_allocation = partial(_action, Target.ALLOCATION)
_queue_group = partial(_action, Target.QUEUE_GROUP)
_record = partial(_action, Target.RECORD)

RETRY = _jobs(
    "retry",
    "operations.jobs:retry_jobs",
    events=("job_retried", "job_blocked"),
    help="Retry failed, canceled or terminated jobs",
    done="Retrying {jobs}",
    dependents="put back",
    legal=RETRYABLE,
    wants_runner=True,
    keys=("r",),
    footer=12,
)
FAIL = _jobs(
    "fail",
    "operations.jobs:fail_jobs",
    commands=(),
    events=("job_failed",),
    shell="torc jobs classify {jobs} fail",
    help="Let jobs that wait for a decision count as failed",
    question="Let {jobs} count as failed?",
    done="Failed {jobs}",
    legal=frozenset({JobStatus.PENDING_FAILED}),
    refusal="it does not wait for a decision ({status})",
)
RERUN = _jobs(
    "rerun",
    "operations.rerun_jobs:rerun_jobs",
    events=("job_rerun", "job_blocked"),
    commands=("rerun", "jobs rerun", "jobs reset-status"),
    help="Rerun finished jobs, and the jobs that used their output",
    done="Rerunning {jobs}",
    dependents="rerun",
    legal=HAS_RESULT,
    confirm=Confirmation("Results of earlier attempts are kept.", frozenset({JobStatus.COMPLETED})),
    wants_runner=True,
    keys=("ctrl+r",),
)
UPDATE = _jobs(
    "update",
    "operations.jobs:update_jobs",
    events=("job_updated", "job_update_planned"),
    help="Change what jobs request, their command, environment, priority or labels",
    done="Updated {jobs}",
    shell="torc jobs update {jobs} --command COMMAND",
    legal=UNHELD,
    refusal="it {standing}; with --when-done it changes for its next attempt",
    keys=("E",),
)
CANCEL = _jobs(
    "cancel",
    "operations.jobs:cancel_jobs",
    events=("job_canceled", "job_stop_requested"),
    help="Cancel jobs and the jobs that depend on them",
    done="Canceled {jobs}",
    legal=UNSETTLED,
    confirm=Confirmation("Running jobs are stopped."),
    dependents="canceled",
    keys=("c",),
    footer=14,
)
TERMINATE = _jobs(
    "terminate",
    "operations.jobs:terminate_jobs",
    events=("job_stop_requested",),
    help="Terminate running jobs (SIGTERM, then SIGKILL)",
    done="Terminating {jobs}",
    legal=HELD,
    refusal="it is not running ({status})",
    confirm=Confirmation("They get SIGTERM, and SIGKILL after the grace period."),
    keys=("t",),
)
HOLD = _jobs(
    "hold",
    "operations.job_holds:hold_jobs",
    events=("job_held",),
    help="Keep jobs from starting until they are released",
    done="Held {jobs}",
    legal=CANCELABLE,
    keys=("h",),
    vim=("H",),
    footer=40,
)
RELEASE = _jobs(
    "release",
    "operations.job_holds:release_jobs",
    events=("job_released",),
    help="Let held jobs start again",
    done="Released {jobs}",
    flag="held",
    refusal="it is not held",
    wants_runner=True,
    keys=("u",),
    footer=40,
)
HOLD_AFTER = _jobs(
    "hold the jobs after",
    "operations.job_holds:hold_after",
    id="job-hold-after",
    events=("job_held",),
    commands=("jobs hold-after",),
    help="Hold the jobs that depend directly on jobs, until they are released",
    done="Held the jobs after {jobs}",
    title="hold after",
    keys=("a",),
)
RELEASE_AFTER = _jobs(
    "release the jobs after",
    "operations.job_holds:release_after",
    id="job-release-after",
    events=("job_released",),
    commands=("jobs release-after",),
    help="Let held jobs that depend directly on jobs start again",
    done="Released the jobs after {jobs}",
    title="release after",
    wants_runner=True,
    keys=("A",),
)
SUSPEND = _jobs(
    "suspend",
    "operations.job_holds:suspend_jobs",
    events=("job_suspended",),
    help="Suspend running jobs (SIGSTOP); they keep their resources",
    done="Suspended {jobs}",
    legal=frozenset({JobStatus.RUNNING}),
    refusal="it is not running ({status})",
    wants_runner=True,
    keys=("Z",),
)
RESUME_JOBS = _jobs(
    "resume",
    "operations.job_holds:resume_jobs",
    events=("job_resumed",),
    help="Let suspended jobs continue (SIGCONT)",
    done="Resumed {jobs}",
    title="resume job",
    legal=frozenset({JobStatus.RUNNING}),
    flag="suspended",
    refusal="it is not suspended",
    wants_runner=True,
    keys=("F",),
)
PRIORITY = _jobs(
    "set the priority of",
    "operations.jobs:set_priority",
    id="job-priority",
    events=("job_priority",),
    commands=("jobs priority",),
    help="Set the priority of jobs; jobs with a higher priority start first",
    question="Set the priority of {jobs} to {argument}?",
    done="Set the priority of {jobs} to {argument}",
    shell="torc jobs priority {argument} {jobs}",
    title="priority",
    legal=CANCELABLE,
    argument=ActionArgument(
        "priority", int, "a whole number; jobs with a higher priority start first"
    ),
    keys=("p",),
)
DISABLE = _jobs(
    "disable",
    "operations.jobs:disable_jobs",
    events=("job_disabled",),
    help="Disable jobs: they do not run, and their dependents do not wait for them",
    done="Disabled {jobs}",
    legal=CANCELABLE | RETRYABLE,
    confirm=Confirmation("They do not run; jobs that depend on them start without them."),
    keys=("x",),
)
ENABLE = _jobs(
    "enable",
    "operations.jobs:enable_jobs",
    events=("job_ready", "job_blocked"),
    help="Enable disabled jobs again",
    done="Enabled {jobs}",
    legal=frozenset({JobStatus.DISABLED}),
    refusal="it is not disabled ({status})",
    wants_runner=True,
    keys=("e",),
)
ACCEPT = _jobs(
    "accept",
    "operations.rerun:accept_jobs",
    events=("job_accepted",),
    commands=("accept", "jobs accept"),
    help="Accept the files, data and commands of completed jobs as up to date",
    question="Accept the present state of {jobs}?",
    done="Accepted the present state of {jobs}",
    legal=frozenset({JobStatus.COMPLETED}),
    refusal="it is not completed ({status})",
)
INITIALIZE = _workflow(
    "initialize",
    "operations.workflows:initialize",
    events=("workflow_initialized",),
    commands=("init", "workflows init", "workflows initialize", "workflows initialize-jobs"),
    help="Initialize a workflow: check its files and make its jobs ready to run",
    done="Initialized {workflow}",
    shell="torc workflows init {workflow}",
    legal=UNHELD,
    archived=False,
    refusal="{running}",
    hint="wait for them, or cancel them with `torc cancel {workflow}`",
    confirm=Confirmation("Its finished jobs run again, all of them.", FINISHED),
    keys=("I",),
)
REINITIALIZE = _workflow(
    "reinitialize",
    "operations.rerun:reinitialize",
    events=("workflow_initialized",),
    commands=("reinit", "workflows reinit", "workflows reinitialize"),
    help="Make the stale jobs of a workflow ready to run again",
    done="Reinitialized {workflow}",
    title="rerun stale",
    legal=UNHELD,
    archived=False,
    refusal="{running}",
    hint="wait for them, or cancel them with `torc cancel {workflow}`",
)
START = _workflow(
    "run",
    "operations.runners:start_runner",
    events=("node_requested",),
    commands=(),
    help="Start a runner in the background; it continues when the app is closed",
    done="Started a runner of {workflow} in the background",
    shell="torc run {workflow} --detach",
    archived=False,
    keys=("R",),
    footer=10,
)
STOP = _workflow(
    "stop",
    "operations.runners:stop_runners",
    events=("node_stop_requested",),
    help="Stop the runners of a workflow; another run continues its jobs",
    question="Stop the runners of {workflow}?",
    done="Asked the runners of {workflow} to stop",
    refusal="it has no active runner",
    flags=(Flag("now", "hard", "kill running jobs without a grace period"),),
    confirm=Confirmation("Running jobs are stopped, and run again with the next runner.", HELD),
    keys=("X",),
    footer=10,
)
PAUSE = _workflow(
    "pause",
    "operations.workflows:pause_workflow",
    events=("workflow_paused",),
    help="Pause a workflow: running jobs continue, no new job starts",
    done="Paused {workflow}: no new job starts",
    sets=("is_paused", True),
    keys=("P",),
)
RESUME = _workflow(
    "resume",
    "operations.workflows:resume_workflow",
    events=("workflow_resumed",),
    help="Resume a paused workflow",
    done="Resumed {workflow}",
    sets=("is_paused", False),
    keys=("P",),
)
CANCEL_WORKFLOW = _workflow(
    "cancel",
    "operations.allocation_control:cancel_workflow",
    events=("workflow_canceled",),
    commands=("cancel", "workflows cancel"),
    help="Cancel a workflow: running jobs are stopped, no new job starts",
    question="Cancel {jobs} of {workflow}?",
    done="Canceled {jobs} of {workflow}",
    shell="torc workflows cancel {workflow}",
    needs=UNSETTLED,
    refusal="all its jobs have finished",
    flags=(EXPIRED_TOO,),
    confirm=Confirmation("Waiting jobs are canceled and running jobs are stopped."),
    keys=("C",),
)
ARCHIVE = _workflows(
    "archive",
    "operations.workflows:archive_workflows",
    events=("workflow_archived",),
    commands=(),
    help="Archive a workflow: lists do not show it",
    done="Archived {workflows}",
    shell="torc workflows archive true {workflows}",
    sets=("is_archived", True),
)
RESTORE = _workflows(
    "restore",
    "operations.workflows:restore_workflows",
    events=("workflow_archived",),
    commands=(),
    help="Restore an archived workflow to the lists",
    done="Restored {workflows}",
    shell="torc workflows archive false {workflows}",
    sets=("is_archived", False),
)
DELETE = _workflows(
    "delete",
    "operations.allocation_control:delete_workflows",
    events=(),
    commands=("delete", "workflows delete"),
    help="Delete workflows and all their data",
    done="Deleted {workflows}",
    shell="torc workflows delete {workflows}",
    legal=UNHELD,
    refusal="{running}",
    hint="cancel them first: `torc cancel {workflow}`",
    flags=(EXPIRED_TOO,),
    confirm=Confirmation("Jobs, results, user data and events are deleted; log files are kept."),
    keys=("D",),
)
UPDATE_WORKFLOW = _workflow(
    "update",
    "operations.workflow_update:update_from_plan",
    id="workflow-update",
    events=("workflow_changed",),
    commands=("update", "workflows update-from-file"),
    help="Change a workflow to what its file says now; valid results stay",
    done="Updated {workflow}",
    shell="torc update {workflow} FILE",
    archived=False,
    contexts=(),
)
RENAME = _workflow(
    "update",
    "store.workflows:update_workflow",
    id="workflow-rename",
    events=("workflow_updated",),
    help="Change the name, description or other attributes of a workflow",
    done="Updated {workflow}",
    shell="torc workflows update {workflow} --name NAME",
    title="rename",
)
RESIZE = _runner(
    "resize",
    "operations.runners:resize_runner",
    id="workflow-resize",
    events=("node_resized",),
    help="Change how much of its machine a runner may use",
    done="Resized {runner}",
    shell="torc compute-nodes resize {runner} --num-cpus N",
    refusal="it is not active",
)
STOP_RUNNER = _runner(
    "stop",
    "operations.runners:stop_runner",
    events=("node_stop_requested",),
    help="Stop one runner; other runners, or another run, continue its jobs",
    done="Asked {runner} to stop",
    title="stop runner",
    refusal="it is not active",
    flags=(Flag("now", "hard", "kill running jobs without a grace period"),),
    confirm=Confirmation("Its running jobs are stopped, and run again with another runner."),
    contexts=("runners",),
    keys=("X",),
    footer=3,
)
DROP = _runner(
    "drop",
    "operations.lost_runners:drop_runner",
    events=("node_lost",),
    help="Take the jobs from a runner that is lost, or whose lease has expired",
    done="Dropped {runner}",
    flags=(Flag("force", "force", "also if it is alive: its running jobs are killed"),),
    confirm=Confirmation("Its jobs run again, or fail if the workflow file says so."),
)
CANCEL_ALLOCATION = _allocation(
    "cancel",
    "operations.allocation_control:cancel_allocation",
    events=("allocation_ended",),
    help="Cancel allocations",
    done="Canceled {allocation}",
    title="cancel allocation",
    refusal="it has ended",
    confirm=Confirmation("Its running jobs are stopped, and run again in another allocation."),
    keys=("x",),
    footer=3,
)
MORE_NODES = _allocation(
    "request",
    "operations.allocation_actions:request_like",
    id="allocation-more",
    commands=(),
    events=("allocation_requested",),
    help="Request more allocations like this one",
    question="Request {argument} more like {allocation}?",
    done="Requested {argument} more like {allocation}",
    shell="torc slurm schedule-nodes {workflow} --like {allocation} -n {argument}",
    title="more nodes",
    argument=ActionArgument("number", int, "how many allocations"),
    keys=("+",),
    footer=4,
)
PAUSE_GROUP = _queue_group(
    "pause",
    "operations.allocation_control:pause_group",
    events=("queue_group_paused",),
    help="Request no more allocations for queue groups",
    question="Pause queue group {group}?",
    done="Paused queue group {group}: no more allocations are requested",
    shell="torc slurm pause {workflow} {group}",
    title="pause",
    sets=("is_paused", True),
    keys=("p",),
    footer=5,
)
RESUME_GROUP = _queue_group(
    "resume",
    "operations.allocation_control:resume_group",
    events=("queue_group_resumed",),
    help="Request allocations for queue groups again",
    question="Resume queue group {group}?",
    done="Resumed queue group {group}",
    shell="torc slurm resume {workflow} {group}",
    title="resume group",
    sets=("is_paused", False),
    keys=("p",),
    footer=5,
)
SYNC_STATUS = _workflow(
    "synchronize",
    "operations.lost_runners:sync_status",
    id="workflow-sync-status",
    events=("node_lost",),
    commands=("workflows sync-status",),
    help="Take the jobs from all lost runners of a workflow",
    question="Synchronize the status of {workflow}?",
    done="Synchronized the status of {workflow}",
    title="sync status",
    flags=(EXPIRED_TOO,),
)
CORRECT_RESOURCES = _workflow(
    "correct the resources of",
    "operations.resource_correction:correct_resources",
    id="workflow-correct-resources",
    events=("requirements_updated",),
    commands=("workflows correct-resources",),
    help="Correct the resource requirements of a workflow by what its jobs used",
    question="Correct the resource requirements of {workflow}?",
    done="Corrected the resource requirements of {workflow}",
    title="correct resources",
    archived=False,
    contexts=(),
)
CREATE_RECORD = _action(
    Target.NOTHING,
    "create",
    "store.user_data_records:create",
    id="data-new",
    events=("user_data_created",),
    help="Create a record",
    question="Create the record?",
    done="Created {record}",
    shell="torc user-data create {workflow} --name NAME",
    title="new record",
    contexts=("data",),
    keys=("a",),
    footer=36,
)
UPDATE_RECORD = _record(
    "update",
    "store.user_data:update",
    id="data-edit",
    events=("user_data_updated",),
    help="Change the value, the name or the ephemeral flag of a record",
    done="Updated {record}",
    shell="torc user-data update {record} --data JSON",
    title="edit",
    keys=("e",),
    footer=4,
)
CLEAR_RECORD = _record(
    "clear",
    "store.user_data:update",
    events=("user_data_updated",),
    commands=(),
    help="Set a record to null; its history keeps the value",
    question="Set {record} to null?",
    done="Set {record} to null",
    shell="torc user-data update {record} --data null",
    title="set to null",
    fixed={"data": None},
    confirm=Confirmation("The history keeps the value."),
    contexts=("data",),
    keys=("x",),
)
DELETE_RECORD = _record(
    "delete",
    "store.user_data_records:delete",
    events=("user_data_deleted",),
    help="Delete a record and its history",
    done="Deleted {record}",
    title="delete record",
    confirm=Confirmation("Its history is deleted with it."),
    contexts=("data",),
    keys=("d",),
)
RESTORE_RECORD = _record(
    "restore",
    "store.user_data_records:restore",
    events=("user_data_updated",),
    help="Give a record the value of an earlier version",
    question="Restore version {argument} of {record}?",
    done="Restored version {argument} of {record}",
    shell="torc user-data restore {record} {argument}",
    argument=ActionArgument("version", int, "the number of a version"),
    contexts=("data",),
    keys=("r",),
    footer=3,
)

CATALOG = tuple(row for row in list(globals().values()) if isinstance(row, UserAction))
BY_ID = {action.id: action for action in CATALOG}


def update_action(*, when_done: bool) -> UserAction:
    """Return the row of updates; with ``when_done``, it also applies to running jobs."""
    return UPDATE._replace(legal=ANY) if when_done else UPDATE


def rerun_action(*, stop: bool) -> UserAction:
    """Return the row of reruns; with ``stop``, it also applies to running jobs."""
    return RERUN._replace(legal=RERUN.legal | HELD) if stop else RERUN
