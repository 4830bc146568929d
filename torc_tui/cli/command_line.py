"""From the words of a line to the handler of a command: global options, the command's own, help,
near misses.

What comes in: the words behind the program's name. What goes out: the exit code of the handler. The
global options (``-f/--format``, ``--database``) may stand anywhere on the line; argparse never sees
them. ``--log-level`` of older scripts is taken and has no effect. Only the parser of the one
command that is called is ever built.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from importlib import import_module

from torc_tui import settings
from torc_tui.cli.call import Call
from torc_tui.cli.command_parser import CommandParser
from torc_tui.cli.command_table import BY_NAME, COMMANDS, GROUPS, Command
from torc_tui.errors import SettingsError, UsageError

FORMATS = ("table", "json", "text", "mermaid", "dot", "svg")
_VALUED = ("--database", "--log-level")
_ABOUT = """Run and watch workflows: jobs, what they depend on, the data that flows between them.

  torc                 open the app
  torc FILE|ID|NAME    open the app on that workflow
  torc --read-only     open the app so that it changes nothing
  torc run FILE        run a workflow here
"""


def run(program: str, words: Sequence[str]) -> int:
    """Do what the line says; TorcError when it cannot be understood."""
    front, rest = _split_front(words)
    options = _Globals()
    options.front, _ = options.take(front, FORMATS, follow=False)
    if "--version" in front or "-V" in front:
        print(f"torc {_version()}")
        return 0
    if "-h" in front or "--help" in front:
        print(help_text(program), end="")
        return 0
    if not rest:
        return _app(options, None)
    if rest[0] == "help":
        if _is_command(rest[1:]):
            rest = [*rest[1:], "--help"]
        else:
            return _help(program, rest[1:])
    if (called := _workflow_called(options, rest)) is not None:
        return _app(options, str(called), rest[1:])
    name, arguments = _command(program, rest)
    if name is None:
        return _app(options, rest[0], rest[1:])
    if "--read-only" in front:
        raise UsageError(
            "--read-only is for the app", hint=f"`{program} --read-only [FILE | ID | NAME]`"
        )
    command = BY_NAME[name]
    own, follow = options.take(arguments, command.formats, follow=command.follow)
    parsed = parser_of(command, program, name).read(own)
    if follow:
        parsed.follow = True
    module, _, function = command.handler.partition(":")
    handler = getattr(import_module(f"torc_tui.cli.{module}"), function)
    call = Call(
        program,
        parsed,
        options.format_for(command, program),
        options.format,
        options.database,
        command.action,
    )
    try:
        return int(handler(call) or 0)
    finally:
        call.close()


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
    help_pages.show(words[0])
    return 0


class _Globals:
    """The options that every command has."""

    def __init__(self) -> None:
        self.format: str | None = None
        self.database: str | None = None
        self.front: Sequence[str] = ()
        """The options before the command."""

    def take(
        self, words: Sequence[str], formats: Sequence[str], *, follow: bool
    ) -> tuple[list[str], bool]:
        """Take the global options out of ``words``; what is left, and whether a bare ``-f`` asked
        to follow."""
        left: list[str] = []
        followed = False
        index = 0
        while index < len(words):
            word = words[index]
            name, mark, value = word.partition("=")
            following = words[index + 1] if index + 1 < len(words) else None
            index += 1
            if word == "--":
                left += words[index - 1 :]
                break
            if word == "-f" and follow and following not in formats:
                followed = True
            elif word in ("-f", "--format") or (mark and name == "--format"):
                text = value if mark else following
                index += not mark
                if text not in formats:
                    raise UsageError(
                        f"{name} wants one of {', '.join(formats)}"
                        + (f", not {text!r}" if text else ""),
                        hint="for instance -f json",
                    )
                self.format = text
            elif name in _VALUED:
                text = value if mark else following
                index += not mark
                if not text:
                    raise UsageError(f"{name} wants a value")
                if name == "--database":
                    self.database = text
            else:
                left.append(word)
        return left, followed

    def format_for(self, command: Command, program: str) -> str:
        """What to print: as the line says, as the dialect or the settings say, else as the command
        prefers."""
        if self.format in command.formats:
            return str(self.format)
        if self.format is not None:
            raise UsageError(
                f"-f {self.format} is not for this command",
                hint=f"it has {', '.join(command.formats)}",
            )
        if program == "torc-client" and "table" in command.formats:
            return "json"
        preset = settings.load().get("client.format") if command.formats[0] == "table" else None
        if preset is not None and preset not in ("table", "json"):
            raise SettingsError(
                f"client.format must be table or json, not {preset!r}",
                hint="see `torc config show`",
            )
        return preset or command.formats[0]


def parser_of(command: Command, program: str, name: str | None = None) -> CommandParser:
    """The parser of one command."""
    program = f"{program} {name or command.names[0]}"
    parser = CommandParser(program, _sentence(command.help), command.arguments)
    formats = ", ".join(command.formats)
    everywhere = parser.add_argument_group("everywhere")
    everywhere.add_argument(
        "-f", "--format", metavar="FORMAT", dest="_format", help=f"one of {formats}"
    )
    everywhere.add_argument(
        "--database", metavar="URL", dest="_database", help="the store: a path or a URL"
    )
    return parser


def help_text(program: str) -> str:
    """What ``torc --help`` says."""
    lines = [f"usage: {program} [-f table|json] [--database URL] COMMAND …\n", _ABOUT, "Commands:"]
    lines += [f"  {c.names[0]:<24}{c.help}" for c in COMMANDS if " " not in c.names[0]]
    lines.append("\nGroups (torc GROUP --help lists what they hold):")
    lines += [f"  {group:<24}{text}" for group, text in GROUPS.items()]
    lines.append(
        f"\n`{program} COMMAND --help` lists the options of a command;"
        f" `{program} help` lists topics."
    )
    return "\n".join(lines) + "\n"


def group_text(program: str, group: str) -> str:
    """What ``torc jobs --help`` says."""
    lines = [f"usage: {program} {group} COMMAND …\n", _sentence(GROUPS[group]), ""]
    for command in COMMANDS:
        names = [name for name in command.names if name.startswith(group + " ")]
        if names:
            lines.append(f"  {names[0]:<38}{command.help}")
    return "\n".join(lines) + "\n"


def _split_front(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The global options before the command, and the rest."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        valued = words[index] in ("-f", "--format", *_VALUED)
        known = valued or words[index].partition("=")[0] in ("--format", *_VALUED)
        if not known and words[index] not in ("-h", "--help", "--version", "-V", "--read-only"):
            raise UsageError(
                f"there is no option {words[index]}", hint="`torc --help` tells what there is"
            )
        index += 1 + valued
    return list(words[:index]), list(words[index:])


def _command(program: str, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The name of the command that the words begin with, and its arguments; None when they name a
    workflow."""
    first = words[0]
    if first in BY_NAME:
        return first, list(words[1:])
    if first in GROUPS:
        group, mine = first, list(words[1:])
        following = [index for index, word in enumerate(mine) if not word.startswith("-")]
        if mine and f"{group} {mine[0]}" in BY_NAME:
            return f"{group} {mine[0]}", mine[1:]
        if not mine:
            raise UsageError(
                f"{program} {group} wants a command", hint=group_text(program, group).rstrip()
            )
        if mine[0] in ("-h", "--help") or (following and mine[following[0]] == "help"):
            print(group_text(program, group), end="")
            raise SystemExit(0)
        ours = [name.partition(" ")[2] for name in BY_NAME if name.startswith(group + " ")]
        raise _unknown(program, mine[0], ours, f"{group} ")
    if first.isdecimal() or names_file(first):
        return None, []
    raise _unknown(program, first, [*(name for name in BY_NAME if " " not in name), *GROUPS], "")


def _workflow_called(options: _Globals, words: Sequence[str]) -> int | None:
    """The id of the workflow whose name stands alone on the line, where it is no command, id or
    file."""
    first = words[0]
    known = first in BY_NAME or first in GROUPS or first.isdecimal() or names_file(first)
    if known:
        return None
    try:
        others, _ = options.take(words[1:], FORMATS, follow=False)
    except UsageError:
        return None
    if any(not word.startswith("-") for word in others):
        return None
    from torc_tui.cli.open_app import workflow_called

    return workflow_called(first, options.database)


def _unknown(program: str, word: str, known: Sequence[str], before: str) -> UsageError:
    near = difflib.get_close_matches(word, known, 3, 0.5)
    if near:
        ways = " or ".join(f"`{program} {before}{name}`" for name in near)
        return UsageError(f"there is no command {before}{word}", hint=f"did you mean {ways}?")
    opens = (
        ""
        if before
        else f"\n  `{program} ID` or its name opens a workflow; `{program} workflows list` tells the ids"
    )
    return UsageError(
        f"there is no command {before}{word}",
        hint=f"`{program} {before}--help` tells what there is{opens}",
    )


def names_file(word: str) -> bool:
    """Whether the word means a workflow file: by its ending, or because there is such a file and it
    is no number."""
    if word.lower().endswith((".yaml", ".yml", ".json", ".json5", ".kdl")):
        return True
    return not word.isdecimal() and ("/" in word or os.path.exists(word))  # noqa: PTH110


def _app(options: _Globals, workflow: str | None, rest: Sequence[str] = ()) -> int:
    own, _ = options.take(rest, ("table", "json"), follow=False)
    read_only = "--read-only" in [*options.front, *own]
    own = [word for word in own if word != "--read-only"]
    if own:
        raise UsageError(
            f"not understood: {' '.join(own)}", hint="`torc --help` tells what there is"
        )
    from torc_tui.cli.open_app import open_app

    return open_app(workflow, options.database, read_only=read_only)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torc-tui")
    except PackageNotFoundError:
        return "(not installed)"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
