"""What a file with mistakes leaves in the dark: which of its sections may lack names that were
meant to be there.

In: each mistake, as the parser finds it. Out: the sections whose names are not all known, the
entries that cannot be expanded, and whether nothing can be said at all. With it, the plan tells
only mistakes of its own, never the echo of one that is told already. Never done here: telling
mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.model import Json
from torc_tui.workflow_file.schema import WORKFLOW, Table

SECTIONS = (
    "jobs",
    "files",
    "user_data",
    "resource_requirements",
    "failure_handlers",
    "slurm_schedulers",
)
_SECTION_OF = {id(WORKFLOW.keys[key].table): key for key in SECTIONS}
_EXPANDING = frozenset({"parameters", "use_parameters", "parameter_mode", "variables"})
_WRITING = frozenset(
    {"output_user_data", "output_user_data_regexes", "command", "invocation_script"}
)
"""A record that a job writes need not be declared: without these keys of a job, it is not known
which there are."""


class Unsure:
    def __init__(self) -> None:
        self.sections: set[str] = set()
        self.entries: set[int] = set()
        """Which entries (``id``) cannot be expanded."""
        self.all = False

    def unknown_key(self, entry: Mapping[str, Json], table: Table, hint: str | None) -> None:
        """A key that is not known; ``hint`` may name the one that was meant."""
        meant = hint.split("'")[1] if hint and hint.startswith("did you mean '") else None
        if meant is not None:
            self.wrong(entry, meant, table)
        elif table is WORKFLOW:
            self.all = True
        elif id(table) in _SECTION_OF:
            if "{" in str(entry.get("name")):
                self.entries.add(id(entry))
            if _SECTION_OF[id(table)] == "jobs":
                self.sections.add("user_data")

    def wrong(self, entry: Mapping[str, Json], key: str, table: Table) -> None:
        """A key without its value."""
        key = table.aliases.get(key, key)
        if table is WORKFLOW:
            self.all = self.all or key in _EXPANDING
            if key in SECTIONS:
                self.dropped(key)
        elif (
            key == "scheduler_type"
        ):  # of an action, whose scheduler need not be declared if it is local
            self.dropped("slurm_schedulers")
        elif id(table) in _SECTION_OF:
            if key in _EXPANDING:
                self.entries.add(id(entry))
            if key in _WRITING and _SECTION_OF[id(table)] == "jobs":
                self.sections.add("user_data")

    def dropped(self, section: str) -> None:
        """An entry of that section, or all of it, is not there."""
        self.sections.add(section)
        if section == "jobs":
            self.sections.add("user_data")
