"""Read and filter the records of user data; called in the reader thread.

Input: the database, the words of a filter. Output: records, and what the tab shows about all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType

from torc_tui.tui.data.data_list import searched
from torc_tui.tui.data.data_texts import Record
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.widgets.table_model import Key
from torc_tui.tuples import NamedTuple


class RecordListing(NamedTuple):
    """The records of one job or of all, and how long reading them took (seconds).

    What is derived from 100,000 records takes too long for the thread of the app.
    """

    job_id: int | None = None
    records: Mapping[int, Record] = MappingProxyType({})
    names: Set[str] = frozenset()
    missing: int = 0
    """Number of records that a job has not written, although it completed."""
    lacks_values: bool = False
    """Whether a record has no value yet."""
    took: float = 0.0


def read_listing(source: FeedReader, workflow_id: int, job_id: int | None) -> RecordListing:
    """Return the records of a workflow, or of one of its jobs."""
    from torc_tui.store import user_data_records

    begun = time.monotonic()
    conn = source.store.connection()
    return _listing(job_id, user_data_records.overview(conn, workflow_id, job_id=job_id), begun)


def _listing(job_id: int | None, found: Sequence[Record], begun: float) -> RecordListing:
    """Return what the tab shows of records."""
    return RecordListing(
        job_id,
        records={record["id"]: record for record in found},
        names={str(record["name"]) for record in found},
        missing=sum(record["state"] == "missing" for record in found),
        lacks_values=any(record["size"] is None for record in found),
        took=time.monotonic() - begun,
    )


def matching(records: Mapping[int, Record], words: Sequence[str]) -> dict[Key, Record]:
    """Return the records in which all words of a filter are found; called in any thread."""
    if not words:
        return dict(records.items())
    return {
        key: record
        for key, record in records.items()
        if all(word in searched(record) for word in words)
    }
