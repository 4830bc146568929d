"""What is done to records of user data, as acts for the reader thread: each gets the store and who
acts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torc_tui.tui.data.data_list import Record


def create(workflow_id: int, name: str) -> Callable[[Any, str], Any]:
    def act(store: Any, actor: str) -> Any:
        from torc_tui.store import user_data

        return user_data.create(store.connection(), workflow_id, name, at=time.time(), actor=actor)

    return act


def clear(record: Record) -> Callable[[Any, str], Any]:
    def act(store: Any, actor: str) -> Any:
        from torc_tui.store import user_data

        return user_data.update(
            store.connection(),
            record["id"],
            data=None,
            expected_version=record["version"],
            at=time.time(),
            actor=actor,
        )

    return act


def delete(record: Record) -> Callable[[Any, str], Any]:
    def act(store: Any, actor: str) -> Any:
        from torc_tui.store import user_data

        return user_data.delete(store.connection(), record["id"], at=time.time(), actor=actor)

    return act
