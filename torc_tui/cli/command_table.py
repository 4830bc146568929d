"""The one table of commands: from it come the reading of the line, the help, and the shell
completions.

What comes in: nothing. What goes out: :data:`COMMANDS`. A handler is named as ``module:function``
below ``torc_tui.cli`` and imported only when its command is called. Never here: work, or an import
that costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """What ``argparse.add_argument`` is told. ``complete`` is ``file`` or ``directory`` for the
    shells."""

    flags: tuple[str, ...]
    options: dict[str, Any]
    complete: str | None = None


class Command(NamedTuple):
    """One command. ``names`` are its full names (``workflows init``), the first is the one that
    help shows. ``formats`` are what ``-f`` may say, the first when it says nothing; ``follow`` lets
    a bare ``-f`` mean follow."""

    names: tuple[str, ...]
    handler: str
    help: str
    arguments: tuple[Argument, ...] = ()
    formats: tuple[str, ...] = ("table", "json")
    follow: bool = False


def arg(*flags: str, complete: str | None = None, **options: Any) -> Argument:
    return Argument(flags, options, complete)


def flag(*flags: str, help: str) -> Argument:
    return Argument(flags, {"action": "store_true", "help": help})


def _checked(kind: Callable[[str], Any], words: str) -> Callable[[str], Any]:
    """A type for argparse whose error says what is wanted."""

    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError as error:
            from argparse import ArgumentTypeError

            hint = f" ({error.args[1]})" if len(error.args) > 1 else ""
            raise ArgumentTypeError(f"{text!r} is not {words}{hint}") from None

    return read


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return _integer(text)


def _integer(text: str) -> int:
    """A number that every database can hold."""
    value = int(text)
    if abs(value) >= 1 << 31:
        raise ValueError
    return value


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise ValueError
    return int(text)


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def _span(text: str) -> float:
    try:
        return _amount(text)
    except ValueError:
        from torc_tui.units import parse_duration

        return parse_duration(text)


def _moment(text: str) -> float:
    from datetime import datetime, timedelta

    now = datetime.now().astimezone()
    if len(text) <= 5 and ":" in text:
        at = datetime.strptime(text, "%H:%M")
        moment = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        return (moment if moment > now else moment + timedelta(days=1)).timestamp()
    return datetime.fromisoformat(text).astimezone().timestamp()


COUNT = _checked(_count, "a whole number from 0")
POSITIVE = _checked(_positive, "a whole number above 0")
INTEGER = _checked(_integer, "a whole number")
AMOUNT = _checked(_amount, "a number from 0")
SPAN = _checked(_span, "a number of seconds or a duration such as PT30M")
MOMENT = _checked(_moment, "a time such as 18:30 or 2030-01-31T18:30")

FILE = arg("file", metavar="FILE", help="workflow file: YAML, JSON, JSON5 or KDL", complete="file")
WORKFLOW = arg(
    "workflow",
    nargs="?",
    metavar="WORKFLOW",
    help="id or name (default: the only one, or a choice)",
)
OF_WORKFLOW = arg("-w", "--workflow", metavar="WORKFLOW", help="id or name of the workflow")
WORKFLOWS = arg("workflows", nargs="+", metavar="WORKFLOW", help="ids or names")
JOB = arg("job", metavar="JOB", help="id, WORKFLOW/NAME, or a name with -w")
JOBS = arg("jobs", nargs="+", metavar="JOB", help="ids, WORKFLOW/NAME, or names with -w")
NO_PROMPTS = flag("-y", "--no-prompts", "--yes", help="do not ask")
RECORD = arg("record", metavar="RECORD", help="id, or a name (with -w, or inside a job)")
LISTING = (
    arg(
        "-l",
        "--limit",
        type=COUNT,
        default=10000,
        metavar="N",
        help="at most N of them (default 10000)",
    ),
    arg("--offset", type=COUNT, default=0, metavar="N", help="leave out the first N"),
    arg("--sort-by", metavar="COLUMN", help="sort by this key of the records"),
    flag("--reverse-sort", help="sort downwards"),
)
CREATING = (
    flag("--no-resource-monitoring", help="do not sample what the jobs use"),
    flag("--skip-checks", help="accepted for older scripts; the checks cost nothing here"),
    flag("--dry-run", help="check everything, say what would be created, create nothing"),
)
INITIALIZING = (
    WORKFLOW,
    flag("--force", help="go on although required files are missing"),
    flag("--dry-run", help="check only"),
    NO_PROMPTS,
)
RUNNING = (
    arg(
        "--num-cpus",
        type=POSITIVE,
        metavar="N",
        help="CPUs to use (default: those of this machine)",
    ),
    arg("--memory-gb", type=AMOUNT, metavar="GB", help="memory to use"),
    arg("--num-gpus", type=COUNT, metavar="N", help="GPUs to use"),
    arg(
        "--max-parallel-jobs",
        type=POSITIVE,
        metavar="N",
        help="at most N jobs at once, on top of the other limits",
    ),
    arg(
        "--time-limit",
        type=SPAN,
        metavar="TIME",
        help="stop after seconds, or a duration such as PT4H",
    ),
    arg("--end-time", type=MOMENT, metavar="TIME", help="stop at 18:30 or 2030-01-31T18:30"),
    arg(
        "-o",
        "--output-dir",
        metavar="DIR",
        help="where logs go (default torc_output)",
        complete="directory",
    ),
    arg(
        "-p",
        "--poll-interval",
        type=AMOUNT,
        metavar="S",
        help="accepted for older scripts; nothing is polled here",
    ),
    arg(
        "--grace",
        type=SPAN,
        metavar="TIME",
        help="from SIGTERM to SIGKILL when jobs are stopped (default 30 s)",
    ),
    arg(
        "--gpu-foreign",
        choices=("avoid", "ignore"),
        help="cards that other programs use: leave alone, or use too",
    ),
    flag(
        "--gpu-by-index", help="name a job's cards by number in CUDA_VISIBLE_DEVICES, not by UUID"
    ),
    flag("--no-limit-resources", help="count memory and runtime, but do not enforce them"),
    flag("-q", "--quiet", help="show no progress"),
    flag("--detach", help="run in the background, and return at once"),
)

COMMANDS: tuple[Command, ...] = (
    Command(
        ("create", "workflows create", "workflows create-from-spec"),
        "create:create",
        "create a workflow from a file",
        (
            FILE,
            arg("-n", "--name", metavar="NAME", help="another name than the file gives"),
            *CREATING,
        ),
    ),
    Command(
        ("validate", "workflows validate"),
        "create:validate",
        "check a workflow file, create nothing",
        (FILE,),
    ),
    Command(
        ("init", "workflows init", "workflows initialize", "workflows initialize-jobs"),
        "create:init",
        "make the jobs of a workflow ready to run",
        INITIALIZING,
    ),
    Command(
        ("run", "workflows run", "workflows start", "run-jobs"),
        "run:run",
        "run a workflow: a file, or one that exists",
        (
            arg(
                "what",
                nargs="?",
                metavar="FILE|WORKFLOW",
                help="workflow file, or id or name of a workflow",
                complete="file",
            ),
            *RUNNING,
            flag("--skip-checks", help="accepted for older scripts"),
            flag(
                "--force",
                help="go on although files are missing, or a runner is at work (--detach)",
            ),
            flag("--tui", help="watch it in the app"),
        ),
    ),
    Command(
        ("status", "workflows status"), "workflows:status", "how a workflow stands", (WORKFLOW,)
    ),
    Command(
        ("cancel", "workflows cancel"),
        "workflows:cancel",
        "cancel a workflow: nothing new starts, what runs is stopped",
        (WORKFLOW, NO_PROMPTS),
    ),
    Command(
        ("delete", "workflows delete"),
        "workflows:delete",
        "delete workflows with everything of them",
        (WORKFLOWS, NO_PROMPTS),
    ),
    Command(("why",), "why:why", "why a job waits, failed, or will never run", (JOB, OF_WORKFLOW)),
    Command(
        ("logs", "jobs logs"),
        "logs:logs",
        "the output of a job",
        (
            JOB,
            OF_WORKFLOW,
            arg(
                "-a",
                "--attempt",
                type=POSITIVE,
                metavar="N",
                help="of this attempt (default: the last)",
            ),
            arg(
                "-r", "--run-id", type=POSITIVE, metavar="N", help="of this run (default: the last)"
            ),
            flag("--stdout", help="standard output only"),
            flag("--stderr", help="standard error only"),
            arg("-n", "--lines", type=COUNT, metavar="N", help="only the last N lines"),
            flag("--follow", help="go on until the job ends (also -f)"),
            flag("--path", help="print the paths instead"),
        ),
        formats=("text", "json"),
        follow=True,
    ),
    Command(
        ("graph", "workflows graph"),
        "graph:graph",
        "the graph of a workflow, for people and for other programs",
        (
            WORKFLOW,
            flag("--no-fold", help="every job for itself"),
            flag("--data", help="with files and user data"),
            flag("--direct", help="without the lines that follow from others"),
        ),
        formats=("text", "mermaid", "dot", "svg", "json"),
    ),
    Command(
        ("resources",), "resources:resources", "what this machine has, and who holds what of it"
    ),
    # -- workflows
    Command(
        ("workflows list",),
        "workflows:list_",
        "list workflows",
        (
            *LISTING,
            flag("--archived-only", help="only the archived ones"),
            flag("--include-archived", help="the archived ones too"),
            flag("--all-users", help="those of others too"),
        ),
    ),
    Command(("workflows get",), "workflows:get", "one workflow", (WORKFLOW,)),
    Command(
        ("workflows new",),
        "workflows:new",
        "create an empty workflow",
        (
            arg("-n", "--name", required=True, metavar="NAME"),
            arg("-d", "--description", metavar="TEXT"),
        ),
    ),
    Command(
        ("workflows update",),
        "workflows:update",
        "change the name or the description of a workflow",
        (
            WORKFLOW,
            arg("-n", "--name", metavar="NAME"),
            arg("-d", "--description", metavar="TEXT"),
            arg("--project", metavar="TEXT"),
            arg("--metadata", metavar="JSON"),
            arg("--owner-user", metavar="USER"),
        ),
    ),
    Command(
        ("workflows is-complete",),
        "workflows:is_complete",
        "whether every job has ended",
        (WORKFLOW,),
    ),
    Command(
        ("workflows archive",),
        "workflows:archive",
        "hide workflows from lists, or show them again",
        (arg("state", choices=("true", "false"), metavar="true|false"), WORKFLOWS),
    ),
    Command(
        ("workflows export",),
        "workflows:export",
        "write a workflow as JSON",
        (
            WORKFLOW,
            arg("-o", "--output", metavar="FILE", help="default: standard output", complete="file"),
            flag("--include-results", help="with the results"),
            flag("--include-events", help="with the events"),
        ),
    ),
    Command(
        ("workflows import",),
        "workflows:import_",
        "create a workflow from an exported one",
        (
            arg("file", metavar="FILE", help="- for standard input", complete="file"),
            arg("-n", "--name", metavar="NAME", help="another name"),
            flag("--skip-results", help="without the results"),
            flag("--skip-events", help="without the events"),
        ),
    ),
    Command(
        ("workflows pause",), "workflows:pause", "start nothing new, let what runs end", (WORKFLOW,)
    ),
    Command(("workflows resume",), "workflows:resume", "go on after a pause", (WORKFLOW,)),
    Command(
        ("workflows stop",),
        "workflows:stop",
        "stop the runners of a workflow; its jobs can go on with another run",
        (WORKFLOW, flag("--now", help="kill what runs, without the time to end")),
    ),
    # -- jobs
    Command(
        ("jobs list",),
        "jobs:list_",
        "list jobs",
        (
            WORKFLOW,
            arg("-s", "--status", metavar="STATE", help="only those in this state"),
            flag("--failed", help="only those that failed"),
            arg("--name", metavar="PATTERN", help="only names like this (SQL LIKE: %% and _)"),
            *LISTING,
            flag("--include-relationships", help="with dependencies, files and data (JSON)"),
        ),
    ),
    Command(("jobs get",), "jobs:get", "one job", (JOB, OF_WORKFLOW)),
    Command(
        ("jobs create-from-file",),
        "jobs:create_from_file",
        "add a job for every line of a file",
        (
            arg("workflow", metavar="WORKFLOW", help="id or name"),
            arg(
                "file",
                metavar="FILE",
                help="one command per line; - for standard input",
                complete="file",
            ),
            arg(
                "--cpus-per-job",
                type=POSITIVE,
                default=1,
                metavar="N",
                help="CPUs of each job (default 1)",
            ),
            arg(
                "--memory-per-job",
                metavar="SIZE",
                help="such as 2g; enforced when the runtime is given too",
            ),
            arg(
                "--runtime-per-job",
                metavar="TIME",
                help="such as PT2H; enforced when the memory is given too",
            ),
        ),
    ),
    Command(
        ("jobs update",),
        "jobs:update",
        "change a job that has not started",
        (
            JOB,
            OF_WORKFLOW,
            arg("-n", "--name", metavar="NAME"),
            arg("-c", "--command", metavar="COMMAND"),
            arg("--runtime", metavar="DURATION"),
            arg("--resource-requirements-id", type=POSITIVE, metavar="ID"),
        ),
    ),
    Command(
        ("jobs reproduce",),
        "jobs:reproduce",
        "a line for bash that does what a job does, in its folder and with its environment",
        (JOB, OF_WORKFLOW),
        formats=("text", "json"),
    ),
    Command(
        ("jobs cancel",),
        "jobs:cancel",
        "cancel jobs, and what waits for them",
        (JOBS, OF_WORKFLOW, NO_PROMPTS),
    ),
    Command(
        ("jobs terminate",), "jobs:terminate", "stop jobs that run", (JOBS, OF_WORKFLOW, NO_PROMPTS)
    ),
    Command(("jobs hold",), "jobs:hold", "do not start these jobs for now", (JOBS, OF_WORKFLOW)),
    Command(("jobs release",), "jobs:release", "let held jobs start again", (JOBS, OF_WORKFLOW)),
    Command(("jobs retry",), "jobs:retry", "run jobs again that failed", (JOBS, OF_WORKFLOW)),
    Command(("jobs disable",), "jobs:disable", "leave jobs out", (JOBS, OF_WORKFLOW)),
    Command(("jobs enable",), "jobs:enable", "take disabled jobs in again", (JOBS, OF_WORKFLOW)),
    Command(
        ("jobs priority",),
        "jobs:priority",
        "set the priority of jobs, higher first",
        (arg("priority", type=INTEGER, metavar="N"), JOBS, OF_WORKFLOW),
    ),
    # -- user data
    Command(
        ("user-data list",),
        "user_data:list_",
        "list the records of a workflow",
        (
            WORKFLOW,
            arg(
                "-l",
                "--limit",
                type=COUNT,
                default=50,
                metavar="N",
                help="at most N of them (default 50)",
            ),
            arg("-o", "--offset", type=COUNT, default=0, metavar="N", help="leave out the first N"),
            arg("--sort-by", metavar="COLUMN", help="sort by this key of the records"),
            flag("--reverse-sort", help="sort downwards"),
            arg("--name", metavar="PATTERN", help="only names like this (SQL LIKE)"),
            arg(
                "--is-ephemeral",
                nargs="?",
                const="true",
                choices=("true", "false"),
                help="only such records",
            ),
            arg(
                "--consumer-job-id",
                type=POSITIVE,
                metavar="JOB",
                help="only those that this job reads",
            ),
            arg(
                "--producer-job-id",
                type=POSITIVE,
                metavar="JOB",
                help="only those that this job writes",
            ),
        ),
    ),
    Command(
        ("user-data get",),
        "user_data:get",
        "one record, as JSON",
        (RECORD, OF_WORKFLOW),
        formats=("json", "table"),
    ),
    Command(
        ("user-data create",),
        "user_data:create",
        "create a record",
        (
            WORKFLOW,
            arg("-n", "--name", required=True, metavar="NAME"),
            arg("-d", "--data", metavar="JSON", help="its value; - for standard input"),
            arg("--data-file", metavar="FILE", help="its value from a file", complete="file"),
            flag("--ephemeral", help="cleared when the workflow is initialized"),
            arg("--consumer-job-id", type=POSITIVE, metavar="JOB"),
            arg("--producer-job-id", type=POSITIVE, metavar="JOB"),
        ),
    ),
    Command(
        ("user-data update",),
        "user_data:update",
        "change a record",
        (
            RECORD,
            OF_WORKFLOW,
            arg(
                "-d",
                "--data",
                metavar="JSON",
                help="the new value; null clears it; - for standard input",
            ),
            arg("--data-file", metavar="FILE", help="the new value from a file", complete="file"),
            arg("-n", "--name", metavar="NAME", help="another name"),
            arg("--ephemeral", metavar="true|false"),
            arg("--expected-version", metavar="N", help="only if nobody wrote since this version"),
        ),
    ),
    Command(("user-data delete",), "user_data:delete", "delete a record", (RECORD, OF_WORKFLOW)),
    Command(
        ("user-data delete-all",),
        "user_data:delete_all",
        "delete all records of a workflow",
        (WORKFLOW, NO_PROMPTS),
    ),
    Command(
        ("user-data list-missing",),
        "user_data:list_missing",
        "ids of records that jobs need and nobody will write",
        (WORKFLOW,),
    ),
    Command(
        ("user-data history",),
        "user_data:history",
        "every value a record ever had",
        (RECORD, OF_WORKFLOW),
    ),
    Command(
        ("user-data restore",),
        "user_data:restore",
        "give a record an earlier value again",
        (RECORD, arg("version", type=COUNT, metavar="VERSION"), OF_WORKFLOW),
    ),
    # -- the other records
    Command(("files list",), "records:files", "list files", (WORKFLOW, *LISTING)),
    Command(
        ("files list-required-existing",),
        "records:required_files",
        "files that must be there to begin",
        (WORKFLOW,),
    ),
    Command(("files get",), "records:file", "one file", (arg("id", type=POSITIVE, metavar="ID"),)),
    Command(
        ("results list",),
        "records:results",
        "list results: one per job, or per attempt",
        (
            WORKFLOW,
            arg("-j", "--job-id", type=POSITIVE, metavar="JOB", help="only of this job"),
            arg("-r", "--run-id", type=POSITIVE, metavar="N", help="only of this run"),
            arg("--return-code", type=INTEGER, metavar="N", help="only with this return code"),
            flag("--failed", help="only those that failed"),
            arg("-s", "--status", metavar="STATE", help="only in this state"),
            flag("--all-runs", help="every attempt of every run"),
            *LISTING,
        ),
    ),
    Command(
        ("results get",), "records:result", "one result", (arg("id", type=POSITIVE, metavar="ID"),)
    ),
    Command(
        ("events list", "events monitor"),
        "events:list_",
        "list what happened, or follow it with -f",
        (
            WORKFLOW,
            arg("-t", "--type", metavar="KIND", help="only events of this kind"),
            arg("-j", "--job-id", type=POSITIVE, metavar="JOB", help="only of this job"),
            arg("-l", "--limit", type=COUNT, metavar="N", help="only the last N"),
            flag("--follow", help="go on until interrupted (also -f)"),
        ),
        follow=True,
    ),
    Command(
        ("resource-requirements list",),
        "records:requirements",
        "list resource requirements",
        (WORKFLOW,),
    ),
    Command(
        ("failure-handlers list",), "records:failure_handlers", "list failure handlers", (WORKFLOW,)
    ),
    Command(
        ("compute-nodes list",),
        "records:compute_nodes",
        "list the runners of a workflow",
        (WORKFLOW,),
    ),
    Command(
        ("compute-nodes get",),
        "records:compute_node",
        "one runner",
        (arg("id", type=POSITIVE, metavar="ID"),),
    ),
    Command(
        ("compute-nodes resize",),
        "workflows:resize",
        "let a runner use more or less of its machine",
        (
            arg("id", type=POSITIVE, metavar="RUNNER", help="id of the runner"),
            arg("--num-cpus", type=POSITIVE, metavar="N", help="CPUs"),
            arg("--memory", metavar="SIZE", help="memory, such as 16g"),
            arg(
                "--max-parallel-jobs",
                type=COUNT,
                metavar="N",
                help="at most N jobs at once; 0: no limit",
            ),
        ),
    ),
    # -- the program itself
    Command(("config show",), "config:show", "every setting, and where it comes from"),
    Command(("config paths",), "config:paths", "where configuration, database and state are"),
    Command(
        ("config init",),
        "config:init",
        "write a configuration file to begin with",
        (
            flag("--user", help="for yourself (the default)"),
            flag("--local", help="for this directory: ./torc.toml"),
            flag("--system", help="for everybody on this machine"),
            flag("--force", help="add to a file that is there"),
        ),
    ),
    Command(("config validate",), "config:validate", "check the configuration files"),
    Command(
        ("completions",),
        "completions:completions",
        "completions for a shell: source <(torc completions bash)",
        (arg("shell", choices=("bash", "zsh", "fish"), metavar="bash|zsh|fish"),),
    ),
)

GROUPS = {
    "workflows": "workflows: list, get, create, update, archive, export, import …",
    "jobs": "jobs: list, get, cancel, terminate, hold, release, retry, priority …",
    "user-data": "the JSON that flows between jobs: list, get, update, history …",
    "files": "files of a workflow",
    "results": "how jobs ended",
    "events": "what happened, live with -f",
    "resource-requirements": "what jobs ask for",
    "failure-handlers": "what follows when jobs fail",
    "compute-nodes": "runners and their machines",
    "config": "settings: show, paths, init, validate",
}
"""First words that need a second one, as the help tells them."""

BY_NAME: dict[str, Command] = {name: command for command in COMMANDS for name in command.names}
