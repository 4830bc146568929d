"""Select rows of a list, and their order."""

from __future__ import annotations

from typing import Any

from torc_tui.status import JobStatus


class ListSelection:
    """A part of a list: ``limit`` rows after the first ``offset``, in the order of ``sort_by``.

    All other keywords are filters, as the statement of the list defines them. A filter that is None
    selects all rows; a set of statuses selects rows with one of them.
    """

    def __init__(
        self,
        *,
        sort_by: str = "id",
        reverse: bool = False,
        limit: int | None = None,
        offset: int = 0,
        **filters: Any,
    ) -> None:
        self.sort_by = sort_by
        self.reverse = reverse
        self.limit = limit
        self.offset = offset
        self.filters = {
            name: _parameter(value) for name, value in filters.items() if value is not None
        }


def _parameter(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sum(1 << status for status in value)
    return int(value) if isinstance(value, JobStatus) else value
