"""Parse the arguments of a command, and write the help of the program, of a group and of a command.

Input: the arguments of the command table, and the words of a line. Output: a namespace, or a
UsageError. Invariants: no text of argparse is shown, because it changes with the version of Python;
words after ``--`` are positional arguments.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from torc_tui.cli.arguments import Argument
from torc_tui.cli.command_table import COMMANDS, GROUPS, CliCommand
from torc_tui.errors import UsageError
from torc_tui.quoting import nearest

_LITERAL = "\0"
"""Marks a word after ``--``, so that argparse does not take it for an option; no word of a command
line contains it."""


_CHECKS_ARGUMENTS = partial(argparse.HelpFormatter, width=80)
"""Creates the formatter that argparse requests for each argument.

Its width is fixed: finding the width of the terminal would import ``shutil``.
"""


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError instead of leaving the program."""

    def __init__(self, program: str, description: str, arguments: Sequence[Argument]) -> None:
        super().__init__(
            prog=program,
            description=description,
            formatter_class=_CHECKS_ARGUMENTS,
            allow_abbrev=False,
            exit_on_error=False,
        )
        for argument in arguments:
            self.add_argument(*argument.flags, **_checked(program, argument))
        self.formatter_class = argparse.HelpFormatter

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the values of the arguments. Options and positional arguments may be mixed."""
        given = list(words)
        if "--" in given:
            end = given.index("--")
            given[end:] = [_LITERAL + word for word in given[end + 1 :]]
        if not any(word.startswith("-") and "h" in word for word in given):
            self.usage = ""  # formatting the usage is slow, and only the help shows it
        try:
            parsed, unknown = self.parse_known_intermixed_args(given)
        except argparse.ArgumentError as error:
            raise self._refused(error) from None
        if unknown:
            raise self._unknown(unknown[0])
        return parsed

    def error(self, message: str) -> NoReturn:
        """Refuse a line that lacks something; argparse calls this for nothing else here."""
        needed = [_shown(action) for action in self._actions if action.required]
        raise self._wrong(f"needs {' and '.join(needed)}")

    def _refused(self, error: argparse.ArgumentError) -> UsageError:
        """Return the error for an option that has too few values, or one too many."""
        actions = (one for one in self._actions if _name(one) == error.argument_name)
        action = next(actions, None)
        if action is None or not action.option_strings:
            self.error("")
        flag = max(action.option_strings, key=len)
        if action.nargs == 0:
            return self._wrong(f"{flag} takes no value")
        return self._wrong(f"{flag} needs a value")

    def _unknown(self, word: str) -> UsageError:
        if not word.startswith("-"):
            return self._wrong(f"unexpected argument {word.removeprefix(_LITERAL)!r}")
        flag = word.partition("=")[0]
        options = [name for action in self._actions for name in action.option_strings]
        known = {name.lstrip("-"): name for name in options}  # the dashes make all names similar
        near = nearest(flag.lstrip("-"), known)
        hint = f"did you mean {known[near]}?" if near else None
        return self._wrong(f"unknown option {flag}", hint)

    def _wrong(self, message: str, hint: str | None = None) -> UsageError:
        way_out = hint or f"`{self.prog} --help` lists the arguments"
        return UsageError(f"{self.prog}: {message}", hint=way_out)


def _name(action: argparse.Action) -> str | None:
    """Return what ArgumentError calls the action."""
    return argparse.ArgumentError(action, "").argument_name


def _shown(action: argparse.Action) -> str:
    """Return a required argument as the help shows it."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return f"{max(action.option_strings, key=len)} {value}" if action.option_strings else value


def _checked(program: str, argument: Argument) -> dict[str, Any]:
    """Return the options for ``add_argument``, with type and choices as one check."""
    options = dict(argument.options)
    kind: Callable[[str], Any] | None = options.get("type")
    choices: Sequence[str] = options.pop("choices", ())
    if choices:
        options.setdefault("metavar", "|".join(choices))
    flag = max(argument.flags, key=len)
    name = flag if flag.startswith("-") else options.get("metavar", flag)

    def check(text: str) -> Any:
        text = text.removeprefix(_LITERAL)
        try:
            value = kind(text) if kind else text
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"{program}: {name}: {error}") from None
        if choices and value not in choices:
            listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise UsageError(f"{program}: {name} must be {listed}, not {text!r}")
        return value

    return options | {"type": check} if kind or choices else options


_ABOUT = """Run and watch workflows: jobs, their dependencies, and the data that flows between them.

  torc                 open the app
  torc FILE|ID|NAME    open the app on a workflow
  torc --read-only     open the app so that it cannot change anything
  torc run FILE        run a workflow on this machine
"""


def parser_of(command: CliCommand, program: str, name: str | None = None) -> CommandParser:
    """Return the parser of a command."""
    parser = CommandParser(f"{program} {name or command.names[0]}", command.help, command.arguments)
    everywhere = parser.add_argument_group("options of all commands")
    everywhere.add_argument(
        "-f",
        "--format",
        metavar="FORMAT",
        dest="_format",
        help=f"output format: {', '.join(command.formats)}",
    )
    everywhere.add_argument(
        "--database", metavar="URL", dest="_database", help="database: a path or a URL"
    )
    return parser


def help_text(program: str) -> str:
    """Return what ``torc --help`` prints."""
    lines = [f"usage: {program} [-f FORMAT] [--database URL] COMMAND …\n", _ABOUT, "Commands:"]
    lines += [f"  {one.names[0]:<24}{one.help}" for one in COMMANDS if " " not in one.names[0]]
    lines.append(f"\nGroups of commands ({program} GROUP --help lists the commands):")
    lines += [f"  {group:<24}{text}" for group, text in GROUPS.items()]
    lines.append(
        f"\n`{program} COMMAND --help` lists the options of a command;"
        f" `{program} help` lists topics."
    )
    return "\n".join(lines) + "\n"


def group_text(program: str, group: str) -> str:
    """Return what ``torc jobs --help`` prints."""
    lines = [f"usage: {program} {group} COMMAND …\n", GROUPS[group], ""]
    found: dict[str, str] = {}
    for command in COMMANDS:
        names = [name for name in command.names if name.startswith(f"{group} ")]
        if names:
            found[names[0]] = command.help
    width = max(map(len, found)) + 3
    lines += [f"  {name:<{width}}{text}" for name, text in found.items()]
    return "\n".join(lines) + "\n"
