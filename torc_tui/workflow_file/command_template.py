"""Fill commands with untrusted lines, such as names of files, safely quoted.

Input: a text for bash with ``{}`` (the line, quoted), ``{raw}`` (the line as it is) and parameters
(``{lr}``, ``{i:03d}``). Output: commands. ``{{}}`` stands for ``{}``. The line becomes the last
argument of a text without ``{}`` and ``{raw}``.

Invariant: a quoted line is one word for bash, whatever its bytes are, and none of its control
characters reaches a terminal. So ``{}`` is refused where quotes have another meaning.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from torc_tui.model import Value
from torc_tui.quoting import quoted
from torc_tui.shell_text import HIDDEN, plain_text
from torc_tui.workflow_file.templates import ParameterRows, placeholder
from torc_tui.workflow_file.values import InvalidValue

LINE, RAW = "{}", "{raw}"
RESERVED = frozenset({"raw", "line"})
"""Reserved names of parameters: a placeholder, and the parameter with the line."""
_LINE = re.compile(r"\{\{(?:raw)?\}\}|(?<!\$)\{(?:raw)?\}")
_FORMS = "[0-9.]*[a-zA-Z]"
_OLD_ARITHMETIC = re.compile(r"\$\[[^\]]*\]")

Values = tuple[tuple[str, Value], ...]


def shell_quoted(line: bytes) -> str:
    """Return one word for bash that expands to these bytes, in printable characters."""
    text = line.decode("utf-8", "surrogateescape")
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_ansi, text))}'"


def _ansi(char: str) -> str:
    if char.isprintable():
        return f"\\{char}" if char in "\\'" else char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def shown(line: bytes) -> str:
    """Return a line as the value of a parameter."""
    return line.decode("utf-8", "backslashreplace")


def words_text(words: Sequence[str], names: Iterable[str] = ()) -> str:
    """Return the bash command that runs these words; a single word is a bash command already.

    Placeholders in the words are kept; ``names`` are those of the parameters.
    """
    if len(words) == 1:
        return words[0]
    names = tuple(names)
    known = placeholder(names, _FORMS).pattern if names else "(?!)"
    pieces = re.compile(f"({_LINE.pattern}|{known})")
    return " ".join(_word(word, pieces, names) for word in words)


def _word(word: str, pieces: re.Pattern[str], names: Sequence[str]) -> str:
    """Return a word quoted except for its placeholders, which quote their values."""
    found, at = "", 0
    for match in pieces.finditer(word):
        text = match.group()
        found += shlex.quote(word[at : match.start()]) if match.start() > at else ""
        found += f"{text[:-1]}:q}}" if text[1:-1] in names else text
        at = match.end()
    rest = word[at:]
    return found + (shlex.quote(rest) if rest or not found else "")


class CommandTemplate:
    """A command with placeholders; raise InvalidValue if a line cannot be filled in safely."""

    def __init__(self, text: str, rows: ParameterRows | None = None, *, appends: bool) -> None:
        """Parse a text; with ``appends``, append the line to a text without a placeholder."""
        given = [match.group() for match in _LINE.finditer(text)]
        self.reads_lines = LINE in given or RAW in given
        if appends and not self.reads_lines:
            text = f"{text} {LINE}"
            self.reads_lines = True
        self.text = text
        self._check_quotes()
        self._literals = _LINE.split(text)
        self._slots = [match.group() for match in _LINE.finditer(text)]
        self._pairs: Sequence[Values] = rows.pairs() if rows is not None else ((),)
        self._columns = [_column(literal, rows, len(self._pairs)) for literal in self._literals]

    def _check_quotes(self) -> None:
        """Refuse ``{}`` where a line could end the quotes around it, or be evaluated."""
        plain = _OLD_ARITHMETIC.sub(_hide, plain_text(self.text))
        for match in _LINE.finditer(self.text):
            before = self.text[: match.start()]
            escaped = (len(before) - len(before.rstrip("\\"))) % 2
            if match.group() == LINE and (plain[match.start() : match.end()] != LINE or escaped):
                raise InvalidValue(
                    f"{LINE} is inside quotes or an expression: {quoted(self.text, 200)}",
                    f"write {LINE} outside of them: torc quotes the line",
                )

    def fill(self, line: bytes | None) -> Iterator[tuple[str, Values]]:
        """Yield a command for each combination of the parameters, with the values of both.

        Raise ValueError for a line that no command can contain.
        """
        slots = [slot if line is None else _filled(slot, line) for slot in self._slots]
        first: Values = () if line is None else (("line", shown(line)),)
        for place, pairs in enumerate(self._pairs):
            text = self._columns[0][place]
            for slot, column in zip(slots, self._columns[1:], strict=True):
                text += slot + column[place]
            yield text, first + pairs


def _hide(match: re.Match[str]) -> str:
    return HIDDEN * len(match.group())


def _filled(slot: str, line: bytes) -> str:
    if slot.startswith("{{"):
        return slot[1:-1]
    if slot == LINE:
        return shell_quoted(line)
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueError(f"is not valid UTF-8, which {RAW} needs; {LINE} takes any bytes") from None


def _column(literal: str, rows: ParameterRows | None, number: int) -> Sequence[str]:
    found = rows.text(literal) if rows is not None else None
    return [literal] * number if found is None else found
