"""Read the settings: configuration files, environment, directories, and who the user is.

Input: ``/etc/torc/config.toml``, ``~/.config/torc/config.toml`` and ``./torc.toml`` (a later file
takes precedence), above them variables such as ``TORC_CLIENT__FORMAT``, above all the options of
the command line. Output: plain values, or a SettingsError that names the file or the variable.

Never: opening the database. `torc user-data get` imports this module, so it imports nothing at the
top but ``os`` and the errors, and TOML only if there is a file to read.
"""

# ruff: noqa: PTH100, PTH103, PTH111, PTH118, PTH120
# Importing pathlib takes half as long as a `user-data get`.

from __future__ import annotations

import os
import sys

from torc_tui.errors import SettingsError

TYPE_CHECKING = False  # `typing` takes longer to import than this module
if TYPE_CHECKING:
    from typing import Any

STARTS: dict[str, tuple[Any, str]] = {
    "database": ("", "Where workflows are stored: a path, or postgresql://HOST/NAME."),
    "safe_directories": ([], "Directories in which a torc.toml of another user is read."),
    "client.format": ("table", "What lists print: table, json, json-items or csv."),
    "client.json": ("array", "items: with the format json, lists are objects as in upstream 1.0."),
    "client.run.output_dir": ("torc_output", "Directory of the logs."),
    "client.run.max_parallel_jobs": (8, "Most running jobs, in addition to the resources."),
    "client.run.num_cpus": (4, "What `torc run` may use; default: what the machine has."),
    "client.run.memory_gb": (16.0, ""),
    "client.run.num_gpus": (0, ""),
    "client.run.grace": (30.0, "Seconds from SIGTERM to SIGKILL when jobs are stopped."),
    "client.run.gpu_wait": (120.0, "Seconds that jobs wait for a GPU driver that does not answer."),
    "client.run.gpu_headroom": ("512m", "Memory that each job gets in addition on a GPU."),
    "client.run.gpu_idle_memory": ("512m", "Memory of others on a GPU that still counts as free."),
    "client.run.gpu_packing": ("spread", "spread or pack: how shares are placed on several GPUs."),
    "client.run.gpu_foreign": ("avoid", "avoid or ignore: GPUs on which other programs compute."),
    "cluster.account": ("", "Account of the allocations that torc requests."),
    "cluster.partition": ("", "Partition of them; default: the first one that fits."),
    "cluster.max_nodes": (10, "Most nodes of a workflow at a time."),
    "cluster.default_runtime": (3600.0, "Seconds that are planned for jobs without a runtime."),
    "cluster.prologue": ("", "Lines that run on the first node before the runners start."),
    "cluster.poll_seconds": (30.0, "Seconds between two looks at the queue of the cluster."),
    "notify.command": ("", "Shell command at the end of each run; TORC_NOTICE says what ended."),
    "notify.bell": (False, "Ring the bell of the terminal."),
    "notify.desktop": (False, "Show a notification of the desktop."),
    "notify.timeout": (10.0, "Seconds after which a notifier is killed."),
    "tui.notify_command": ("", "Shell command that runs when a watched job ends."),
}
"""Every setting: a value to start from, whose type it has, and what `config init` says of it."""
KEYS: dict[str, type] = {key: type(start) for key, (start, _) in STARTS.items()}
"""Every setting and its type. Other keys are kept and shown, and reported by `config validate`."""

MOST_INTEGER = (1 << 31) - 1
"""The largest integer, and the largest id, that every database can hold."""
MOST_GIB = 1 << 33
"""The largest memory size in GiB: in bytes, it is a 64-bit integer."""
MOST_SECONDS = 3_155_760_000
"""The longest duration: 100 years, which every clock can add to the current time."""

LIMITS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("client.run.max_parallel_jobs", "client.run.num_cpus"), (1, MOST_INTEGER)),
    "client.run.memory_gb": (0, MOST_GIB),
    "client.run.num_gpus": (0, MOST_INTEGER),
    "client.run.grace": (0, MOST_SECONDS),
    "notify.timeout": (0, 600),
    "client.run.gpu_wait": (0, MOST_SECONDS),
    "cluster.max_nodes": (1, MOST_INTEGER),
    "cluster.default_runtime": (1, MOST_SECONDS),
    "cluster.poll_seconds": (10, 600),
}
"""The smallest and the largest value of numbers."""

FORMATS = ("table", "json", "json-items", "csv")
"""The formats in which lists can be printed."""

CHOICES: dict[str, tuple[str, ...]] = {
    "client.format": FORMATS,
    "client.json": ("array", "items"),
    "client.run.gpu_foreign": ("avoid", "ignore"),
    "client.run.gpu_packing": ("spread", "pack"),
}
"""The possible values of settings that are strings."""

WITHOUT_EFFECT = ("client.log_level", "client.run.poll_interval")
"""Settings of upstream that are accepted without effect: nothing is logged or polled here."""

FOREIGN_SECTIONS = ("server", "dash", "tui")
"""Sections that belong to other programs, or to the app; unknown keys in them are accepted."""

_notices: dict[str, str] = {}


class Settings:
    """All settings, merged: nested ``values``, and the origin of each by its dotted key."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def raw(self, key: str) -> Any:
        """Return the value of the dotted ``key`` as it was written; None if it is not set."""
        found: Any = self.values
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
        return found

    def get(self, key: str) -> Any:
        """Return the value of the dotted ``key`` with its type in `KEYS`; None if it is not set.

        SettingsError if its type is wrong or its number is out of range.
        """
        value = self.raw(key)
        return None if value is None else _checked(key, value, self.origins.get(key, ""))

    def merge(self, values: dict[str, Any], origin: str) -> None:
        """Set nested values; they take precedence over present values."""
        for key, value in _flat(values):
            self.set(key, value, origin)

    def set(self, key: str, value: Any, origin: str) -> None:
        """Set the value of a dotted key."""
        parts = key.split(".")
        place = self.values
        for part in parts[:-1]:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[parts[-1]] = value
        self.origins[key] = origin


def load() -> Settings:
    """Return the settings of this process; SettingsError for the first file that is wrong."""
    found = Settings()
    for scope, path in config_paths():
        values = _read(scope, path, found)
        if values:
            found.merge(values, path)
    for name, value in sorted(os.environ.items()):
        if name.startswith("TORC_") and "__" in name:
            found.set(name[len("TORC_") :].lower().replace("__", "."), value, name)
    if os.environ.get("TORC_DATABASE"):
        found.set("database", os.environ["TORC_DATABASE"], "TORC_DATABASE")
    return found


def _read(scope: str, path: str, weaker: Settings) -> dict[str, Any] | None:
    """Read a configuration file; the local one only if weaker files trust its owner."""
    from torc_tui import config_file

    if scope != "local":
        return config_file.read(path)
    try:
        return config_file.read(path, check_owner=True)
    except config_file.UntrustedFile as error:
        directory = os.path.abspath(".")
        if config_file.is_safe(directory, weaker.get("safe_directories") or []):
            return config_file.read(path)
        _notices[path] = (
            f"{path} is ignored because it belongs to {error}; to use it, add {directory!r} to"
            f" safe_directories in {config_paths()[1][1]}"
        )
        return None


def take_notices() -> list[str]:
    """Return what users should know about the files that were read since the last call."""
    found = [*_notices.values()]
    _notices.clear()
    return found


def config_paths() -> list[tuple[str, str]]:
    """Return (scope, path) of the configuration files, the weakest first; they need not exist."""
    return [
        ("system", "/etc/torc/config.toml"),
        ("user", os.path.join(_directory("config", "XDG_CONFIG_HOME", ".config"), "config.toml")),
        ("local", "torc.toml"),
    ]


def database_url(option: str | None = None) -> str:
    """Return the URL of the database.

    It comes from ``option`` (a URL or a path), else from TORC_DATABASE, else from the setting, else
    it is the default. A path in a file is relative to the file.
    """
    given = option or os.environ.get("TORC_DATABASE")
    if given:
        return normal_url(given)
    found = load()
    value = found.raw("database")
    if value is None:
        return "sqlite:///" + os.path.join(data_dir(), "torc.db")
    origin = found.origins["database"]
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{origin}: database must be a path or a URL in quotes")
    return normal_url(value, os.path.dirname(origin))


def normal_url(text: str, directory: str = "") -> str:
    """Return a path or a URL as a URL with an absolute path, or with the driver that is used.

    A relative path is relative to ``directory``, or to the current directory.
    """
    scheme, mark, rest = text.partition("://")
    if mark and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        from torc_tui.redaction import check_url

        check_url(rest)
        return "postgresql+psycopg://" + rest
    if mark and scheme not in ("sqlite", "sqlite+pysqlite"):
        raise SettingsError(
            f"unknown kind of database: {scheme}://",
            hint="give a path, sqlite:///PATH or postgresql://HOST/NAME",
        )
    path = rest.removeprefix("/") if mark else text
    if "?" in path or "\0" in path:
        raise SettingsError(f"{text!r} is not a database: a path must not contain ? or NUL")
    if not path or path == ":memory:":
        raise SettingsError(f"{text!r} is not a database: it must be a file", hint="give a path")
    path = os.path.join(directory, os.path.expanduser(path))
    try:
        return "sqlite:///" + os.path.abspath(path)
    except FileNotFoundError as error:
        raise SettingsError(
            "the current directory no longer exists",
            hint="change to another directory, or give the database as an absolute path",
        ) from error


def data_dir() -> str:
    """Return the directory of the user's data, where the default database is."""
    return _directory("data", "XDG_DATA_HOME", os.path.join(".local", "share"))


def state_dir() -> str:
    """Return the directory for crash logs and other state."""
    return _directory("state", "XDG_STATE_HOME", os.path.join(".local", "state"))


def make_private(directory: str) -> None:
    """Create a directory that only its owner can enter; leave one that exists as it is."""
    os.makedirs(directory, 0o700, exist_ok=True)  # the mode is that of the last one only


def user_name() -> str:
    """Return the name of the user: USER, USERNAME, or that of the system; else ``unknown``."""
    named = os.environ.get("USER") or os.environ.get("USERNAME")
    if named:
        return _printable(named)
    try:
        import pwd

        return _printable(pwd.getpwuid(os.getuid()).pw_name) or "unknown"
    except (ImportError, KeyError):
        return "unknown"


def host_name() -> str:
    """Return the name of this host."""
    if not hasattr(os, "uname"):
        return os.environ.get("COMPUTERNAME", "localhost")
    return _printable(os.uname().nodename)


def actor() -> str:
    """Return the acting user, as events record it: ``user@host``."""
    return f"{user_name()}@{host_name()}"


def wrong_choice(key: str, value: object) -> str:
    """Return what is wrong with the value of a setting that has few possible values."""
    choices = CHOICES[key]
    return f"{key} must be {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}"


_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    list: "a list of strings",
}


def _checked(key: str, value: Any, origin: str) -> Any:
    """Return the value of a setting with its type; SettingsError if that is not possible."""
    kind = KEYS.get(key)
    if kind is None:
        return value
    wrong = SettingsError(f"{origin}: {key} must be {_KINDS[kind]}, not {value!r}")
    if kind is list:
        entries = value.split(os.pathsep) if isinstance(value, str) else value
        if not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
            raise wrong
        return entries
    if kind is bool:
        known = {"true": True, "false": False}
        if str(value).lower() not in known:
            raise wrong
        return known[str(value).lower()]
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise wrong
        typed = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    least, most = LIMITS.get(key, (None, None))
    if least is not None and most is not None and not least <= typed <= most:  # also for nan
        raise SettingsError(f"{origin}: {key} must be from {least} to {most}, not {value!r}")
    return typed


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


def _printable(text: str) -> str:
    """Return a name of the system as text that a database can hold: other bytes are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _directory(kind: str, variable: str, below_home: str) -> str:
    """Return the user's directory of that kind.

    On Linux by the XDG base directory specification, as platformdirs does; importing platformdirs
    takes as long as a whole `user-data get`, so it is used on other systems only.
    """
    if sys.platform == "linux":
        home = os.path.join(os.path.expanduser("~"), below_home)
        base = os.environ.get(variable, "").strip() or home
        return os.path.join(os.path.expanduser(base), "torc")
    import platformdirs

    return str(getattr(platformdirs, f"user_{kind}_dir")("torc", False))
