"""List the commands: parsers, help and shell completions are made from this table.

A handler is named as ``module:function`` below ``torc_tui.cli`` and imported when its command is
called. The rows of user actions come from `torc_tui.operations.catalog`.

Never: work, or an import that takes time.

The table stays in one module although it is long: every row is data, and a reader looks for the
row of a command, not for a group.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torc_tui.cli.arguments import (
    COUNT,
    DURATION,
    FACTOR,
    FILE,
    GIB,
    GROWTH,
    INTEGER,
    JOB,
    LISTING,
    MOMENT,
    NO_CHECKS,
    NO_PROMPTS,
    OF_WORKFLOW,
    OFFSET,
    ORDER,
    PERCENT,
    POSITIVE,
    RECORD,
    SECONDS,
    SIZE,
    SPAN,
    TEMPLATES,
    WORKFLOW,
    WORKFLOWS,
    Argument,
    arg,
    flag,
    label,
)
from torc_tui.operations import catalog
from torc_tui.operations.user_action import Target, UserAction

LIST = ("table", "json", "json-items", "csv")
TABLE = ("table", "json")
TEXT = ("text", "json")
FORMATS = (*LIST, "text", "mermaid", "dot", "svg", "html", "md")
"""Every format that some command prints."""


class Command(NamedTuple):
    """One command.

    ``names`` are its full names (``workflows init``); help shows the first one. ``formats`` are the
    values of ``-f``, the default first. With ``follow``, ``-f`` without a format means follow. A
    command that ``changes`` something, as all actions do, never guesses which workflow is meant.
    """

    names: tuple[str, ...]
    handler: str
    help: str
    arguments: tuple[Argument, ...] = ()
    formats: tuple[str, ...] = TABLE
    follow: bool = False
    action: UserAction | None = None
    changes: bool = False


def _of(
    action: UserAction, handler: str, *arguments: Argument, formats: tuple[str, ...] = TABLE
) -> Command:
    """Return the command of a user action with special arguments and handler."""
    return Command(action.commands, handler, action.help, arguments, formats, action=action)


SOME_JOBS = arg(
    "jobs",
    nargs="*",
    metavar="JOB",
    help="names, WORKFLOW/NAME, or ids; with a filter, the workflow",
)
FILTERS = (
    arg("-s", "--status", metavar="STATUS", help="jobs with one of these: failed,terminated"),
    flag("--failed", help="jobs that failed or were canceled or terminated"),
    arg("--return-code", type=INTEGER, help="jobs whose last attempt ended with this return code"),
    arg("--group", metavar="GROUP", help="jobs of a job group, or jobs such as train_*"),
    arg(
        "--cause",
        metavar="CAUSE",
        help="jobs whose last attempt ended because of this, such as timeout, oom or lost",
    ),
    arg("--where", metavar="FILTER", help="jobs that match a filter of the app, such as 'cpu>4'"),
)
"""Select jobs instead of naming them."""
DRY_RUN = flag("--dry-run", help="only show the jobs; change nothing")

_TARGETS = {
    Target.WORKFLOW: ("actions:on_workflow", (WORKFLOW,)),
    Target.WORKFLOWS: ("actions:on_workflows", (WORKFLOWS,)),
}
_KINDS: dict[type, Any] = {int: INTEGER}


def _made(action: UserAction) -> Command:
    """Return the command of a user action on workflows, as its row defines it."""
    handler, target = _TARGETS[action.target]
    arguments = [*_argument_of(action), *target]
    arguments += [flag(f"--{one.name}", help=one.help) for one in action.flags]
    if action.confirm is not None:
        arguments.append(NO_PROMPTS)
    return _of(action, handler, *arguments)


def _on_jobs(action: UserAction) -> Command:
    """Return the command of a user action on jobs, as its row defines it."""
    target = (SOME_JOBS, OF_WORKFLOW, *FILTERS, DRY_RUN, NO_PROMPTS)
    return _of(action, "actions:on_jobs", *_argument_of(action), *target)


def _argument_of(action: UserAction) -> list[Argument]:
    given = action.argument
    if given is None:
        return []
    return [arg(given.name, type=_KINDS[given.kind], metavar="N", help=given.help)]


_RUNNING = (
    arg("--num-cpus", type=POSITIVE, help="CPUs to use (default: all)"),
    arg("--memory-gb", type=GIB, help="memory to use (default: all)"),
    arg("--num-gpus", type=COUNT, help="GPUs to use (default: all)"),
    arg(
        "--max-parallel-jobs",
        type=POSITIVE,
        help="run at most N jobs at once, in addition to the other limits",
    ),
    arg(
        "--time-limit",
        type=SPAN,
        help="stop after this time: seconds, or a duration such as PT4H",
    ),
    arg("--end-time", type=MOMENT, help="stop at 18:30, or 2030-01-31T18:30"),
    arg(
        "-o",
        "--output-dir",
        metavar="DIR",
        help="directory of the logs (default: torc_output)",
        complete="directory",
    ),
    arg("-p", "--poll-interval", type=SECONDS, help="accepted for compatibility, without effect"),
    arg(
        "--grace",
        type=SPAN,
        help="time from SIGTERM to SIGKILL when jobs are stopped (default: 30 s)",
    ),
    arg(
        "--gpu-foreign",
        choices=("avoid", "ignore"),
        help="avoid GPUs that other programs use, or ignore those programs",
    ),
    arg("--gpu-headroom", metavar="SIZE", help="memory that each job gets in addition on a GPU"),
    arg("--gpu-idle-memory", metavar="SIZE", help="memory of others on a GPU that counts as free"),
    arg(
        "--gpu-packing",
        choices=("spread", "pack"),
        help="spread shares over idle GPUs, or pack them on one",
    ),
    arg(
        "--gpu-wait",
        type=SPAN,
        help="wait this long for a GPU driver that does not answer (default: 2 min)",
    ),
    arg(
        "--virtual-gpus",
        type=COUNT,
        help="schedule with N GPUs that do not exist, on a machine without a GPU driver",
    ),
    flag("--gpu-by-index", help="name GPUs by index in CUDA_VISIBLE_DEVICES, not by UUID"),
    flag("--no-limit-resources", help="count memory and runtime, but do not enforce them"),
    arg(
        "--on-oom",
        type=GROWTH,
        help="retry jobs that run out of memory with more of it, such as x1.5",
    ),
    arg(
        "--on-timeout",
        type=GROWTH,
        help="retry jobs that run longer than their runtime with more of it, such as x1.5",
    ),
    flag("-q", "--quiet", help="show no progress"),
    flag("--detach", help="run in the background"),
    flag(
        "--notify",
        help="notify at the end, by bell and desktop or as [notify] says",
    ),
    flag("--no-notify", help="do not notify at the end"),
)
_SET = arg(
    "--set",
    action="append",
    metavar="NAME=VALUE",
    help="set a variable or a parameter of the file (repeatable)",
)
_CREATING = (
    _SET,
    flag("--no-resource-monitoring", help="do not measure the resources that jobs use"),
    NO_CHECKS,
    flag("--dry-run", help="check the file and show what would be created"),
)
_EXIT_STATUS = flag(
    "--exit-status", help="exit with 1 if a job did not succeed, 3 if not all have finished"
)
_ID = arg("id", type=POSITIVE, metavar="ID")

WORKFLOW_COMMANDS = (
    Command(
        ("create", "workflows create", "workflows create-from-spec"),
        "create:create",
        "Create a workflow from a file",
        (
            FILE,
            arg("-n", "--name", type=label, help="name (default: the name in the file)"),
            *_CREATING,
            flag("--commands", help="with --dry-run: print the command of every job"),
        ),
    ),
    Command(
        ("new",),
        "new_file:new_file",
        "Write a commented workflow file to start from",
        (
            arg(
                "template",
                nargs="?",
                choices=TEMPLATES,
                metavar="TEMPLATE",
                help=f"{', '.join(TEMPLATES[:-1])} or {TEMPLATES[-1]} (default: {TEMPLATES[0]})",
            ),
            arg("-o", "--output", metavar="FILE", help="file to write", complete="file"),
        ),
    ),
    Command(
        ("validate", "workflows validate"),
        "create:validate",
        "Check a workflow file without creating a workflow",
        (FILE, _SET),
    ),
    _of(
        catalog.INITIALIZE,
        "create:init",
        WORKFLOW,
        flag(
            "--force",
            help="initialize even if files are missing or expired runners hold jobs",
        ),
        flag("--dry-run", help="only check"),
        NO_PROMPTS,
    ),
    Command(
        ("run", "workflows run", "workflows start", "run-jobs"),
        "run:run",
        "Run a workflow file or a workflow",
        (
            arg(
                "what",
                nargs="?",
                metavar="FILE|WORKFLOW",
                help="workflow file (- for standard input), or id or name of a workflow",
                complete="file",
            ),
            *_RUNNING,
            NO_CHECKS,
            flag("--force", help="run even if files are missing or another runner is active"),
            _SET,
            flag("--new", help="create a new workflow, also if the file was run before"),
            flag("--update", help="update the workflow that was created from the file before"),
            flag("--stale", help="run the stale jobs of a finished workflow again"),
            flag("--keep", help="keep the results of a finished workflow even if jobs are stale"),
            flag("--tui", help="open the app on the workflow"),
        ),
        changes=True,
    ),
    Command(
        ("status", "workflows status"),
        "workflow_status:status",
        "Show the status of a workflow",
        (WORKFLOW, _EXIT_STATUS),
    ),
    Command(
        ("wait", "workflows wait"),
        "workflow_status:wait",
        "Wait until all jobs of a workflow have finished",
        (
            WORKFLOW,
            arg(
                "--timeout",
                type=SPAN,
                help="wait at most this long: seconds, or a duration such as PT4H",
            ),
        ),
        formats=TEXT,
    ),
    _made(catalog.CANCEL_WORKFLOW),
    _of(
        catalog.DELETE,
        "actions:on_workflows",
        WORKFLOWS,
        *(flag(f"--{one.name}", help=one.help) for one in catalog.DELETE.flags),
        flag("--logs", help="also delete the log files of their jobs"),
        flag("--keep-logs", help="keep the log files, without a question (default in scripts)"),
        NO_PROMPTS,
    ),
    Command(
        ("plan", "workflows plan"),
        "rerun:plan",
        "Show which jobs of a workflow are stale, and why",
        (
            arg(
                "what",
                nargs="?",
                metavar="WORKFLOW|FILE",
                help="id, name or workflow file (default: the newest workflow)",
                complete="file",
            ),
            arg("job", nargs="?", metavar="JOB", help="only this job, with all evidence"),
            flag("--check", help="exit with 1 if a job is stale"),
        ),
        formats=TEXT,
    ),
    _of(
        catalog.REINITIALIZE,
        "rerun:reinit",
        WORKFLOW,
        flag("--force", help="reinitialize even if files that jobs read are missing"),
        flag("--dry-run", help="only show which jobs are stale"),
    ),
    _of(
        catalog.UPDATE_WORKFLOW,
        "update:update",
        arg(
            "words",
            nargs="+",
            metavar="[WORKFLOW] FILE",
            help="workflow file; id or name of the workflow (default: the newest made from it)",
            complete="file",
        ),
        _SET,
        flag("--dry-run", help="only show what would change"),
        formats=TEXT,
    ),
    Command(
        ("diff", "workflows diff"),
        "diff:diff",
        "Show what users have changed since the workflow file, as lines for the file",
        (WORKFLOW,),
        formats=TEXT,
    ),
    Command(
        ("why",),
        "why:why",
        "Explain why a job is waiting, failed or unschedulable",
        (JOB, OF_WORKFLOW),
    ),
    Command(
        ("logs", "jobs logs"),
        "logs:logs",
        "Show the output of a job; search, bundle or analyze the output of all jobs",
        (
            arg(
                "words",
                nargs="*",
                metavar="JOB",
                help="name, WORKFLOW/NAME, or id; or bundle [WORKFLOW]; or analyze [WORKFLOW|PATH]",
            ),
            OF_WORKFLOW,
            arg("-a", "--attempt", type=POSITIVE, help="number of the attempt (default: the last)"),
            arg("-r", "--run-id", type=POSITIVE, help="number of the run (default: the last)"),
            flag("--stdout", help="only standard output"),
            flag("--stderr", help="only standard error"),
            arg("-n", "--lines", type=COUNT, help="only the last N lines"),
            flag("--follow", help="continue until the job ends (also -f)"),
            flag("--path", help="print the paths of the log files"),
            arg("--grep", metavar="REGEX", help="search the last output of all jobs, or of JOB"),
            flag("--failed", help="only output of failed jobs (search and bundle)"),
            arg(
                "--group",
                metavar="GROUP",
                help="only output of a job group or of jobs such as train_*",
            ),
            arg("-C", "--context", type=COUNT, metavar="N", help="lines around a match"),
            flag("-l", "--files-with-matches", help="print only the names of jobs that match"),
            arg("-o", "--output", metavar="FILE", help="bundle to write", complete="file"),
        ),
        formats=TEXT,
        follow=True,
    ),
    Command(
        ("graph", "workflows graph"),
        "graph:graph",
        "Show the dependency graph of a workflow",
        (
            WORKFLOW,
            flag("--no-fold", help="draw every job of a job group"),
            flag("--data", help="include files and user data"),
            flag("--direct", help="omit dependencies that follow from others"),
        ),
        formats=("text", "mermaid", "dot", "svg", "json"),
    ),
    Command(
        ("plot",),
        "plot:plot",
        "Plot what jobs or machines used over time, or requested and used of job groups",
        (
            arg("words", nargs="*", metavar="JOB|WORKFLOW", help="jobs, or one workflow"),
            OF_WORKFLOW,
            flag("--machine", help="plot the machines of the runners"),
            arg("-a", "--attempt", type=POSITIVE, help="number of the attempt (default: the last)"),
            arg("-r", "--run-id", type=POSITIVE, help="number of the run (default: the last)"),
            arg("-o", "--output", help="file to write", complete="file"),
        ),
        formats=("text", "svg", "html", "csv", "json"),
    ),
    Command(
        ("report", "workflows report"),
        "report:report",
        "Write a report on a workflow into one file: results, timeline, failures, resources",
        (
            WORKFLOW,
            arg("-o", "--output", help="file to write (default: standard output)", complete="file"),
        ),
        formats=("html", "md", "json"),
    ),
    Command(
        ("resources",),
        "resources:resources",
        "Show the resources of this machine and the jobs that hold them",
    ),
    Command(
        ("workflows check-resources", "reports check-resource-utilization"),
        "resource_use:check",
        "List jobs that used more than they requested",
        (
            WORKFLOW,
            arg("-r", "--run-id", type=POSITIVE, help="number of the run (default: the last)"),
            flag("-a", "--all", help="also list what stayed within the request"),
            flag("--include-failed", help="include jobs that did not succeed"),
            arg(
                "--min-over-utilization",
                type=PERCENT,
                help="list only what exceeds the request by more than this (default: 1)",
            ),
        ),
    ),
    _of(
        catalog.CORRECT_RESOURCES,
        "resource_use:correct",
        WORKFLOW,
        *(
            arg(f"--{name}-multiplier", type=FACTOR, help=f"factor for {what} (default: 1.2)")
            for name, what in (
                ("memory", "the highest memory"),
                ("cpu", "the highest use of CPUs"),
                ("runtime", "the longest runtime"),
            )
        ),
        arg("--job-ids", nargs="+", metavar="JOB", help="judge only by these jobs"),
        flag("--no-downsize", help="do not lower any request"),
        flag("--split", help="give job groups that need something else entries of their own"),
        flag("--dry-run", help="only show the changes"),
    ),
    Command(
        ("workflows list",),
        "workflows:list_",
        "List workflows",
        (
            *LISTING,
            flag("--archived-only", help="only archived workflows"),
            flag("--include-archived", help="include archived workflows"),
            flag("--all-users", help="include workflows of other users"),
            flag("--here", help="only workflows of this directory"),
            arg("--project", metavar="NAME", help="only workflows of this project"),
            arg(
                "--state",
                metavar="STATE",
                help="only workflows in one of these states: failed,running",
            ),
        ),
        formats=LIST,
    ),
    Command(("workflows get",), "workflows:get", "Show a workflow", (WORKFLOW,)),
    Command(
        ("workflows new",),
        "workflows:new",
        "Create an empty workflow",
        (
            arg("-n", "--name", type=label, required=True, help="name"),
            arg("-d", "--description", metavar="TEXT", help="description", empty=True),
        ),
    ),
    _of(
        catalog.RENAME,
        "workflows:update",
        WORKFLOW,
        arg("-n", "--name", type=label, help="new name"),
        arg("-d", "--description", metavar="TEXT", help="new description", empty=True),
        arg("--project", metavar="TEXT", help="new project", empty=True),
        arg("--metadata", metavar="JSON", help="new metadata", empty=True),
        arg("--owner-user", metavar="USER", help="new owner"),
    ),
    Command(
        ("workflows is-complete",),
        "workflow_status:is_complete_",
        "Show whether all jobs of a workflow have finished",
        (WORKFLOW, _EXIT_STATUS),
    ),
    Command(
        ("workflows archive",),
        "workflows:archive",
        "Archive workflows (true), or restore them to the lists (false)",
        (arg("state", choices=("true", "false"), metavar="true|false"), WORKFLOWS),
        changes=True,
    ),
    Command(
        ("workflows export",),
        "workflows:export",
        "Export a workflow as JSON",
        (
            WORKFLOW,
            arg("-o", "--output", help="file to write (default: standard output)", complete="file"),
            flag("--include-results", help="include the results"),
            flag("--include-events", help="include the events"),
        ),
    ),
    Command(
        ("workflows import",),
        "workflows:import_",
        "Import an exported workflow",
        (
            arg("file", help="file, or - for standard input", complete="file"),
            arg("-n", "--name", type=label, help="new name"),
            flag("--skip-results", help="omit the results"),
            flag("--skip-events", help="omit the events"),
        ),
    ),
    _made(catalog.PAUSE),
    _made(catalog.RESUME),
    _made(catalog.STOP),
    _of(
        catalog.SYNC_STATUS,
        "runners:sync_status",
        WORKFLOW,
        *(flag(f"--{one.name}", help=one.help) for one in catalog.SYNC_STATUS.flags),
    ),
)

_RECOVERING = (
    arg(
        "--memory-multiplier",
        type=GROWTH,
        help="factor for the memory of jobs that ran out of it (default: 1.5)",
    ),
    arg(
        "--runtime-multiplier",
        type=GROWTH,
        help="factor for the runtime of jobs that timed out (default: 1.5)",
    ),
    flag("--retry-unknown", help="also retry jobs that failed for other reasons"),
    arg(
        "--recovery-hook",
        metavar="COMMAND",
        help="run this with the id of the workflow if jobs failed for other reasons; retry them",
    ),
)
RECOVERY_COMMANDS = (
    Command(
        ("recover", "workflows recover"),
        "recover:recover",
        "Retry failed jobs, with more memory or time where they lacked it",
        (
            WORKFLOW,
            flag("--dry-run", help="only show which jobs would be retried, and with what"),
            *_RECOVERING,
            NO_PROMPTS,
        ),
        changes=True,
    ),
    Command(
        ("watch", "workflows watch"),
        "watch:watch",
        "Follow a workflow until it has finished; recover it from failures with -r",
        (
            WORKFLOW,
            flag("-r", "--recover", help="retry failed jobs, and start a runner if there is none"),
            arg("-m", "--max-retries", type=COUNT, help="recover at most N times (default: 3)"),
            *_RECOVERING,
            arg(
                "-p",
                "--poll-interval",
                type=SECONDS,
                help="accepted for compatibility, without effect",
            ),
            arg(
                "-o",
                "--output-dir",
                metavar="DIR",
                help="directory of the logs of a new runner",
                complete="directory",
            ),
            flag("-s", "--show-job-counts", help="print the number of jobs per status"),
            flag("-q", "--quiet", help="show no events"),
            NO_PROMPTS,
        ),
    ),
)

CHANGES = (
    arg("--cpus", metavar="N", help="new number of CPUs: 4, +2 or x2 of what each job requests"),
    arg("--memory", metavar="SIZE", help="new memory: 16g, +4g or x2"),
    arg("--gpus", metavar="N", help="new number of GPUs: 2, 0.5, +1 or x2"),
    arg("--runtime", metavar="TIME", help="new runtime: PT2H, +PT30M or x2"),
    arg(
        "-c",
        "--command",
        metavar="COMMAND",
        help="new command, or a change of it: s/PATTERN/TEXT/",
    ),
    arg(
        "--env",
        action="append",
        metavar="NAME=VALUE",
        help="set a variable of the environment (repeatable)",
    ),
    arg("--unset", action="append", metavar="NAME", help="remove a variable (repeatable)"),
    arg("--priority", type=COUNT, help="new priority; higher ones start first"),
    arg("--label", action="append", type=label, help="add a label (repeatable)"),
    flag("--clear-labels", help="remove all labels"),
)
"""What an update or a retry may change in the jobs."""
JOB_COMMANDS = (
    Command(
        ("jobs list",),
        "jobs:list_",
        "List jobs",
        (
            WORKFLOW,
            arg("-s", "--status", metavar="STATUS", help="only jobs with this status"),
            flag("--failed", help="only failed jobs"),
            arg("--name", metavar="PATTERN", help="only names like this (SQL LIKE: %% and _)"),
            *LISTING,
            flag("--include-relationships", help="include dependencies, files and user data"),
        ),
        formats=LIST,
    ),
    Command(("jobs get",), "jobs:get", "Show a job", (JOB, OF_WORKFLOW)),
    Command(
        ("jobs create-from-file",),
        "jobs:create_from_file",
        "Add a job for each line of a file",
        (
            arg("workflow", metavar="WORKFLOW", help="id or name"),
            arg("file", help="one command per line; - for standard input", complete="file"),
            arg("--cpus-per-job", type=POSITIVE, default=1, help="CPUs of each job (default: 1)"),
            arg(
                "--memory-per-job",
                type=SIZE,
                help="memory of each job, such as 2g (default: not enforced)",
            ),
            arg(
                "--runtime-per-job",
                type=DURATION,
                help="runtime of each job, such as PT2H (default: not enforced)",
            ),
        ),
        changes=True,
    ),
    _of(
        catalog.UPDATE,
        "actions:update",
        SOME_JOBS,
        OF_WORKFLOW,
        *FILTERS,
        *CHANGES,
        arg("-n", "--name", type=label, help="new name, for one job"),
        arg(
            "--resource-requirements-id",
            type=POSITIVE,
            metavar="ID",
            help="id of other resource requirements",
        ),
        flag("--when-done", help="change running jobs, too: for their next attempt"),
        NO_PROMPTS,
    ),
    Command(
        ("jobs classify",),
        "recover:classify",
        "Decide about jobs that wait as pending_failed: retry them, or let them fail",
        (
            arg("jobs", nargs="+", metavar="JOB", help="names or ids, then retry or fail"),
            OF_WORKFLOW,
            *CHANGES,
            NO_PROMPTS,
        ),
        changes=True,
    ),
    Command(
        ("jobs reproduce",),
        "jobs:reproduce",
        "Print a bash command that repeats a job in its directory and environment",
        (JOB, OF_WORKFLOW),
        formats=TEXT,
    ),
    _of(
        catalog.RETRY,
        "actions:retry",
        SOME_JOBS,
        OF_WORKFLOW,
        *FILTERS,
        DRY_RUN,
        *CHANGES,
        NO_PROMPTS,
    ),
    _of(
        catalog.RERUN,
        "rerun_jobs:rerun",
        SOME_JOBS,
        OF_WORKFLOW,
        *FILTERS,
        flag("--only", help="leave the jobs alone that used the output"),
        flag("--with-dependents", help="also the jobs that used the output (default)"),
        DRY_RUN,
        flag("--stop", help="end running jobs first"),
        NO_PROMPTS,
    ),
    Command(
        ("workflows reset-status", "reset-status"),
        "rerun_jobs:reset_status",
        "Rerun the finished jobs of a workflow, or only the failed ones",
        (
            WORKFLOW,
            flag("--failed-only", help="only failed, canceled and terminated jobs"),
            flag("-r", "--reinitialize", help="also rerun the stale jobs"),
            flag("--force", help="end running jobs that used their output"),
            NO_PROMPTS,
        ),
        changes=True,
    ),
    *(
        _on_jobs(action)
        for action in catalog.CATALOG
        if action.target is Target.JOBS
        and action not in (catalog.RETRY, catalog.RERUN, catalog.UPDATE)
    ),
    Command(
        ("failures", "workflows failures"),
        "failures:failures",
        "List failed jobs by reason; show, retry or skip the jobs of one reason",
        (
            arg(
                "words",
                nargs="*",
                metavar="WORKFLOW",
                help="id or name; with show N, retry N or skip N for one reason",
            ),
            arg("-r", "--run", type=POSITIVE, help="number of the run"),
            *CHANGES,
            NO_PROMPTS,
        ),
        formats=LIST,
    ),
)

DATA_COMMANDS = (
    Command(
        ("user-data list",),
        "user_data:list_",
        "List the records of a workflow",
        (
            WORKFLOW,
            arg("-l", "--limit", type=COUNT, help="list at most N"),
            arg("-o", *OFFSET.flags, **OFFSET.options),
            *ORDER,
            arg("--name", metavar="PATTERN", help="only names like this (SQL LIKE: %% and _)"),
            arg(
                "--is-ephemeral",
                nargs="?",
                const="true",
                choices=("true", "false"),
                help="only ephemeral records (true), or only others (false)",
            ),
            arg(
                "--consumer-job-id",
                type=POSITIVE,
                metavar="JOB",
                help="only records that this job reads",
            ),
            arg(
                "--producer-job-id",
                type=POSITIVE,
                metavar="JOB",
                help="only records that this job writes",
            ),
        ),
        formats=LIST,
    ),
    Command(
        ("user-data get",),
        "user_data:get",
        "Show a record",
        (
            RECORD,
            OF_WORKFLOW,
            flag("--value", help="print only the value; a string without quotes"),
            arg(
                "--path", metavar="PATH", help="print only this part of the value, such as .a[0].b"
            ),
        ),
        formats=("json", "table"),
    ),
    _of(
        catalog.CREATE_RECORD,
        "user_data:create",
        WORKFLOW,
        arg("-n", "--name", type=label, required=True, help="name"),
        arg("-d", "--data", metavar="JSON", help="value; - for standard input", empty=True),
        arg("--data-file", help="file with the value", complete="file"),
        flag("--ephemeral", help="mark the record as ephemeral (shown only; no value is cleared)"),
        arg("--consumer-job-id", type=POSITIVE, metavar="JOB", help="id of a job that reads it"),
        arg("--producer-job-id", type=POSITIVE, metavar="JOB", help="id of the job that writes it"),
    ),
    _of(
        catalog.UPDATE_RECORD,
        "user_data:update",
        RECORD,
        OF_WORKFLOW,
        arg(
            "-d",
            "--data",
            metavar="JSON",
            help="new value; null clears it; - for standard input",
            empty=True,
        ),
        arg("--data-file", help="file with the new value", complete="file"),
        arg("-n", "--name", type=label, help="new name"),
        arg(
            "--ephemeral",
            metavar="true|false",
            help="mark the record as ephemeral, or not (shown only; no value is cleared)",
        ),
        arg(
            "--expected-version",
            metavar="N",
            help="fail if the record was written after this version",
        ),
    ),
    _of(catalog.DELETE_RECORD, "user_data:delete", RECORD, OF_WORKFLOW, NO_PROMPTS),
    Command(
        ("user-data delete-all",),
        "user_data:delete_all",
        "Delete all records of a workflow",
        (WORKFLOW, NO_PROMPTS),
        changes=True,
    ),
    Command(
        ("user-data list-missing",),
        "user_data:list_missing",
        "List records that jobs read, that have no value and that no job will write",
        (WORKFLOW,),
        formats=LIST,
    ),
    Command(
        ("user-data history",),
        "user_data:history",
        "List the versions of a record",
        (RECORD, OF_WORKFLOW),
        formats=LIST,
    ),
    _of(
        catalog.RESTORE_RECORD,
        "user_data:restore",
        RECORD,
        arg("version", type=COUNT, metavar="VERSION", help="number of the version"),
        OF_WORKFLOW,
    ),
)

_REQUESTS = (
    arg("--num-cpus", metavar="N", help="number of CPUs; for an update also +2 or x2"),
    arg("--memory", metavar="SIZE", help="memory, such as 16g; for an update also +4g or x2"),
    arg("--num-gpus", metavar="N", help="number of GPUs, or a share of one such as 0.5"),
    arg("--gpu-memory", type=SIZE, help="memory to reserve on each GPU"),
    arg("--gpu-model", metavar="REGEX", help="regular expression for the name of the GPU"),
    arg("--num-nodes", type=POSITIVE, help="number of nodes"),
    arg("--runtime", metavar="TIME", help="runtime, such as PT2H; for an update also x2"),
)

RECORD_COMMANDS = (
    Command(
        ("files list",),
        "records:files",
        "List files",
        (WORKFLOW, *LISTING),
        formats=LIST,
    ),
    Command(
        ("files list-required-existing",),
        "records:required_files",
        "List files that must exist before a workflow can start",
        (WORKFLOW,),
        formats=LIST,
    ),
    Command(("files get",), "records:file", "Show a file", (_ID,)),
    Command(
        ("results list",),
        "records:results",
        "List results: the last one of each job, or all",
        (
            WORKFLOW,
            arg("-j", "--job-id", type=POSITIVE, metavar="JOB", help="only of this job"),
            arg("-r", "--run-id", type=POSITIVE, help="only of this run"),
            arg("--return-code", type=INTEGER, help="only with this return code"),
            flag("--failed", help="only of failed jobs"),
            arg("-s", "--status", metavar="STATUS", help="only with this status"),
            flag("--all-runs", help="include every attempt of every run"),
            *LISTING,
        ),
        formats=LIST,
    ),
    Command(("results get",), "records:result", "Show a result", (_ID,)),
    Command(
        ("events list", "events monitor"),
        "events:list_",
        "List events, or follow them with -f",
        (
            WORKFLOW,
            arg("-t", "--type", metavar="KIND", help="only events of this kind"),
            arg("-j", "--job-id", type=POSITIVE, metavar="JOB", help="only of this job"),
            arg("-l", "--limit", type=COUNT, help="only the last N"),
            flag("--follow", help="print new events until interrupted (also -f)"),
        ),
        follow=True,
        formats=LIST,
    ),
    Command(
        ("resource-requirements list",),
        "records:requirements",
        "List resource requirements",
        (WORKFLOW,),
        formats=LIST,
    ),
    Command(
        ("resource-requirements get",), "requirements:get", "Show resource requirements", (_ID,)
    ),
    Command(
        ("resource-requirements create",),
        "requirements:create",
        "Add resource requirements to a workflow",
        (WORKFLOW, arg("-n", "--name", type=label, required=True, help="name"), *_REQUESTS),
        changes=True,
    ),
    Command(
        ("resource-requirements update",),
        "requirements:update",
        "Change resource requirements for all jobs that use them, or only for some",
        (
            _ID,
            arg("-n", "--name", type=label, help="new name"),
            *_REQUESTS,
            arg("--only", nargs="+", metavar="JOB", help="give these jobs an entry of their own"),
            OF_WORKFLOW,
        ),
        changes=True,
    ),
    Command(
        ("resource-requirements delete",),
        "requirements:delete",
        "Delete resource requirements that no job uses",
        (_ID, NO_PROMPTS),
        changes=True,
    ),
    Command(
        ("failure-handlers list",),
        "records:failure_handlers",
        "List failure handlers",
        (WORKFLOW,),
        formats=LIST,
    ),
    Command(
        ("workflows list-actions",),
        "records:actions",
        "List the actions of a workflow, and what became of them",
        (WORKFLOW,),
        formats=LIST,
    ),
    Command(
        ("compute-nodes list",),
        "records:compute_nodes",
        "List the runners of a workflow",
        (WORKFLOW,),
        formats=LIST,
    ),
    Command(("compute-nodes get",), "records:compute_node", "Show a runner", (_ID,)),
    _of(
        catalog.RESIZE,
        "workflows:resize",
        arg("id", type=POSITIVE, metavar="RUNNER", help="id of the runner"),
        arg("--num-cpus", type=POSITIVE, help="number of CPUs"),
        arg("--memory", type=SIZE, help="memory size, such as 16g"),
        arg("--max-parallel-jobs", type=COUNT, help="run at most N jobs at once; 0: no limit"),
    ),
    _of(
        catalog.DROP,
        "runners:drop",
        arg("id", type=POSITIVE, metavar="RUNNER", help="id of the runner"),
        *(flag(f"--{one.name}", help=one.help) for one in catalog.DROP.flags),
    ),
)

_NEW_FILE = arg("file", help="new file", complete="file")

PROGRAM_COMMANDS = (
    Command(("database check",), "database:check", "Check the database for damage", formats=TEXT),
    Command(
        ("database backup",),
        "database:backup",
        "Copy the database into a new file, also while it is in use",
        (_NEW_FILE,),
        formats=TEXT,
    ),
    Command(
        ("database recover",),
        "database:recover",
        "Copy what can be read of a damaged database into a new one",
        (_NEW_FILE,),
        formats=TEXT,
    ),
    Command(("config show",), "config:show", "Show every setting and its origin"),
    Command(
        ("config paths",),
        "config:paths",
        "Show the paths of configuration files, database and state",
    ),
    Command(
        ("config init",),
        "config:init",
        "Write a configuration file to start from",
        (
            flag("--user", help="for the current user (default)"),
            flag("--local", help="for this directory: ./torc.toml"),
            flag("--system", help="for all users of this machine"),
            flag("--force", help="add missing settings to an existing file"),
        ),
    ),
    Command(("config validate",), "config:validate", "Check the configuration files"),
    Command(
        ("completions",),
        "completions:completions",
        "Print shell completions, for use as: source <(torc completions bash)",
        (arg("shell", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish"),),
    ),
)

_COLUMNS = (
    arg("--columns", metavar="NAMES", help="columns to print, such as id,name,priority"),
    flag("--wide", help="print all columns in full, whatever the width of the terminal"),
)


def _complete(command: Command) -> Command:
    """Return the command with the options that all lists have."""
    if command.formats != LIST:
        return command
    return command._replace(arguments=(*command.arguments, *_COLUMNS))


COMMANDS: tuple[Command, ...] = tuple(
    map(
        _complete,
        (
            *WORKFLOW_COMMANDS,
            *RECOVERY_COMMANDS,
            *JOB_COMMANDS,
            *DATA_COMMANDS,
            *RECORD_COMMANDS,
            *PROGRAM_COMMANDS,
        ),
    )
)

GROUPS = {
    "workflows": "Workflows: list, get, create, update, archive, export, import …",
    "jobs": "Jobs: list, get, cancel, terminate, hold, release, retry, priority …",
    "user-data": "User data, the JSON that flows between jobs: list, get, update, history …",
    "files": "Files of a workflow",
    "reports": "Reports: check-resource-utilization",
    "results": "Results of the attempts of jobs",
    "events": "Events of a workflow, as a list or followed with -f",
    "resource-requirements": "Resource requirements of jobs",
    "failure-handlers": "Failure handlers: the rules for retries",
    "compute-nodes": "Runners and their machines",
    "database": "The database: check, backup, recover",
    "config": "Settings: show, paths, init, validate",
}
"""First words of commands of two words, with their help."""

BY_NAME: dict[str, Command] = {name: command for command in COMMANDS for name in command.names}
