"""Find the command that a line names, parse its arguments and call its handler.

A line without a command opens the app: on a workflow file, on a workflow by id or name, or on the
list of workflows. Only the parser of the command that is called is built.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from torc_tui.cli.command_help import CommandParser, group_text, help_text, parser_of
from torc_tui.cli.command_table import BY_NAME, GROUPS, CliCommand
from torc_tui.cli.diagnostics import print_notices
from torc_tui.cli.global_options import PLAIN, VALUED, GlobalOptions
from torc_tui.errors import TorcError, UsageError
from torc_tui.workflow_file import FORMATS

_FRONT = ("-h", "--help", "--version", "-V", "--read-only", "-s", *PLAIN)
"""Options without a value that may come before a command."""


_FIRST_WORDS = [*(name for name in BY_NAME if " " not in name), *GROUPS]


def run(program: str, words: Sequence[str]) -> int:
    """Run a command line and return the exit code; raise TorcError if that fails."""
    front, rest = _split_front(words)
    options = GlobalOptions()
    options.front = options.take(["--standalone" if word == "-s" else word for word in front]).words
    if "--version" in front or "-V" in front:
        print(f"torc {version_text()}")
        return 0
    if "-h" in front or "--help" in front:
        print(help_text(program), end="")
        return 0
    if rest[:1] == ["tui"]:
        del rest[0]  # as in upstream
    if not rest:
        return _app(options, None)
    if rest[0] == "help" and not _is_command(rest[1:]):
        return _help(program, rest[1:])
    if rest[0] == "help":
        rest = [*rest[1:], "--help"]
    if (called := _workflow_called(program, options, rest)) is not None:
        return _app(options, str(called), rest[1:])
    name, arguments = _command(program, rest)
    if name is None:
        return _app(options, rest[0], rest[1:])
    if "--read-only" in front:
        raise UsageError(
            "--read-only is for the app", hint=f"`{program} --read-only [FILE | ID | NAME]`"
        )
    return _call(program, name, arguments, options)


def _call(program: str, name: str, arguments: Sequence[str], options: GlobalOptions) -> int:
    """Parse the arguments of a command and call its handler."""
    from torc_tui.cli.call import Call  # loads all records, which the help needs not

    command = BY_NAME[name]
    own, follow = options.take(arguments, command.formats, follow=command.follow)
    parsed = _parsed(parser_of(command, program, name), command, own)
    if follow:
        parsed.follow = True
    module, _, function = command.handler.partition(":")
    handler = getattr(import_module(f"torc_tui.cli.{module}"), function)
    format_ = options.format_for(command, program)
    call = Call(program, command, parsed, format_, options.format, options.database)
    print_notices()
    try:
        return int(handler(call) or 0)
    finally:
        call.close()


def _parsed(parser: CommandParser, command: CliCommand, words: Sequence[str]) -> Namespace:
    """Return the values of the arguments; if necessary, translate options of upstream."""
    try:
        return parser.read(words)
    except UsageError:
        from torc_tui.cli.upstream_options import translated

        others = translated(command.names[0], words)
        if others == list(words):
            raise
    return parser.read(others)


def _is_command(words: Sequence[str]) -> bool:
    """Return whether the words after ``help`` name a command; one word is a topic first."""
    from torc_tui.docs.topics import ORDER

    if " ".join(words[:2]) in BY_NAME and len(words) > 1:
        return True
    return bool(words) and words[0] not in ORDER and (words[0] in BY_NAME or words[0] in GROUPS)


def _help(program: str, words: Sequence[str]) -> int:
    """Show a topic of the documentation, or without one the commands and the topics."""
    from torc_tui.cli import help_pages

    if not words:
        print(f"{help_text(program)}\n{help_pages.topic_list(program)}", end="")
        return 0
    _refuse_empty("TOPIC", words[0])
    help_pages.show(words[0])
    return 0


def _split_front(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options in front of the command, and the rest."""
    index = 0
    while index < len(words) and words[index].startswith("-") and words[index] != "-":
        name, mark, _ = words[index].partition("=")
        valued = name in ("-f", "--format", *VALUED) and not mark
        if not valued and words[index] not in _FRONT and name not in ("--format", *VALUED):
            raise UsageError(
                f"there is no option {words[index]}", hint="`torc --help` lists the options"
            )
        index += 1 + valued
    return list(words[:index]), list(words[index:])


def _command(program: str, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the name of the command that the words begin with, and its arguments.

    The name is None if the words name a workflow.
    """
    first = words[0]
    _refuse_empty("COMMAND", first)
    if first in BY_NAME:
        return first, list(words[1:])
    if first in GROUPS:
        return _command_of_group(program, first, list(words[1:]))
    if first.isdecimal() or names_file(first):
        return None, []
    raise _unknown(program, first, _FIRST_WORDS, "")


def _command_of_group(program: str, group: str, words: list[str]) -> tuple[str, list[str]]:
    """Return the name of the command of a group, and its arguments."""
    ours = [name.partition(" ")[2] for name in BY_NAME if name.startswith(f"{group} ")]
    if not words:
        raise UsageError(
            f"{program} {group} needs a command",
            hint=f"{', '.join(ours)}; `{program} {group} --help` explains them",
        )
    _refuse_empty("COMMAND", words[0])
    if f"{group} {words[0]}" in BY_NAME:
        return f"{group} {words[0]}", words[1:]
    following = next((word for word in words if not word.startswith("-")), None)
    if words[0] in ("-h", "--help") or following == "help":
        print(group_text(program, group), end="")
        raise SystemExit(0)
    raise _unknown(program, words[0], ours, f"{group} ")


def _workflow_called(program: str, options: GlobalOptions, words: Sequence[str]) -> int | None:
    """Return the id of the workflow whose name is the only word that is not an option."""
    first = words[0]
    if not first.strip() or first in BY_NAME or first in GROUPS:
        return None
    if first.isdecimal() or names_file(first):
        return None
    try:
        others = options.take(words[1:]).words
    except UsageError:
        return None
    if any(not word.startswith("-") for word in others):
        return None
    from torc_tui.cli.open_app import workflow_called
    from torc_tui.cli.upstream_options import COMMANDS as upstream_commands

    try:
        return workflow_called(first, options.database)
    except TorcError as error:
        if first.startswith("@"):
            raise
        if first in upstream_commands or _similar(first, _FIRST_WORDS):
            return None
        raise UsageError(
            f"cannot look for a workflow {first!r}: {error}",
            hint=error.hint or f"{first} is no command; `{program} --help` lists the commands",
        ) from error


def _similar(word: str, known: Sequence[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(word, known, 3, 0.65)


def _unknown(program: str, word: str, known: Sequence[str], before: str) -> UsageError:
    near = [] if before else [name for name in BY_NAME if name.partition(" ")[2] == word][:3]
    near = near or _similar(word, known)
    from torc_tui.cli.upstream_options import COMMANDS as upstream_commands

    if before + word in upstream_commands:
        hint = upstream_commands[before + word]
    elif near:
        hint = f"did you mean {' or '.join(f'`{program} {before}{name}`' for name in near)}?"
    else:
        hint = f"`{program} {before}--help` lists the commands"
        if not before:
            hint += f"; `{program} ID` or `{program} NAME` opens a workflow"
    return UsageError(f"there is no command {before}{word}", hint=hint)


def has_file_extension(word: str) -> bool:
    """Return whether a word has the extension of a workflow file."""
    return word.lower().endswith(tuple(FORMATS))


def names_file(word: str) -> bool:
    """Return whether a word is ``-``, has the extension of a workflow file, or is a path."""
    if word == "-" or has_file_extension(word):
        return True
    return not word.isdecimal() and ("/" in word or os.path.exists(word))  # noqa: PTH110


def _app(options: GlobalOptions, workflow: str | None, rest: Sequence[str] = ()) -> int:
    """Open the app."""
    own = options.take(rest).words
    read_only = "--read-only" in [*options.front, *own]
    own = [word for word in own if word != "--read-only"]
    if own:
        raise UsageError(
            f"unexpected argument {own[0]!r}", hint="`torc --help` lists commands and options"
        )
    from torc_tui.cli.open_app import open_app

    return open_app(workflow, options.database, read_only=read_only)


def _refuse_empty(what: str, word: str) -> None:
    if not word.strip():
        raise UsageError(f"{what} must not be empty (is the variable set that should contain it?)")


def version_text() -> str:
    """Return the version of the program."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torc-tui")
    except PackageNotFoundError:
        return "(not installed)"
