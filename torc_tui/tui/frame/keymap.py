"""Read the key map: a preset, changed by the key map file of the user.

Input: the preset and the text of the file. Output: look-ups in both directions. Only `read` and
`write` touch the file. Two commands on one key in one context are an error of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from torc_tui.config_file import toml_error
from torc_tui.errors import SettingsError
from torc_tui.quoting import nearest
from torc_tui.tui.frame.command import CONTEXTS, PRESETS, AppCommand
from torc_tui.tui.frame.commands import BY_ID, COMMANDS

FILE = "keys.toml"
PENDING = "pending"
"""The result of ``KeyMap.find`` for the beginning of a chord."""


@cache
def default_keys() -> KeyMap:
    """Return the default preset without changes; making a map takes 1 ms."""
    return KeyMap()


def key_of(key: str, character: str | None) -> str:
    """Return a pressed key in the spelling of the command table: a character, or Textual's name."""
    if (
        character is not None
        and len(character) == 1
        and character.isprintable()
        and character != " "
    ):
        return character
    return key


class KeyMap:
    """The keys of all commands: a preset, and ``changes`` by command id."""

    def __init__(
        self, preset: str = "default", changes: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self.preset = preset
        self.changes = {key: tuple(value) for key, value in (changes or {}).items()}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._table: dict[tuple[str, str], AppCommand] = {}
        self._beginnings: set[tuple[str, str]] = set()
        self.conflicts: list[str] = []
        # Keys of the user take precedence over the preset, so they are entered first.
        for command in sorted(COMMANDS, key=lambda command: command.id not in self.changes):
            kept = []
            for key in self.changes.get(command.id, command.keys_of(preset)):
                taken = [where for where in command.where if (where, key) in self._table]
                if taken and command.id in self.changes:
                    other = self._table[taken[0], key]
                    where = CONTEXTS[taken[0]].lower()
                    self.conflicts.append(
                        f"{key} is assigned to both {command.id} and {other.id} ({where})"
                    )
                    continue
                places = [where for where in command.where if where not in taken]
                for where in places:
                    self._table[where, key] = command
                    parts = key.split(" ")
                    for count in range(1, len(parts)):
                        self._beginnings.add((where, " ".join(parts[:count])))
                if places:
                    kept.append(key)
            self._keys[command.id] = tuple(kept)

    def find(self, keys: str, contexts: Iterable[str]) -> AppCommand | str | None:
        """Return the command for pressed keys in the first context that has one.

        ``PENDING`` stands for the beginning of a chord.
        """
        pending = False
        for context in contexts:
            command = self._table.get((context, keys))
            if command is not None:
                return command
            pending = pending or (context, keys) in self._beginnings
        return PENDING if pending else None

    def keys(self, command_id: str) -> tuple[str, ...]:
        return self._keys.get(command_id, ())

    def key(self, command_id: str) -> str:
        """Return the first key of a command for display; empty if it has none."""
        keys = self.keys(command_id)
        return shown(keys[0]) if keys else ""


_SHOWN = {
    "escape": "esc", "enter": "⏎", "pageup": "pgup", "pagedown": "pgdn", "up": "↑", "down": "↓",
    "left": "←", "right": "→", "backspace": "bksp", "delete": "del",
}  # fmt: skip


def shown(key: str) -> str:
    """Return a key for display: ``^p`` for ``ctrl+p``."""
    parts = []
    for part in key.split(" "):
        modifiers, plus, last = part.rpartition("+")
        part = f"{modifiers}{plus}{_SHOWN.get(last, last)}" if modifiers else _SHOWN.get(part, part)
        parts.append("^" + part[5:] if part.startswith("ctrl+") else part)
    return " ".join(parts)


def parse(text: str, file: str = FILE) -> KeyMap:
    """Return the key map that a file describes; raise SettingsError if it is invalid."""
    import tomllib  # few users have a key map file

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise toml_error(file, text, error) from error
    preset = values.get("preset", "default")
    if preset not in PRESETS:
        raise SettingsError(
            f"{file}: unknown preset {preset!r}", hint=f"use {' or '.join(PRESETS)}"
        )
    changes: dict[str, tuple[str, ...]] = {}
    keys = values.get("keys", {})
    if not isinstance(keys, dict):
        raise SettingsError(f"{file}: [keys] must be a table", hint='such as "job-retry" = ["r"]')
    for name, value in keys.items():
        if name not in BY_ID:
            near = nearest(name, BY_ID)
            raise SettingsError(
                f"{file}: unknown command {name!r}",
                hint=f"did you mean {near}?" if near else None,
            )
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(key, str) for key in listed):
            raise SettingsError(f"{file}: the keys of {name} must be a string or a list of strings")
        changes[name] = tuple(listed)
    keymap = KeyMap(preset, changes)
    if keymap.conflicts:
        raise SettingsError(f"{file}: {keymap.conflicts[0]}", hint="give one of them another key")
    return keymap


def render(keymap: KeyMap) -> str:
    """Return the text of a key map file with all keys; those of the preset are comments."""
    lines = [
        "# Keys of the torc app. Lines that begin with # are keys of the preset:",
        "# remove the # to change them.",
        f'preset = "{keymap.preset}"  # {" or ".join(PRESETS)}',
        "",
        "[keys]",
    ]
    heading = ""
    for command in COMMANDS:
        if CONTEXTS[command.where[0]] != heading:
            heading = CONTEXTS[command.where[0]]
            lines += ["", f"# {heading}"]
        keys = ", ".join(
            _quoted(key) for key in keymap.changes.get(command.id, command.keys_of(keymap.preset))
        )
        mark = "" if command.id in keymap.changes else "# "
        lines.append(f"{mark}{command.id} = [{keys}]  # {command.help}")
    return "\n".join(lines) + "\n"


def _quoted(key: str) -> str:
    return "'" + key + "'" if '"' in key or "\\" in key else '"' + key + '"'


def read(directory: Path) -> KeyMap:
    """Return the key map of the user, or the default preset if there is no file."""
    path = directory / FILE
    try:
        text = path.read_text()
    except FileNotFoundError:
        return default_keys()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(text, str(path))


def write(keymap: KeyMap, directory: Path) -> Path:
    """Write the key map file atomically."""
    path = directory / FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(render(keymap))
        new.replace(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
    return path
