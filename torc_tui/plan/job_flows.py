"""Resolve the files and the user data that jobs write and read.

Invariants
* User data that a job writes but nothing declares is created with null. Any other name must be
  declared.
* A token ``result_$i`` reads every record that ``result_*`` matches and that another job writes or
  that holds data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torc_tui.model import EdgeKind, JobSpec, UserDataSpec
from torc_tui.plan.dependencies import Flow
from torc_tui.plan.flow_resolver import FlowResolver
from torc_tui.plan.job_sets import JobSets, as_regex
from torc_tui.plan.names import PlanProblems, key_of
from torc_tui.plan.references import JobTokens, Token
from torc_tui.quoting import quoted


class FileResolver(FlowResolver):
    """Resolve files, whose paths must be known before a job runs."""

    section = "files"
    kind = EdgeKind.FILE
    hint = "declare it under files, with its path"

    def describe(self, number: int) -> str:
        """Return the name and the path of a file."""
        return f"{super().describe(number)} ({quoted(self.flow.paths[number])})"

    def _variable_output(self, job: JobSpec, token: Token, _declared: list[str]) -> None:
        written = quoted(f"${{files.output.{token.name}}}")
        self._fault(
            job,
            f"what {written} writes is known only when the job runs",
            "list the files in output_files or output_file_regexes"
            " and write their paths in the command",
        )

    def _variable_input(self, _own: set[int], job: JobSpec, token: Token) -> tuple[int, ...]:
        written = quoted(f"${{files.input.{token.name}}}")
        self._fault(
            job,
            f"the path of {written} cannot be looked up when the job runs",
            f"use input_file_regexes: ['^{as_regex(token.glob)}$']"
            " and write the paths in the command",
        )
        return ()


class UserDataResolver(FlowResolver):
    """Resolve records of user data, of which outputs need not be declared.

    `records` are those of the specification, and those that are created.
    """

    section = "user_data"
    kind = EdgeKind.USER_DATA
    undeclared = "which no job writes and nothing declares"

    def __init__(
        self,
        records: Iterable[UserDataSpec],
        jobs: Sequence[JobSpec],
        sets: JobSets,
        problems: PlanProblems,
    ) -> None:
        self.records = list(records)
        super().__init__(Flow([record.name for record in self.records]), jobs, sets, problems)
        self._readable: dict[str, tuple[int, ...]] = {}

    def create_outputs(self, job: JobSpec, tokens: JobTokens | None) -> None:
        """Create the records that a job writes and nothing declares."""
        names = list(job.output_user_data)
        if tokens is not None:
            outputs = tokens.of("user_data", "output")
            names += [token.name for token in outputs if not token.has_variable]
        for name in names:
            if name not in self.flow.index:
                self.flow.add(name)
                self.records.append(UserDataSpec(name=name, declared=False, source=job.source))

    def _variable_output(self, job: JobSpec, token: Token, declared: list[str]) -> None:
        if self._matching(job, token, declared):
            return
        written = quoted(f"${{user_data.output.{token.name}}}")
        self._fault(
            job,
            f"what {written} writes is known only when the job runs",
            f"declare its outputs in output_user_data; the token then becomes the name"
            f" {quoted(token.glob)} when the job runs",
        )

    def _variable_input(self, own: set[int], job: JobSpec, token: Token) -> tuple[int, ...]:
        found = self._readable.get(token.name)
        if found is None:
            found = self._readable[token.name] = tuple(
                one
                for one in self._matching(job, token, self.flow.names)
                if self.flow.writer(one) is not None or self.records[one].data is not None
            )
        found = tuple(one for one in found if one not in own) if own else found
        if not found:
            message = f"no other job writes user data that {quoted(token.glob)} matches"
            self.problems.unknown(
                key_of(job, "command", message),
                token.glob,
                self.flow.index,
                job.source,
                "command",
                section=self.section,
            )
        return found
