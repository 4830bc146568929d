"""A document to a ``WorkflowSpec``: keys checked against the tables, variables and parameters
applied, names unique.

In: what a reader made of the text. Out: the spec, or SpecError with everything that is wrong at
once. Never done here: asking whether a name that is used exists (the plan does), and opening files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torc_tui.model import (
    Action,
    ExecutionConfig,
    FailureHandler,
    FailureRule,
    Json,
    ResourceRequirements,
    SlurmScheduler,
    Source,
    Value,
    WorkflowSpec,
)
from torc_tui.workflow_file.checks import Wrong, kind_of, nearest
from torc_tui.workflow_file.document import Document, List, Map, clip, quoted
from torc_tui.workflow_file.expand import expand_files, expand_jobs, expand_user_data
from torc_tui.workflow_file.incomplete_sections import Unsure
from torc_tui.workflow_file.parameters import LIMIT, NAME, ReadLines, combine, values_of
from torc_tui.workflow_file.problems import Problems
from torc_tui.workflow_file.schema import SETTINGS, STDIO, WORKFLOW, Table
from torc_tui.workflow_file.templates import Rows, substitute

Fields = dict[str, Json]

_FEW = 12
"""So many known keys are listed where none is near."""


def parse(document: Document, read_lines: ReadLines, *, text: str | None = None) -> WorkflowSpec:
    """The whole workflow, expanded. SpecError with all problems in the order of the file."""
    return _Parser(document, read_lines).workflow(text)


class _Parser:
    def __init__(self, document: Document, read_lines: ReadLines) -> None:
        self.document = document
        self.read_lines = read_lines
        self.problems = Problems(document.file, document.problems)
        self.shared: dict[str, tuple[Value, ...] | None] = {}
        self.shared_values = Map()
        self.variables: Mapping[str, str] = {}
        self.unsure = Unsure()

    # -- checked fields ----------------------------------------------------------------------------

    def fields(
        self, entry: Json, table: Table, line: int | None = None, where: str = ""
    ) -> Fields | None:
        """The values of one mapping by their present names; None when it is no mapping."""
        if not isinstance(entry, Map):
            self.problems.add(
                f"{where or table.what} must be a mapping, not {kind_of(entry)}", line
            )
            return None
        found: Fields = {}
        written: dict[str, str] = {}
        keys, aliases = table.keys, table.aliases
        for key, value in entry.items():
            name = key
            rule = keys.get(key)
            if rule is None:
                name = aliases.get(key, "")
                rule = keys.get(name)
                if rule is None:
                    if key not in table.gone:
                        self.unknown_key(entry, key, table)
                    continue
            if value is None:
                continue
            if name in written:
                other = written[name]
                self.wrong(
                    entry,
                    key,
                    table,
                    Wrong(f"says the same as {quoted(other)}", "keep one of them"),
                )
                continue
            written[name] = key
            try:
                found[name] = rule.check(value)
            except Wrong as wrong:
                self.wrong(entry, key, table, wrong)
        for name in table.required:
            if name not in written:
                message = f"{self.label(entry, table)}: the key '{name}' is missing"
                self.problems.add(message, entry.line, name, kind="missing-key")
        return found

    def label(self, entry: Map, table: Table) -> str:
        name = entry.get("name")
        return f"{table.what} {quoted(name)}" if isinstance(name, str) and name else table.what

    def unknown_key(self, entry: Map, key: str, table: Table) -> None:
        hint = None
        if not self.problems.full:
            hint = nearest(key, [*table.keys, *table.aliases])
            if hint is None and len(table.keys) <= _FEW:
                hint = f"known keys: {', '.join(table.keys)}"
        self.unsure.unknown_key(entry, table, hint)
        message = f"{self.label(entry, table)}: unknown key {quoted(key)}"
        self.problems.add(message, entry.lines.get(key, entry.line), key, hint, "unknown-key")

    def wrong(self, entry: Map, key: str, table: Table, wrong: Wrong) -> None:
        self.unsure.wrong(entry, key, table)
        value = entry.get(key)
        line = entry.lines.get(key, entry.line)
        if (
            isinstance(value, List)
            and isinstance(wrong.item, int)
            and wrong.item < len(value.lines)
        ):
            line = value.lines[wrong.item]
        elif isinstance(value, Map) and isinstance(wrong.item, str):
            line = value.lines.get(wrong.item, line)
        self.problems.add(
            f"{self.label(entry, table)}: {quoted(key)} {wrong.message}", line, key, wrong.hint
        )

    def source(self, entry: Map) -> Source:
        return Source(self.document.file, entry.line, entry.lines)

    # -- the workflow ------------------------------------------------------------------------------

    def workflow(self, text: str | None) -> WorkflowSpec:
        top = self.document.value
        if not isinstance(top, Map):
            self.problems.add(
                f"the file must hold a mapping with 'name' and 'jobs', not {kind_of(top)}", 1
            )
            self.problems.raise_if_any()
        self.apply_variables(top)
        given = self.fields(top, WORKFLOW) or {}
        self.shared_values = given.get("parameters", Map())
        self.shared = self.values(self.shared_values, "the shared parameters")

        jobs = self.expanded(given, "jobs", self.job)
        files = self.expanded(given, "files", self.file)
        user_data = self.expanded(given, "user_data", self.user_data)
        requirements = self.entries(given, "resource_requirements", self.requirements)
        handlers = self.entries(given, "failure_handlers", self.handler)
        schedulers = self.entries(given, "slurm_schedulers", self.scheduler)
        actions = self.entries(given, "actions", self.action)
        config = given.get("execution_config")
        execution = self.execution(config) if config is not None else ExecutionConfig()
        for kind, records in (
            ("job", jobs),
            ("file", files),
            ("user data", user_data),
            ("resource requirements", requirements),
            ("failure handler", handlers),
            ("slurm scheduler", schedulers),
        ):
            self.unique(kind, records)
        if self.problems.found and (
            self.unsure.all or self.problems.full or self.document.problems
        ):
            raise self.problems.error()
        spec = WorkflowSpec(
            name=given.get("name", ""),
            description=given.get("description"),
            user=given.get("user"),
            project=given.get("project"),
            metadata=given.get("metadata"),
            jobs=jobs,
            files=files,
            user_data=user_data,
            resource_requirements=requirements,
            failure_handlers=handlers,
            slurm_schedulers=schedulers,
            actions=actions,
            env=given.get("env", {}),
            execution_config=execution,
            use_pending_failed=given.get("use_pending_failed", False),
            require_user_data=given.get("require_user_data", False),
            settings={key: given[key] for key in SETTINGS if key in given},
            entries={key: len(given.get(key, ())) for key in ("jobs", "files", "user_data")},
            file=self.document.file,
            text=text,
            format=self.document.format,
            source=self.source(top),
        )
        if self.problems.found:
            error = self.problems.error()
            error.partial, error.unsure = spec, frozenset(self.unsure.sections)
            raise error
        return spec

    def apply_variables(self, top: Map) -> None:
        """``{NAME}`` in every text of the file becomes the value of the variable; JSON Schemas are
        left alone."""
        given = top.get("variables")
        if given is None:
            return
        try:
            self.variables = WORKFLOW.keys["variables"].check(given)
        except Wrong:
            return  # reported with the other keys
        if not self.variables:
            return
        records = top.get("user_data")
        schemas = (
            [one.get("schema") for one in records if isinstance(one, Map)]
            if isinstance(records, List)
            else []
        )
        substitute(top, self.variables, [given, *schemas])

    def entries(self, given: Fields, key: str, make: Callable[[Map], Any]) -> list[Any]:
        """One record for each entry of a list; entries without a name, or which cannot be expanded,
        are left out."""
        made = []
        for index, entry in enumerate(given.get(key, ())):
            if isinstance(entry, Map):
                record = make(entry)
                if record is not None:
                    made.append(record)
                else:
                    self.unsure.dropped(key)
            elif entry is not None:
                lines = given[key].lines
                line = lines[index] if index < len(lines) else None
                self.unsure.dropped(key)
                self.problems.add(
                    f"entry {index + 1} of '{key}' must be a mapping, not {kind_of(entry)}",
                    line,
                    key,
                )
        return made

    def expanded(
        self, given: Fields, key: str, make: Callable[[Map], list[Any] | None]
    ) -> list[Any]:
        """All records of a list of entries that may have parameters."""
        made: list[Any] = []
        for records in self.entries(given, key, make):
            if len(made) + len(records) > LIMIT:
                line = given[key].line
                self.unsure.dropped(key)
                self.problems.add(
                    f"'{key}' become more than {LIMIT} after their parameters are filled in",
                    line,
                    key,
                )
                return made
            made.extend(records)
        return made

    def unique(self, kind: str, records: Sequence[Any]) -> None:
        if len({record.name for record in records}) == len(records):
            return
        first: dict[str, Source] = {}
        for record in records:
            if record.name in first:
                where = first[record.name].line
                before = f", first in line {where}" if where else ""
                message = f"{kind} {quoted(record.name)} is declared twice{before}"
                self.problems.add(
                    message, record.source.line_of("name"), "name", kind="duplicate-name"
                )
            else:
                first[record.name] = record.source

    # -- entries with parameters -------------------------------------------------------------------

    def job(self, entry: Map) -> list[Any] | None:
        fields = self.fields(entry, WORKFLOW.keys["jobs"].table or WORKFLOW)
        if fields is not None and "stdio" in fields:
            fields["stdio"] = self.fields(fields["stdio"], STDIO)
        return self.expand(entry, fields, "job", expand_jobs)

    def file(self, entry: Map) -> list[Any] | None:
        fields = self.fields(entry, WORKFLOW.keys["files"].table or WORKFLOW)
        if fields is not None:
            fields.pop("identifier", None)
        return self.expand(entry, fields, "file", expand_files)

    def user_data(self, entry: Map) -> list[Any] | None:
        fields = self.fields(entry, WORKFLOW.keys["user_data"].table or WORKFLOW)
        return self.expand(entry, fields, "user data", expand_user_data)

    def expand(
        self,
        entry: Map,
        fields: Fields | None,
        what: str,
        make: Callable[[Fields, Rows | None], list[Any]],
    ) -> list[Any] | None:
        if fields is None:
            return None
        own = fields.pop("parameters", None)
        use = fields.pop("use_parameters", ())
        mode = fields.pop("parameter_mode", "product")
        name = fields.get("name")
        where = f"{what} {quoted(name)}" if name else what
        used = self.used(entry, use, where)
        values = self.values(own, where) if own else used
        known = "name" in fields and id(entry) not in self.unsure.entries
        if not known or any(column is None for column in values.values()):
            return None
        if (
            what == "job" and "command" not in fields
        ):  # this was told: its name is there, for those who wait for it
            self.unsure.wrong(entry, "command", WORKFLOW.keys["jobs"].table or WORKFLOW)
            fields["command"] = ""
        elif what == "file" and "path" not in fields:
            fields["path"] = f"{name}?"
        fields["source"] = self.source(entry)
        try:
            rows = Rows(tuple(values), combine(values, mode)) if values else None  # type: ignore[arg-type]  # no None
            return make(fields, rows)
        except Wrong as wrong:
            line = entry.lines.get("parameters", entry.line)
            self.problems.add(f"{where}: {wrong.message}", line, "parameters", wrong.hint)
            return None

    def used(
        self, entry: Map, use: Sequence[str], where: str
    ) -> dict[str, tuple[Value, ...] | None]:
        found: dict[str, tuple[Value, ...] | None] = {}
        for name in use:
            if name in self.shared:
                found[name] = self.shared[name]
            elif name not in self.shared_values and not self.unsure.all:
                known = list(self.shared)
                hint = nearest(name, known) or (
                    "shared parameters: " + ", ".join(known) if known else None
                )
                line = entry.lines.get("use_parameters", entry.line)
                message = f"{where}: no shared parameter is called {quoted(name)}"
                self.problems.add(message, line, "use_parameters", hint, "unknown-name")
                found[name] = None
        return found

    def values(self, given: Map, where: str) -> dict[str, tuple[Value, ...] | None]:
        """The values of each parameter; None for those that were reported."""
        found: dict[str, tuple[Value, ...] | None] = {}
        for name, value in given.items():
            if value is None:
                continue
            found[name] = None
            line = given.lines.get(name, given.line)
            try:
                if not NAME.fullmatch(name):
                    raise Wrong("is not a name for a parameter", "letters, digits, _ and - only")
                if name in self.variables:
                    raise Wrong("is also a variable", "give one of them another name")
                found[name] = values_of(value, self.read_lines)
            except Wrong as wrong:
                self.problems.add(
                    f"{where}: parameter {quoted(name)} {wrong.message}", line, name, wrong.hint
                )
        return found

    # -- entries without ---------------------------------------------------------------------------

    def complete(self, entry: Map, key: str) -> tuple[Fields, Table] | None:
        """The fields of an entry that has a name, or (without one) all that is required."""
        table = WORKFLOW.keys[key].table or WORKFLOW
        fields = self.fields(entry, table)
        required = ("name",) if "name" in table.keys else table.required
        if fields is None or any(name not in fields for name in required):
            return None
        return fields, table

    def requirements(self, entry: Map) -> ResourceRequirements | None:
        found = self.complete(entry, "resource_requirements")
        return ResourceRequirements(**found[0], source=self.source(entry)) if found else None

    def handler(self, entry: Map) -> FailureHandler | None:
        found = self.complete(entry, "failure_handlers")
        if found is None:
            return None
        fields, table = found
        rule_table = table.keys["rules"].table or table
        rules = []
        for index, rule in enumerate(fields.get("rules", ())):
            where = f"failure handler {quoted(fields['name'])}: rule {index + 1}"
            checked = self.fields(rule, rule_table, entry.lines.get("rules"), where)
            if checked is not None:
                rules.append(FailureRule(**checked))
        return FailureHandler(name=fields["name"], rules=tuple(rules), source=self.source(entry))

    def scheduler(self, entry: Map) -> SlurmScheduler | None:
        found = self.complete(entry, "slurm_schedulers")
        if found is None:
            return None
        settings = {key: value for key, value in found[0].items() if key != "name"}
        return SlurmScheduler(name=found[0]["name"], settings=settings, source=self.source(entry))

    def action(self, entry: Map) -> Action | None:
        found = self.complete(entry, "actions")
        if found is None:
            return None
        fields = found[0]
        needed = (
            ("commands",)
            if fields["action_type"] == "run_commands"
            else ("scheduler", "scheduler_type")
        )
        for key in needed:
            if not fields.get(key) and not entry.get(
                key
            ):  # else it is told that its value is wrong
                message = f"action {clip(fields['action_type'])}: the key '{key}' is missing"
                self.problems.add(message, entry.line, key, kind="missing-key")
        own = {"trigger_type", "action_type", "jobs", "job_name_regexes", "commands", "persistent"}
        settings = {key: value for key, value in fields.items() if key not in own}
        known = {key: value for key, value in fields.items() if key in own}
        return Action(**known, settings=settings, source=self.source(entry))

    def execution(self, entry: Map) -> ExecutionConfig:
        fields = self.fields(entry, WORKFLOW.keys["execution_config"].table or WORKFLOW) or {}
        stdio = self.fields(fields.pop("stdio"), STDIO) if "stdio" in fields else None
        stdio = stdio or {}
        settings: Fields = {
            key: fields.pop(key)
            for key in ("mode", "srun_termination_signal", "enable_cpu_bind")
            if key in fields
        }
        if "mode" in stdio:
            fields["stdio_mode"] = stdio["mode"]
        if "delete_on_success" in stdio:
            fields["delete_stdio_on_success"] = stdio["delete_on_success"]
        return ExecutionConfig(**fields, settings=settings)
