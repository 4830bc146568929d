"""Where things are and what is preset: configuration files, environment, folders, the name of the
acting person.

What comes in: the environment, ``/etc/torc/config.toml``, ``~/.config/torc/config.toml``,
``./torc.toml`` (later wins), ``TORC_SECTION__KEY`` variables above them, and what the caller was
told on its command line above all. What goes out: plain values. A file that cannot be read as TOML
is a SettingsError that names file and line.

Never done here: writing, opening the database. Kept light, for ``torc user-data get`` passes
through here: nothing is imported at the top but ``os`` and the errors, and the TOML reader only
when there is a file to read.
"""

# Importing pathlib costs as much as half a `user-data get`, so the paths here are made by os.path:
# ruff: noqa: PTH100, PTH111, PTH118, PTH120

from __future__ import annotations

import os
import sys

from torc_tui.errors import SettingsError

TYPE_CHECKING = False  # the name that type checkers know; importing ``typing`` for it would cost more than this module
if TYPE_CHECKING:
    from typing import Any

KEYS: dict[str, type] = {
    "database": str,
    "client.format": str,
    "client.run.output_dir": str,
    "client.run.max_parallel_jobs": int,
    "client.run.num_cpus": int,
    "client.run.memory_gb": float,
    "client.run.num_gpus": int,
    "client.run.grace": float,
    "client.run.gpu_foreign": str,
    "tui.notify_command": str,
}
"""Every key that is used, and its type. Others are kept and shown, and doubted by ``config
validate``."""

WITHOUT_EFFECT = ("client.log_level", "client.run.poll_interval")
"""Keys of older files: there is no log to be louder, and nothing is polled at an interval."""

FOREIGN_SECTIONS = ("server", "dash", "tui")
"""Sections that belong to other programs (or to the app): never doubted."""


MOST_INTEGER = (1 << 31) - 1
"""The largest integer, and the largest id, that every database can hold."""
MOST_GIB = 1 << 33
"""The largest memory size in GiB: in bytes, it is a 64-bit integer."""
MOST_SECONDS = 3_155_760_000
"""The longest duration: 100 years, which every clock can add to the current time."""


class Settings:
    """All settings, merged. ``values`` is nested, ``origins`` says for each dotted key where it is
    from."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def get(self, key: str) -> Any:
        """The value of the dotted ``key`` with the type of :data:`KEYS`, or None; SettingsError if
        it has another."""
        found: Any = self.values
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
        return _typed(key, found, self.origins.get(key, ""))

    def merge(self, values: dict[str, Any], origin: str) -> None:
        """Lay ``values`` (nested) over what is there."""
        for key, value in _flat(values):
            self._set(key.split("."), value)
            self.origins[key] = origin

    def _set(self, parts: list[str], value: Any) -> None:
        place = self.values
        for part in parts[:-1]:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[parts[-1]] = value


def load() -> Settings:
    """The settings of this process, from files and environment. SettingsError for the first file
    that is bad."""
    settings = Settings()
    for _scope, path in config_paths():
        values = read_file(path)
        if values:
            settings.merge(values, path)
    for name, value in sorted(os.environ.items()):
        if name.startswith("TORC_") and "__" in name:
            key = name[len("TORC_") :].lower().replace("__", ".")
            settings._set(key.split("."), value)
            settings.origins[key] = name
    if os.environ.get("TORC_DATABASE"):
        settings.values["database"] = os.environ["TORC_DATABASE"]
        settings.origins["database"] = "TORC_DATABASE"
    return settings


def read_file(path: str) -> dict[str, Any] | None:
    """What one configuration file says; None where there is none. SettingsError with file and line
    for a bad one."""
    try:
        with open(path, "rb") as file:
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
            f"{path}:{line}: is not UTF-8 text", hint="a configuration file is TOML"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise toml_error(path, data.decode(), error) from error


def config_paths() -> list[tuple[str, str]]:
    """(scope, path) of the configuration files, the weakest first, whether they exist or not."""
    return [
        ("system", "/etc/torc/config.toml"),
        ("user", os.path.join(_folder("config", "XDG_CONFIG_HOME", ".config"), "config.toml")),
        ("local", "torc.toml"),
    ]


def database_url(option: str | None = None) -> str:
    """URL of the store: ``option`` (a URL or a path), then TORC_DATABASE, then ``database`` of the
    files, else the default file in the user's data folder. A path of a configuration file counts
    from that file's folder."""
    given = option or os.environ.get("TORC_DATABASE")
    if given:
        return normal_url(given)
    for _scope, path in reversed(config_paths()):
        values = read_file(path)
        if values and "database" in values:
            if not isinstance(values["database"], str) or not values["database"]:
                raise SettingsError(f"{path}: database must be a path or a URL in quotes")
            return normal_url(values["database"], os.path.dirname(path))
    return "sqlite:///" + os.path.join(data_dir(), "torc.db")


def normal_url(text: str, folder: str = "") -> str:
    """``text`` as a URL: a path becomes ``sqlite:///…`` with an absolute path (relative to
    ``folder``, or the current one), the short names of PostgreSQL become those of the driver that
    is used."""
    scheme, mark, rest = text.partition("://")
    if mark and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return "postgresql+psycopg://" + rest
    if mark and scheme not in ("sqlite", "sqlite+pysqlite"):
        raise SettingsError(
            f"unknown kind of database: {scheme}://",
            hint="give a path, sqlite:///PATH or postgresql://HOST/NAME",
        )
    path = rest.removeprefix("/") if mark else text
    if "?" in path or "\0" in path:
        raise SettingsError(
            f"{text!r} cannot be used as a database: its path may hold neither ? nor NUL"
        )
    if not path or path == ":memory:":
        raise SettingsError(
            f"{text!r} cannot be used as a database: it must be a file", hint="give a path"
        )
    path = os.path.join(folder, os.path.expanduser(path))
    try:
        return "sqlite:///" + os.path.abspath(path)
    except FileNotFoundError as error:
        raise SettingsError(
            "the current directory no longer exists",
            hint="cd to another one, or give the database as an absolute path",
        ) from error


def data_dir() -> str:
    """The folder of the user's data (the default database); not made here."""
    return _folder("data", "XDG_DATA_HOME", os.path.join(".local", "share"))


def state_dir() -> str:
    """The folder for crash logs and the like; not made here."""
    return _folder("state", "XDG_STATE_HOME", os.path.join(".local", "state"))


def user_name() -> str:
    """Whom workflows belong to: USER, else USERNAME, else whom the system says that we are, else
    ``unknown``."""
    named = os.environ.get("USER") or os.environ.get("USERNAME")
    if named:
        return named
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name or "unknown"
    except (ImportError, KeyError):
        return "unknown"


def host_name() -> str:
    return (
        os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "localhost")
    )


def actor() -> str:
    """Who acts, as events tell it: ``user@host``."""
    return f"{user_name()}@{host_name()}"


def doubts(settings: Settings) -> list[str]:
    """What ``config validate`` has to say: keys that nothing reads and values of a wrong type, one
    sentence each."""
    found = []
    for key, origin in settings.origins.items():
        if key in KEYS:
            try:
                settings.get(key)
            except SettingsError as error:
                found.append(error.message)
        elif key in WITHOUT_EFFECT:
            found.append(f"{origin}: {key} has no effect")
        elif key.split(".")[0] not in FOREIGN_SECTIONS:
            import difflib

            near = difflib.get_close_matches(key, KEYS, 1)
            found.append(
                f"{origin}: {key} is not used" + (f", did you mean {near[0]}?" if near else "")
            )
    return found


def _typed(key: str, value: Any, origin: str) -> Any:
    kind = KEYS.get(key)
    if kind is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        return kind(value)
    except (TypeError, ValueError):
        words = {int: "a whole number", float: "a number", str: "text"}[kind]
        raise SettingsError(f"{origin}: {key} must be {words}, not {value!r}") from None


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


def toml_error(path: str, text: str, error: Exception) -> SettingsError:
    """Return the error for a file that tomllib or tomlkit refuses, with its place.

    Python 3.14 has the place as attributes, earlier versions only in the text.
    """
    import re

    said = str(error)
    found = re.search(r"line (\d+)[, ]+col(?:umn)? (\d+)", said)
    line = getattr(error, "lineno", None) or (int(found[1]) if found else None)
    column = getattr(error, "colno", None) or (int(found[2]) if found else None)
    if line is None:
        line = max(len(text.splitlines()), 1)  # it ends where something is missing
    place = f"{line}:{column}" if column else f"{line}"
    detail = said.partition(" (at ")[0]
    hint = "correct it, or move the file away"
    return SettingsError(f"{path}:{place}: this is not TOML: {detail}", hint=hint)


def _folder(kind: str, variable: str, below_home: str) -> str:
    """The user's folder of that kind. On Linux by the rule of the XDG base directories, the one
    platformdirs follows there; importing platformdirs costs as much as a whole ``user-data get``,
    so only other systems do it."""
    if sys.platform == "linux":
        base = os.environ.get(variable, "").strip()
        if not base:
            base = os.path.join(os.path.expanduser("~"), below_home)
        return os.path.join(os.path.expanduser(base), "torc")
    import platformdirs

    return str(getattr(platformdirs, f"user_{kind}_dir")("torc", False))
