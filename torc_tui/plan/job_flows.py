"""Resolve what jobs write and read: files with one resolver, user data with another.

Input: a job and its tokens. Output: the groups of what it writes and reads, and the sets of jobs
that it waits for because of it. First all outputs are resolved, then the inputs.

Invariants
* The tokens of a command and the explicit lists are merged.
* A pattern is searched in names, not anchored. What it matches of the outputs of the job itself is
  left out; a pattern that matches nothing else is an error.
* User data that a job writes but nothing declares is created with null. Any other name must be
  declared.
* Two entries of files with one path are one file to those that write and read it.
* A token ``result_$i`` reads every record that ``result_*`` matches and that another job writes or
  that holds data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from torc_tui.model import EdgeKind, FileSpec, JobSpec, UserDataSpec
from torc_tui.patterns import PatternError
from torc_tui.plan.data_flow import Flow
from torc_tui.plan.job_sets import JobSets, as_regex, report_pattern
from torc_tui.plan.job_tokens import JobTokens
from torc_tui.plan.names import PlanProblems, called, key_of
from torc_tui.plan.references import Token
from torc_tui.quoting import quoted

Lists = Callable[[JobSpec], tuple[tuple[str, ...], tuple[str, ...]]]  # names, patterns
_FEW = 8
"""Shorter lists are cheaper to sort again than to remember."""


class FlowResolver:
    """Resolves one kind of thing. The subclasses know what is special to files and user data."""

    section: str
    noun: str
    kind: EdgeKind
    inputs: str
    outputs: str
    input_regexes: str
    output_regexes: str
    undeclared = "which is not declared"
    hint: str | None = None

    def __init__(
        self, flow: Flow, jobs: Sequence[JobSpec], sets: JobSets, problems: PlanProblems
    ) -> None:
        """Take the things, the jobs, the sets that they wait for, and where to report."""
        self.flow = flow
        self.jobs = jobs
        self.sets = sets
        self.problems = problems
        self._inputs_of: Lists = attrgetter(self.inputs, self.input_regexes)
        self._outputs_of: Lists = attrgetter(self.outputs, self.output_regexes)
        self._lists: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[str, ...]]] = {}

    # -- outputs -----------------------------------------------------------------------------------

    def write(self, number: int, job: JobSpec, tokens: JobTokens | None) -> int | None:
        """Return the group of what a job writes, and record the job as the writer."""
        listed, patterns = self._outputs_of(job)
        used = tokens.of(self.section, "output") if tokens else ()
        if not listed and not patterns and not used:
            return None
        numbers = list(self._listed(job, listed, self.outputs, "writes"))
        for pattern in patterns:
            numbers += self._matched(job, pattern, self.output_regexes)
        for token in used:
            if token.name in self.flow.index:
                numbers.append(self.flow.index[token.name])
            elif token.has_variable:
                self._variable_output(job, token, [self.flow.names[one] for one in numbers])
            else:
                self._unknown(job, token.name, "command", "writes")
        for one in numbers:
            before = self.flow.write(one, number)
            if before is not None:
                self._two_writers(one, self.jobs[before], job)
        return self.flow.group(numbers)

    def _two_writers(self, thing: int, first: JobSpec, second: JobSpec) -> None:
        line = first.source.line_of(self.outputs)
        where = f" (line {line})" if line else ""
        self.problems.add(
            f"{self.describe(thing)} is written by two jobs:"
            f" {quoted(first.name)}{where} and {quoted(second.name)}",
            second.source,
            self.outputs,
            kind="duplicate-producer",
            hint="give each job an output of its own",
        )

    # -- inputs ------------------------------------------------------------------------------------

    def read(
        self, job: JobSpec, tokens: JobTokens | None, output: int | None
    ) -> tuple[int | None, tuple[int, ...]]:
        """Return the group of what a job reads, and the sets that it waits for because of it."""
        names, patterns = self._inputs_of(job)
        used = tokens.of(self.section, "input") if tokens else ()
        if not names and not patterns and not used:
            return None, ()
        flow = self.flow
        own = {flow.thing(one) for one in flow.groups[output]} if output is not None else set()
        listed = list(self._listed(job, names, self.inputs, "reads"))
        found: list[tuple[int, ...]] = []
        for token in used:
            if token.name in flow.index:
                listed.append(flow.index[token.name])
            elif token.has_variable:
                found.append(self._variable_input(own, job, token))
            else:
                self._unknown(job, token.name, "command", "reads")
        if own:
            self._refuse_own(job, own, listed)
        found += [self._matched_inputs(job, pattern, own) for pattern in patterns]
        found.insert(0, tuple(dict.fromkeys(listed)))
        return self._group(found, listed), self._waits(found)

    def _refuse_own(self, job: JobSpec, own: set[int], listed: Sequence[int]) -> None:
        """Report what a job names as input and writes itself."""
        for one in sorted(own.intersection(map(self.flow.thing, listed))):
            name = quoted(self.flow.names[one])
            self.problems.add(
                f"job {quoted(job.name)} both reads and writes the {self.noun} {name}",
                job.source,
                self.inputs,
                kind="input-and-output",
                hint="a job cannot wait for itself: give the new version another name",
            )

    def _matched_inputs(self, job: JobSpec, pattern: str, own: set[int]) -> tuple[int, ...]:
        """Return what a pattern matches, without what the job itself writes."""
        key = self.input_regexes
        matches = self._matched(job, pattern, key)
        if not own or own.isdisjoint(map(self.flow.thing, matches)):
            return matches
        matches = tuple(one for one in matches if self.flow.thing(one) not in own)
        if not matches:
            reason = f"{quoted(pattern)} matches only what the job itself writes"
            self._no_match(job, key, reason)
        return matches

    def _waits(self, found: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the sets of the jobs that write these things."""
        waits = []
        for numbers in found:
            if not numbers:
                continue
            key = (self.kind, numbers)
            if self.sets.has(key):
                waited = self.sets.named(key, None)
            else:
                waited = self.sets.named(key, self.flow.members(self.kind, numbers))
            if waited is not None:
                waits.append(waited)
        return tuple(waits)

    def _group(self, found: Sequence[tuple[int, ...]], listed: Sequence[int]) -> int | None:
        if len(found) == 1 and len(listed) < _FEW:
            return self.flow.group(listed)
        return self.flow.group_of_lists(found)

    # -- names and patterns ------------------------------------------------------------------------

    def _listed(self, job: JobSpec, names: tuple[str, ...], key: str, verb: str) -> tuple[int, ...]:
        """Return the indices of the names that exist; report the others."""
        if not names:
            return ()
        known = self._lists.get(names)
        if known is None:
            index = self.flow.index
            known = (
                tuple(index[name] for name in names if name in index),
                tuple(name for name in names if name not in index),
            )
            self._lists[names] = known
        for name in known[1]:
            self._unknown(job, name, key, verb)
        return known[0]

    def _matched(self, job: JobSpec, pattern: str, key: str) -> tuple[int, ...]:
        try:
            found = self.flow.matches(pattern)
        except PatternError as error:
            report_pattern(self.problems, job, key, pattern, error)
            return ()
        if not found:
            self._no_match(job, key, f"{quoted(pattern)} matches no {self.noun}")
        return found

    def _no_match(self, job: JobSpec, key: str, reason: str) -> None:
        message = key_of(job, key, reason)
        self.problems.add(message, job.source, key, kind="no-match", section=self.section)

    def _unknown(self, job: JobSpec, name: str, key: str, verb: str) -> None:
        message = f"job {called(job)} {verb} the {self.noun} {quoted(name)}, {self.undeclared}"
        self.problems.unknown(
            message, name, self.flow.index, job.source, key, section=self.section, hint=self.hint
        )

    def _fault(self, job: JobSpec, message: str, hint: str | None) -> None:
        self.problems.add(
            key_of(job, "command", message),
            job.source,
            "command",
            kind="invalid-reference",
            hint=hint,
            section=self.section,
        )

    def _matching(self, job: JobSpec, token: Token, names: Sequence[str]) -> tuple[int, ...]:
        try:
            return token.matching(names)
        except PatternError as error:
            self._fault(job, f"cannot look up the token {quoted(token.glob)}: {error}", None)
            return ()

    # -- what differs ------------------------------------------------------------------------------

    def describe(self, thing: int) -> str:
        """Return what a thing is called in an error."""
        return f"the {self.noun} {quoted(self.flow.names[thing])}"

    def _variable_output(self, job: JobSpec, token: Token, declared: list[str]) -> None:
        raise NotImplementedError

    def _variable_input(self, own: set[int], job: JobSpec, token: Token) -> tuple[int, ...]:
        raise NotImplementedError


class FileResolver(FlowResolver):
    """Resolves files, whose paths must be known before a job runs."""

    section = "files"
    noun = "file"
    kind = EdgeKind.FILE
    inputs = "input_files"
    outputs = "output_files"
    input_regexes = "input_file_regexes"
    output_regexes = "output_file_regexes"
    hint = "declare it under files, with its path"

    def __init__(
        self,
        files: Sequence[FileSpec],
        jobs: Sequence[JobSpec],
        sets: JobSets,
        problems: PlanProblems,
    ) -> None:
        """Take the files of the specification."""
        flow = Flow([file.name for file in files], [file.path for file in files])
        super().__init__(flow, jobs, sets, problems)

    def describe(self, thing: int) -> str:
        """Return the name and the path of a file."""
        return f"{super().describe(thing)} ({quoted(self.flow.places[thing])})"

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
    """Resolves records of user data; an output need not be declared."""

    section = "user_data"
    noun = "user data"
    kind = EdgeKind.USER_DATA
    inputs = "input_user_data"
    outputs = "output_user_data"
    input_regexes = "input_user_data_regexes"
    output_regexes = "output_user_data_regexes"
    undeclared = "which no job writes and nothing declares"

    def __init__(
        self,
        records: Iterable[UserDataSpec],
        jobs: Sequence[JobSpec],
        sets: JobSets,
        problems: PlanProblems,
    ) -> None:
        """Take the records of the specification; `records` grows by those that are created."""
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
