"""Read commands and lines for a batch as they arrive.

Input: options of the command line, a file or standard input. Output: groups of commands, each as
soon as its lines have arrived. Lines are bytes without their line ending; empty lines are omitted.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torc_tui.cli.command_line import has_file_extension
from torc_tui.cli.create import name_and_value
from torc_tui.errors import UsageError
from torc_tui.operations.batches import Command
from torc_tui.quoting import quoted
from torc_tui.workflow_file.command_template import LINE, RESERVED, CommandTemplate, words_text
from torc_tui.workflow_file.parameters import NAME, Allowance, combine, values_of
from torc_tui.workflow_file.templates import ParameterRows
from torc_tui.workflow_file.values import InvalidValue

_CHUNK = 1 << 16
"""Bytes read at once: the capacity of a pipe."""
_LONGEST_LINE = 1 << 20
"""Maximum length of a line in bytes; the kernel limits an argument to 128 KiB."""
_GROUP = 4096
"""Number of commands that are stored at once."""


class LineReader:
    """Reads lines from a file or pipe; `stop` ends a read in another thread."""

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd = fd
        self._number = 0
        self._stop_reader, self._stop_writer = os.pipe()
        self._poll = select.poll()
        for one in (fd, self._stop_reader):
            self._poll.register(one, select.POLLIN)

    def stop(self) -> None:
        """Stop reading."""
        os.write(self._stop_writer, b"x")

    def groups(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield lines with their numbers as they arrive, until the end of the input."""
        rest = b""
        while (chunk := self._chunk()) is not None:
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise self.wrong(self._number + len(lines) + 1, "is longer than 1 MiB")
            if not chunk:
                lines, rest = [rest], b""
            if found := self._numbered(lines):
                yield found
            if not chunk:
                return

    def _numbered(self, lines: Iterable[bytes]) -> list[tuple[int, bytes]]:
        found = []
        for text in lines:
            self._number += 1
            line = text.removesuffix(b"\r")
            if b"\0" in line:
                raise self.wrong(self._number, "contains a NUL byte")
            if line.strip():
                found.append((self._number, line))
        return found

    def _chunk(self) -> bytes | None:
        """Return the bytes that have arrived: empty at the end of the input, None after `stop`."""
        ready = {fd for fd, _ in self._poll.poll()}
        if self._stop_reader in ready:
            return None
        try:
            return os.read(self._fd, _CHUNK)
        except OSError as error:
            raise UsageError(f"{self.name}: cannot be read: {error.strerror}") from error

    def wrong(self, number: int, problem: str) -> UsageError:
        """Return the error for a line that cannot be used."""
        return UsageError(f"{self.name}: line {number} {problem}")


class BatchInput:
    """The commands of a batch, in groups."""

    def __init__(self, given: Namespace) -> None:
        self._rows = _parameter_rows(given.param or (), given.link)
        self.parameters: tuple[str, ...] = self._rows.names if self._rows is not None else ()
        texts = [*(given.command or ()), *_words(given.words, self.parameters)]
        from_file = given.commands_file
        if len(given.words) == 1 and has_file_extension(given.words[0]):
            file = given.words[0]
            raise UsageError(f"{file} is a workflow file", hint=f"`torc run {file}` runs it")
        if not texts and from_file is None:
            raise UsageError("exec needs a command", hint="`torc exec -- CMD`, -c CMD or -C FILE")
        self.reader: LineReader | None = None
        self._is_stopped = False
        self._templates = [self._template(text, appends=False) for text in texts]
        self._file = _opened(from_file) if from_file is not None else None
        self._reads_lines = any(one.reads_lines for one in self._templates)
        if not self._reads_lines and given.words and not given.param and _is_input(from_file):
            self._reads_lines = True
            last = self._template(texts[-1], appends=True)
            self._templates[-1] = last
        if self._reads_lines and from_file == "-":
            raise UsageError(f"-C - reads commands from standard input, and {LINE} lines")

    def stop(self) -> None:
        """Stop the groups, even while another thread waits for the next one."""
        self._is_stopped = True
        if self.reader is not None:
            self.reader.stop()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the values that commands were made from."""
        return ("line", *self.parameters) if self._reads_lines else self.parameters

    def groups(self) -> Iterator[list[Command]]:
        """Yield the commands in input order, each group as soon as it is complete."""
        for commands in self._all():
            for start in range(0, len(commands), _GROUP):
                yield commands[start : start + _GROUP]

    def _all(self) -> Iterator[list[Command]]:
        plain = [one for one in self._templates if not one.reads_lines]
        if plain:
            yield [command for one in plain for command in one.fill(None)]
        if self._file is not None:
            self.reader = self._file
            for lines in self._file.groups():
                yield self._commands_of(self._file, lines)
        if self._reads_lines and not self._is_stopped:
            self.reader = LineReader(sys.stdin.fileno(), "standard input")
            for lines in self.reader.groups():
                yield self._filled(self.reader, lines)

    def _filled(self, reader: LineReader, lines: Sequence[tuple[int, bytes]]) -> list[Command]:
        found: list[Command] = []
        templates = [one for one in self._templates if one.reads_lines]
        for number, line in lines:
            try:
                for template in templates:
                    found += template.fill(line)
            except ValueError as error:
                raise reader.wrong(number, str(error)) from None
        return found

    def _commands_of(self, reader: LineReader, lines: Sequence[tuple[int, bytes]]) -> list[Command]:
        """Return the commands of a file, one per line; ``#`` starts a comment."""
        found: list[Command] = []
        for number, line in lines:
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise reader.wrong(number, "is not valid UTF-8") from None
            if text and not text.startswith("#"):
                found += self._template(text, appends=False, reads_lines=False).fill(None)
        return found

    def _template(self, text: str, *, appends: bool, reads_lines: bool = True) -> CommandTemplate:
        if not text.strip():
            raise UsageError("a command must not be empty")
        try:
            template = CommandTemplate(text, self._rows, appends=appends)
        except InvalidValue as invalid:
            raise UsageError(invalid.message, hint=invalid.hint) from None
        if template.reads_lines and not reads_lines:
            raise UsageError(f"{quoted(text, 80)}: {LINE} cannot be used in a file of commands")
        if self._rows is not None and self._rows.unfit:
            (name, form), value = next(iter(self._rows.unfit.items()))
            raise UsageError(f"{{{name}:{form}}} does not fit the value {quoted(str(value))}")
        return template


def _words(words: Sequence[str], names: Sequence[str]) -> list[str]:
    return [words_text(words, names)] if words else []


def _opened(path: str) -> LineReader:
    if path == "-":
        return LineReader(sys.stdin.fileno(), "standard input")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        mode = os.fstat(fd).st_mode
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if stat.S_ISCHR(mode) or stat.S_ISDIR(mode):
        raise UsageError(f"{path}: cannot be read: it is not a file")
    return LineReader(fd, path)


def _is_input(commands_file: str | None) -> bool:
    """Return whether standard input is a pipe or a file with lines for the command."""
    if commands_file == "-":
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _read_text(name: str) -> str:
    from torc_tui.workflow_file.load import text_reader  # only ``@FILE`` needs it

    return text_reader(Path())(name)


def _parameter_rows(given: Sequence[str], link: str) -> ParameterRows | None:
    """Return the combinations of the values of ``--param``."""
    if not given:
        return None
    allowance = Allowance()
    values = {}
    for text in given:
        name, value = name_and_value("--param", text)
        if not NAME.fullmatch(name) or name in RESERVED:
            raise UsageError(f"--param: {quoted(name)} cannot be the name of a parameter")
        if name in values:
            raise UsageError(f"--param: {quoted(name)} is given twice")
        try:
            values[name] = values_of(value, _read_text, allowance)
        except InvalidValue as invalid:
            raise UsageError(f"--param {name} {invalid.message}", hint=invalid.hint) from None
    try:
        return ParameterRows(list(values), combine(values, link, Allowance()))
    except InvalidValue as invalid:
        raise UsageError(f"--param: {invalid.message}", hint=invalid.hint) from None
