"""From names to numbers: a WorkflowSpec becomes a Plan, or every problem in it is reported at once.

In: a spec, checked and expanded. Out: a Plan whose jobs, files and records are indices, with edges,
gates and warnings. Nothing is read from disk and nothing is stored here.

Laws
* The tokens of a command and the explicit lists are merged.
* A pattern is searched in names, not anchored. One that is invalid or matches nothing is an error.
  What it matches of the job's own (the job itself, what it writes) is left out; when nothing else
  is matched, that is an error too.
* User data that some job writes but nothing declares is created with null. Whatever else is named
  must be declared.
* Two entries of files with one path are one file to those who write and read it.
* A token ``result_$i`` reads every record that ``result_*`` matches and that another job writes or
  that holds data.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    EdgeKind,
    JobSpec,
    Plan,
    PlannedJob,
    ResourceRequirements,
    Script,
    UserDataSpec,
    WorkflowSpec,
)
from torc_tui.patterns import Pattern, PatternError
from torc_tui.plan import references
from torc_tui.plan.actions import watched_jobs
from torc_tui.plan.cycles import report_cycles
from torc_tui.plan.data_flow import Flow
from torc_tui.plan.dependencies import Members, combine
from torc_tui.plan.lint import lint
from torc_tui.plan.names import Problems
from torc_tui.plan.references import Fault, Token

_FEW = 8
"""Shorter lists are cheaper to sort again than to remember."""


def resolve(spec: WorkflowSpec) -> Plan:
    """The plan of a workflow. SpecError with all problems; its subclass when they are of one
    kind."""
    collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of small records, none of them garbage: the collector would double the time
    try:
        problems = Problems(spec.file)
        plan = _Resolver(spec, problems).plan()
        report_cycles(plan, problems)
        problems.stop()
        return replace(plan, warnings=tuple(lint(plan)))
    finally:
        if collecting:
            gc.enable()


class _Tokens:
    """The tokens of one job, and the same by section and direction. Jobs with equal texts share
    it."""

    __slots__ = ("by_use", "command", "script")

    def __init__(self, command: list[Token], script: list[Token]) -> None:
        self.command = command
        self.script = script
        self.by_use: dict[tuple[str, str], list[Token]] = {}
        for token in (*command, *script):
            self.by_use.setdefault((token.section, token.direction), []).append(token)

    def of(self, section: str, direction: str) -> Sequence[Token]:
        """Those of one use."""
        return self.by_use.get((section, direction), ())


class _Resolver:
    """One pass over the jobs for what they write, one for what they read and wait for."""

    def __init__(self, spec: WorkflowSpec, problems: Problems) -> None:
        self.spec = spec
        self.problems = problems
        self.names = [job.name for job in spec.jobs]
        self.index = {name: number for number, name in enumerate(self.names)}
        self.records = list(spec.user_data)
        self.files = Flow([file.name for file in spec.files], [file.path for file in spec.files])
        self.data = Flow([record.name for record in self.records])
        self.requirements, self.requirement_of, self.default = _requirements(spec)
        self.handler_of = {
            handler.name: number for number, handler in enumerate(spec.failure_handlers)
        }
        self.schedulers = {scheduler.name for scheduler in spec.slurm_schedulers}
        self.tokens: dict[int, _Tokens] = {}
        self.read: dict[tuple[str, str | None], tuple[_Tokens, list[tuple[str, Fault]]]] = {}
        self.scripts: dict[str, Script] = {}
        self.readable: dict[str, tuple[int, ...]] = {}
        self.sets: list[Members] = []
        self.explicit: dict[tuple[str, ...], int] = {}
        self.set_of: dict[object, int | None] = {}
        self.job_matches: dict[str, tuple[int, ...]] = {}
        self.lists: dict[tuple[bool, tuple[str, ...]], tuple[tuple[int, ...], tuple[str, ...]]] = {}

    def plan(self) -> Plan:
        self._duplicates()
        jobs = self.spec.jobs
        for number, job in enumerate(jobs):
            if "${" in job.command or (job.invocation_script and "${" in job.invocation_script):
                self._read_tokens(number, job)
            self._create_outputs(number, job)
        written = [self._outputs(number, job) for number, job in enumerate(jobs)]
        planned: list[PlannedJob] = []
        waits: list[Sequence[int] | None] = []
        for number, job in enumerate(jobs):
            output_files, output_data = written[number]
            wait = self._explicit(job)
            if job.depends_on_regexes:
                wait = wait + self._regexes(number, job)
            tokens = self.tokens.get(number)
            input_files = input_data = None
            if (
                job.input_files
                or job.input_file_regexes
                or (tokens and tokens.of("files", "input"))
            ):
                input_files, more = self._inputs(job, tokens, output_files, is_data=False)
                wait = wait + more
            if (
                job.input_user_data
                or job.input_user_data_regexes
                or (tokens and tokens.of("user_data", "input"))
            ):
                input_data, more = self._inputs(job, tokens, output_data, is_data=True)
                wait = wait + more
            waits.append(wait)
            planned.append(
                PlannedJob(
                    job,
                    self._script(job.command, tokens.command) if tokens else job.command,
                    self._script(job.invocation_script, tokens.script)
                    if tokens and job.invocation_script
                    else job.invocation_script,
                    self._requirement(job) if job.resource_requirements else self.default,
                    self._handler(job) if job.failure_handler else None,
                    input_files,
                    output_files,
                    input_data,
                    output_data,
                )
            )
            if job.scheduler and job.scheduler not in self.schedulers:
                message = f"job {_called(job)!r} names the scheduler {job.scheduler!r}, which does not exist"
                self.problems.unknown(
                    message, job.scheduler, self.schedulers, job.source, "scheduler"
                )
        edges, gates = combine(waits, self.sets)
        return Plan(
            self.spec,
            planned,
            self.spec.files,
            self.records,
            self.requirements,
            self.files.groups,
            self.data.groups,
            edges,
            gates,
            (),
            [
                watched_jobs(action, self.names, self.index, self.schedulers, self.problems)
                for action in self.spec.actions
            ],
        )

    # -- what is written ---------------------------------------------------------------------------

    def _duplicates(self) -> None:
        for what, entries in (
            ("jobs", self.spec.jobs),
            ("files", self.spec.files),
            ("user data records", self.spec.user_data),
        ):
            seen: set[str] = set()
            for entry in entries:
                if entry.name in seen:
                    message = f"two {what} have the name {entry.name!r}"
                    self.problems.add(message, entry.source, "name", kind="duplicate-name")
                seen.add(entry.name)

    def _read_tokens(self, number: int, job: JobSpec) -> None:
        texts = (job.command, job.invocation_script)
        if texts not in self.read:
            command, command_faults = references.scan(job.command)
            script, script_faults = (
                references.scan(job.invocation_script) if job.invocation_script else ([], [])
            )
            faults = [("command", fault) for fault in command_faults]
            faults += [("invocation_script", fault) for fault in script_faults]
            self.read[texts] = _Tokens(command, script), faults
        tokens, faults = self.read[texts]
        for key, fault in faults:
            message = f"{key} of job {_called(job)!r}: {fault.message}"
            self.problems.add(message, job.source, key, kind="invalid-reference", hint=fault.hint)
        if tokens.by_use:
            self.tokens[number] = tokens

    def _create_outputs(self, number: int, job: JobSpec) -> None:
        names = list(job.output_user_data)
        if number in self.tokens:
            tokens = self.tokens[number].of("user_data", "output")
            names += [token.name for token in tokens if not token.has_variable]
        for name in names:
            if name not in self.data.index:
                self.data.add(name)
                self.records.append(UserDataSpec(name=name, declared=False, source=job.source))

    def _outputs(self, number: int, job: JobSpec) -> tuple[int | None, int | None]:
        tokens = self.tokens.get(number)
        files = data = None
        if job.output_files or job.output_file_regexes or (tokens and tokens.of("files", "output")):
            files = self._write(number, job, tokens, is_data=False)
        if (
            job.output_user_data
            or job.output_user_data_regexes
            or (tokens and tokens.of("user_data", "output"))
        ):
            data = self._write(number, job, tokens, is_data=True)
        return files, data

    def _write(
        self, number: int, job: JobSpec, tokens: _Tokens | None, *, is_data: bool
    ) -> int | None:
        flow = self.data if is_data else self.files
        noun = "user data" if is_data else "file"
        key = "output_user_data" if is_data else "output_files"
        numbers = list(
            self._listed(job, is_data, job.output_user_data if is_data else job.output_files, key)
        )
        patterns = job.output_user_data_regexes if is_data else job.output_file_regexes
        for pattern in patterns:
            numbers += self._matched(
                job, flow, pattern, "output_user_data_regexes" if is_data else "output_file_regexes"
            )
        for token in tokens.of("user_data" if is_data else "files", "output") if tokens else ():
            if token.name in flow.index:
                numbers.append(flow.index[token.name])
            elif token.has_variable:
                self._variable_output(job, token, [flow.names[one] for one in numbers])
            else:
                self._unknown(job, flow, token.name, noun, "command", "writes")
        for one in numbers:
            before = flow.write(one, number)
            if before is not None:
                other = self.spec.jobs[before]
                line = other.source.line_of(key)
                where = f" (line {line})" if line else ""
                what = f"the {noun} {flow.names[one]!r}"
                if not is_data:
                    what += f" ({self.spec.files[one].path})"
                self.problems.add(
                    f"{what} is written by two jobs: {other.name!r}{where} and {job.name!r}",
                    job.source,
                    key,
                    kind="duplicate-producer",
                    hint="give each job an output of its own",
                )
        return flow.group(numbers)

    def _variable_output(self, job: JobSpec, token: Token, declared: list[str]) -> None:
        written = f"${{{token.section}.output.{token.name}}}"
        if token.section == "files":
            hint = "list the files in output_files or output_file_regexes and write their paths in the command"
        elif self._matching(job, token, declared):
            return
        else:
            hint = f"declare its outputs in output_user_data; then the token becomes the name {token.glob!r} at run time"
        message = f"command of job {_called(job)!r}: what {written} writes is known only when the job runs"
        self.problems.add(message, job.source, "command", kind="invalid-reference", hint=hint)

    # -- what is read and waited for ---------------------------------------------------------------

    def _explicit(self, job: JobSpec) -> tuple[int, ...]:
        key = job.depends_on
        if not key:
            return ()
        found = self.explicit.get(key)
        if found is not None:
            return (found,)
        index = self.index
        try:
            members = [index[name] for name in key]
        except KeyError:
            members = []
            for name in key:
                if name in index:
                    members.append(index[name])
                else:
                    hint = None
                    if "{" in name:
                        hint = f"a dependency on all of them is written depends_on_regexes: ['^{_as_regex(name)}$']"
                    message = f"job {_called(job)!r} depends on {name!r}, which is no job"
                    self.problems.unknown(message, name, index, job.source, "depends_on", hint)
            if not members:
                return ()
        ordered = (members[0],) if len(members) == 1 else tuple(sorted(set(members)))
        self.sets.append(Members(EdgeKind.EXPLICIT, ordered))
        if len(members) == len(key):  # else every job that names what is missing is to be told
            self.explicit[key] = len(self.sets) - 1
        return (len(self.sets) - 1,)

    def _regexes(self, number: int, job: JobSpec) -> tuple[int, ...]:
        wait = []
        for pattern in job.depends_on_regexes:
            try:
                if pattern not in self.job_matches:
                    self.job_matches[pattern] = Pattern(pattern).matching(self.names)
            except PatternError as error:
                self._bad_pattern(job, "depends_on_regexes", pattern, error)
                continue
            found = self.job_matches[pattern]
            if not found or found == (number,):
                what = "no job" if not found else "only the job itself"
                message = f"depends_on_regexes of job {_called(job)!r}: {pattern!r} matches {what}"
                self.problems.add(message, job.source, "depends_on_regexes", kind="no-match")
                continue
            wait.append(self._set(("jobs", pattern), Members(EdgeKind.REGEX, found, None, pattern)))
        return tuple(one for one in wait if one is not None)

    def _set(self, key: object, members: Members | None) -> int | None:
        if key not in self.set_of:
            self.set_of[key] = None
            if members is not None:
                self.sets.append(members)
                self.set_of[key] = len(self.sets) - 1
        return self.set_of[key]

    def _inputs(
        self, job: JobSpec, tokens: _Tokens | None, output: int | None, *, is_data: bool
    ) -> tuple[int | None, tuple[int, ...]]:
        """The group of what a job reads, and the sets of jobs that it waits for because of it."""
        flow = self.data if is_data else self.files
        noun = "user data" if is_data else "file"
        key = "input_user_data" if is_data else "input_files"
        own = {flow.thing(one) for one in flow.groups[output]} if output is not None else set()
        listed = list(
            self._listed(job, is_data, job.input_user_data if is_data else job.input_files, key)
        )
        found: list[tuple[int, ...]] = []
        for token in tokens.of("user_data" if is_data else "files", "input") if tokens else ():
            if token.name in flow.index:
                listed.append(flow.index[token.name])
            elif token.has_variable:
                found.append(self._variable_input(own, job, token))
            else:
                self._unknown(job, flow, token.name, noun, "command", "reads")
        for one in sorted(own.intersection(map(flow.thing, listed))) if own else ():
            message = f"job {job.name!r} both reads and writes the {noun} {flow.names[one]!r}"
            hint = "a job cannot wait for itself: give the new version another name"
            self.problems.add(message, job.source, key, kind="input-and-output", hint=hint)
        regex_key = "input_user_data_regexes" if is_data else "input_file_regexes"
        for pattern in job.input_user_data_regexes if is_data else job.input_file_regexes:
            matches = self._matched(job, flow, pattern, regex_key)
            if own and not own.isdisjoint(map(flow.thing, matches)):
                matches = tuple(one for one in matches if flow.thing(one) not in own)
                if not matches:
                    message = f"{regex_key} of job {_called(job)!r}: {pattern!r} matches only what the job itself writes"
                    self.problems.add(message, job.source, regex_key, kind="no-match")
            found.append(matches)
        found.insert(0, tuple(dict.fromkeys(listed)))
        wait = []
        kind = EdgeKind.USER_DATA if is_data else EdgeKind.FILE
        for numbers in found:
            if not numbers:
                continue
            set_key = (is_data, numbers)
            waited = (
                self.set_of[set_key]
                if set_key in self.set_of
                else self._set(set_key, flow.members(kind, numbers))
            )
            if waited is not None:
                wait.append(waited)
        if len(found) == 1 and len(listed) < _FEW:
            return flow.group(listed), tuple(wait)
        group_key = ("group", is_data, *found)
        if group_key not in self.set_of:
            self.set_of[group_key] = flow.group(one for numbers in found for one in numbers)
        return self.set_of[group_key], tuple(wait)

    def _variable_input(
        self, outputs: Iterable[int], job: JobSpec, token: Token
    ) -> tuple[int, ...]:
        written = f"${{{token.section}.input.{token.name}}}"
        if token.section == "files":
            message = f"command of job {_called(job)!r}: the path of {written} cannot be looked up when the job runs"
            hint = f"use input_file_regexes: ['^{_as_regex(token.glob)}$'] and write the paths in the command"
            self.problems.add(message, job.source, "command", kind="invalid-reference", hint=hint)
            return ()
        found = self.readable.get(token.name)
        if found is None:
            found = self.readable[token.name] = tuple(
                one
                for one in self._matching(job, token, self.data.names)
                if self.data.writer(one) is not None or self.records[one].data is not None
            )
        own = [one for one in outputs if one in found]
        if own:
            found = tuple(one for one in found if one not in own)
        if not found:
            message = f"command of job {_called(job)!r}: no other job writes user data that {token.glob!r} matches"
            self.problems.unknown(message, token.glob, self.data.index, job.source, "command")
        return found

    def _matching(self, job: JobSpec, token: Token, names: Sequence[str]) -> tuple[int, ...]:
        try:
            return token.matching(names)
        except PatternError as error:
            message = (
                f"command of job {_called(job)!r}: cannot look up the token {token.glob!r}: {error}"
            )
            self.problems.add(message, job.source, "command", kind="invalid-reference")
            return ()

    def _listed(
        self, job: JobSpec, is_data: bool, names: tuple[str, ...], key: str
    ) -> tuple[int, ...]:
        if not names:
            return ()
        flow = self.data if is_data else self.files
        known = self.lists.get((is_data, names))
        if known is None:
            index = flow.index
            known = (
                tuple(index[name] for name in names if name in index),
                tuple(name for name in names if name not in index),
            )
            self.lists[is_data, names] = known
        for name in known[1]:
            verb = "reads" if key.startswith("input") else "writes"
            self._unknown(job, flow, name, "user data" if is_data else "file", key, verb)
        return known[0]

    def _matched(self, job: JobSpec, flow: Flow, pattern: str, key: str) -> tuple[int, ...]:
        try:
            found = flow.matches(pattern)
        except PatternError as error:
            self._bad_pattern(job, key, pattern, error)
            return ()
        if not found:
            what = "user data" if flow is self.data else "file"
            message = f"{key} of job {_called(job)!r}: {pattern!r} matches no {what}"
            self.problems.add(message, job.source, key, kind="no-match")
        return found

    def _bad_pattern(self, job: JobSpec, key: str, pattern: str, error: PatternError) -> None:
        message = f"{key} of job {_called(job)!r}: cannot use the pattern {pattern!r}: {error}"
        self.problems.add(message, job.source, key, kind="invalid-regex")

    def _unknown(self, job: JobSpec, flow: Flow, name: str, noun: str, key: str, verb: str) -> None:
        ending = (
            "which no job writes and nothing declares"
            if flow is self.data
            else "which is not declared"
        )
        hint = None if flow is self.data else "declare it under files, with its path"
        message = f"job {_called(job)!r} {verb} the {noun} {name!r}, {ending}"
        self.problems.unknown(message, name, flow.index, job.source, key, hint)

    # -- the rest ----------------------------------------------------------------------------------

    def _script(self, text: str, tokens: list[Token]) -> Script:
        def value(token: Token) -> str | int:
            if token.section == "files":
                number = self.files.index.get(token.name)
                return "" if number is None else self.spec.files[number].path
            number = self.data.index.get(token.name)
            return token.shell_text if number is None else number

        if not tokens:
            return text
        if text not in self.scripts:
            self.scripts[text] = references.substitute(text, tokens, value)
        return self.scripts[text]

    def _requirement(self, job: JobSpec) -> int:
        name = job.resource_requirements or ""
        found = self.requirement_of.get(name)
        if found is None:
            message = (
                f"job {_called(job)!r} names the resource_requirements {name!r}, which do not exist"
            )
            self.problems.unknown(
                message, name, self.requirement_of, job.source, "resource_requirements"
            )
            return self.default
        return found

    def _handler(self, job: JobSpec) -> int | None:
        name = job.failure_handler or ""
        if name not in self.handler_of:
            message = (
                f"job {_called(job)!r} names the failure_handler {name!r}, which does not exist"
            )
            self.problems.unknown(message, name, self.handler_of, job.source, "failure_handler")
        return self.handler_of.get(name)


def _called(job: JobSpec) -> str:
    """The job as its entry names it: what is wrong in all jobs of one entry is said once."""
    return job.family or job.name


def _as_regex(template: str) -> str:
    """``work_{i}`` or ``work_*`` as a regular expression: ``work_.*``."""
    return ".*".join(map(re.escape, re.split(r"\{[^}]*\}|\*", template)))


def _requirements(spec: WorkflowSpec) -> tuple[list[ResourceRequirements], dict[str, int], int]:
    """The records with ``default`` as the last: the user's own, where one of that name is
    declared."""
    name = DEFAULT_REQUIREMENTS.name
    records = [record for record in spec.resource_requirements if record.name != name]
    records.append(
        next((one for one in spec.resource_requirements if one.name == name), DEFAULT_REQUIREMENTS)
    )
    return records, {record.name: number for number, record in enumerate(records)}, len(records) - 1
