"""Read a configuration file in TOML, if its owner is trusted.

Input: a path. Output: its values, or a SettingsError that names file and line.

A file in the current directory may belong to anybody who can write there, and it could name a
database of theirs. Like `safe.directory` of git, the setting `safe_directories` allows such files.
"""

from __future__ import annotations

import os

from torc_tui.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class UntrustedFile(Exception):
    """The file belongs to another user; the argument is the name of that user."""


def read(path: str, *, check_owner: bool = False) -> dict[str, Any] | None:
    """Return the values of a configuration file; None if there is none.

    SettingsError for a file that cannot be read; with ``check_owner``, UntrustedFile for one that
    belongs neither to this user nor to root.
    """
    try:
        with open(path, "rb") as file:
            if check_owner:
                _check_owner(file.fileno())
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path}:{line}: not valid UTF-8", hint="a configuration file is TOML"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise toml_error(path, data.decode(), error) from error


def is_safe(directory: str, safe_directories: list[str]) -> bool:
    """Return whether the user declared that files in a directory may belong to others."""
    real = os.path.realpath(directory)
    for entry in safe_directories:
        if entry == "*" or os.path.realpath(os.path.expanduser(entry)) == real:  # noqa: PTH111
            return True
    return False


def _check_owner(descriptor: int) -> None:
    owner = os.fstat(descriptor).st_uid
    if owner not in (0, os.geteuid()):
        raise UntrustedFile(_name_of(owner))


def _name_of(owner: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(owner).pw_name
    except (ImportError, KeyError):
        return f"uid {owner}"


def toml_error(path: str, text: str, error: Exception) -> SettingsError:
    """Return the error for a file that tomllib refuses, with its place.

    Python 3.14 has the place as attributes, earlier versions only in the text.
    """
    import re

    message = str(error)
    found = re.search(r"line (\d+)[, ]+col(?:umn)? (\d+)", message)
    line = getattr(error, "lineno", None) or (int(found[1]) if found else None)
    column = getattr(error, "colno", None) or (int(found[2]) if found else None)
    if line is None:
        line = max(len(text.splitlines()), 1)  # it ends where something is missing
    place = f"{line}:{column}" if column else f"{line}"
    detail = message.partition(" (at ")[0]
    return SettingsError(
        f"{path}:{place}: this is not TOML: {detail}", hint="correct or move the file"
    )
