"""The tokens of a command: ``${files.input.N}``, ``${files.output.N}``, and the same two of
``user_data``.

In: the text of a command. Out: its tokens, what is wrong with them, and the text with the tokens
replaced. What a name means is decided elsewhere; nothing is looked up here.

Laws
* A name holds anything but ``}``; ``${i}`` inside it is a shell variable. Other expansions of the
  shell (``${HOME}``, ``${x%.*}``) are left alone, and so is what is escaped:
  ``\\${files.input.N}``, ``$${files.input.N}``.
* A token of user data whose name holds shell variables (``result_$i``, ``result_${i}``,
  ``result_$((i-1))``) stands for every name that ``result_*`` matches. It becomes the *name*,
  quoted so that the shell that would have expanded ``$i`` at that place expands it to one word:
  ``"result_${i}"`` in plain text, without the quotes where the token already stands inside double
  quotes or a here-document. Inside single quotes (``bash -c '…'``) that is the inner shell.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from torc_tui.model import Script
from torc_tui.patterns import Pattern

Section = Literal["files", "user_data"]
Direction = Literal["input", "output"]

_CANDIDATE = re.compile(r"\$\{(user-data|[A-Za-z_]+)\.((?:\$\{\w+\}|[^}])*)(\}?)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*|[0-9])|\(\(([\w\s+*/%-]+)\)\))")
_BRACED = re.compile(r"\$\{\w+\}")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|(\\?)([A-Za-z_][\w.-]*))")
_SECTIONS = ("files", "user_data")
_DIRECTIONS = ("input", "output")


class Token(NamedTuple):
    """One token and its place in the text. ``quoted``: it stands where quotes of its own would do
    harm."""

    start: int
    end: int
    section: Section
    direction: Direction
    name: str
    quoted: bool = False

    @property
    def has_variable(self) -> bool:
        """Whether the name holds a shell variable."""
        return _VARIABLE.search(self.name) is not None

    @property
    def glob(self) -> str:
        """The name with ``*`` for each shell variable: ``result_*``."""
        return _VARIABLE.sub("*", self.name)

    def matching(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the indices of the names that the name, with its variables, can stand for."""
        literals = map(re.escape, _VARIABLE.sub("\0", self.name).split("\0"))
        return Pattern(rf"(?s)\A{'.*'.join(literals)}\Z").matching(names)

    @property
    def shell_text(self) -> str:
        """The name as a shell takes it, its variables in braces so that they end where they ended
        in the token."""
        parts: list[str] = []
        end = 0
        for match in _VARIABLE.finditer(self.name):
            parts.append(_literal(self.name[end : match.start()]))
            braced, bare, sum_ = match.groups()
            parts.append(f"$(({sum_}))" if sum_ is not None else "${" + (braced or bare) + "}")
            end = match.end()
        parts.append(_literal(self.name[end:]))
        text = "".join(parts)
        return text if self.quoted else f'"{text}"'


def _literal(text: str) -> str:
    return re.sub(r'([\\"`$])', r"\\\1", text)


class Fault(NamedTuple):
    """Something that looks like a token and is none."""

    message: str
    hint: str | None


def scan(text: str) -> tuple[list[Token], list[Fault]]:
    """All tokens of a text in their order, and what is wrong in it."""
    tokens: list[Token] = []
    faults: list[Fault] = []
    for match in _CANDIDATE.finditer(text):
        if _escaped(text, match.start()):
            continue
        section, rest, closed = match.groups()
        direction, dot, name = rest.partition(".")
        if section in _SECTIONS and direction in _DIRECTIONS and dot:
            if (
                not closed
                or "\n" in name
                or ("{" in name and name.count("${") != len(_BRACED.findall(name)))
            ):
                faults.append(
                    Fault(f"{_first_line(match.group())!r} is not closed", "a token ends with }")
                )
            elif not name.strip():
                message = f"{_first_line(match.group())!r} names nothing"
                faults.append(Fault(message, "write the name after the last dot"))
            else:
                tokens.append(Token(match.start(), match.end(), section, direction, name))  # type: ignore[arg-type]  # both were compared above
        else:
            fault = _misspelt(section, direction, dot, name, _first_line(match.group()))
            if fault is not None:
                faults.append(fault)
    if any("$" in token.name and token.has_variable for token in tokens):
        quoted = _inside_quotes(text, {token.start: token.end for token in tokens})
        tokens = [
            token._replace(quoted=True) if token.start in quoted else token for token in tokens
        ]
    return tokens, faults


def substitute(text: str, tokens: list[Token], value: Callable[[Token], str | int]) -> Script:
    """The text with each token replaced by its value; an integer is an index of user data and stays
    one."""
    parts: list[str | int] = []
    pending = ""
    end = 0
    for token in tokens:
        pending += text[end : token.start]
        end = token.end
        new = value(token)
        if isinstance(new, str):
            pending += new
            continue
        if pending:
            parts.append(pending)
            pending = ""
        parts.append(new)
    pending += text[end:]
    if not parts:
        return pending
    return (*parts, pending) if pending else tuple(parts)


def _first_line(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= 80 else line[:77] + "..."


def _escaped(text: str, start: int) -> bool:
    """Whether a backslash, or a dollar sign that makes ``$$``, stands in front and takes the
    meaning away."""
    if not start or text[start - 1] not in "\\$":
        return False
    for sign in "\\$":
        count = 0
        while start - count > 0 and text[start - count - 1] == sign:
            count += 1
        if count % 2:
            return True
    return False


def _misspelt(section: str, direction: str, dot: str, name: str, written: str) -> Fault | None:
    """A fault when this can only be meant as a token. The shell itself knows no name with a dot in
    it."""
    if section in _DIRECTIONS and direction in _SECTIONS:
        return Fault(f"{written!r} is no token", f"did you mean ${{{direction}.{section}.{name}}}?")
    near_section = difflib.get_close_matches(section, _SECTIONS, 1, 0.6)
    near_direction = difflib.get_close_matches(direction, _DIRECTIONS, 1, 0.6)
    if section in _SECTIONS and not (dot and near_direction):
        return Fault(
            f"{written!r} is no token",
            f"write ${{{section}.input.NAME}} or ${{{section}.output.NAME}}",
        )
    if near_section and near_direction and dot:
        return Fault(
            f"{written!r} is no token",
            f"did you mean ${{{near_section[0]}.{near_direction[0]}.{name}}}?",
        )
    return None


def _inside_quotes(text: str, tokens: dict[int, int]) -> set[int]:
    """The starts of those tokens that stand inside double quotes, backquotes or a here-document.

    Follows bash as far as quotes go: comments, backslashes, ``$(…)`` inside double quotes,
    here-documents. Text in single quotes is read like a shell text of its own.
    """
    found: set[int] = set()
    _follow(text, 0, len(text), tokens, found)
    return found


def _follow(text: str, at: int, end: int, tokens: dict[int, int], found: set[int]) -> None:
    stack = [
        ")"
    ]  # the innermost context is last: ")" plain text, '"' double quotes, "`" backquotes
    depth = [0]  # open parentheses of each plain context
    heredocs: list[tuple[str, bool, bool]] = []
    while at < end:
        sign = text[at]
        inner = stack[-1]
        if at in tokens:
            if inner != ")":
                found.add(at)
            at = tokens[at]
        elif sign == "\\":
            at += 2
        elif text.startswith("$(", at):
            stack.append(")")
            depth.append(0)
            at += 2
        elif sign in '"`' and inner == sign:
            stack.pop()
            depth.pop()
            at += 1
        elif sign == "`" or (sign == '"' and inner != '"'):
            stack.append(sign)
            depth.append(0)
            at += 1
        elif inner == '"':
            at += 1
        elif sign == "'":
            close = _end_of_single(text, at + 1, end, tokens, ansi=at > 0 and text[at - 1] == "$")
            _follow(text, at + 1, close, tokens, found)
            at = close + 1
        elif sign == "#" and (at == 0 or text[at - 1] in " \t\n;&|("):
            newline = text.find("\n", at, end)
            at = end if newline < 0 else newline
        elif sign in "()" and inner == ")":
            depth[-1] += 1 if sign == "(" else -1
            if depth[-1] < 0:
                depth[-1] = 0
                if len(stack) > 1:
                    stack.pop()
                    depth.pop()
            at += 1
        elif (
            sign == "<"
            and (match := _HEREDOC.match(text, at, end))
            and not text.startswith("<<<", at)
        ):
            dash, single, double, backslash, word = match.groups()
            heredocs.append(
                (single or double or word, bool(dash), bool(single or double or backslash))
            )
            at = match.end()
        elif text.startswith("<<<", at):
            at += 3
        elif sign == "\n" and heredocs:
            at += 1
            for delimiter, dash_form, literal in heredocs:
                at = _skip_heredoc(text, at, end, delimiter, dash_form, literal, tokens, found)
            heredocs.clear()
        else:
            at += 1


def _end_of_single(text: str, at: int, end: int, tokens: dict[int, int], *, ansi: bool) -> int:
    while at < end and text[at] != "'":
        at = tokens.get(at) or (at + 2 if ansi and text[at] == "\\" else at + 1)
    return min(at, end)


def _skip_heredoc(
    text: str,
    at: int,
    end: int,
    delimiter: str,
    dash: bool,
    literal: bool,
    tokens: dict[int, int],
    found: set[int],
) -> int:
    """Mark the tokens of a here-document (a literal one is a text of its own) and give the place
    behind it."""
    start = at
    while at < end:
        newline = text.find("\n", at, end)
        line_end = end if newline < 0 else newline
        line = text[at:line_end]
        if (line.lstrip("\t") if dash else line) == delimiter:
            break
        at = min(line_end + 1, end)
    if literal:
        _follow(text, start, at, tokens, found)
    else:
        found.update(token for token in tokens if start <= token < at)
    newline = text.find("\n", at, end)
    return end if newline < 0 else newline
