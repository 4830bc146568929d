"""Statements that read and change whole workflows."""

from __future__ import annotations

from sqlalchemy import select

from torc_tui.store.schema import workflow
from torc_tui.store.statements.terms import param

WORKFLOWS_OF_NAME = (
    select(workflow.c.id, workflow.c.user)
    .where(workflow.c.name == param(workflow.c.name), ~workflow.c.is_archived)
    .order_by(workflow.c.id)
)
