"""Turn a `WorkflowSpec` into a `Plan`, and collect every error in it.

Input: a specification, checked and expanded. Output: a plan in which jobs, files and records are
indices, with edges and gates, and the errors. Nothing is read or stored here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

from torc_tui.collection import collection_paused
from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    Action,
    JobSpec,
    Plan,
    PlannedJob,
    ResourceRequirements,
    Script,
    WorkflowSpec,
)
from torc_tui.patterns import Pattern, PatternError
from torc_tui.plan.dependencies import Flow, combine
from torc_tui.plan.job_flows import FileResolver, UserDataResolver
from torc_tui.plan.job_sets import JobSets
from torc_tui.plan.names import PlanProblems, called
from torc_tui.plan.references import JobTokens, Token, TokenReader
from torc_tui.plan.topology import report_cycles
from torc_tui.quoting import quoted
from torc_tui.records import dataclass


def watched_jobs(
    action: Action,
    names: Sequence[str],
    index: Mapping[str, int],
    schedulers: Collection[str],
    problems: PlanProblems,
) -> tuple[int, ...]:
    """Return the indices of the jobs that an action names or matches, ascending."""
    watched: set[int] = set()
    what = f"action {action.trigger_type} / {action.action_type}"
    for name in action.jobs:
        if name in index:
            watched.add(index[name])
        else:
            message = f"{what} names the job {quoted(name)}, which is not defined"
            problems.unknown(message, name, index, action.source, "jobs", section="jobs")
    key = "job_name_regexes"
    for pattern in action.job_name_regexes:
        try:
            found = Pattern(pattern).matching(names)
        except PatternError as error:
            message = f"{what}: cannot use the pattern {quoted(pattern)}: {error}"
            problems.add(message, action.source, key, kind="invalid-regex")
            continue
        if not found:
            message = f"{what}: {quoted(pattern)} matches no job"
            problems.add(message, action.source, key, kind="no-match", section="jobs")
        watched.update(found)
    if action.action_type == "schedule_nodes":
        _check_scheduler(action, what, schedulers, problems)
    return tuple(sorted(watched))


def _check_scheduler(
    action: Action, what: str, schedulers: Collection[str], problems: PlanProblems
) -> None:
    settings = action.settings
    for key in ("scheduler", "scheduler_type"):
        if not settings.get(key):
            problems.add(f"{what} needs {key}", action.source, key, kind="missing-key")
    name = settings.get("scheduler")
    if name and settings.get("scheduler_type") != "local" and name not in schedulers:
        message = f"{what} names the scheduler {quoted(str(name))}, which is not declared"
        problems.unknown(
            message, str(name), schedulers, action.source, "scheduler", section="slurm_schedulers"
        )


def try_to_resolve(spec: WorkflowSpec) -> tuple[Plan, PlanProblems]:
    """Return the plan as far as it can be made, and its errors."""
    with collection_paused():
        problems = PlanProblems(spec.file)
        plan = _Resolver(spec, problems).plan()
        report_cycles(plan, problems)
        return plan, problems


@dataclass(slots=True)
class _Uses:
    """The groups of what a job writes and reads, and the sets that it waits for because of it."""

    output_files: int | None = None
    output_data: int | None = None
    input_files: int | None = None
    input_data: int | None = None
    waits: tuple[int, ...] = ()


_NO_USES = _Uses()
_NO_LISTS = ((),) * 8
_LISTS = attrgetter(
    *("input_files", "output_files", "input_file_regexes", "output_file_regexes"),
    *("input_user_data", "output_user_data"),
    *("input_user_data_regexes", "output_user_data_regexes"),
)


class _Resolver:
    """One pass over the jobs for what they write, one for what they read and wait for."""

    def __init__(self, spec: WorkflowSpec, problems: PlanProblems) -> None:
        self.spec = spec
        self.problems = problems
        names = [job.name for job in spec.jobs]
        self.index = {name: number for number, name in enumerate(names)}
        self.sets = JobSets(names, self.index, problems)
        self.files = FileResolver(
            Flow([file.name for file in spec.files], [file.path for file in spec.files]),
            *(spec.jobs, self.sets, problems),
        )
        self.data = UserDataResolver(spec.user_data, spec.jobs, self.sets, problems)
        self.tokens = TokenReader(problems, spec.file)
        self.requirements, self.requirement_of, self.default = _requirements(spec)
        self.handler_of = {
            handler.name: number for number, handler in enumerate(spec.failure_handlers)
        }
        self.schedulers = {scheduler.name for scheduler in spec.slurm_schedulers}

    def plan(self) -> Plan:
        """Return the plan; errors go to the problems."""
        self._report_duplicates()
        jobs = self.spec.jobs
        tokens = self._read_tokens()
        flows = [
            number
            for number, job in enumerate(jobs)
            if number in tokens or _LISTS(job) != _NO_LISTS
        ]
        for number in flows:
            self.data.create_outputs(jobs[number], tokens.get(number))
        uses = {
            number: _Uses(
                self.files.write(number, jobs[number], tokens.get(number)),
                self.data.write(number, jobs[number], tokens.get(number)),
            )
            for number in flows
        }
        for number in flows:
            self._read(number, tokens.get(number), uses[number])
        waits = [
            self._dependencies(number, job, uses[number].waits if number in uses else ())
            for number, job in enumerate(jobs)
        ]
        planned = [
            self._job(job, tokens.get(number), uses.get(number, _NO_USES))
            for number, job in enumerate(jobs)
        ]
        edges, gates = combine(waits, self.sets.sets)
        self.tokens.warn_short({"files": self.files.flow.index, "user_data": self.data.flow.index})
        return Plan(
            self.spec,
            planned,
            self.spec.files,
            self.data.records,
            self.requirements,
            self.files.flow.groups,
            self.data.flow.groups,
            edges,
            gates,
            tuple(problem for problem, _ in self.tokens.warnings.found()),
            [
                watched_jobs(action, self.sets.names, self.index, self.schedulers, self.problems)
                for action in self.spec.actions
            ],
        )

    def _read_tokens(self) -> dict[int, JobTokens]:
        """Return the tokens of the jobs that have any."""
        found: dict[int, JobTokens] = {}
        for number, job in enumerate(self.spec.jobs):
            if "${" in job.command or (job.invocation_script and "${" in job.invocation_script):
                tokens = self.tokens.read(job)
                if tokens is not None:
                    found[number] = tokens
        return found

    def _read(self, number: int, tokens: JobTokens | None, uses: _Uses) -> None:
        job = self.spec.jobs[number]
        uses.input_files, for_files = self.files.read(job, tokens, uses.output_files)
        uses.input_data, for_data = self.data.read(job, tokens, uses.output_data)
        uses.waits = for_files + for_data

    def _dependencies(self, number: int, job: JobSpec, flows: tuple[int, ...]) -> tuple[int, ...]:
        """Return the sets of jobs that a job waits for."""
        waits = self.sets.explicit(job)
        if job.depends_on_regexes:
            waits += self.sets.by_pattern(number, job)
        return waits + flows if flows else waits

    def _job(self, job: JobSpec, tokens: JobTokens | None, uses: _Uses) -> PlannedJob:
        """Return a job with its names resolved."""
        if job.scheduler and job.scheduler not in self.schedulers:
            self._unknown(job, "scheduler", job.scheduler, self.schedulers, "slurm_schedulers")
        command, script = job.command, job.invocation_script
        return PlannedJob(
            job,
            self._script(command, tokens.command) if tokens else command,
            self._script(script, tokens.script) if tokens and script else script,
            self._requirement(job) if job.resource_requirements else self.default,
            self._handler(job) if job.failure_handler else None,
            uses.input_files,
            uses.output_files,
            uses.input_data,
            uses.output_data,
        )

    def _script(self, text: str, tokens: list[Token]) -> Script:
        return self.tokens.script(text, tokens, self.files.flow, self.data.flow)

    def _report_duplicates(self) -> None:
        for what, entries in (
            ("jobs", self.spec.jobs),
            ("files", self.spec.files),
            ("user data records", self.spec.user_data),
        ):
            seen: set[str] = set()
            for entry in entries:
                if entry.name in seen:
                    message = f"two {what} have the name {quoted(entry.name)}"
                    self.problems.add(message, entry.source, "name", kind="duplicate-name")
                seen.add(entry.name)

    def _unknown(
        self, job: JobSpec, key: str, name: str, names: Collection[str], section: str
    ) -> None:
        message = f"job {called(job)} names the {key} {quoted(name)}, which is not declared"
        self.problems.unknown(message, name, names, job.source, key, section=section)

    def _requirement(self, job: JobSpec) -> int:
        name, key = job.resource_requirements or "", "resource_requirements"
        found = self.requirement_of.get(name)
        if found is None:
            self._unknown(job, key, name, self.requirement_of, key)
            return self.default
        return found

    def _handler(self, job: JobSpec) -> int | None:
        name = job.failure_handler or ""
        if name not in self.handler_of:
            self._unknown(job, "failure_handler", name, self.handler_of, "failure_handlers")
        return self.handler_of.get(name)


def _requirements(spec: WorkflowSpec) -> tuple[list[ResourceRequirements], dict[str, int], int]:
    """Return all records, their numbers by name, and the number of that for other jobs.

    The last record is ``default``: the user's own, where one of that name is declared.
    """
    name = DEFAULT_REQUIREMENTS.name
    records = [record for record in spec.resource_requirements if record.name != name]
    records.append(
        next((one for one in spec.resource_requirements if one.name == name), DEFAULT_REQUIREMENTS)
    )
    return records, {record.name: number for number, record in enumerate(records)}, len(records) - 1
