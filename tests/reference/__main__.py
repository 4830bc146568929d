"""Write the reference pages of the documentation from the tables of the program.

``python -m tests.reference`` writes them; `test_reference` compares them with the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torc_tui.docs
from torc_tui import settings
from torc_tui.cli.command_table import COMMANDS, GROUPS
from torc_tui.docs import tables
from torc_tui.tui.frame.command import CONTEXTS
from torc_tui.tui.frame.commands import of_context
from torc_tui.tui.frame.keymap import KeyMap, shown

FOLDER = Path(torc_tui.docs.__file__).parent


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def names(text: str) -> str:
    """Return a comma-separated list of names as code."""
    return ", ".join(f"`{name.strip()}`" for name in text.split(","))


def commands() -> str:
    """Return the page of all commands."""
    parts = [
        "# Commands",
        "All commands with one line each.",
        "`torc COMMAND --help` lists the options of a command.",
        table(
            ("command", "what it does"),
            [(f"`torc {c.names[0]}`", c.help) for c in COMMANDS if " " not in c.names[0]],
        ),
    ]
    for group, text in GROUPS.items():
        mine = [c for c in COMMANDS if c.names[0].startswith(f"{group} ")]
        own = [(f"`torc {c.names[0]}`", c.help) for c in mine]
        parts += [f"## torc {group}", f"{text[0].upper()}{text[1:]}."]
        parts += [table(("command", "what it does"), own)]
    return "\n\n".join(parts) + "\n"


def exit_codes() -> str:
    """Return the page of exit codes."""
    rows = [(str(code), text) for code, text in tables.EXIT_CODES]
    return "\n\n".join(
        (
            "# Exit codes",
            "What the exit code of a command means.",
            table(("code", "meaning"), rows),
            "1 takes precedence over 3, and 3 over 4. With `-q`, `torc run` still prints one line on\n"
            "standard error when its exit code is not 0.",
            "With `-f json`, an error is one line of JSON on standard error, after any warnings:",
            "```json\n"
            '{"status": "error", "message": "there is no workflow 9", "hint": "…", "exit_code": 2}\n'
            "```",
            "`problems` lists the individual errors in a workflow file, or the jobs to which an action\n"
            "does not apply.\n",
        )
    )


def environment() -> str:
    """Return the page of environment variables."""
    return (
        "\n\n".join(
            (
                "# Environment variables",
                "Environment variables of jobs and of `torc`.",
                "## In a job",
                table(("variable", "meaning"), [(names(n), t) for n, t in tables.JOB_VARIABLES]),
                "## In scripts",
                table(("variable", "meaning"), [(names(n), t) for n, t in tables.SCRIPT_VARIABLES]),
                "## For torc",
                table(("variable", "meaning"), [(names(n), t) for n, t in tables.USER_VARIABLES]),
            )
        )
        + "\n"
    )


def configuration() -> str:
    """Return the page of settings."""
    kinds = {
        str: "string",
        int: "integer",
        float: "number",
        list: "list of strings",
        bool: "true or false",
    }
    rows = [(f"`{key}`", kinds[settings.KEYS[key]], text) for key, text in tables.SETTINGS]
    files = "\n".join(
        f"{number}. `{path}`"
        for number, path in enumerate(
            ("/etc/torc/config.toml", "~/.config/torc/config.toml", "./torc.toml"), start=1
        )
    )
    return "\n\n".join(
        (
            "# Settings",
            "Configuration files and every setting.",
            "Settings are read from these files; a later one takes precedence:",
            files,
            "Variables such as `TORC_CLIENT__FORMAT` take precedence over files, and options of"
            " the command line over both.\n`torc config show` lists every setting with its origin,"
            " `torc config init` writes a file with all of them,\nand `torc config validate`"
            " checks the files.",
            table(("setting", "type", "meaning"), rows) + "\n",
        )
    )


def keys() -> str:
    """Return the page of the keys of the app."""
    keymap = KeyMap()
    parts = [
        "# Keys",
        "Keys of the app in the default preset.",
        "The headings name the part of the screen that has the focus.",
    ]
    for context, title in CONTEXTS.items():
        rows = [
            ("  ".join(f"`{shown(key)}`" for key in keymap.keys(command.id)), command.help)
            for command in of_context(context)
            if keymap.keys(command.id)
        ]
        if rows:
            parts += [f"## {title}", table(("key", "what it does"), rows)]
    parts.append("`torc` reads other keys from `keys.toml` in the configuration directory; the")
    parts[-1] += " command *write key map* of the\ncommand palette writes that file."
    return "\n\n".join(parts) + "\n"


PAGES = {
    "commands": commands,
    "environment": environment,
    "exit-codes": exit_codes,
    "keys": keys,
    "settings": configuration,
}
"""Name of a generated topic -> the function that returns its text."""


def main() -> None:
    """Write all generated pages."""
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
