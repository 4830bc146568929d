"""Read the present states of the declared files of a workflow, each once.

Input: declared files, and the states in which they were recorded. Output: `FileNow` records. The
content of a file is read only where nothing else can tell whether it has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from torc_tui.errors import StoreUnavailable
from torc_tui.lifecycle.fingerprint import Check, FileState, needs_hash
from torc_tui.lifecycle.freshness import FileNow
from torc_tui.operations.file_states import FileStates, combined, is_cachable
from torc_tui.store import fingerprints, sql
from torc_tui.store.database import Store

if TYPE_CHECKING:
    FileRow = sql.FilesOfGroupsRow


class FilesNow:
    """The files of one workflow.

    ``checks`` are the values of ``rerun_check``, by the name of the file; ``produced`` are the ids
    of the files that jobs write.
    """

    def __init__(
        self,
        store: Store,
        states: FileStates,
        checks: Mapping[str, Check],
        produced: Collection[int],
    ) -> None:
        self.states = states
        self.checks = checks
        self._store = store
        self._produced = produced
        self._found: dict[str, FileState | None] = {}
        self._unseen: set[str] = set()
        self._combined: dict[int, FileState] = {}
        self._new: dict[tuple[int, int], FileState] = {}

    def file(self, file: FileRow, old: FileState | None, recorded_ns: int) -> FileNow:
        """Return a file as it is now, with its hash if the comparison with ``old`` needs it."""
        name, path = file.name, file.path
        state = self._state(path)
        if needs_hash(old, state, recorded_ns) and state is not None:
            state = self.hashed(path, state)
        return FileNow(
            name,
            path,
            state,
            state is not None or self._is_visible(path, old),
            self.checks.get(name, Check.CONTENT),
            file.id in self._produced,
        )

    def group(
        self, group_id: int, files: Sequence[FileRow], old: FileState | None, recorded_ns: int
    ) -> FileNow:
        """Return many files as if they were one."""
        is_produced = any(file.id in self._produced for file in files)
        for file in files:
            if self._state(file.path) is None:
                seen = self._is_visible(file.path, old)
                return FileNow(file.name, file.path, None, seen, is_produced=is_produced)
        state = self._combined.get(group_id)
        if state is None:
            state = combined([found for file in files if (found := self._state(file.path))])
            self._combined[group_id] = state
        if state.hash is None and needs_hash(old, state, recorded_ns):
            state = self.combined(files)
            self._combined[group_id] = state
        return FileNow(f"{len(files)} files", "", state, is_produced=is_produced)

    def combined(self, files: Sequence[FileRow]) -> FileState:
        """Return the state of many files as one, with the hash of their content."""
        states = [(file.path, self._state(file.path)) for file in files]
        return combined([self.hashed(path, state) for path, state in states if state is not None])

    def current(self, file: FileRow) -> FileState | None:
        """Return the state of a file with its hash, if it exists."""
        state = self._state(file.path)
        return None if state is None else self.hashed(file.path, state)

    def _state(self, path: str) -> FileState | None:
        if path not in self._found:
            try:
                self._found[path] = self.states.state(path)
            except OSError:
                self._found[path] = None
                self._unseen.add(path)
        return self._found[path]

    def _is_visible(self, path: str, old: FileState | None) -> bool:
        return path not in self._unseen and self.states.is_missing(path, old)

    def hashed(self, path: str, state: FileState) -> FileState:
        """Return a state with the hash of the content, from the database if it is known there."""
        if state.hash is not None:
            return state
        key = self.states.key(state)
        known = None
        if state.size >= 0:
            known = fingerprints.cached_hash(self._store.connection(), key, state)
        if known is not None:
            state = state._replace(hash=known)
        else:
            state = self.states.hashed(path, state)
            if is_cachable(state):
                self._new[key] = state
        self._found[path] = state
        return state

    def keep_hashes(self) -> None:
        """Keep the hashes that were computed for the next time, if the database can be written."""
        if self._new and not self._store.read_only:
            with suppress(StoreUnavailable), self._store.write() as conn:
                fingerprints.save_hashes(conn, self._new)
        self._new.clear()
