"""Print completions of the shells bash, zsh and fish, made by shtab from the table of commands."""

from __future__ import annotations

import argparse
import sys

import shtab

from torc_tui.cli.call import Call
from torc_tui.cli.command_table import COMMANDS, GROUPS, Command


def completions(call: Call) -> None:
    """Print the completions for a shell."""
    sys.stdout.write(shtab.complete(_whole_parser(), shell=call.options.shell) + "\n")


def _whole_parser() -> argparse.ArgumentParser:
    """Return all commands as one parser, which only completions need."""
    parser = argparse.ArgumentParser("torc", add_help=False)
    _add_global_options(parser)
    first = parser.add_subparsers()
    groups = {}
    for command in COMMANDS:
        for name in command.names:
            group, _, word = name.rpartition(" ")
            if group and group not in groups:
                help_ = GROUPS[group].replace("%", "%%")
                made = first.add_parser(group, help=help_, add_help=False)
                groups[group] = made.add_subparsers()
            parent = groups[group] if group else first
            _add_options(parent.add_parser(word, help=command.help, add_help=False), command)
    return parser


def _add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    for argument in command.arguments:
        action = parser.add_argument(*argument.flags, **argument.options)
        if argument.complete:
            files = shtab.FILE if argument.complete == "file" else shtab.DIRECTORY
            action.complete = files  # type: ignore[attr-defined] # shtab reads it
    _add_global_options(parser, command.formats)


def _add_global_options(
    parser: argparse.ArgumentParser, formats: tuple[str, ...] = ("table", "json")
) -> None:
    parser.add_argument("-f", "--format", choices=formats, help="output format")
    parser.add_argument("--database", help="database: a path or a URL")
    parser.add_argument("-h", "--help", action="store_true", help="show the help")
