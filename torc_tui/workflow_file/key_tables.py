"""Define what a table of keys is: each key of an entry with the check of its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torc_tui.records import dataclass, field
from torc_tui.workflow_file.checks import Check

Shape = Literal["scalar", "list", "map", "json", "record", "records"]
"""How KDL writes a key: one argument, a list of arguments, children, JSON text, one block, one
block per entry."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the check of its value, how KDL writes it, and the table of what it holds."""

    check: Check
    shape: Shape = "scalar"
    table: KeyTable | None = None


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The keys of one kind of entry.

    ``aliases`` are older names of keys, ``nodes`` are KDL nodes that add to a list, and keys in
    ``gone`` and those that begin with ``free`` are ignored. ``removed`` are keys that no longer
    exist, with a hint. ``is_short`` allows one value in place of the whole entry.
    """

    what: str
    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    free: str | None = None
    removed: Mapping[str, str] = field(default_factory=dict)
    is_short: bool = False
