"""Translate options and commands of upstream that have another name here, or no effect.

Input: the words of a line. Output: words that the parsers know, and hints. Options without effect
are left out; where that changes what the command does, a line on standard error says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.cli.diagnostics import print_stderr
from torc_tui.errors import UsageError
from torc_tui.tuples import NamedTuple


class NoEffect(NamedTuple):
    """An option that is accepted: whether it has a value, and why it has no effect if users care.

    An option with a reason is reported.
    """

    has_value: bool
    reason: str = ""


_FLAG, _VALUE = NoEffect(False), NoEffect(True)
_CLASSIFIED = "no program classifies failed jobs; `torc jobs classify` does"
_NO_SLURM = "`torc submit` and `torc slurm watch` request allocations"
_MEASURED = "resources are measured during every run"
_PAGE = {"-l": "--limit", "-o": "--offset", "-s": "--sort-by", "-r": "--reverse-sort"}
_CLASSIFIER = {"--ai-recovery": NoEffect(False, _CLASSIFIED), "--ai-*": _VALUE}
_ALLOCATIONS = {"--partition": NoEffect(True, _NO_SLURM), "--walltime": NoEffect(True, _NO_SLURM)}
_AT_ONCE = {"--async": _FLAG, "--wait-timeout": _VALUE}

OPTIONS: Mapping[str, Mapping[str, str | NoEffect]] = {
    "compute-nodes list": {**_PAGE, "--scheduled-compute-node": NoEffect(True, _NO_SLURM)},
    "events list": {**_PAGE, "--category": "--type"},
    "exec": {
        "--monitor": _VALUE,
        "--monitor-compute-node": _VALUE,
        "--generate-plots": NoEffect(False, "`torc plot` draws them"),
        "-i": _VALUE,
        "--sample-interval-seconds": _VALUE,
    },
    "init": _AT_ONCE,
    "logs": {"--bundle-dir": "--output", "--output-dir": _VALUE, "--workflow-id": "--workflow"},
    "reinit": _AT_ONCE,
    "rerun": {
        "--workflow-id": "--workflow",
        "--force": _FLAG,
        "--reinit": _FLAG,
        "--reinitialize": _FLAG,
    },
    "recover": {"-o": _VALUE, "--output-dir": _VALUE, **_CLASSIFIER, **_ALLOCATIONS},
    "resource-requirements create": {"-m": "--memory", "-r": "--runtime"},
    "run": {"--claim-backoff-max-secs": _VALUE},
    "hpc partitions": {"--shared": NoEffect(False, "all partitions are listed")},
    "slurm schedule-nodes": {
        "--num-hpc-jobs": "--number",
        "--scheduler-config-id": NoEffect(True, "name the scheduler with --scheduler"),
        **dict.fromkeys(("-o", "--output"), NoEffect(True, "the logs are in torc_output")),
        **dict.fromkeys(("-j", "--job-prefix", "-p", "--poll-interval"), _VALUE),
        "--claim-backoff-max-secs": _VALUE,
        "--keep-submission-scripts": NoEffect(False, "`torc slurm script` prints them"),
        **dict.fromkeys(("--start-one-worker-per-node", "--suppress-actions"), _FLAG),
    },
    "submit": {
        "--claim-backoff-max-secs": _VALUE,
        **dict.fromkeys(("-i", "--ignore-missing-data"), "--force"),
        "--max-parallel-jobs": NoEffect(True, "the requirements of the jobs limit them"),
        **dict.fromkeys(("-o", "--output-dir"), NoEffect(True, "the logs are in torc_output")),
        **dict.fromkeys(("-p", "--poll-interval"), _VALUE),
        "--skip-checks": _FLAG,
    },
    "watch": {
        "--auto-schedule": NoEffect(False, _NO_SLURM),
        "--auto-schedule-threshold": _VALUE,
        "--auto-schedule-cooldown": _VALUE,
        "--auto-schedule-stranded-timeout": _VALUE,
        **_CLASSIFIER,
        **_ALLOCATIONS,
    },
    "workflows list": {
        "-a": "--all-users",
        "-g": NoEffect(True, "there are no access groups"),
        "--access-group": NoEffect(True, "there are no access groups"),
    },
}
"""First name of a command -> option of upstream -> option here, or that it has no effect.

An option that ends with ``*`` stands for all others that begin so.
"""

_PARTITIONS = "`torc hpc partitions` reads the partitions from the cluster; there are no profiles"
_SCHEDULERS = "Slurm schedulers are keys of the workflow file; `torc update` changes them"
_BY_DEMAND = "`torc submit` plans the allocations; `torc slurm preview` shows the plan"
_NO_USERS = "whoever can open the database can use it; `torc help database` tells about permissions"
COMMANDS: Mapping[str, str] = {
    "access-groups": _NO_USERS,
    "admin": _NO_USERS,
    **dict.fromkeys(
        ("hpc " + name for name in ["detect", "generate", "list", "show"]), _PARTITIONS
    ),
    **dict.fromkeys(
        ("slurm " + name for name in ["create", "delete", "get", "list", "update"]), _SCHEDULERS
    ),
    **dict.fromkeys(
        ("slurm " + name for name in ["generate", "plan-allocations", "regenerate"]), _BY_DEMAND
    ),
    "slurm stats": "`torc slurm usage` shows how well the allocations were used",
    "slurm parse-logs": "`torc slurm logs` prints the log of an allocation",
    "monitor-node": f"{_MEASURED}; `torc resources` shows this machine",
    "jobs list-by-status": "`torc status ID` counts jobs by status, `torc jobs list -s` lists them",
    "plot-resources": "`torc plot` draws the use of resources from the database",
    "remote": "start `torc run ID` on each machine; all use the database in a shared directory or"
    " PostgreSQL",
    "ro-crate": "`torc report` writes a report of a workflow, `torc workflows export` all its data",
    "scheduled-compute-nodes": "`torc slurm status` lists the allocations of a workflow",
    "self": "`pip install --upgrade` with the name of the package updates torc",
    "tasks": "`torc init` and `torc reinit` have finished when they return",
    "torc-dash": "`torc` opens the app",
    "workflows delete-action": "remove it from the workflow file, then `torc update FILE`",
    "workflows create-slurm": "`torc submit FILE` requests the allocations that the jobs need",
    "workflows update-action": "change it in the workflow file, then `torc update FILE`",
}
"""Command of upstream that does not exist here -> what does its work."""


def translated(command: str, words: Sequence[str]) -> list[str]:
    """Return the words of a command with the options that its parser knows."""
    known = OPTIONS.get(command)
    if known is None:
        return list(words)
    end = words.index("--") if "--" in words else len(words)
    found: list[str] = []
    rest = iter(words[:end])
    for word in rest:
        name, mark, value = word.partition("=") if word.startswith("--") else (word, "", "")
        meaning = known.get(name) or _by_prefix(known, name)
        if meaning is None:
            found.append(word)
        elif isinstance(meaning, str):
            found.append(f"{meaning}{mark}{value}")
        else:
            if meaning.has_value and not mark and next(rest, None) is None:
                raise UsageError(f"torc {command}: {name} needs a value")
            if meaning.reason:
                print_stderr(f"{name} has no effect: {meaning.reason}")
    return [*found, *words[end:]]


def _by_prefix(known: Mapping[str, str | NoEffect], name: str) -> str | NoEffect | None:
    prefixes = (key for key in known if key.endswith("*") and name.startswith(key[:-1]))
    return next((known[key] for key in prefixes), None)
