"""Print completions of the shells bash, zsh and fish, made from the table of commands.

shtab writes those of bash and zsh. It does not know fish; that script is written here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from torc_tui.cli.arguments import Argument
from torc_tui.cli.call import Call
from torc_tui.cli.command_table import COMMANDS, GROUPS, Command


def completions(call: Call) -> None:
    """Print the completions for a shell."""
    shell = call.options.shell
    if shell == "fish":
        sys.stdout.write("\n".join(fish()) + "\n")
        return
    import shtab

    sys.stdout.write(shtab.complete(whole_parser(), shell=shell) + "\n")


def whole_parser() -> argparse.ArgumentParser:
    """Return all commands as one parser, which only completions need."""
    parser = argparse.ArgumentParser("torc", add_help=False)
    _global(parser)
    first = parser.add_subparsers()
    groups = {}
    for command in COMMANDS:
        for name in command.names:
            group, _, word = name.rpartition(" ")
            if group and group not in groups:
                made = first.add_parser(
                    group, help=GROUPS[group].replace("%", "%%"), add_help=False
                )
                groups[group] = made.add_subparsers()
            below = (groups[group] if group else first).add_parser(
                word, help=command.help, add_help=False
            )
            _fill(below, command)
    return parser


def _fill(parser: argparse.ArgumentParser, command: Command) -> None:
    import shtab

    for argument in command.arguments:
        action = parser.add_argument(*argument.flags, **argument.options)
        if argument.complete:
            action.complete = shtab.FILE if argument.complete == "file" else shtab.DIRECTORY  # type: ignore[attr-defined] # shtab's way
    _global(parser, command.formats)


def _global(parser: argparse.ArgumentParser, formats: tuple[str, ...] = ("table", "json")) -> None:
    parser.add_argument("-f", "--format", choices=formats, help="output format")
    parser.add_argument("--database", help="database: a path or a URL")
    parser.add_argument("-h", "--help", action="store_true", help="show the help")


def fish() -> Iterator[str]:
    """Yield the lines for fish, with conditions on the words before the cursor."""
    yield "complete -c torc -f"
    for name, text in _first_words():
        yield f"complete -c torc -n __fish_use_subcommand -a {name} -d {_quote(text)}"
    yield "complete -c torc -n __fish_use_subcommand -F"
    for command in COMMANDS:
        for name in command.names:
            group, _, word = name.rpartition(" ")
            if group:
                members = " ".join(
                    n.rpartition(" ")[2]
                    for c in COMMANDS
                    for n in c.names
                    if n.startswith(group + " ")
                )
                seen = "__fish_seen_subcommand_from"
                begun = f"{seen} {group}; and not {seen} {members}"
                yield f"complete -c torc -n {_quote(begun)} -a {word} -d {_quote(command.help)}"
            inside = "; and ".join(f"__fish_seen_subcommand_from {part}" for part in name.split())
            yield from _fish_options(_quote(inside), command)


def _fish_options(inside: str, command: Command) -> Iterator[str]:
    everywhere = (
        Argument(("-f", "--format"), {"choices": command.formats, "help": "output format"}),
        Argument(("--database",), {"help": "database: a path or a URL"}, "file"),
    )
    for argument in (*command.arguments, *everywhere):
        parts = [f"complete -c torc -n {inside}"]
        options = argument.options
        flags = [flag for flag in argument.flags if flag.startswith("-")]
        parts += [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in flags]
        if options.get("action") != "store_true" and flags:
            parts.append("-r")
        if "choices" in options:
            parts.append(f"-a {_quote(' '.join(options['choices']))}")
        if argument.complete == "file":
            parts.append("-F")
        elif argument.complete == "directory":
            parts.append("-a '(__fish_complete_directories)'")
        elif not flags and "choices" not in options:
            continue
        if options.get("help"):
            parts.append(f"-d {_quote(options['help'].replace('%%', '%'))}")
        yield " ".join(parts)


def _first_words() -> Iterator[tuple[str, str]]:
    for command in COMMANDS:
        for name in command.names:
            if " " not in name:
                yield name, command.help
    yield from GROUPS.items()


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
