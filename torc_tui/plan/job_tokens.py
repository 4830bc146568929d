"""Read the tokens of all jobs, and write their commands with the tokens replaced.

Input: jobs of a specification. Output: the tokens of each job by their use, and scripts. Jobs with
equal texts share their tokens. Errors go to the problems of the plan, warnings to ``warnings``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from torc_tui.errors import Problem
from torc_tui.model import JobSpec, Script
from torc_tui.plan import references
from torc_tui.plan.data_flow import Flow
from torc_tui.plan.names import PlanProblems, key_of
from torc_tui.plan.references import ScannedText, Token
from torc_tui.quoting import quoted

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
        self.file = file
        self.warnings: list[Problem] = []
        self._read: dict[tuple[str, str | None], JobTokens | None] = {}
        self._scripts: dict[str, Script] = {}
        self._short: dict[tuple[str, str], tuple[JobSpec, str]] = {}

    def read(self, job: JobSpec) -> JobTokens | None:
        """Return the tokens of a job; None if it has none."""
        texts = (job.command, job.invocation_script)
        if texts not in self._read:
            command = references.scan(job.command)
            script = references.scan(job.invocation_script) if job.invocation_script else _NO_TOKENS
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
            self._warn(job, key, near.message, near.hint)
        for section, name in found.short:
            self._short.setdefault((section, name), (job, key))

    def _warn(self, job: JobSpec, key: str, message: str, hint: str | None) -> None:
        line, file = job.source.line_of(key), job.source.file or self.file
        message = key_of(job, key, message)
        self.warnings.append(Problem(message, file, line, None, key, hint, "near-token"))

    def warn_short(self, declared: Mapping[str, Collection[str]]) -> None:
        """Warn of ``${files.NAME}`` where a file of that name is declared."""
        for (section, name), (job, key) in self._short.items():
            if name in declared[section]:
                message = (
                    f"{quoted(f'${{{section}.{name}}}')} is not a token and is left to the shell"
                )
                hint = f"write ${{{section}.input.NAME}} or ${{{section}.output.NAME}}"
                self._warn(job, key, message, hint)

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
            self._scripts[text] = references.substitute(text, tokens, value)
        return self._scripts[text]
