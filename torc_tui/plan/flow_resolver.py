"""Resolve what jobs write and read, by name, by pattern and by token.

Input: a job and its tokens. Output: the groups of what it writes and reads, and the sets of jobs
that it waits for because of that. First all outputs are resolved, then the inputs.

Invariants
* The tokens of a command and the explicit lists are merged.
* A pattern is searched in names, not anchored. Matches that the job itself writes are left out; a
  pattern without other matches is an error.
* Two entries of files with one path are the same file for those that write and read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

from torc_tui.model import EdgeKind, JobSpec
from torc_tui.patterns import PatternError
from torc_tui.plan.dependencies import Flow
from torc_tui.plan.job_sets import JobSets, report_pattern
from torc_tui.plan.names import PlanProblems, called, key_of
from torc_tui.plan.references import JobTokens, Token
from torc_tui.quoting import quoted

Lists = Callable[[JobSpec], tuple[tuple[str, ...], tuple[str, ...]]]  # names, patterns
_SHORT_LIST = 8
"""Shorter lists are sorted again: that takes less time than to find the group of a list."""


class FlowResolver:
    """Resolve the files or the user data of jobs; subclasses implement what differs."""

    section: str
    kind: EdgeKind
    undeclared = "which is not declared"
    hint: str | None = None

    def __init__(
        self, flow: Flow, jobs: Sequence[JobSpec], sets: JobSets, problems: PlanProblems
    ) -> None:
        self.flow = flow
        self.jobs = jobs
        self.sets = sets
        self.problems = problems
        one = self.section.removesuffix("s")
        self.noun = one.replace("_", " ")
        self.inputs, self.outputs = f"input_{self.section}", f"output_{self.section}"
        self.input_regexes, self.output_regexes = f"input_{one}_regexes", f"output_{one}_regexes"
        self._inputs_of: Lists = attrgetter(self.inputs, self.input_regexes)
        self._outputs_of: Lists = attrgetter(self.outputs, self.output_regexes)
        self._lists: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[str, ...]]] = {}
        self._reads: dict[object, tuple[int | None, tuple[int, ...]]] = {}
        """What jobs read that have these lists and patterns, use no token and write nothing."""

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

    def _two_writers(self, number: int, first: JobSpec, second: JobSpec) -> None:
        line = first.source.line_of(self.outputs)
        where = f" (line {line})" if line else ""
        self.problems.add(
            f"{self.describe(number)} is written by two jobs:"
            f" {quoted(first.name)}{where} and {quoted(second.name)}",
            second.source,
            self.outputs,
            kind="duplicate-producer",
            hint="give each job its own output",
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
        lists = (names, patterns) if not used and output is None else None
        if lists is not None and (known := self._reads.get(lists)) is not None:
            return known
        found, listed = self._inputs(job, tokens, output)
        read = self._group(found, listed), self._waits(found)
        if lists is not None and len(listed) == len(names) and all(found[1:]):  # nothing to report
            self._reads[lists] = read
        return read

    def _inputs(
        self, job: JobSpec, tokens: JobTokens | None, output: int | None
    ) -> tuple[list[tuple[int, ...]], list[int]]:
        """Return the lists of what a job reads, and those of them that are given by name."""
        names, patterns = self._inputs_of(job)
        used = tokens.of(self.section, "input") if tokens else ()
        flow = self.flow
        own = {flow.canonical(one) for one in flow.groups[output]} if output is not None else set()
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
        return found, listed

    def _refuse_own(self, job: JobSpec, own: set[int], listed: Sequence[int]) -> None:
        """Report the inputs that a job writes itself."""
        for one in sorted(own.intersection(map(self.flow.canonical, listed))):
            name = quoted(self.flow.names[one])
            self.problems.add(
                f"job {quoted(job.name)} both reads and writes the {self.noun} {name}",
                job.source,
                self.inputs,
                kind="input-and-output",
                hint="a job cannot wait for itself: give the new version another name",
            )

    def _matched_inputs(self, job: JobSpec, pattern: str, own: set[int]) -> tuple[int, ...]:
        """Return the matches of a pattern that the job does not write itself."""
        key = self.input_regexes
        matches = self._matched(job, pattern, key)
        if not own or own.isdisjoint(map(self.flow.canonical, matches)):
            return matches
        matches = tuple(one for one in matches if self.flow.canonical(one) not in own)
        if not matches:
            reason = f"{quoted(pattern)} matches only what the job itself writes"
            self._no_match(job, key, reason)
        return matches

    def _waits(self, found: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the sets of the jobs that write these inputs."""
        waits = []
        for numbers in found:
            if not numbers:
                continue
            make = partial(self.flow.members, self.kind, numbers)
            waited = self.sets.named((self.kind, numbers), make)
            if waited is not None:
                waits.append(waited)
        return tuple(waits)

    def _group(self, found: Sequence[tuple[int, ...]], listed: Sequence[int]) -> int | None:
        if len(found) == 1 and len(listed) < _SHORT_LIST:
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

    def describe(self, number: int) -> str:
        """Return the name of a file or record in errors."""
        return f"the {self.noun} {quoted(self.flow.names[number])}"

    def _variable_output(self, job: JobSpec, token: Token, declared: list[str]) -> None:
        raise NotImplementedError

    def _variable_input(self, own: set[int], job: JobSpec, token: Token) -> tuple[int, ...]:
        raise NotImplementedError
