"""Find workflows by name or id, for commands that must start quickly.

Input: a connection. Output: ids. Nothing slow is imported here.
"""

from __future__ import annotations

from torc_tui.store import sql
from torc_tui.store.connection import connect as connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.store.connection import Connection


def workflows_of_name(conn: Connection, name: str) -> list[sql.WorkflowsOfNameRow]:
    """Return the workflows of that name that are not archived, newest first."""
    return conn.rows(sql.WORKFLOWS_OF_NAME, name=name)


def workflow_exists(conn: Connection, workflow_id: int) -> bool:
    """Return whether there is a workflow of that id."""
    return conn.value(sql.WORKFLOW_EXISTS, workflow_id=workflow_id) is not None
