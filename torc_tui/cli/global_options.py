"""Read the options that every command has: ``-f/--format`` and ``--database``.

They may stand anywhere on the line up to ``--``; the parser of the command does not see them.
``--standalone`` stands for the database ``torc_output/torc.db`` of this directory, as in upstream.
``--log-level``, ``--url`` and other options for a server are accepted without effect.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui import settings
from torc_tui.cli.command_table import FORMATS, CliCommand
from torc_tui.cli.diagnostics import print_stderr
from torc_tui.errors import UsageError
from torc_tui.tuples import NamedTuple

_DATABASE = ("--database", "--db")
_OF_SERVER = (
    *("--url", "--password", "--cookie-header", "--tls-ca-cert"),
    *("--snapshot-interval-seconds", "--torc-server-bin"),
)
VALUED = (*_DATABASE, *_OF_SERVER, "--log-level")
"""Options with a value, besides the format."""
PLAIN = (
    *("--standalone", "--prompt-password", "--skip-version-check"),
    *("--tls-insecure", "--in-memory"),
)
"""Options without a value."""
STANDALONE = "torc_output/torc.db"
NO_SERVER = "there is no server: commands open the database themselves, see --database"
_FORMAT = ("-f", "--format")


class Taken(NamedTuple):
    """The words that are not global options, and whether ``-f`` without a format was among them."""

    words: list[str]
    follow: bool


class GlobalOptions:
    """The global options of one line."""

    def __init__(self) -> None:
        self.format: str | None = None
        self._database: str | None = None
        self._standalone = False
        self.front: Sequence[str] = ()
        """The options in front of the command."""

    @property
    def database(self) -> str | None:
        """Return the database that the line names."""
        return self._database or (STANDALONE if self._standalone else None)

    def take(
        self, words: Sequence[str], formats: Sequence[str] = FORMATS, *, follow: bool = False
    ) -> Taken:
        """Take the global options out of the words. With ``follow``, ``-f`` alone is no format."""
        left: list[str] = []
        followed = False
        index = 0
        while index < len(words):
            word = words[index]
            following = words[index + 1] if index + 1 < len(words) else None
            name, mark, value = word.partition("=")
            if word == "--":
                left += words[index:]
                break
            if follow and word == "-f" and following not in formats:
                followed = True
            elif word in _FORMAT or (mark and name == "--format"):
                self._set_format(name, value if mark else following, formats)
                index += not mark
            elif name in VALUED:
                self._set(name, value if mark else following)
                index += not mark
            elif word in PLAIN:
                self._standalone = self._standalone or word == "--standalone"
            else:
                left.append(word)
            index += 1
        return Taken(left, followed)

    def format_for(self, command: CliCommand, program: str) -> str:
        """Return the format: of the command line, the dialect, the settings or the command."""
        if self.format in command.formats:
            as_items = self.format == "json" and "json-items" in command.formats
            if as_items and program == "torc" and settings.load().get("client.json") == "items":
                return "json-items"
            return str(self.format)
        if self.format is not None:
            raise UsageError(
                f"-f {self.format} is not available for this command",
                hint=f"available: {', '.join(command.formats)}",
            )
        if program == "torc-client" and "table" in command.formats:
            return "json"
        preset = _preset() if command.formats[0] == "table" else None
        if preset == "json-items" and preset not in command.formats:
            return "json"
        return preset if preset in command.formats else command.formats[0]

    def _set_format(self, name: str, value: str | None, formats: Sequence[str]) -> None:
        if value not in formats:
            given = "" if value is None else f", not {value!r}" if value else ", and is empty"
            raise UsageError(f"{name} must be one of {', '.join(formats)}{given}")
        self.format = value

    def _set(self, name: str, value: str | None) -> None:
        if value is None:
            raise UsageError(f"{name} needs a value")
        if not value.strip():
            raise UsageError(
                f"{name} must not be empty (is the variable set that should contain it?)"
            )
        if name in _DATABASE:
            self._database = value
        elif name in _OF_SERVER:
            print_stderr(f"{name} has no effect: {NO_SERVER}")


def _preset() -> str | None:
    """Return the format of the settings; warn if it is not valid."""
    found = settings.load()
    preset: str | None = found.get("client.format")
    if preset is not None and preset not in settings.FORMATS:
        origin = found.origins["client.format"]
        print_stderr(
            f"warning: {origin}: {settings.wrong_choice('client.format', preset)}; it is ignored"
        )
        return None
    if preset == "json" and found.get("client.json") == "items":
        return "json-items"
    return preset
