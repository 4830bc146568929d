"""Statements that store a new workflow."""

from __future__ import annotations

from torc_tui.store.schema import (
    action,
    dependency,
    failure_handler,
    file,
    file_group,
    gate,
    job,
    resource_requirements,
    slurm_scheduler,
    workflow,
    workflow_text,
)
from torc_tui.store.statements.terms import Bulk

INSERT_WORKFLOW = Bulk(workflow)
INSERT_WORKFLOW_TEXT = Bulk(workflow_text)
INSERT_REQUIREMENTS = Bulk(resource_requirements)
INSERT_FAILURE_HANDLERS = Bulk(failure_handler)
INSERT_SLURM_SCHEDULERS = Bulk(slurm_scheduler)
INSERT_ACTIONS = Bulk(action)
INSERT_JOBS = Bulk(job, frozenset(column.name for column in job.c if column.info.get("attempt")))
INSERT_GATES = Bulk(gate)
INSERT_DEPENDENCIES = Bulk(dependency)
INSERT_FILES = Bulk(file)
INSERT_FILE_GROUPS = Bulk(file_group)
