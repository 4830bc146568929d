"""Write the help of the program, of a group of commands, and of a command."""

from __future__ import annotations

from torc_tui.cli.command_parser import CommandParser
from torc_tui.cli.command_table import COMMANDS, GROUPS, Command

_ABOUT = """Run and watch workflows: jobs, their dependencies, and the data that flows between them.

  torc                 open the app
  torc FILE|ID|NAME    open the app on a workflow
  torc --read-only     open the app so that it cannot change anything
  torc run FILE        run a workflow on this machine
"""


def parser_of(command: Command, program: str, name: str | None = None) -> CommandParser:
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
    for command in COMMANDS:
        names = [name for name in command.names if name.startswith(f"{group} ")]
        if names:
            lines.append(f"  {names[0]:<38}{command.help}")
    return "\n".join(lines) + "\n"
