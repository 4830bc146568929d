"""Read the last lines of the standard error of jobs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torc_tui.store.database import Store


def read_tails(store: Store, job_ids: Collection[int]) -> dict[int, str]:
    """Return the last line that each job wrote to its standard error; for the reader thread."""
    from torc_tui.operations import stderr_tail

    found = {job_id: stderr_tail.of_job(store, job_id, 1) for job_id in job_ids}
    return {job_id: "" if tail is None else tail.lines[-1] for job_id, tail in found.items()}
