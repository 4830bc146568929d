"""Keep track of the sections of a faulty file that may lack names.

Input: each mistake, as it is found. Output: the sections whose names are not all known, the entries
that cannot be expanded, and whether nothing can be said at all. With it, the plan reports only its
own errors, and none that follows from an error that is reported already.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.model import Json
from torc_tui.workflow_file.key_tables import Table
from torc_tui.workflow_file.schema import WORKFLOW

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
"""Keys of a job that name records. A record that a job writes need not be declared, so without
these keys it is not known which records there are."""


class IncompleteSections:
    """The parts of a file with errors that are not known."""

    def __init__(self) -> None:
        """Begin with a file of which everything is known."""
        self.sections: set[str] = set()
        self.entries: set[int] = set()
        """The ``id`` of the entries that cannot be expanded."""
        self.all = False

    def unknown_key(self, entry: Mapping[str, Json], table: Table, meant: str | None) -> None:
        """Note an unknown key; ``meant`` is the most similar known key."""
        if meant is not None:
            self.missing_value(entry, meant, table)
        elif table is WORKFLOW:
            self.all = True
        elif id(table) in _SECTION_OF:
            if "{" in str(entry.get("name")):
                self.entries.add(id(entry))
            if _SECTION_OF[id(table)] == "jobs":
                self.sections.add("user_data")

    def missing_value(self, entry: Mapping[str, Json], key: str, table: Table) -> None:
        """Note a key whose value cannot be used."""
        key = table.aliases.get(key, key)
        if table is WORKFLOW:
            self.all = self.all or key in _EXPANDING
            if key in SECTIONS:
                self.dropped(key)
        elif key == "scheduler_type":  # the scheduler of an action is declared unless it is local
            self.dropped("slurm_schedulers")
        elif id(table) in _SECTION_OF:
            if key in _EXPANDING:
                self.entries.add(id(entry))
            if key in _WRITING and _SECTION_OF[id(table)] == "jobs":
                self.sections.add("user_data")

    def dropped(self, section: str) -> None:
        """Note that an entry of a section, or all of them, could not be read."""
        self.sections.add(section)
        if section == "jobs":
            self.sections.add("user_data")
