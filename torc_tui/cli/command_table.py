"""List the commands: parsers, help and shell completions are made from this table.

A handler is named as ``module:function`` below ``torc_tui.cli`` and imported when its command is
called. The rows of user actions come from `torc_tui.operations.catalog`.

Never: work, or an import that takes time.

The table stays in one module although it is long: every row is data, and a reader looks for the
row of a command, not for a group.
"""

from __future__ import annotations

from typing import Any

from torc_tui.cli.arguments import (
    ANY_SPAN,
    COUNT,
    CPUS,
    FACTOR,
    FILE,
    GIB,
    GPU_SIZE,
    GPUS,
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
    PORT,
    POSITIVE,
    RECORD,
    RUNTIME,
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
    labels,
)
from torc_tui.operations import catalog
from torc_tui.operations.user_action import Target, UserAction
from torc_tui.tuples import NamedTuple

LIST = ("table", "json", "json-items", "csv")
TABLE = ("table", "json")
TEXT = ("text", "json")
FORMATS = (*LIST, "text", "mermaid", "dot", "svg", "html", "md")
"""Every format that some command prints."""


class CliCommand(NamedTuple):
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
) -> CliCommand:
    """Return the command of a user action with special arguments and handler."""
    return CliCommand(action.commands, handler, action.help, arguments, formats, action=action)


SOME_JOBS = arg(
    "jobs JOB", "names, WORKFLOW/NAME, ids, or train_*; with a filter, the workflow", nargs="*"
)
FILTERS = (
    arg("-s --status STATUS", "jobs with one of these: failed,terminated"),
    flag("--failed", "jobs that failed or were canceled or terminated"),
    arg("--return-code", "jobs whose last attempt ended with this return code", type=INTEGER),
    arg("--group GROUP", "jobs of a job group, or jobs such as train_*"),
    arg(
        "--cause CAUSE",
        "jobs whose last attempt ended for one of these causes: timeout,oom,lost",
    ),
    arg("--where FILTER", "jobs that match a filter of the app, such as 'cpu>4'"),
)
"""Select jobs instead of naming them."""
DEVICES = arg("gpus GPU", "index, UUID or prefix of a UUID; several separated by commas", nargs="+")
DRY_RUN = flag("--dry-run", "only show the jobs; change nothing")


def _list(name: str, handler: str, help: str, *arguments: Argument) -> CliCommand:
    """Return a command that lists records of a workflow."""
    return CliCommand((name,), handler, help, (WORKFLOW, *arguments), LIST)


_TARGETS = {
    Target.WORKFLOW: ("actions:on_workflow", (WORKFLOW,)),
    Target.WORKFLOWS: ("actions:on_workflows", (WORKFLOWS,)),
}
_KINDS: dict[type, Any] = {int: INTEGER}


def _made(action: UserAction) -> CliCommand:
    """Return the command of a user action on workflows, as its row defines it."""
    handler, target = _TARGETS[action.target]
    arguments = [*_argument_of(action), *target]
    arguments += [flag(f"--{one.name}", one.help) for one in action.flags]
    if action.confirm is not None:
        arguments.append(NO_PROMPTS)
    return _of(action, handler, *arguments)


def _on_jobs(action: UserAction) -> CliCommand:
    """Return the command of a user action on jobs, as its row defines it."""
    target = (SOME_JOBS, OF_WORKFLOW, *FILTERS, DRY_RUN, NO_PROMPTS)
    return _of(action, "actions:on_jobs", *_argument_of(action), *target)


def _argument_of(action: UserAction) -> list[Argument]:
    given = action.argument
    if given is None:
        return []
    return [arg(f"{given.name} N", given.help, type=_KINDS[given.kind])]


_RUNNING = (
    arg("--num-cpus", "CPUs to use (default: all)", type=POSITIVE),
    arg("--memory-gb", "memory to use (default: all)", type=GIB),
    arg("--num-gpus", "GPUs to use (default: all)", type=COUNT),
    arg(
        "--max-parallel-jobs",
        "run at most N jobs at once, in addition to the other limits",
        type=POSITIVE,
    ),
    arg(
        "--label LABELS",
        "run only jobs with labels, all of which are in this list: gpu,windows (repeatable)",
        action="extend",
        type=labels,
    ),
    flag("--persistent", "stay until all jobs that this runner may run have finished"),
    arg("--time-limit", "stop after this time: seconds, or a duration such as PT4H", type=SPAN),
    arg("--end-time", "stop at 18:30, or 2030-01-31T18:30", type=MOMENT),
    arg(
        "-o --output-dir DIR", "directory of the logs (default: torc_output)", complete="directory"
    ),
    arg("-p --poll-interval", "accepted for compatibility, without effect", type=SECONDS),
    arg("--grace", "time from SIGTERM to SIGKILL when jobs are stopped (default: 30 s)", type=SPAN),
    arg(
        "--gpu-foreign",
        "avoid GPUs that other programs use, or ignore those programs",
        choices=("avoid", "ignore"),
    ),
    arg("--gpus LIST", "GPUs to use, in this order: 0,3,GPU-1a2b"),
    arg("--gpu-headroom SIZE", "memory that each job gets in addition on a GPU"),
    arg("--gpu-idle-memory SIZE", "memory of others on a GPU that counts as free"),
    arg(
        "--gpu-packing",
        "spread shares over idle GPUs, or pack them on one",
        choices=("spread", "pack"),
    ),
    arg(
        "--gpu-wait",
        "wait this long for a GPU driver that does not answer (default: 2 min)",
        type=SPAN,
    ),
    arg(
        "--virtual-gpus",
        "schedule with N GPUs that do not exist, on a machine without a GPU driver",
        type=COUNT,
    ),
    flag("--gpu-by-index", "name GPUs by index in CUDA_VISIBLE_DEVICES, not by UUID"),
    flag("--no-limit-resources", "count memory and runtime, but do not enforce them"),
    arg("--on-oom", "retry jobs that run out of memory with more of it, such as x1.5", type=GROWTH),
    arg(
        "--on-timeout",
        "retry jobs that run longer than their runtime with more of it, such as x1.5",
        type=GROWTH,
    ),
    flag("-q --quiet", "show no progress"),
    flag("--detach", "run in the background"),
    flag("--notify", "notify at the end, by bell and desktop or as [notify] says"),
    flag("--no-notify", "do not notify at the end"),
)
_SET = arg(
    "--set NAME=VALUE", "set a variable or a parameter of the file (repeatable)", action="append"
)
_WORKFLOW_NAME = arg("-n --name", "name (default: the name in the file)", type=label)
_CREATING = (
    _SET,
    flag("--no-resource-monitoring", "do not measure the resources that jobs use"),
    NO_CHECKS,
    flag("--dry-run", "check the file and show what would be created"),
)
_PER_JOB = (
    arg("--cpus", "CPUs of each job, such as 4 or 0.5 (default: 1)", type=CPUS, default=1),
    arg("--memory", "memory of each job, such as 2g (default: not enforced)", type=SIZE),
    arg("--gpus", "GPUs of each job, or a share such as 0.5", type=GPUS, default=0),
    arg("--runtime", "runtime of each job, such as PT2H", type=RUNTIME),
)
_EXIT_STATUS = flag(
    "--exit-status", "exit with 1 if a job did not succeed, 3 if not all have finished"
)
_ID = arg("id ID", type=POSITIVE)

WORKFLOW_COMMANDS = (
    CliCommand(
        ("create", "workflows create", "workflows create-from-spec"),
        "create:create",
        "Create a workflow from a file",
        (
            FILE,
            _WORKFLOW_NAME,
            *_CREATING,
            flag("--commands", "with --dry-run: print the command of every job"),
        ),
    ),
    CliCommand(
        ("new",),
        "create:new_file",
        "Write a commented workflow file to start from",
        (
            arg(
                "template TEMPLATE",
                f"{', '.join(TEMPLATES[:-1])} or {TEMPLATES[-1]} (default: {TEMPLATES[0]})",
                nargs="?",
                choices=TEMPLATES,
            ),
            arg("-o --output FILE", "file to write", complete="file"),
        ),
    ),
    CliCommand(
        ("schema",),
        "editor_schema:schema",
        "Print the JSON Schema of workflow files, for editors",
        (arg("-o --output FILE", "file to write", complete="file"),),
        TEXT,
    ),
    CliCommand(
        ("validate", "workflows validate"),
        "create:validate",
        "Check a workflow file without creating a workflow",
        (FILE, _SET),
    ),
    _of(
        catalog.INITIALIZE,
        "create:init",
        WORKFLOW,
        flag("--force", "initialize even if files are missing or expired runners hold jobs"),
        flag("--dry-run", "only check"),
        NO_PROMPTS,
    ),
    CliCommand(
        ("run", "workflows run", "workflows start", "run-jobs"),
        "run:run",
        "Run a workflow file or a workflow",
        (
            arg(
                "what FILE|WORKFLOW",
                "workflow file (- for standard input), or id or name of a workflow",
                nargs="?",
                complete="file",
            ),
            *_RUNNING,
            NO_CHECKS,
            flag("--force", "run even if files are missing or another runner is active"),
            _SET,
            _WORKFLOW_NAME,
            flag("--new", "create a new workflow, also if the file was run before"),
            flag("-u --update", "update the workflow created earlier from the file"),
            flag("--stale", "the same, and rerun failed and stale jobs of a finished workflow"),
            flag("--keep", "keep the results of a finished workflow even if jobs are stale"),
            flag("--tui", "open the app on the workflow"),
            arg(
                "--allocation ID",
                "run as a requested allocation: the exit code says nothing about the jobs",
                type=INTEGER,
            ),
        ),
        changes=True,
    ),
    CliCommand(
        ("exec",),
        "batch:execute",
        "Run commands in parallel, without a workflow file",
        (
            arg("-c --command CMD", "command for bash (repeatable)", action="append"),
            arg(
                "-C --commands-file FILE",
                "one command per line; - for standard input",
                complete="file",
            ),
            arg("words CMD", "command, after --; {} becomes a line of standard input", nargs="*"),
            arg("--param NAME=VALUE", "values for {NAME} (repeatable)", action="append"),
            arg(
                "--link",
                "combine all values of several parameters, or values at the same position",
                choices=("product", "zip"),
                default="product",
            ),
            arg(
                "-j --jobs --max-parallel-jobs N",
                "run N jobs at a time, regardless of CPUs (default: one per CPU)",
                type=POSITIVE,
                dest="jobs",
            ),
            *_PER_JOB,
            arg("--retry", "retry failed jobs up to N times", type=COUNT, default=0),
            arg("-n --name", "name of the workflow (default: exec)", type=label),
            arg("--description TEXT", "description of the workflow"),
            flag("--dry-run", "only print the commands"),
            arg(
                "--stdio",
                "which output of the jobs to keep, and how",
                choices=("separate", "combined", "no_stdout", "no_stderr", "none"),
            ),
            arg(
                "-o --output-dir DIR",
                "directory of the logs (default: torc_output)",
                complete="directory",
            ),
            flag("-k --keep-order", "print the output of the jobs in input order"),
            arg("--halt WHEN", "now or soon: stop after a failure; soon,fail=3: after three"),
            flag("--resume", "skip commands that the newest workflow of that name completed"),
            arg("--results FILE", "write a record of each job to a .csv or .jsonl file"),
            flag("-q --quiet", "show no progress"),
        ),
    ),
    CliCommand(
        ("add",),
        "jobs:add",
        "Add a job to a workflow",
        (
            arg("words CMD", "command, after --", nargs="+"),
            OF_WORKFLOW,
            arg("--after JOB", "start the new job after this job has completed", action="append"),
            arg("--delay", "delay before the earliest start, such as PT3H", type=SPAN),
            *_PER_JOB,
        ),
        changes=True,
    ),
    CliCommand(
        ("spawn",),
        "spawn:spawn",
        "Add jobs to the workflow of the calling job",
        (
            arg("file", "file with jobs; - for standard input", complete="file"),
            arg("--lineage NAME", "lineage of the jobs (default: that of the caller)", type=label),
            arg("--state JSON", "state of the lineage, stored as user data"),
            flag("--now", "start the jobs immediately, not after the caller completes"),
            flag("--independent", "like --now; jobs with wait_for_spawned do not wait for them"),
        ),
    ),
    CliCommand(
        ("status", "workflows status"),
        "workflow_status:status",
        "Show the status of a workflow",
        (WORKFLOW, _EXIT_STATUS),
    ),
    CliCommand(
        ("wait", "workflows wait"),
        "workflow_status:wait",
        "Wait until all jobs of a workflow have finished",
        (
            WORKFLOW,
            arg(
                "--timeout",
                "wait at most this long: seconds, or a duration such as PT4H",
                type=SPAN,
            ),
        ),
        formats=TEXT,
    ),
    _made(catalog.CANCEL_WORKFLOW),
    _of(
        catalog.DELETE,
        "actions:on_workflows",
        WORKFLOWS,
        *(flag(f"--{one.name}", one.help) for one in catalog.DELETE.flags),
        flag("--logs", "also delete the log files of their jobs"),
        flag("--keep-logs", "keep the log files, without a question (default in scripts)"),
        NO_PROMPTS,
    ),
    CliCommand(
        ("plan", "workflows plan"),
        "rerun:plan",
        "Show which jobs of a workflow are stale, and why",
        (
            arg(
                "what WORKFLOW|FILE",
                "id, name or workflow file (default: the newest workflow)",
                nargs="?",
                complete="file",
            ),
            arg("job JOB", "only this job, with all evidence", nargs="?"),
            flag("--check", "exit with 1 if a job is stale"),
        ),
        formats=TEXT,
    ),
    _of(
        catalog.REINITIALIZE,
        "rerun:reinit",
        WORKFLOW,
        flag("--force", "reinitialize even if files that jobs read are missing"),
        flag("--dry-run", "only show which jobs are stale"),
    ),
    _of(
        catalog.UPDATE_WORKFLOW,
        "update:update",
        arg(
            "words",
            "workflow file; id or name of the workflow (default: the newest made from it)",
            nargs="+",
            metavar="[WORKFLOW] FILE",
            complete="file",
        ),
        _SET,
        flag("--dry-run", "only show what would change"),
        formats=TEXT,
    ),
    CliCommand(
        ("diff", "workflows diff"),
        "diff:diff",
        "Show what users have changed since the workflow file, as lines for the file",
        (WORKFLOW,),
        formats=TEXT,
    ),
    CliCommand(
        ("why",),
        "why:why",
        "Explain why jobs are waiting, failed or unschedulable",
        (
            arg(
                "job JOB|WORKFLOW",
                "jobs (name, WORKFLOW/NAME, id, train_*), or workflow",
                nargs="?",
            ),
            OF_WORKFLOW,
        ),
    ),
    CliCommand(
        ("workflows reconcile",),
        "runners:reconcile",
        "Report results that are outside the database: none, because runners write no journals",
        (
            arg("workflow WORKFLOW", "id or name"),
            arg("run RUN", "number of the run", type=COUNT),
            arg("--base-dir DIR", "accepted for compatibility, without effect"),
        ),
    ),
    CliCommand(
        ("workflows diagnose",),
        "why:diagnose",
        "Explain what the jobs of a workflow wait for, and why some failed",
        (WORKFLOW,),
    ),
    CliCommand(
        ("logs", "jobs logs"),
        "logs:logs",
        "Show, search or bundle the output of jobs (default: the job that failed last)",
        (
            arg(
                "words JOB|WORKFLOW",
                "job or jobs such as train_* (default: the job that failed last); or bundle"
                " [WORKFLOW]; or analyze [WORKFLOW|PATH]",
                nargs="*",
            ),
            OF_WORKFLOW,
            arg("-a --attempt", "number of the attempt (default: the last)", type=POSITIVE),
            arg("-r --run-id", "number of the run (default: the last)", type=POSITIVE),
            flag("--stdout", "only standard output"),
            flag("--stderr", "only standard error"),
            arg("-n --lines", "only the last N lines", type=COUNT),
            flag("--follow", "continue until the job ends (also -f)"),
            flag("--path", "print the paths of the log files"),
            arg("--grep REGEX", "search the last output of all jobs, or of JOB"),
            flag("--failed", "only output of failed jobs (search and bundle)"),
            arg("--group GROUP", "only output of a job group or of jobs such as train_*"),
            arg("-C --context N", "lines around a match", type=COUNT),
            flag("-l --files-with-matches", "print only the names of jobs that match"),
            arg("-o --output FILE", "bundle to write", complete="file"),
        ),
        formats=TEXT,
        follow=True,
    ),
    CliCommand(
        ("graph", "workflows graph"),
        "graph:graph",
        "Show the dependency graph of a workflow",
        (
            WORKFLOW,
            flag("--no-fold", "draw every job of a job group"),
            flag("--data", "include files and user data"),
            flag("--direct", "omit dependencies that follow from others"),
        ),
        formats=("text", "mermaid", "dot", "svg", "json"),
    ),
    CliCommand(
        ("plot",),
        "plot:plot",
        "Plot what jobs or machines used over time, or requested and used of job groups",
        (
            arg("words JOB|WORKFLOW", "jobs, or one workflow", nargs="*"),
            OF_WORKFLOW,
            flag("--machine", "plot the machines of the runners"),
            arg("-a --attempt", "number of the attempt (default: the last)", type=POSITIVE),
            arg("-r --run-id", "number of the run (default: the last)", type=POSITIVE),
            arg("-o --output", "file to write", complete="file"),
        ),
        formats=("text", "svg", "html", "csv", "json"),
    ),
    CliCommand(
        ("report", "workflows report"),
        "report:report",
        "Write a report on a workflow into one file: results, timeline, failures, resources",
        (
            WORKFLOW,
            arg("-o --output", "file to write (default: standard output)", complete="file"),
        ),
        formats=("html", "md", "json"),
    ),
    CliCommand(
        ("resources",),
        "resources:resources",
        "Show the resources of this machine and of allocations, and the jobs that hold them",
        (flag("--host", "only this machine"),),
    ),
    CliCommand(
        ("gpu avoid",),
        "gpu:avoid",
        "Set GPUs of this machine aside: no job of any user starts there",
        (
            DEVICES,
            arg(
                "--for",
                "how long, such as 2h (default: until `torc gpu use`)",
                type=ANY_SPAN,
                dest="time",
            ),
        ),
    ),
    CliCommand(
        ("gpu use",),
        "gpu:use",
        "Put GPUs back into use that were set aside by a user, failures or damage",
        (DEVICES,),
    ),
    CliCommand(
        ("reports summary",),
        "result_reports:summary",
        "Show how many jobs have each status, how long they ran, and whether all have finished",
        (WORKFLOW,),
    ),
    CliCommand(
        ("reports results",),
        "result_reports:results",
        "Print the result of each job with the paths of its logs, as JSON",
        (WORKFLOW, flag("--all-runs", "include every attempt of every run")),
        formats=("json",),
    ),
    CliCommand(
        ("workflows check-resources", "reports check-resource-utilization"),
        "resource_use:check",
        "List jobs that used more than they requested",
        (
            WORKFLOW,
            arg("-r --run-id", "number of the run (default: the last)", type=POSITIVE),
            flag("-a --all", "also list what stayed within the request"),
            flag("--include-failed", "include jobs that did not succeed"),
            arg(
                "--min-over-utilization",
                "list only what exceeds the request by more than this (default: 1)",
                type=PERCENT,
            ),
        ),
    ),
    _of(
        catalog.CORRECT_RESOURCES,
        "resource_use:correct",
        WORKFLOW,
        *(
            arg(f"--{name}-multiplier", f"factor for {what} (default: 1.2)", type=FACTOR)
            for name, what in (
                ("memory", "the highest memory"),
                ("cpu", "the highest use of CPUs"),
                ("runtime", "the longest runtime"),
            )
        ),
        arg("--job-ids JOB", "judge only by these jobs", nargs="+"),
        flag("--no-downsize", "do not lower any request"),
        flag("--split", "give job groups that need something else entries of their own"),
        flag("--dry-run", "only show the changes"),
    ),
    CliCommand(
        ("workflows list",),
        "workflows:list_",
        "List workflows",
        (
            *LISTING,
            flag("--archived-only", "only archived workflows"),
            flag("--include-archived", "include archived workflows"),
            flag("--all-users", "include workflows of other users"),
            flag("--here", "only workflows of this directory"),
            arg("--project NAME", "only workflows of this project"),
            arg("--state STATE", "only workflows in one of these states: failed,running"),
        ),
        formats=LIST,
    ),
    CliCommand(("workflows get",), "workflows:get", "Show a workflow", (WORKFLOW,)),
    CliCommand(
        ("workflows new",),
        "workflows:new",
        "Create an empty workflow",
        (
            arg("-n --name", "name", type=label, required=True),
            arg("-d --description TEXT", "description", empty=True),
        ),
    ),
    _of(
        catalog.RENAME,
        "workflows:update",
        WORKFLOW,
        arg("-n --name", "new name", type=label),
        arg("-d --description TEXT", "new description", empty=True),
        arg("--project TEXT", "new project", empty=True),
        arg("--metadata JSON", "new metadata", empty=True),
        arg("--owner-user USER", "new owner"),
    ),
    CliCommand(
        ("workflows execution-plan",),
        "execution_plan:execution_plan",
        "Show the order in which jobs of a workflow or file become ready",
        (
            arg(
                "what WORKFLOW|FILE",
                "id, name or workflow file (default: the newest workflow)",
                nargs="?",
                complete="file",
            ),
            _SET,
        ),
        formats=TEXT,
    ),
    CliCommand(
        ("workflows is-complete",),
        "workflow_status:is_complete_",
        "Show whether all jobs of a workflow have finished",
        (WORKFLOW, flag("--exit-status", "exit with 3 if some jobs have not finished")),
    ),
    CliCommand(
        ("workflows archive",),
        "workflows:archive",
        "Archive workflows (true), or restore them to the lists (false)",
        (arg("state true|false", choices=("true", "false")), WORKFLOWS),
        changes=True,
    ),
    CliCommand(
        ("workflows export",),
        "workflows:export",
        "Export a workflow as JSON",
        (
            WORKFLOW,
            arg("-o --output", "file to write (default: standard output)", complete="file"),
            flag("--include-results", "include the results"),
            flag("--include-events", "include the events"),
        ),
    ),
    CliCommand(
        ("workflows import",),
        "workflows:import_",
        "Import an exported workflow",
        (
            arg("file", "file, or - for standard input", complete="file"),
            arg("-n --name", "new name", type=label),
            flag("--skip-results", "omit the results"),
            flag("--skip-events", "omit the events"),
        ),
    ),
    _made(catalog.PAUSE),
    _made(catalog.RESUME),
    _made(catalog.STOP),
    _of(
        catalog.SYNC_STATUS,
        "runners:sync_status",
        WORKFLOW,
        *(flag(f"--{one.name}", one.help) for one in catalog.SYNC_STATUS.flags),
        DRY_RUN,
    ),
)

_RECOVERING = (
    arg(
        "--memory-multiplier",
        "memory factor for jobs that ran out of memory (default: 1.5)",
        type=GROWTH,
    ),
    arg(
        "--runtime-multiplier",
        "runtime factor for jobs that timed out (default: 1.5)",
        type=GROWTH,
    ),
    flag("--retry-unknown", "also retry jobs that failed for other reasons"),
    arg(
        "--recovery-hook COMMAND",
        "command to run with the workflow id if jobs failed for other reasons; then retry",
    ),
)
RECOVERY_COMMANDS = (
    CliCommand(
        ("recover", "workflows recover"),
        "recover:recover",
        "Retry failed jobs, with more memory or time where they lacked it",
        (
            WORKFLOW,
            flag("--dry-run", "only show which jobs would be retried, and with what"),
            *_RECOVERING,
            NO_PROMPTS,
        ),
        changes=True,
    ),
    CliCommand(
        ("watch", "workflows watch"),
        "watch:watch",
        "Follow a workflow until it has finished; recover it from failures with -r",
        (
            WORKFLOW,
            flag("-r --recover", "retry failed jobs, and start a runner if there is none"),
            arg("-m --max-retries", "recover at most N times (default: 3)", type=COUNT),
            *_RECOVERING,
            arg("-p --poll-interval", "accepted for compatibility, without effect", type=SECONDS),
            arg(
                "-o --output-dir DIR", "directory of the logs of a new runner", complete="directory"
            ),
            flag("-s --show-job-counts", "print the number of jobs per status"),
            flag("--persistent", "keep watching while no runner is active"),
            flag("-q --quiet", "show no events"),
            NO_PROMPTS,
        ),
    ),
)

CHANGES = (
    arg("--cpus N", "new number of CPUs: 4 or 0.5; +2 or x2 changes the request of each job"),
    arg("--memory SIZE", "new memory: 16g, +4g or x2"),
    arg("--gpus N", "new number of GPUs: 2, 0.5, +1 or x2"),
    arg("--runtime TIME", "new runtime: PT2H, +PT30M or x2"),
    arg("-c --command COMMAND", "new command, or a change of it: s/PATTERN/TEXT/"),
    arg("--env NAME=VALUE", "set a variable of the environment (repeatable)", action="append"),
    arg("--unset NAME", "remove a variable (repeatable)", action="append"),
    arg("--priority", "new priority; higher priorities start first", type=COUNT),
    arg("--label", "new labels: LABEL,LABEL (repeatable)", action="extend", type=labels),
    flag("--clear-labels", "remove all labels"),
)
"""What an update or a retry may change in the jobs."""
_ONLY_JOB = arg("-j --job-id JOB", "only of this job", type=POSITIVE)
JOB_COMMANDS = (
    _list(
        "jobs list",
        "jobs:list_",
        "List jobs",
        arg("-s --status STATUS", "only jobs with one of these statuses: failed,terminated"),
        flag("--failed", "only failed jobs"),
        arg("--name PATTERN", "only names like this (SQL LIKE: %% and _)"),
        arg(
            "--upstream-job-id JOB", "only jobs that depend on the job with this id", type=POSITIVE
        ),
        *LISTING,
        flag("--include-relationships", "include dependencies, files and user data"),
    ),
    _list("jobs running", "jobs:running", "List the jobs that are running", *LISTING),
    _list(
        "jobs list-resource-requirements",
        "records:job_requirements",
        "List the resource requirements of each job",
        _ONLY_JOB,
    ),
    _list(
        "jobs list-failure-handlers",
        "records:job_failure_handlers",
        "List the jobs that have a failure handler",
        _ONLY_JOB,
    ),
    CliCommand(("jobs get",), "jobs:get", "Show a job", (JOB, OF_WORKFLOW)),
    CliCommand(
        ("jobs create",),
        "record_changes:create_one_job",
        "Add a job with dependencies to a workflow",
        (
            WORKFLOW,
            arg("-n --name", "name", type=label, required=True),
            arg("-c --command COMMAND", "command", required=True),
            arg("-r --resource-requirements-id ID", "resource requirements", type=POSITIVE),
            arg("-b --blocking-job-ids ID", "jobs that the new job waits for", nargs="+"),
            arg("-i --input-file-ids ID", "files that the new job reads", nargs="+"),
            arg("-o --output-file-ids ID", "files that the new job writes", nargs="+"),
        ),
        changes=True,
    ),
    CliCommand(
        ("jobs delete",),
        "record_changes:delete_some_jobs",
        "Delete jobs that are not running; other jobs no longer wait for them",
        (
            arg("jobs JOB", "names, WORKFLOW/NAME, ids, or train_*", nargs="+"),
            OF_WORKFLOW,
            NO_PROMPTS,
        ),
        changes=True,
    ),
    CliCommand(
        ("jobs delete-all",),
        "record_changes:delete_all_jobs",
        "Delete all jobs of a workflow",
        (WORKFLOW, NO_PROMPTS),
        changes=True,
    ),
    CliCommand(
        ("jobs create-from-file",),
        "jobs:create_from_file",
        "Add a job for each line of a file",
        (
            arg("workflow WORKFLOW", "id or name"),
            arg("file", "one command per line; - for standard input", complete="file"),
            arg("--cpus-per-job", "CPUs of each job (default: 1)", type=CPUS, default=1),
            arg(
                "--memory-per-job",
                "memory of each job, such as 2g (default: not enforced)",
                type=SIZE,
            ),
            arg(
                "--runtime-per-job",
                "runtime of each job, such as PT2H (default: not enforced)",
                type=RUNTIME,
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
        arg("-n --name", "new name, for one job", type=label),
        arg("--resource-requirements-id ID", "id of other resource requirements", type=POSITIVE),
        flag("--when-done", "also change running jobs, from their next attempt on"),
        DRY_RUN,
        NO_PROMPTS,
    ),
    CliCommand(
        ("jobs classify",),
        "recover:classify",
        "Retry jobs that wait as pending_failed, or let them fail",
        (
            arg("jobs JOB", "jobs (with a filter, the workflow), then retry or fail", nargs="+"),
            OF_WORKFLOW,
            *FILTERS,
            DRY_RUN,
            *CHANGES,
            NO_PROMPTS,
        ),
        changes=True,
    ),
    CliCommand(
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
        flag("--only", "leave the jobs alone that used the output"),
        flag("--with-dependents", "also the jobs that used the output (default)"),
        DRY_RUN,
        flag("--stop", "end running jobs first"),
        NO_PROMPTS,
    ),
    CliCommand(
        ("workflows reset-status", "reset-status"),
        "rerun_jobs:reset_status",
        "Rerun the finished jobs of a workflow, or only the failed ones",
        (
            WORKFLOW,
            flag("--failed-only", "only failed, canceled and terminated jobs"),
            flag("-r --reinitialize", "also rerun the stale jobs"),
            flag("--force", "end running jobs that used their output"),
            NO_PROMPTS,
        ),
        changes=True,
    ),
    *(
        _on_jobs(action)
        for action in catalog.CATALOG
        if action.target is Target.JOBS
        and action not in (catalog.RETRY, catalog.RERUN, catalog.UPDATE, catalog.FAIL)
    ),
    CliCommand(
        ("failures", "workflows failures"),
        "failures:failures",
        "List failed jobs by reason; show, retry or skip the jobs of one reason",
        (
            arg(
                "words WORKFLOW",
                "id or name; with show N, retry N or skip N for one reason",
                nargs="*",
            ),
            arg("-r --run", "number of the run", type=POSITIVE),
            *CHANGES,
            NO_PROMPTS,
        ),
        formats=LIST,
    ),
)

DATA_COMMANDS = (
    _list(
        "user-data list",
        "user_data:list_",
        "List the records of a workflow",
        arg("-l --limit", "list at most N", type=COUNT),
        OFFSET._replace(flags=("-o", *OFFSET.flags)),
        *ORDER,
        arg("--name PATTERN", "only names like this (SQL LIKE: %% and _)"),
        arg(
            "--is-ephemeral",
            "only ephemeral records (true), or only others (false)",
            nargs="?",
            const="true",
            choices=("true", "false"),
        ),
        arg("--consumer-job-id JOB", "only records that this job reads", type=POSITIVE),
        arg("--producer-job-id JOB", "only records that this job writes", type=POSITIVE),
    ),
    CliCommand(
        ("user-data get",),
        "user_data:get",
        "Show a record",
        (
            RECORD,
            OF_WORKFLOW,
            flag("--value", "print only the value; a string without quotes"),
            arg("--path PATH", "print only this part of the value, such as .a[0].b"),
        ),
        formats=("json", "table"),
    ),
    _of(
        catalog.CREATE_RECORD,
        "user_data:create",
        WORKFLOW,
        arg("-n --name", "name", type=label, required=True),
        arg("-d --data JSON", "value; - for standard input", empty=True),
        arg("--data-file", "file with the value", complete="file"),
        flag("--ephemeral", "mark the record as ephemeral (shown only; no value is cleared)"),
        arg("--consumer-job-id JOB", "id of a job that reads it", type=POSITIVE),
        arg("--producer-job-id JOB", "id of the job that writes it", type=POSITIVE),
    ),
    _of(
        catalog.UPDATE_RECORD,
        "user_data:update",
        RECORD,
        OF_WORKFLOW,
        arg("-d --data JSON", "new value; null clears it; - for standard input", empty=True),
        arg("--data-file", "file with the new value", complete="file"),
        arg("-n --name", "new name", type=label),
        arg(
            "--ephemeral true|false",
            "mark the record as ephemeral, or not (shown only; no value is cleared)",
        ),
        arg("--expected-version N", "fail if the record was written after this version"),
    ),
    _of(catalog.DELETE_RECORD, "user_data:delete", RECORD, OF_WORKFLOW, NO_PROMPTS),
    CliCommand(
        ("user-data delete-all",),
        "user_data:delete_all",
        "Delete all records of a workflow",
        (WORKFLOW, NO_PROMPTS),
        changes=True,
    ),
    _list(
        "user-data list-missing",
        "user_data:list_missing",
        "List records that jobs read, that have no value and that no job will write",
    ),
    CliCommand(
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
        arg("version VERSION", "number of the version", type=COUNT),
        OF_WORKFLOW,
    ),
)

_REQUESTS = (
    arg("--num-cpus N", "number of CPUs, such as 4 or 0.5; in an update also +2 or x2"),
    arg("--memory SIZE", "memory, such as 16g; for an update also +4g or x2"),
    arg("--num-gpus N", "number of GPUs, or a share of one such as 0.5"),
    arg("--gpu-memory", "memory to reserve on each GPU: 20g or 50%%", type=GPU_SIZE),
    arg("--gpu-model REGEX", "regular expression for the name of the GPU"),
    arg("--num-nodes", "number of nodes", type=POSITIVE),
    arg("--runtime TIME", "runtime, such as PT2H; for an update also x2"),
)

_NEW_NAME = arg("-n --name", "name", type=label, required=True)
_EVENTS = (
    arg("-t --type KIND", "only events of this kind"),
    arg("-j --job-id JOB", "only of this job", type=POSITIVE),
)

RECORD_COMMANDS = (
    _list(
        "files list",
        "records:files",
        "List files",
        arg("--produced-by-job-id JOB", "only files that this job writes", type=POSITIVE),
        *LISTING,
    ),
    _list(
        "files list-required-existing",
        "records:required_files",
        "List files that must exist before a workflow can start",
    ),
    CliCommand(("files get",), "records:file", "Show a file", (_ID,)),
    CliCommand(
        ("files create",),
        "record_changes:create_file",
        "Add a file to a workflow",
        (WORKFLOW, _NEW_NAME, arg("-p --path PATH", "path", required=True, complete="file")),
        changes=True,
    ),
    CliCommand(
        ("files update",),
        "record_changes:update_file",
        "Change the name or path of a file",
        (
            _ID,
            arg("-n --name", "new name", type=label),
            arg("-p --path PATH", "new path; commands with the old path do not change"),
        ),
        changes=True,
    ),
    CliCommand(
        ("files delete",),
        "record_changes:delete_file",
        "Delete a file that no job reads or writes",
        (_ID, NO_PROMPTS),
        changes=True,
    ),
    _list(
        "results list",
        "records:results",
        "List results: the last one of each job, or all",
        arg("-j --job-id JOB", "only of this job", type=POSITIVE),
        arg("-r --run-id", "only of this run", type=POSITIVE),
        arg("--return-code", "only with this return code", type=INTEGER),
        flag("--failed", "only of failed jobs"),
        arg("-s --status STATUS", "only results with one of these statuses: failed,terminated"),
        flag("--all-runs", "include every attempt of every run"),
        arg("--compute-node ID", "only results of the runner with this id", type=POSITIVE),
        flag("--include-logs", "with the paths of the logs"),
        arg("-o --output-dir DIR", "accepted for compatibility, without effect"),
        *LISTING,
    ),
    _list(
        "results sweep",
        "sweep:sweep",
        "List the jobs of a job group with their parameters, results and values of user data",
        arg("group GROUP", "job group, such as 'train_{lr}' (default: the only one)", nargs="?"),
        arg(
            "--path PATH",
            "only this part of the user data, such as .loss (repeatable)",
            action="append",
        ),
        arg("-l --limit", "list at most N", type=COUNT),
    ),
    CliCommand(("results get",), "records:result", "Show a result", (_ID,)),
    CliCommand(
        ("results delete",),
        "record_changes:delete_results",
        "Delete results of attempts; the status of the jobs does not change",
        (
            arg("ids ID", "ids of results", nargs="+", type=POSITIVE),
            flag("--include-logs", "also delete the log files of these attempts"),
            NO_PROMPTS,
        ),
        changes=True,
    ),
    CliCommand(
        ("events list",),
        "events:list_",
        "List events, or follow them with -f",
        (
            WORKFLOW,
            *_EVENTS,
            arg("-l --limit", "only the last N", type=COUNT),
            OFFSET,
            *ORDER,
            flag("--follow", "print new events until interrupted (also -f)"),
        ),
        follow=True,
        formats=LIST,
    ),
    CliCommand(
        ("events monitor",),
        "events:monitor",
        "Print new events until interrupted",
        (
            WORKFLOW,
            *_EVENTS,
            arg("-d --duration MINUTES", "stop after this many minutes", type=SECONDS),
            arg(
                "--level",
                "only events of this level or a higher one (default: info)",
                choices=("debug", "info", "warning", "error"),
                default="info",
            ),
            arg("--filename FILE", "also append the events to this file", complete="file"),
        ),
        formats=TEXT,
    ),
    CliCommand(
        ("events get-latest-event",),
        "events:latest",
        "Show the newest event of a workflow",
        (WORKFLOW,),
    ),
    CliCommand(
        ("events create",),
        "record_changes:create_event",
        "Add a custom event to a workflow",
        (
            WORKFLOW,
            arg("-d --data JSON", "JSON object; - for standard input", empty=True),
            arg("--data-file", "file with the JSON object", complete="file"),
        ),
        changes=True,
    ),
    CliCommand(
        ("events delete",),
        "record_changes:delete_events",
        "Delete events of a workflow",
        (arg("ids ID", "ids of events", nargs="+", type=POSITIVE), OF_WORKFLOW, NO_PROMPTS),
        changes=True,
    ),
    _list(
        "resource-requirements list",
        "records:requirements",
        "List resource requirements",
        *LISTING,
    ),
    CliCommand(
        ("resource-requirements get",), "requirements:get", "Show resource requirements", (_ID,)
    ),
    CliCommand(
        ("resource-requirements create",),
        "requirements:create",
        "Add resource requirements to a workflow",
        (WORKFLOW, arg("-n --name", "name", type=label, required=True), *_REQUESTS),
        changes=True,
    ),
    CliCommand(
        ("resource-requirements update",),
        "requirements:update",
        "Change resource requirements for all jobs that use them, or only for some",
        (
            _ID,
            arg("-n --name", "new name", type=label),
            *_REQUESTS,
            arg("--only JOB", "give these jobs an entry of their own", nargs="+"),
            OF_WORKFLOW,
        ),
        changes=True,
    ),
    CliCommand(
        ("resource-requirements delete",),
        "requirements:delete",
        "Delete resource requirements that no job uses",
        (_ID, NO_PROMPTS),
        changes=True,
    ),
    _list("failure-handlers list", "records:failure_handlers", "List failure handlers", *LISTING),
    CliCommand(
        ("failure-handlers get",),
        "records:failure_handler",
        "Show a failure handler",
        (_ID, OF_WORKFLOW),
    ),
    _list(
        "workflows list-actions",
        "records:actions",
        "List the actions of a workflow, and what became of them",
    ),
    _list(
        "job-dependencies job-job",
        "execution_plan:job_job",
        "List the dependencies between jobs",
        *LISTING,
    ),
    _list(
        "job-dependencies job-file",
        "execution_plan:job_file",
        "List the jobs that write and read each file",
        *LISTING,
    ),
    _list(
        "job-dependencies job-user-data",
        "execution_plan:job_user_data",
        "List the jobs that write and read each user data record",
        *LISTING,
    ),
    _list(
        "compute-nodes list", "records:compute_nodes", "List the runners of a workflow", *LISTING
    ),
    CliCommand(("compute-nodes get",), "records:compute_node", "Show a runner", (_ID,)),
    _of(
        catalog.RESIZE,
        "workflows:resize",
        arg("id RUNNER", "id of the runner", type=POSITIVE),
        arg("--num-cpus", "number of CPUs", type=POSITIVE),
        arg("--memory", "memory size, such as 16g", type=SIZE),
        arg("--max-parallel-jobs", "run at most N jobs at once; 0: no limit", type=COUNT),
    ),
    _of(
        catalog.STOP_RUNNER,
        "runners:stop",
        arg("id RUNNER", "id of the runner", type=POSITIVE),
        *(flag(f"--{one.name}", one.help) for one in catalog.STOP_RUNNER.flags),
    ),
    _of(
        catalog.DROP,
        "runners:drop",
        arg("id RUNNER", "id of the runner", type=POSITIVE),
        *(flag(f"--{one.name}", one.help) for one in catalog.DROP.flags),
    ),
)

_SUBMIT = (
    arg("--account", "account of the allocations"),
    arg("--partition", "partition (default: the first one that fits)"),
    arg("--qos", "QOS of the allocations"),
    arg("--max-nodes", "most nodes at a time (default: 10)", type=POSITIVE),
    arg("--max-node-hours N", "most node hours of a run", type=FACTOR),
    arg("--walltime", "time limit of each allocation: seconds, or PT4H", type=RUNTIME),
    arg(
        "--default-runtime",
        "runtime that is planned for jobs without one (default: 1 h)",
        type=RUNTIME,
    ),
    arg(
        "--mode",
        "single: allocations of one node; pack: one with several; auto: what would start first",
        choices=("single", "pack", "auto"),
    ),
    arg(
        "--group-by",
        "form queue groups by partition or by resource requirements",
        choices=("partition", "resource-requirements"),
    ),
    flag("--ahead", "also request allocations for jobs that wait only for running jobs"),
    flag("--demand", "request by demand even if the file has actions schedule_nodes"),
)
_SUBMITTED = arg(
    "what FILE|WORKFLOW", "workflow file, or id or name of a workflow", complete="file"
)
_ALLOCATION = arg("id ALLOCATION", "id of the allocation", type=POSITIVE)
_QUEUE_GROUPS = arg("words WORKFLOW|GROUP", "workflow, then queue groups (default: all)", nargs="*")

CLUSTER_COMMANDS = (
    CliCommand(
        ("submit", "workflows submit"),
        "submit:submit",
        "Submit a workflow file or a workflow to the cluster",
        (
            _SUBMITTED,
            *_SUBMIT,
            flag("--dry-run", "only show what would be requested"),
            flag("--watch", "stay, and request more as jobs become ready"),
            flag("--no-watch", "request only what is needed now"),
            flag("--keep-options", "use the options of the last submission"),
            flag("--force", "submit even if files that jobs read are missing"),
            flag("--new", "create a new workflow, also if the file is submitted already"),
            _SET,
            _WORKFLOW_NAME,
            NO_PROMPTS,
        ),
        changes=True,
    ),
    CliCommand(
        ("slurm preview",),
        "submit:preview",
        "Show which allocations would be requested, and why",
        (_SUBMITTED, *_SUBMIT, _SET, _WORKFLOW_NAME),
    ),
    CliCommand(
        ("slurm status",),
        "slurm:status",
        "List the allocations of a workflow",
        (WORKFLOW, flag("-a --all", "also those that have ended")),
        LIST,
    ),
    _list("slurm nodes", "slurm:nodes", "List the runners of a workflow in allocations"),
    CliCommand(
        ("slurm watch",),
        "slurm_watch:watch",
        "Request allocations until all jobs of a workflow have finished",
        (WORKFLOW, flag("--detach", "run in the background")),
        TEXT,
        changes=True,
    ),
    _of(catalog.PAUSE_GROUP, "slurm:pause", _QUEUE_GROUPS),
    _of(catalog.RESUME_GROUP, "slurm:resume", _QUEUE_GROUPS),
    CliCommand(
        ("slurm schedule-nodes",),
        "slurm:schedule_nodes",
        "Request allocations by hand",
        (
            WORKFLOW,
            arg("-n --number --num-allocations N", "how many", type=POSITIVE, default=1),
            arg("--scheduler NAME", "Slurm scheduler of the workflow file"),
            arg("--like ALLOCATION", "with the size of this allocation", type=POSITIVE),
            arg("-m --max-parallel-jobs", "run at most N jobs at once on a node", type=POSITIVE),
            NO_PROMPTS,
        ),
        changes=True,
    ),
    _of(
        catalog.CANCEL_ALLOCATION,
        "slurm:cancel",
        arg("ids ALLOCATION", "ids of allocations", nargs="*", type=POSITIVE),
        OF_WORKFLOW,
        NO_PROMPTS,
    ),
    CliCommand(
        ("slurm logs",), "slurm:logs", "Print the log of an allocation", (_ALLOCATION,), TEXT
    ),
    CliCommand(
        ("slurm script",),
        "slurm:script",
        "Print the batch script of an allocation",
        (_ALLOCATION,),
        TEXT,
    ),
    _list("slurm usage", "slurm_usage:usage", "Show how well the allocations were used"),
    CliCommand(
        ("slurm sacct",),
        "slurm_usage:sacct",
        "Show what the accounting of Slurm knows of the allocations",
        (
            WORKFLOW,
            flag("--save-json", "write the records to sacct_wfID.json instead"),
            arg("-o --output-dir DIR", "where --save-json writes", complete="directory"),
        ),
        LIST,
    ),
    CliCommand(
        ("hpc match",),
        "partition_match:match",
        "Show which partitions fit the jobs of a workflow, or a request",
        (
            arg("what FILE|WORKFLOW", "workflow file, or a workflow", nargs="?", complete="file"),
            arg("--cpus", "CPUs of a job, instead of a workflow", type=CPUS),
            arg("--gpus", "GPUs of a job", type=COUNT),
            arg("--memory", "memory of a job, such as 16g", type=SIZE),
            arg("--walltime", "runtime of a job: seconds, or PT4H", type=RUNTIME),
            _SET,
            _WORKFLOW_NAME,
        ),
        LIST,
    ),
    CliCommand(
        ("hpc partitions",),
        "slurm:partitions",
        "List the partitions of the cluster",
        (flag("--gpu", "only nodes with GPUs"),),
        LIST,
    ),
)

SERVER_DIRECTORY = arg(
    "--directory DIR",
    "password, copies and address, in a directory that all machines see",
    complete="directory",
)
_NEW_FILE = arg("file", "new file", complete="file")

_JOB = (
    arg("-A --account", "account of the job for --slurm"),
    arg("--partition", "partition of the job for --slurm"),
    arg("--qos", "QOS of the job for --slurm"),
)

PROGRAM_COMMANDS = (
    CliCommand(
        ("database check",),
        "database:check",
        "Check the database for damage, or whether nodes can use it",
        (
            flag("--slurm", "let nodes of the cluster try locks, or the connection to the server"),
            flag("--shared", "first give an SQLite file a journal for several hosts"),
            *_JOB,
            arg("--timeout", "how long to wait for the nodes (default: 10 minutes)", type=RUNTIME),
        ),
        formats=TEXT,
    ),
    CliCommand(
        ("database ping", "ping"),
        "database:ping",
        "Check that the database answers",
        formats=TEXT,
    ),
    CliCommand(
        ("database backup",),
        "database:backup",
        "Copy the database into a new file, also while it is in use",
        (_NEW_FILE,),
        formats=TEXT,
    ),
    CliCommand(
        ("database recover",),
        "database:recover",
        "Copy what can be read of a damaged database into a new one",
        (_NEW_FILE,),
        formats=TEXT,
    ),
    CliCommand(
        ("database serve",),
        "database_server:serve",
        "Run a PostgreSQL server for your workflows on several machines",
        (
            SERVER_DIRECTORY,
            arg("--data DIR", "data, on a local disk", complete="directory"),
            arg("--host NAME", "name by which other machines reach this one"),
            arg("--port", "port (default: made from your user id)", type=PORT),
            arg("--pg-bin DIR", "programs of PostgreSQL", complete="directory"),
            arg("--dump-every", "time between copies (default: 10 minutes)", type=RUNTIME),
            flag("--fast-commits", "do not wait for the disk; a crash of the host loses commits"),
            flag("--from-dump", "start from the copy although the last server did not stop"),
            flag("--detach", "return when the server answers"),
            flag("--slurm", "run it in an allocation of its own, and return when it answers"),
            *_JOB,
            arg("--walltime", "time limit of its allocation (default: 1 day)", type=RUNTIME),
            arg("--timeout", "how long to wait for the node (default: 10 minutes)", type=RUNTIME),
        ),
        formats=TEXT,
    ),
    CliCommand(
        ("database stop",),
        "database_server:stop",
        "Stop the server of `torc database serve`",
        (SERVER_DIRECTORY,),
        formats=TEXT,
    ),
    CliCommand(
        ("database status",),
        "database_server:status",
        "Show where the server of `torc database serve` runs",
        (SERVER_DIRECTORY,),
        formats=TEXT,
    ),
    CliCommand(("config show",), "config:show", "Show every setting and its origin"),
    CliCommand(
        ("config paths",),
        "config:paths",
        "Show the paths of configuration files, database and state",
    ),
    CliCommand(
        ("config init",),
        "config:init",
        "Write a configuration file to start from",
        (
            flag("--user", "for the current user (default)"),
            flag("--local", "for this directory: ./torc.toml"),
            flag("--system", "for all users of this machine"),
            flag("--force", "add missing settings to an existing file"),
        ),
    ),
    CliCommand(("config validate",), "config:validate", "Check the configuration files"),
    CliCommand(
        ("completions",),
        "completions:completions",
        "Print shell completions, for use as: source <(torc completions bash)",
        (arg("shell bash|zsh|fish", choices=("bash", "zsh", "fish")),),
    ),
)

_COLUMNS = (
    arg("--columns NAMES", "columns to print, such as id,name,priority"),
    arg("-x --exclude NAME", "omit this column (repeatable)", action="append"),
    flag("--wide", "print all columns in full, whatever the width of the terminal"),
)


def _complete(command: CliCommand) -> CliCommand:
    """Return the command with the options that all lists have."""
    if command.formats != LIST:
        return command
    return command._replace(arguments=(*command.arguments, *_COLUMNS))


COMMANDS: tuple[CliCommand, ...] = tuple(
    map(
        _complete,
        (
            *WORKFLOW_COMMANDS,
            *RECOVERY_COMMANDS,
            *JOB_COMMANDS,
            *DATA_COMMANDS,
            *RECORD_COMMANDS,
            *CLUSTER_COMMANDS,
            *PROGRAM_COMMANDS,
        ),
    )
)

GROUPS = {
    "workflows": "Workflows: list, get, create, update, archive, export, import …",
    "jobs": "Jobs: list, get, cancel, terminate, hold, release, retry, priority …",
    "user-data": "User data, the JSON that flows between jobs: list, get, update, history …",
    "files": "Files of a workflow",
    "reports": "Reports: summary, results, check-resource-utilization",
    "results": "Results of the attempts of jobs",
    "events": "Events of a workflow, as a list or followed with -f",
    "resource-requirements": "Resource requirements of jobs",
    "job-dependencies": "Dependencies between jobs, and through files and user data",
    "failure-handlers": "Failure handlers: the rules for retries",
    "compute-nodes": "Runners and their machines",
    "slurm": "Allocations of a cluster: preview, status, watch, pause, cancel, logs …",
    "hpc": "The cluster: partitions, match",
    "gpu": "GPUs of this machine that are set aside",
    "database": "The database: check, backup, recover, serve …",
    "config": "Settings: show, paths, init, validate",
}
"""First words of commands of two words, with their help."""

BY_NAME: dict[str, CliCommand] = {name: command for command in COMMANDS for name in command.names}
