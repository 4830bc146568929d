"""Read the values of a sweep: peaks of memory, and figures in the user data that jobs wrote."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from torc_tui.model import Json
from torc_tui.store import sql
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps, loads
from torc_tui.views.sweep import (
    SAMPLED,
    JobValues,
    SweepValues,
    figures_at_first,
    look_up,
    offers,
    paths_of,
)

LARGEST = 1 << 16
"""Bytes of a value; larger ones are not searched for figures."""


def read_values(
    store: Store, job_ids: Sequence[int], figures: Sequence[str] | None = None
) -> SweepValues:
    """Return what is known of these jobs; without ``figures``, the first numbers found."""
    listed = dumps(list(job_ids))
    documents: dict[int, list[Json]] = {}
    with store.read() as conn:
        peaks = {
            row.job_id: row.peak_memory_bytes
            for row in conn.rows(sql.PEAKS_OF_JOBS, job_ids=listed)
        }
        for row in conn.rows(sql.VALUES_WRITTEN_BY, job_ids=listed, max_length=LARGEST):
            with suppress(RecursionError):  # nested too deeply to have figures
                documents.setdefault(row.job_id, []).append(loads(row.data))
    offered = offers(one for many in islice(documents.values(), SAMPLED) for one in many)
    chosen = figures_at_first(offered) if figures is None else figures
    paths = paths_of(chosen)
    jobs = {
        job_id: JobValues(peaks.get(job_id), look_up(documents.get(job_id, ()), paths))
        for job_id in job_ids
    }
    return SweepValues(jobs, chosen, offered)
