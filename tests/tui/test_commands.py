"""One table of commands: keys without conflicts in every preset, and the key map file both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.errors import SettingsError
from torc_tui.operations.catalog import CATALOG
from torc_tui.operations.user_action import UserAction
from torc_tui.tui.frame import keymap
from torc_tui.tui.frame.command import CONTEXTS, PRESETS, AppCommand
from torc_tui.tui.frame.commands import ACTIONS, BY_ID, COMMANDS
from torc_tui.tui.frame.keymap import PENDING, KeyMap


def test_ids_and_contexts_are_known() -> None:
    assert len(BY_ID) == len(COMMANDS)
    assert {where for command in COMMANDS for where in command.where} <= set(CONTEXTS)
    assert not any(command.help.endswith(".") for command in COMMANDS)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_two_commands_on_one_key_in_one_context(preset: str) -> None:
    seen: dict[tuple[str, str], str] = {}
    for command in COMMANDS:
        for where in command.where:
            for key in command.keys_of(preset):
                assert seen.setdefault((where, key), command.id) == command.id, (where, key)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_chord_begins_with_a_key_that_is_taken(preset: str) -> None:
    single = {
        (where, key)
        for command in COMMANDS
        for where in command.where
        for key in command.keys_of(preset)
    }
    for where, key in single:
        if " " in key:
            assert (where, key.split(" ")[0]) not in single, (where, key)


def test_the_nearer_context_wins() -> None:
    keys = KeyMap()
    found = keys.find("enter", ("jobs", "list", "app"))
    assert isinstance(found, AppCommand) and found.id == "job-open"
    found = keys.find("enter", ("list", "app"))
    assert isinstance(found, AppCommand) and found.id == "activate"
    assert keys.find("enter", ("app",)) is None


def test_chords() -> None:
    keys = KeyMap("vim")
    assert keys.find("g", ("list",)) is PENDING
    found = keys.find("g g", ("list",))
    assert isinstance(found, AppCommand) and found.id == "cursor-top"


@pytest.mark.parametrize(
    "action", [action for action in CATALOG if action.contexts], ids=lambda action: action.id
)
def test_actions_of_the_catalog_are_commands(action: UserAction) -> None:
    (command,) = [command for command, actions in ACTIONS.items() if action in actions]
    assert BY_ID[command].writes and BY_ID[command].where == action.contexts
    assert action.title in BY_ID[command].title.split("/")


def test_key_map_round_trip(tmp_path: Path) -> None:
    keys = KeyMap("vim", {"job-retry": ("ctrl+r", "g r")})
    keymap.write(keys, tmp_path)
    again = keymap.read(tmp_path)
    assert again.preset == "vim" and again.keys("job-retry") == ("ctrl+r", "g r")
    assert again.keys("cursor-down") == ("j", "down")
    assert keymap.render(again) == keymap.render(keys)


def test_no_file_is_the_default_preset(tmp_path: Path) -> None:
    assert keymap.read(tmp_path).keys("job-retry") == ("r",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preset = 'emacs'", "unknown preset"),
        ("[keys]\njob-retri = ['r']", "unknown command"),
        ("[keys]\njob-retry = 3", "must be"),
        ("[keys\n", "keys.toml"),
        ("[keys]\njob-retry = ['b']\njob-cancel = ['b']", "both"),
    ],
)
def test_errors_of_the_key_map_file(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        keymap.parse(text)


@pytest.mark.parametrize(
    ("key", "character", "expected"),
    [
        ("question_mark", "?", "?"),
        ("R", "R", "R"),
        ("space", " ", "space"),
        ("ctrl+p", "\x10", "ctrl+p"),
        ("up", None, "up"),
    ],
)
def test_names_of_keys(key: str, character: str | None, expected: str) -> None:
    assert keymap.key_of(key, character) == expected


def test_user_keys_take_the_key_from_the_preset() -> None:
    keys = KeyMap("default", {"job-hold": ("r",)})
    found = keys.find("r", ("jobs",))
    assert isinstance(found, AppCommand) and found.id == "job-hold"
    assert keys.keys("job-retry") == ()


@pytest.mark.parametrize("preset", PRESETS)
def test_keys_of_the_job_table_do_not_hide_each_other(preset: str) -> None:
    here = {"jobs", "workflow", "split", "app"}
    known: dict[str, str] = {}
    for command in COMMANDS:
        for key in command.keys_of(preset) if here & set(command.where) else ():
            assert known.setdefault(key, command.id) == command.id, key
