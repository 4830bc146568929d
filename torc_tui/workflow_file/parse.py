"""Turn a document into a `WorkflowSpec`.

Input: what a reader made of the text. Output: the specification, with keys checked, variables and
parameters filled in and unique names; or SpecError with everything that is wrong at once. The plan
checks whether names that are used exist. No file is opened here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torc_tui.model import (
    DECLARES_CPUS,
    Action,
    ExecutionConfig,
    FailureHandler,
    FailureRule,
    ResourceRequirements,
    SlurmScheduler,
    SourceLocation,
    WorkflowSpec,
)
from torc_tui.quoting import CONTROL, quoted, shorten
from torc_tui.records import fields as record_fields
from torc_tui.workflow_file.braces import lint_braces
from torc_tui.workflow_file.checks import variables
from torc_tui.workflow_file.document import Document, List, Map
from torc_tui.workflow_file.entry_names import name_inline_requirements, name_schedulers
from torc_tui.workflow_file.expand import expand_files, expand_jobs, expand_user_data
from torc_tui.workflow_file.failure_keys import END_RULES, RULE
from torc_tui.workflow_file.fields import FieldChecker, Fields, FileProblems, IncompleteSections
from torc_tui.workflow_file.groups import Expand, GroupExpander
from torc_tui.workflow_file.key_tables import KeyTable
from torc_tui.workflow_file.parameters import ReadText
from torc_tui.workflow_file.schema import (
    ACTION,
    DYNAMIC_JOBS,
    EXECUTION,
    FILE,
    FILE_NOTES,
    HANDLER,
    JOB,
    JOB_OPTIONS,
    REQUIREMENTS,
    SCHEDULER,
    SETTINGS,
    STDIO,
    USER_DATA,
    WORKFLOW,
)
from torc_tui.workflow_file.templates import substitute
from torc_tui.workflow_file.values import InvalidValue, kind_of

_NEEDED = {"run_commands": ("commands",), "schedule_nodes": ("scheduler", "scheduler_type")}
"""Keys that an action needs, by its type."""


def parse(
    document: Document, read_text: ReadText, *, name: str, text: str | None = None
) -> WorkflowSpec:
    """Return the whole workflow, expanded; raise SpecError with all problems of the file.

    ``name`` is the name of a workflow that has none.
    """
    return _WorkflowParser(document, read_text).workflow(name, text)


class _WorkflowParser:
    """The parser of one document."""

    def __init__(self, document: Document, read_text: ReadText) -> None:
        self.document = document
        self.problems = FileProblems(document.file, document.problems)
        self.incomplete = IncompleteSections()
        self.checker = FieldChecker(document.file, self.problems, self.incomplete)
        self.groups = GroupExpander(self.checker, read_text)
        self.without_cpus: frozenset[str] = frozenset()
        """Names of the requirements that declare no CPUs."""

    def workflow(self, name: str, text: str | None) -> WorkflowSpec:
        """Return the specification."""
        top = self.document.value
        if not isinstance(top, Map):
            message = f"the file must hold a mapping with 'jobs', not {kind_of(top)}"
            self.problems.add(message, 1)
            raise self.problems.error()
        self.groups.variables = self.variables(top)
        braces = lint_braces(top, self.document.file, self.groups.columns)
        self.apply_variables(top)
        self.without_cpus = name_inline_requirements(top)
        name_schedulers(top)
        given = self.checker.fields(top, WORKFLOW) or {}
        self.end_rules(given)
        self.groups.share(given, top)
        sections = self.sections(given)
        config, dynamic = given.get("execution_config"), given.get("dynamic_jobs")
        execution = self.execution(config) if config is not None else ExecutionConfig()
        if dynamic is not None:
            given["dynamic_jobs"] = self.checker.fields(dynamic, DYNAMIC_JOBS)
        if top.get("name") is None:
            self.default_name(name, given)
        if self.problems.found and (
            self.incomplete.all or self.problems.full or self.document.problems
        ):
            raise self.problems.error()
        spec = WorkflowSpec(
            name=given.get("name", ""),
            description=given.get("description"),
            user=given.get("user"),
            project=given.get("project"),
            metadata=given.get("metadata"),
            **sections,
            env=given.get("env", {}),
            execution_config=execution,
            use_pending_failed=given.get("use_pending_failed", False),
            require_user_data=given.get("require_user_data", False),
            settings={key: given[key] for key in SETTINGS if key in given},
            entries={key: len(given.get(key, ())) for key in ("jobs", "files", "user_data")},
            warnings=(*braces, *self.groups.warnings),
            file=self.document.file,
            text=text,
            format=self.document.format,
            source=self.checker.source(top),
        )
        if self.problems.found:
            error = self.problems.error()
            error.partial, error.unsure = spec, frozenset(self.incomplete.sections)
            raise error
        return spec

    def default_name(self, name: str, given: Fields) -> None:
        """Set the name of a workflow that has none."""
        if not name.strip() or CONTROL.search(name):
            message = f"the workflow cannot be named {quoted(name)}, as its file"
            self.problems.add(message, 1, "name", "write a 'name'", "missing-key")
        given["name"] = name

    def sections(self, given: Fields) -> dict[str, Any]:
        """Return the records of each section of the file."""
        found = {
            "jobs": self.expanded(given, "jobs", JOB, expand_jobs),
            "files": self.expanded(given, "files", FILE, expand_files),
            "user_data": self.expanded(given, "user_data", USER_DATA, expand_user_data),
            "resource_requirements": self.entries(
                given, "resource_requirements", self.requirements
            ),
            "failure_handlers": self.entries(given, "failure_handlers", self.handler),
            "slurm_schedulers": self.entries(given, "slurm_schedulers", self.scheduler),
            "actions": self.entries(given, "actions", self.action),
        }
        for key, records in found.items():
            if key != "actions":
                self.unique((WORKFLOW.keys[key].table or WORKFLOW).what, records)
        return found

    def variables(self, top: Map) -> dict[str, str]:
        """Return the variables of the file; none if they cannot be used."""
        given = top.get("variables")
        try:
            return variables(given) if given is not None else {}
        except InvalidValue:
            return {}  # reported with the other keys

    def apply_variables(self, top: Map) -> None:
        """Replace ``{NAME}`` in every string of the file, except in JSON Schemas."""
        if not self.groups.variables:
            return
        records = top.get("user_data")
        schemas = (
            [one.get("schema") for one in records if isinstance(one, Map)]
            if isinstance(records, List)
            else []
        )
        substitute(top, self.groups.variables, [top["variables"], *schemas])

    def entries(self, given: Fields, key: str, make: Callable[[Map], Any]) -> list[Any]:
        """Return a record for each entry of a section that can be read."""
        made = []
        for index, entry in enumerate(given.get(key, ())):
            if isinstance(entry, Map):
                record = make(entry)
                if record is not None:
                    made.append(record)
                else:
                    self.incomplete.dropped(key)
            elif entry is not None:
                lines = given[key].lines
                line = lines[index] if index < len(lines) else None
                self.incomplete.dropped(key)
                message = f"entry {index + 1} of '{key}' must be a mapping, not {kind_of(entry)}"
                self.problems.add(message, line, key)
        return made

    def expanded(self, given: Fields, key: str, table: KeyTable, make: Expand) -> list[Any]:
        """Return the records of a section whose entries may have parameters."""
        read = partial(self.group, table=table, make=make)
        return [record for records in self.entries(given, key, read) for record in records]

    def group(self, entry: Map, table: KeyTable, make: Expand) -> list[Any] | None:
        """Return the records of one entry that may have parameters."""
        fields = self.checker.fields(entry, table)
        if fields is not None:
            for key in FILE_NOTES:
                fields.pop(key, None)
            if table is JOB:
                self._exclude(entry, fields, "shell", "invocation_script")
                self._exclude(entry, fields, "labels", "scheduler")
                options = {key: fields.pop(key) for key in JOB_OPTIONS if key in fields}
                self.end_rules(options)
                if fields.get("resource_requirements") in self.without_cpus:
                    options[DECLARES_CPUS] = False
                fields |= {"options": options} if options else {}
            if "stdio" in fields:
                fields["stdio"] = self.checker.fields(fields["stdio"], STDIO)
        return self.groups.expand(entry, fields, table, make)

    def _exclude(self, entry: Map, fields: Fields, key: str, other: str) -> None:
        """Report two keys of a job that cannot be used together."""
        if fields.get(key) and other in fields:
            name = quoted(str(fields.get("name", "?")))
            message = f"job {name}: '{key}' and '{other}' cannot be used together"
            self.problems.add(message, entry.lines.get(key), key)

    def end_rules(self, given: Fields) -> None:
        """Check the keys of ``on_oom`` and ``on_timeout`` of a job or of the workflow."""
        for key, table in END_RULES.items():
            if key in given:
                given[key] = self.checker.fields(given[key], table) or {}

    def unique(self, kind: str, records: Sequence[Any]) -> None:
        """Report names that occur more than once in a section."""
        if len({record.name for record in records}) == len(records):
            return
        first: dict[str, SourceLocation] = {}
        for record in records:
            if record.name in first:
                where = first[record.name].line
                before = f", first in line {where}" if where else ""
                self.problems.add(
                    f"{kind} {quoted(record.name)} is declared twice{before}",
                    record.source.line_of("name"),
                    "name",
                    kind="duplicate-name",
                )
            else:
                first[record.name] = record.source

    # -- entries without parameters ----------------------------------------------------------------

    def complete(self, entry: Map, table: KeyTable) -> Fields | None:
        """Return the fields of an entry, if it has a name (or, without names, all it needs)."""
        fields = self.checker.fields(entry, table)
        required = ("name",) if "name" in table.keys else table.required
        if fields is None or any(name not in fields for name in required):
            return None
        return fields

    def requirements(self, entry: Map) -> ResourceRequirements | None:
        """Return a record of resource requirements."""
        fields = self.complete(entry, REQUIREMENTS)
        if fields is None:
            return None
        return ResourceRequirements(**fields, source=self.checker.source(entry))

    def handler(self, entry: Map) -> FailureHandler | None:
        """Return a failure handler with its rules."""
        fields = self.complete(entry, HANDLER)
        if fields is None:
            return None
        rules = []
        for index, rule in enumerate(fields.get("rules", ())):
            where = f"failure handler {quoted(fields['name'])}: rule {index + 1}"
            checked = self.checker.fields(rule, RULE, entry.lines.get("rules"), where)
            if checked is not None:
                rules.append(FailureRule(**checked))
        source = self.checker.source(entry)
        return FailureHandler(name=fields["name"], rules=tuple(rules), source=source)

    def scheduler(self, entry: Map) -> SlurmScheduler | None:
        """Return a Slurm scheduler."""
        fields = self.complete(entry, SCHEDULER)
        if fields is None:
            return None
        name = fields.pop("name")
        return SlurmScheduler(name=name, settings=fields, source=self.checker.source(entry))

    def action(self, entry: Map) -> Action | None:
        """Return an action."""
        fields = self.complete(entry, ACTION)
        if fields is None:
            return None
        for key in _NEEDED[fields["action_type"]]:
            if not fields.get(key) and not entry.get(key):  # an invalid value is reported already
                message = f"action {shorten(fields['action_type'])}: the key '{key}' is missing"
                self.problems.add(message, entry.line, key, kind="missing-key")
        return Action(**_with_settings(fields, Action), source=self.checker.source(entry))

    def execution(self, entry: Map) -> ExecutionConfig:
        """Return how jobs are run."""
        fields = self.checker.fields(entry, EXECUTION) or {}
        stdio = fields.pop("stdio", None)
        stdio = (self.checker.fields(stdio, STDIO) if stdio is not None else None) or {}
        if "mode" in stdio:
            fields["stdio_mode"] = stdio["mode"]
        if "delete_on_success" in stdio:
            fields["delete_stdio_on_success"] = stdio["delete_on_success"]
        return ExecutionConfig(**_with_settings(fields, ExecutionConfig))


def _with_settings(given: Fields, record: type[Action | ExecutionConfig]) -> Fields:
    """Return the fields of a record; keys that are no fields of it become its settings."""
    names = {field.name for field in record_fields(record)}
    settings = {key: value for key, value in given.items() if key not in names}
    return {key: given[key] for key in given.keys() - settings.keys()} | {"settings": settings}
