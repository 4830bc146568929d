"""Complete command lines in bash, zsh and fish.

`completions` prints a few lines for a shell. They have the shell call the program itself, which
answers from the table of commands and from the database: `answer`. Older names of commands are
accepted and not offered.
"""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from typing import Any

from argcomplete import autocomplete, shellcode  # type: ignore[attr-defined]  # documented
from argcomplete.completers import DirectoriesCompleter, FilesCompleter, SuppressCompleter
from argcomplete.lexers import split_line

from torc_tui.cli.arguments import Argument
from torc_tui.cli.call import Call
from torc_tui.cli.command_table import COMMANDS, GROUPS, CliCommand
from torc_tui.errors import TorcError
from torc_tui.status import JobStatus, WorkflowState

_PROGRAMS = ["torc", "torc-client"]
_MOST = 1000
"""Largest number of names that are offered."""
_READS = CliCommand(("completions",), "", "")
_ZSH_SETUP = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"

Completer = Callable[..., Any]


def completions(call: Call) -> None:
    """Print the lines that a shell evaluates to complete command lines."""
    shell = call.options.shell
    text = shellcode(_PROGRAMS, shell=shell)
    head, newline, rest = text.partition("\n")
    if shell == "zsh":
        text = f"{head}{newline}{_ZSH_SETUP}{rest}"
    sys.stdout.write(text + "\n")


def answer(program: str) -> None:
    """Answer the shell that asks for completions, and end the process."""
    line, point = os.environ.get("COMP_LINE", ""), int(os.environ.get("COMP_POINT", "0"))
    typed = split_line(line, point)[3][1:]
    autocomplete(_parser(program, typed), always_complete_options=False)


def _parser(program: str, typed: list[str]) -> ArgumentParser:
    """Return the commands as one parser, with the arguments of the one that was typed."""
    parser = ArgumentParser(program, add_help=False)
    _add_global_options(parser, ("table", "json"))
    first = parser.add_subparsers(metavar="COMMAND")
    groups: dict[str, Any] = {}
    for name, command in _offered(typed):
        group, _, word = name.rpartition(" ")
        if group and group not in groups:
            made = first.add_parser(group, help=_plain(GROUPS[group]), add_help=False)
            groups[group] = made.add_subparsers(metavar="COMMAND")
        parent = groups[group] if group else first
        own = parent.add_parser(word, help=_plain(command.help), add_help=False)
        if set(name.split()) <= set(typed):
            _add_arguments(own, command)
    return parser


def _offered(typed: list[str]) -> Iterator[tuple[str, CliCommand]]:
    """Yield the names of commands: one for each group of a command, and the typed ones."""
    for command in COMMANDS:
        shown: set[str] = set()
        for name in command.names:
            group = name.rpartition(" ")[0]
            if group not in shown or name.split() == typed[: len(name.split())]:
                yield name, command
            shown.add(group)


def _add_arguments(parser: ArgumentParser, command: CliCommand) -> None:
    for argument in command.arguments:
        action = parser.add_argument(*argument.flags, **_without_type(argument))
        completer = _completer_of(argument)
        if completer is not None:
            action.completer = completer  # type: ignore[attr-defined]  # argcomplete reads it
    _add_global_options(parser, command.formats)


def _without_type(argument: Argument) -> dict[str, Any]:
    """Return the options of an argument; a half-typed value is not checked."""
    options = {key: value for key, value in argument.options.items() if key != "type"}
    if "help" in options:
        options["help"] = _plain(options["help"])
    return options


def _plain(text: str) -> str:
    return text.replace("%%", "%").replace("%", "%%")


def _add_global_options(parser: ArgumentParser, formats: tuple[str, ...]) -> None:
    parser.add_argument("-f", "--format", choices=formats, help="output format")
    where = parser.add_argument("--database", help="database: a path or a URL")
    where.completer = FilesCompleter()  # type: ignore[attr-defined]
    parser.add_argument("-h", "--help", action="store_true", help="show the help")


# -- values ----------------------------------------------------------------------------------------


def _completer_of(argument: Argument) -> Completer | None:
    if "choices" in argument.options:
        return None
    if argument.complete == "directory":
        return DirectoriesCompleter()
    metavar = argument.options.get("metavar")
    kinds = metavar.split("|") if isinstance(metavar, str) else []
    completers = [_NAMES[kind] for kind in kinds if kind in _NAMES]
    if argument.complete == "file":
        completers.insert(0, FilesCompleter())
    if len(completers) > 1:
        return _all_of(completers)
    return completers[0] if completers else SuppressCompleter()


def _all_of(completers: list[Completer]) -> Completer:
    def words(prefix: str, **more: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for completer in completers:
            some = completer(prefix=prefix, **more)
            found |= some if isinstance(some, dict) else dict.fromkeys(some, "")
        return found

    return words


@contextlib.contextmanager
def _call(options: Namespace) -> Iterator[Call]:
    """Give access to the database; without one, or if it cannot be read, offer nothing."""
    call = Call("torc", _READS, options, "table", None, options.database)
    with contextlib.suppress(TorcError, OSError):
        yield call
    call.close()


def _workflows(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Return the names of workflows, with the state of the newest one of each name."""
    from torc_tui.cli.targets import newest_first

    found: dict[str, str] = {}
    with _call(parsed_args) as call:
        for one in reversed(newest_first(call.store)[:_MOST]):
            found[one.name] = f"workflow {one.id}, {one.state.value}"
    return found


def _of_workflow(read: Callable[[Call, int], dict[str, str]]) -> Completer:
    """Return the completer of names inside the workflow that the line names, or the newest."""

    def names(prefix: str, action: Action, parsed_args: Namespace, **_: Any) -> dict[str, str]:
        with _call(parsed_args) as call:
            return read(call, call.workflow_id(getattr(parsed_args, "workflow", None)))
        return {}

    return names


def _jobs(call: Call, workflow_id: int) -> dict[str, str]:
    from torc_tui.store import queries
    from torc_tui.store.selection import ListSelection

    found = queries.list_jobs(call.store, workflow_id, ListSelection(limit=_MOST))
    return {job["name"]: job["status"] for job in found}


def _groups(call: Call, workflow_id: int) -> dict[str, str]:
    from torc_tui.store import queries
    from torc_tui.wording import count  # imports all records, which the script does not need

    counts = queries.list_groups(call.store, workflow_id)
    return {group: count(number, "job") for group, number in counts.items()}


def _records(call: Call, workflow_id: int) -> dict[str, str]:
    from torc_tui.store.user_data_records import list_records

    found = list_records(call.store.connection(), workflow_id)
    return {one["name"]: f"user data {one['id']}" for one in found}


def _statuses(prefix: str, **_: Any) -> list[str]:
    return [status.word for status in JobStatus]


def _states(prefix: str, **_: Any) -> list[str]:
    return [state.value for state in WorkflowState]


_NAMES: dict[str, Completer] = {
    "WORKFLOW": _workflows,
    "JOB": _of_workflow(_jobs),
    "GROUP": _of_workflow(_groups),
    "RECORD": _of_workflow(_records),
    "STATUS": _statuses,
    "STATE": _states,
}
