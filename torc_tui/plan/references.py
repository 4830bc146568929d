r"""Find and replace the tokens of a command, or of all jobs.

A token is ``${files.input.NAME}``, ``${files.output.NAME}`` or one of the same two of
``user_data``. All other expansions are left to the shell and to the programs of the command.

Input: the text of a command. Output: its tokens, the errors in them, what looks like a misspelled
token, and the text with the tokens replaced. Names are not looked up here.

Invariants
* A name holds anything but ``}``; ``${i}`` inside it is a shell variable. A token that is escaped
  is none: ``\${files.input.N}``, ``$${files.input.N}``.
* A token of user data whose name holds shell variables (``result_$i``, ``result_${i}``,
  ``result_$((i-1))``) stands for every name that ``result_*`` matches. It becomes the *name*,
  quoted so that the shell that expands ``$i`` at that place makes one word of it: ``"result_${i}"``
  in plain text, without the quotes inside double quotes or a here-document. Inside single quotes
  (``bash -c '…'``) that is the inner shell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from torc_tui.lazy_regex import regex
from torc_tui.model import JobSpec, Script
from torc_tui.patterns import Pattern
from torc_tui.plan.dependencies import Flow
from torc_tui.plan.names import PlanProblems, key_of
from torc_tui.quoting import nearest, quoted, wrong_name
from torc_tui.tuples import NamedTuple

Section = Literal["files", "user_data"]
Direction = Literal["input", "output"]

_CANDIDATE = regex(r"\$\{(user-data|[A-Za-z_]+)\.((?:\$\{\w+\}|[^}])*)(\}?)")
_VARIABLE = regex(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*|[0-9])|\(\(([\w\s+*/%-]+)\)\))")
_BRACED = regex(r"\$\{\w+\}")
_SECTIONS = ("files", "user_data")
_DIRECTIONS = ("input", "output")
_SHOWN = 80
"""Characters of a token that a message shows."""


class Token(NamedTuple):
    """One token and its place in the text.

    ``quoted`` is set where it stands inside quotes, so that quotes of its own would end them.
    """

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
        """The name for a shell, with each variable in braces."""
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
    """A token that cannot be used, or what looks like a misspelled one."""

    message: str
    hint: str | None


class ScannedText(NamedTuple):
    """The tokens of a text in their order, its errors, and what looks like a misspelled token."""

    tokens: list[Token]
    errors: list[Fault]
    near: list[Fault]
    short: list[tuple[str, str]]
    """(section, name) of expansions such as ``${files.NAME}``, which lack the direction."""


def scan(text: str) -> ScannedText:
    """Return what a text holds."""
    found = ScannedText([], [], [], [])
    for match in _CANDIDATE.finditer(text):
        if not _is_escaped(text, match.start()):
            _add(match, found)
    tokens = found.tokens
    if any("$" in token.name and token.has_variable for token in tokens):
        inside = _inside_quotes(text, {token.start: token.end for token in tokens})
        tokens[:] = [
            token._replace(quoted=True) if token.start in inside else token for token in tokens
        ]
    return found


def _add(match: re.Match[str], found: ScannedText) -> None:
    """Add a candidate as a token, as an error, or as what is probably a misspelled token."""
    section, rest, closed = match.groups()
    direction, dot, name = rest.partition(".")
    if section in _SECTIONS and direction in _DIRECTIONS and dot:
        if not closed or not _is_name(name):
            found.errors.append(_invalid(match.group(), name))
        elif (wrong := wrong_name(name)) is not None:
            found.errors.append(
                Fault(f"the name in the token {_shown(match.group())} {wrong}", None)
            )
        else:
            found.tokens.append(Token(match.start(), match.end(), section, direction, name))  # type: ignore[arg-type]  # both were compared above
    elif section in _SECTIONS and not dot:
        found.short.append((section, direction))
    elif dot and (meant := _meant(section, direction, name)) is not None:
        message = f"{_shown(match.group())} is not a token and is left to the shell"
        found.near.append(Fault(message, f"did you mean {quoted(meant, _SHOWN)}?"))


def _is_name(name: str) -> bool:
    """Return whether a name is not empty, is on one line, and holds braces of variables only."""
    if "{" in name and name.count("${") != len(_BRACED.findall(name)):
        return False
    return bool(name.strip()) and "\n" not in name


def _invalid(written: str, name: str) -> Fault:
    if written.endswith("}") and not name.strip():
        hint = "write the name after the last dot"
        return Fault(f"the token {_shown(written)} holds no name", hint)
    return Fault(f"the token {_shown(written)} is not closed", "write } after the name")


def _shown(written: str) -> str:
    return quoted(written.split("\n", 1)[0], _SHOWN)


def _meant(section: str, direction: str, name: str) -> str | None:
    """Return the token that was probably meant."""
    if section in _DIRECTIONS and direction in _SECTIONS:
        return f"${{{direction}.{section}.{name}}}"
    start = direction.lower()
    begun = [whole for whole in _DIRECTIONS if len(start) > 1 and whole.startswith(start)]
    near_section = nearest(section, _SECTIONS)
    near_direction = begun[0] if begun else nearest(start, _DIRECTIONS)
    if near_section and near_direction:
        return f"${{{near_section}.{near_direction}.{name}}}"
    return None


def substitute(text: str, tokens: list[Token], value: Callable[[Token], str | int]) -> Script:
    """Return the text with each token replaced; an integer is an index of user data and stays."""
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


def _is_escaped(text: str, start: int) -> bool:
    """Return whether a backslash, or a dollar sign that makes ``$$``, stands in front."""
    if not start or text[start - 1] not in "\\$":
        return False
    for sign in "\\$":
        count = 0
        while start - count > 0 and text[start - count - 1] == sign:
            count += 1
        if count % 2:
            return True
    return False


def _inside_quotes(text: str, tokens: dict[int, int]) -> set[int]:
    """Return the starts of the tokens inside double quotes, backquotes or here-documents."""
    from torc_tui.shell_text import QuoteContext, shell_parts  # most commands quote no token

    return {
        part.start
        for part in shell_parts(text, tokens)
        if part.start in tokens and part.context is not QuoteContext.PLAIN
    }


_NO_TOKENS: ScannedText = ScannedText([], [], [], [])


class JobTokens:
    """The tokens of one job, and the same by section and direction."""

    __slots__ = ("by_use", "command", "script")

    def __init__(self, command: list[Token], script: list[Token]) -> None:
        self.command = command
        self.script = script
        self.by_use: dict[tuple[str, str], list[Token]] = {}
        for token in (*command, *script):
            self.by_use.setdefault((token.section, token.direction), []).append(token)

    def of(self, section: str, direction: str) -> Sequence[Token]:
        """Return the tokens of one use."""
        return self.by_use.get((section, direction), ())


class TokenReader:
    """Read the tokens of the jobs of one specification."""

    def __init__(self, problems: PlanProblems, file: str | None) -> None:
        self.problems = problems
        self.warnings = PlanProblems(file)
        self._read: dict[tuple[str, str | None], JobTokens | None] = {}
        self._scripts: dict[str, Script] = {}
        self._short: dict[tuple[str, str], tuple[JobSpec, str]] = {}

    def read(self, job: JobSpec) -> JobTokens | None:
        """Return the tokens of a job; None if it has none."""
        texts = (job.command, job.invocation_script)
        if texts not in self._read:
            command = scan(job.command)
            script = scan(job.invocation_script) if job.invocation_script else _NO_TOKENS
            for key, found in (("command", command), ("invocation_script", script)):
                self._report(job, key, found)
            tokens = JobTokens(command.tokens, script.tokens)
            self._read[texts] = tokens if tokens.by_use else None
        return self._read[texts]

    def _report(self, job: JobSpec, key: str, found: ScannedText) -> None:
        for error in found.errors:
            message = key_of(job, key, error.message)
            self.problems.add(message, job.source, key, kind="invalid-reference", hint=error.hint)
        for near in found.near:
            self.warnings.add(
                key_of(job, key, near.message), job.source, key, "near-token", near.hint
            )
        for section, name in found.short:
            self._short.setdefault((section, name), (job, key))

    def warn_short(self, declared: Mapping[str, Collection[str]]) -> None:
        """Warn of ``${files.NAME}`` where a file of that name is declared."""
        for (section, name), (job, key) in self._short.items():
            if name in declared[section]:
                message = (
                    f"{quoted(f'${{{section}.{name}}}')} is not a token and is left to the shell"
                )
                hint = f"write ${{{section}.input.NAME}} or ${{{section}.output.NAME}}"
                self.warnings.add(key_of(job, key, message), job.source, key, "near-token", hint)

    def script(self, text: str, tokens: list[Token], files: Flow, data: Flow) -> Script:
        """Return a text with its tokens replaced by paths and by indices of records."""
        if not tokens:
            return text

        def value(token: Token) -> str | int:
            if token.section == "files":
                number = files.index.get(token.name)
                return "" if number is None else files.paths[number]
            number = data.index.get(token.name)
            return token.shell_text if number is None else number

        if text not in self._scripts:
            self._scripts[text] = substitute(text, tokens, value)
        return self._scripts[text]
