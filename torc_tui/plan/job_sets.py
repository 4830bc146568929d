"""Collect the sets of jobs that jobs wait for, each set once.

Input: the dependencies of a job, by name or by pattern, and the producers of what it reads.
Output: indices of sets, which `dependencies.combine` turns into edges and gates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torc_tui.model import EdgeKind, JobSpec
from torc_tui.patterns import Pattern, PatternError
from torc_tui.plan.dependencies import Members
from torc_tui.plan.names import PlanProblems, called, key_of
from torc_tui.quoting import quoted

_NEW = -1
"""Stands for a set that is not known yet."""


class JobSets:
    """The sets of one plan."""

    def __init__(
        self, names: Sequence[str], index: Mapping[str, int], problems: PlanProblems
    ) -> None:
        self.names = names
        self.index = index
        self.problems = problems
        self.sets: list[Members] = []
        self._set_of: dict[object, int | None] = {}
        self._explicit: dict[tuple[str, ...], int] = {}
        self._matches: dict[str, tuple[int, ...]] = {}

    def named(self, key: object, make: Callable[[], Members | None]) -> int | None:
        """Return the index of the set with a key, whose hash may take long.

        ``make`` returns the members of a new set.
        """
        found = self._set_of.get(key, _NEW)
        if found != _NEW:
            return found
        members = make()
        if members is not None:
            self.sets.append(members)
        self._set_of[key] = None if members is None else len(self.sets) - 1
        return self._set_of[key]

    def explicit(self, job: JobSpec) -> tuple[int, ...]:
        """Return the set of the jobs in ``depends_on``."""
        key = job.depends_on
        if not key:
            return ()
        found = self._explicit.get(key)
        if found is not None:
            return (found,)
        index = self.index
        try:
            members = [index[name] for name in key]
        except KeyError:
            members = self._known(job)
            if not members:
                return ()
        ordered = (members[0],) if len(members) == 1 else tuple(sorted(set(members)))
        self.sets.append(Members(EdgeKind.EXPLICIT, ordered))
        if len(members) == len(key):  # otherwise each job that names a missing job is reported
            self._explicit[key] = len(self.sets) - 1
        return (len(self.sets) - 1,)

    def _known(self, job: JobSpec) -> list[int]:
        """Return the jobs in ``depends_on`` that exist; report the others."""
        members = []
        for name in job.depends_on:
            if name in self.index:
                members.append(self.index[name])
                continue
            hint = None
            if "{" in name:
                pattern = f"^{as_regex(name)}$"
                hint = f"to depend on all of them, write depends_on_regexes: ['{pattern}']"
            self.problems.unknown(
                f"job {called(job)} depends on {quoted(name)}, which is not defined",
                name,
                self.index,
                job.source,
                "depends_on",
                section="jobs",
                hint=hint,
            )
        return members

    def by_pattern(self, number: int, job: JobSpec) -> tuple[int, ...]:
        """Return the sets of the jobs that ``depends_on_regexes`` match."""
        key = "depends_on_regexes"
        waits = []
        for pattern in job.depends_on_regexes:
            try:
                if pattern not in self._matches:
                    self._matches[pattern] = Pattern(pattern).matching(self.names)
            except PatternError as error:
                report_pattern(self.problems, job, key, pattern, error)
                continue
            found = self._matches[pattern]
            if not found or found == (number,):
                what = "no job" if not found else "only the job itself"
                message = key_of(job, key, f"{quoted(pattern)} matches {what}")
                self.problems.add(message, job.source, key, kind="no-match", section="jobs")
                continue
            make = partial(Members, EdgeKind.REGEX, found, None, pattern)
            waits.append(self.named(("jobs", pattern), make))
        return tuple(one for one in waits if one is not None)


def as_regex(template: str) -> str:
    """Return ``work_{i}`` or ``work_*`` as a regular expression: ``work_.*``."""
    return ".*".join(map(re.escape, re.split(r"\{[^}]*\}|\*", template)))


def report_pattern(
    problems: PlanProblems, job: JobSpec, key: str, pattern: str, error: PatternError
) -> None:
    """Report a regular expression that cannot be used."""
    message = key_of(job, key, f"cannot use the pattern {quoted(pattern)}: {error}")
    problems.add(message, job.source, key, kind="invalid-regex")
